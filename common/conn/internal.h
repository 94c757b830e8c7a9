/* internal.h - what the files of conn/ share; private to them.
 *
 *     state.c    its state and its deadline
 *     turn.c     the memory of one request
 *     body.c     a body's bytes: to memory or to a file
 *     receive.c  from the socket to a request
 *     send.c     from a response to the socket
 *     conn.c     open, step, expire, stop, close
 *     work.c     the answer itself
 *
 * The functions of work.h are where their part is: those of the owner in
 * state.c, conn_step in conn.c, conn_exchange in turn.c, conn_stream and the
 * questions about the next step in send.c. */
#ifndef FIVEFOLD_CONN_INTERNAL_H
#define FIVEFOLD_CONN_INTERNAL_H

#include "conn/conn.h"
#include "conn/work.h"
#include "http/body.h"
#include "http/parser.h"

/* ---- conn.c ---- */

/* Makes a connection of fd: a connected, non-blocking socket, or in stage 1 a
 * blocking one with time-outs. Takes fd, borrows server, copies peer. Returns
 * the connection, or NULL with errno ENOMEM; then fd is still the caller's. */
struct conn *conn_open(struct server *server, int fd, const struct peer *peer);

/* How much of the memory budget the connection holds up, in bytes times
 * milliseconds: the bytes in its buffers, times the time since the client began
 * to move the last rate_min_bytes. 0 if that was within the last second. The
 * connection with the largest burden holds much and moves little. Call it only
 * if the deadline is BODY or SEND. */
uint64_t conn_burden(const struct conn *conn, uint64_t now_ms);

/* As conn_refuse, with 429, for a client whose address has too many
 * connections. Needs no struct conn, so that such a client costs little. Takes
 * fd. */
void conn_refuse_address(int fd);

/* While a request is received, conn->in holds, from its cursor on:
 *
 *     | head | body, decoded (if kept in memory) | raw: not yet looked at |
 *     0      head_length                          raw                    */
struct conn_turn {
    struct exchange exchange;

    /* Receiving. */
    struct http_parser parser;
    struct http_body body;
    size_t body_length; /* decoded bytes, kept after the head */
    size_t raw;         /* offset of the first byte not yet looked at */
    bool admitted;      /* answer_begin has asked for the body */
    bool body_done;
    bool unfinished; /* the handler's go_on is due */

    /* Sending. */
    bool interim;               /* out holds a "100 Continue"; then the body is
                                   received */
    bool head_only;             /* HEAD, 204, 304: no body */
    bool chunked;               /* a source, and the client speaks HTTP/1.1 */
    bool source_ended;          /* the source has made its last piece */
    const struct segment *list; /* the body: response.segments, or &whole */
    size_t list_count;
    struct segment whole;
    size_t segment;        /* index in list of the segment being sent */
    uint64_t segment_sent; /* bytes of it that have been sent */
    uint64_t body_sent;    /* bytes of all segments, for the log */

    uint64_t moved_bytes; /* since the deadline was armed */
};

#define CONN_NO_ROOM "There is no memory for this now; try again."

/* Why conn itself cannot take a request; status 0: it can. */
struct refusal {
    unsigned status;
    const char *detail; /* a literal; NULL: the status's name is enough */
};

/* ---- state.c ---- */

/* Changes the state, and counts the change in the statistics. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Arms the deadline: kind's full time starts now. */
void conn_arm(struct conn *conn, enum conn_deadline kind);

/* Arms the deadline for the time between two requests. */
void conn_arm_idle(struct conn *conn);

/* Returns how long a deadline of this kind lasts; 0 for DEADLINE_NONE. */
uint64_t conn_deadline_seconds(const struct conn *conn,
                               enum conn_deadline kind);

/* n more bytes were received or sent. Arms the deadline again when these are
 * rate_min_bytes together. */
void conn_moved(struct conn *conn, size_t n);

/* ---- turn.c ---- */

/* The first byte of a request is here: makes conn->turn. Returns 0, or -1
 * without memory. */
int conn_turn_open(struct conn *conn);
/* Frees conn->turn. Does nothing if there is none. */
void conn_turn_close(struct conn *conn);

/* ---- body.c ---- */

/* Decodes the raw bytes of a body that are in conn->in. Returns the status to
 * refuse the request with, or 0. Then turn->body_done says whether the body is
 * complete. */
unsigned conn_take_body(struct conn *conn);

/* Returns the text for that status, a literal; NULL: its name is enough. */
const char *conn_body_detail(unsigned status);

/* The response is there: frees the memory of the request's body. */
void conn_drop_body(struct conn *conn);

/* ---- receive.c ----
 *
 * The first three return a refusal, or status 0 after setting *wish. */

/* Works on the bytes in conn->in, if there are any: drops what is left of an
 * unwanted body, then starts or continues a head. */
struct refusal conn_take_head(struct conn *conn, enum conn_wish *wish);

/* These call recv once, and then do the same for a head or a body. */
struct refusal conn_receive_head(struct conn *conn, enum conn_wish *wish);
struct refusal conn_receive_body(struct conn *conn, enum conn_wish *wish);

/* LINGERING: reads and drops what the client still sends. */
enum conn_wish conn_receive_rest(struct conn *conn);

/* ---- send.c ---- */

/* Writes the head of exchange->response to conn->out and goes to
 * WAITING_TO_SEND_HEAD. If the response has no status yet, conn_stream is due
 * instead. If it has a source, makes the first piece, which may block. */
void conn_start_answer(struct conn *conn);

/* Prepares "100 Continue". The body is received after it has been sent. */
void conn_start_interim(struct conn *conn);

enum conn_sent {
    SENT_ALL,    /* all that was ready; a source may make more */
    SENT_SOME,   /* the socket is full, or other clients must get their turn */
    SENT_FAILED, /* the client has gone, or the answer must be cut off */
};

/* Sends until nothing is left or it would have to wait. */
enum conn_sent conn_send(struct conn *conn);

/* The answer has been sent, or was cut off: counts it and writes it to the
 * access log. */
void conn_log_answer(struct conn *conn);

#endif
