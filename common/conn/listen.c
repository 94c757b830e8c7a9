/* listen.c - see listen.h.
 *
 * $LISTEN_FDS, or getaddrinfo -> socket, bind, listen
 *   -> accept4 -> struct conn */
#include "conn/listen.h"

#include "access/addresses.h"
#include "base/clock.h"
#include "conn/internal.h"
#include "core/server.h"
#include "report/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { LISTEN_INHERITED_FD = 3 }; /* sd_listen_fds(3) */

/* Splits "ADDR:PORT" or "[V6]:PORT" and converts the address. Asks no name
 * server. Returns NULL if address is not valid; otherwise the result must be
 * freed with freeaddrinfo. */
static struct addrinfo *listen_lookup(const char *address)
{
    char host[INET6_ADDRSTRLEN + 16];
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return NULL;
    const char *start = address;
    size_t length = (size_t)(colon - address);
    if (length >= 2 && *start == '[' && colon[-1] == ']') {
        start++;
        length -= 2;
    }
    if (length >= sizeof host)
        return NULL;
    memcpy(host, start, length);
    host[length] = '\0';
    if (strcmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;
    const char *node = length == 0 || strcmp(host, "*") == 0 ? NULL : host;
    if (getaddrinfo(node, colon + 1, &hints, &found) != 0)
        return NULL;
    return found;
}

static void set_flag(int fd, int level, int option)
{
    int on = 1;
    setsockopt(fd, level, option, &on, sizeof on);
}

static void listen_say(const char *program, const char *address, int error)
{
    const char *advice = "choose another with --listen ADDR:PORT";
    if (error == EADDRINUSE)
        advice = "stop the server that uses it, or choose another with "
                 "--listen ADDR:PORT (port 0 takes a free one)";
    else if (error == EACCES)
        advice = "ports below 1024 need more rights; choose a higher one";
    fprintf(stderr, "%s: cannot listen on %s: %s; %s\n", program, address,
            strerror(error), advice);
}

/* Sets the options that accepted sockets inherit from the listening one. */
static void set_options(int fd, const struct settings *settings)
{
    /* An answer is written whole. If it follows another answer on the same
     * connection, Nagle's algorithm would only delay its last packet. */
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    int send_buffer = (int)settings->send_buffer_bytes;
    if (send_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

/* Returns how many sockets this process has been started with; UINT64_MAX if
 * LISTEN_FDS is not a number. Removes the variables from the environment: they
 * are not meant for child processes. */
static uint64_t count_inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t process = 0, count = 0;
    if (pid == NULL || fds == NULL ||
        text_to_size(text_of(pid), INT32_MAX, &process) < 0 ||
        process != (uint64_t)getpid())
        count = 0; /* meant for another process, whose environment we got */
    else if (text_to_size(text_of(fds), INT32_MAX, &count) < 0)
        count = UINT64_MAX;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count;
}

static bool listens_on_tcp(int fd)
{
    int listens = 0, protocol = 0;
    socklen_t length = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0)
        return false;
    return listens != 0 && protocol == IPPROTO_TCP;
}

/* Returns the socket that was opened for us, -1 if there is none, or -2 after
 * one line on stderr. */
static int listen_inherit(const struct settings *settings, const char *program)
{
    enum { NONE = -1, MISTAKE = -2 };
    uint64_t count = count_inherited();
    const int fd = LISTEN_INHERITED_FD;
    const char *wrong = NULL;
    if (count == 0)
        return NONE;
    if (count == UINT64_MAX)
        wrong = "LISTEN_FDS is not a number; leave it to the service manager";
    else if (count > 1)
        wrong = "LISTEN_FDS names more than one socket; give the socket unit "
                "one ListenStream=";
    else if (settings->ready_fd == fd)
        wrong = "--ready-fd 3 is the socket that LISTEN_FDS names; use another "
                "number";
    else if (!listens_on_tcp(fd))
        wrong = "descriptor 3, which LISTEN_FDS names, is not a listening TCP "
                "socket; use ListenStream=PORT and Accept=no";
    if (wrong == NULL)
        return fd;
    fprintf(stderr, "%s: %s\n", program, wrong);
    return MISTAKE;
}

static int listen_take_over(struct server *server, int fd)
{
    struct timeval tick = {.tv_usec = LISTEN_TICK_MS * 1000};
    int flags = fcntl(fd, F_GETFL);
    set_options(fd, server->settings);
    /* listen_stop cannot wake a thread in accept(2) on this socket. */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* The process that opened it may have chosen otherwise. */
    fcntl(fd, F_SETFL,
          server->stage->blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
    server->listen_fd = fd;
    server->listen_inherited = true;
    return 0;
}

/* Asks the kernel, as the socket may be an inherited one. */
static bool listens_on_loopback(int fd)
{
    struct peer bound = {0};
    socklen_t length = sizeof bound.address;
    if (getsockname(fd, &bound.address.any, &length) < 0)
        return false;
    peer_normalize(&bound);
    return peer_is_loopback(&bound);
}

/* Returns a listening socket, or -1 with errno. */
static int listen_on(const struct server *server, const struct addrinfo *at)
{
    const struct settings *settings = server->settings;
    int type = SOCK_STREAM | SOCK_CLOEXEC |
               (server->stage->blocking ? 0 : SOCK_NONBLOCK);
    int fd = socket(at->ai_family, type, 0);
    if (fd < 0)
        return -1;
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    set_options(fd, settings);
    /* [::] must accept IPv4 clients too, even if the system's default is
     * otherwise. For any other IPv6 address this changes nothing. */
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 &&
        listen(fd, (int)settings->backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* For "*" getaddrinfo finds an address of each family. The IPv6 one accepts
 * clients of both; where there is no IPv6, the IPv4 one is used. */
static int listen_on_any(const struct server *server,
                         const struct addrinfo *found)
{
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family != AF_INET6 || found->ai_next == NULL)
            continue;
        int fd = listen_on(server, at);
        if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
            return fd;
    }
    return listen_on(server, found);
}

static int listen_find(struct server *server, const char *program)
{
    const struct settings *settings = server->settings;
    int fd = listen_inherit(settings, program);
    if (fd != -1)
        return fd < 0 ? -1 : listen_take_over(server, fd);
    struct addrinfo *found = listen_lookup(settings->listen);
    if (found == NULL) {
        listen_say(program, settings->listen, EINVAL);
        return -1;
    }
    fd = listen_on_any(server, found);
    if (fd < 0)
        listen_say(program, settings->listen, errno);
    freeaddrinfo(found);
    server->listen_fd = fd;
    return fd < 0 ? -1 : 0;
}

int listen_open(struct server *server, const char *program)
{
    if (listen_find(server, program) < 0)
        return -1;
    server->on_loopback = listens_on_loopback(server->listen_fd);
    return 0;
}

unsigned listen_print(int listen_fd, char *out, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "0";
    getsockname(listen_fd, (struct sockaddr *)&address, &length);
    getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return (unsigned)strtoul(port, NULL, 10);
}

void listen_stop(const struct server *server)
{
    /* A shutdown would end listening for all processes that hold the socket. */
    if (!server->listen_inherited)
        shutdown(server->listen_fd, SHUT_RDWR);
}

/* Rejects a client that is over its limits. Takes fd unless it returns
 * LISTEN_CLIENT; then *address is the entry, or NULL if the connection is not
 * counted. */
static enum listen_result admit(struct server *server, int fd,
                                const struct peer *peer,
                                struct address **address)
{
    *address = NULL;
    /* A proxy's connections carry requests of many clients. These are counted
     * one by one: access/forwarded.h. */
    if (server->addresses == NULL || networks_hold(&server->proxies, peer))
        return LISTEN_CLIENT;
    switch (addresses_enter(server->addresses, peer, clock_ms(), address)) {
    case ADDRESSES_WELCOME:
        return LISTEN_CLIENT;
    case ADDRESSES_TOO_MANY:
        stats_add(STAT_accepted, 1);
        conn_refuse_address(fd);
        return LISTEN_LOST;
    case ADDRESSES_BANNED:
        stats_add(STAT_accepted, 1);
        stats_add(STAT_address_banned, 1);
        close(fd);
        stats_add(STAT_closed, 1);
        return LISTEN_LOST;
    case ADDRESSES_NO_MEMORY:
        break;
    }
    close(fd);
    return LISTEN_FULL;
}

enum listen_result listen_accept(struct server *server, bool blocking,
                                 struct conn **conn)
{
    struct peer peer = {0};
    socklen_t length = sizeof peer.address;
    stats_add(STAT_sys_accept, 1);
    int fd = accept4(server->listen_fd, &peer.address.any, &length,
                     SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK));
    if (fd < 0) {
        switch (errno) {
        case EAGAIN:
        case EINTR:
            return LISTEN_NONE;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return LISTEN_FULL;
        default:
            /* accept(2) also returns network errors of the new socket. They
             * mean only that this client has gone. */
            return LISTEN_LOST;
        }
    }
    peer_normalize(&peer);
    struct address *address = NULL;
    enum listen_result result = admit(server, fd, &peer, &address);
    if (result != LISTEN_CLIENT)
        return result;
    *conn = conn_open(server, fd, &peer);
    if (*conn == NULL) {
        close(fd);
        if (address != NULL)
            addresses_leave(server->addresses, address, clock_ms());
        return LISTEN_FULL;
    }
    (*conn)->address = address;
    stats_add(STAT_accepted, 1);
    return LISTEN_CLIENT;
}
