/* body.c - a request's body: from raw bytes to where its handler wants it.
 *
 * in, from turn->raw on -> http_body_next -> after the head, or a spool file
 *
 * A spool file is a file that a handler has opened for the body (spool_fd).
 * Nothing is received here. The bytes are in conn->in already: they came with
 * the head, or with the last recv of receive.c. */
#include "base/io.h"
#include "conn/internal.h"
#include "report/stats.h"

#include <errno.h>
#include <string.h>

/* Returns the status to refuse the request with, or 0. */
static unsigned spool(int fd, struct text data)
{
    stats_add(STAT_sys_write, 1);
    if (io_write_all(fd, data.data, data.length, NULL) == 0)
        return 0;
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? 507 : 500;
}

/* Puts decoded bytes where the handler wants them: into its file, or after the
 * head. They are there already, unless the size line of a chunk came between.
 */
static unsigned keep_body(struct conn *conn, struct text data)
{
    struct conn_turn *turn = conn->turn;
    struct exchange *exchange = &turn->exchange;
    if (turn->body.received > exchange->body_max)
        return 413;
    if (exchange->spool_fd >= 0)
        return spool(exchange->spool_fd, data);
    char *to = buffer_start(&conn->in) + exchange->request.head_length +
               turn->body_length;
    if (to != data.data)
        memmove(to, data.data, data.length);
    turn->body_length += data.length;
    return 0;
}

/* Moves the raw bytes to the left, over size lines of chunks and over bytes
 * that have gone to the file. */
static void close_gap(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    size_t keep = turn->exchange.request.head_length + turn->body_length;
    size_t rest = buffer_length(&conn->in) - turn->raw;
    if (keep == turn->raw)
        return;
    char *start = buffer_start(&conn->in);
    memmove(start + keep, start + turn->raw, rest);
    conn->in.end -= turn->raw - keep;
    turn->raw = keep;
}

unsigned conn_take_body(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    unsigned status = 0;
    while (status == 0 && !turn->body_done) {
        size_t taken = 0;
        struct text data = {0};
        enum http_parse result =
            http_body_next(&turn->body, buffer_start(&conn->in) + turn->raw,
                           buffer_length(&conn->in) - turn->raw, &taken, &data);
        if (result == HTTP_PARSE_BAD)
            return turn->body.status;
        if (data.length > 0)
            status = keep_body(conn, data);
        turn->raw += taken;
        turn->body_done = result == HTTP_PARSE_DONE;
        if (result == HTTP_PARSE_MORE && taken == 0)
            break;
    }
    close_gap(conn);
    return status;
}

void conn_drop_body(struct conn *conn)
{
    struct conn_turn *turn = conn->turn;
    if (turn->body_length == 0)
        return;
    turn->body_length = 0;
    turn->exchange.body = (struct text){0};
    close_gap(conn);
    buffer_shrink(&conn->in);
    conn_exchange(conn); /* the buffer may have moved; the log needs its head */
}

const char *conn_body_detail(unsigned status)
{
    switch (status) {
    case 400:
        return "The chunked body is not well-formed.";
    case 413:
        return "The body is larger than the server accepts.";
    case 503:
        return CONN_NO_ROOM;
    case 507:
        return "There is no room to store the body.";
    default:
        return NULL;
    }
}
