/* session.c - what a connection remembers of its client's writes.
 *
 * INSERT ... -> last_insert_rowid(), changes(), total_changes()
 *   -> no more than three numbers: they travel in the baton
 *   -> the next request, on whichever connection, finds them again
 *
 * A session is these three numbers. A stream that is kept costs a connection;
 * without one, the next request would lose what these functions return. But
 * three numbers need no connection. They matter to their client alone. It may
 * change them in the baton: nothing else depends on them.
 *
 * The first number can be set in SQLite. The other two cannot, so we replace
 * the functions. total_changes() adds what SQLite has counted for this client
 * to the number in the baton. changes() returns SQLite's number once the client
 * has written something. Until then it returns the number in the baton, or 0,
 * and not what the previous client has done on this connection. */
#include "sql/session.h"

#include "sql/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Has SQLite counted anything for this client? `counted` is set only after a
 * step. A trigger may call changes() earlier, but the total grows while the
 * statement runs. */
static bool has_counted(const struct sql_connection *connection)
{
    return connection->counted || sqlite3_total_changes64(connection->handle) !=
                                      connection->total_before;
}

static int64_t changes_of(const struct sql_connection *connection)
{
    return has_counted(connection) ? sqlite3_changes64(connection->handle)
                                   : connection->carried.changes;
}

static int64_t total_of(const struct sql_connection *connection)
{
    return connection->carried.total +
           sqlite3_total_changes64(connection->handle) -
           connection->total_before;
}

static void function_changes(sqlite3_context *context, int count,
                             sqlite3_value **values)
{
    (void)count, (void)values;
    sqlite3_result_int64(context, changes_of(sqlite3_user_data(context)));
}

static void function_total_changes(sqlite3_context *context, int count,
                                   sqlite3_value **values)
{
    (void)count, (void)values;
    sqlite3_result_int64(context, total_of(sqlite3_user_data(context)));
}

int sql_session_functions(struct sql_connection *connection)
{
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(connection->handle, "changes", 0, flags,
                                        connection, function_changes, NULL,
                                        NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(
            connection->handle, "total_changes", 0, flags, connection,
            function_total_changes, NULL, NULL, NULL);
    return rc;
}

void sql_session_start(struct sql_connection *connection,
                       struct sql_session session)
{
    connection->carried = session;
    connection->counted = false;
    connection->total_before = sqlite3_total_changes64(connection->handle);
    sqlite3_set_last_insert_rowid(connection->handle, session.rowid);
}

/* ---- as a baton ----
 *
 * A client may invent one, and then gets the numbers in it. The total is
 * limited, so that the sum in total_of cannot overflow. */

static const char baton_prefix[] = "session.";

bool sql_session_read(struct text baton, struct sql_session *session)
{
    int64_t *const numbers[] = {&session->rowid, &session->changes,
                                &session->total};
    bool ends_in_dot = baton.length > 0 && baton.data[baton.length - 1] == '.';
    *session = (struct sql_session){0};
    if (!text_starts_with(baton, text_of(baton_prefix)))
        return false;
    baton.data += sizeof baton_prefix - 1;
    baton.length -= sizeof baton_prefix - 1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (text_to_int64(text_split(&baton, '.'), numbers[i]) < 0)
            return false;
    return baton.length == 0 && !ends_in_dot && session->total >= 0 &&
           session->total <= INT64_MAX / 2;
}

void sql_session_write(const struct sql_connection *connection,
                       char baton[SQL_SESSION_BYTES + 1])
{
    int64_t rowid = sqlite3_last_insert_rowid(connection->handle);
    int64_t changes = changes_of(connection), total = total_of(connection);
    baton[0] = '\0';
    if (rowid != 0 || changes != 0 || total != 0)
        snprintf(baton, SQL_SESSION_BYTES + 1,
                 "%s%" PRId64 ".%" PRId64 ".%" PRId64, baton_prefix, rowid,
                 changes, total);
}
