/* measure.c - question 1: what does it cost to learn who is ready?
 *
 * n socket pairs. A round writes a byte to some of them (not measured), then
 * asks one of the calls who is ready and reads those bytes until all have come
 * (measured: CPU time, and how long after the start of the round each byte was
 * read). "known" reads them without asking: what is above it is the price of
 * the question. Prints CSV. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 9900, /* two descriptors each: fits into 20000 */
    OTHER_FDS = 16,
    EVENTS = 256, /* that one epoll_wait fetches */
    SAMPLES_MAX = 1 << 20,
    ROUNDS_MIN = 5,
    POINT_MS = 120, /* measured time that a row of the table gets */
};

static int server[CONNECTIONS_MAX], client[CONNECTIONS_MAX];
static int chosen[CONNECTIONS_MAX]; /* this round's active ones */
static struct pollfd polled[CONNECTIONS_MAX];
static fd_set selected;
static int epoll_fd, fd_max;
static uint32_t samples[SAMPLES_MAX]; /* nanoseconds */
static size_t sample_count;
static uint64_t round_start, calls;

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void take_byte(int fd)
{
    char byte;
    if (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
        die("recv");
    uint64_t took = now_ns(CLOCK_MONOTONIC) - round_start;
    if (sample_count < SAMPLES_MAX)
        samples[sample_count++] = (uint32_t)took;
}

/* Each of these makes one call and reads what it tells of; returns how many. */

static int by_known(int n, int active)
{
    (void)n;
    for (int i = 0; i < active; i++)
        take_byte(server[chosen[i]]);
    return active;
}

static int by_select(int n, int active)
{
    (void)active;
    fd_set ready = selected;
    int count = select(fd_max + 1, &ready, NULL, NULL, NULL);
    for (int i = 0, left = count; i < n && left > 0; i++)
        if (FD_ISSET(server[i], &ready)) {
            take_byte(server[i]);
            left--;
        }
    return count;
}

static int by_poll(int n, int active)
{
    (void)active;
    int count = poll(polled, (nfds_t)n, -1);
    for (int i = 0, left = count; i < n && left > 0; i++)
        if (polled[i].revents != 0) {
            take_byte(polled[i].fd);
            left--;
        }
    return count;
}

static int by_epoll(int n, int active)
{
    (void)n, (void)active;
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++)
        take_byte(events[i].data.fd);
    return count;
}

/* As stage 4 does: armed again after each event. */
static int by_oneshot(int n, int active)
{
    (void)n, (void)active;
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
        struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT,
                                    .data = events[i].data};
        take_byte(events[i].data.fd);
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, again.data.fd, &again);
    }
    return count;
}

static const struct way {
    const char *name;
    int (*ask)(int n, int active);
    uint32_t epoll_events; /* 0: no epoll set */
} ways[] = {
    {"known", by_known, 0},
    {"select", by_select, 0},
    {"poll", by_poll, 0},
    {"epoll", by_epoll, EPOLLIN},
    {"epoll-oneshot", by_oneshot, EPOLLIN | EPOLLONESHOT},
};

/* The server's ends get low numbers, as select can hold no others. */
static int open_pairs(void)
{
    struct rlimit limit = {2 * CONNECTIONS_MAX + OTHER_FDS,
                           2 * CONNECTIONS_MAX + OTHER_FDS};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_max < 2 * CONNECTIONS_MAX + OTHER_FDS)
            limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    int max = ((int)limit.rlim_cur - OTHER_FDS) / 2;
    for (int i = 0; i < max; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            return i;
        server[i] = pair[0];
        client[i] = fcntl(pair[1], F_DUPFD, max + OTHER_FDS / 2);
        close(pair[1]);
        if (client[i] < 0)
            return i;
    }
    return max;
}

static void watch(const struct way *way, int n)
{
    FD_ZERO(&selected);
    epoll_fd = way->epoll_events != 0 ? epoll_create1(0) : -1;
    for (int i = 0; i < n; i++) {
        polled[i] = (struct pollfd){.fd = server[i], .events = POLLIN};
        struct epoll_event event = {.events = way->epoll_events,
                                    .data.fd = server[i]};
        if (server[i] < FD_SETSIZE)
            FD_SET(server[i], &selected);
        if (epoll_fd >= 0 &&
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server[i], &event) < 0)
            die("epoll_ctl");
    }
    fd_max = server[n - 1];
}

/* Every (n / active)th, from another start in each round. */
static void write_bytes(int n, int active, unsigned round)
{
    for (int i = 0; i < active; i++) {
        chosen[i] = (int)(((int64_t)i * n / active + round * 7) % n);
        if (send(client[chosen[i]], "x", 1, MSG_NOSIGNAL) != 1)
            die("send");
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void measure(const struct way *way, int n, int active, double percent)
{
    uint64_t cpu = 0, wall = 0, bytes = 0;
    unsigned rounds = 0;
    watch(way, n);
    sample_count = calls = 0;
    while (rounds < ROUNDS_MIN || wall < (uint64_t)POINT_MS * 1000000) {
        write_bytes(n, active, rounds++);
        uint64_t cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
        round_start = now_ns(CLOCK_MONOTONIC);
        for (int left = active; left > 0; calls++) {
            int count = way->ask(n, left);
            if (count <= 0)
                die(way->name);
            left -= count;
        }
        wall += now_ns(CLOCK_MONOTONIC) - round_start;
        cpu += now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
        bytes += (uint64_t)active;
    }
    if (epoll_fd >= 0)
        close(epoll_fd);
    qsort(samples, sample_count, sizeof *samples, compare);
    printf("%s,%d,%g,%d,%u,%.3f,%.3f,%.3f,%.3f\n", way->name, n, percent,
           active, rounds, (double)cpu / 1e3 / (double)bytes,
           (double)calls / rounds, samples[sample_count / 2] / 1e3,
           samples[sample_count * 99 / 100] / 1e3);
    fflush(stdout);
}

int main(void)
{
    static const int sizes[] = {10, 30, 100, 300, 1000, 3000, CONNECTIONS_MAX};
    static const double percents[] = {0.1, 1, 10, 100};
    int max = open_pairs();
    printf("way,connections,active_percent,active,rounds,cpu_us_per_event,"
           "calls_per_round,latency_p50_us,latency_p99_us\n");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t p = 0; p < sizeof percents / sizeof *percents; p++) {
            int n = sizes[s], active = (int)(n * percents[p] / 100 + 0.5);
            if (n > max || active < 1)
                continue;
            for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
                if (ways[w].ask != by_select || server[n - 1] < FD_SETSIZE)
                    measure(&ways[w], n, active, percents[p]);
        }
    if (max < CONNECTIONS_MAX)
        fprintf(stderr, "measure: room for %d connections only; ulimit -n\n",
                max);
    return 0;
}
