/* functions.h - functions of ours in the place of SQLite's. */
#ifndef FIVEFOLD_SQL_FUNCTIONS_H
#define FIVEFOLD_SQL_FUNCTIONS_H

#include <sqlite3.h>

/* Replaces instr, replace, trim, ltrim and rtrim by our own: they do the same,
 * but in linear time. Returns SQLite's result code. */
int sql_functions_add(sqlite3 *handle);

#endif
