/* life_writes.c - stage 5: writes that wait for one database are committed
 * together, and each client is told what it would have been told alone.
 *
 * An interactive transaction has the lock while they come, so that all of them
 * stand in the strand; then it commits. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <stdio.h>
#include <string.h>

enum { WRITERS = 12 };

/* Writers that put v into scratch, and others between them. */
struct pile {
    struct server *server;
    char baton[BATON_BYTES]; /* of who has the lock */
    json_int_t taken;        /* tasks, before all of them */
    size_t said;             /* requests that stand in the strand */
    struct client *writers[WRITERS];
};

#define SETUP                                                                  \
    "CREATE TABLE log(v);"                                                     \
    "CREATE TABLE parent(id INTEGER PRIMARY KEY);"                             \
    "CREATE TABLE child(parent INTEGER REFERENCES parent(id) "                 \
    "DEFERRABLE INITIALLY DEFERRED);"                                          \
    "CREATE TABLE strict(v);"                                                  \
    "CREATE TRIGGER strict_rolls BEFORE INSERT ON strict BEGIN "               \
    "SELECT RAISE(ROLLBACK, 'not here'); END"

#define ADD_LOG(v) EXECUTE("INSERT INTO log VALUES(" v ")")
#define CITY_AGAIN EXECUTE("INSERT INTO city(id, name) VALUES(1, 'x')")
#define AUTOCOMMIT "{\"type\":\"is_autocommit\"}"

static void pile_open(struct pile *pile, const struct stage_differences *stage)
{
    char directory[640];
    static unsigned count;
    snprintf(directory, sizeof directory, "%s/db-writes-%u", suite.work,
             count++);
    fixture_database(directory);
    *pile = (struct pile){0};
    const char *const arguments[] = {"--set", "sqlite.busy_ms=60000",
                                     "--set", "sqlite.foreign_keys=on",
                                     "--set", "sqlite.response_bytes=64K",
                                     "--set", "sqlite.stream_idle_seconds=60",
                                     "--set", "connection.keepalive_seconds=60",
                                     NULL};
    pile->server = life_start(
        stage, &(struct server_options){.databases = directory}, arguments);
    sql_do(pile->server, "t", NULL, SEQUENCE(SETUP));
}

/* Now all of them are in the strand of the writers. */
static void pile_settle(const struct pile *pile)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    for (;;) {
        json_int_t taken, waiting;
        json_t *stats = figures_get(pile->server);
        figures_named(stats, "queues", "sqlite_database", "taken", &taken);
        figures_named(stats, "queues", "sqlite_database", "waiting", &waiting);
        json_decref(stats);
        /* Each has been taken once, to be looked at, and waits again. */
        if (taken - pile->taken == (json_int_t)pile->said &&
            waiting == (json_int_t)pile->said)
            return;
        if (suite_now_ms() > limit)
            fail_msg("%zu writers, but %d wait", pile->said, (int)waiting);
    }
}

/* Takes the lock. */
static void pile_begin(struct pile *pile)
{
    sql_begin(pile->server, "t", pile->baton);
    pile->taken = figures_queue(pile->server, "sqlite_database", "taken");
    pile->said = 0;
}

/* One more, that is in the strand before the next one comes. */
static struct client *pile_add(struct pile *pile, const char *requests)
{
    struct client *client = sql_say(pile->server, "t", NULL, requests);
    pile->said++;
    pile_settle(pile);
    return client;
}

static void pile_add_writer(struct pile *pile, size_t i)
{
    char requests[400];
    snprintf(requests, sizeof requests,
             EXECUTE("INSERT INTO scratch(v) VALUES(%zu)") "," EXECUTE(
                 "SELECT last_insert_rowid()"),
             i);
    pile->writers[i] = pile_add(pile, requests);
}

/* Commits; every writer has its row, once, and was told which. */
static void pile_end(struct pile *pile)
{
    sql_end(pile->server, "t", pile->baton, "COMMIT");
    for (size_t i = 0; i < WRITERS && pile->writers[i]; i++) {
        char select[100];
        json_t *results = sql_finish(pile->writers[i], NULL);
        long long rowid = sql_effect(results, 0, "last_insert_rowid");
        assert_int_equal(sql_effect(results, 0, "affected_row_count"), 1);
        assert_int_equal(sql_cell(results, 1), rowid);
        json_decref(results);
        snprintf(select, sizeof select, "SELECT id FROM scratch WHERE v=%zu",
                 i);
        assert_int_equal(sql_number(pile->server, "t", select), rowid);
        snprintf(select, sizeof select,
                 "SELECT count(*) FROM scratch WHERE v=%zu", i);
        assert_int_equal(sql_number(pile->server, "t", select), 1);
    }
}

