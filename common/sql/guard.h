/* guard.h - what a client's SQL may not do, and when it is stopped. */
#ifndef FIVEFOLD_SQL_GUARD_H
#define FIVEFOLD_SQL_GUARD_H

#include <stdbool.h>

struct sql_connection;

/* Sets the authorizer, limits, progress handler and functions of a new handle.
 * SQLite borrows connection until the handle is closed. Returns SQLite's result
 * code. */
int sql_guard(struct sql_connection *connection);

/* Makes SQLite check the clock more often, for a statement with functions that
 * may take long; with often false, as usual again. */
void sql_guard_look_often(struct sql_connection *connection, bool often);

/* True if the statement compiled last was refused because it has too many
 * functions that may take long. */
bool sql_has_long_functions(const struct sql_connection *connection);

#endif
