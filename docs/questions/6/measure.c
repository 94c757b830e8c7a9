/* measure.c - question 6: virtual functions on top of TCP, or one struct?
 *
 * The same protocols, written twice: layered (tcp.c below layered_http.c and
 * layered_echo.c) and inlined. One thread plays both ends of a socket pair: it
 * sends a request, lets the connection make its steps, and reads the answer.
 * Only the steps are timed. Both ways take turns, so that what else the machine
 * does hits both. Prints CSV: medians of the rounds, lowest and highest. */
#include "tiny.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 21,
    REQUESTS = 4000, /* of 100 bytes, in each round; fewer if they are large */
    REQUESTS_MIN = 100,
    WAYS = 2,
};

static const struct service *const http[WAYS] = {&layered_http, &inlined_http};
static const struct service *const echo[WAYS] = {&layered_echo, &inlined_echo};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void row(const char *what, const struct service *service, size_t bytes,
                double value, double low, double high)
{
    printf("%s,%s,%s,%zu,%.2f,%.2f,%.2f\n", what, service->way,
           service->protocol, bytes, value, low, high);
}

static void fail(const char *what)
{
    fprintf(stderr, "question 6: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- one request ---- */

struct pair {
    const struct service *service;
    void *conn;
    int client; /* does not block */
};

static struct pair pair_open(const struct service *service)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        fail("socketpair");
    return (struct pair){service, service->open(fds[0]), fds[1]};
}

static void pair_close(struct pair *pair)
{
    pair->service->close(pair->conn);
    close(pair->client);
}

/* Returns the time of the steps. The answer ends after answer_len bytes, head
 * included. */
static uint64_t ask(struct pair *pair, const char *request, size_t request_len,
                    size_t answer_len, char *answer)
{
    uint64_t steps_ns = 0;
    size_t got = 0;
    if (send(pair->client, request, request_len, 0) != (ssize_t)request_len)
        fail("send");
    while (got < answer_len) {
        uint64_t start = now_ns();
        enum wish wish = pair->service->step(pair->conn);
        steps_ns += now_ns() - start;
        if (wish == WANT_CLOSE)
            fail(pair->service->way);
        ssize_t n;
        while (got < answer_len &&
               (n = recv(pair->client, answer + got, answer_len - got, 0)) > 0)
            got += (size_t)n;
    }
    return steps_ns;
}

static char answers[WAYS][DOCUMENT_BYTES + 200];

/* What is sent for n bytes of an answer, and how long the answer is. */
static size_t request_of(const struct service *service, size_t n, char *request,
                         size_t *request_len)
{
    struct message_buffer head = {0};
    if (service->protocol[0] == 'e') {
        memset(request, 'x', n);
        *request_len = n;
        return n;
    }
    *request_len = (size_t)sprintf(request,
                                   "GET /%zu HTTP/1.1\r\nHost: localhost\r\n"
                                   "User-Agent: measure\r\nAccept: */*\r\n\r\n",
                                   n);
    answer_head(&head, n);
    size_t answer_len = buffer_length(&head) + n;
    buffer_release(&head);
    return answer_len;
}

/* ---- rows ---- */

static double run(struct pair *pair, size_t n, size_t requests, char *answer)
{
    char request[512];
    size_t request_len;
    uint64_t ns = 0;
    size_t answer_len = request_of(pair->service, n, request, &request_len);
    for (size_t i = 0; i < requests; i++)
        ns += ask(pair, request, request_len, answer_len, answer);
    return (double)ns / 1e3 / (double)requests;
}

static void measure_requests(const struct service *const *services, size_t n)
{
    double us[WAYS][ROUNDS];
    struct pair pairs[WAYS];
    size_t requests = REQUESTS * 100 / (n + 100) * 10;
    if (requests < REQUESTS_MIN)
        requests = REQUESTS_MIN;
    if (requests > REQUESTS)
        requests = REQUESTS;
    for (int way = 0; way < WAYS; way++) {
        pairs[way] = pair_open(services[way]);
        run(&pairs[way], n, REQUESTS_MIN, answers[way]);
    }
    if (memcmp(answers[0], answers[1], n) != 0) {
        fprintf(stderr, "question 6: the answers differ\n");
        exit(1);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int way = 0; way < WAYS; way++)
            us[way][round] = run(&pairs[way], n, requests, answers[way]);
    for (int way = 0; way < WAYS; way++) {
        qsort(us[way], ROUNDS, sizeof(double), compare);
        row("request_us", services[way], n, us[way][ROUNDS / 2], us[way][0],
            us[way][ROUNDS - 1]);
        pair_close(&pairs[way]);
    }
}

/* What a connection holds when it has answered one request and says nothing. */
static void measure_memory(const struct service *service, size_t n)
{
    double held = 0;
    /* Twice: what malloc keeps back for itself does not count. */
    for (int i = 0; i < 2; i++) {
        size_t before = mallinfo2().uordblks;
        struct pair pair = pair_open(service);
        run(&pair, n, 1, answers[0]);
        service->step(pair.conn); /* finds nothing to read */
        held = (double)(mallinfo2().uordblks - before);
        pair_close(&pair);
    }
    row("idle_bytes", service, n, held, held, held);
}

/* Lines that are neither empty nor all comment. */
static size_t count_lines(const char *name)
{
    char path[300], line[300];
    size_t lines = 0;
    bool comment = false;
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*s%s", (int)(slash + 1 - __FILE__), __FILE__,
             name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *at = line;
        while (isspace((unsigned char)*at))
            at++;
        comment = comment || strncmp(at, "/*", 2) == 0;
        lines += !comment && *at != '\0';
        comment = comment && strstr(line, "*/") == NULL;
    }
    fclose(file);
    return lines;
}

static void measure_lines(const struct service *service, const char *a,
                          const char *b, const char *c)
{
    double lines = (double)count_lines(a);
    lines += b == NULL ? 0 : (double)count_lines(b);
    lines += c == NULL ? 0 : (double)count_lines(c);
    row("lines", service, 0, lines, lines, lines);
}

int main(void)
{
    static const size_t sizes[] = {100, 10000, 100000, DOCUMENT_BYTES};
    for (size_t i = 0; i < DOCUMENT_BYTES; i++)
        document[i] = (char)('a' + i % 23);
    printf("what,way,protocol,bytes,value,low,high\n");
    measure_lines(&layered_http, "tcp.h", "tcp.c", "layered_http.c");
    measure_lines(&inlined_http, "inlined_http.c", NULL, NULL);
    measure_lines(&layered_echo, "layered_echo.c", NULL, NULL);
    measure_lines(&inlined_echo, "inlined_echo.c", NULL, NULL);
    for (int way = 0; way < WAYS; way++) {
        double bytes = (double)http[way]->connection_bytes;
        row("connection_bytes", http[way], 0, bytes, bytes, bytes);
        measure_memory(http[way], 100);
        measure_memory(http[way], DOCUMENT_BYTES);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure_requests(http, sizes[i]);
    measure_requests(echo, 100);
    return 0;
}
