/* stats.h - what the server counts about itself.
 *
 * Each thread adds to a block of its own, so it needs no lock and shares no
 * cache line. A reader adds the blocks up. */
#ifndef FIVEFOLD_REPORT_STATS_H
#define FIVEFOLD_REPORT_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is counted: its name here, its group, and its name inside the group. A
 * group is one JSON object and one Prometheus family. status/figures.c explains
 * each counter. would_block counts those of the same system_calls that found
 * nothing to do (EAGAIN). */
#define STATS_COUNTERS(X)                                                      \
    X(accepted, connections, "accepted")                                       \
    X(refused, connections, "refused")                                         \
    X(closed, connections, "closed")                                           \
    X(expired, connections, "expired")                                         \
    X(shed, connections, "shed")                                               \
    X(requests, requests, "answered")                                          \
    X(address_refused, per_address, "refused")                                 \
    X(address_limited, per_address, "limited")                                 \
    X(address_banned, per_address, "banned")                                   \
    X(bans, per_address, "bans")                                               \
    X(passwords_checked, passwords, "checked")                                 \
    X(passwords_wrong, passwords, "wrong")                                     \
    X(passwords_remembered, passwords, "remembered")                           \
    X(passwords_refused, passwords, "refused")                                 \
    X(passwords_limited, passwords, "limited")                                 \
    X(status_1xx, answers, "1xx")                                              \
    X(status_2xx, answers, "2xx")                                              \
    X(status_3xx, answers, "3xx")                                              \
    X(status_4xx, answers, "4xx")                                              \
    X(status_5xx, answers, "5xx")                                              \
    X(bytes_in, bytes, "in")                                                   \
    X(bytes_out, bytes, "out")                                                 \
    X(wakeups, loop, "wakeups")                                                \
    X(sys_accept, system_calls, "accept")                                      \
    X(sys_wait, system_calls, "wait")                                          \
    X(sys_watch, system_calls, "watch")                                        \
    X(sys_recv, system_calls, "recv")                                          \
    X(sys_recv_again, would_block, "recv")                                     \
    X(sys_send, system_calls, "send")                                          \
    X(sys_send_again, would_block, "send")                                     \
    X(sys_sendfile, system_calls, "sendfile")                                  \
    X(sys_open, system_calls, "open")                                          \
    X(sys_read, system_calls, "read")                                          \
    X(sys_write, system_calls, "write")                                        \
    X(sys_fsync, system_calls, "fsync")                                        \
    X(sql_statements, sql, "statements")                                       \
    X(sql_prepared, sql, "prepared")                                           \
    X(sql_busy, sql, "busy")                                                   \
    X(sql_groups, sql, "groups")                                               \
    X(sql_grouped, sql, "grouped")                                             \
    X(sql_at_once, sql, "at_once")

enum stats_counter {
#define X(name, group, key) STAT_##name,
    STATS_COUNTERS(X)
#undef X
        STATS_COUNT
};

enum {
    STATS_LATENCY_BUCKETS = 40, /* bucket i ends at 2^i microseconds / 4 */
    STATS_STATES = 8,           /* the most states that a connection can have */
};

struct stats_block {
    _Atomic uint64_t counters[STATS_COUNT];
    _Atomic uint64_t latency[STATS_LATENCY_BUCKETS];
    _Atomic uint64_t latency_sum_ns;
    _Atomic int64_t states[STATS_STATES]; /* connections by state */

    /* What the status page shows of the thread. */
    unsigned number;             /* from 1, in order of each thread's first
                                    count */
    _Atomic(const char *) name;  /* NULL: the thread is not shown */
    _Atomic(const char *) doing; /* NULL: idle */
    _Atomic uint64_t steps;      /* steps that have ended: see stats_doing */

    struct stats_block *next;
};

extern _Thread_local struct stats_block *stats_mine; /* NULL before first use */

