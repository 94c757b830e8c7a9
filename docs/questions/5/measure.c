/* measure.c - question 5: who wakes for a new connection?
 *
 * N threads wait for connections in one of six ways. The main thread connects:
 * "calm", one connection and then a pause in which all go back to sleep, or
 * "burst", 64 at once. Counted: how often a thread was switched in after it had
 * slept (ru_nvcsw: also wake-ups that never leave the kernel), how often accept
 * said EAGAIN, the CPU time of the threads, and how long the client waited.
 * Prints CSV. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 32,
    BURST = 64,
    CONNECTIONS = 12 * BURST, /* of one run */
    PAUSE_NS = 300000,        /* enough for 32 threads to go to sleep */
};

enum way { ACCEPT, MUTEX, POLL, EPOLL, EXCLUSIVE, REUSEPORT, WAY_COUNT };

static const char *const way_names[WAY_COUNT] = {
    "accept", "mutex", "poll", "epoll", "exclusive", "reuseport",
};

struct acceptor {
    pthread_t thread;
    int listen_fd;
    long accepted, again, switches;
    uint64_t cpu_ns;
};

static enum way way;
static struct acceptor acceptors[THREADS_MAX];
static pthread_mutex_t accept_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stopping;
static atomic_int ready;
static int stop_fd; /* an eventfd; wakes those who poll */
static struct sockaddr_in address;

static void die(const char *what)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The reset spares the benchmark thousands of ports in TIME_WAIT. */
static void serve(struct acceptor *me, int fd)
{
    struct linger reset = {.l_onoff = 1};
    if (fd < 0) {
        me->again += errno == EAGAIN;
        return;
    }
    me->accepted++;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void wait_accept(struct acceptor *me)
{
    while (!atomic_load(&stopping))
        serve(me, accept(me->listen_fd, NULL, NULL));
}

static void wait_mutex(struct acceptor *me)
{
    while (!atomic_load(&stopping)) {
        pthread_mutex_lock(&accept_mutex);
        int fd = accept(me->listen_fd, NULL, NULL);
        pthread_mutex_unlock(&accept_mutex);
        serve(me, fd);
    }
}

static void wait_poll(struct acceptor *me)
{
    struct pollfd fds[] = {{.fd = me->listen_fd, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};
    while (!atomic_load(&stopping))
        if (poll(fds, 2, -1) > 0 && fds[0].revents != 0)
            serve(me, accept(me->listen_fd, NULL, NULL));
}

static void wait_epoll(struct acceptor *me, uint32_t exclusive)
{
    struct epoll_event event = {.events = EPOLLIN | exclusive,
                                .data.fd = me->listen_fd};
    struct epoll_event stop = {.events = EPOLLIN, .data.fd = stop_fd};
    int set = epoll_create1(0);
    if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, me->listen_fd, &event) < 0 ||
        epoll_ctl(set, EPOLL_CTL_ADD, stop_fd, &stop) < 0)
        die("epoll");
    while (!atomic_load(&stopping))
        if (epoll_wait(set, &event, 1, -1) > 0 && event.data.fd != stop_fd)
            serve(me, accept(me->listen_fd, NULL, NULL));
    close(set);
}

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void *acceptor_run(void *argument)
{
    struct acceptor *me = argument;
    long before = switches();
    uint64_t cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    atomic_fetch_add(&ready, 1);
    switch (way) {
    case ACCEPT:
    case REUSEPORT:
        wait_accept(me);
        break;
    case MUTEX:
        wait_mutex(me);
        break;
    case POLL:
        wait_poll(me);
        break;
    case EPOLL:
        wait_epoll(me, 0);
        break;
    case EXCLUSIVE:
        wait_epoll(me, EPOLLEXCLUSIVE);
        break;
    case WAY_COUNT:
        break;
    }
    me->switches = switches() - before;
    me->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
    return NULL;
}

