/* load.c - see load.h.
 *
 * epoll -> client_write: the next piece of the requests
 *       -> client_read -> in -> take_answer, one by one
 *       -> leave: all answered, or as the script says */
#include "load.h"
#include "client.h"
#include "suite.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    TRICKLE_BYTES = 7,
    /* Of each address there are fewer than 30 000 ports. */
    SOURCES = 8,
    LOADS_MAX = 4,
};

struct load_client {
    int fd; /* -1: this place is free */
    const struct load_script *script;
    bool quiet;
    bool accepted; /* known for sure */
    bool told;     /* an answer said "close": it was the last */
    uint32_t watched;
    size_t sent, got; /* bytes */
    unsigned answered;
    unsigned owed; /* answers, when the server is stopping */
    struct bytes in;
};

static struct load *loads[LOADS_MAX];

struct load *load_open(int port, size_t max)
{
    struct load *load = calloc(1, sizeof *load);
    size_t slot = 0;
    while (slot < LOADS_MAX && loads[slot])
        slot++;
    if (!load || slot == LOADS_MAX)
        abort();
    load->clients = calloc(max, sizeof *load->clients);
    if (!load->clients)
        abort();
    for (size_t i = 0; i < max; i++)
        load->clients[i].fd = -1;
    load->max = max;
    load->port = port;
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loads[slot] = load;
    return load;
}

static void leave(struct load *load, struct load_client *client, bool reset)
{
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(client->fd);
    bytes_free(&client->in);
    load->quiet -= client->quiet;
    load->open--;
    *client = (struct load_client){.fd = -1};
}

void load_close(struct load *load)
{
    for (size_t i = 0; i < load->max; i++)
        if (load->clients[i].fd >= 0)
            leave(load, &load->clients[i], true);
    for (size_t i = 0; i < LOADS_MAX; i++)
        if (loads[i] == load)
            loads[i] = NULL;
    close(load->epoll_fd);
    free(load->clients);
    free(load);
}

void load_close_all(void)
{
    for (size_t i = 0; i < LOADS_MAX; i++)
        if (loads[i])
            load_close(loads[i]);
}

static void watch(struct load *load, struct load_client *client,
                  uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};
    int how = client->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (events == client->watched)
        return;
    if (epoll_ctl(load->epoll_fd, how, client->fd, &event) != 0)
        fail_msg("epoll_ctl: %s", strerror(errno));
    client->watched = events;
}

/* Not blocking, from an address of its own choice. */
static int open_socket(struct load *load)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr =
            htonl(INADDR_LOOPBACK + (uint32_t)(load->started % SOURCES)),
    };
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)load->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0)
        fail_msg("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* connect chooses the port then, and may take one that another server's
     * connection has. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 &&
         errno != EINPROGRESS))
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

