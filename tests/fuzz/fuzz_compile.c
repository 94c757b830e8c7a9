/* fuzz_compile.c - libFuzzer harness for SQLite's compiler, by describe.
 *
 * input -> a grammar of what nests: WITH, sub-selects, unions, joins, views and
 * triggers that stand on each other -> {"type":"describe","sql":...}
 *
 * Each byte chooses a production, so that most inputs are statements, and long
 * ones nest deep. Whatever it is, the answer has to be there and the server
 * still answers: no stack ends, no limit of memory or time is passed by. */
#include "check.h"
#include "base/json.h"
#include "core/mount.h"
#include "core/server.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/sql.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    INPUT_MAX = 4096,
    SQL_MAX = 200000,
    REPEATS = 64, /* of one production, by one byte */
};

static char directory[] = "/tmp/fivefold_fuzz_XXXXXX";
static struct settings settings = {
    .sqlite_directory = directory,
    .sqlite_create = true,
    .sqlite_query_ms = 500,
    .sqlite_rows_max = 1000,
    .sqlite_response_bytes = 1 << 20,
    .sqlite_sql_bytes = 1000000,
    .sqlite_value_bytes = 1 << 20,
    .sqlite_memory_bytes = 32 << 20,
    .sqlite_statements = 16,
    .sqlite_databases = 2,
    .sqlite_streams = 4,
    .sqlite_stream_idle_seconds = 10,
    .sqlite_transaction_seconds = 10,
    .sqlite_cors = (char *)"none",
    .body_bytes = 4 << 20,
};
static struct server server = {.settings = &settings};
static struct mount mount = {
    .name = "", .prefix = "/db/", .prefix_length = 4, .settings = &settings};

/* ---- the grammar ---- */

struct source {
    const unsigned char *at, *end;
    struct message_buffer *out;
    unsigned names; /* of a WITH so far */
};

static unsigned next(struct source *source)
{
    return source->at < source->end ? *source->at++ : 0;
}

static void put(struct source *source, const char *text)
{
    buffer_append_text(source->out, text_of(text));
}

static void put_table(struct source *source)
{
    static const char *const tables[] = {"t", "v9", "p0", "f0"};
    unsigned which = next(source);
    if (source->names > 0 && which % 3 != 0)
        buffer_printf(source->out, "c%u",
                      source->names - 1 - which % (source->names > 1 ? 2 : 1));
    else
        put(source, tables[which % 4]);
}

static void put_select(struct source *source, int depth);

static void put_expression(struct source *source, int depth)
{
    unsigned which = next(source);
    switch (depth <= 0 ? 0 : which % 8) {
    case 0:
        put(source, "a");
        break;
    case 1:
        put(source, "(SELECT count(*) FROM ");
        put_table(source);
        put(source, ")");
        break;
    case 2:
        put(source, "sum(a) OVER (PARTITION BY a ORDER BY a)");
        break;
    case 3:
        put(source, "(");
        put_expression(source, depth - 1);
        put(source, ")");
        break;
    case 4:
        for (unsigned n = next(source) % REPEATS; n > 0; n--)
            put(source, "1+");
        put_expression(source, depth - 1);
        break;
    case 5:
        put(source, "CASE a WHEN 1 THEN ");
        put_expression(source, depth - 1);
        put(source, " END");
        break;
    case 6:
        put(source, "a IN (");
        put_select(source, depth - 1);
        put(source, ")");
        break;
    default:
        put(source, "EXISTS (");
        put_select(source, depth - 1);
        put(source, ")");
    }
}

static void put_select(struct source *source, int depth)
{
    put(source, "SELECT ");
    put_expression(source, depth - 1);
    put(source, " AS a FROM ");
    if (depth > 0 && next(source) % 4 == 0) {
        put(source, "(");
        put_select(source, depth - 1);
        put(source, ")");
    } else {
        put_table(source);
    }
    switch (depth <= 0 ? 0 : next(source) % 6) {
    case 1:
        put(source, " WHERE ");
        put_expression(source, depth - 1);
        break;
    case 2:
        put(source, " UNION ");
        put_select(source, depth - 1);
        break;
    case 3:
        put(source, " GROUP BY a HAVING a > 1 ORDER BY a LIMIT 3");
        break;
    case 4:
        for (unsigned n = next(source) % 8; n > 0; n--)
            put(source, " UNION ALL SELECT 1");
        break;
    default:
        break;
    }
}

