/* server.h - what all parts of a running server share, and what main does with
 * it. */
#ifndef FIVEFOLD_SERVER_H
#define FIVEFOLD_SERVER_H

#include "base/budget.h"
#include "base/network.h"
#include "config/settings.h"

#include <stdatomic.h>

struct server {
    /* Fixed after start; any thread reads. */
    const struct settings *settings;
    int listen_fd;         /* owned; -1 once closed by the stage */
    bool listen_inherited; /* others hold it too, and go on with it */
    bool on_loopback;      /* its address is of 127.0.0.0/8, or ::1 */
    struct access *access; /* thread-safe itself */
    struct mount *mounts;  /* mount.h; the longest prefix first */
    size_t mount_count;
    bool dev_alias;              /* "/dev/X" is "/db/X" */
    struct addresses *addresses; /* NULL: no limits; thread-safe itself */
    struct networks proxies;     /* whose X-Forwarded-For is believed */
    struct log *log;
    struct budget *budget; /* of all connections' buffers; NULL: no limit;
                              thread-safe itself */
    const struct stage_facts *stage; /* which of the five this is */
    uint64_t started_ns;

    uint64_t next_tick_ms; /* server_tick alone */

    atomic_bool stopping; /* answers now carry Connection: close */
    atomic_uint_fast64_t next_id;
};

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