void load_start(struct load *load, const struct load_script *script, bool quiet)
{
    struct load_client *client = load->clients;
    /* Places come free in any order; the next one is most often right here. */
    for (size_t i = 0; i < load->max; i++) {
        client = &load->clients[(load->started + i) % load->max];
        if (client->fd < 0)
            break;
    }
    if (client->fd >= 0)
        abort();
    *client = (struct load_client){
        .fd = open_socket(load), .script = script, .quiet = quiet};
    load->open++;
    load->started++;
    load->quiet += quiet;
    watch(load, client, quiet ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void load_wake(struct load *load)
{
    for (size_t i = 0; i < load->max; i++) {
        struct load_client *client = &load->clients[i];
        if (client->fd < 0 || !client->quiet)
            continue;
        client->quiet = false;
        load->quiet--;
        watch(load, client, EPOLLIN | EPOLLOUT);
    }
}

/* How far it may send now. */
static size_t send_limit(const struct load_client *client)
{
    const struct load_script *script = client->script;
    size_t each = strlen(script->request);
    if (client->quiet || client->told)
        return client->sent;
    if (script->leave_sent > 0)
        return script->leave_sent;
    if (script->together || client->answered == script->times)
        return script->times * each;
    return (client->answered + 1) * each;
}

/* The server has closed. */
static void ended(struct load *load, struct load_client *client, bool reset)
{
    const struct load_script *script = client->script;
    unsigned wanted = load->stopping ? client->owed : script->times;
    if (load->stopping && !client->accepted && client->got == 0)
        wanted = 0;
    if (client->in.length > 0)
        fail_msg("%s: cut off in the middle of an answer", script->name);
    if (client->answered < wanted && !(load->stopping && client->told))
        fail_msg("%s: %s after %u answers of %u%s", script->name,
                 reset ? "reset" : "closed", client->answered, wanted,
                 load->stopping ? " that it owed when it was stopped" : "");
    load->cut_off += client->answered < script->times && !client->told;
    leave(load, client, false);
}

/* False: the client has gone. */
static bool client_write(struct load *load, struct load_client *client)
{
    const struct load_script *script = client->script;
    size_t each = strlen(script->request), limit;
    while (client->sent < (limit = send_limit(client))) {
        size_t at = client->sent % each;
        size_t n =
            each - at < limit - client->sent ? each - at : limit - client->sent;
        if (script->trickle && n > TRICKLE_BYTES)
            n = TRICKLE_BYTES;
        ssize_t sent = send(client->fd, script->request + at, n, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (sent < 0) /* what came before is still to be read */
            return true;
        client->sent += (size_t)sent;
        if (script->trickle)
            break;
    }
    if (script->leave_sent > 0 && client->sent == script->leave_sent) {
        leave(load, client, script->reset);
        return false;
    }
    bool more = client->sent < send_limit(client);
    watch(load, client, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

static void check_body(const struct load_script *script, const char *body,
                       size_t n)
{
    if (script->body &&
        (n != strlen(script->body) || memcmp(body, script->body, n) != 0))
        fail_msg("%s: another body: %.*s", script->name, (int)n, body);
    if (script->fixture > 0 && n != script->fixture)
        fail_msg("%s: %zu bytes of %zu", script->name, n, script->fixture);
    for (size_t i = 0; i < script->fixture; i++)
        if ((unsigned char)body[i] != fixture_byte(i))
            fail_msg("%s: byte %zu is wrong", script->name, i);
}

/* The first whole answer of client->in; false: there is none yet. */
static bool take_answer(struct load *load, struct load_client *client)
{
    const struct load_script *script = client->script;
    char *data = client->in.data, *field;
    ptrdiff_t end = bytes_find(data, client->in.length, "\r\n\r\n", 4);
    if (end < 0)
        return false;
    size_t head = (size_t)end + 4, body = 0;
    data[end] = '\0'; /* of the last field's line; the rest is left alone */
    if ((field = strcasestr(data, "\r\nContent-Length:")))
        body = strtoul(field + 17, NULL, 10);
    else if (!strstr(data, " 204 "))
        fail_msg("%s: an answer without length: %s", script->name, data);
    bool told = strcasestr(data, "\r\nConnection: close");
    unsigned status = (unsigned)strtoul(data + 9, NULL, 10);
    data[end] = '\r';
    if (client->in.length < head + body)
        return false;
    if (status != script->status)
        fail_msg("%s: %u instead of %u: %.*s", script->name, status,
                 script->status, (int)body, data + head);
    if (client->told || client->answered == script->times)
        fail_msg("%s: more answers than questions", script->name);
    check_body(script, data + head, body);
    bytes_drop(&client->in, head + body);
    client->told = told;
    client->answered++;
    load->answers++;
    return true;
}

/* False: the client has gone. */
static bool client_read_more(struct load *load, struct load_client *client)
{
    enum { ROOM = 64 * 1024 };
    const struct load_script *script = client->script;
    ssize_t n = recv(client->fd, bytes_room(&client->in, ROOM), ROOM, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        ended(load, client, n < 0);
        return false;
    }
    client->got += (size_t)n;
    if (script->leave_got > 0 && client->got >= script->leave_got) {
        leave(load, client, script->reset);
        return false;
    }
    client->in.length += (size_t)n;
    client->in.data[client->in.length] = '\0';
    while (script->leave_got == 0 && client->in.length > 0 &&
           take_answer(load, client))
        continue;
    if (client->in.length == 0)
        bytes_free(&client->in);
    /* Who was told so waits for the server to close. */
    if (client->answered == script->times && !client->told) {
        leave(load, client, script->reset);
        return false;
    }
    return true;
}

void load_turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(load->epoll_fd, events, EVENTS, client_limit_ms());
    if (n == 0)
        fail_msg("no news of %zu clients within the limit",
                 load->open - load->quiet);
    for (int i = 0; i < n; i++) {
        struct load_client *client = events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT &&
            !client_read_more(load, client))
            continue;
        client_write(load, client);
    }
}

void load_run(struct load *load, const struct load_script *scripts, size_t n,
              size_t at_once, size_t total)
{
    size_t started = 0; /* by this call */
    while (started < total || load->open > load->quiet) {
        while (started < total && load->open - load->quiet < at_once)
            load_start(load, &scripts[started++ % n], false);
        load_turn(load);
    }
}

void load_stopping(struct load *load)
{
    for (size_t i = 0; i < load->max; i++) {
        struct load_client *client = &load->clients[i];
        int unsent = 0;
        if (client->fd < 0)
            continue;
        size_t each = strlen(client->script->request);
        ioctl(client->fd, SIOCOUTQNSD, &unsent);
        /* A request that has begun to arrive is owed its answer too. */
        client->owed =
            (unsigned)((client->sent - (size_t)unsent + each - 1) / each);
        client->accepted = client->got > 0 || client_accepted(client->fd);
    }
    load->stopping = true;
}
