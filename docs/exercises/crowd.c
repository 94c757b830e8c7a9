/* crowd.c - many clients at once, for graders and for your own experiments.
 *
 *     crowd PORT N    opens N connections and says nothing on any of them
 *
 * Once nothing has come for half a second it prints how many were told
 * something, how many were cut off without a word and how many still wait;
 * then it keeps them open until its standard input ends. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUIET_MS = 500, N_MAX = 20000 };

static struct pollfd clients[N_MAX];

static int raise_limit(nfds_t n)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > n + 8 ? 0 : -1;
}

static int client(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        perror("crowd");
        exit(2);
    }
    return fd;
}

int main(int argc, char **argv)
{
    nfds_t n = argc == 3 ? (nfds_t)atoi(argv[2]) : 0;
    unsigned told = 0, cut = 0;
    char bytes[1000];
    if (n == 0 || n > N_MAX) {
        fprintf(stderr, "usage: crowd PORT N, at most %d\n", N_MAX);
        return 2;
    }
    if (raise_limit(n) < 0) {
        fprintf(stderr, "crowd: %d clients need a higher ulimit -n\n", (int)n);
        return 2;
    }
    for (nfds_t i = 0; i < n; i++)
        clients[i] = (struct pollfd){.fd = client((uint16_t)atoi(argv[1])),
                                     .events = POLLIN};
    while (poll(clients, n, QUIET_MS) > 0)
        for (nfds_t i = 0; i < n; i++) {
            if (clients[i].revents == 0)
                continue;
            if (recv(clients[i].fd, bytes, sizeof bytes, 0) > 0)
                told++;
            else
                cut++;
            clients[i].fd = -1; /* it stays open, and is not looked at again */
        }
    printf("%u told, %u cut off, %u wait\n", told, cut,
           (unsigned)n - told - cut);
    fflush(stdout);
    while (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
        continue;
    return 0;
}
