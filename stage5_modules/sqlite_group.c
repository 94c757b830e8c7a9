/* sqlite_group.c - writes of many clients, committed together as a group.
 *
 * tasks -> BEGIN IMMEDIATE -> each request's statements, answers kept
 *       -> COMMIT (one fsync for all) -> every answer may be sent
 *       -> or, if anything ended the transaction: each request is run by
 *          itself (sqlite_database.c)
 *
 * What a client is told must be as if it had been alone. A statement that fails
 * undoes only itself, inside a transaction as well as outside. So its error
 * concerns only its own client. But SQLite may roll back more than that: after
 * ON CONFLICT ROLLBACK, with a full disk, or when a time limit interrupts a
 * statement. Or its COMMIT may fail, because of a deferred foreign key or the
 * disk. Then no client has been answered yet, and nothing of the transaction is
 * in the database. So all its requests are run again, one by one. No write is
 * answered before it is on disk. */
#include "sqlite_group.h"

#include "base/clock.h"
#include "conn/work.h"
#include "report/stats.h"
#include "report/trace.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/request.h"
#include "sql/stream.h"
#include "sql/time_left.h"

enum { GROUP_MS = 20 }; /* then it is committed: its first client waits */

static struct sql_request *request_of(const struct task *task)
{
    const struct pending *pending = task->state;
    return pending->request;
}

/* Returns a connection to the task's database that does not wait for locks.
 * Returns NULL if there is no such database or it cannot be opened; then the
 * request itself will report that. Give it back with sql_give. */
static struct sql_connection *take(const struct task *task)
{
    const struct sql_request *request = request_of(task);
    struct sql_error error;
    struct sql_connection *connection =
        sql_take(sql_of(request->exchange), request->name, SQL_WRITE, &error);
    if (connection != NULL)
        connection->no_wait = true;
    return connection;
}

static int execute(struct sql_connection *connection, const char *sql)
{
    return sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);
}

enum sqlite_lock sqlite_lock_look(const struct task *task)
{
    struct sql_connection *connection = take(task);
    if (connection == NULL)
        return SQLITE_LOCK_FREE;
    int rc = execute(connection, "BEGIN IMMEDIATE");
    sql_give(connection); /* rolls back */
    return rc == SQLITE_BUSY ? SQLITE_LOCK_TAKEN : SQLITE_LOCK_FREE;
}

/* Returns true if a deferred foreign key still lacks its row. If the request
 * ran alone, its COMMIT would fail. In a group another client could add the
 * row, and the COMMIT would succeed. */
static bool owes_a_row(struct sql_connection *connection)
{
    int owed = 0, most;
    sqlite3_db_status(connection->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &owed,
                      &most, 0);
    return owed != 0;
}

/* Returns true if there was no memory for the answer. The client would be told
 * that the request failed, so its writes must not be committed. */
static bool lacks_its_answer(const struct sql_request *request)
{
    const struct response *response = &request->exchange->response;
    return response->memory.failed || response->fields.failed ||
           response->status >= 500;
}

/* Runs one request in the open transaction. Returns false if the request has
 * ended the transaction, or must not be committed with the others. */
static bool join(struct sql_connection *connection, struct task *task)
{
    struct sql_request *request = request_of(task);
    struct sql_error error;
    uint64_t start = TRACE_START();
    sql_time_start(connection);
    request->stream = sql_stream_new(request->exchange, connection, &error);
    if (request->stream == NULL)
        return false;
    request->stream->borrows = true;
    sql_request_answer(request);
    TRACE_SPAN("work", start, request->exchange->id);
    return !sqlite3_get_autocommit(connection->handle) &&
           !owes_a_row(connection) && !lacks_its_answer(request);
}

/* Commits. Returns true if all that the transaction wrote is on disk. Otherwise
 * rolls it back and returns false. */
static bool commit(struct sql_connection *connection)
{
    if (execute(connection, "COMMIT") == SQLITE_OK)
        return true;
    execute(connection, "ROLLBACK");
    return false;
}

enum sqlite_grouped sqlite_group(struct task **tasks, size_t n, size_t *done)
{
    struct sql_connection *connection = take(tasks[0]);
    uint64_t start = TRACE_START(), start_ms = clock_ms();
    int rc = connection != NULL ? execute(connection, "BEGIN IMMEDIATE")
                                : SQLITE_ERROR;
    *done = 0;
    if (rc != SQLITE_OK) {
        sql_give(connection);
        *done = rc == SQLITE_BUSY ? 0 : 1;
        return rc == SQLITE_BUSY ? SQLITE_GROUP_LOCKED : SQLITE_GROUP_UNDONE;
    }
    stats_doing("group");
    bool open;
    connection->shared = true;
    do
        open = join(connection, tasks[(*done)++]);
    while (open && *done < n && clock_ms() - start_ms < GROUP_MS);
    connection->shared = false;
    bool committed = open && commit(connection);
    sql_give(connection);
    TRACE_SPAN("group", start, 0);
    stats_done();
    if (!committed)
        return SQLITE_GROUP_UNDONE;
    stats_add(STAT_sql_groups, 1);
    stats_add(STAT_sql_grouped, *done);
    return SQLITE_GROUP_COMMITTED;
}
