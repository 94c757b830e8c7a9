/* module.h - a module: the code that answers one kind of requests, and the
 * threads that run it.
 *
 *     front --module_add--> strands, by key --> ready --> workers
 *       ^                      ^    ^                        |
 *       |                      |    +-- module_move ---------+
 *       +------- inbox <-------|------- module_answered -----+
 *                              +-- module_hold, when a key is locked
 *
 * A front is a thread that has connections (front.h). It gives a connection to
 * a module as a task, and gets it back through its inbox. A strand is the queue
 * of one key (a file, a database). The module's threads are called workers.
 *
 * Some strands are "alone": one worker at a time. Yet no worker waits for
 * another: a task for a busy key waits in its strand, and the worker that
 * finishes there makes the strand ready again. Ready strands take turns, one
 * task each (with run_many up to MODULE_BATCH), so that a popular key does not
 * keep the others waiting. An empty strand is freed. */
#ifndef FIVEFOLD_MODULE_H
#define FIVEFOLD_MODULE_H

#include "inbox.h"
#include "strand.h"

#include "core/mount.h"
#include "core/server.h"

#include <semaphore.h>

/* ---- what a module must define ---- */

struct module;

struct module_kind {
    const char *name;              /* of its threads and its queue; a literal */
    const struct handler *handler; /* the requests of its mounts come here */

    /* open makes module->state from module->mount and returns 0, or -1 with
     * errno. close frees it. Both may be NULL. */
    int (*open)(struct module *module);
    void (*close)(struct module *module);

    /* Returns the key of a new task's strand. The caller copies it before the
     * next call. Sets *alone if tasks of this key must be done one at a time,
     * in order. Called by fronts; must not block. */
    struct text (*key)(const struct exchange *exchange, bool *alone);

    /* Does a task and ends it: with module_answered, or with module_move into
     * another strand. Takes task. May block. A request for a mount that has no
     * module (/-/) may come too, with the key "": module_do answers it. */
    void (*run)(struct module *module, struct task *task);

    /* Does some of the n tasks of one strand that is alone, from the first on.
     * Ends each of them as run does, and returns their number. The others go
     * back to the strand and are done later: after *rest_ms, or at once if that
     * is 0. May block. NULL: run does the tasks one by one. */
    size_t (*run_many)(struct module *module, struct task **tasks, size_t n,
                       unsigned *rest_ms);

    /* Frees task->state (it may be NULL) of a task that will not be done: the
     * server ends, or the task is refused. May be NULL. */
    void (*forget)(struct task *task);

    /* Returns the number of workers. */
    size_t (*workers)(const struct settings *settings);
    /* Returns how long a task waits for a key that is held (module_hold). NULL:
     * 0 ms. */
    uint64_t (*patience_ms)(const struct settings *settings);
};

enum { MODULE_BATCH = 64 }; /* the most tasks that run_many gets */

/* ---- a running module (module.c) ---- */

struct module {
    /* These do not change after module_open. */
    const struct module_kind *kind;
    struct server *server;     /* borrowed */
    const struct mount *mount; /* borrowed */
    void *state;               /* made by kind->open */
    char name[64];             /* "static_file_server", then " " and its mount's
                                  name if that is not "" */
    size_t worker_count;
    size_t key_max;       /* requests that may wait for one key */
    uint64_t patience_ms; /* as kind->patience_ms returned it */
    pthread_t master;     /* a thread that watches the waiting tasks */
    pthread_t *workers;   /* owned; worker_count */

    pthread_mutex_t lock; /* for what follows */
    struct strands strands;
    size_t sleepers; /* workers that wait for the gate, not yet woken */
    size_t away;     /* workers that do a task of an alone strand: it probably
                        writes, and so waits for the disk */
    size_t waking;   /* workers that were woken and do not run yet */
    size_t due;      /* of those, the ones for which sem_post(&gate) is still to
                        be called */
    /* The master sleeps without a time limit; sem_post(&watch) is still to be
     * called. */
    bool master_sleeps, master_due;
    bool stopping;

    sem_t gate;  /* workers sleep here: one post for each that must wake */
    sem_t watch; /* the master sleeps here */

    /* For the live page. */
    atomic_size_t waiting; /* tasks in strands */
    /* Tasks given to run or run_many; the largest `waiting` so far. */
    atomic_uint_fast64_t taken, deepest;
};

/* Makes a module and starts its threads. Borrows all three until module_close.
 * Returns the module, or NULL with errno. */
struct module *module_open(const struct module_kind *kind,
                           struct server *server, const struct mount *mount);

/* Lets every worker finish its task and joins all threads. Takes module. Frees
 * the tasks that are left, but does not close their connections. */
void module_close(struct module *module);

/* Adds a chain of tasks (task->next), each allocated with malloc. Takes the
 * chain, and with each task its connection until that is back in task->home. A
 * task that there is no room for is refused: its connection comes back with an
 * answer 503, or with the wish CONN_CLOSE. */
void module_add(struct module *module, struct task *chain);

/* Returns true if so many tasks wait that a new request should be refused. */
bool module_is_full(const struct module *module);

/* ---- for a worker in run ---- */

/* Calls the function of conn/ that task->kind names. May block. */
void module_do(struct task *task);

/* Sends the connection back to its front, through task->home. Takes task. */
void module_answered(struct task *task);

/* The same for n tasks. Neighbours of one front go back together. Takes the
 * tasks, not the array. */
void module_answered_all(struct task **tasks, size_t n);

/* Returns true if the request has waited for some time and its client has gone.
 * A request that only reads need not be done then: set its connection's wish to
 * CONN_CLOSE. A write must be done all the same, because its client may count
 * on it. */
bool module_in_vain(const struct task *task);

/* Moves the task into another strand; key is copied. Returns true and takes the
 * task; or returns false, because too many wait there or there is no memory,
 * and the task is still the caller's. */
bool module_move(struct module *module, struct task *task, struct text key,
                 bool alone);

/* held true: from now on no worker may take tasks from the alone strand of that
 * key. held false ends that. Calls nest. key is copied. From any thread.
 *
 * A task that has waited for patience_ms all the same is late. It is moved to a
 * strand of its own and run although the key is held, and gets the answer that
 * is possible then, such as SQLITE_BUSY. */
void module_hold(struct module *module, struct text key, bool held);

/* ---- the modules ---- */

extern const struct module_kind static_file_server;
extern const struct module_kind sqlite_database;
extern const struct module_kind module_skeleton;

#endif