/* Makes the calling thread's block and returns it, borrowed until stats_close.
 * The block still counts in the sums after the thread has ended. Without memory
 * it returns a spare block that such threads share; some counts may be lost
 * then. */
struct stats_block *stats_register(void);

static inline struct stats_block *stats_block(void)
{
    return stats_mine ? stats_mine : stats_register();
}

/* Adds n to a counter of the calling thread. No other thread writes this block,
 * so a load and a store are enough. They are atomic so that a reader never sees
 * a half-written value. */
static inline void stats_add(enum stats_counter counter, uint64_t n)
{
    _Atomic uint64_t *at = &stats_block()->counters[counter];
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* From now on the statistics, ps and top show the calling thread under this
 * name. Several threads may have the same name. In a pipeline it is the name of
 * the place (see below) that the thread takes connections from, if there is
 * one. NULL: the statistics no longer show it. name is a literal without
 * characters that JSON or a Prometheus label would escape. */
void stats_thread(const char *name);

/* stats_doing: the calling thread begins a step of a connection. what is a
 * literal like a thread's name ("recv"). stats_done: the step has ended, and
 * the thread is idle. */
static inline void stats_doing(const char *what)
{
    atomic_store_explicit(&stats_block()->doing, what, memory_order_relaxed);
}

static inline void stats_done(void)
{
    struct stats_block *block = stats_block();
    atomic_store_explicit(
        &block->steps,
        atomic_load_explicit(&block->steps, memory_order_relaxed) + 1,
        memory_order_relaxed);
    atomic_store_explicit(&block->doing, NULL, memory_order_relaxed);
}

/* A place where connections wait. In a poll list they wait for the kernel, in a
 * queue for a thread. All pointers are borrowed until stats_close, and read at
 * any time. */
struct stats_place {
    const char *name;                    /* a literal, like a thread's name */
    const atomic_size_t *connections;    /* that wait there now */
    const atomic_uint_fast64_t *taken;   /* connections taken from it since the
                                            start */
    const atomic_uint_fast64_t *deepest; /* the most that waited in a queue;
                                            NULL: a poll list */
    const atomic_uint_fast64_t *stale;   /* a poll list's events that came too
                                            late for their connection; NULL: a
                                            queue */
};

/* Adds a place to those that are shown. They are shown in the order of these
 * calls. Several may have the same name. place is copied. Call it before any
 * thread can read the statistics. */
void stats_place_add(const struct stats_place *place);

/* A connection has changed its state. from -1: it is new; to -1: it is closed.
 */
void stats_state(int from, int to);

/* An exchange took ns nanoseconds, from the head's first byte to the last
 * byte sent. */
void stats_latency(uint64_t ns);

/* Frees all blocks; no thread may count any more. */
void stats_close(void);

/* ---- for status/figures.c, which shows them ---- */

/* Returns the counter's sum over all threads. */
uint64_t stats_sum(enum stats_counter counter);
/* Returns the number of connections in that state. */
uint64_t stats_sum_state(size_t state);

struct stats_latency {
    uint64_t count[STATS_LATENCY_BUCKETS];
    uint64_t total, sum_ns; /* all exchanges: their number, their time */
};
/* Returns the latencies of all threads together. */
struct stats_latency stats_sum_latency(void);

/* Returns where that bucket ends: latencies in it are shorter. */
static inline uint64_t stats_bucket_ns(size_t bucket)
{
    return (uint64_t)250 << bucket;
}

/* Sets *all to the places, in the order in which they were added; borrowed
 * until stats_close. Returns their number. */
size_t stats_places(const struct stats_place **all);

/* A thread that the statistics show. */
struct stats_thread {
    const struct stats_block *block; /* NULL: before the first thread */
    unsigned number;
    const char *name, *doing; /* doing NULL: idle */
    uint64_t steps;
};

/* Fills *at with the next thread that is shown. Start with all of it zero.
 * Returns false if there is no further thread. */
bool stats_next_thread(struct stats_thread *at);

#endif