/* One production, up to REPEATS times: the table before stands in each. */
static void put_with(struct source *source)
{
    while (source->at < source->end && buffer_length(source->out) < SQL_MAX) {
        const unsigned char *again = source->at;
        unsigned repeats = 1 + next(source) % REPEATS;
        for (unsigned i = 0; i < repeats; i++) {
            source->at = again + 1;
            buffer_printf(source->out, "%sc%u(a) AS (",
                          source->names == 0 ? "WITH " : ",", source->names);
            put_select(source, 4);
            put(source, ")");
            source->names++;
        }
    }
    put(source, " ");
}

static void put_statement(struct source *source)
{
    static const char *const others[] = {
        "INSERT INTO p0 ", "DELETE FROM f0 WHERE id IN (",
        "CREATE TEMP VIEW w AS ", "EXPLAIN QUERY PLAN ", ""};
    unsigned which = next(source) % 5;
    put(source, others[which]);
    struct source inner = *source;
    put_with(&inner);
    inner.at = source->at;
    put_select(&inner, 6);
    if (which == 1)
        put(source, ")");
}

/* ---- the server ---- */

static void ask(struct text sql)
{
    struct message_buffer body = {0};
    buffer_append_text(&body,
                       TEXT("{\"requests\":[{\"type\":\"describe\",\"sql\":"));
    json_append_text(&body, sql);
    buffer_append_text(&body, TEXT("}]}"));
    struct exchange *exchange = calloc(1, sizeof *exchange);
    static char path[] = "/db/f/v3/pipeline";
    CHECK(exchange && !body.failed);
    exchange->server = &server;
    exchange->mount = &mount;
    exchange->may_write = true;
    exchange->request.method = HTTP_POST;
    exchange->path = path;
    exchange->path_length = sizeof path - 1;
    exchange->body = buffer_text(&body);
    response_init(&exchange->response);
    CHECK(sql_handler.begin(exchange) == ANSWER_WANT_BODY);
    sql_handler.finish(exchange);
    CHECK(exchange->response.status == 200);
    response_release(&exchange->response);
    free(exchange);
    buffer_release(&body);
}

static void tidy(void)
{
    sql_close(mount.object);
    DIR *open = opendir(directory);
    struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL)
        unlinkat(dirfd(open), entry->d_name, 0);
    if (open != NULL)
        closedir(open);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct sql_error error;
    char sql[300];
    CHECK(mkdtemp(directory) != NULL);
    atexit(tidy);
    CHECK(mount.object = sql_open(&settings, 0));
    struct sql_connection *connection =
        sql_take(mount.object, TEXT("f"), SQL_CREATE, &error);
    CHECK(connection != NULL);
    CHECK(sqlite3_exec(connection->handle,
                       "CREATE TABLE t(a); CREATE VIEW v0 AS SELECT a FROM t;"
                       "CREATE TABLE p0(a);"
                       "CREATE TABLE f0(id INTEGER PRIMARY KEY, a)",
                       NULL, NULL, NULL) == SQLITE_OK);
    for (int i = 1; i < 10; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE VIEW v%d AS SELECT a FROM v%d UNION SELECT a FROM v%d;"
                 "CREATE TABLE p%d(a); CREATE TRIGGER r%d AFTER INSERT ON p%d"
                 " BEGIN INSERT INTO p%d SELECT a FROM v%d; END",
                 i, i - 1, i - 1, i, i, i - 1, i, i / 2);
        CHECK(sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) ==
              SQLITE_OK);
    }
    sql_give(connection);
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t length)
{
    if (length < 2 || length > INPUT_MAX)
        return -1;
    struct message_buffer sql = {0};
    struct source source = {input, input + length, &sql, 0};
    put_statement(&source);
    ask(buffer_text(&sql));
    ask(TEXT("SELECT 1"));
    buffer_release(&sql);
    CHECK(sql_memory_figures().used < 64u << 20);
    return 0;
}
