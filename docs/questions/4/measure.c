/* measure.c - question 4: what does it cost to give a task to a sleeping pool?
 *
 * The main thread puts empty tasks into a queue, N threads take them, and one
 * of five things tells them that there are some. "calm": one task, then a pause
 * in which all go to sleep. "burst": 16, then the pause. "stream": one after
 * the other while the queue has room. Counted: how often a thread was switched
 * in after it had slept, how often it then found nothing, the CPU time of the
 * whole process, and the time from put to take. Prints CSV. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 32,
    RING = 64,
    BURST = 16,
    PAUSED_TASKS = 50 * BURST,
    STREAM_TASKS = 20000,
    PAUSE_NS = 200000, /* enough for 32 threads to go to sleep */
};

enum way { SEMAPHORE, SIGNAL, BROADCAST, EVENTFD, FUTEX, WAY_COUNT };

static const char *const way_names[WAY_COUNT] = {
    "semaphore", "signal", "broadcast", "eventfd", "futex",
};

static enum way way;

/* The queue: when each task was put; 0 ends a thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t ring[RING];
static unsigned head, count;

/* What tells of it. */
static sem_t semaphore;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int event_fd;
static _Atomic uint32_t counter, sleepers;

static atomic_int taken; /* tasks */
static atomic_long switches, in_vain;
static uint64_t waited[STREAM_TASKS];

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static long futex(_Atomic uint32_t *word, int what, uint32_t value)
{
    return syscall(SYS_futex, word, what | FUTEX_PRIVATE_FLAG, value, NULL,
                   NULL, 0);
}

/* ---- the semaphore of our own: 20 lines over futex(2) ---- */

static void counter_post(void)
{
    atomic_fetch_add(&counter, 1);
    if (atomic_load(&sleepers) > 0)
        futex(&counter, FUTEX_WAKE, 1);
}

static void counter_wait(void)
{
    for (;;) {
        uint32_t value = atomic_load(&counter);
        while (value > 0)
            if (atomic_compare_exchange_weak(&counter, &value, value - 1))
                return;
        atomic_fetch_add(&sleepers, 1);
        futex(&counter, FUTEX_WAIT, 0);
        atomic_fetch_sub(&sleepers, 1);
    }
}

/* ---- the queue ---- */

static bool try_put(uint64_t task)
{
    bool room;
    pthread_mutex_lock(&lock);
    room = count < RING;
    if (room)
        ring[(head + count++) % RING] = task;
    pthread_mutex_unlock(&lock);
    return room;
}

static void put(uint64_t task)
{
    while (!try_put(task))
        sched_yield();
    switch (way) {
    case SEMAPHORE:
        sem_post(&semaphore);
        break;
    case SIGNAL:
        pthread_cond_signal(&condition);
        break;
    case BROADCAST:
        pthread_cond_broadcast(&condition);
        break;
    case EVENTFD:
        (void)!write(event_fd, &(uint64_t){1}, sizeof(uint64_t));
        break;
    case FUTEX:
        counter_post();
        break;
    case WAY_COUNT:
        break;
    }
}

static uint64_t take(void)
{
    uint64_t one;
    bool woken = false;
    if (way == SEMAPHORE)
        while (sem_wait(&semaphore) < 0 && errno == EINTR)
            continue;
    else if (way == EVENTFD)
        (void)!read(event_fd, &one, sizeof one);
    else if (way == FUTEX)
        counter_wait();
    pthread_mutex_lock(&lock);
    while (count == 0) { /* only with a condition variable */
        if (woken)
            atomic_fetch_add(&in_vain, 1);
        pthread_cond_wait(&condition, &lock);
        woken = true;
    }
    uint64_t task = ring[head++ % RING];
    count--;
    pthread_mutex_unlock(&lock);
    return task;
}

static long switches_mine(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void *worker(void *argument)
{
    uint64_t task;
    long before = switches_mine();
    (void)argument;
    while ((task = take()) != 0) {
        uint64_t took = now_ns(CLOCK_MONOTONIC) - task;
        waited[atomic_fetch_add(&taken, 1)] = took;
    }
    atomic_fetch_add(&switches, switches_mine() - before);
    return NULL;
}

/* ---- one row ---- */

static void pause_for_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void wait_taken(int tasks)
{
    while (atomic_load(&taken) < tasks)
        pause_for_sleep();
}

static void measure(int threads, const char *load, int tasks, int at_once)
{
    pthread_t pool[THREADS_MAX];
    head = count = 0;
    atomic_store(&counter, 0);
    atomic_store(&taken, 0);
    atomic_store(&switches, 0);
    atomic_store(&in_vain, 0);
    sem_init(&semaphore, 0, 0);
    event_fd = eventfd(0, EFD_SEMAPHORE);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&pool[i], NULL, worker, NULL) != 0)
            abort();
    pause_for_sleep();
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int done = 0; done < tasks; done += at_once) {
        for (int i = 0; i < at_once; i++)
            put(now_ns(CLOCK_MONOTONIC));
        if (at_once < tasks)
            pause_for_sleep();
    }
    wait_taken(tasks);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (int i = 0; i < threads; i++)
        put(0);
    for (int i = 0; i < threads; i++)
        pthread_join(pool[i], NULL);
    close(event_fd);
    sem_destroy(&semaphore);
    qsort(waited, (size_t)tasks, sizeof *waited, compare);
    printf("%s,%s,%d,%.3f,%.3f,%.3f,%.2f,%.2f\n", way_names[way], load, threads,
           (double)atomic_load(&switches) / tasks,
           (double)atomic_load(&in_vain) / tasks, (double)cpu / 1e3 / tasks,
           (double)waited[tasks / 2] / 1e3,
           (double)waited[tasks * 99 / 100] / 1e3);
    fflush(stdout);
}

int main(void)
{
    printf("way,load,threads,wakeups_per_task,in_vain_per_task,cpu_us_per_task,"
           "latency_p50_us,latency_p99_us\n");
    for (int threads = 1; threads <= THREADS_MAX; threads *= 2)
        for (way = 0; way < WAY_COUNT; way++) {
            measure(threads, "calm", PAUSED_TASKS, 1);
            measure(threads, "burst", PAUSED_TASKS, BURST);
            measure(threads, "stream", STREAM_TASKS, STREAM_TASKS);
        }
    return 0;
}
