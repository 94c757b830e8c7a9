/* floor.c - the least that a server can cost: epoll_wait, recv, send.
 *
 * accept -> epoll set -> [epoll_wait -> recv -> send]* -> close
 *
 * It parses nothing and opens nothing: whatever arrives in one recv counts as
 * one request, and the same bytes go out. What a real server costs above this
 * is what it does; what this costs is the kernel. Not a server to run. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 512, BODY_BYTES = 1024 };

static char answer[BODY_BYTES + 256];
static size_t answer_length;

static void make_answer(void)
{
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 200 OK\r\nServer: floor\r\n"
                     "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
                     BODY_BYTES);
    memset(answer + n, 'x', BODY_BYTES);
    answer_length = (size_t)n + BODY_BYTES;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 511) < 0) {
        fprintf(stderr, "floor: cannot listen on port %s: %s\n", port,
                strerror(errno));
        exit(2);
    }
    return fd;
}

static void watch(int set, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int fd)
{
    char request[4096];
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n > 0)
        n = send(fd, answer, answer_length, MSG_NOSIGNAL);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        close(fd); /* which also takes it out of the set */
}

int main(int argc, char **argv)
{
    int listener = listen_on(argc > 1 ? argv[1] : "8090");
    int set = epoll_create1(EPOLL_CLOEXEC);
    make_answer();
    watch(set, listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(set, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener)
                serve(fd);
            else if ((fd = accept4(listener, NULL, NULL,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                watch(set, fd);
        }
    }
}
