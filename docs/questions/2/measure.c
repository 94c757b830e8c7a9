/* measure.c - question 2: what do many mutexes cost?
 *
 * N connections, each step of one has to exclude all others of that one. Six
 * ways: a mutex in each connection, an array of mutexes apart, 64 mutexes for
 * all, one for all; or no mutex, but a queue that a thread takes the connection
 * from and puts it back to (as stage 4 does), one by one or in chains.
 * Measured: memory; a step's price with one thread and with two; one connection
 * that is always busy; and the same under helgrind, right and with seeded
 * mistakes. Prints CSV. "measure load ..." is what it runs under helgrind. */
#include "conn/conn.h"

#include "ways.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS = 1000000,
    BUSY_THREADS = 4,
    BUSY_EVENTS = 4000,
    BUSY_NS = 100000,
};

/* ---- memory ---- */

static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        abort();
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* In a process of its own: what n idle connections occupy. */
static void measure_memory(enum way which, size_t n)
{
    way = which;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        size_t size = sizeof(struct conn);
        size_t whole = which == EACH ? size + sizeof(pthread_mutex_t) : size;
        char **all = calloc(n, sizeof *all);
        memset(all, 1, n * sizeof *all);
        long before = resident_bytes();
        for (size_t i = 0; i < n; i++) {
            all[i] = malloc(whole);
            memset(all[i], 1, size);
            if (which == EACH)
                pthread_mutex_init((pthread_mutex_t *)(void *)(all[i] + size),
                                   NULL);
        }
        row("resident_bytes", n, 1, (double)(resident_bytes() - before));
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* ---- the price of a step ---- */

static void run_steps(uint32_t at, size_t steps)
{
    size_t done = 0;
    while (done < steps) {
        struct connection *conn = &connections[order[at]];
        if (way == OWNER || way == CHAINED) {
            struct connection *chain = take();
            for (conn = chain; conn != NULL; conn = conn->next, done++)
                step(conn);
            put(chain);
            continue;
        }
        if (way != NONE)
            pthread_mutex_lock(lock_of(conn));
        step(conn);
        if (way != NONE)
            pthread_mutex_unlock(lock_of(conn));
        at = at + 1 == count ? 0 : at + 1;
        done++;
    }
}

static void *stepper(void *argument)
{
    struct runner *runner = argument;
    run_begin(runner);
    run_steps(runner->first, runner->steps);
    runner->end_ns = now_ns(CLOCK_MONOTONIC);
    return NULL;
}

static long switches_all(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

struct price {
    double wall_ns, cpu_ns, sleeps; /* for each step */
};

static struct price run_threads(int threads, size_t steps)
{
    struct runner all[2] = {0};
    for (int i = 0; i < threads; i++)
        all[i] = (struct runner){.first = count / 2 * (uint32_t)i,
                                 .steps = steps / (size_t)threads};
    long sleeps = switches_all();
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t wall = run_together(stepper, all, threads);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    sleeps = switches_all() - sleeps;
    return (struct price){(double)wall / (double)steps,
                          (double)cpu / (double)steps,
                          (double)sleeps / (double)steps};
}

static int compare(const void *a, const void *b)
{
    double x = ((const struct price *)a)->wall_ns;
    double y = ((const struct price *)b)->wall_ns;
    return (x > y) - (x < y);
}

/* work_ns of work in each step. */
static void measure_steps(uint32_t n, int threads, unsigned work_ns,
                          unsigned spins_per_us)
{
    struct price runs[RUNS];
    char what[40];
    /* Without a lock two threads would be wrong, but for this program alone. */
    size_t steps = work_ns > 0 ? STEPS / 10 : STEPS;
    spins = work_ns * spins_per_us / 1000;
    prepare(n);
    run_steps(0, 2 * n);
    for (int i = 0; i < RUNS; i++)
        runs[i] = run_threads(threads, steps);
    qsort(runs, RUNS, sizeof *runs, compare);
    snprintf(what, sizeof what, "step_%u_wall_ns", work_ns);
    row(what, n, threads, runs[RUNS / 2].wall_ns);
    snprintf(what, sizeof what, "step_%u_cpu_ns", work_ns);
    row(what, n, threads, runs[RUNS / 2].cpu_ns);
    snprintf(what, sizeof what, "step_%u_sleeps", work_ns);
    row(what, n, threads, runs[RUNS / 2].sleeps);
}

static unsigned calibrate(void)
{
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    unsigned n = 200000000;
    spin(n);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return (unsigned)((uint64_t)n * 1000 / cpu);
}

/* ---- one connection is always busy ---- */

static uint32_t events[BUSY_EVENTS]; /* which connection; 0 is the busy one */
static size_t event_next;
static _Atomic uint64_t others_done_ns;

static void busy_step(struct connection *conn)
{
    nanosleep(&(struct timespec){.tv_nsec = BUSY_NS}, NULL);
    conn->steps++;
    if (conn != connections)
        atomic_store(&others_done_ns, now_ns(CLOCK_MONOTONIC));
}

/* The next event's connection. With owner never one that a thread has: its
 * event is left to that thread, as EPOLLONESHOT or a queue of its own do. */
static struct connection *busy_take(void)
{
    struct connection *conn = NULL;
    pthread_mutex_lock(&queue.lock);
    while (conn == NULL && event_next < BUSY_EVENTS) {
        conn = &connections[events[event_next++]];
        if (way == OWNER && conn->owned) {
            conn->pending++;
            conn = NULL;
        } else if (way == OWNER) {
            conn->owned = true;
        }
    }
    pthread_mutex_unlock(&queue.lock);
    return conn;
}

/* True: an event has come meanwhile. */
static bool busy_again(struct connection *conn)
{
    pthread_mutex_lock(&queue.lock);
    bool again = conn->pending > 0;
    if (again)
        conn->pending--;
    conn->owned = again;
    pthread_mutex_unlock(&queue.lock);
    return again;
}

static void *busy_thread(void *argument)
{
    struct connection *conn;
    (void)argument;
    prctl(PR_SET_TIMERSLACK, 1);
    while ((conn = busy_take()) != NULL) {
        if (way == OWNER) {
            do
                busy_step(conn);
            while (busy_again(conn));
        } else {
            pthread_mutex_lock(lock_of(conn));
            busy_step(conn);
            pthread_mutex_unlock(lock_of(conn));
        }
    }
    return NULL;
}

/* Every second event is the busy connection's. */
static void measure_busy(enum way which)
{
    pthread_t all[BUSY_THREADS];
    way = which;
    prepare(1000);
    event_next = 0;
    for (size_t i = 0; i < BUSY_EVENTS; i++)
        events[i] =
            random() % 2 == 0 ? 0 : 1 + (uint32_t)(random() % (count - 1));
    uint64_t start = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_create(&all[i], NULL, busy_thread, NULL);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_join(all[i], NULL);
    double all_ns = (double)(now_ns(CLOCK_MONOTONIC) - start);
    row("busy_others_done_ms", count, BUSY_THREADS,
        (double)(atomic_load(&others_done_ns) - start) / 1e6);
    row("busy_all_done_ms", count, BUSY_THREADS, all_ns / 1e6);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "load") == 0)
        return load(argv);
    printf("what,way,connections,threads,value\n");
    row("sizeof_conn", 1, 1, sizeof(struct conn));
    row("sizeof_mutex", 1, 1, sizeof(pthread_mutex_t));
    for (size_t n = 10000; n <= CONNECTIONS_MAX; n *= 10) {
        measure_memory(NONE, n);
        measure_memory(EACH, n);
    }
    allocate();
    unsigned spins_per_us = calibrate();
    for (way = NONE; way < WAY_COUNT; way++)
        for (int threads = way == NONE ? 1 : 2; threads > 0; threads--) {
            measure_steps(HOT, threads, 0, spins_per_us);
            measure_steps(10000, threads, 0, spins_per_us);
            measure_steps(CONNECTIONS_MAX, threads, 0, spins_per_us);
            measure_steps(10000, threads, 1000, spins_per_us);
        }
    spins = 0;
    measure_busy(EACH);
    measure_busy(STRIPED);
    measure_busy(ONE);
    measure_busy(OWNER);
    measure_all_helgrind();
    return 0;
}
