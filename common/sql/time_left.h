/* time_left.h - how long the statements of a request may run, and whether its
 * client is still there. */
#ifndef FIVEFOLD_SQL_TIME_LEFT_H
#define FIVEFOLD_SQL_TIME_LEFT_H

#include <stdint.h>

struct sql_connection;
struct sql_error;

/* All statements of a request together, with the time to compile them, may take
 * settings->sqlite_transaction_seconds. Otherwise a body of a few MB could keep
 * a thread for hours. Start gives the request that time. Spend subtracts the
 * time since since_ns (clock_ns). Check returns 0, or -1 with error
 * SQLITE_INTERRUPT if no time is left, the client has gone, or the server ends.
 */
void sql_time_start(struct sql_connection *connection);
int sql_time_check(const struct sql_connection *connection,
                   struct sql_error *error);
void sql_time_spend(struct sql_connection *connection, uint64_t since_ns);

/* From now on, until sql_give or the next call, statements are interrupted when
 * the client of the socket fd has gone. fd 0: do not check. */
enum { SQL_LOOK_NS = 100000000 }; /* between two checks of the socket */
void sql_watch_client(struct sql_connection *connection, int fd);

/* Returns the time (clock_ns) by which a statement must end that begins at
 * now_ns and may take left_ns (0: no limit of its own). The limits of the
 * request and of its transaction are taken into account. */
uint64_t sql_deadline_ns(const struct sql_connection *connection,
                         uint64_t now_ns, uint64_t left_ns);

#endif
