/* turn.c - makes and frees struct conn_turn: what one request needs.
 *
 * first byte -> conn_turn_open ... last byte of the answer -> conn_turn_close
 */
#include "access/forwarded.h"
#include "base/clock.h"
#include "conn/internal.h"
#include "core/server.h"

#include <stddef.h>
#include <stdlib.h>

int conn_turn_open(struct conn *conn)
{
    struct conn_turn *turn = malloc(sizeof *turn);
    if (turn == NULL)
        return -1;
    struct exchange *exchange = &turn->exchange;
    struct server *server = conn->server;
    /* The request is larger than 1 KiB, and its parser fills all of it. So only
     * the rest is cleared, which saves time for each request. */
    enum { REST = sizeof exchange->request };
    _Static_assert(offsetof(struct conn_turn, exchange) == 0 &&
                       offsetof(struct exchange, request) == 0,
                   "the request comes first");
    memset((char *)turn + REST, 0, sizeof *turn - REST);
    exchange->server = server;
    response_init(&exchange->response);
    exchange->response.memory.budget = server->budget;
    exchange->peer = conn->peer;
    exchange->fd = conn->fd;
    exchange->address = conn->address;
    exchange->spool_fd = -1;
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

void conn_turn_close(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    if (turn == NULL)
        return;
    struct exchange *exchange = &turn->exchange;
    /* First, because the source may use what the handler's state owns. */
    response_release(&exchange->response);
    if (exchange->handler != NULL && exchange->handler->release != NULL &&
        (exchange->state != NULL || exchange->spool_fd >= 0))
        exchange->handler->release(exchange);
    forwarded_leave(exchange);
    free(exchange->path);
    free(turn);
    conn->turn = NULL;
}

struct exchange *conn_exchange(struct conn *conn)
{
    if (conn->turn == NULL)
        return NULL;
    struct exchange *exchange = &conn->turn->exchange;
    http_request_moved(&exchange->request, buffer_start(&conn->in));
    return exchange;
}
