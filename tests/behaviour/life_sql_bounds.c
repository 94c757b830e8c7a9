/* life_sql_bounds.c - what one client's SQL may take of the server: stack,
 * memory and time, while it is compiled too.
 *
 * a statement that nests, or a schema that does -> an error for its client, and
 * everybody else is served as before */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum {
    LEVELS = 4000, /* of a WITH: twice what the stack's bound lets pass */
    CHAIN = 2000,  /* of views and triggers */
    DOUBLINGS = 22,
};

#define ENDLESS                                                                \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "           \
    "SELECT max(i) FROM n"
#define DESCRIBE(sql) "{\"type\":\"describe\",\"sql\":\"" sql "\"}"

/* WITH c0(a) AS (SELECT 1), c1(a) AS (...c0...), ... SELECT * FROM the last. */
static void print_with(struct bytes *out, int levels, const char *both)
{
    bytes_print(out, "WITH c0(a) AS (SELECT 1)");
    for (int i = 1; i < levels; i++)
        bytes_print(out, ",c%d(a) AS (SELECT a FROM c%d UNION SELECT %s%d)", i,
                    i - 1, both, *both != '\0' ? i - 1 : 1);
    bytes_print(out, " SELECT * FROM c%d", levels - 1);
}

static json_t *describe_with(const struct server *server, int levels,
                             const char *both)
{
    struct bytes request = {0};
    bytes_print(&request, "{\"type\":\"describe\",\"sql\":\"");
    print_with(&request, levels, both);
    bytes_print(&request, "\"}");
    json_t *results =
        sql_finish(sql_say(server, "t", NULL, request.data), NULL);
    bytes_free(&request);
    return results;
}

/* Bug: SQLite's compiler called itself for each level, until the stack ended
 * and the server with it. */
static void nested_text(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "nested", "--set", "sqlite.sql_bytes=1000000",
                       "--set", "sqlite.query_ms=60000");
    json_t *results = describe_with(server, LEVELS, "");
    sql_check_error(results, 0, "SQL_TOO_COMPLEX");
    json_decref(results);
    sql_do(server, "t", NULL, EXECUTE("SELECT 1"));
    server_stop(server);
}

/* Bug: the bound fits into the stack that most systems give, and into no less.
 */
static void small_stack(const struct stage_differences *stage)
{
    char directory[640];
    if (server_in_valgrind()) {
        print_message("valgrind makes the main thread's stack by itself\n");
        return;
    }
    snprintf(directory, sizeof directory, "%s/db-stack-%d", suite.work,
             stage->number);
    fixture_database(directory);
    struct server *server = life_start(
        stage,
        &(struct server_options){.databases = directory,
                                 .stack_bytes = 512 * 1024},
        (const char *const[]){"--set", "sqlite.sql_bytes=1000000", "--set",
                              "sqlite.query_ms=60000", NULL});
    json_t *results = describe_with(server, LEVELS, "");
    sql_check_error(results, 0, "SQL_TOO_COMPLEX");
    json_decref(results);
    sql_do(server, "t", NULL, EXECUTE("SELECT 1"));
    server_stop(server);
}

static void make_chain(const char *directory)
{
    char path[700], sql[400];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/chain.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode=WAL; BEGIN;"
                                  "CREATE TABLE p0(a); CREATE TABLE plain(a);"
                                  "INSERT INTO plain VALUES(7);"
                                  "CREATE VIEW v0 AS SELECT 1 a",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 1; i < CHAIN; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE VIEW v%d AS SELECT a FROM v%d;"
                 "CREATE TABLE p%d(a);"
                 "CREATE TRIGGER r%d AFTER INSERT ON p%d BEGIN"
                 " INSERT INTO p%d VALUES(new.a); END",
                 i, i - 1, i, i, i - 1, i);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Bug: a writer left a chain in the file that ended the server for whoever
 * looked at it, for ever. */
