/* strand.h - the queues of a module, one for each key, and the list of those
 * that a worker may go to.
 *
 * A strand is in the table while it has tasks, workers, or is held. It is ready
 * when a worker may go to it, and then in the list of ready ones, once. Nothing
 * here is locked, waits or wakes: whoever calls has the lock (module.c), and
 * looks at `fresh` and `newly_blocked` before letting go of it. */
#ifndef FIVEFOLD_STRAND_H
#define FIVEFOLD_STRAND_H

#include "base/table.h"
#include "base/text.h"

#include <stdatomic.h>

struct conn;
struct inbox;

enum task_kind {
    TASK_WORK,   /* conn_work */
    TASK_STREAM, /* conn_stream */
    TASK_STEP,   /* conn_step, which may wait for the disk */
};

/* Whoever has the task has the connection. */
struct task {
    struct conn *conn;
    struct inbox *home; /* where it goes when it is done */
    enum task_kind kind;
    bool late;         /* has waited for a held key as long as it may */
    uint64_t since_ms; /* when it was put into its strand */
    void *state;       /* the module's, from one strand to the next */
    struct task *next;
};

struct strand {
    /* Fixed. */
    struct text key; /* behind the struct */
    bool alone;      /* one worker at a time, in order */
    bool loose;      /* not in the table: of one task that is late */

    struct task *first, *last; /* waiting */
    size_t count;
    size_t active;    /* workers that work on it */
    size_t held;      /* module_hold */
    uint64_t rest_ms; /* monotonic: not before; 0: any time */
    bool ready;       /* in the list of ready ones */
    bool blocked;     /* counted in strands->blocked */
    struct table_link by_key;
    struct strand *later; /* behind it in the list of ready ones */
};

enum { STRAND_BUCKETS = 1024 }; /* for as many keys at a time */

struct strands {
    size_t shared_max; /* workers that one key may have at a time; fixed */

    struct table by_key;
    struct strand *ready_first, *ready_last;
    size_t ready_count;
    size_t blocked;     /* strands with tasks that are held, or rest */
    size_t fresh;       /* that have become ready, and nobody has looked */
    bool newly_blocked; /* one is, and nobody has looked */

    atomic_size_t count; /* of strands; read at any time */
};

/* One that is in no table yet; given. NULL without memory. */
struct strand *strand_new(struct text key, bool alone);

/* Finds that of the key, or makes it. NULL without memory. */
struct strand *strand_of(struct strands *strands, struct text key, bool alone);

/* Somebody may soon go to the shared tasks of the same key, of which some will
 * come to this strand. */
bool strand_may_grow(const struct strands *strands,
                     const struct strand *strand);

/* Behind all others; the first of at least one; back to where it was, before
 * all others. settle is due after each. */
void strand_put(struct strand *strand, struct task *task);
struct task *strand_take(struct strand *strand);
void strand_put_back(struct strand *strand, struct task *task);

/* Something about the strand has changed: makes it ready, or frees it, or
 * neither. The one place that decides this. */
void strand_settle(struct strands *strands, struct strand *strand);

/* The strand whose turn it is, which is not ready any more; NULL: none is. */
struct strand *strand_next(struct strands *strands);

/* At the end: takes any strand out, with its tasks, to be freed; NULL: there is
 * none left. */
struct strand *strand_take_any(struct strands *strands);

#endif
