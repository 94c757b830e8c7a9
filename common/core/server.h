/* server.h - what all parts of a running server share. */
#ifndef FIVEFOLD_SERVER_H
#define FIVEFOLD_SERVER_H

#include "base/budget.h"
#include "base/network.h"
#include "config/settings.h"

#include <stdatomic.h>

struct stage_facts {
    int number;
    const char *name;    /* "blocking" */
    bool one_thread;     /* a locked database is not waited for */
    bool blocking;       /* sockets block; the listening one too */
    bool database_mutex; /* one thread at a time in a database; others wait */
};

struct server {
    /* Fixed after start; any thread reads. */
    const struct settings *settings;
    int listen_fd;         /* owned; -1 once closed by the stage */
    bool listen_inherited; /* others hold it too, and go on with it */
    bool on_loopback;      /* its address is of 127.0.0.0/8, or ::1 */
    struct access *access; /* thread-safe itself */
    struct mount *mounts;  /* the longest prefix first */
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

#endif
