/* measure.c - question 3: many threads wait for one socket.
 *
 * N threads wait for one end of a socket pair in one of five ways. The main
 * thread sends messages to the other end: "whole", or in "pieces", the second
 * while somebody is at work on the first. Who gets bytes works on them for
 * 0.1 ms, asleep as if waiting for a disk: on few cores a thread that computes
 * would hardly ever be met by another. Counted: how often a thread was switched
 * in after it had slept (but for that work), how often recv said EAGAIN, how
 * often the two pieces went to two threads, and how often these were at work at
 * the same time. Prints CSV. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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
    THREADS_MAX = 16,
    MESSAGES = 600,
    MESSAGE_BYTES = 64,
    WORK_NS = 100000,
    PAUSE_NS = 300000, /* enough for 16 threads to go to sleep */
};

enum way { POLL, LEVEL, EDGE, ONESHOT, EXCLUSIVE, WAY_COUNT };

static const char *const way_names[WAY_COUNT] = {
    "poll", "level", "edge", "oneshot", "exclusive",
};

static enum way way;
static int sock, stop_fd, shared_set;
static pthread_t threads[THREADS_MAX];
static atomic_bool stopping;
static atomic_int received, at_work;
static atomic_long switches, again, shared, at_once;
static _Atomic pthread_t last_reader;

static void die(const char *what)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void sleep_ns(long ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static uint32_t events_of(enum way of)
{
    return EPOLLIN | (of == EDGE        ? (uint32_t)EPOLLET
                      : of == ONESHOT   ? (uint32_t)EPOLLONESHOT
                      : of == EXCLUSIVE ? (uint32_t)EPOLLEXCLUSIVE
                                        : 0);
}

/* One recv and the work on what it gave. */
static bool read_some(void)
{
    char bytes[MESSAGE_BYTES];
    ssize_t n = recv(sock, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) {
        atomic_fetch_add(&again, 1);
        return false;
    }
    if (atomic_fetch_add(&at_work, 1) > 0)
        atomic_fetch_add(&at_once, 1);
    if (bytes[0] == '2' && atomic_load(&last_reader) != pthread_self())
        atomic_fetch_add(&shared, 1);
    atomic_store(&last_reader, pthread_self());
    sleep_ns(WORK_NS);
    atomic_fetch_sub(&switches, 1);
    atomic_fetch_sub(&at_work, 1);
    atomic_fetch_add(&received, (int)n);
    return true;
}

static int set_open(void)
{
    struct epoll_event event = {.events = events_of(way), .data.fd = sock};
    struct epoll_event stop = {.events = EPOLLIN, .data.fd = stop_fd};
    int set = epoll_create1(0);
    if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, sock, &event) < 0 ||
        epoll_ctl(set, EPOLL_CTL_ADD, stop_fd, &stop) < 0)
        die("epoll");
    return set;
}

static void wait_poll(void)
{
    struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};
    if (poll(fds, 2, -1) > 0 && fds[0].revents != 0)
        read_some();
}

static void wait_epoll(int set)
{
    struct epoll_event event;
    if (epoll_wait(set, &event, 1, -1) <= 0 || event.data.fd == stop_fd)
        return;
    bool more = read_some();
    /* Nobody tells of the rest a second time. */
    while (way == EDGE && more)
        more = read_some();
    event = (struct epoll_event){.events = events_of(way), .data.fd = sock};
    if (way == ONESHOT && epoll_ctl(set, EPOLL_CTL_MOD, sock, &event) < 0)
        die("epoll_ctl");
}

static long switches_mine(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void *run(void *argument)
{
    int set = way == EXCLUSIVE ? set_open() : shared_set;
    long before = switches_mine();
    (void)argument;
    while (!atomic_load(&stopping))
        if (way == POLL)
            wait_poll();
        else
            wait_epoll(set);
    atomic_fetch_add(&switches, switches_mine() - before);
    if (way == EXCLUSIVE)
        close(set);
    return NULL;
}

static void send_message(int fd, bool pieces)
{
    char bytes[MESSAGE_BYTES];
    size_t first = pieces ? MESSAGE_BYTES / 2 : MESSAGE_BYTES;
    memset(bytes, '1', sizeof bytes);
    memset(bytes + first, '2', sizeof bytes - first);
    if (send(fd, bytes, first, MSG_NOSIGNAL) < 0)
        die("send");
    if (!pieces)
        return;
    while (atomic_load(&at_work) == 0 &&
           atomic_load(&received) % MESSAGE_BYTES == 0)
        sched_yield();
    if (send(fd, bytes + first, sizeof bytes - first, MSG_NOSIGNAL) < 0)
        die("send");
}

static void measure(int count, bool pieces)
{
    int pair[2];
    atomic_store(&stopping, false);
    atomic_store(&received, 0);
    atomic_store(&switches, 0);
    atomic_store(&again, 0);
    atomic_store(&shared, 0);
    atomic_store(&at_once, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        die("socketpair");
    sock = pair[0];
    stop_fd = eventfd(0, 0);
    shared_set = way == POLL || way == EXCLUSIVE ? -1 : set_open();
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0)
            die("pthread_create");
    for (int i = 0; i < MESSAGES; i++) {
        sleep_ns(PAUSE_NS);
        send_message(pair[1], pieces);
        while (atomic_load(&received) < (i + 1) * MESSAGE_BYTES)
            sleep_ns(PAUSE_NS);
    }
    atomic_store(&stopping, true);
    (void)!write(stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    if (shared_set >= 0)
        close(shared_set);
    close(stop_fd);
    close(pair[0]);
    close(pair[1]);
    printf("%s,%s,%d,%.3f,%.3f,%.3f,%.3f\n", way_names[way],
           pieces ? "pieces" : "whole", count,
           (double)atomic_load(&switches) / MESSAGES,
           (double)atomic_load(&again) / MESSAGES,
           (double)atomic_load(&shared) / MESSAGES,
           (double)atomic_load(&at_once) / MESSAGES);
    fflush(stdout);
}

int main(void)
{
    printf("way,load,threads,wakeups_per_message,eagain_per_message,"
           "two_readers_per_message,at_once_per_message\n");
    for (int count = 2; count <= THREADS_MAX; count *= 2)
        for (way = 0; way < WAY_COUNT; way++) {
            measure(count, false);
            measure(count, true);
        }
    return 0;
}
