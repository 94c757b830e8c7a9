/* inlined_http.c - question 6: HTTP that owns its socket.
 *
 * socket -> in -> request ... out, document -> socket */
#include "tiny.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum state { WAITING_FOR_HEAD, WAITING_FOR_BODY, WAITING_TO_SEND };

struct connection {
    int fd;
    enum state state;
    struct message_buffer in, out;
    struct request request;
    uint64_t body_sent;
};

static void *http_open(int fd)
{
    struct connection *conn = calloc(1, sizeof *conn);
    if (conn != NULL)
        conn->fd = fd;
    return conn;
}

/* As far as what has come allows; false: it is no HTTP. */
static bool http_parse(struct connection *conn)
{
    if (conn->state == WAITING_FOR_HEAD) {
        enum parse parse = request_parse(&conn->in, &conn->request);
        if (parse != PARSE_DONE)
            return parse == PARSE_MORE;
        conn->state = WAITING_FOR_BODY;
    }
    size_t n = buffer_length(&conn->in);
    if (n > conn->request.body_len)
        n = (size_t)conn->request.body_len;
    buffer_taken(&conn->in, n);
    conn->request.body_len -= n;
    if (conn->request.body_len > 0)
        return true;
    answer_head(&conn->out, conn->request.answer_len);
    conn->body_sent = 0;
    conn->state = WAITING_TO_SEND;
    return true;
}

static enum wish http_recv(struct connection *conn)
{
    if (buffer_reserve(&conn->in, RECV_BYTES) < 0)
        return WANT_CLOSE;
    ssize_t n = recv(conn->fd, conn->in.data + conn->in.end,
                     buffer_space(&conn->in), 0);
    if (n < 0 && errno == EAGAIN) {
        if (conn->state == WAITING_FOR_HEAD && buffer_length(&conn->in) == 0)
            buffer_release(&conn->in); /* idle */
        return WANT_READ;
    }
    if (n <= 0)
        return WANT_CLOSE;
    buffer_filled(&conn->in, (size_t)n);
    return http_parse(conn) ? WANT_WRITE : WANT_CLOSE;
}

/* Head and body in one call, the body from where it lies. */
static enum wish http_send(struct connection *conn)
{
    size_t head = buffer_length(&conn->out);
    struct iovec parts[2] = {
        {buffer_start(&conn->out), head},
        {document + conn->body_sent,
         conn->request.answer_len - conn->body_sent},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN ? WANT_WRITE : WANT_CLOSE;
    size_t of_head = (size_t)n < head ? (size_t)n : head;
    buffer_taken(&conn->out, of_head);
    conn->body_sent += (size_t)n - of_head;
    return WANT_READ;
}

static enum wish http_step(void *connection)
{
    struct connection *conn = connection;
    for (;;) {
        if (conn->state != WAITING_TO_SEND) {
            enum wish wish = http_recv(conn);
            if (wish != WANT_WRITE)
                return wish;
        } else if (buffer_length(&conn->out) > 0 ||
                   conn->body_sent < conn->request.answer_len) {
            enum wish wish = http_send(conn);
            if (wish != WANT_READ)
                return wish;
        } else {
            buffer_release(&conn->out);
            conn->state = WAITING_FOR_HEAD;
            /* The next request may have come together with this one. */
            if (!http_parse(conn))
                return WANT_CLOSE;
        }
    }
}

static void http_close(void *connection)
{
    struct connection *conn = connection;
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    close(conn->fd);
    free(conn);
}

const struct service inlined_http = {
    .way = "inlined",
    .protocol = "http",
    .connection_bytes = sizeof(struct connection),
    .open = http_open,
    .step = http_step,
    .close = http_close,
};
