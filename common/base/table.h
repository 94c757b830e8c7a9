/* table.h - a hash table of things that are found by a key of their own.
 *
 * hash -> bucket -> a chain of links, each a member of its thing
 *
 * Nothing is allocated but the buckets, whose number is fixed: who opens the
 * table knows how many things there may be. The hash is text_hash's, so nobody
 * can choose keys that meet in one bucket; things of one hash are told apart by
 * whoever looks:
 *
 *     struct table_link *at = table_first(&table, hash);
 *     for (; at != NULL; at = table_next(at)) {
 *         struct thing *thing = OWNER_OF(at, struct thing, link);
 *         if (is_it(thing))
 *             return thing;
 *     }
 *
 * Not locked. */
#ifndef FIVEFOLD_TABLE_H
#define FIVEFOLD_TABLE_H

#include "base/owner.h"

#include <stdint.h>
#include <stdlib.h>

struct table_link {
    struct table_link *next; /* in the bucket */
    uint64_t hash;
};

struct table {
    struct table_link **buckets; /* owned; mask + 1 of them */
    size_t mask;
};

/* With a bucket for each of so many things, or a few more. Returns 0, or -1
 * with errno ENOMEM. */
static inline int table_open(struct table *table, size_t things)
{
    size_t count = 1;
    while (count < things)
        count *= 2;
    table->buckets = calloc(count, sizeof *table->buckets);
    table->mask = count - 1;
    return table->buckets != NULL ? 0 : -1;
}

/* Frees the buckets; what is in them is the caller's. All zero is allowed. */
static inline void table_close(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}

static inline void table_add(struct table *table, struct table_link *link,
                             uint64_t hash)
{
    struct table_link **bucket = &table->buckets[hash & table->mask];
    link->hash = hash;
    link->next = *bucket;
    *bucket = link;
}

/* Takes out a link that is in it. */
static inline void table_remove(struct table *table, struct table_link *link)
{
    struct table_link **at = &table->buckets[link->hash & table->mask];
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
}

/* The first of that hash, and the next of the same; NULL: no more. */
static inline struct table_link *table_of_hash(struct table_link *at,
                                               uint64_t hash)
{
    while (at != NULL && at->hash != hash)
        at = at->next;
    return at;
}

static inline struct table_link *table_first(const struct table *table,
                                             uint64_t hash)
{
    return table_of_hash(table->buckets[hash & table->mask], hash);
}

static inline struct table_link *table_next(const struct table_link *at)
{
    return table_of_hash(at->next, at->hash);
}

/* All of them, in no order: the first with NULL, then behind that one. Ask for
 * the next before that one is taken out. NULL: no more. */
static inline struct table_link *table_walk(const struct table *table,
                                            const struct table_link *at)
{
    size_t bucket = 0;
    if (at != NULL && at->next != NULL)
        return at->next;
    if (at != NULL)
        bucket = (at->hash & table->mask) + 1;
    while (table->buckets != NULL && bucket <= table->mask) {
        if (table->buckets[bucket] != NULL)
            return table->buckets[bucket];
        bucket++;
    }
    return NULL;
}

#endif
