/* life_strands.c - stage 5: who waits for a database waits without a thread,
 * and keeps nobody else waiting. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { WRITERS = 5 };

#define ADD       EXECUTE("INSERT INTO scratch(v) VALUES(1)")
#define COUNT_ALL "SELECT count(*) FROM scratch"
#define COUNT     EXECUTE(COUNT_ALL)
#define SCRIPT    SEQUENCE("DELETE FROM scratch; SELECT 1")
#define ADD_SLOW  EXECUTE("INSERT INTO scratch(v) " SLOW_COUNT)
/* Some milliseconds of work. */
#define SLOW_COUNT                                                             \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "      \
    "i<20000) SELECT count(*) FROM n"
/* Two that are refused as they run. */
#define FAIL_GET                                                               \
    "GET /db/other/query?sql=SELECT+abs(-9223372036854775807-1) "              \
    "HTTP/1.1\r\nHost: a\r\n\r\n"
#define FAIL_POST                                                              \
    "POST /db/other/v1/execute HTTP/1.1\r\nHost: a\r\n"                        \
    "Content-Length: 53\r\n\r\n"                                               \
    "{\"stmt\":{\"sql\":\"SELECT abs(-9223372036854775807-1)\"}}"
/* What SQLite says of a database that is locked, in all stages. */
#define LOCKED "SQLite error: database is locked"

static struct server *start(const struct stage_differences *stage,
                            const char *workers, const char *busy_ms,
                            const char *more, char *directory)
{
    static unsigned count;
    char set_workers[64], set_busy[64];
    snprintf(directory, 640, "%s/db-strands-%u", suite.work, count++);
    fixture_database(directory);
    snprintf(set_workers, sizeof set_workers, "sqlite.workers=%s", workers);
    snprintf(set_busy, sizeof set_busy, "sqlite.busy_ms=%s", busy_ms);
    const char *const arguments[] = {"--set", set_workers, "--set", set_busy,
                                     "--set", more,        NULL};
    struct server *server = life_start(
        stage, &(struct server_options){.databases = directory}, arguments);
    /* From the first writer on it is in WAL mode. */
    sql_do(server, "other", NULL, EXECUTE("CREATE TABLE mine(v)"));
    return server;
}

/* Of t: what ADD has put in. */
static long long rows(const struct server *server)
{
    return sql_number(server, "t", "SELECT count(*) FROM scratch");
}

static void expect_rows(const struct server *server, size_t count)
{
    assert_int_equal(rows(server), count);
}

/* So many tasks stand in strands of the module for databases. */
static void wait_for_waiting(const struct server *server, json_int_t count)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (figures_queue(server, "sqlite_database", "waiting") != count)
        if (suite_now_ms() > limit)
            fail_msg("not %d are waiting", (int)count);
}

/* Others go on: files, reads of that database, writes of another. */
static void others_go_on(const struct server *server)
{
    struct answer answer = {0};
    life_answers(server);
    assert_int_equal(
        client_get(server->port, "/db/t/query?sql=SELECT+1", &answer), 200);
    answer_free(&answer);
    assert_int_equal(sql_number(server, "t", "SELECT 5"), 5);
    sql_do(server, "other", NULL, EXECUTE("INSERT INTO mine VALUES(1)"));
}

static void say_writers(const struct server *server, struct client **writers)
{
    for (size_t i = 0; i < WRITERS; i++)
        writers[i] = sql_say(server, "t", NULL, ADD);
    wait_for_waiting(server, WRITERS);
}

/* A server with one worker, and writers that wait for the transaction whose
 * baton is given. */
static struct server *start_parked(const struct stage_differences *stage,
                                   const char *more, char *baton,
                                   struct client **writers)
{
    char directory[640];
    struct server *server = start(stage, "1", "60000", more, directory);
    sql_begin(server, "t", baton);
    say_writers(server, writers);
    return server;
}

static void check_writers(struct client **writers)
{
    for (size_t i = 0; i < WRITERS; i++) {
        json_t *results = sql_finish(writers[i], NULL);
        sql_check_ok(results, 0);
        json_decref(results);
    }
}

/* Bug: each writer that waited for another client's transaction had a worker,
 * and with one worker that client could never commit. */
