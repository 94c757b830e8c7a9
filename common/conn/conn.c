/* conn.c - receiving: from a socket's bytes to a request, and what follows an
 * answer.
 *
 * recv -> in -> http_parse_head -> work.c: who answers?
 *   -> [recv -> in -> body.c: memory or spool file -> work.c]
 *   -> send.c -> conn_finish_answer -> next request, linger, or close
 *
 * Runs on whichever thread owns the connection; nothing in it is locked. */
#include "conn/internal.h"
#include "conn/answer.h"

#include "access/addresses.h"
#include "base/clock.h"
#include "access/forwarded.h"
#include "core/server.h"
#include "report/stats.h"
#include "report/trace.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* Most heads fit, and a page of the allocator does too. */
    RECV_HEAD_BYTES = 4000,
    /* A large body: few calls, and not much memory for each upload. */
    RECV_BODY_BYTES = 64 * 1024,
    /* So long a client has had to move something before conn_burden counts. */
    SHED_AFTER_MS = 1000,
    LAST_CALL_MS = 100, /* for the request behind the last answer but one */
    LINGER_TIMES = 6,   /* linger_seconds altogether, for one who goes on */
};

static const char *const state_names[CONN_STATE_COUNT] = {
    "WAITING_FOR_HEAD",     "WAITING_FOR_BODY",     "BEING_PROCESSED",
    "WAITING_TO_SEND_HEAD", "WAITING_TO_SEND_BODY", "LINGERING",
};

const char *conn_state_name(enum conn_state state)
{
    return state_names[state];
}

void conn_set_state(struct conn *conn, enum conn_state state)
{
    if (conn->state == state)
        return;
    stats_state((int)conn->state, (int)state);
    conn->state = state;
}

static uint64_t deadline_seconds(const struct conn *conn,
                                 enum conn_deadline kind)
{
    const struct settings *settings = conn->server->settings;
    switch (kind) {
    case DEADLINE_IDLE:
        if (settings->keepalive_seconds > 0)
            return settings->keepalive_seconds;
        return settings->head_seconds; /* a new connection: no other is idle */
    case DEADLINE_HEAD:
        return settings->head_seconds;
    case DEADLINE_BODY:
        return settings->body_seconds;
    case DEADLINE_SEND:
        return settings->send_seconds;
    case DEADLINE_LINGER:
        return settings->linger_seconds;
    case DEADLINE_NONE:
    case DEADLINE_COUNT:
        break;
    }
    return 0;
}

void conn_arm(struct conn *conn, enum conn_deadline kind)
{
    conn->deadline = kind;
    conn->deadline_ms = kind == DEADLINE_NONE
                            ? 0
                            : clock_ms() + deadline_seconds(conn, kind) * 1000;
    if (conn->turn != NULL)
        conn->turn->moved_bytes = 0;
}

/* Between two requests. */
static void arm_idle(struct conn *conn)
{
    conn_arm(conn, conn->last_call ? DEADLINE_LINGER : DEADLINE_IDLE);
    if (conn->last_call)
        conn->deadline_ms = clock_ms() + LAST_CALL_MS;
}

void conn_moved(struct conn *conn, size_t n)
{
    conn->turn->moved_bytes += n;
    if (conn->turn->moved_bytes >= conn->server->settings->rate_min_bytes)
        conn_arm(conn, conn->deadline);
}

struct conn *conn_open(struct server *server, int fd, const struct peer *peer)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->server = server;
    conn->fd = fd;
    conn->peer = *peer;
    conn->state = WAITING_FOR_HEAD;
    conn->wish = CONN_WANT_READ;
    conn->in.budget = conn->out.budget = server->budget;
    stats_state(-1, WAITING_FOR_HEAD);
    conn_arm(conn, DEADLINE_IDLE);
    return conn;
}

