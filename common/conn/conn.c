/* conn.c - the life of a connection: opened, stepped, ended.
 *
 * accept -> conn_open -> conn_step [receive.c] -> whole: conn_work [work.c]
 *   -> conn_step [send.c] -> answered: the next request, linger, or close
 *
 * All of this runs on the thread that owns the connection, without locks. */
#include "access/addresses.h"
#include "base/clock.h"
#include "conn/answer.h"
#include "conn/internal.h"
#include "core/server.h"
#include "report/stats.h"
#include "report/trace.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* A client has this time to move something before conn_burden counts. */
    SHED_AFTER_MS = 1000,
    LINGER_TIMES = 6, /* LINGERING lasts at most this many times linger_seconds,
                         even if the client goes on sending */
};

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
    conn_adopt(conn);
    return conn;
}

static bool nothing_more_came(const struct conn *conn)
{
    char byte;
    return buffer_length(&conn->in) == 0 &&
           recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* The last byte of an answer has been sent. Goes on to the next request, or to
 * the end of the connection. The next request may be here already; if it must
 * be refused, returns why. */
static struct refusal finish_answer(struct conn *conn, enum conn_wish *wish)
{
    const struct refusal none = {0};
    struct conn_turn *turn = conn->turn;
    bool body_left = turn->body.framing != HTTP_BODY_NONE && !turn->body_done;
    if (body_left && !conn->last)
        conn->skip = turn->exchange.request.content_length;
    buffer_taken(&conn->in, turn->raw);
    conn_turn_close(conn);
    buffer_shrink(&conn->in); /* the next request's first bytes may be here */
    conn->answered++;
    if (!conn->last && !(conn->stop && nothing_more_came(conn))) {
        conn_set_state(conn, WAITING_FOR_HEAD);
        buffer_release(&conn->out);
        conn_arm_idle(conn);
        return conn_take_head(conn, wish);
    }
    *wish = CONN_CLOSE;
    if (conn->last && !conn->linger && !body_left &&
        buffer_length(&conn->in) == 0)
        return none;
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    if (shutdown(conn->fd, SHUT_WR) < 0)
        return none;
    conn_set_state(conn, LINGERING);
    conn_arm(conn, DEADLINE_LINGER);
    conn->linger_until_ms =
        clock_ms() +
        LINGER_TIMES * conn->server->settings->linger_seconds * 1000;
    *wish = CONN_WANT_READ;
    return none;
}

static struct refusal step_send(struct conn *conn, enum conn_wish *wish)
{
    const struct refusal none = {0};
    struct conn_turn *turn = conn->turn;
    const struct response *response = &turn->exchange.response;
    enum conn_sent sent = conn_send(conn);
    if (sent != SENT_ALL) {
        *wish = sent == SENT_SOME ? CONN_WANT_WRITE : CONN_CLOSE;
        return none;
    }
    if (turn->interim) {
        turn->interim = false;
        conn_set_state(conn, WAITING_FOR_BODY);
        conn_arm(conn, DEADLINE_BODY);
        *wish = CONN_WANT_READ;
        return none;
    }
    if (response->source != NULL && !turn->source_ended && !turn->head_only) {
        *wish = CONN_WANT_STREAM;
        return none;
    }
    conn_log_answer(conn);
    return finish_answer(conn, wish);
}

static bool is_sending(const struct conn *conn)
{
    return conn->state == WAITING_TO_SEND_HEAD ||
           conn->state == WAITING_TO_SEND_BODY;
}

/* Does once what the state asks for. */
static struct refusal step_once(struct conn *conn, enum conn_wish *wish)
{
    struct refusal refusal = {0};
    switch (conn->state) {
    case WAITING_FOR_HEAD:
        refusal = conn_receive_head(conn, wish);
        break;
    case WAITING_FOR_BODY:
        refusal = conn_receive_body(conn, wish);
        break;
    case BEING_PROCESSED:
        *wish = conn->turn->unfinished ? CONN_WANT_STREAM : CONN_WANT_WORK;
        break;
    case WAITING_TO_SEND_HEAD:
    case WAITING_TO_SEND_BODY:
        refusal = step_send(conn, wish);
        break;
    case LINGERING:
        *wish = conn_receive_rest(conn);
        break;
    case CONN_STATE_COUNT:
        break;
    }
    return refusal;
}

/* Begins an answer to a request that conn itself must refuse. We cannot tell
 * where the next request would begin, so the connection ends with this answer.
 */
static void start_refusal(struct conn *conn, struct refusal refusal)
{
    struct exchange *exchange = conn_exchange(conn);
    answer_error(exchange, refusal.status, refusal.detail);
    exchange->response.close = true;
    conn->linger = true;
    conn_start_answer(conn);
}

enum conn_wish conn_step(struct conn *conn)
{
    enum conn_wish wish = CONN_CLOSE;
    struct refusal refusal;
    assert(conn_is_mine(conn));
    do {
        uint64_t start = TRACE_START();
        uint64_t id = conn->turn ? conn->turn->exchange.id : 0;
        bool processed = conn->state == BEING_PROCESSED;
        const char *what = is_sending(conn) ? "send" : "recv";
        stats_doing(what);
        refusal = step_once(conn, &wish);
        stats_done();
        if (id == 0 && conn->turn != NULL)
            id = conn->turn->exchange.id;
        if (!processed)
            TRACE_SPAN(what, start, id);
        /* A refusal is sent in this step too, as far as possible without
         * waiting. It is the connection's last answer. */
        if (refusal.status != 0)
            start_refusal(conn, refusal);
    } while (refusal.status != 0);
    return wish;
}

enum conn_wish conn_serve(struct conn *conn)
{
    bool streamed = false;
    uint64_t start_ns = 0;
    enum conn_wish wish = conn_step(conn);
    /* After the last piece of a stream the next request may be here already. */
    while (wish == CONN_WANT_WORK || (wish == CONN_WANT_STREAM && !streamed)) {
        /* The request's bytes are in our buffer, so the kernel would not report
         * them: the stage must call again. */
        if (start_ns != 0 && clock_ns() - start_ns >= CONN_TURN_NS &&
            wish == CONN_WANT_WORK)
            return CONN_WANT_TURN;
        if (start_ns == 0)
            start_ns = clock_ns();
        if (wish == CONN_WANT_WORK) {
            conn_work(conn);
        } else {
            conn_stream(conn);
            streamed = true;
        }
        wish = conn_step(conn);
    }
    if (wish != CONN_WANT_STREAM)
        return wish;
    /* Only one piece a turn, even if the client reads fast. The next piece is
     * made when the socket has room. An unfinished answer, which has no first
     * byte yet, does not wait for the socket. It has nothing to send and no
     * deadline, and the socket may be full of earlier answers that the client
     * does not read. */
    return conn->turn->unfinished ? CONN_WANT_TURN : CONN_WANT_WRITE;
}

static enum conn_wish refuse_now(struct conn *conn, struct refusal refusal)
{
    start_refusal(conn, refusal);
    return conn_step(conn);
}

bool conn_came_in_time(struct conn *conn)
{
    struct pollfd look = {.fd = conn->fd,
                          .events = is_sending(conn) ? POLLOUT : POLLIN};
    assert(conn_is_mine(conn));
    if (conn->looked_ms == conn->deadline_ms)
        return false;
    conn->looked_ms = conn->deadline_ms;
    return poll(&look, 1, 0) > 0;
}

/* Ends what the deadline is for, with this status if a request was coming. */
static enum conn_wish give_up(struct conn *conn, unsigned status,
                              const char *detail)
{
    assert(conn_is_mine(conn));
    switch (conn->deadline) {
    case DEADLINE_HEAD:
    case DEADLINE_BODY:
        if (conn->turn->interim)
            return CONN_CLOSE; /* the client does not even read our 100 */
        return refuse_now(conn, (struct refusal){status, detail});
    case DEADLINE_SEND: {
        /* After a plain close the kernel would try for minutes to send what
         * is in its buffer. A reset frees that memory now. */
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
    return give_up(conn, 408, "The request took too long to arrive.");
}

/* Returns how many bytes of its buffers count in the budget. */
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
        conn->deadline_ms - conn_deadline_seconds(conn, conn->deadline) * 1000;
    if (now_ms < since_ms + SHED_AFTER_MS)
        return 0;
    return held(conn) * (now_ms - since_ms);
}

enum conn_wish conn_shed(struct conn *conn)
{
    stats_add(STAT_shed, 1);
    return give_up(conn, 503, CONN_NO_ROOM);
}

/* Returns true if the client has connected but not sent its first request yet,
 * and the next server goes on with the listening socket. Such a client must not
 * be turned away: had it connected a moment later, the next server would have
 * accepted it. peeked is what recv returned. */
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
        conn_arm_idle(conn);
}

bool conn_stop(struct conn *conn)
{
    char byte;
    /* LINGERING must end by itself: if the client goes on sending, a close now
     * would cut off what the kernel has not sent yet of an answer. */
    if (conn->stop || conn->state == LINGERING)
        return false;
    if (conn->state == WAITING_FOR_HEAD && conn->turn == NULL) {
        /* Idle, unless an unread request is in the socket. */
        ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0 && !is_newcomer(conn, n))
            return true;
        if (n <= 0)
            conn_arm(conn, DEADLINE_LINGER);
    }
    /* Do not set last: the current answer may have told the client that the
     * connection stays, and the next request may have come already. */
    conn->stop = true;
    return false;
}

