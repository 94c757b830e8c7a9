/* cache.c - statements kept compiled, per connection.
 *
 * text -> hash -> bucket -> statement (moved to the end) | sqlite3_prepare
 *
 * Compiling a SELECT of one row by its key costs more than running it. If there
 * are more than settings->sqlite_statements, the least recently used one is
 * freed. SQLite itself compiles a statement again when the schema has changed.
 */
#include "sql/cache.h"

#include "base/clock.h"
#include "config/settings.h"
#include "report/stats.h"
#include "sql/compile.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/names.h"
#include "sql/result.h"
#include "sql/text.h"
#include "sql/time_left.h"

#include <stdlib.h>

static void statement_free(struct sql_statement *statement)
{
    sqlite3_finalize(statement->handle);
    sql_names_free(statement->names);
    sqlite3_free(statement->columns);
    sqlite3_free(statement->text);
    sqlite3_free(statement);
}

/* There must be at least one statement. */
static struct sql_statement *used_least(const struct sql_connection *connection)
{
    return TAILQ_FIRST(&connection->by_use);
}

static void cache_drop(struct sql_connection *connection,
                       struct sql_statement *statement)
{
    table_remove(&connection->by_text, &statement->by_text);
    TAILQ_REMOVE(&connection->by_use, statement, by_use);
    connection->statement_count--;
    statement_free(statement);
}

void sql_cache_clear(struct sql_connection *connection)
{
    while (!TAILQ_EMPTY(&connection->by_use))
        cache_drop(connection, used_least(connection));
}

void sql_cache_release(struct sql_connection *connection)
{
    sql_cache_clear(connection);
    table_close(&connection->by_text);
}

int sql_cache_open(struct sql_connection *connection)
{
    size_t wanted = connection->sql->settings->sqlite_statements;
    TAILQ_INIT(&connection->by_use);
    return table_open(&connection->by_text, wanted < 65536 ? wanted : 65536);
}

static struct sql_statement *cache_find(struct sql_connection *connection,
                                        struct text sql, uint64_t hash)
{
    struct table_link *at = table_first(&connection->by_text, hash);
    for (; at != NULL; at = table_next(at)) {
        struct sql_statement *statement =
            OWNER_OF(at, struct sql_statement, by_text);
        if (statement->text_length == sql.length &&
            memcmp(statement->text, sql.data, sql.length) == 0)
            return statement;
    }
    return NULL;
}

/* As sql_memory_take; returns NULL with error. */
static void *take_memory(struct sql_connection *connection, size_t size,
                         struct sql_error *error)
{
    void *made = sql_memory_take(connection, size);
    if (made == NULL)
        sql_fail_sqlite(error, connection, SQLITE_NOMEM);
    return made;
}

/* Compiles the first statement of sql, which a NUL must follow; *tail is set to
 * the rest. Returns a statement that is in no list and has no text yet. */
static struct sql_statement *statement_compile(struct sql_connection *conn,
                                               struct text sql,
                                               struct text *tail,
                                               struct sql_error *error)
{
    struct sql_statement *made = take_memory(conn, sizeof *made, error);
    if (made == NULL)
        return NULL;
    *made = (struct sql_statement){.connection = conn};
    conn->timed_out = false;
    const char *end = sql.data;
    int rc = sql_sqlite_prepare(
        conn, sql.data, sql.length < INT32_MAX ? (int)sql.length + 1 : -1,
        &made->handle, &end);
    stats_add(STAT_sql_prepared, 1);
    atomic_fetch_add_explicit(&conn->database->prepared, 1,
                              memory_order_relaxed);
    *tail = (struct text){end, sql.length - (size_t)(end - sql.data)};
    /* SQLite stops at a NUL and would ignore the rest. */
    if (rc == SQLITE_OK ? tail->length > 0 && *end == '\0'
                        : memchr(sql.data, '\0', sql.length) != NULL) {
        sql_fail(error, 400, "SQL_INPUT_ERROR", "SQL text contains U+0000");
        goto fail;
    }
    if (rc != SQLITE_OK) {
        sql_fail_sqlite(error, conn, rc);
        goto fail;
    }
    if (made->handle == NULL) {
        sql_fail(error, 400, "SQL_NO_STATEMENT",
                 "SQL string does not contain any statement");
        goto fail;
    }
    made->weight = conn->weight;
    made->makes_state = conn->makes_state;
    made->read_only = sqlite3_stmt_readonly(made->handle) != 0;
    sql_classify(made, sql);
    return made;
fail:
    statement_free(made);
    return NULL;
}

