/* conn.h - a connection as a state machine that never waits.
 *
 * socket -> in -> parser -> [the answer] -> out -> socket
 *
 * A stage (one of the five servers) calls conn_serve when the socket may be
 * ready. conn_serve does what can be done now and returns a wish: what the
 * connection waits for next. The stage decides how to wait for that.
 *
 * A stage with threads also chooses the thread that answers a request. It calls
 * conn_step and the functions of work.h instead. At any time one thread owns a
 * connection, the one that steps it. So nothing in a connection is locked. */
#ifndef FIVEFOLD_CONN_CONN_H
#define FIVEFOLD_CONN_CONN_H

#include "base/buffer.h"
#include "core/exchange.h"

#include <sys/queue.h>

enum conn_state {
    WAITING_FOR_HEAD,
    WAITING_FOR_BODY,
    BEING_PROCESSED, /* conn_work or conn_stream is due */
    WAITING_TO_SEND_HEAD,
    WAITING_TO_SEND_BODY,
    LINGERING, /* answered, and our side is shut down. Reads until the client
                  closes too: after an early close the kernel's RST could
                  overtake the answer (RFC 9112 section 9.6) */
    CONN_STATE_COUNT
};

/* Returns "WAITING_FOR_HEAD" or the like, for statistics and traces: a literal.
 */
const char *conn_state_name(enum conn_state state);

enum conn_wish {
    CONN_WANT_READ,   /* go on when the socket is readable */
    CONN_WANT_WRITE,  /* go on when the socket is writable */
    CONN_WANT_WORK,   /* only from conn_step (work.h): call conn_work, which may
                         block: disk, SQLite */
    CONN_WANT_STREAM, /* the same with conn_stream */
    CONN_WANT_TURN,   /* only from conn_serve: call it again in the next turn
                         (round of the stage's loop), even if the socket is not
                         ready */
    CONN_CLOSE,       /* call conn_close */
};

/* What a deadline is for. To arm a deadline is to start its time. Each kind
 * lasts equally long for every connection, so a list in order of arming is also
 * in order of expiry. Only DEADLINE_LINGER can be cut short: such a connection
 * may be found up to linger_seconds late. */
enum conn_deadline {
    DEADLINE_NONE,   /* while a request is answered: that has its own limits */
    DEADLINE_IDLE,   /* between requests */
    DEADLINE_HEAD,   /* from the head's first byte to its last */
    DEADLINE_BODY,   /* armed again after each rate_min_bytes received, so a
                        client that sends too slowly is cut off */
    DEADLINE_SEND,   /* the same for bytes sent: a client must read */
    DEADLINE_LINGER, /* LINGERING, or a short wait for a last request */
    DEADLINE_COUNT
};

/* What one request needs: its exchange (the request and its answer, see
 * core/exchange.h), the parsers, and how much of the answer has been sent.
 * Allocated at the request's first byte, freed after the answer's last.
 * Private to conn/. */
struct conn_turn;

struct conn {
    /* These do not change while the connection is open. */
    struct server *server; /* borrowed */
    int fd;                /* owned */
    struct peer peer;
    struct address *address; /* access/addresses.h; given up by conn_close;
                                NULL: not counted */

    /* The thread that owns the connection; NULL while it waits in a list or
     * queue for the next one. Only for assertions (work.h). */
    const void *owner;

    /* Only the owner uses these. */
    enum conn_state state;
    struct message_buffer in;  /* head, body, bytes not yet looked at */
    struct message_buffer out; /* head of the answer, size lines of chunks */
    struct conn_turn *turn;    /* owned; NULL between requests */
    uint64_t skip;             /* bytes of an unwanted body still to come */
    unsigned answered;         /* number of requests answered so far */
    bool stop;                 /* the next answer that begins is the last */
    bool last_call;            /* the same, but an idle connection still waits
                                  a moment for one more request */
    bool last;                 /* close after this answer, which says so */
    uint64_t linger_until_ms;  /* monotonic: when LINGERING must end */
    bool linger;               /* the client may still be sending: go through
                                  LINGERING before the socket is closed */

    /* Set by conn; connections.h keeps the lists. */
    enum conn_deadline deadline;
    uint64_t deadline_ms; /* monotonic; 0 with DEADLINE_NONE */
    uint64_t looked_ms;   /* the deadline_ms that conn_came_in_time has looked
                             for: it looks once for each */
    enum conn_deadline listed; /* the list that it is in */
    uint64_t listed_ms;        /* its deadline_ms when it was listed */
    TAILQ_ENTRY(conn) by_deadline;
    size_t slot; /* index in connections.all */

    /* Only the stage uses these. */
    enum conn_wish wish; /* what the connection waits for */
    struct conn *next;   /* stages with threads: the next connection of a chain,
                            which is handed to another thread as a whole */
    /* Stage 4: the connection's index in the table of all connections, the
     * count of connections that have used that index so far, and the poll lists
     * that have registered its socket (a bit each). */
    uint32_t table_slot, generation;
    unsigned char poll_lists;
    /* Stage 5. away: a module (a queue with threads of its own) has the
     * connection, or it is in its front's inbox. watch: what epoll watches its
     * socket for. */
    bool away;
    unsigned char watch;
};

/* One connection may send many requests at once. A thread that also serves
 * other connections starts the next of these requests only if it has spent
 * less than this time on the connection in this turn. */
enum { CONN_TURN_NS = 1000000 };

/* For a stage with one thread: receives, answers and sends, until it would have
 * to wait for the socket. (A socket that blocks is waited for.) To answer, it
 * may wait for the disk or for SQLite. Returns any wish but WORK and STREAM.
 * Returns CONN_WANT_TURN if a further request is here but CONN_TURN_NS have
 * passed, or if an answer is being made that has no first byte yet. */
enum conn_wish conn_serve(struct conn *conn);

/* Call before conn_expire. Returns true if the socket is ready after all: the
 * client did its part, but our thread was busy or stopped and has not looked.
 * Then step the connection instead (conn_serve, or what its last wish asks
 * for). One system call. True at most once for each deadline, so a client that
 * sends too slowly still expires. */
bool conn_came_in_time(struct conn *conn);

/* The deadline has passed. Begins an answer 408 if a request was still coming.
 * Returns CONN_CLOSE, or the wish to go on with: CONN_WANT_WRITE while the
 * answer is sent, CONN_WANT_READ when it has been sent (LINGERING). */
enum conn_wish conn_expire(struct conn *conn);

/* Makes the connection give its memory back, because others need it. Ends it
 * as if its deadline had passed, but with 503 if a body was still coming.
 * Returns the same as conn_expire. */
enum conn_wish conn_shed(struct conn *conn);

/* The server is stopping. Returns true if the connection is idle: the caller
 * can close it now. Otherwise the connection closes after its next answer, or
 * after the current one if no request follows.
 *
 * May arm the deadline again (call connections_update): a client that came
 * through an inherited socket and has sent nothing yet gets linger_seconds to
 * send its request. */
bool conn_stop(struct conn *conn);

/* Other clients wait: the next answer that begins says that it is the last. An
 * idle connection waits a moment more for that request, because the answer
 * before has told the client that the connection stays. */
void conn_last_call(struct conn *conn);

/* Closes the socket and frees everything. Takes conn. */
void conn_close(struct conn *conn);

/* Answers 503 with Retry-After to a client that there is no room for, without
 * waiting, and closes. Takes conn. */
void conn_refuse(struct conn *conn);

#endif
