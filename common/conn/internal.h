/* internal.h - what the parts of a connection share, and nobody else sees.
 *
 *     state.c    its state and its deadline
 *     turn.c     what one request needs
 *     body.c     a body's bytes, to where its handler wants them
 *     receive.c  from the socket to a request
 *     send.c     from a response to the socket
 *     conn.c     open, step, expire, stop, close
 *     work.c     the answer itself */
#ifndef FIVEFOLD_CONN_INTERNAL_H
#define FIVEFOLD_CONN_INTERNAL_H

#include "conn/conn.h"
#include "conn/work.h"
#include "http/body.h"
#include "http/parser.h"

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

/* Why conn itself cannot take a request; status 0: it can. */
struct refusal {
    unsigned status;
    const char *detail; /* a literal; NULL: the status's name is enough */
};

/* ---- state.c ---- */

/* Counts the change. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Starts the time for kind anew. */
void conn_arm(struct conn *conn, enum conn_deadline kind);

/* The time between two requests. */
void conn_arm_idle(struct conn *conn);

uint64_t conn_deadline_seconds(const struct conn *conn,
                               enum conn_deadline kind);

/* n more bytes have come or gone: the deadline moves on once enough have. */
void conn_moved(struct conn *conn, size_t n);

/* ---- turn.c ---- */

/* The first byte of a request is here. 0, or -1 without memory. */
int conn_turn_open(struct conn *conn);
/* Nothing, if there is none. */
void conn_turn_close(struct conn *conn);

/* ---- body.c ---- */

/* Decodes the raw bytes of a body that are there. Returns the status to refuse
 * with, or 0; turn->body_done tells whether that was all. */
unsigned conn_take_body(struct conn *conn);

/* What to say with that status; NULL: its name is enough. */
const char *conn_body_detail(unsigned status);

/* Of a request that is being answered: gives the memory of its body back. */
void conn_drop_body(struct conn *conn);

/* ---- receive.c ----
 *
 * Each sets *wish, unless the request is to be refused. */

/* Bytes of a request are in the buffer, or it is empty: drops what is left of
 * an unwanted body, then starts or goes on with a head. */
struct refusal conn_take_head(struct conn *conn, enum conn_wish *wish);

/* The same behind one recv. */
struct refusal conn_receive_head(struct conn *conn, enum conn_wish *wish);
struct refusal conn_receive_body(struct conn *conn, enum conn_wish *wish);

/* Reads what nobody wants any more, of a connection that is LINGERING. */
enum conn_wish conn_receive_rest(struct conn *conn);

/* ---- send.c ---- */

/* Turns exchange->response into bytes in conn->out and goes to
 * WAITING_TO_SEND_HEAD; if there is no status yet, conn_stream goes on. May
 * block if there is a source: makes its first piece. */
void conn_start_answer(struct conn *conn);

/* Sends "100 Continue", after which the body is waited for. */
void conn_start_interim(struct conn *conn);

enum conn_sent {
    SENT_ALL,    /* what has been made; a source may have more */
    SENT_SOME,   /* the socket is full, or others are to have their turn */
    SENT_FAILED, /* the client has gone, or the answer cannot be kept up */
};

/* Sends what can be sent. */
enum conn_sent conn_send(struct conn *conn);

/* The answer has been sent, or as much of it as the client would take. */
void conn_log_answer(struct conn *conn);

#endif
