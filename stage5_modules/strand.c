/* strand.c - see strand.h: where tasks wait.
 *
 * key -> hash -> bucket -> strand -> [settle] -> ready -> a worker
 *
 * Nothing here waits or wakes by itself: module.c has the threads. */
#include "strand.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table of strands ---- */

struct strand *strand_new(struct text key, bool alone, uint64_t hash)
{
    struct strand *made = calloc(1, sizeof *made + key.length + 1);
    if (made == NULL)
        return NULL;
    char *copy = (char *)(made + 1);
    if (key.length > 0)
        memcpy(copy, key.data, key.length);
    made->key = (struct text){copy, key.length};
    made->alone = alone;
    made->hash = hash;
    return made;
}

static struct strand *find_locked(const struct module *module, struct text key,
                                  bool alone, uint64_t hash)
{
    struct strand *at = module->buckets[hash & (STRAND_BUCKETS - 1)];
    while (at != NULL && (at->hash != hash || at->alone != alone ||
                          !text_equal(at->key, key)))
        at = at->next;
    return at;
}

struct strand *strand_of_locked(struct module *module, struct text key,
                                bool alone)
{
    uint64_t hash = text_hash(alone, key);
    struct strand *at = find_locked(module, key, alone, hash);
    if (at != NULL)
        return at;
    at = strand_new(key, alone, hash);
    if (at == NULL)
        return NULL;
    at->next = module->buckets[hash & (STRAND_BUCKETS - 1)];
    module->buckets[hash & (STRAND_BUCKETS - 1)] = at;
    atomic_fetch_add(&module->strands, 1);
    return at;
}

bool strand_may_grow_locked(const struct module *module,
                            const struct strand *strand)
{
    const struct strand *from =
        find_locked(module, strand->key, false, text_hash(false, strand->key));
    return from != NULL && from->ready;
}

static void strand_retire_locked(struct module *module, struct strand *strand)
{
    struct strand **at = &module->buckets[strand->hash & (STRAND_BUCKETS - 1)];
    if (!strand->loose) {
        while (*at != strand)
            at = &(*at)->next;
        *at = strand->next;
        atomic_fetch_sub(&module->strands, 1);
    }
    free(strand);
}

/* ---- tasks in a strand ---- */

void strand_put(struct strand *strand, struct task *task)
{
    task->next = NULL;
    if (strand->last != NULL)
        strand->last->next = task;
    else
        strand->first = task;
    strand->last = task;
    strand->count++;
}

struct task *strand_take(struct strand *strand)
{
    struct task *task = strand->first;
    strand->first = task->next;
    if (strand->first == NULL)
        strand->last = NULL;
    strand->count--;
    return task;
}

void strand_put_back(struct strand *strand, struct task *task)
{
    task->next = strand->first;
    strand->first = task;
    if (strand->last == NULL)
        strand->last = task;
    strand->count++;
}

/* ---- from waiting to ready ---- */

static void ready_put_locked(struct module *module, struct strand *strand)
{
    strand->ready = true;
    strand->later = NULL;
    if (module->ready_last != NULL)
        module->ready_last->later = strand;
    else
        module->ready_first = strand;
    module->ready_last = strand;
    module->ready_count++;
    module_wake_locked(module);
}

struct strand *strand_next_locked(struct module *module)
{
    struct strand *strand = module->ready_first;
    if (strand == NULL)
        return NULL;
    module->ready_first = strand->later;
    if (module->ready_first == NULL)
        module->ready_last = NULL;
    module->ready_count--;
    strand->ready = false;
    return strand;
}

static void set_blocked_locked(struct module *module, struct strand *strand,
                               bool blocked)
{
    if (strand->blocked == blocked)
        return;
    strand->blocked = blocked;
    module->blocked += blocked ? 1 : (size_t)-1;
    if (blocked)
        module_wake_master_locked(module);
}

void strand_settle_locked(struct module *module, struct strand *strand)
{
    size_t max = strand->alone ? 1 : module->shared_max;
    bool blocked =
        strand->count > 0 && (strand->held > 0 || strand->rest_ms > 0);
    set_blocked_locked(module, strand, blocked);
    if (strand->count > 0 && !blocked && !strand->ready && strand->active < max)
        ready_put_locked(module, strand);
    if (strand->count == 0 && strand->active == 0 && strand->held == 0 &&
        !strand->ready)
        strand_retire_locked(module, strand);
}

void strand_forget(struct module *module, struct strand *strand)
{
    while (strand->count > 0) {
        struct task *task = strand_take(strand);
        if (module->kind->forget != NULL)
            module->kind->forget(task);
        free(task);
    }
    free(strand);
}
