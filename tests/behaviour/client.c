/* client.c - bytes to a server and its answers back, all under one limit.
 *
 * client_send -> socket -> client_receive -> in -> client_read -> answer */
#include "client.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 4096 };

static struct client *clients[CLIENTS_MAX];
static size_t client_count;

int client_limit_ms(void)
{
    static int limit;
    if (limit == 0) {
        const char *slow = getenv("SLOW");
        int factor = slow ? atoi(slow) : 1;
        limit = 10000 * (factor > 0 ? factor : 1);
    }
    return limit;
}

/* Waits for events; false when the limit has passed. */
static bool wait_for(struct client *client, short events)
{
    struct pollfd watch = {.fd = client->fd, .events = events};
    int n;
    do
        n = poll(&watch, 1, client_limit_ms());
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static struct client *client_new(int fd, int port)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client || client_count == CLIENTS_MAX)
        abort();
    client->fd = fd;
    client->port = port;
    clients[client_count++] = client;
    return client;
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_msg("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static struct client *connect_to(int fd, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("connect: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return client_new(fd, port);
}

struct client *client_open_small(int port, int receive_bytes)
{
    int fd = open_socket();
    if (receive_bytes > 0) /* before connect: it decides the window */
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                   sizeof receive_bytes);
    return connect_to(fd, port);
}

struct client *client_open_from(int port, const char *source)
{
    int fd = open_socket();
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, source, &address.sin_addr);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("bind to %s: %s", source, strerror(errno));
    return connect_to(fd, port);
}

struct client *client_open(int port)
{
    return client_open_small(port, 0);
}

struct client *client_open_v6(int port)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return client_new(fd, port);
}