struct sql_statement *sql_compile(struct sql_connection *connection,
                                  struct text *sql, struct sql_error *error)
{
    if (sql_time_check(connection, error) < 0)
        return NULL;
    uint64_t start_ns = clock_ns();
    struct sql_statement *made =
        statement_compile(connection, *sql, sql, error);
    sql_time_spend(connection, start_ns);
    return made;
}

void sql_statement_free(struct sql_statement *statement)
{
    if (statement != NULL)
        statement_free(statement);
}

/* Makes a statement with its text. Nothing may follow it in sql. */
static struct sql_statement *statement_make(struct sql_connection *connection,
                                            struct text sql,
                                            struct sql_error *error)
{
    if (sql_check_text(connection->sql->settings, sql, error) < 0)
        return NULL;
    char *text = take_memory(connection, sql.length + 1, error);
    if (text == NULL)
        return NULL;
    if (sql.length > 0)
        memcpy(text, sql.data, sql.length);
    text[sql.length] = '\0';
    struct text tail;
    const char *stand_in = sql_stand_in(sql);
    struct text compiled =
        stand_in != NULL ? text_of(stand_in) : (struct text){text, sql.length};
    struct sql_statement *made =
        statement_compile(connection, compiled, &tail, error);
    if (made == NULL) {
        sqlite3_free(text);
        return NULL;
    }
    made->text = text;
    made->text_length = sql.length;
    /* The rest is not compiled to find that out: compiling a PRAGMA can already
     * change something. */
    if (sql_text_is_empty(tail))
        return made;
    statement_free(made);
    sql_fail(error, 400, "SQL_MANY_STATEMENTS",
             "SQL string contains more than one statement");
    return NULL;
}

static struct sql_statement *cache_use(struct sql_connection *connection,
                                       struct text sql, uint64_t hash)
{
    struct sql_statement *statement = cache_find(connection, sql, hash);
    if (statement == NULL)
        return NULL;
    atomic_fetch_add_explicit(&connection->database->hits, 1,
                              memory_order_relaxed);
    statement->used_again = true;
    TAILQ_REMOVE(&connection->by_use, statement, by_use);
    TAILQ_INSERT_TAIL(&connection->by_use, statement, by_use);
    return statement;
}

struct sql_statement *sql_prepared(struct sql_connection *connection,
                                   struct text sql)
{
    return cache_use(connection, sql, text_hash(0, sql));
}

struct sql_statement *sql_prepare(struct sql_connection *connection,
                                  struct text sql, struct sql_error *error)
{
    if (sql_time_check(connection, error) < 0)
        return NULL;
    uint64_t hash = text_hash(0, sql);
    struct sql_statement *statement = cache_use(connection, sql, hash);
    if (statement != NULL && !statement->is_pragma)
        return statement;
    if (statement != NULL)
        cache_drop(connection, statement);
    uint64_t start_ns = clock_ns();
    statement = statement_make(connection, sql, error);
    if (statement == NULL && connection->refused == SQL_NO_MEMORY &&
        connection->statement_count > 0) {
        /* The cached statements of the connection must not keep it from
         * compiling another one. */
        sql_cache_clear(connection);
        statement = statement_make(connection, sql, error);
    }
    sql_time_spend(connection, start_ns);
    if (statement == NULL)
        return NULL;
    size_t max = connection->sql->settings->sqlite_statements;
    if (connection->statement_count > 0 && connection->statement_count >= max)
        cache_drop(connection, used_least(connection));
    table_add(&connection->by_text, &statement->by_text, hash);
    TAILQ_INSERT_TAIL(&connection->by_use, statement, by_use);
    connection->statement_count++;
    return statement;
}