/* The first byte of a request is here. */
static int turn_open(struct conn *conn)
{
    struct conn_turn *turn = malloc(sizeof *turn);
    if (turn == NULL)
        return -1;
    _Static_assert(offsetof(struct conn_turn, exchange) == 0,
                   "what is behind the exchange is cleared");
    /* The request alone is over a KiB and filled by its parser; clearing
     * only the rest is worth it, as this runs once a request. */
    memset((char *)turn + sizeof turn->exchange, 0,
           sizeof *turn - sizeof turn->exchange);
    struct exchange *exchange = &turn->exchange;
    struct server *server = conn->server;
    exchange->server = server;
    response_init(&exchange->response);
    exchange->response.memory.budget = server->budget;
    exchange->peer = conn->peer;
    exchange->fd = conn->fd;
    exchange->address = conn->address;
    exchange->forwarded = false;
    exchange->by_proxy = false;
    exchange->routed = false;
    exchange->path = NULL;
    exchange->path_length = 0;
    exchange->mount = NULL;
    exchange->user[0] = '\0';
    exchange->may_write = false;
    exchange->at_once = false;
    exchange->handler = NULL;
    exchange->body_max = 0;
    exchange->spool_fd = -1;
    exchange->body = (struct text){0};
    exchange->index = NULL;
    exchange->suffix = NULL;
    exchange->passed_over = false;
    exchange->state = NULL;
    exchange->id =
        atomic_fetch_add_explicit(&server->next_id, 1, memory_order_relaxed) +
        1;
    exchange->started_ns = clock_ns();
    struct http_limits limits = {
        .request_line_bytes = server->settings->request_line_bytes,
        .head_bytes = server->settings->head_bytes,
    };
    http_parser_start(&turn->parser, limits, &exchange->request);
    conn->turn = turn;
    conn_arm(conn, DEADLINE_HEAD);
    return 0;
}

static void turn_close(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    if (turn == NULL)
        return;
    struct exchange *exchange = &turn->exchange;
    /* The source may hold what the handler's state owns: it goes first. */
    response_release(&exchange->response);
    if (exchange->handler != NULL && exchange->handler->release != NULL &&
        (exchange->state != NULL || exchange->spool_fd >= 0))
        exchange->handler->release(exchange);
    forwarded_leave(exchange);
    free(exchange->path);
    free(turn);
    conn->turn = NULL;
}

/* Ends the turn with an error that conn itself found; the bytes that follow
 * can no longer be told apart, so the connection ends with it. */
static enum conn_wish refuse_request(struct conn *conn, unsigned status,
                                     const char *detail)
{
    struct exchange *exchange = &conn->turn->exchange;
    exchange->request.base = buffer_start(&conn->in);
    answer_error(exchange, status, detail);
    exchange->response.close = true;
    conn->linger = true;
    conn_start_answer(conn);
    return conn_send(conn);
}

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
        return "Only HTTP/1.0 and HTTP/1.1 are spoken here.";
    default:
        return NULL;
    }
}

/* Looks at the bytes of a head that have come. */
static enum conn_wish parse_head(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct http_request *request = &turn->exchange.request;
    switch (http_parse_head(&turn->parser, buffer_start(&conn->in),
                            buffer_length(&conn->in), request)) {
    case HTTP_PARSE_MORE:
        return CONN_WANT_READ;
    case HTTP_PARSE_BAD:
        /* It gets its own status, but comes out of the address's allowance
         * as any other. */
        if (conn->address != NULL)
            addresses_request(conn->server->addresses, conn->address,
                              clock_ms());
        return refuse_request(conn, turn->parser.status,
                              parse_detail(turn->parser.status));
    case HTTP_PARSE_DONE:
        break;
    }
    http_body_start(&turn->body, request);
    turn->raw = request->head_length;
    conn_arm(conn, DEADLINE_NONE);
    conn_set_state(conn, BEING_PROCESSED);
    return CONN_WANT_WORK;
}

/* Bytes of a request are in the buffer, or it is empty: drops what is left of
 * an unwanted body, then starts or goes on with a head. */
static enum conn_wish take_head(struct conn *conn)
{
    if (conn->skip > 0) {
        size_t n = buffer_length(&conn->in);
        if (n > conn->skip)
            n = (size_t)conn->skip;
        buffer_taken(&conn->in, n);
        conn->skip -= n;
    }
    if (buffer_length(&conn->in) == 0) {
        buffer_release(&conn->in);
        return CONN_WANT_READ;
    }
    if (conn->turn == NULL && turn_open(conn) < 0)
        return CONN_CLOSE; /* out of memory: others shall live */
    return parse_head(conn);
}

