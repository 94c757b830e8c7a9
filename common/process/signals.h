/* signals.h - signals, and what a server does once a second. */
#ifndef FIVEFOLD_PROCESS_SIGNALS_H
#define FIVEFOLD_PROCESS_SIGNALS_H

#include "core/server.h"

/* Does the work of each second: flushes logs, ends late SQL streams, forgets
 * addresses, and tries again what a SIGHUP could not do. Call it from the
 * thread that takes the signals, at least once a second. More calls do no
 * harm. */
void server_tick(struct server *server);

/* Catches SIGTERM, SIGINT and SIGHUP, and ignores SIGPIPE and SIGXFSZ. Returns
 * 0, or -1 with errno. */
int server_catch_signals(void);
/* Catches no signals any more, and closes the pipe. From then on SIGHUP is
 * ignored, and SIGTERM and SIGINT end the process. */
void server_release_signals(void);

/* Each signal arrives as a byte in a pipe. The signal handler does nothing
 * else, except that the second SIGTERM or SIGINT calls _exit. Returns the end
 * of the pipe that a stage watches, borrowed. Only server_signals reads from
 * it. */
int server_signal_fd(void);

/* Handles the signals that have arrived. Does not wait, and makes no system
 * call if there are none. On SIGHUP it reopens the logs and reads rules and
 * users again. Returns true once SIGTERM or SIGINT has come, and ever after. */
bool server_signals(struct server *server);

#endif
