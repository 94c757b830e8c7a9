/* life_service.c - under a service manager: what the server tells it, and the
 * listening socket that it gets from it. The manager here is the test, with the
 * sockets that systemd would have made. */
#include "life.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket that takes what servers tell. @NAME, or a path. */
static int manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (*name == '@')
        address.sun_path[0] = '\0';
    else
        unlink(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0)
        fail_msg("%s: %s", name, strerror(errno));
    return fd;
}

/* Another each time: a test that failed has left its socket open. */
static void manager_name(char out[64])
{
    static unsigned count;
    snprintf(out, 64, "@fivefold-notify-%d-%u", (int)getpid(), count++);
}

/* The next datagram must start with that line; gives the whole. */
static void manager_expect(int fd, const char *line, char out[600])
{
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    if (poll(&watch, 1, client_limit_ms()) <= 0)
        fail_msg("the server does not say %s", line);
    ssize_t n = recv(fd, out, 599, 0);
    assert_true(n > 0);
    out[n] = '\0';
    size_t length = strlen(line);
    if (strncmp(out, line, length) != 0 ||
        (out[length] != '\n' && out[length] != '\0'))
        fail_msg("instead of %s the server says %s", line, out);
}

/* Started, waited for by systemd, and given up after 90 s, although it served:
 * it had not said so. A reload was over before it had begun. */
static void tells_its_manager(const struct stage_differences *stage,
                              const char *name)
{
    char said[600], port[32];
    int fd = manager_open(name);
    struct server *server =
        life_start(stage, &(struct server_options){.notify_socket = name},
                   (const char *const[]){NULL});
    manager_expect(fd, "READY=1", said);
    snprintf(port, sizeof port, ":%d/", server->port);
    assert_non_null(strstr(said, port));
    kill(server->pid, SIGHUP);
    manager_expect(fd, "RELOADING=1", said);
    assert_non_null(strstr(said, "\nMONOTONIC_USEC="));
    manager_expect(fd, "READY=1", said);
    struct client *client = life_stalled_download(server);
    kill(server->pid, SIGTERM);
    manager_expect(fd, "STOPPING=1", said);
    client_reset(client);
    assert_int_equal(server_wait(server), 0);
    close(fd);
}

static void tells_by_path(const struct stage_differences *stage)
{
    char path[640];
    /* Not below work: a path of a socket has 107 bytes at most. */
    snprintf(path, sizeof path, "/tmp/fivefold-notify-%d", (int)getpid());
    tells_its_manager(stage, path);
    unlink(path);
}

static void tells_by_name(const struct stage_differences *stage)
{
    char name[64];
    manager_name(name);
    tells_its_manager(stage, name);
}

/* A manager that has gone does not take the server with it. */
static void manager_is_gone(const struct stage_differences *stage)
{
    struct server *server = life_start(
        stage,
        &(struct server_options){.notify_socket = "@fivefold-no-such-socket"},
        (const char *const[]){NULL});
    life_answers(server);
    struct bytes output = {0};
    server_output(server, &output);
    assert_non_null(strstr(output.data, "service manager"));
    bytes_free(&output);
    server_stop(server);
}

/* What a socket unit opens. */
static int listener_open(int type, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        fail_msg("a listening socket: %s", strerror(errno));
    if ((type & SOCK_STREAM) == SOCK_STREAM && listen(fd, 511) != 0)
        fail_msg("listen: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

/* Clients that wait there for accept: of a listening socket, the kernel tells
 * them by this name. */
static unsigned listener_queue(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_unacked;
}

static void listener_wait_empty(int fd)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (listener_queue(fd) > 0)
        if (suite_now_ms() > limit)
            fail_msg("the clients are not let in");
}

/* Whoever opened it may have left it blocking or not, and each stage needs it
 * its own way: a stage of many clients that waited in accept served only the
 * one who came last, and the one that should wait there ran in circles. */
static void takes_a_socket(const struct stage_differences *stage)
{
    for (int mode = 0; mode <= O_NONBLOCK; mode += O_NONBLOCK) {
        int port, fd = listener_open(SOCK_STREAM, &port);
        fcntl(fd, F_SETFL, mode);
        struct server *server =
            life_start(stage, &(struct server_options){.inherited_fd = fd},
                       (const char *const[]){NULL});
        assert_int_equal(server->port, port);
        bool waits_in_accept = !stage->answers_others || stage->pipeline;
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK,
                         waits_in_accept ? 0 : O_NONBLOCK);
        for (int i = 0; i < 3; i++)
            life_answers(server);
        server_stop(server);
        close(fd);
    }
}

/* What a client is answered that has this name for the server. */
static unsigned status_by_name(const struct server *server, const char *host)
{
    char text[200];
    struct answer answer = {0};
    snprintf(text, sizeof text, "GET /small.txt HTTP/1.1\r\nHost: %s\r\n\r\n",
             host);
    struct client *client = life_say(server, text);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    unsigned status = answer.status;
    answer_free(&answer);
    client_close(client);
    return status;
}