void conn_close(struct conn *conn)
{
    if (conn->turn != NULL && is_sending(conn))
        conn_log_answer(conn); /* cut off; the logged byte count shows it */
    conn_turn_close(conn);
    /* Before the close: a client that sees the end may connect again at once,
     * and must not be over its limit then. */
    if (conn->address != NULL)
        addresses_leave(conn->server->addresses, conn->address, clock_ms());
    buffer_release(&conn->in);
    buffer_release(&conn->out);
    close(conn->fd);
    stats_state((int)conn->state, -1);
    stats_add(STAT_closed, 1);
    free(conn);
}

/* Sends an answer without waiting, and shuts down our side. */
static void refuse(int fd, const char *answer, size_t n)
{
    char scratch[4096];
    /* Unread bytes would turn the close into a reset, which could overtake the
     * answer. Bytes that come after this recv can still cause that. */
    (void)!recv(fd, scratch, sizeof scratch, MSG_DONTWAIT);
    (void)!send(fd, answer, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
}

#define REFUSAL(status)                                                        \
    "HTTP/1.1 " status "\r\n"                                                  \
    "Server: fivefold\r\n"                                                     \
    "X-Content-Type-Options: nosniff\r\n"                                      \
    "Retry-After: 1\r\n"                                                       \
    "Content-Length: 0\r\n"                                                    \
    "Connection: close\r\n\r\n"

void conn_refuse(struct conn *conn)
{
    static const char answer[] = REFUSAL("503 Service Unavailable");
    refuse(conn->fd, answer, sizeof answer - 1);
    conn_close(conn);
    stats_add(STAT_refused, 1);
    stats_add(STAT_status_5xx, 1);
}

void conn_refuse_address(int fd)
{
    static const char answer[] = REFUSAL("429 Too Many Requests");
    refuse(fd, answer, sizeof answer - 1);
    close(fd);
    stats_add(STAT_closed, 1);
    stats_add(STAT_address_refused, 1);
    stats_add(STAT_status_4xx, 1);
}
