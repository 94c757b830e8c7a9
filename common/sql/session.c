/* session.c - what a connection remembers of its client's writes.
 *
 * INSERT ... -> last_insert_rowid(), changes(), total_changes()
 *   -> no more than three numbers: they travel in the baton
 *   -> the next request, on whichever connection, finds them again
 *
 * A stream that is kept costs a connection, and one that is not loses what
 * these functions say. Three numbers need no connection. They are of interest
 * to their client alone, who may also change them: nothing depends on them.
 *
 * The first of them can be set in SQLite. The others cannot, so the functions
 * are ours. They give SQLite's own numbers once the client has written
 * something, and until then what the baton said, or 0: not what the client
 * before has done on this connection. */
#include "sql/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Has SQLite counted anything for this client? The total moves within a
 * statement too, where a trigger asks. */
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
 * Who makes one up gets what is in it, but no sum that runs over. */

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
