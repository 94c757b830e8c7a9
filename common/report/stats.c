/* stats.c - see stats.h.
 *
 * stats_add -> this thread's block -> (a reader sums all blocks) -> status/
 *
 * The blocks are in a list that only grows. A new block is pushed with a
 * compare-and-swap, so readers walk the list without a lock. */
#include "report/stats.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Thread_local struct stats_block *stats_mine;

static struct stats_block *_Atomic blocks;
static struct stats_block spare;
static atomic_uint block_count;

/* These do not change once the stage's threads run. */
static struct stats_place *places; /* owned */
static size_t place_count;

struct stats_block *stats_register(void)
{
    struct stats_block *block = calloc(1, sizeof *block);
    if (block == NULL)
        return &spare;
    block->number = atomic_fetch_add(&block_count, 1) + 1;
    block->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &block->next, block))
        continue;
    stats_mine = block;
    return block;
}

void stats_close(void)
{
    struct stats_block *block = atomic_exchange(&blocks, NULL);
    while (block != NULL) {
        struct stats_block *next = block->next;
        free(block);
        block = next;
    }
    stats_mine = NULL;
    block_count = 0;
    free(places);
    places = NULL;
    place_count = 0;
}

/* ps and top show the first 15 characters. The first thread keeps its name,
 * because that is also the name of the process. */
static void name_for_kernel(const char *name)
{
    char shown[16];
    if (name == NULL || gettid() == getpid())
        return;
    snprintf(shown, sizeof shown, "%.15s", name);
    pthread_setname_np(pthread_self(), shown);
}

void stats_thread(const char *name)
{
    struct stats_block *block = stats_block();
    name_for_kernel(name);
    if (block != &spare)
        atomic_store_explicit(&block->name, name, memory_order_relaxed);
}

void stats_place_add(const struct stats_place *place)
{
    struct stats_place *grown =
        realloc(places, (place_count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    places = grown;
    places[place_count++] = *place;
}

static void add(_Atomic uint64_t *at, uint64_t n)
{
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static void add_state(int state, int64_t n)
{
    if (state < 0)
        return;
    assert(state < STATS_STATES);
    _Atomic int64_t *at = &stats_block()->states[state];
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void stats_state(int from, int to)
{
    add_state(from, -1);
    add_state(to, 1);
}

void stats_latency(uint64_t ns)
{
    size_t bucket = 0;
    while (bucket < STATS_LATENCY_BUCKETS - 1 && ns >= stats_bucket_ns(bucket))
        bucket++;
    struct stats_block *block = stats_block();
    add(&block->latency[bucket], 1);
    add(&block->latency_sum_ns, ns);
}

uint64_t stats_sum(enum stats_counter counter)
{
    uint64_t sum =
        atomic_load_explicit(&spare.counters[counter], memory_order_relaxed);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        sum += atomic_load_explicit(&block->counters[counter],
                                    memory_order_relaxed);
    return sum;
}

/* A connection may be opened by one thread and closed by another. So the number
 * in one block may be negative, but the sum is not. A reader that runs between
 * two changes may see a negative sum for a moment; it is shown as 0. */
uint64_t stats_sum_state(size_t state)
{
    int64_t sum = atomic_load(&spare.states[state]);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        sum +=
            atomic_load_explicit(&block->states[state], memory_order_relaxed);
    return sum > 0 ? (uint64_t)sum : 0;
}

static void add_latency(struct stats_latency *sum,
                        const struct stats_block *block)
{
    for (size_t i = 0; i < STATS_LATENCY_BUCKETS; i++) {
        uint64_t n =
            atomic_load_explicit(&block->latency[i], memory_order_relaxed);
        sum->count[i] += n;
        sum->total += n;
    }
    sum->sum_ns +=
        atomic_load_explicit(&block->latency_sum_ns, memory_order_relaxed);
}

struct stats_latency stats_sum_latency(void)
{
    struct stats_latency sum = {0};
    add_latency(&sum, &spare);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        add_latency(&sum, block);
    return sum;
}

size_t stats_places(const struct stats_place **all)
{
    *all = places;
    return place_count;
}

bool stats_next_thread(struct stats_thread *at)
{
    const struct stats_block *block =
        at->block == NULL ? atomic_load(&blocks) : at->block->next;
    for (; block != NULL; block = block->next) {
        at->name = atomic_load_explicit(&block->name, memory_order_relaxed);
        if (at->name == NULL)
            continue;
        at->block = block;
        at->number = block->number;
        at->doing = atomic_load_explicit(&block->doing, memory_order_relaxed);
        at->steps = atomic_load_explicit(&block->steps, memory_order_relaxed);
        return true;
    }
    return false;
}