static void nested_schema(const struct stage_differences *stage)
{
    char directory[640];
    snprintf(directory, sizeof directory, "%s/db-chain-%d", suite.work,
             stage->number);
    fixture_database(directory);
    make_chain(directory);
    struct server *server = life_start(
        stage, &(struct server_options){.databases = directory},
        (const char *const[]){"--set",
                              suite.slow ? "sqlite.query_ms=60000"
                                         : "sqlite.query_ms=300",
                              "--set", "sqlite.busy_ms=60000", NULL});
    json_t *results = sql_finish(
        sql_say(
            server, "chain", NULL,
            EXECUTE("INSERT INTO p0 VALUES(1)") "," EXECUTE(
                "SELECT count(*) FROM p1") "," EXECUTE("SELECT a FROM plain")),
        NULL);
    sql_check_error(results, 0, "SQL_TOO_COMPLEX");
    assert_int_equal(sql_cell(results, 1), 0);
    assert_int_equal(sql_cell(results, 2), 7);
    json_decref(results);
    /* Whether the views are too much is a matter of time. */
    static const char *const looks[] = {
        EXECUTE("SELECT * FROM v1999"),
        EXECUTE("SELECT * FROM pragma_table_info('v1999')"),
        EXECUTE("PRAGMA table_info(v1999)"), DESCRIBE("SELECT * FROM v1999")};
    if (suite.slow) { /* each takes all the time that there is */
        server_stop(server);
        return;
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        json_decref(sql_finish(sql_say(server, "chain", NULL, looks[i]), NULL));
    struct answer answer = {0};
    unsigned status = client_get(server->port, "/db/chain/", &answer);
    if (status != 200 && status != 503) {
        bytes_show("page", answer.raw.data, answer.raw.length);
        fail_msg("status %u", status);
    }
    answer_free(&answer);
    assert_int_equal(sql_number(server, "chain", "SELECT a FROM plain"), 7);
    server_stop(server);
}

/* Bug: 2^n copies of a tree, for seconds and a gigabyte, from 757 bytes that
 * anybody may send; and the memory stayed. */
static void doubling_text(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "doubling", "--set", "sqlite.memory_bytes=8M");
    size_t before = server_memory(server);
    for (int i = 0; i < 4; i++) {
        json_t *results = describe_with(server, DOUBLINGS, "a FROM c");
        sql_check_error(results, 0, "SQLITE_NOMEM");
        json_decref(results);
    }
    if (!suite.slow && server_memory(server) > before + 64 * 1024)
        fail_msg("%zu KiB of memory, %zu before", server_memory(server),
                 before);
    server_stop(server);
    server = LIFE_START_SQL(stage, "late", "--set", "sqlite.query_ms=1");
    json_t *results = describe_with(server, DOUBLINGS, "a FROM c");
    sql_check_error(results, 0, "SQLITE_INTERRUPT");
    json_decref(results);
    server_stop(server);
}

/* Bug: one stream took all of SQLite's memory, and every request on every
 * database was 500 for as long as it was kept. */
static void memory_is_shared(const struct stage_differences *stage)
{
    char baton[BATON_BYTES];
    struct server *server = LIFE_START_SQL(
        stage, "shared", "--set", "limits.sqlite_bytes=32M", "--set",
        "connection.keepalive_seconds=60", "--set", "sqlite.busy_ms=0");
    sql_begin(server, "t", baton);
    sql_do(server, "t", baton, EXECUTE("CREATE TEMP TABLE h(v)"));
    bool refused = false;
    for (int i = 0; i < 100 && !refused; i++) {
        char next[BATON_BYTES];
        json_t *results = sql_finish(
            sql_say(server, "t", baton,
                    EXECUTE("INSERT INTO h VALUES(zeroblob(900000))")),
            next);
        refused = strcmp(figures_text(json_array_get(results, 0), "type"),
                         "error") == 0;
        if (refused)
            sql_check_error(results, 0, "SQLITE_NOMEM");
        json_decref(results);
        memcpy(baton, next, sizeof baton);
    }
    assert_true(refused);
    assert_int_equal(sql_number(server, "other", "SELECT 3"), 3);
    assert_int_equal(
        sql_number(server, "t", "SELECT count(*) FROM sqlite_schema") > 0, 1);
    json_t *stats = figures_get(server);
    json_t *memory = json_object_get(stats, "sqlite_memory");
    assert_int_equal(figures_number(memory, "limit"), 32 << 20);
    assert_true(figures_number(memory, "used") < 32 << 20);
    assert_true(figures_number(memory, "refused") > 0);
    json_decref(stats);
    server_stop(server);
}

/* Bug: a query whose client has gone ran on to query_ms. A connection is
 * closed when nothing is done for it any more. */
static void client_that_has_gone(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "gone", "--set", "sqlite.query_ms=600000",
                       "--set", "sqlite.transaction_seconds=600");
    sql_do(server, "t", NULL, EXECUTE("CREATE TABLE gone(a)"));
    size_t before = server_descriptors_but(server, ".db");
    client_close(sql_say_endless(server, "t"));
    client_reset(sql_say_endless(server, "t"));
    /* Nothing behind it is begun; and in stage 5 it is one of several that
     * share a transaction. */
    static const char *const rest[] = {
        EXECUTE(ENDLESS) "," EXECUTE("INSERT INTO gone VALUES('behind')"),
        EXECUTE("INSERT INTO gone " ENDLESS)};
    for (size_t i = 0; i < 2; i++) {
        struct client *client = sql_say(server, "t", NULL, rest[i]);
        client_wait_taken(client);
        client_reset(client);
    }
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        life_answers(server); /* in stage 1 only behind the query's end */
        if (suite_now_ms() > limit)
            fail_msg("a query runs on for nobody");
    } while (server_descriptors_but(server, ".db") > before);
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO gone VALUES('after')"));
    assert_int_equal(sql_number(server, "t", "SELECT count(*) FROM gone"), 1);
    /* Who has only ended his side gets a short answer all the same. */
    struct client *half = sql_say(server, "t", NULL, EXECUTE("SELECT 41 + 1"));
    client_half_close(half);
    json_t *results = sql_finish(half, NULL);
    assert_int_equal(sql_cell(results, 0), 42);
    json_decref(results);
    server_stop(server);
}

const struct life life_sql_bounds[] = {
    {"a query whose client has gone is ended", client_that_has_gone},
    {"a statement that nests deep ends no server", nested_text},
    {"a statement that nests deep needs no large limit of the stack",
     small_stack},
    {"a schema that nests deep ends no server", nested_schema},
    {"compiling has limits of memory and of time", doubling_text},
    {"a stream that takes much leaves memory to others", memory_is_shared},
    {NULL, NULL},
};