static long long count_log(const struct pile *pile, int v)
{
    char select[100];
    snprintf(select, sizeof select, "SELECT count(*) FROM log WHERE v=%d", v);
    return sql_number(pile->server, "t", select);
}

/* Half of the writers, one that is special, the others. What it is told. */
static json_t *with_one(struct pile *pile, const char *requests)
{
    pile_begin(pile);
    for (size_t i = 0; i < WRITERS / 2; i++)
        pile_add_writer(pile, i);
    struct client *special = pile_add(pile, requests);
    for (size_t i = WRITERS / 2; i < WRITERS; i++)
        pile_add_writer(pile, i);
    pile_end(pile);
    json_t *results = sql_finish(special, NULL);
    sql_do(pile->server, "t", NULL, EXECUTE("DELETE FROM scratch"));
    return results;
}

/* Bug: each was a transaction of its own, and waited for the disk by itself. */
static void together(const struct stage_differences *stage)
{
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    json_int_t groups = figures_counter(pile.server, "sql", "groups");
    json_int_t grouped = figures_counter(pile.server, "sql", "grouped");
    pile_begin(&pile);
    for (size_t i = 0; i < WRITERS; i++)
        pile_add_writer(&pile, i);
    pile_end(&pile);
    groups = figures_counter(pile.server, "sql", "groups") - groups;
    grouped = figures_counter(pile.server, "sql", "grouped") - grouped;
    assert_int_equal(grouped, WRITERS);
    /* Valgrind needs longer for one than a group may take. */
    assert_true(suite.slow ? groups <= grouped : groups < grouped);
    server_stop(pile.server);
}

/* Bug: an error was everybody's, or undid what others had written. */
static void own_error(const struct stage_differences *stage)
{
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    json_t *results = with_one(&pile, CITY_AGAIN "," ADD_LOG("5"));
    sql_check_error(results, 0, "SQLITE_CONSTRAINT");
    assert_int_equal(sql_effect(results, 1, "affected_row_count"), 1);
    json_decref(results);
    assert_int_equal(count_log(&pile, 5), 1);
    server_stop(pile.server);
}

/* Bug: what ended the transaction took with it what others had written before,
 * who had been told that it was there; or, once all were done again one by one,
 * some of it was there twice. */
static void transaction_ends(const struct stage_differences *stage)
{
    static const char *const enders[] = {
        EXECUTE("INSERT OR ROLLBACK INTO city(id, name) VALUES(1, 'x')"),
        EXECUTE("UPDATE OR ROLLBACK city SET id=1 WHERE id=2"),
        EXECUTE("INSERT INTO strict VALUES(1)"),
    };
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    for (size_t i = 0; i < sizeof enders / sizeof *enders; i++) {
        char requests[600];
        snprintf(requests, sizeof requests, ADD_LOG("1") ",%s," ADD_LOG("2"),
                 enders[i]);
        json_t *results = with_one(&pile, requests);
        sql_check_ok(results, 0);
        sql_check_error(results, 1, "SQLITE_CONSTRAINT");
        sql_check_ok(results, 2);
        json_decref(results);
        assert_int_equal(count_log(&pile, 1), i + 1);
        assert_int_equal(count_log(&pile, 2), i + 1);
    }
    server_stop(pile.server);
}

/* Bug: rows that are too many are taken back, and those of others with them. */
static void answer_too_large(const struct stage_differences *stage)
{
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    json_t *results = with_one(
        &pile, EXECUTE("INSERT INTO log VALUES(randomblob(50000)),"
                       "(randomblob(50000)) RETURNING v") "," ADD_LOG("1"));
    sql_check_error(results, 0, "RESPONSE_TOO_LARGE");
    sql_check_ok(results, 1);
    json_decref(results);
    assert_int_equal(sql_number(pile.server, "t", "SELECT count(*) FROM log"),
                     1);
    server_stop(pile.server);
}

/* Bug: a promise that is only looked at when all is committed was nobody's; or
 * was kept by what another client wrote behind it. */
