/* idle.c - holds idle connections open, so that their price can be measured.
 *
 * idle PORT COUNT: opens COUNT connections, has one request answered on each,
 * prints a line, and keeps them until its standard input ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int open_one(uint16_t port)
{
    static const char request[] = "GET /1k.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    char answer[4096];
    size_t length = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        return -1;
    while (length < 1024) { /* the body's length: head or not, all came */
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n <= 0)
            return -1;
        length += (size_t)n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    if (argc != 3) {
        fprintf(stderr, "usage: idle PORT COUNT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < atoi(argv[2]); i++)
        if (open_one((uint16_t)atoi(argv[1])) < 0) {
            fprintf(stderr, "idle: connection %d: %s\n", i, strerror(errno));
            return 1;
        }
    puts("idle");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
