/* server.h - what all parts of a running server share. */
#ifndef FIVEFOLD_CORE_SERVER_H
#define FIVEFOLD_CORE_SERVER_H

#include "base/budget.h"
#include "base/network.h"
#include "config/settings.h"

#include <stdatomic.h>

struct stage_facts {
    int number;
    const char *name;    /* "blocking" */
    bool one_thread;     /* it does not wait for a locked database */
    bool blocking;       /* sockets block, the listening one too */
    bool database_mutex; /* only one thread at a time uses a database */
};

struct server {
    /* Does not change after the start; any thread may read it. */
    const struct settings *settings;
    int listen_fd;         /* owned; -1 once closed by the stage */
    bool listen_inherited; /* other processes hold the socket too, and the next
                              server goes on with it */
    bool on_loopback;      /* it listens on 127.0.0.0/8 or ::1 */
    struct access *access; /* thread-safe itself */
    struct mount *mounts;  /* the longest prefix first */
    size_t mount_count;
    bool dev_alias;              /* "/dev/X" is "/db/X" */
    struct addresses *addresses; /* NULL: no limits; thread-safe itself */
    struct networks proxies;     /* trusted proxies: their X-Forwarded-For is
                                    believed */
    struct log *log;
    struct budget *budget; /* memory for all connections' buffers; NULL: no
                              limit; thread-safe itself */
    const struct stage_facts *stage; /* which of the five stages this is */
    uint64_t started_ns;

    uint64_t next_tick_ms; /* only server_tick uses it */

    atomic_bool stopping; /* answers now carry Connection: close */
    atomic_uint_fast64_t next_id;
};

#endif
