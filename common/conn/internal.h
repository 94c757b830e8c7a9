/* internal.h - what conn.c (receiving), body.c, work.c
 * (answering) and send.c (sending) share, and nobody else sees. */
#ifndef FIVEFOLD_CONN_INTERNAL_H
#define FIVEFOLD_CONN_INTERNAL_H

#include "conn/conn.h"

/* While a request is received, conn->in holds, from its cursor on:
 *
 *     | head | body, decoded (if kept in memory) | raw: not yet looked at |
 *     0      head_length                          raw                    */
struct conn_turn {
    struct exchange exchange;

    /* Receiving. */
    struct http_parser parser;
    struct http_body body;
    size_t body_length; /* decoded and kept behind the head */
    size_t raw;         /* offset of the first byte not yet looked at */
    bool admitted;      /* answer_begin has asked for the body */
    bool body_done;
    bool unfinished; /* the handler's go_on is due */

    /* Sending. */
    bool interim;               /* out holds a 100; the body comes next */
    bool head_only;             /* HEAD, 204, 304: no body */
    bool chunked;               /* a source, and the client speaks 1.1 */
    bool source_ended;          /* nothing more will come of it */
    const struct segment *list; /* the body: response.segments, or &whole */
    size_t list_count;
    struct segment whole;
    size_t segment;        /* being sent */
    uint64_t segment_sent; /* bytes of it */
    uint64_t body_sent;    /* of all, for the log */

    uint64_t moved_bytes; /* since the deadline was armed */
};

#define CONN_NO_ROOM "There is no memory for this now; try again."

/* Counts and traces the change. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Starts the time for kind anew. */
void conn_arm(struct conn *conn, enum conn_deadline kind);

/* n more bytes have come or gone: the deadline moves on once enough have. */
void conn_moved(struct conn *conn, size_t n);

/* Decodes the raw bytes of a body that are there. Returns the status to refuse
 * with, or 0; turn->body_done tells whether that was all. */
unsigned conn_take_body(struct conn *conn);

/* What to say with that status; NULL: its name is enough. */
const char *conn_body_detail(unsigned status);

/* Of a request that is being answered: gives the memory of its body back. */
void conn_drop_body(struct conn *conn);

/* Turns exchange->response into bytes in conn->out and goes to
 * WAITING_TO_SEND_HEAD; if there is no status yet, conn_stream goes on. May
 * block if there is a source: makes its first piece. */
void conn_start_answer(struct conn *conn);

/* Sends "100 Continue", after which the body is waited for. */
void conn_start_interim(struct conn *conn);

/* Sends what can be sent. */
enum conn_wish conn_send(struct conn *conn);

/* The answer has been sent, or as much of it as the client would take. */
void conn_log_answer(struct conn *conn);

/* The last byte has gone: on to the next request, which may be there already,
 * or to the end. */
enum conn_wish conn_finish_answer(struct conn *conn);

#endif