static bool nothing_more_came(const struct conn *conn)
{
    char byte;
    return buffer_length(&conn->in) == 0 &&
           recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

enum conn_wish conn_finish_answer(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    bool body_left = turn->body.framing != HTTP_BODY_NONE && !turn->body_done;
    if (body_left && !conn->last)
        conn->skip = turn->exchange.request.content_length;
    buffer_taken(&conn->in, turn->raw);
    turn_close(conn);
    buffer_shrink(&conn->in); /* the next request's first bytes may be here */
    conn->answered++;
    if (!conn->last && !(conn->stop && nothing_more_came(conn))) {
        conn_set_state(conn, WAITING_FOR_HEAD);
        buffer_release(&conn->out);
        arm_idle(conn);
        return take_head(conn);
    }
    if (conn->last && !conn->linger && !body_left &&
        buffer_length(&conn->in) == 0)
        return CONN_CLOSE;
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    if (shutdown(conn->fd, SHUT_WR) < 0)
        return CONN_CLOSE;
    conn_set_state(conn, LINGERING);
    conn_arm(conn, DEADLINE_LINGER);
    conn->linger_until_ms =
        clock_ms() +
        LINGER_TIMES * conn->server->settings->linger_seconds * 1000;
    return CONN_WANT_READ;
}

/* Makes room for what may come. If there is none, less will do: a head may end
 * within it, and what goes to a file leaves it free again. */
static bool has_room(struct conn *conn, size_t room)
{
    return buffer_reserve(&conn->in, room) == 0 || buffer_space(&conn->in) > 0;
}

static enum conn_wish refuse_for_room(struct conn *conn)
{
    if (conn->turn == NULL)
        return CONN_CLOSE;
    return refuse_request(conn, 503, CONN_NO_ROOM);
}

/* One recv of at most the buffer's free space, which is never 0: a recv of
 * length 0 would look like the end of the stream. Returns its count; 0 at the
 * end or when the client is lost, -1 when there is nothing now. */
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
    return 0; /* closed (n == 0), reset, timed out by TCP: gone alike */
}

static enum conn_wish step_head(struct conn *conn)
{
    if (!has_room(conn, RECV_HEAD_BYTES))
        return refuse_for_room(conn);
    ssize_t n = receive(conn);
    if (n == 0)
        return CONN_CLOSE; /* idle, or half a head: nobody to answer */
    if (n < 0) {
        if (buffer_length(&conn->in) == 0)
            buffer_release(&conn->in);
        return CONN_WANT_READ;
    }
    return take_head(conn);
}

static enum conn_wish step_body(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    uint64_t room = RECV_BODY_BYTES;
    if (turn->body.framing == HTTP_BODY_LENGTH && turn->body.left < room)
        room = turn->body.left;
    if (!has_room(conn, (size_t)room))
        return refuse_for_room(conn);
    ssize_t n = receive(conn);
    if (n == 0)
        return CONN_CLOSE;
    if (n < 0)
        return CONN_WANT_READ;
    conn_moved(conn, (size_t)n);
    unsigned status = conn_take_body(conn);
    if (status != 0)
        return refuse_request(conn, status, conn_body_detail(status));
    if (!turn->body_done)
        return CONN_WANT_READ;
    conn_arm(conn, DEADLINE_NONE);
    conn_set_state(conn, BEING_PROCESSED);
    return CONN_WANT_WORK;
}

