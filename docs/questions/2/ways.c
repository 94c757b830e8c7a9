/* ways.c - question 2: see ways.h. */
#include "ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const way_names[WAY_COUNT] = {
    "none", "each", "apart", "striped", "one", "owner", "chain",
};

enum way way;
struct connection *connections;
uint32_t *order;
uint32_t count;
pthread_mutex_t *apart;
struct stripe stripes[STRIPES];
struct stripe one = {.lock = PTHREAD_MUTEX_INITIALIZER};
struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
unsigned spins;

void row(const char *what, size_t connections_, int threads, double value)
{
    printf("%s,%s,%zu,%d,%.2f\n", what, way_names[way], connections_, threads,
           value);
    fflush(stdout);
}

void put(struct connection *chain)
{
    pthread_mutex_lock(&queue.lock);
    queue.ring[(queue.head + queue.count++) % CONNECTIONS_MAX] = chain;
    pthread_mutex_unlock(&queue.lock);
    sem_post(&queue.tasks);
}

struct connection *take(void)
{
    sem_wait(&queue.tasks);
    pthread_mutex_lock(&queue.lock);
    struct connection *chain = queue.ring[queue.head];
    queue.head = (queue.head + 1) % CONNECTIONS_MAX;
    queue.count--;
    pthread_mutex_unlock(&queue.lock);
    return chain;
}

void prepare(uint32_t connections_)
{
    count = connections_;
    memset(connections, 0, count * sizeof *connections);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = (uint32_t)(random() % (long)(i + 1));
        pthread_mutex_init(&connections[i].lock, NULL);
        order[i] = order[j];
        order[j] = i;
    }
    queue.head = queue.count = 0;
    sem_init(&queue.tasks, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct connection *conn = &connections[order[i]];
        if (way == OWNER)
            put(conn);
        if (way != CHAINED)
            continue;
        if (i % CHAIN != CHAIN - 1)
            conn->next = &connections[order[i + 1]];
        if (i % CHAIN == 0)
            put(conn);
    }
}

void allocate(void)
{
    connections = aligned_alloc(64, CONNECTIONS_MAX * sizeof *connections);
    order = calloc(CONNECTIONS_MAX, sizeof *order);
    apart = calloc(CONNECTIONS_MAX, sizeof *apart);
    queue.ring = calloc(CONNECTIONS_MAX, sizeof(struct connection *));
    if (!connections || !order || !apart || !queue.ring)
        abort();
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        pthread_mutex_init(&apart[i], NULL);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&stripes[i].lock, NULL);
}

static pthread_barrier_t barrier;

/* Each on a processor of its own, or two threads might take turns on one and
 * never meet. */
void run_begin(struct runner *runner)
{
    cpu_set_t cpus;
    long cpu = runner->number % sysconf(_SC_NPROCESSORS_ONLN);
    CPU_ZERO(&cpus);
    CPU_SET((size_t)cpu, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    pthread_barrier_wait(&barrier);
    runner->start_ns = now_ns(CLOCK_MONOTONIC);
}

uint64_t run_together(void *(*run)(void *), struct runner *all, int n)
{
    pthread_barrier_init(&barrier, NULL, (unsigned)n);
    for (int i = 0; i < n; i++) {
        all[i].number = i;
        pthread_create(&all[i].thread, NULL, run, &all[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join(all[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
    uint64_t start_ns = all[0].start_ns, end_ns = all[0].end_ns;
    for (int i = 1; i < n; i++) {
        if (all[i].start_ns < start_ns)
            start_ns = all[i].start_ns;
        if (all[i].end_ns > end_ns)
            end_ns = all[i].end_ns;
    }
    return end_ns - start_ns;
}
