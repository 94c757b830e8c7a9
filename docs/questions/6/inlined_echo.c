/* inlined_echo.c - question 6: a second protocol that owns its socket too. */
#include "tiny.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int fd;
    struct message_buffer bytes;
};

static void *echo_open(int fd)
{
    struct connection *conn = calloc(1, sizeof *conn);
    if (conn != NULL)
        conn->fd = fd;
    return conn;
}

static enum wish echo_step(void *connection)
{
    struct connection *conn = connection;
    struct message_buffer *bytes = &conn->bytes;
    for (;;) {
        while (buffer_length(bytes) > 0) {
            ssize_t n = send(conn->fd, buffer_start(bytes),
                             buffer_length(bytes), MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN ? WANT_WRITE : WANT_CLOSE;
            buffer_taken(bytes, (size_t)n);
        }
        if (buffer_reserve(bytes, RECV_BYTES) < 0)
            return WANT_CLOSE;
        ssize_t n = recv(conn->fd, bytes->data, bytes->capacity, 0);
        if (n < 0 && errno == EAGAIN)
            return WANT_READ;
        if (n <= 0)
            return WANT_CLOSE;
        buffer_filled(bytes, (size_t)n);
    }
}

static void echo_close(void *connection)
{
    struct connection *conn = connection;
    buffer_release(&conn->bytes);
    close(conn->fd);
    free(conn);
}

const struct service inlined_echo = {
    .way = "inlined",
    .protocol = "echo",
    .connection_bytes = sizeof(struct connection),
    .open = echo_open,
    .step = echo_step,
    .close = echo_close,
};
