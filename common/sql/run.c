/* run.c - one execution of a prepared statement, with its limits.
 *
 * start (limits, what it wrote before) -> bind -> step ... -> finish
 *
 * The time limit is a deadline. SQLite's progress handler (guard.c) compares it
 * with the clock; a short statement ends before the handler is called. */
#include "sql/run.h"

#include "base/clock.h"
#include "config/settings.h"
#include "report/stats.h"
#include "sql/cache.h"
#include "sql/error.h"
#include "sql/guard.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/result.h"
#include "sql/time_left.h"

#include <limits.h>

/* ---- a transaction that SQLite has rolled back by itself ---- */

/* After a full disk, an interrupt or OR ROLLBACK, SQLite has rolled back and is
 * in autocommit mode. If the client sent the rest of its transaction, each
 * statement would be committed by itself. So the transaction counts as lost
 * until the client ends it: all other statements are refused. Until then an
 * empty transaction takes its place, which will be rolled back. */
static void keep_lost(struct sql_connection *connection)
{
    connection->lost = true;
    sqlite3_exec(connection->handle, "BEGIN", NULL, NULL, NULL);
}

static bool ends_lost(const struct sql_connection *connection,
                      const struct sql_statement *statement)
{
    return statement->ends == SQL_ENDS_COMMIT ||
           (statement->ends == SQL_ENDS_SAVEPOINT &&
            statement->savepoint != 0 &&
            statement->savepoint == connection->savepoint);
}

static void end_lost(struct sql_connection *connection)
{
    if (!sqlite3_get_autocommit(connection->handle))
        sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
    connection->lost = connection->read_transaction = false;
    connection->transaction_deadline_ns = 0;
}

int sql_run_start(struct sql_run *run, struct sql_connection *connection,
                  struct sql_statement *statement, struct sql_error *error)
{
    *run = (struct sql_run){.connection = connection, .statement = statement};
    stats_add(STAT_sql_statements, 1);
    if (!statement->read_only)
        connection->wrote = true;
    run->left_ns = connection->sql->settings->sqlite_query_ms * 1000000u;
    run->changes_before = sqlite3_total_changes64(connection->handle);
    if (connection->lost && statement->ends != SQL_ENDS_ROLLBACK) {
        if (ends_lost(connection, statement))
            end_lost(connection);
        return sql_fail(error, 400, "SQLITE_ABORT",
                        "SQLite error: the transaction was rolled back by an "
                        "earlier error, and nothing of it is kept%s",
                        connection->lost ? "; end it by ROLLBACK" : "");
    }
    if (connection->lost && sqlite3_get_autocommit(connection->handle))
        keep_lost(connection); /* its BEGIN had found no memory */
    run->in_transaction = !sql_is_autocommit(connection);
    if (statement->makes_state)
        sql_mark_state(connection);
    /* Several requests share a transaction, and SQLite has ended it. What this
     * statement wrote now would stay in the database. It would be written a
     * second time when each of the requests is run again by itself. */
    if (connection->shared && sqlite3_get_autocommit(connection->handle))
        return sql_fail(error, 500, "INTERNAL", "the transaction has ended");
    /* SQLite reads READONLY as the transaction's name, so it is we who must
     * refuse the writes. */
    if (connection->read_transaction && !statement->read_only &&
        !sql_is_autocommit(connection))
        return sql_fail(error, 400, "SQLITE_READONLY",
                        "SQLite error: attempt to write a readonly database");
    return 0;
}

int sql_run_spend(struct sql_run *run, uint64_t since_ns,
                  struct sql_error *error)
{
    struct sql_connection *connection = run->connection;
    uint64_t spent = clock_ns() - since_ns;
    sql_time_spend(connection, since_ns);
    connection->timed_out = run->left_ns != 0 && run->left_ns <= spent;
    if (connection->timed_out)
        return sql_fail_sqlite(error, connection, SQLITE_INTERRUPT);
    run->left_ns -= run->left_ns != 0 ? spent : 0;
    return sql_time_check(connection, error);
}

int sql_bind_text(struct sql_run *run, int parameter, struct text text,
                  struct sql_error *error)
{
    sqlite3_stmt *handle = run->statement->handle;
    int rc =
        text.data == NULL
            ? sqlite3_bind_null(handle, parameter)
            : sqlite3_bind_text64(handle, parameter, text.data, text.length,
                                  SQLITE_TRANSIENT, SQLITE_UTF8);
    return rc == SQLITE_OK ? 0 : sql_fail_sqlite(error, run->connection, rc);
}

/* Before the first step: sets on the connection what depends on the statement,
 * and starts the time limit. */
static void run_arm(struct sql_run *run)
{
    struct sql_connection *connection = run->connection;
    connection->timed_out = false;
    connection->running = run->statement->handle;
    connection->vacuum = run->statement->is_vacuum;
    connection->holds_mutex = connection->sql->one_at_a_time;
    if (connection->holds_mutex)
        pthread_mutex_lock(&connection->database->running);
    run->looks_often = run->statement->weight > 0 && connection->at_once == 0;
    if (run->looks_often)
        sql_guard_look_often(connection, true);
    run->armed_ns = clock_ns();
    connection->deadline_ns =
        sql_deadline_ns(connection, run->armed_ns, run->left_ns);
    run->armed = true;
}