static enum conn_wish step_linger(struct conn *conn)
{
    char scratch[4096];
    ssize_t n = recv(conn->fd, scratch, sizeof scratch, 0);
    stats_add(STAT_sys_recv, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return CONN_WANT_READ;
    if (n <= 0)
        return CONN_CLOSE;
    /* Who sends slowly has not read its refusal yet. */
    conn_arm(conn, DEADLINE_LINGER);
    if (conn->deadline_ms > conn->linger_until_ms)
        conn->deadline_ms = conn->linger_until_ms;
    return CONN_WANT_READ;
}

enum conn_wish conn_step(struct conn *conn)
{
    uint64_t start = TRACE_START();
    uint64_t id = conn->turn ? conn->turn->exchange.id : 0;
    enum conn_wish wish = CONN_CLOSE;
    stats_doing(conn->state == WAITING_TO_SEND_HEAD ||
                        conn->state == WAITING_TO_SEND_BODY
                    ? "send"
                    : "recv");
    switch (conn->state) {
    case WAITING_FOR_HEAD:
        wish = step_head(conn);
        if (id == 0 && conn->turn != NULL)
            id = conn->turn->exchange.id;
        TRACE_SPAN("recv", start, id);
        break;
    case WAITING_FOR_BODY:
        wish = step_body(conn);
        TRACE_SPAN("recv", start, id);
        break;
    case BEING_PROCESSED:
        wish = conn->turn->unfinished ? CONN_WANT_STREAM : CONN_WANT_WORK;
        break;
    case WAITING_TO_SEND_HEAD:
    case WAITING_TO_SEND_BODY:
        wish = conn_send(conn);
        TRACE_SPAN("send", start, id);
        break;
    case LINGERING:
        wish = step_linger(conn);
        break;
    case CONN_STATE_COUNT:
        break;
    }
    stats_done();
    return wish;
}

bool conn_came_in_time(struct conn *conn)
{
    bool sends = conn->state == WAITING_TO_SEND_HEAD ||
                 conn->state == WAITING_TO_SEND_BODY;
    struct pollfd look = {.fd = conn->fd, .events = sends ? POLLOUT : POLLIN};
    if (conn->looked_ms == conn->deadline_ms)
        return false;
    conn->looked_ms = conn->deadline_ms;
    return poll(&look, 1, 0) > 0;
}

/* Ends what the deadline is for. */
static enum conn_wish give_up(struct conn *conn, unsigned status,
                              const char *detail)
{
    switch (conn->deadline) {
    case DEADLINE_HEAD:
    case DEADLINE_BODY:
        if (conn->turn->interim)
            return CONN_CLOSE; /* it does not even read our 100 */
        return refuse_request(conn, status, detail);
    case DEADLINE_SEND: {
        /* The kernel would go on offering what is in its buffer for
         * minutes; a reset gives that memory back now. */
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return CONN_CLOSE;
    }
    default:
        return CONN_CLOSE;
    }
}

enum conn_wish conn_expire(struct conn *conn)
{
    stats_add(STAT_expired, 1);
    return give_up(conn, 408, "The request took too long to come.");
}

/* Bytes that count in the budget. */
static size_t held(const struct conn *conn)
{
    const struct conn_turn *turn = conn->turn;
    size_t bytes =
        budget_counted(conn->in.capacity) + budget_counted(conn->out.capacity);
    if (turn != NULL)
        bytes += budget_counted(turn->exchange.response.memory.capacity);
    return bytes;
}

uint64_t conn_burden(const struct conn *conn, uint64_t now_ms)
{
    uint64_t since_ms =
        conn->deadline_ms - deadline_seconds(conn, conn->deadline) * 1000;
    if (now_ms < since_ms + SHED_AFTER_MS)
        return 0;
    return held(conn) * (now_ms - since_ms);
}

enum conn_wish conn_shed(struct conn *conn)
{
    stats_add(STAT_shed, 1);
    return give_up(conn, 503, CONN_NO_ROOM);
}

/* Its first request may be under way. Where the next server goes on with the
 * socket nobody is to be turned away: the kernel has just let this one in, and
 * a moment later it would have been the next server's. */
static bool is_newcomer(const struct conn *conn, ssize_t peeked)
{
    return conn->server->listen_inherited && conn->answered == 0 &&
           peeked < 0 && atomic_load(&conn->server->stopping);
}

void conn_last_call(struct conn *conn)
{
    if (conn->last_call || conn->state == LINGERING)
        return;
    conn->last_call = true;
    if (conn->state == WAITING_FOR_HEAD && conn->turn == NULL)
        arm_idle(conn);
}

bool conn_stop(struct conn *conn)
{
    char byte;
    /* A close would cut off what the kernel has not sent yet of an answer, if
     * the client goes on sending. */
    if (conn->stop || conn->state == LINGERING)
        return false;
    if (conn->state == WAITING_FOR_HEAD && conn->turn == NULL) {
        /* Idle, unless a request lies in the socket unread. */
        ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0 && !is_newcomer(conn, n))
            return true;
        if (n <= 0)
            conn_arm(conn, DEADLINE_LINGER);
    }
    /* Not last: the answer that is under way may have told the client that the
     * connection stays, and the next request have come already. */
    conn->stop = true;
    return false;
}

void conn_close(struct conn *conn)
{
    if (conn->turn != NULL && (conn->state == WAITING_TO_SEND_HEAD ||
                               conn->state == WAITING_TO_SEND_BODY))
        conn_log_answer(conn); /* cut off; its byte count tells */
    turn_close(conn);
    /* Before the close: who sees the end may connect again at once. */
    if (conn->address != NULL)
        addresses_leave(conn->server->addresses, conn->address, clock_ms());
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    close(conn->fd);
    stats_state((int)conn->state, -1);
    stats_add(STAT_closed, 1);
    free(conn);
}
