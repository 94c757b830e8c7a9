/* module.h - a module: what answers requests, and the threads that do it.
 *
 *     front --module_add--> strands, by key --> ready --> workers
 *       ^                      ^    ^                        |
 *       |                      |    +-- module_move ---------+
 *       +------- inbox <-------|------- module_answered -----+
 *                              +-- module_hold, by whoever locks a key
 *
 * The rest of the server only adds tasks and takes connections back. A task
 * belongs to a strand, the queue of one key (a file, a database). On a strand
 * for one at a time no two workers ever work, and yet none waits for another:
 * what comes for a busy key stands in its strand, and whoever finishes there
 * makes it ready again. Ready strands take turns, one task each, so that a key
 * that is asked for all the time does not keep the others waiting. A strand
 * with nothing in it is freed. */
#ifndef FIVEFOLD_MODULE_H
#define FIVEFOLD_MODULE_H

#include "core/mount.h"
#include "core/server.h"
#include "inbox.h"
#include "strand.h"

#include <semaphore.h>

/* ---- what a module has to say about itself ---- */

struct module;

struct module_kind {
    const char *name; /* of its threads and its queue; a literal */
    const struct handler *handler;

    /* Makes module->state from module->mount. 0, or -1 with errno. May be
     * NULL. */
    int (*open)(struct module *module);
    void (*close)(struct module *module);

    /* Whose strand a new task is for: borrowed from the exchange. alone: one at
     * a time, in order. Called by fronts, never blocks. */
    struct text (*key)(const struct exchange *exchange, bool *alone);

    /* Does a task: answers it (module_answered) or moves it. */
    void (*run)(struct module *module, struct task *task);

    /* Does several tasks of a strand for one at a time, from the first on, and
     * returns how many, each answered or moved. The others go on later: after
     * *rest_ms, or at once. NULL: run does them one by one. */
    size_t (*run_many)(struct module *module, struct task **tasks, size_t n,
                       unsigned *rest_ms);

    /* A task that will not be done, as the server ends: frees task->state. May
     * be NULL. */
    void (*forget)(struct task *task);

    /* How many threads; how long a task waits for a key that is held. */
    size_t (*workers)(const struct settings *settings);
    uint64_t (*patience_ms)(const struct settings *settings);
};

enum { MODULE_BATCH = 64 }; /* tasks that run_many gets at the most */

/* ---- a running module (module.c) ---- */

struct module {
    /* Fixed after module_open. */
    const struct module_kind *kind;
    struct server *server;     /* borrowed */
    const struct mount *mount; /* borrowed */
    void *state;               /* the kind's */
    char name[64];             /* "static_file_server", or with its mount's */
    size_t worker_count;
    size_t key_max; /* requests that may wait for one key */
    uint64_t patience_ms;
    pthread_t master;
    pthread_t *workers; /* owned; worker_count */

    pthread_mutex_t lock; /* for what follows */
    struct strands strands;
    size_t sleepers; /* workers that wait for the gate */
    size_t away;     /* workers at a strand for one at a time: such tasks write,
                        and who writes waits for the disk */
    size_t waking;   /* workers that have been woken and have not come yet */
    size_t due;      /* of these, posts that are still to be made */
    bool master_sleeps, master_due;
    bool stopping;

    sem_t gate;  /* one post for each worker that is to wake */
    sem_t watch; /* the master's */

    /* For the live page. */
    atomic_size_t waiting; /* tasks in strands */
    atomic_uint_fast64_t taken, deepest;
};

/* Starts the module's threads. NULL with errno. */
struct module *module_open(const struct module_kind *kind,
                           struct server *server, const struct mount *mount);

/* Lets every worker finish what it is doing and joins all. Tasks that are left
 * are forgotten; their connections are not closed. */
void module_close(struct module *module);

/* Takes a chain of tasks (task->next). */
void module_add(struct module *module, struct task *chain);

/* True: so much is waiting that a request had better be refused. */
bool module_is_full(const struct module *module);

/* ---- for a worker in run ---- */

/* Does what task->kind says, and nothing else. */
void module_do(struct task *task);

/* The connection goes home. Takes task. */
void module_answered(struct task *task);

/* The same for n tasks, with one look at the inbox of each front. */
void module_answered_all(struct task **tasks, size_t n);

/* True for a request that has waited, and whose client has gone meanwhile: it
 * need not be done if it only reads, and its connection's wish is CONN_CLOSE. A
 * write is done all the same, as whoever has sent it may count on it. */
bool module_in_vain(const struct task *task);

/* Puts the task into another strand. Takes it, but when it returns false: too
 * many wait there, or there is no memory. */
bool module_move(struct module *module, struct task *task, struct text key,
                 bool alone);

/* Who works on the strand for one at a time of that key has to wait (held), or
 * may go on. Calls nest. From any thread. */
void module_hold(struct module *module, struct text key, bool held);

/* ---- the modules ---- */

extern const struct module_kind static_file_server;
extern const struct module_kind sqlite_database;
extern const struct module_kind module_skeleton;

#endif