/* With a port: one more socket for it (SO_REUSEPORT). */
static int listen_new(void)
{
    bool polled = way == POLL || way == EPOLL || way == EXCLUSIVE;
    int fd = socket(AF_INET, SOCK_STREAM | (polled ? SOCK_NONBLOCK : 0), 0);
    int on = way == REUSEPORT;
    socklen_t length = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
        listen(fd, 2 * BURST) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    return fd;
}

static void pause_for_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Connects n at once and waits until each has been closed. */
static void connect_all(int n, uint64_t *took)
{
    int fds[BURST];
    uint64_t start[BURST];
    char byte;
    for (int i = 0; i < n; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        start[i] = now_ns(CLOCK_MONOTONIC);
        /* Reset: served before this thread ran again. */
        if (fds[i] < 0 ||
            (connect(fds[i], (struct sockaddr *)&address, sizeof address) < 0 &&
             errno != ECONNRESET))
            die("connect");
    }
    for (int i = 0; i < n; i++) {
        (void)!recv(fds[i], &byte, 1, 0);
        took[i] = now_ns(CLOCK_MONOTONIC) - start[i];
        close(fds[i]);
    }
}

static void stop_all(int threads)
{
    atomic_store(&stopping, true);
    (void)!write(stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    for (int i = 0; i < threads; i++)
        shutdown(acceptors[i].listen_fd, SHUT_RDWR);
    for (int i = 0; i < threads; i++)
        pthread_join(acceptors[i].thread, NULL);
    for (int i = 0; i < threads; i++)
        if (i == 0 || way == REUSEPORT)
            close(acceptors[i].listen_fd);
    close(stop_fd);
}

static void report(const char *load, int threads, uint64_t *took)
{
    double count = CONNECTIONS;
    long woken = 0, again = 0, most = 0;
    uint64_t cpu_ns = 0;
    for (int i = 0; i < threads; i++) {
        woken += acceptors[i].switches;
        again += acceptors[i].again;
        cpu_ns += acceptors[i].cpu_ns;
        if (acceptors[i].accepted > most)
            most = acceptors[i].accepted;
    }
    qsort(took, CONNECTIONS, sizeof *took, compare);
    printf("%s,%s,%d,%.2f,%.2f,%.2f,%.1f,%.1f,%.1f\n", way_names[way], load,
           threads, (double)woken / count, (double)again / count,
           (double)cpu_ns / 1e3 / count, (double)took[CONNECTIONS / 2] / 1e3,
           (double)took[CONNECTIONS * 99 / 100] / 1e3,
           100.0 * (double)most / count);
    fflush(stdout);
}

static void measure(int threads, int at_once, const char *load)
{
    static uint64_t took[CONNECTIONS];
    atomic_store(&stopping, false);
    atomic_store(&ready, 0);
    stop_fd = eventfd(0, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < threads; i++) {
        bool own = i == 0 || way == REUSEPORT;
        acceptors[i] = (struct acceptor){
            .listen_fd = own ? listen_new() : acceptors[0].listen_fd};
    }
    for (int i = 0; i < threads; i++)
        if (pthread_create(&acceptors[i].thread, NULL, acceptor_run,
                           &acceptors[i]) != 0)
            die("pthread_create");
    while (atomic_load(&ready) < threads)
        pause_for_sleep();
    pause_for_sleep();
    for (int done = 0; done < CONNECTIONS; done += at_once) {
        connect_all(at_once, took + done);
        pause_for_sleep();
    }
    stop_all(threads);
    report(load, threads, took);
}

int main(void)
{
    printf("way,load,threads,wakeups_per_connection,eagain_per_connection,"
           "cpu_us_per_connection,latency_p50_us,latency_p99_us,"
           "busiest_percent\n");
    for (int threads = 1; threads <= THREADS_MAX; threads *= 2)
        for (way = 0; way < WAY_COUNT; way++) {
            measure(threads, 1, "calm");
            measure(threads, BURST, "burst");
        }
    return 0;
}
