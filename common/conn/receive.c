/* receive.c - from a socket's bytes to a request.
 *
 * recv -> in -> http_parse_head -> whole: work
 *   -> [recv -> in -> body.c: memory or spool file -> whole: work]
 *
 * A request that cannot be read must be refused. These functions return the
 * refusal, and the caller begins its answer. */
#include "access/addresses.h"
#include "base/clock.h"
#include "conn/internal.h"
#include "core/server.h"
#include "report/stats.h"

#include <errno.h>

enum {
    /* Most heads fit in it, and it fits in a page with the allocator's own
     * bytes. */
    RECV_HEAD_BYTES = 4000,
    /* For a large body: few calls, and not much memory for each upload. */
    RECV_BODY_BYTES = 64 * 1024,
};

static const struct refusal no_refusal;

static const char *parse_detail(unsigned status)
{
    switch (status) {
    case 400:
        return "The request is not well-formed HTTP/1.1.";
    case 411:
        return "Send Content-Length or Transfer-Encoding: chunked.";
    case 414:
        return "The request line is too long.";
    case 417:
        return "Only Expect: 100-continue is understood.";
    case 431:
        return "The header fields are too large or too many.";
    case 501:
        return "The method or transfer coding is not known here.";
    case 505:
        return "Only HTTP/1.0 and HTTP/1.1 are supported.";
    default:
        return NULL;
    }
}

/* Parses the bytes of a head that have come. */
static struct refusal parse_head(struct conn *conn, enum conn_wish *wish)
{
    struct conn_turn *turn = conn->turn;
    struct http_request *request = &turn->exchange.request;
    *wish = CONN_WANT_READ;
    switch (http_parse_head(&turn->parser, buffer_start(&conn->in),
                            buffer_length(&conn->in), request)) {
    case HTTP_PARSE_MORE:
        return no_refusal;
    case HTTP_PARSE_BAD:
        /* It is answered with its own status, but it counts against the
         * address's limit like any other request. */
        if (conn->address != NULL)
            addresses_request(conn->server->addresses, conn->address,
                              clock_ms());
        return (struct refusal){turn->parser.status,
                                parse_detail(turn->parser.status)};
    case HTTP_PARSE_DONE:
        break;
    }
    http_body_start(&turn->body, request);
    turn->raw = request->head_length;
    conn_arm(conn, DEADLINE_NONE);
    conn_set_state(conn, BEING_PROCESSED);
    *wish = CONN_WANT_WORK;
    return no_refusal;
}

struct refusal conn_take_head(struct conn *conn, enum conn_wish *wish)
{
    if (conn->skip > 0) {
        size_t n = buffer_length(&conn->in);
        if (n > conn->skip)
            n = (size_t)conn->skip;
        buffer_taken(&conn->in, n);
        conn->skip -= n;
    }
    *wish = CONN_WANT_READ;
    if (buffer_length(&conn->in) == 0) {
        buffer_release(&conn->in);
        return no_refusal;
    }
    if (conn->turn == NULL && conn_turn_open(conn) < 0) {
        *wish = CONN_CLOSE; /* out of memory: keep the other connections */
        return no_refusal;
    }
    return parse_head(conn, wish);
}

/* Makes room for what may come. If there is no more memory, any free space is
 * enough: a head may end within it, and bytes that go to a file free it again.
 */
static bool has_room(struct conn *conn, size_t room)
{
    return buffer_reserve(&conn->in, room) == 0 || buffer_space(&conn->in) > 0;
}

/* Calls recv once, for at most the buffer's free space. That must not be 0: a
 * recv of length 0 would look like the end of the stream. Returns the number of
 * bytes, 0 if the client has closed or is lost, or -1 if there are no bytes
 * now. */
static ssize_t receive(struct conn *conn)
{
    struct message_buffer *in = &conn->in;
    stats_add(STAT_sys_recv, 1);
    ssize_t n = recv(conn->fd, in->data + in->end, buffer_space(in), 0);
    if (n > 0) {
        buffer_filled(in, (size_t)n);
        stats_add(STAT_bytes_in, (uint64_t)n);
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        stats_add(STAT_sys_recv_again, 1);
        return -1;
    }
    return 0; /* closed (n == 0), reset, or timed out by TCP: gone */
}

struct refusal conn_receive_head(struct conn *conn, enum conn_wish *wish)
{
    *wish = CONN_CLOSE; /* if the client closes before its head is complete */
    if (!has_room(conn, RECV_HEAD_BYTES))
        return conn->turn == NULL ? no_refusal
                                  : (struct refusal){503, CONN_NO_ROOM};
    ssize_t n = receive(conn);
    if (n == 0)
        return no_refusal;
    if (n > 0)
        return conn_take_head(conn, wish);
    if (buffer_length(&conn->in) == 0)
        buffer_release(&conn->in);
    *wish = CONN_WANT_READ;
    return no_refusal;
}

struct refusal conn_receive_body(struct conn *conn, enum conn_wish *wish)
{
    struct conn_turn *turn = conn->turn;
    uint64_t room = RECV_BODY_BYTES;
    if (turn->body.framing == HTTP_BODY_LENGTH && turn->body.left < room)
        room = turn->body.left;
    if (!has_room(conn, (size_t)room))
        return (struct refusal){503, CONN_NO_ROOM};
    ssize_t n = receive(conn);
    *wish = n == 0 ? CONN_CLOSE : CONN_WANT_READ;
    if (n <= 0)
        return no_refusal;
    conn_moved(conn, (size_t)n);
    unsigned status = conn_take_body(conn);
    if (status != 0)
        return (struct refusal){status, conn_body_detail(status)};
    if (!turn->body_done)
        return no_refusal;
    conn_arm(conn, DEADLINE_NONE);
    conn_set_state(conn, BEING_PROCESSED);
    *wish = CONN_WANT_WORK;
    return no_refusal;
}

enum conn_wish conn_receive_rest(struct conn *conn)
{
    char scratch[4096];
    ssize_t n = recv(conn->fd, scratch, sizeof scratch, 0);
    stats_add(STAT_sys_recv, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return CONN_WANT_READ;
    if (n <= 0)
        return CONN_CLOSE;
    /* A client that still sends has not read its refusal yet. */
    conn_arm(conn, DEADLINE_LINGER);
    if (conn->deadline_ms > conn->linger_until_ms)
        conn->deadline_ms = conn->linger_until_ms;
    return CONN_WANT_READ;
}
