/* table.h - a hash table. The caller's own structs ("things") are its entries.
 *
 * hash -> bucket -> a chain of links, each a member of its thing
 *
 * The table allocates only the buckets. Their number is fixed, because the code
 * that opens a table knows how many things there can be. Use text_hash for the
 * hash, so that no client can choose keys that fall into one bucket. Two things
 * may have the same hash; the caller compares their keys:
 *
 *     struct table_link *at = table_first(&table, hash);
 *     for (; at != NULL; at = table_next(at)) {
 *         struct thing *thing = OWNER_OF(at, struct thing, link);
 *         if (is_it(thing))
 *             return thing;
 *     }
 *
 * Not thread-safe: the caller locks. */
#ifndef FIVEFOLD_BASE_TABLE_H
#define FIVEFOLD_BASE_TABLE_H

#include "base/owner.h"

#include <stdint.h>
#include <stdlib.h>

struct table_link {
    struct table_link *next; /* in the same bucket */
    uint64_t hash;
};

struct table {
    struct table_link **buckets; /* owned; mask + 1 of them */
    size_t mask;
};

/* Opens a table with at least one bucket per thing (the next power of two).
 * Returns 0, or -1 with errno ENOMEM. */
static inline int table_open(struct table *table, size_t things)
{
    size_t count = 1;
    while (count < things)
        count *= 2;
    table->buckets = calloc(count, sizeof *table->buckets);
    table->mask = count - 1;
    return table->buckets != NULL ? 0 : -1;
}

/* Frees the buckets. The things in them belong to the caller. A table that is
 * all zero may be closed too. */
static inline void table_close(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}

/* Adds a thing's link, which is borrowed until table_remove or table_close. */
static inline void table_add(struct table *table, struct table_link *link,
                             uint64_t hash)
{
    struct table_link **bucket = &table->buckets[hash & table->mask];
    link->hash = hash;
    link->next = *bucket;
    *bucket = link;
}

/* Removes a link, which must be in the table. */
static inline void table_remove(struct table *table, struct table_link *link)
{
    struct table_link **at = &table->buckets[link->hash & table->mask];
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
}

/* Returns the first link with that hash, from `at` on in its bucket, or NULL.
 */
static inline struct table_link *table_of_hash(struct table_link *at,
                                               uint64_t hash)
{
    while (at != NULL && at->hash != hash)
        at = at->next;
    return at;
}

/* Returns the first link with that hash, or NULL. The table must be open. */
static inline struct table_link *table_first(const struct table *table,
                                             uint64_t hash)
{
    return table_of_hash(table->buckets[hash & table->mask], hash);
}

/* Returns the next link with the same hash as `at`, or NULL. */
static inline struct table_link *table_next(const struct table_link *at)
{
    return table_of_hash(at->next, at->hash);
}

/* Walks through all links, in no special order. Returns the first one if at is
 * NULL, otherwise the one after at; NULL when there are no more. To remove a
 * link during the walk, ask for the next one before. */
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