static void writers_park(const struct stage_differences *stage)
{
    static const char *const ends[] = {"COMMIT", "ROLLBACK"};
    struct client *writers[WRITERS];
    char directory[640], baton[BATON_BYTES];
    size_t committed = 0;
    if (!stage->modules)
        return;
    for (int workers = 1; workers <= 2; workers++) {
        struct server *server =
            start(stage, workers == 1 ? "1" : "2", "60000",
                  "sqlite.stream_idle_seconds=60", directory);
        committed = 0;
        for (size_t i = 0; i < 2; i++) {
            sql_begin(server, "t", baton);
            say_writers(server, writers);
            others_go_on(server);
            sql_do(server, "t", baton, ADD);
            expect_rows(server, committed);
            for (size_t k = 0; k < WRITERS; k++)
                assert_false(client_has_news(writers[k]));
            sql_end(server, "t", baton, ends[i]);
            check_writers(writers);
            committed += i == 0 ? WRITERS + 1 : WRITERS;
            expect_rows(server, committed);
        }
        wait_for_waiting(server, 0);
        server_stop(server);
    }
}

/* Bug: those who waited for a client that never came back waited for ever. */
static void transaction_expires(const struct stage_differences *stage)
{
    struct client *writers[WRITERS];
    char directory[640], baton[BATON_BYTES];
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "1", "60000", "sqlite.stream_idle_seconds=1", directory);
    sql_begin(server, "t", baton);
    sql_do(server, "t", baton, ADD);
    say_writers(server, writers);
    check_writers(writers);
    expect_rows(server, WRITERS);
    server_stop(server);
}

/* One part, refused as the database is locked. */
static void expect_locked(struct client *client)
{
    json_t *results = sql_finish(client, NULL);
    sql_check_error(results, 0, "SQLITE_BUSY");
    json_t *error = json_object_get(json_array_get(results, 0), "error");
    assert_string_equal(figures_text(error, "message"), LOCKED);
    json_decref(results);
}

/* Bug: with nobody in SQLite to wait, nobody counted the time either. */
static void patience_ends(const struct stage_differences *stage)
{
    char directory[640], baton[BATON_BYTES];
    if (!stage->databases_side_by_side)
        return;
    struct server *server =
        start(stage, "1", "200", "sqlite.stream_idle_seconds=60", directory);
    sql_begin(server, "t", baton);
    struct client *one = sql_say(server, "t", NULL, ADD);
    struct client *many =
        sql_say(server, "t", NULL, ADD "," EXECUTE("SELECT 1") "," ADD);
    struct client *script = sql_say(server, "t", NULL, SCRIPT);
    expect_locked(one);
    json_t *results = sql_finish(many, NULL);
    sql_check_error(results, 0, "SQLITE_BUSY");
    assert_int_equal(sql_cell(results, 1), 1);
    sql_check_error(results, 2, "SQLITE_BUSY");
    json_decref(results);
    expect_locked(script);
    /* The transaction itself is none the worse for it. */
    sql_do(server, "t", baton, ADD);
    sql_end(server, "t", baton, "COMMIT");
    sql_do(server, "t", NULL, ADD);
    expect_rows(server, 2);
    server_stop(server);
}

/* This process is another one to the server: it takes the lock. Given. */
static sqlite3 *lock_from_outside(const char *directory)
{
    char path[700];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/t.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, client_limit_ms());
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

/* Bug: a worker slept in SQLite for as long as another process had the lock,
 * and here there is one worker. */
static void locked_from_outside(const struct stage_differences *stage)
{
    struct client *writers[WRITERS];
    char directory[640];
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "1", "60000", "sqlite.stream_idle_seconds=60", directory);
    sqlite3 *db = lock_from_outside(directory);
    for (size_t i = 0; i < WRITERS; i++) {
        /* The first one is not of those that could be in a group. */
        writers[i] = sql_say(server, "t", NULL, i == 0 ? SCRIPT : ADD);
        wait_for_waiting(server, (json_int_t)i + 1);
    }
    for (int i = 0; i < 10; i++)
        others_go_on(server);
    for (size_t i = 0; i < WRITERS; i++)
        assert_false(client_has_news(writers[i]));
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    check_writers(writers);
    sqlite3_close(db);
    server_stop(server);
}

static void locked_for_long(const struct stage_differences *stage)
{
    char directory[640];
    if (!stage->databases_side_by_side)
        return;
    struct server *server =
        start(stage, "1", "200", "sqlite.stream_idle_seconds=60", directory);
    sqlite3 *db = lock_from_outside(directory);
    struct client *one = sql_say(server, "t", NULL, ADD);
    struct client *script = sql_say(server, "t", NULL, SCRIPT);
    expect_locked(one);
    expect_locked(script);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
    sql_do(server, "t", NULL, ADD);
    server_stop(server);
}

