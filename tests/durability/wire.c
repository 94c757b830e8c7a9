/* wire.c - a client for a thread.
 *
 * request -> send ... -> recv ... -> head, Content-Length bytes -> status, body
 */
#include "wire.h"
#include "../behaviour/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 64 * 1024 };

void wire_init(struct wire *wire, int port, bool one_each)
{
    *wire = (struct wire){.port = port, .one_each = one_each, .fd = -1};
}

static void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}

void wire_free(struct wire *wire)
{
    wire_close(wire);
    bytes_free(&wire->raw);
}

static bool wire_connect(struct wire *wire)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)wire->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    int limit = client_limit_ms(), on = 1;
    struct timeval wait = {limit / 1000, limit % 1000 * 1000};
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0 ||
        connect(wire->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(wire->fd, (struct sockaddr *)&address, &size) != 0) {
        wire_close(wire);
        return false;
    }
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(wire->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    wire->own_port = ntohs(address.sin_port);
    wire->received = 0;
    return true;
}

/* A server that refuses answers before it has read all, and then closes: what
 * cannot be sent any more does not matter, the answer does. */
static void send_all(struct wire *wire, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(wire->fd, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        data += sent;
        n -= (size_t)sent;
    }
}

static enum wire_got receive_more(struct wire *wire)
{
    char *room = bytes_room(&wire->raw, RECEIVE_BYTES);
    ssize_t n;
    do
        n = recv(wire->fd, room, RECEIVE_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? WIRE_SLOW : WIRE_LOST;
    wire->raw.length += (size_t)n;
    wire->raw.data[wire->raw.length] = '\0';
    wire->received += (uint64_t)n;
    return WIRE_ANSWER;
}

static enum wire_got receive_answer(struct wire *wire, bool *last)
{
    ptrdiff_t end;
    wire->raw.length = 0;
    while ((end = bytes_find(wire->raw.data, wire->raw.length, "\r\n\r\n", 4)) <
           0) {
        enum wire_got got = receive_more(wire);
        if (got != WIRE_ANSWER)
            return got;
    }
    size_t head = (size_t)end + 4;
    const char *field = strstr(wire->raw.data, "\r\nContent-Length: ");
    *last = strstr(wire->raw.data, "\r\nConnection: close") != NULL;
    wire->status = (unsigned)strtoul(wire->raw.data + 9, NULL, 10);
    wire->body_length = 0;
    if (field && field < wire->raw.data + head)
        wire->body_length = strtoul(field + 18, NULL, 10);
    while (wire->raw.length < head + wire->body_length) {
        enum wire_got got = receive_more(wire);
        if (got != WIRE_ANSWER)
            return got;
    }
    wire->body = wire->raw.data + head;
    return WIRE_ANSWER;
}

enum wire_got wire_ask(struct wire *wire, const char *method, const char *path,
                       const void *body, size_t n)
{
    struct bytes request = {0};
    bool last = false;
    if (wire->fd < 0 && !wire_connect(wire))
        return WIRE_LOST;
    bytes_print(&request,
                "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n",
                method, path, n, wire->one_each ? "Connection: close\r\n" : "");
    if (n > 0)
        bytes_add(&request, body, n);
    send_all(wire, request.data, request.length);
    bytes_free(&request);
    enum wire_got got = receive_answer(wire, &last);
    if (got != WIRE_ANSWER || last || wire->one_each)
        wire_close(wire);
    return got;
}
