/* signals.h - signals, and what a server does once a second. */
#ifndef FIVEFOLD_SIGNALS_H
#define FIVEFOLD_SIGNALS_H

#include "core/server.h"

/* Call from the thread that takes the signals, at least once a second and as
 * often as you like: once a second it flushes logs, ends late SQL streams,
 * forgets addresses, and tries again what a SIGHUP could not do. */
void server_tick(struct server *server);

/* Catches SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE. Returns 0, or -1 with
 * errno. */
int server_catch_signals(void);
void server_release_signals(void);

/* Signals arrive as bytes in a pipe (the handler does nothing else, but for
 * the second SIGTERM's _exit). This end is for a stage to watch; reading is
 * server_signals' part. */
int server_signal_fd(void);

/* Takes what has arrived, without waiting and, when nothing has, without a
 * system call. SIGHUP is dealt with here: logs are reopened, rules and users
 * read again. Returns true from SIGTERM or SIGINT on. */
bool server_signals(struct server *server);

#endif
