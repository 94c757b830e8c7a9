/* front.h - a front: a thread that owns connections, except while a request may
 * block.
 *
 * Every connection belongs to one front for all of its life. The front
 * receives, parses, answers what is in memory, and sends. A request that may
 * block goes to a module (module.h) and comes back through the front's inbox,
 * the list of connections that modules have finished with (inbox.h). */
#ifndef FIVEFOLD_FRONT_H
#define FIVEFOLD_FRONT_H

#include "file_cache.h"
#include "module.h"

#include "conn/connections.h"

/* What all fronts share. */
struct stage {
    /* These do not change once the fronts run. */
    struct server *server; /* borrowed */
    struct front *fronts;  /* owned; front_count */
    size_t front_count;
    struct module **modules; /* owned; one for each mount, in their order. NULL
                                for a mount that has none */
    size_t module_count;     /* the number of mounts; 0 until they are opened */
    size_t any_module;       /* index of some module that exists; module_count
                                if there is none */
    int gone_fd;             /* owned; an eventfd: the last front has ended */

    atomic_size_t connections; /* of all fronts */
    atomic_size_t running;     /* fronts whose thread has not ended */
    atomic_bool stopping;
    _Atomic uint64_t stop_ms; /* monotonic: when a graceful stop gives up */
};

struct front {
    struct stage *stage; /* borrowed */
    pthread_t thread;
    bool started;
    struct inbox inbox; /* modules put connections in, the front takes them */

    /* Only the front uses these. A turn is one round of its loop. */
    int epoll_fd; /* owned */
    struct connections connections;
    struct file_cache *cache; /* owned; NULL: none */
    struct task **batches;    /* owned; for each module the tasks that it gets
                                 at the end of this turn */
    bool listening;           /* the listening socket is watched */
    uint64_t listen_ms;       /* monotonic: when to watch it again, if not */
    uint64_t now_ms;          /* monotonic, of this turn */
    uint64_t short_ms;        /* monotonic: when a short answer was sent last */
    bool stopping;            /* it has seen stage->stopping */

    /* For the live page. */
    atomic_size_t listed;       /* its connections */
    atomic_uint_fast64_t taken; /* connections taken from the inbox */
    atomic_uint_fast64_t stale; /* events for connections that a module had */
};

/* Makes what the front needs, but not its thread. Borrows stage until
 * front_close. Returns 0, or -1 with errno. */
int front_open(struct front *front, struct stage *stage);

/* Starts the front's thread. After stage->stopping is set, the thread ends when
 * its last connection has closed, or at stage->stop_ms. Returns 0, or -1 with
 * errno. */
int front_start(struct front *front);

/* Closes every connection and frees all but front itself. Call it when the
 * front's thread and the modules have ended. */
void front_close(struct front *front);

#endif
