/* work.c - answers a request: what is called after CONN_WANT_WORK.
 *
 * answer_begin -> [the body, if the handler asks for it: back to conn.c, and
 *   here again when it is whole] -> answer_finish -> conn_start_answer
 *
 * This part may block, so a stage with threads chooses the thread for it. */
#include "base/client.h"
#include "base/clock.h"
#include "conn/answer.h"
#include "conn/internal.h"
#include "core/server.h"
#include "report/stats.h"
#include "report/trace.h"

#include <assert.h>

enum {
    /* A body that the answer did not need is read and dropped if it is at most
     * this long, so that the connection can be kept. For a longer one a new
     * connection is cheaper. */
    SKIP_BYTES_MAX = 64 * 1024,
};

/* Returns false if the body goes to memory, its length is known, and the budget
 * has no room for it. */
static bool fits_in_memory(const struct conn *conn)
{
    const struct exchange *exchange = &conn->turn->exchange;
    const struct http_request *request = &exchange->request;
    if (exchange->spool_fd >= 0 || request->framing != HTTP_BODY_LENGTH)
        return true;
    return budget_fits(conn->server->budget,
                       request->head_length + (size_t)request->content_length);
}

/* The handler has asked for the body. Waits for it, unless all of it came with
 * the head. Returns true if the request can be finished now. */
static bool start_body(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct exchange *exchange = &turn->exchange;
    turn->admitted = true;
    unsigned status = 0;
    if (exchange->request.framing == HTTP_BODY_LENGTH &&
        exchange->request.content_length > exchange->body_max)
        status = 413; /* before a byte of it is read */
    else if (!fits_in_memory(conn))
        status = 503; /* also before a byte of it is read */
    bool nothing_yet = turn->raw == buffer_length(&conn->in);
    if (status == 0)
        status = conn_take_body(conn);
    if (status != 0) {
        answer_error(exchange, status, conn_body_detail(status));
        exchange->response.close = true;
        conn->linger = true;
        conn_start_answer(conn);
        return false;
    }
    if (turn->body_done)
        return true;
    conn_arm(conn, DEADLINE_BODY);
    if (exchange->request.expect_continue && nothing_yet)
        conn_start_interim(conn);
    else
        conn_set_state(conn, WAITING_FOR_BODY);
    return false;
}

/* A body that the answer did not wait for is dropped if that is cheap.
 * Otherwise the connection closes. */
static void decide_unwanted_body(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    const struct http_request *request = &turn->exchange.request;
    if (request->framing == HTTP_BODY_NONE || turn->admitted)
        return;
    if (request->framing == HTTP_BODY_CHUNKED || request->expect_continue ||
        request->content_length > SKIP_BYTES_MAX) {
        turn->exchange.response.close = true;
        conn->linger = true;
    }
}

struct exchange *conn_route(struct conn *conn)
{
    struct exchange *exchange = conn_exchange(conn);
    assert(conn->state == BEING_PROCESSED);
    assert(conn_is_mine(conn));
    return answer_route(exchange) ? NULL : exchange;
}

bool conn_work_open(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    struct exchange *exchange = conn_exchange(conn);
    assert(conn->state == BEING_PROCESSED);
    assert(conn_is_mine(conn));
    if (!turn->admitted) {
        if (answer_begin(exchange) != ANSWER_WANT_BODY) {
            conn_work_answer(conn);
            return false;
        }
        if (!start_body(conn))
            return false;
        conn_exchange(conn); /* the buffer may have moved */
    }
    exchange->body =
        (struct text){exchange->request.base + exchange->request.head_length,
                      turn->body_length};
    return true;
}

void conn_work_answer(struct conn *conn)
{
    assert(conn_is_mine(conn));
    decide_unwanted_body(conn);
    conn_start_answer(conn);
}

void conn_work(struct conn *conn)
{
    struct exchange *exchange = &conn->turn->exchange;
    uint64_t start = TRACE_START();
    stats_doing("work");
    if (conn_work_open(conn)) {
        answer_finish(exchange);
        conn_work_answer(conn);
    }
    stats_done();
    TRACE_SPAN("work", start, exchange->id);
}

bool conn_work_at_once(struct conn *conn)
{
    struct exchange *exchange = conn_exchange(conn);
    const struct http_request *request = &exchange->request;
    uint64_t start = TRACE_START();
    assert(conn->state == BEING_PROCESSED);
    assert(conn_is_mine(conn));
    if ((request->method != HTTP_GET && request->method != HTTP_HEAD) ||
        request->framing != HTTP_BODY_NONE ||
        http_field(request, TEXT("Authorization")).data != NULL)
        return false;
    stats_doing("work");
    exchange->at_once = true;
    bool done = answer_begin(exchange) == ANSWER_READY;
    exchange->at_once = false;
    stats_done();
    if (done) {
        conn_start_answer(conn);
        TRACE_SPAN("work at once", start, exchange->id);
        return true;
    }
    response_release(&exchange->response);
    return false;
}

void conn_work_refuse(struct conn *conn)
{
    struct exchange *exchange = conn_exchange(conn);
    answer_error(exchange, 503, "Too many requests are waiting; try again.");
    conn_work_answer(conn);
}

bool conn_client_is_gone(const struct conn *conn)
{
    return client_look(conn->fd) == CLIENT_GONE;
}
