/* tcp.c - question 6, layered: see tcp.h.
 *
 * socket -> in -> recv_message ... send_message -> out -> socket */
#include "tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_connection *tcp_open(const struct tcp_class *class, int fd)
{
    struct tcp_connection *conn = calloc(1, class->connection_bytes);
    if (conn == NULL)
        return NULL;
    conn->class = class;
    conn->fd = fd;
    return conn;
}

/* What there is to send; WANT_READ when all is sent. */
static enum wish tcp_send(struct tcp_connection *conn)
{
    for (;;) {
        if (buffer_length(&conn->out) < PIECE_BYTES)
            conn->class->send_message(conn);
        if (buffer_length(&conn->out) == 0)
            return WANT_READ;
        ssize_t n = send(conn->fd, buffer_start(&conn->out),
                         buffer_length(&conn->out), MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? WANT_WRITE : WANT_CLOSE;
        buffer_taken(&conn->out, (size_t)n);
    }
}

/* Nothing waits and nothing has come. */
static enum wish tcp_rest(struct tcp_connection *conn)
{
    if (buffer_length(&conn->in) == 0) {
        buffer_release(&conn->in);
        buffer_release(&conn->out);
    }
    return WANT_READ;
}

enum wish tcp_step(void *connection)
{
    struct tcp_connection *conn = connection;
    for (;;) {
        enum wish wish = tcp_send(conn);
        if (wish != WANT_READ)
            return wish;
        if (buffer_length(&conn->in) > 0) {
            if (!conn->class->recv_message(conn))
                return WANT_CLOSE;
            if (buffer_length(&conn->out) > 0)
                continue;
        }
        if (buffer_reserve(&conn->in, RECV_BYTES) < 0)
            return WANT_CLOSE;
        ssize_t n = recv(conn->fd, conn->in.data + conn->in.end,
                         buffer_space(&conn->in), 0);
        if (n < 0 && errno == EAGAIN)
            return tcp_rest(conn);
        if (n <= 0)
            return WANT_CLOSE;
        buffer_filled(&conn->in, (size_t)n);
    }
}

void tcp_close(void *connection)
{
    struct tcp_connection *conn = connection;
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    close(conn->fd);
    free(conn);
}
