/* strand.h - a strand is the queue of one key (a file, a database) in a module.
 * There are two kinds: from a shared strand several workers may take tasks at
 * the same time, from one that is alone only one worker, in order. A key may
 * have one of each, as a database has for its reads and its writes.
 *
 * A strand is in the table while it has tasks or workers, or while it is held:
 * while its key is locked, so that no worker may take its tasks. It is ready
 * when a worker may take a task from it; then it is in the ready list, once.
 * These functions do not lock, wait or wake. Their caller has the module's lock
 * (module.c), and handles `fresh` and `newly_blocked` before it unlocks. */
#ifndef FIVEFOLD_STRAND_H
#define FIVEFOLD_STRAND_H

#include "base/table.h"
#include "base/text.h"

#include <stdatomic.h>

struct conn;
struct inbox;

enum task_kind {
    TASK_WORK,   /* call conn_work */
    TASK_STREAM, /* call conn_stream */
    TASK_STEP,   /* call conn_step, which may wait for the disk */
};

/* A connection, and what a worker must do with it. The thread that has the task
 * owns the connection. */
struct task {
    struct conn *conn;
    struct inbox *home; /* its front's: conn goes there when it is done */
    enum task_kind kind;
    bool late; /* has waited patience_ms for a key that is held, or for a
                          database that another process has locked */
    uint64_t since_ms; /* monotonic: when it was put into its strand */
    void *state;       /* the module's own, kept from one strand to the next */
    struct task *next;
};

struct strand {
    /* These do not change. */
    struct text key; /* its bytes are after the struct */
    bool alone;      /* one worker at a time, tasks in order. Not alone: shared
                        by several workers */
    bool loose;      /* not in the table: made for one task that is late */

    struct task *first, *last; /* waiting */
    size_t count;
    size_t active;    /* workers that do tasks of it now */
    size_t held;      /* calls of module_hold that have not ended */
    uint64_t rest_ms; /* monotonic: no task before this time; 0: any time */
    bool ready;       /* in the ready list */
    bool blocked;     /* counted in strands->blocked */
    struct table_link by_key;
    struct strand *later; /* the next one in the ready list */
};

enum { STRAND_BUCKETS = 1024 }; /* buckets of the table; keys may be more */

struct strands {
    size_t shared_max; /* workers that a shared strand may have; fixed */

    struct table by_key;
    struct strand *ready_first, *ready_last;
    size_t ready_count;
    size_t blocked;     /* strands that have tasks and are held or rest */
    size_t fresh;       /* became ready since the last unlock (module.c) */
    bool newly_blocked; /* a strand became blocked since the last unlock */

    atomic_size_t count; /* strands in the table; read at any time */
};

/* Returns a new strand that is in no table, or NULL without memory. The caller
 * owns it; key is copied. */
struct strand *strand_new(struct text key, bool alone);

/* Returns the strand of the key in the table, borrowed. Makes it if needed; key
 * is copied. Returns NULL without memory. */
struct strand *strand_of(struct strands *strands, struct text key, bool alone);

/* Returns true if the shared strand of the same key is ready. Workers will take
 * its tasks soon, and may move some of them to this strand. */
bool strand_may_grow(const struct strands *strands,
                     const struct strand *strand);

/* put adds a task at the end. take removes and returns the first task; there
 * must be one. put_back adds a task before all others. Each of them needs a
 * call of strand_settle afterwards. */
void strand_put(struct strand *strand, struct task *task);
struct task *strand_take(struct strand *strand);
void strand_put_back(struct strand *strand, struct task *task);

/* Call after any change to a strand. Makes it ready, or frees it, or neither:
 * so do not use strand after it, unless it has tasks, workers or is held. This
 * is the only place that decides this. */
void strand_settle(struct strands *strands, struct strand *strand);

/* Removes the first strand from the ready list and returns it, borrowed, or
 * NULL if no strand is ready. */
struct strand *strand_next(struct strands *strands);

/* For the end of the module. Returns any strand, with its tasks, for the caller
 * to free, or NULL if there is none left. */
struct strand *strand_take_any(struct strands *strands);

#endif