/* Bug (the flaw of stage 4): who asks one database for more than it can do took
 * all workers. The order tells, not the time: the last of the slow ones is
 * still to be answered when all the others' have been. */
static void hot_reads(const struct stage_differences *stage)
{
    enum { SLOW = 6, QUICK = 5 };
    struct client *slow[SLOW];
    char directory[640];
    if (!stage->modules)
        return;
    struct server *server = start(
        stage, "2", "60000",
        suite.slow ? "sqlite.query_ms=3000" : "sqlite.query_ms=300", directory);
    for (size_t i = 0; i < SLOW; i++)
        slow[i] = sql_say_endless(server, "t");
    wait_for_waiting(server, SLOW - 1); /* one is at work */
    for (int i = 0; i < QUICK; i++) {
        assert_int_equal(sql_number(server, "other", "SELECT x FROM o"), 7);
        sql_do(server, "other", NULL, EXECUTE("INSERT INTO mine VALUES(1)"));
    }
    assert_true(figures_queue(server, "sqlite_database", "waiting") > 0);
    for (size_t i = 0; i < SLOW; i++)
        client_reset(slow[i]);
    wait_for_waiting(server, 0);
    server_stop(server);
}

/* Bug: reads whose clients had gone while they waited were run all the same, so
 * whoever pressed "reload" on a slow page made it slower. A write is done: who
 * has sent it may count on it. Each read here would be a 4xx. */
static void reads_in_vain(const struct stage_differences *stage)
{
    enum { GONE = 6 };
    struct client *gone[GONE];
    char directory[640];
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "1", "60000",
              suite.slow ? "sqlite.query_ms=6000" : "sqlite.query_ms=1500",
              directory);
    json_int_t taken = figures_queue(server, "sqlite_database", "taken");
    struct client *slow = sql_say_endless(server, "t");
    while (figures_queue(server, "sqlite_database", "taken") == taken)
        continue; /* then the worker is at it */
    for (size_t i = 0; i < GONE; i++)
        gone[i] = life_say(server, i % 2 ? FAIL_GET : FAIL_POST);
    struct client *half = sql_say(server, "t", NULL, EXECUTE("SELECT 1"));
    client_half_close(half);
    struct client *writer = sql_say(server, "t", NULL, ADD);
    wait_for_waiting(server, GONE + 2);
    for (size_t i = 0; i < GONE; i++)
        client_reset(gone[i]);
    client_reset(writer);
    life_expect(slow, 503);
    json_decref(sql_finish(half, NULL)); /* who still wants his answer */
    wait_for_waiting(server, 0);
    assert_int_equal(sql_number(server, "t", COUNT_ALL), 1);
    assert_int_equal(figures_counter(server, "answers", "4xx"), 0);
    server_stop(server);
}

/* The same for writes, with one worker: keys take turns. */
static void hot_writes(const struct stage_differences *stage)
{
    enum { HOT = 16, EACH = 40, QUICK = 10 };
    struct client *hot[HOT];
    char directory[640];
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "1", "60000", "sqlite.query_ms=5000", directory);
    for (size_t i = 0; i < HOT; i++) {
        hot[i] = client_open(server->port);
        for (size_t k = 0; k < EACH; k++)
            sql_send(hot[i], "t", NULL, ADD_SLOW);
    }
    for (int i = 0; i < QUICK; i++)
        sql_do(server, "other", NULL, EXECUTE("INSERT INTO mine VALUES(1)"));
    if (rows(server) >= HOT * EACH)
        fail_msg("all writes of the other database came first");
    for (size_t i = 0; i < HOT; i++)
        for (size_t k = 0; k < EACH; k++) {
            json_t *results = sql_read(hot[i], NULL);
            assert_int_equal(sql_effect(results, 0, "affected_row_count"), 1);
            json_decref(results);
        }
    expect_rows(server, HOT * EACH);
    server_stop(server);
}

