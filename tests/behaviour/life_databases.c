/* life_databases.c - the files of databases while a server has them open:
 * their directory, and the WAL beside them. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole number that a SELECT gives in that file. */
static long long number_in(const char *directory, const char *name,
                           const char *select)
{
    char path[700];
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    snprintf(path, sizeof path, "%s/%s.db", directory, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, select, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    long long number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* ---- another directory in its place ---- */

static unsigned put_database(const struct server *server, const char *name)
{
    char request[200];
    struct answer answer = {0};
    snprintf(request, sizeof request,
             "PUT /db/%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             name);
    struct client *client = life_say(server, request);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    unsigned status = answer.status;
    answer_free(&answer);
    return status;
}

static void expect_copy(const struct server *server)
{
    struct answer answer = {0};
    struct client *client =
        life_say(server, "POST /db/t/backup HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 0\r\n\r\n");
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    assert_int_equal(answer.status, 200);
    assert_true(bytes_find(answer.body.data, answer.body.length, "written-on",
                           10) >= 0);
    answer_free(&answer);
}

static bool exists_in(const char *directory, const char *file)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    return access(path, F_OK) == 0;
}

/* Bug: databases were looked for in the directory that was held, and opened in
 * the one that had its name by then: a write went into the new one, was
 * answered and could not be read. */
static void replaced_directory(const struct stage_differences *stage)
{
    char directory[640], moved[660], baton[BATON_BYTES] = "";
    const char *const count = "SELECT count(*) FROM scratch";
    struct server *server =
        LIFE_START_SQL(stage, "replaced", "--set", "sqlite.create=on");
    snprintf(directory, sizeof directory, "%s/db-replaced-%d", suite.work,
             stage->number);
    snprintf(moved, sizeof moved, "%s.moved", directory);
    /* Connections are open, to read and to write... */
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO scratch VALUES(1, 1)"));
    assert_int_equal(sql_number(server, "t", count), 1);
    assert_int_equal(rename(directory, moved), 0);
    fixture_database(directory);
    sql_do(server, "t", NULL,
           EXECUTE("INSERT INTO scratch VALUES(2, 'written-on')"));
    /* ...and one more is opened, as this stream keeps the one that writes. */
    sql_do(server, "t", baton, EXECUTE("BEGIN"));
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO scratch VALUES(3, 1)"));
    sql_end(server, "t", baton, "ROLLBACK");
    sql_do(server, "other", NULL, EXECUTE("INSERT INTO o VALUES(8)"));
    assert_int_equal(sql_number(server, "t", count), 3);
    assert_int_equal(put_database(server, "made"), 201);
    expect_copy(server);
    assert_true(exists_in(moved, "made.db"));
    assert_false(exists_in(directory, "made.db"));
    assert_false(exists_in(directory, "t.db-wal"));
    server_stop(server);
    assert_int_equal(number_in(moved, "t", count), 3);
    assert_int_equal(number_in(moved, "other", "SELECT sum(x) FROM o"), 15);
    assert_int_equal(number_in(directory, "t", count), 0);
    assert_int_equal(number_in(directory, "other", "SELECT sum(x) FROM o"), 7);
}

/* ---- the write-ahead log ---- */

enum {
    WAL_MAX = 1 << 20,      /* the setting */
    WAL_WRITE = 200000,     /* bytes that one request writes */
    WAL_ROUNDS = 40,        /* 8 MB in all */
    WAL_BOUND = 2 * WAL_MAX /* with what a write adds before it is seen */
};

static const char *const wal_arguments[] = {
    "--set", "sqlite.wal_bytes=1M", "--set", "connection.send_buffer_bytes=64K",
    NULL};

static void write_much(const struct server *server)
{
    struct bytes part = {0};
    bytes_print(&part,
                EXECUTE("INSERT OR REPLACE INTO scratch"
                        " VALUES(1, randomblob(%d))"),
                (int)WAL_WRITE);
    sql_do(server, "t", NULL, part.data);
    bytes_free(&part);
}

static json_int_t wal_bytes(const struct server *server)
{
    json_t *stats = figures_get(server);
    json_t *database;
    json_int_t found = -1;
    size_t i;
    json_array_foreach(
        json_object_get(stats, "databases"), i,
        database) if (strcmp(figures_text(database, "name"), "t") == 0) found =
        figures_number(database, "wal_bytes");
    json_decref(stats);
    return found;
}

/* Begins a transaction with a snapshot; its baton. */
static void snapshot(const struct server *server, char *baton)
{
    baton[0] = '\0';
    sql_do(server, "t", baton,
           EXECUTE("BEGIN") "," EXECUTE("SELECT count(*) FROM scratch"));
    assert_int_not_equal(baton[0], '\0');
}

/* Asks with that baton, which must be refused for the WAL. */
static void expect_ended(const struct server *server, const char *baton)
{
    struct answer answer = {0};
    struct client *client = sql_say(server, "t", baton, EXECUTE("SELECT 1"));
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body.data, "\"TRANSACTION_TIMEOUT\""));
    assert_non_null(strstr(answer.body.data, "sqlite.wal_bytes"));
    answer_free(&answer);
}