int client_send(struct client *client, const void *data, size_t n)
{
    const char *at = data;
    while (n > 0) {
        ssize_t sent = send(client->fd, at, n, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!wait_for(client, POLLOUT))
                fail_msg("the server does not take the request");
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

int client_say(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

bool client_has_news(struct client *client)
{
    struct pollfd watch = {.fd = client->fd, .events = POLLIN};
    return poll(&watch, 1, 0) > 0;
}

/* Asks the kernel about the server's end of this connection; false if that end
 * is gone. */
static bool ask_peer(int fd, struct inet_diag_msg *found)
{
    static int diag = -1;
    if (diag < 0)
        diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct sockaddr_in mine, theirs;
    socklen_t size = sizeof mine, size2 = sizeof theirs;
    if (getsockname(fd, (struct sockaddr *)&mine, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &size2) != 0)
        return false;
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 ask;
    } ask = {
        .head = {.nlmsg_len = sizeof ask,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .ask = {.sdiag_family = AF_INET,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = ~0u},
    };
    ask.ask.id.idiag_sport = theirs.sin_port;
    ask.ask.id.idiag_dport = mine.sin_port;
    ask.ask.id.idiag_src[0] = theirs.sin_addr.s_addr;
    ask.ask.id.idiag_dst[0] = mine.sin_addr.s_addr;
    ask.ask.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    ask.ask.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    union {
        struct nlmsghdr head;
        char room[4096];
    } said;
    if (diag < 0 || send(diag, &ask, sizeof ask, 0) < 0)
        return false;
    ssize_t n = recv(diag, &said, sizeof said, 0);
    if (n < (ssize_t)sizeof said.head ||
        said.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return false;
    memcpy(found, NLMSG_DATA(&said.head), sizeof *found);
    return true;
}

/* Bytes that wait to be received at the server's end, or -1 if it is gone. */
static long peer_backlog(const struct client *client)
{
    struct inet_diag_msg found;
    if (!ask_peer(client->fd, &found) || found.idiag_state != TCP_ESTABLISHED)
        return -1;
    return (long)found.idiag_rqueue;
}

/* What waits to be accepted is no file yet. */
bool client_accepted(int fd)
{
    struct inet_diag_msg found;
    return ask_peer(fd, &found) && found.idiag_inode != 0;
}

void client_wait_taken(struct client *client)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!client_has_news(client) && peer_backlog(client) > 0) {
        if (suite_now_ms() > limit)
            fail_msg("the server does not read what was sent");
        /* No event says that a peer has read; look again after a turn of the
         * others. */
        struct pollfd watch = {.fd = client->fd, .events = POLLIN};
        poll(&watch, 1, 1);
    }
}

size_t client_receive(struct client *client, void *data, size_t n)
{
    for (;;) {
        ssize_t got = recv(client->fd, data, n, 0);
        if (got > 0)
            return (size_t)got;
        if (got == 0 || errno == ECONNRESET || errno == EPIPE) {
            client->ended = true;
            client->reset = got != 0;
            return 0;
        }
        if (errno == EAGAIN && !wait_for(client, POLLIN)) {
            bytes_show("came so far", client->in.data, client->in.length);
            fail_msg("no answer within the limit");
        }
        if (errno != EAGAIN && errno != EINTR)
            fail_msg("recv: %s", strerror(errno));
    }
}

/* More bytes into client->in; false at the end. */
static bool receive_more(struct client *client)
{
    enum { ROOM = 64 * 1024 };
    if (client->ended)
        return false;
    size_t n = client_receive(client, bytes_room(&client->in, ROOM), ROOM);
    client->in.length += n;
    client->in.data[client->in.length] = '\0';
    return n > 0;
}

void client_read_to_end(struct client *client)
{
    while (receive_more(client))
        continue;
}

bool answer_field(const struct answer *answer, const char *name, char *value,
                  size_t size)
{
    size_t length = strlen(name);
    const char *line = answer->raw.data;
    const char *end = line + answer->head_length;
    while (line && line + 2 < end) {
        const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *from = line + length + 1;
            while (*from == ' ')
                from++;
            size_t n = (size_t)(next - from);
            n = n < size ? n : size - 1;
            memcpy(value, from, n);
            value[n] = '\0';
            return true;
        }
        line = next + 2;
    }
    return false;
}

void answer_free(struct answer *answer)
{
    bytes_free(&answer->raw);
    bytes_free(&answer->body);
    *answer = (struct answer){0};
}

/* Moves n bytes, receiving them if need be. False at the end. */
static bool move(struct client *client, struct bytes *raw, struct bytes *body,
                 size_t n)
{
    while (n > 0) {
        if (client->in.length == 0 && !receive_more(client))
            return false;
        size_t piece = client->in.length < n ? client->in.length : n;
        bytes_add(raw, client->in.data, piece);
        if (body)
            bytes_add(body, client->in.data, piece);
        bytes_drop(&client->in, piece);
        n -= piece;
    }
    return true;
}

/* Moves a line with its CRLF to raw; its place there in *start. */
static bool move_line(struct client *client, struct bytes *raw, size_t *start)
{
    ptrdiff_t end;
    while ((end = bytes_find(client->in.data, client->in.length, "\r\n", 2)) <
           0)
        if (!receive_more(client))
            return false;
    *start = raw->length;
    return move(client, raw, NULL, (size_t)end + 2);
}

static bool read_chunks(struct client *client, struct answer *answer)
{
    for (;;) {
        size_t line;
        if (!move_line(client, &answer->raw, &line))
            return false;
        char *end;
        unsigned long n = strtoul(answer->raw.data + line, &end, 16);
        if (end == answer->raw.data + line || *end != '\r')
            fail_msg("not a chunk size: %s", answer->raw.data + line);
        if (n > 0 && !move(client, &answer->raw, &answer->body, n))
            return false;
        if (!move_line(client, &answer->raw, &line))
            return false;
        if (answer->raw.length - line != 2)
            fail_msg("no CRLF behind a chunk");
        if (n == 0)
            return true;
    }
}

static bool read_body(struct client *client, bool to_head,
                      struct answer *answer)
{
    char value[64];
    if (to_head || answer->status < 200 || answer->status == 204 ||
        answer->status == 304)
        return true;
    if (answer_field(answer, "Transfer-Encoding", value, sizeof value))
        return read_chunks(client, answer);
    if (answer_field(answer, "Content-Length", value, sizeof value))
        return move(client, &answer->raw, &answer->body,
                    strtoul(value, NULL, 10));
    while (client->in.length > 0 || receive_more(client))
        move(client, &answer->raw, &answer->body, client->in.length);
    return !client->reset;
}

enum client_got client_read(struct client *client, bool to_head,
                            struct answer *answer)
{
    answer_free(answer);
    size_t line;
    do {
        if (!move_line(client, &answer->raw, &line)) {
            bool nothing = answer->raw.length + client->in.length == 0;
            bytes_add(&answer->raw, client->in.data ? client->in.data : "",
                      client->in.length);
            return nothing ? GOT_CLOSE : GOT_BROKEN;
        }
    } while (answer->raw.length - line > 2);
    answer->head_length = answer->raw.length;
    if (strncmp(answer->raw.data, "HTTP/1.1 ", 9) != 0)
        fail_msg("not an answer: %.40s", answer->raw.data);
    answer->status = (unsigned)strtoul(answer->raw.data + 9, NULL, 10);
    return read_body(client, to_head, answer) ? GOT_ANSWER : GOT_BROKEN;
}

void client_half_close(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

void client_close(struct client *client)
{
    for (size_t i = 0; i < client_count; i++)
        if (clients[i] == client) {
            clients[i] = clients[--client_count];
            break;
        }
    close(client->fd);
    bytes_free(&client->in);
    free(client);
}

void client_reset(struct client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(client);
}

void client_close_all(void)
{
    while (client_count > 0)
        client_reset(clients[client_count - 1]);
}

unsigned client_get(int port, const char *path, struct answer *answer)
{
    struct bytes request = {0};
    bytes_print(&request,
                "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                path);
    struct client *client = client_open(port);
    client_send(client, request.data, request.length);
    bytes_free(&request);
    enum client_got got = client_read(client, false, answer);
    /* The server logs the request before it closes. */
    if (got == GOT_ANSWER)
        client_read_to_end(client);
    client_close(client);
    return got == GOT_ANSWER ? answer->status : 0;
}
