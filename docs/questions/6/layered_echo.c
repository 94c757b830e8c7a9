/* layered_echo.c - question 6: a second protocol on the same TCP. */
#include "tcp.h"

static bool recv_message(struct tcp_connection *conn)
{
    buffer_append_text(&conn->out, buffer_text(&conn->in));
    buffer_clear(&conn->in);
    return !conn->out.failed;
}

static void send_message(struct tcp_connection *conn)
{
    (void)conn; /* recv_message has done it */
}

static const struct tcp_class echo_class = {
    .connection_bytes = sizeof(struct tcp_connection),
    .recv_message = recv_message,
    .send_message = send_message,
};

static void *echo_open(int fd)
{
    return tcp_open(&echo_class, fd);
}

const struct service layered_echo = {
    .way = "layered",
    .protocol = "echo",
    .connection_bytes = sizeof(struct tcp_connection),
    .open = echo_open,
    .step = tcp_step,
    .close = tcp_close,
};
