/* claims.c - exercise 3.1: asks this kernel which of the six claims are true.
 *
 * Prints "a yes" or "a no" for each, a line each. A spoiler, of course: decide
 * first. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static short ready(int fd, short events)
{
    struct pollfd entry = {.fd = fd, .events = events};
    return poll(&entry, 1, 100) > 0 ? entry.revents : 0;
}

static void say(char claim, bool holds)
{
    printf("%c %s\n", claim, holds ? "yes" : "no");
}

static void pair(int *fds)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        exit(2);
}

/* Two clients wait; after one accept, is the second not told of any more? */
static bool second_is_lost(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    struct sockaddr *address = (struct sockaddr *)&here;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door, address, length) < 0 || listen(door, 5) < 0 ||
        getsockname(door, address, &length) < 0)
        exit(2);
    for (int i = 0; i < 2; i++)
        if (connect(socket(AF_INET, SOCK_STREAM, 0), address, length) < 0)
            exit(2);
    if (!ready(door, POLLIN) || accept(door, NULL, NULL) < 0)
        exit(2);
    return !ready(door, POLLIN);
}

static bool end_is_told_again(void)
{
    int fds[2];
    pair(fds);
    close(fds[1]);
    return ready(fds[0], POLLIN) && ready(fds[0], POLLIN) &&
           ready(fds[0], POLLIN);
}

static bool no_events_is_off(void)
{
    int fds[2];
    pair(fds);
    close(fds[1]);
    return ready(fds[0], 0) == 0;
}

/* Somebody else has the socket too, and is faster. */
static bool never_eagain(void)
{
    int fds[2];
    char byte = 'x';
    pair(fds);
    int other = dup(fds[0]);
    if (write(fds[1], &byte, 1) != 1 || !ready(fds[0], POLLIN) ||
        read(other, &byte, 1) != 1)
        exit(2);
    return !(recv(fds[0], &byte, 1, 0) < 0 && errno == EAGAIN);
}

static bool file_is_ready(void)
{
    FILE *file = tmpfile();
    if (file == NULL)
        exit(2);
    return ready(fileno(file), POLLIN) == POLLIN &&
           ready(fileno(file), POLLOUT) == POLLOUT;
}

static bool negative_is_ebadf(void)
{
    struct pollfd entry = {.fd = -1, .events = POLLIN};
    return poll(&entry, 1, 0) < 0 && errno == EBADF;
}

int main(void)
{
    say('a', second_is_lost());
    say('b', end_is_told_again());
    say('c', no_events_is_off());
    say('d', never_eagain());
    say('e', file_is_ready());
    say('f', negative_is_ebadf());
    return 0;
}