/* Bug: the setting was looked at, and not the socket that is listened on. */
static void names_by_socket(const struct stage_differences *stage)
{
    static const struct server_options everywhere = {.listen = "*:0"};
    int port, fd = listener_open(SOCK_STREAM, &port);
    struct server *server = life_start(
        stage, &(struct server_options){.inherited_fd = fd, .listen = "*:8080"},
        (const char *const[]){NULL});
    assert_int_equal(status_by_name(server, "evil.example"), 421);
    assert_int_equal(status_by_name(server, "127.0.0.1"), 200);
    server_stop(server);
    close(fd);
    server = life_start(stage, &everywhere, (const char *const[]){NULL});
    assert_int_equal(status_by_name(server, "www.example.org"), 200);
    server_stop(server);
    server = life_start(
        stage, &everywhere,
        (const char *const[]){"--set", "server.names=www.example.org", NULL});
    assert_int_equal(status_by_name(server, "www.example.org"), 200);
    assert_int_equal(status_by_name(server, "evil.example"), 421);
    assert_int_equal(status_by_name(server, "192.0.2.1"), 200);
    server_stop(server);
    if (!life_has_v6())
        return;
    server = life_start(stage, &(struct server_options){.listen = "[::1]:0"},
                        (const char *const[]){NULL});
    struct client *client = client_open_v6(server->port);
    client_say(client, "GET /small.txt HTTP/1.1\r\nHost: a.b\r\n\r\n");
    life_expect(client, 421);
    server_stop(server);
}

/* A mistake in the list of names is told before anything is served. */
static void wrong_names(const struct stage_differences *stage)
{
    static const char *const wrong[] = {
        "server.names=http://a.example", "server.names=a.example:80",
        "server.names=a.example, ,b",    "server.names=a.example.",
        "server.names=*.example",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        life_expect_mistake(
            stage,
            &(struct server_options){
                .arguments = (const char *const[]){"--set", wrong[i], NULL}},
            "is not a host name; write names as www.example.org");
}

/* It was shut down with the server, for the manager and the next server too:
 * who connected between the two was refused. Who waits in its queue is
 * answered by the next one. */
static void hands_a_socket_on(const struct stage_differences *stage)
{
    enum { CLIENTS = 20 };
    struct client *clients[CLIENTS];
    char name[64], said[600];
    manager_name(name);
    int port, fd = listener_open(SOCK_STREAM, &port);
    int manager = manager_open(name);
    struct server_options options = {.notify_socket = name, .inherited_fd = fd};
    struct server *server = life_start(
        stage, &options,
        (const char *const[]){"--set", "connection.send_buffer_bytes=4096",
                              "--set", "server.stop_seconds=600", NULL});
    manager_expect(manager, "READY=1", said);
    struct client *download = life_stalled_download(server);
    kill(server->pid, SIGTERM);
    manager_expect(manager, "STOPPING=1", said);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(port);
        client_say(clients[i], HELLO_CLOSE);
    }
    life_expect_big(download);
    life_expect_close(download);
    assert_int_equal(server_wait(server), 0);
    server = life_start(stage, &options, (const char *const[]){NULL});
    for (int i = 0; i < CLIENTS; i++) {
        life_expect_hello(clients[i]);
        life_expect_close(clients[i]);
    }
    server_stop(server);
    close(manager);
    close(fd);
}

/* A client that had just been let in when the stop came was closed before it
 * could ask; a moment later it would have been the next server's. */
static void newcomers_may_speak(const struct stage_differences *stage)
{
    enum { CLIENTS = 20 };
    struct client *clients[CLIENTS];
    size_t count = stage->answers_others ? CLIENTS : 1;
    char name[64], said[600];
    manager_name(name);
    int port, fd = listener_open(SOCK_STREAM, &port);
    int manager = manager_open(name);
    struct server *server = life_start(
        stage,
        &(struct server_options){.notify_socket = name, .inherited_fd = fd},
        (const char *const[]){"--set", "server.stop_seconds=600", "--set",
                              "connection.linger_seconds=60", NULL});
    manager_expect(manager, "READY=1", said);
    for (size_t i = 0; i < count; i++)
        clients[i] = client_open(port);
    listener_wait_empty(fd);
    kill(server->pid, SIGTERM);
    manager_expect(manager, "STOPPING=1", said);
    for (size_t i = 0; i < count; i++) {
        client_say(clients[i], HELLO);
        life_expect_hello(clients[i]);
        life_expect_close(clients[i]);
        client_close(clients[i]);
    }
    assert_int_equal(server_wait(server), 0);
    close(manager);
    close(fd);
}

