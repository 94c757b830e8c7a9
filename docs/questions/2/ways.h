/* ways.h - question 2: the connections, and the ways to exclude others from
 * one; for measure.c and helgrind.c. One program, so the state is global. */
#ifndef QUESTION_2_WAYS_H
#define QUESTION_2_WAYS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    CONNECTIONS_MAX = 100000,
    STRIPES = 64,
    CHAIN = 16, /* connections that are handed over together */
    HOT = 16,   /* connections that stay in the first cache */
    RUNS = 5,
};

enum way { NONE, EACH, APART, STRIPED, ONE, OWNER, CHAINED, WAY_COUNT };

extern const char *const way_names[WAY_COUNT];

/* As large as the servers' connection with malloc's rounding, and the same in
 * each way; the mutex stands in the line that a step touches. */
struct connection {
    pthread_mutex_t lock;
    uint64_t steps;
    struct connection *next; /* of its chain */
    uint32_t pending;        /* busy: events that its owner will see to */
    bool owned;
    char rest[192];
};

/* What threads write to has a cache line of its own. */
struct stripe {
    _Alignas(64) pthread_mutex_t lock;
};

/* Of owner and chain. */
struct queue {
    _Alignas(64) pthread_mutex_t lock;
    sem_t tasks;
    size_t head, count;
    struct connection **ring; /* CONNECTIONS_MAX */
};

extern enum way way;
extern struct connection *connections;
extern uint32_t *order; /* a random permutation */
extern uint32_t count;
extern pthread_mutex_t *apart;
extern struct stripe stripes[STRIPES];
extern struct stripe one;
extern struct queue queue;
extern unsigned spins; /* of a step's work */

static inline uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void spin(unsigned n)
{
    for (volatile unsigned i = 0; i < n; i++)
        continue;
}

static inline void step(struct connection *conn)
{
    conn->steps++;
    spin(spins);
}

static inline pthread_mutex_t *lock_of(struct connection *conn)
{
    size_t i = (size_t)(conn - connections);
    switch (way) {
    case EACH:
        return &conn->lock;
    case APART:
        return &apart[i];
    case STRIPED:
        return &stripes[i % STRIPES].lock;
    default:
        return &one.lock;
    }
}

/* The queue: a connection or a chain of them. */
void put(struct connection *chain);
struct connection *take(void);

void allocate(void);
/* So many connections; all of them into the queue where there is one. */
void prepare(uint32_t connections_);

/* One of several threads that begin together. */
struct runner {
    pthread_t thread;
    int number;
    uint32_t first;
    size_t steps;
    bool forgets;
    uint64_t start_ns, end_ns;
};

/* Runs n of them, each of which begins with run_begin and sets end_ns. Returns
 * the time from the first start to the last end. */
uint64_t run_together(void *(*run)(void *), struct runner *all, int n);
void run_begin(struct runner *runner);

/* A line of the CSV. */
void row(const char *what, size_t connections_, int threads, double value);

/* helgrind.c: "measure load WAY FAULT CONNECTIONS", and all runs of it. */
int load(char **argv);
void measure_all_helgrind(void);

#endif