static void promise_broken(const struct stage_differences *stage)
{
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    json_t *results = with_one(&pile, EXECUTE("INSERT INTO child VALUES(10)"));
    sql_check_error(results, 0, "SQLITE_CONSTRAINT");
    json_decref(results);

    pile_begin(&pile);
    struct client *child = pile_add(&pile, EXECUTE("INSERT INTO child "
                                                   "VALUES(11)"));
    struct client *parent = pile_add(&pile, EXECUTE("INSERT INTO parent "
                                                    "VALUES(11)"));
    sql_end(pile.server, "t", pile.baton, "COMMIT");
    results = sql_finish(child, NULL);
    sql_check_error(results, 0, "SQLITE_CONSTRAINT");
    json_decref(results);
    results = sql_finish(parent, NULL);
    sql_check_ok(results, 0);
    json_decref(results);
    assert_int_equal(sql_number(pile.server, "t", "SELECT count(*) FROM child"),
                     0);
    server_stop(pile.server);
}

/* Bug: another's temporary table hid the one that was meant. */
static void own_tables(const struct stage_differences *stage)
{
    struct pile pile;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    json_t *results = with_one(
        &pile,
        EXECUTE("CREATE TEMP TABLE scratch(id INTEGER PRIMARY "
                "KEY, v)") "," EXECUTE("INSERT INTO scratch(v) VALUES(0)"));
    sql_check_ok(results, 0);
    sql_check_ok(results, 1);
    json_decref(results);
    server_stop(pile.server);
}

/* Bug: it saw the connection that it shared: another's last row, the
 * transaction that all were in. */
static void as_if_alone(const struct stage_differences *stage)
{
    struct pile pile;
    json_t *results;
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    pile_begin(&pile);
    pile_add_writer(&pile, 0);
    struct client *curious =
        pile_add(&pile, EXECUTE("SELECT last_insert_rowid()") "," ADD_LOG("1"));
    struct client *asks =
        pile_add(&pile, ADD_LOG("2") ",{\"type\":\"get_autocommit\"}");
    struct client *conditional = pile_add(
        &pile,
        BATCH(STEP_IF(AUTOCOMMIT, "INSERT INTO log VALUES(3)") "," STEP_IF(
            IF_NOT(AUTOCOMMIT), "INSERT INTO log VALUES(4)")));
    struct client *closes = pile_add(&pile, ADD_LOG("5") "," CLOSE_STREAM);
    pile_add_writer(&pile, 1);
    pile_end(&pile);

    results = sql_finish(curious, NULL);
    assert_int_equal(sql_cell(results, 0), 0);
    json_decref(results);
    results = sql_finish(asks, NULL);
    assert_true(json_is_true(
        json_object_get(json_object_get(json_array_get(results, 1), "response"),
                        "is_autocommit")));
    json_decref(results);
    json_decref(sql_finish(conditional, NULL));
    json_decref(sql_finish(closes, NULL));
    for (int v = 1; v <= 5; v++)
        assert_int_equal(count_log(&pile, v), v == 4 ? 0 : 1);
    server_stop(pile.server);
}

/* Bug: the lines of a cursor were made when the transaction was over. */
static void cursor_among_them(const struct stage_differences *stage)
{
    struct pile pile;
    struct answer answer = {0};
    static const char body[] = "{\"batch\":{\"steps\":[" STEP(
        "INSERT INTO log VALUES(1) RETURNING v") "," STEP("SELECT count(*) "
                                                          "FROM log") "]}}";
    if (!stage->modules)
        return;
    pile_open(&pile, stage);
    pile_begin(&pile);
    pile_add_writer(&pile, 0);
    struct bytes request = {0};
    bytes_print(&request,
                "POST " CURSOR " HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                sizeof body - 1, body);
    struct client *cursor = life_say(pile.server, request.data);
    bytes_free(&request);
    pile.said++;
    pile_settle(&pile);
    pile_add_writer(&pile, 1);
    pile_end(&pile);
    assert_int_equal(client_read(cursor, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 200);
    if (strstr(answer.body.data, "error") != NULL ||
        strstr(answer.body.data, "\"row\":[" INTEGER("1") "]") == NULL)
        fail_msg("answered: %s", answer.body.data);
    answer_free(&answer);
    assert_int_equal(count_log(&pile, 1), 1);
    server_stop(pile.server);
}

const struct life life_writes[] = {
    {"writes that wait are committed together", together},
    {"one that fails among them has its own error", own_error},
    {"one that ends their transaction fails alone", transaction_ends},
    {"one whose rows are too many for an answer fails alone", answer_too_large},
    {"one that breaks a deferred promise fails alone", promise_broken},
    {"one with a table of its own hides none from the others", own_tables},
    {"one that is a cursor has its lines", cursor_among_them},
    {"a write among others sees what it would see alone", as_if_alone},
    {NULL, NULL},
};
