/* stats.h - what the server counts about itself.
 *
 * Each thread adds to a block of its own (no lock, no shared cache line);
 * readers add the blocks up. */
#ifndef FIVEFOLD_STATS_H
#define FIVEFOLD_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is counted: name, group, and what it is called inside the group. A
 * group is one JSON object and one Prometheus family; what each means is said
 * in status/figures.c. would_block says how many of the same system_calls had
 * nothing to do. */
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
    STATS_LATENCY_BUCKETS = 40, /* bucket i: below 2^i microseconds / 4 */
    STATS_STATES = 8,           /* no connection has more */
};

struct stats_block {
    _Atomic uint64_t counters[STATS_COUNT];
    _Atomic uint64_t latency[STATS_LATENCY_BUCKETS];
    _Atomic uint64_t latency_sum_ns;
    _Atomic int64_t states[STATS_STATES]; /* connections by state */

    /* What the thread shows of itself. */
    unsigned number;             /* from 1, in order of the first count */
    _Atomic(const char *) name;  /* NULL: not shown */
    _Atomic(const char *) doing; /* NULL: idle */
    _Atomic uint64_t steps;

    struct stats_block *next;
};

extern _Thread_local struct stats_block *stats_mine; /* NULL before first use */

/* Makes the calling thread's block. It stays in the sums when the thread has
 * ended. Without memory all such threads share a spare one: then some counts
 * may be lost. */
struct stats_block *stats_register(void);

static inline struct stats_block *stats_block(void)
{
    return stats_mine ? stats_mine : stats_register();
}

/* Only this thread writes its block, so a plain load and store are enough; they
 * are atomic so that a reader sees no torn value. */
static inline void stats_add(enum stats_counter counter, uint64_t n)
{
    _Atomic uint64_t *at = &stats_block()->counters[counter];
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* The calling thread is shown under that name from now on, here and by ps and
 * top; several may have the same. In a pipeline it is the name of the place
 * that the thread takes connections from, if there is one. NULL: shown no more.
 * A literal that no JSON or label has to escape. */
void stats_thread(const char *name);

/* The calling thread begins a step of a connection ("recv", a literal like a
 * thread's name); stats_done: it has ended, and the thread is idle. */
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

/* A place where connections wait: in a poll list for the kernel, in a queue for
 * a thread. All is borrowed until stats_close, and read at any time. */
struct stats_place {
    const char *name; /* as a thread's */
    const atomic_size_t *connections;
    const atomic_uint_fast64_t *taken;   /* connections, since the start */
    const atomic_uint_fast64_t *deepest; /* a queue's most; NULL: a poll list */
    const atomic_uint_fast64_t *stale;   /* a poll list's events that came too
                                            late for their connection; NULL: a
                                            queue */
};

/* Has it shown, in the order of these calls; several may have the same name.
 * place is copied. Call while nobody can ask for the figures yet. */
void stats_place_add(const struct stats_place *place);

/* A connection has gone from one state to another; -1 for none. */
void stats_state(int from, int to);

/* An exchange took that long from the head's first byte to the last byte sent.
 */
void stats_latency(uint64_t ns);

/* Frees all blocks; no thread may count any more. */
void stats_close(void);

/* ---- for who shows them (status/figures.c) ---- */

/* The sum over all threads. */
uint64_t stats_sum(enum stats_counter counter);
/* Connections in that state. */
uint64_t stats_sum_state(size_t state);

struct stats_latency {
    uint64_t count[STATS_LATENCY_BUCKETS];
    uint64_t total, sum_ns;
};
struct stats_latency stats_sum_latency(void);

/* Where bucket i ends. */
static inline uint64_t stats_bucket_ns(size_t bucket)
{
    return (uint64_t)250 << bucket;
}

/* All places, in the order in which they were added; borrowed until
 * stats_close. Returns how many. */
size_t stats_places(const struct stats_place **all);

/* A thread that is shown. */
struct stats_thread {
    const struct stats_block *block; /* NULL: before the first */
    unsigned number;
    const char *name, *doing; /* doing NULL: idle */
    uint64_t steps;
};

/* Goes on to the next; false: there is none. */
bool stats_next_thread(struct stats_thread *at);

#endif
