/* compile.h - SQLite's compiler, within the limits of its client. */
#ifndef FIVEFOLD_SQL_COMPILE_H
#define FIVEFOLD_SQL_COMPILE_H

#include <sqlite3.h>

struct sql_connection;

/* Compiles the first statement of text, as sqlite3_prepare_v3 does, within the
 * connection's limits of memory, stack and time. length is in bytes and
 * includes the NUL; -1: up to the NUL. The caller owns *made
 * (sqlite3_finalize). *tail is set to what follows the statement. Returns
 * SQLite's result code. Afterwards connection->calls says how often SQLite has
 * allocated. */
int sql_sqlite_prepare(struct sql_connection *connection, const char *text,
                       int length, sqlite3_stmt **made, const char **tail);

#endif
