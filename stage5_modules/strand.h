/* strand.h - the queue of one key, and the list of those that a worker may go
 * to. What strand.c and module.c share; nobody else includes it.
 *
 * A strand is in the module's table while it has tasks, workers, or is held. It
 * is ready when a worker may go to it, and then in the list of ready ones,
 * once. Everything here is under the module's lock. */
#ifndef FIVEFOLD_STRAND_H
#define FIVEFOLD_STRAND_H

#include "module.h"

struct strand {
    /* Fixed. */
    struct text key; /* behind the struct */
    uint64_t hash;
    bool alone; /* one worker at a time, in order */
    bool loose; /* not in the table: of one task that is late */

    /* Under the module's lock. */
    struct task *first, *last; /* waiting */
    size_t count;
    size_t active;        /* workers that work on it */
    size_t held;          /* module_hold */
    uint64_t rest_ms;     /* monotonic: not before; 0: any time */
    bool ready;           /* in the list of ready ones */
    bool blocked;         /* counted in module->blocked */
    struct strand *next;  /* in the bucket */
    struct strand *later; /* behind it in the list of ready ones */
};

/* One that is in no table yet; given. NULL without memory. */
struct strand *strand_new(struct text key, bool alone, uint64_t hash);

/* Finds that of the key, or makes it. NULL without memory. */
struct strand *strand_of_locked(struct module *module, struct text key,
                                bool alone);

/* Somebody may soon go to the shared tasks of the same key, of which some will
 * come to this strand. */
bool strand_may_grow_locked(const struct module *module,
                            const struct strand *strand);

/* Behind all others; the first of at least one; back to where it was, before
 * all others. settle is due after each. */
void strand_put(struct strand *strand, struct task *task);
struct task *strand_take(struct strand *strand);
void strand_put_back(struct strand *strand, struct task *task);

/* Something about the strand has changed: makes it ready, or frees it, or
 * neither. The one place that decides this. */
void strand_settle_locked(struct module *module, struct strand *strand);

/* The strand whose turn it is, which is not ready any more; NULL: none is. */
struct strand *strand_next_locked(struct module *module);

/* Frees it with its tasks, which nobody will do. No thread is left. */
void strand_forget(struct module *module, struct strand *strand);

/* ---- what settling wakes (module.c) ---- */

/* Something is ready: as many workers as pay for it. */
void module_wake_locked(struct module *module);

/* The master looks at what nobody else comes back to. */
void module_wake_master_locked(struct module *module);

#endif
