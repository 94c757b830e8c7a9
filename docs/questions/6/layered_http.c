/* layered_http.c - question 6: HTTP that overrides TCP's functions. */
#include "tcp.h"

enum { WAITING_FOR_HEAD, WAITING_FOR_BODY, WAITING_TO_SEND };

struct http_connection {
    struct tcp_connection tcp;
    struct request request;
    uint64_t body_sent; /* a cursor of our own: TCP's ends with the buffer */
};

static bool recv_message(struct tcp_connection *conn)
{
    struct http_connection *http = (struct http_connection *)conn;
    if (conn->connection_state == WAITING_FOR_HEAD) {
        enum parse parse = request_parse(&conn->in, &http->request);
        if (parse != PARSE_DONE)
            return parse == PARSE_MORE;
        conn->connection_state = WAITING_FOR_BODY;
    }
    if (conn->connection_state == WAITING_FOR_BODY) {
        size_t n = buffer_length(&conn->in);
        if (n > http->request.body_len)
            n = (size_t)http->request.body_len;
        buffer_taken(&conn->in, n);
        http->request.body_len -= n;
        if (http->request.body_len > 0)
            return true;
        answer_head(&conn->out, http->request.answer_len);
        http->body_sent = 0;
        conn->connection_state = WAITING_TO_SEND;
    }
    return true;
}

static void send_message(struct tcp_connection *conn)
{
    struct http_connection *http = (struct http_connection *)conn;
    if (conn->connection_state != WAITING_TO_SEND)
        return;
    uint64_t left = http->request.answer_len - http->body_sent;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    buffer_append(&conn->out, document + http->body_sent, n);
    http->body_sent += n;
    if (n == left)
        conn->connection_state = WAITING_FOR_HEAD;
}

static const struct tcp_class http_class = {
    .connection_bytes = sizeof(struct http_connection),
    .recv_message = recv_message,
    .send_message = send_message,
};

static void *http_open(int fd)
{
    return tcp_open(&http_class, fd);
}

const struct service layered_http = {
    .way = "layered",
    .protocol = "http",
    .connection_bytes = sizeof(struct http_connection),
    .open = http_open,
    .step = tcp_step,
    .close = tcp_close,
};