/* Bug: requests for one database filled the queue of all. */
static void hot_queue(const struct stage_differences *stage)
{
    enum { HOT = 40 };
    struct client *hot[HOT];
    char directory[640], baton[BATON_BYTES];
    size_t ok = 0;
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "2", "60000", "pool.queue_max=20", directory);
    sql_begin(server, "t", baton);
    for (size_t i = 0; i < HOT; i++) {
        hot[i] = sql_say(server, "t", NULL, ADD);
        client_wait_taken(hot[i]);
    }
    sql_do(server, "other", NULL, EXECUTE("INSERT INTO mine VALUES(1)"));
    sql_end(server, "t", baton, "COMMIT");
    for (size_t i = 0; i < HOT; i++) {
        struct answer answer = {0};
        assert_int_equal(client_read(hot[i], false, &answer), GOT_ANSWER);
        assert_true(answer.status == 200 || answer.status == 503);
        ok += answer.status == 200;
        answer_free(&answer);
    }
    assert_true(ok > 0 && ok < HOT);
    expect_rows(server, ok);
    server_stop(server);
}

/* Bug: a transaction whose first write found no room to wait in ended, and its
 * client heard that its baton was none. */
static void no_room_ends_no_transaction(const struct stage_differences *stage)
{
    enum { ROOM = 2 };
    struct client *writers[ROOM];
    char directory[640], reader[BATON_BYTES] = "", writer[BATON_BYTES];
    if (!stage->modules)
        return;
    struct server *server =
        start(stage, "1", "60000", "pool.queue_max=4", directory);
    sql_do(server, "t", reader, EXECUTE("BEGIN") "," COUNT);
    sql_begin(server, "t", writer);
    json_int_t taken = figures_queue(server, "sqlite_database", "taken");
    for (size_t i = 0; i < ROOM; i++)
        writers[i] = sql_say(server, "t", NULL, ADD);
    /* Each has been looked at, and waits again: not among the readers. */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (figures_queue(server, "sqlite_database", "taken") < taken + ROOM)
        assert_true(suite_now_ms() < limit);
    wait_for_waiting(server, ROOM);
    struct client *client = sql_say(server, "t", reader, ADD);
    json_t *results = sql_finish(client, reader);
    sql_check_error(results, 0, "SQLITE_BUSY");
    json_decref(results);
    sql_do(server, "t", reader, COUNT); /* it goes on */
    sql_end(server, "t", reader, "COMMIT");
    sql_end(server, "t", writer, "COMMIT");
    for (size_t i = 0; i < ROOM; i++) {
        results = sql_finish(writers[i], NULL);
        sql_check_ok(results, 0);
        json_decref(results);
    }
    server_stop(server);
}

/* Bug: a stop with requests in strands lost some, or waited for ever for a
 * client that did not commit. */
static void stop_while_parked(const struct stage_differences *stage)
{
    struct client *writers[WRITERS];
    char baton[BATON_BYTES];
    if (!stage->modules)
        return;
    struct server *server =
        start_parked(stage, "sqlite.stream_idle_seconds=1", baton, writers);
    kill(server->pid, SIGTERM);
    check_writers(writers); /* when that transaction has expired */
    assert_int_equal(server_wait(server), 0);
}

/* The same, but nothing ends the transaction in time. */
static void stop_gives_up(const struct stage_differences *stage)
{
    struct client *writers[WRITERS];
    char baton[BATON_BYTES];
    if (!stage->modules)
        return;
    struct server *server =
        start_parked(stage, "server.stop_seconds=1", baton, writers);
    assert_false(client_has_news(writers[0]));
    server_stop(server);
    for (size_t i = 0; i < WRITERS; i++)
        life_expect_close(writers[i]);
}

const struct life life_strands[] = {
    {"writers that wait for a transaction hold no worker", writers_park},
    {"a transaction that expires lets waiting writers go on",
     transaction_expires},
    {"a writer that has waited long enough is told", patience_ends},
    {"a database locked by another process holds no worker",
     locked_from_outside},
    {"a database locked by another process for long is told", locked_for_long},
    {"a database that is read all the time keeps no other waiting", hot_reads},
    {"reads of clients that have gone are not run", reads_in_vain},
    {"a database that is written all the time keeps no other waiting",
     hot_writes},
    {"requests for one database do not fill the queue of all", hot_queue},
    {"a transaction that finds no room to wait in goes on",
     no_room_ends_no_transaction},
    {"a stop waits for writers that wait for a transaction", stop_while_parked},
    {"a stop does not wait for ever for a transaction", stop_gives_up},
    {NULL, NULL},
};