static void run_disarm(struct sql_run *run)
{
    if (!run->armed)
        return;
    sql_time_spend(run->connection, run->armed_ns);
    run->armed = false;
    if (run->looks_often)
        sql_guard_look_often(run->connection, false);
    run->connection->running = NULL;
    if (run->connection->holds_mutex)
        pthread_mutex_unlock(&run->connection->database->running);
    run->connection->holds_mutex = false;
}

static void run_end(struct sql_run *run)
{
    struct sql_connection *connection = run->connection;
    const struct sql_statement *statement = run->statement;
    run->done = true;
    if (!run->in_transaction)
        connection->savepoint = statement->savepoint;
    if (statement->ends == SQL_ENDS_ROLLBACK)
        connection->lost = false;
    if (statement->begins_read_only)
        connection->read_transaction = true;
    /* A transaction that several requests share is still open here: whether it
     * is committed is not known yet. */
    if (sqlite3_get_autocommit(connection->handle) &&
        (!statement->read_only || statement->is_transaction))
        connection->committed = true;
    uint64_t seconds = connection->sql->settings->sqlite_transaction_seconds;
    if (!sql_is_autocommit(connection) && seconds != 0 &&
        connection->transaction_deadline_ns == 0)
        connection->transaction_deadline_ns = clock_ns() + seconds * 1000000000;
    run->wrote =
        sqlite3_total_changes64(connection->handle) != run->changes_before;
    if (!run->wrote)
        return;
    run->affected = sqlite3_changes64(connection->handle);
    run->last_rowid = sqlite3_last_insert_rowid(connection->handle);
}

int sql_run_step(struct sql_run *run, bool want_rows, struct sql_error *error)
{
    struct sql_connection *connection = run->connection;
    if (!run->armed)
        run_arm(run);
    struct sql_connection *before = sql_enter(connection);
    int rc = sqlite3_step(run->statement->handle);
    sql_leave(before);
    /* A statement that could not be compiled again, as when a table is gone,
     * has counted nothing: SQLite's changes() is still that of the previous
     * client. */
    if (run->statement->counts && (rc & 0xff) != SQLITE_ERROR &&
        (rc & 0xff) != SQLITE_SCHEMA)
        connection->counted = true;
    if (rc == SQLITE_ROW) {
        uint64_t max = connection->sql->settings->sqlite_rows_max;
        if (++run->rows > max && want_rows && max > 0)
            return sql_fail(error, 400, "RESPONSE_TOO_LARGE",
                            "Response is too large: more than %llu rows",
                            (unsigned long long)max);
        return 1;
    }
    if (rc == SQLITE_DONE) {
        run_end(run);
        return 0;
    }
    run_disarm(run);
    return sql_fail_sqlite(error, connection, rc);
}

int sql_check_bytes(struct sql *sql, uint64_t bytes, struct sql_error *error)
{
    uint64_t max = sql->settings->sqlite_response_bytes;
    if (max == 0 || bytes <= max)
        return 0;
    return sql_fail(error, 400, "RESPONSE_TOO_LARGE",
                    "Response is too large: more than %llu bytes",
                    (unsigned long long)max);
}

int sql_check_room(const struct sql_connection *connection,
                   const struct message_buffer *out, struct sql_error *error)
{
    if (!out->failed)
        return 0;
    if (connection->wrote)
        return sql_fail(error, 500, "SQLITE_NOMEM",
                        "There is no memory for the answer");
    return sql_fail(error, 503, "SQLITE_NOMEM",
                    "There is no memory for the answer now; try again");
}

void sql_run_pause(struct sql_run *run)
{
    if (!run->armed)
        return;
    uint64_t now = clock_ns(), end = run->connection->deadline_ns;
    /* 1 if the time is up, as 0 would mean no limit. */
    if (run->left_ns != 0)
        run->left_ns = end > now ? end - now : 1;
    run_disarm(run);
}

void sql_run_finish(struct sql_run *run)
{
    struct sql_connection *connection = run->connection;
    if (run->statement == NULL)
        return;
    /* The statement has stopped at a row, because the answer was too large. A
     * reset alone would commit what it has written. An interrupt makes SQLite
     * roll it back, as after the time limit. */
    if (!run->statement->read_only &&
        sqlite3_data_count(run->statement->handle) > 0) {
        sqlite3_interrupt(connection->handle);
        sqlite3_step(run->statement->handle);
    }
    sqlite3_reset(run->statement->handle);
    if (sqlite3_bind_parameter_count(run->statement->handle) > 0)
        sqlite3_clear_bindings(run->statement->handle);
    if (run->in_transaction && !run->done && !connection->lost &&
        sqlite3_get_autocommit(connection->handle))
        keep_lost(connection);
    if (sql_is_autocommit(connection)) {
        connection->read_transaction = false;
        connection->transaction_deadline_ns = 0;
    }
    run_disarm(run);
    connection->deadline_ns = 0;
    connection->vacuum = false;
    run->statement = NULL;
}
