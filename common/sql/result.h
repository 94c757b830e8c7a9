/* result.h - what SQLite's result codes mean. */
#ifndef FIVEFOLD_SQL_RESULT_H
#define FIVEFOLD_SQL_RESULT_H

struct sql_connection;
struct sql_error;

/* Fills error from the connection's last error, which had SQLite's result code
 * rc. Returns -1. */
int sql_fail_sqlite(struct sql_error *error, struct sql_connection *connection,
                    int rc);

#endif