/* Bug: two readers took turns, each with a snapshot from before the other had
 * ended its own, and the WAL grew as long as anybody wrote. */
static void overlapping_readers(const struct stage_differences *stage)
{
    char first[BATON_BYTES], second[BATON_BYTES], stored[BATON_BYTES] = "";
    struct server *server = life_start_sql(stage, "wal", wal_arguments);
    json_int_t longest = 0;
    sql_do(server, "t", stored,
           "{\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 1\"}");
    snapshot(server, first);
    for (int i = 0; i < WAL_ROUNDS; i++) {
        write_much(server);
        if (i % 2 == 0)
            snapshot(server, second);
        json_int_t bytes = wal_bytes(server);
        longest = bytes > longest ? bytes : longest;
    }
    assert_true(longest > WAL_WRITE);
    if (longest > WAL_BOUND)
        fail_msg("a WAL of %lld bytes", (long long)longest);
    expect_ended(server, first);
    /* Whoever holds no snapshot has not been ended. */
    sql_do(server, "t", stored, "{\"type\":\"get_autocommit\"}");
    struct bytes output = {0};
    server_output(server, &output);
    assert_true(bytes_find(output.data, output.length, "grown beyond", 12) >=
                0);
    bytes_free(&output);
    server_stop(server);
}

/* Bug: an answer that was sent row by row, to a client that did not read, held
 * a snapshot for as long as it liked. */
static void slow_cursor(const struct stage_differences *stage)
{
    struct bytes request = {0};
    struct answer answer = {0};
    if (!stage->answers_others)
        return;
    struct server *server = life_start_sql(stage, "wal-cursor", wal_arguments);
    const char *const body =
        "{\"batch\":{\"steps\":["
        "{\"stmt\":{\"sql\":\"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT"
        " i + 1 FROM n WHERE i < 5000) SELECT hex(zeroblob(500)) FROM n, city"
        " WHERE city.id = 1\"}}]}}";
    bytes_print(&request,
                "POST /db/t/v3/cursor HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                strlen(body), body);
    struct client *client = client_open_small(server->port, 4096);
    client_send(client, request.data, request.length);
    json_int_t longest = 0;
    for (int i = 0; i < WAL_ROUNDS; i++) {
        write_much(server);
        json_int_t bytes = wal_bytes(server);
        longest = bytes > longest ? bytes : longest;
    }
    if (longest > WAL_BOUND)
        fail_msg("a WAL of %lld bytes", (long long)longest);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 200);
    assert_true(bytes_find(answer.body.data, answer.body.length,
                           "\"step_error\"", 12) >= 0);
    assert_true(bytes_find(answer.body.data, answer.body.length,
                           "sqlite.wal_bytes", 16) >= 0);
    answer_free(&answer);
    client_close(client);
    bytes_free(&request);
    server_stop(server);
}

