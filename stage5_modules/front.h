/* front.h - a front: the thread that has the connections while nothing about
 * them can block.
 *
 * Every connection has one front for all of its life. The front receives,
 * parses, answers what is in memory, sends; the rest goes to a module and
 * comes back by the front's inbox. */
#ifndef FIVEFOLD_FRONT_H
#define FIVEFOLD_FRONT_H

#include "conn/connections.h"
#include "file_cache.h"
#include "module.h"

/* What all fronts share. */
struct stage {
    /* Fixed before the fronts start. */
    struct server *server; /* borrowed */
    struct front *fronts;  /* owned; front_count */
    size_t front_count;
    struct module **modules; /* owned; of each mount, in their order; NULL: what
                                answers there never blocks */
    size_t module_count;     /* as many as mounts, or none yet */
    size_t any_module;       /* one that there is; module_count: there is none
                              */
    int gone_fd;             /* owned; an eventfd: the last front has ended */

    atomic_size_t connections; /* of all fronts */
    atomic_size_t running;     /* fronts */
    atomic_bool stopping;
    _Atomic uint64_t stop_ms; /* monotonic: when a graceful stop gives up */
};

struct front {
    struct stage *stage; /* borrowed */
    pthread_t thread;
    bool started;
    struct inbox inbox; /* the modules put, the front takes */

    /* The front's own. */
    int epoll_fd; /* owned */
    struct connections connections;
    struct file_cache *cache; /* owned; NULL: none */
    struct task **batches;    /* owned; a chain for each module */
    bool listening;           /* the listening socket is watched */
    uint64_t listen_ms;       /* monotonic: when to watch it again, if not */
    uint64_t now_ms;          /* monotonic, of this turn */
    uint64_t short_ms;        /* monotonic: when a short answer was sent last */
    bool stopping;            /* it has seen stage->stopping */

    /* For the live page. */
    atomic_size_t listed;
    atomic_uint_fast64_t taken; /* back from modules */
    atomic_uint_fast64_t stale; /* events for those that a module had */
};

/* Makes what the front needs. 0, or -1 with errno. */
int front_open(struct front *front, struct stage *stage);

/* Starts its thread; it ends when stage->stopping is set and its last
 * connection has gone, or stage->stop_ms has come. 0, or -1 with errno. */
int front_start(struct front *front);

/* Closes every connection and frees all; the thread has ended, and the
 * modules too. */
void front_close(struct front *front);

#endif