/* ... but who says nothing does not hold the stop up for long. */
static void silent_newcomers(const struct stage_differences *stage)
{
    int port, fd = listener_open(SOCK_STREAM, &port);
    struct server *server = life_start(
        stage, &(struct server_options){.inherited_fd = fd},
        (const char *const[]){"--set", "server.stop_seconds=600", "--set",
                              "connection.linger_seconds=1", "--set",
                              "connection.keepalive_seconds=600", NULL});
    struct client *client = client_open(port);
    server_stop(server);
    /* Let in and closed, or still in the queue of a socket that goes on. */
    client_close(client);
    close(fd);
}

/* True if the one who connects after the last one has gone is let in, though
 * the server stops: it did not waste its time then. */
static bool stop_meets_a_newcomer(const struct stage_differences *stage,
                                  const char *name, int manager)
{
    char said[600];
    int port, fd = listener_open(SOCK_STREAM, &port);
    struct server *server = life_start(
        stage,
        &(struct server_options){.notify_socket = name, .inherited_fd = fd},
        (const char *const[]){"--set", "server.stop_seconds=600", "--set",
                              "connection.head_seconds=1", NULL});
    manager_expect(manager, "READY=1", said);
    struct client *last = client_open(port);
    listener_wait_empty(fd);
    size_t descriptors = server_descriptors(server);
    kill(server->pid, SIGTERM);
    manager_expect(manager, "STOPPING=1", said);
    client_close(last);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (server_descriptors(server) >= descriptors)
        if (suite_now_ms() > limit)
            fail_msg("the server does not see that its client has gone");
    struct client *newcomer = client_open(port);
    unsigned long before = server_ticks(server);
    client_say(newcomer, "GET / HT");
    struct pollfd watch[] = {
        {.fd = newcomer->fd, .events = POLLIN},
        {.fd = (int)syscall(SYS_pidfd_open, server->pid, 0), .events = POLLIN},
    };
    poll(watch, 2, client_limit_ms());
    close(watch[1].fd);
    bool met = watch[0].revents != 0;
    if (met) {
        /* A second has passed until a half head is 408. */
        life_expect(newcomer, 408);
        life_expect_rest(server, before);
    }
    client_close(newcomer);
    assert_int_equal(server_wait(server), 0);
    close(fd);
    return met;
}

/* Told once that the last one had gone, the master was told for ever, also when
 * an acceptor had let in one more: it used up a processor until that one was
 * done. */
static void stop_waits_for_one_more(const struct stage_differences *stage)
{
    enum { TRIES = 20, MEETINGS = 10 };
    char name[64];
    if (!stage->pipeline)
        return; /* nobody is let in any more */
    manager_name(name);
    int manager = manager_open(name);
    /* Several: in four of ten the newcomer is in before the last one counts as
     * gone, and the master has nothing to be told. */
    for (int met = 0, tries = 0; met < MEETINGS; tries++) {
        if (tries == TRIES * MEETINGS)
            fail_msg("nobody is let in");
        met += stop_meets_a_newcomer(stage, name, manager);
    }
    close(manager);
}

static void wrong_sockets(const struct stage_differences *stage)
{
    int port, pair[2], listener = listener_open(SOCK_STREAM, &port);
    int datagrams = listener_open(SOCK_DGRAM, &port);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    const char *const arguments[] = {"--root", suite.root, NULL};
    const struct server_options options[] = {
        {.inherited_fd = datagrams, .arguments = arguments},
        {.inherited_fd = pair[0], .arguments = arguments},
        {.inherited_fd = listener, .listen_fds = "2", .arguments = arguments},
        {.inherited_fd = listener, .listen_fds = "x", .arguments = arguments},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        life_expect_mistake(stage, &options[i], "LISTEN_FDS");
    close(pair[0]);
    close(pair[1]);
    close(datagrams);
    close(listener);
}

/* The variables of a parent's own socket reach all its children. */
static void another_process_s_socket(const struct stage_differences *stage)
{
    int port, fd = listener_open(SOCK_STREAM, &port);
    struct server *server = life_start(
        stage, &(struct server_options){.inherited_fd = fd, .listen_pid = "1"},
        (const char *const[]){NULL});
    assert_int_not_equal(server->port, port);
    life_answers(server);
    server_stop(server);
    close(fd);
}

const struct life life_service[] = {
    {"it tells its service manager what it does, by a path", tells_by_path},
    {"it tells its service manager what it does, by a name", tells_by_name},
    {"a service manager that is gone is no reason not to serve",
     manager_is_gone},
    {"it takes a listening socket over, blocking or not", takes_a_socket},
    {"whose name it answers depends on the socket it has", names_by_socket},
    {"a list of names with what is none is one line", wrong_names},
    {"clients wait in an inherited socket for the next server",
     hands_a_socket_on},
    {"who has just come through an inherited socket may speak at a stop",
     newcomers_may_speak},
    {"who comes and says nothing does not hold a stop up", silent_newcomers},
    {"a stop that waits for one more does so asleep", stop_waits_for_one_more},
    {"an inherited socket of a wrong kind is one line", wrong_sockets},
    {"a socket meant for another process is left alone",
     another_process_s_socket},
    {NULL, NULL},
};
