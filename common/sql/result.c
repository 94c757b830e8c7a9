/* result.c - a result code of SQLite becomes the error that the client gets.
 *
 * result code, and our reason if we refused something -> struct sql_error */
#include "sql/result.h"

#include "config/settings.h"
#include "report/stats.h"
#include "sql/compile.h"
#include "sql/error.h"
#include "sql/guard.h"
#include "sql/internal.h"
#include "sql/time_left.h"

#include <stdio.h>

/* The name of a primary result code; NULL for SQLITE_ERROR and others. */
static const char *sql_code_name(int rc)
{
    switch (rc & 0xff) {
#define NAME(code)                                                             \
    case code:                                                                 \
        return #code
        NAME(SQLITE_INTERNAL);
        NAME(SQLITE_PERM);
        NAME(SQLITE_ABORT);
        NAME(SQLITE_BUSY);
        NAME(SQLITE_LOCKED);
        NAME(SQLITE_NOMEM);
        NAME(SQLITE_READONLY);
        NAME(SQLITE_INTERRUPT);
        NAME(SQLITE_IOERR);
        NAME(SQLITE_CORRUPT);
        NAME(SQLITE_NOTFOUND);
        NAME(SQLITE_FULL);
        NAME(SQLITE_CANTOPEN);
        NAME(SQLITE_PROTOCOL);
        NAME(SQLITE_SCHEMA);
        NAME(SQLITE_TOOBIG);
        NAME(SQLITE_CONSTRAINT);
        NAME(SQLITE_MISMATCH);
        NAME(SQLITE_MISUSE);
        NAME(SQLITE_AUTH);
        NAME(SQLITE_RANGE);
        NAME(SQLITE_NOTADB);
#undef NAME
    default:
        return NULL;
    }
}

/* True if the operator of the server can do something about it, and the client
 * cannot. */
static bool concerns_operator(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
        return true;
    default:
        return false;
    }
}

/* SQLITE_FULL means that the disk is full, or that a table with AUTOINCREMENT
 * has used the largest row number. The second concerns the client only. */
static bool has_no_more_rowids(struct sql_connection *connection)
{
    sqlite3_stmt *statement = NULL;
    bool found = sql_sqlite_prepare(connection,
                                    "SELECT 1 FROM sqlite_sequence"
                                    " WHERE seq = 9223372036854775807",
                                    -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

int sql_fail_sqlite(struct sql_error *error, struct sql_connection *connection,
                    int rc)
{
    const struct settings *settings = connection->sql->settings;
    char text[SQL_MESSAGE_BYTES];
    /* The handle does not know of an allocation that failed in our own code:
     * its last error is another one then. */
    snprintf(text, sizeof text, "%s",
             (sqlite3_errcode(connection->handle) & 0xff) == (rc & 0xff)
                 ? sqlite3_errmsg(connection->handle)
                 : sqlite3_errstr(rc));
    /* In a run at once (at_once.c), a page that is not in memory is an I/O
     * error to SQLite, and a lock that we do not wait for is BUSY. A worker
     * runs the statement again, and real errors are logged and counted then. */
    if (connection->tries_at_once)
        return sql_fail(error, 503, "SQLITE_ABORT", "SQLite error: %s", text);
    if ((rc & 0xff) == SQLITE_NOMEM && connection->refused == SQL_TOO_DEEP)
        return sql_fail(error, 400, "SQL_TOO_COMPLEX",
                        "SQLite error: the statement, with the views and "
                        "triggers in it, nests too deep");
    if (sql_has_long_functions(connection))
        return sql_fail(
            error, 400, "SQL_TOO_COMPLEX",
            "SQLite error: the statement has too many functions "
            "that may take long (LIKE, GLOB, json_patch, snippet, matchinfo)");
    if ((rc & 0xff) == SQLITE_NOMEM && connection->refused == SQL_TOO_LATE) {
        rc = SQLITE_INTERRUPT;
        connection->timed_out = true;
    }
    if (rc == SQLITE_INTERRUPT && connection->refused == SQL_WAL_TOO_LONG)
        return sql_fail(error, 400, "TRANSACTION_TIMEOUT",
                        "Transaction timed out: what the statement reads from "
                        "had grown beyond twice sqlite.wal_bytes");
    if (rc == SQLITE_INTERRUPT && connection->refused == SQL_CLIENT_GONE)
        return sql_fail(error, 400, "SQLITE_INTERRUPT",
                        "SQLite error: interrupted, as the client has gone");
    if (rc == SQLITE_INTERRUPT && connection->timed_out) {
        if (connection->transaction_deadline_ns != 0 &&
            connection->deadline_ns == connection->transaction_deadline_ns)
            return sql_fail(error, 400, "TRANSACTION_TIMEOUT",
                            "Transaction timed out");
        if (sql_time_check(connection, error) < 0)
            return -1;
        return sql_fail(error, 400, "SQLITE_INTERRUPT",
                        "SQLite error: interrupted, as the statement ran "
                        "longer than %llu ms",
                        (unsigned long long)settings->sqlite_query_ms);
    }
    if ((rc & 0xff) == SQLITE_BUSY)
        stats_add(STAT_sql_busy, 1);
    if ((rc & 0xff) == SQLITE_FULL && has_no_more_rowids(connection))
        return sql_fail(error, 400, "SQLITE_FULL",
                        "SQLite error: a table with AUTOINCREMENT has used its "
                        "last row number");
    if (concerns_operator(rc))
        sql_tell(connection->sql, sql_database_name(connection), text);
    /* SQLite checks the file's permissions only when it opens it. So this
     * connection is not used again, and the next one opens the file, in case
     * they have been corrected. */
    if ((rc & 0xff) == SQLITE_READONLY && !connection->read_only)
        connection->changed = true;
    const char *name = sql_code_name(rc);
    if (name != NULL)
        return sql_fail(error, 400, name, "SQLite error: %s", text);
    int offset = sqlite3_error_offset(connection->handle);
    if (offset >= 0)
        return sql_fail(error, 400, "SQL_INPUT_ERROR",
                        "SQL input error: %s (at offset %d)", text, offset);
    return sql_fail(error, 400, "SQLITE_UNKNOWN", "SQLite error: %s", text);
}
