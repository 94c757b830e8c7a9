/* compile.c - SQLite's compiler, within the limits of time and memory of its
 * client. */
#include "sql/compile.h"

#include "base/clock.h"
#include "config/settings.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/time_left.h"

int sql_sqlite_prepare(struct sql_connection *connection, const char *text,
                       int length, sqlite3_stmt **made, const char **tail)
{
    /* During a run, the time of the run counts: a page may ask about each table
     * that another statement returns. */
    uint64_t deadline_ns = connection->deadline_ns;
    if (deadline_ns == 0)
        connection->deadline_ns = sql_deadline_ns(
            connection, clock_ns(),
            connection->sql->settings->sqlite_query_ms * 1000000);
    struct sql_connection *before = sql_enter(connection);
    sql_enter_compiling(connection);
    int rc = sqlite3_prepare_v3(connection->handle, text, length,
                                SQLITE_PREPARE_PERSISTENT, made, tail);
    sql_leave(before);
    connection->deadline_ns = deadline_ns;
    return rc;
}
