/* strand.c - see strand.h: the queues in which tasks wait.
 *
 * key -> hash -> bucket -> strand -> [settle] -> ready -> a worker */
#include "strand.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table of strands ---- */

struct strand *strand_new(struct text key, bool alone)
{
    struct strand *made = calloc(1, sizeof *made + key.length + 1);
    if (made == NULL)
        return NULL;
    char *copy = (char *)(made + 1);
    if (key.length > 0)
        memcpy(copy, key.data, key.length);
    made->key = (struct text){copy, key.length};
    made->alone = alone;
    return made;
}

static struct strand *find(const struct strands *strands, struct text key,
                           bool alone, uint64_t hash)
{
    struct table_link *at = table_first(&strands->by_key, hash);
    for (; at != NULL; at = table_next(at)) {
        struct strand *strand = OWNER_OF(at, struct strand, by_key);
        if (strand->alone == alone && text_equal(strand->key, key))
            return strand;
    }
    return NULL;
}

struct strand *strand_of(struct strands *strands, struct text key, bool alone)
{
    uint64_t hash = text_hash(alone, key);
    struct strand *strand = find(strands, key, alone, hash);
    if (strand == NULL && (strand = strand_new(key, alone)) != NULL) {
        table_add(&strands->by_key, &strand->by_key, hash);
        atomic_fetch_add(&strands->count, 1);
    }
    return strand;
}

bool strand_may_grow(const struct strands *strands, const struct strand *strand)
{
    const struct strand *from =
        find(strands, strand->key, false, text_hash(false, strand->key));
    return from != NULL && from->ready;
}

static void strand_retire(struct strands *strands, struct strand *strand)
{
    if (!strand->loose) {
        table_remove(&strands->by_key, &strand->by_key);
        atomic_fetch_sub(&strands->count, 1);
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

static void ready_put(struct strands *strands, struct strand *strand)
{
    strand->ready = true;
    strand->later = NULL;
    if (strands->ready_last != NULL)
        strands->ready_last->later = strand;
    else
        strands->ready_first = strand;
    strands->ready_last = strand;
    strands->ready_count++;
    strands->fresh++;
}

struct strand *strand_next(struct strands *strands)
{
    struct strand *strand = strands->ready_first;
    if (strand == NULL)
        return NULL;
    strands->ready_first = strand->later;
    if (strands->ready_first == NULL)
        strands->ready_last = NULL;
    strands->ready_count--;
    strand->ready = false;
    return strand;
}

static void set_blocked(struct strands *strands, struct strand *strand,
                        bool blocked)
{
    if (strand->blocked == blocked)
        return;
    strand->blocked = blocked;
    strands->blocked += blocked ? 1 : (size_t)-1;
    strands->newly_blocked |= blocked;
}

void strand_settle(struct strands *strands, struct strand *strand)
{
    size_t max = strand->alone ? 1 : strands->shared_max;
    bool blocked =
        strand->count > 0 && (strand->held > 0 || strand->rest_ms > 0);
    set_blocked(strands, strand, blocked);
    if (strand->count > 0 && !blocked && !strand->ready && strand->active < max)
        ready_put(strands, strand);
    if (strand->count == 0 && strand->active == 0 && strand->held == 0 &&
        !strand->ready)
        strand_retire(strands, strand);
}

struct strand *strand_take_any(struct strands *strands)
{
    struct strand *strand;
    /* A loose strand is only in the ready list, not in the table. */
    while ((strand = strand_next(strands)) != NULL)
        if (strand->loose)
            return strand;
    struct table_link *at = table_walk(&strands->by_key, NULL);
    if (at == NULL)
        return NULL;
    table_remove(&strands->by_key, at);
    return OWNER_OF(at, struct strand, by_key);
}