/* ---- more databases than may be open ---- */

/* The status of a request of somebody who may only read: a transaction that
 * stays, with its connection. */
static unsigned begin_reading(const struct server *server, const char *name)
{
    static const char body[] =
        PIPE_BODY(EXECUTE("BEGIN") "," EXECUTE("SELECT 1 FROM sqlite_schema"));
    char request[400];
    struct answer answer = {0};
    snprintf(request, sizeof request,
             "POST /db/%s/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
             "Content-Type: application/json\r\nConnection: close\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             name, sizeof body - 1, body);
    struct client *client = life_say(server, request);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    unsigned status = answer.status;
    answer_free(&answer);
    return status;
}

/* Bug: a stranger who may only read had a transaction in each of as many
 * databases as may be open, and all others were 503. */
static void readers_leave_databases(const struct stage_differences *stage)
{
    char directory[700];
    struct answer answer = {0};
    snprintf(directory, sizeof directory, "%s/some-%d", suite.work,
             stage->number);
    fixture_database(directory);
    static const char *const arguments[] = {"--set", "sqlite.databases=2",
                                            NULL};
    snprintf(directory, sizeof directory, "some-%d/third.db", stage->number);
    fixture_sql(directory, "CREATE TABLE a (b)");
    snprintf(directory, sizeof directory, "%s/some-%d", suite.work,
             stage->number);
    struct server *server = server_start(
        stage->number, &(struct server_options){.databases = directory,
                                                .arguments = arguments});
    assert_int_equal(begin_reading(server, "t"), 200);
    assert_int_equal(begin_reading(server, "t"), 200);
    assert_int_equal(begin_reading(server, "other"), 429);
    assert_int_equal(
        client_get(server->port, "/db/third/query?sql=SELECT+1", &answer), 200);
    assert_int_equal(
        client_get(server->port, "/db/other/query?sql=SELECT+1", &answer), 200);
    answer_free(&answer);
    server_stop(server);
}

/* Bug: one long statement after the other kept the WAL growing, however long it
 * was. Where they run beside writes: in stage 4 a write waits for them. */
static void endless_reader(const struct stage_differences *stage)
{
    struct answer answer = {0};
    if (!stage->modules)
        return;
    struct server *server = LIFE_START_SQL(
        stage, "endless", "--set", "sqlite.wal_bytes=1M", "--set",
        "sqlite.query_ms=600000", "--set", "sqlite.transaction_seconds=600",
        "--set", "sqlite.busy_ms=100");
    sql_do(server, "t", NULL, EXECUTE("CREATE TABLE w(v)"));
    struct client *reader = client_open(server->port);
    client_say(reader, "GET /db/t/query?sql=WITH+RECURSIVE+n(i)+AS+(SELECT+id+"
                       "FROM+city+UNION+ALL+SELECT+i+FROM+n)+SELECT+count(*)+"
                       "FROM+n HTTP/1.1\r\nHost: a\r\n\r\n");
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!client_has_news(reader)) {
        sql_do(server, "t", NULL,
               EXECUTE("INSERT INTO w VALUES(randomblob(100000))"));
        if (suite_now_ms() > limit)
            fail_msg("the reader goes on");
    }
    assert_int_equal(client_read(reader, false, &answer), GOT_ANSWER);
    assert_non_null(strstr(answer.body.data, "TRANSACTION_TIMEOUT"));
    assert_non_null(strstr(answer.body.data, "sqlite.wal_bytes"));
    answer_free(&answer);
    client_close(reader);
    server_stop(server);
}

const struct life life_databases[] = {
    {"a directory of databases that is replaced goes on being served",
     replaced_directory},
    {"readers that overlap do not make the WAL grow without end",
     overlapping_readers},
    {"a client that does not read its rows does not make the WAL grow",
     slow_cursor},
    {"statements in a row do not make the WAL grow without end",
     endless_reader},
    {"readers do not keep all databases that may be open",
     readers_leave_databases},
    {NULL, NULL},
};
