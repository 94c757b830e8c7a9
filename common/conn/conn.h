/* conn.h - a connection as a state machine that never waits.
 *
 * socket -> in -> parser -> [the answer] -> out -> socket
 *
 * A stage calls conn_serve when the socket may move; it does what can be done
 * now and returns a wish. The stage decides how to wait for the wish. A stage
 * with threads decides besides which of them has the request answered: it calls
 * conn_step, and the functions of work.h. A connection has one owner at any
 * time, the thread that steps it, so nothing in it is locked. */
#ifndef FIVEFOLD_CONN_H
#define FIVEFOLD_CONN_H

#include "base/buffer.h"
#include "core/exchange.h"

#include <sys/queue.h>

enum conn_state {
    WAITING_FOR_HEAD,
    WAITING_FOR_BODY,
    BEING_PROCESSED, /* conn_work's turn */
    WAITING_TO_SEND_HEAD,
    WAITING_TO_SEND_BODY,
    LINGERING, /* answered and shut down; reads until the client closes too,
                  else the kernel's RST could overtake the answer (RFC 9112
                  section 9.6) */
    CONN_STATE_COUNT
};

/* "WAITING_FOR_HEAD": for statistics and traces. */
const char *conn_state_name(enum conn_state state);

enum conn_wish {
    CONN_WANT_READ,   /* call conn_step when the socket is readable */
    CONN_WANT_WRITE,  /* call conn_step when the socket is writable */
    CONN_WANT_WORK,   /* call conn_work (may block: disk, SQLite) */
    CONN_WANT_STREAM, /* call conn_stream (may block likewise) */
    CONN_WANT_TURN,   /* of conn_serve alone: call it again in the next turn,
                         whatever the socket says */
    CONN_CLOSE,       /* call conn_close */
};

/* What a deadline is for; each kind lasts the same for every connection, so
 * a list in order of arming is in order of expiry. */
enum conn_deadline {
    DEADLINE_NONE, /* work: limits of its own */
    DEADLINE_IDLE, /* between requests */
    DEADLINE_HEAD, /* from the head's first byte to its last */
    DEADLINE_BODY, /* extended when enough has come, so a trickle is cut */
    DEADLINE_SEND, /* likewise for a client that does not read */
    DEADLINE_LINGER,
    DEADLINE_COUNT
};

/* What a request needs while it is under way: the exchange, the parsers and
 * the cursors of the answer. Taken with the first byte and given back with the
 * last; private to conn/. */
struct conn_turn;

struct conn {
    /* Fixed while the connection is open. */
    struct server *server; /* borrowed */
    int fd;                /* owned */
    struct peer peer;
    struct address *address; /* left by conn_close; NULL: not counted */

    /* The owner's. */
    enum conn_state state;
    struct message_buffer in;  /* head, body, bytes not yet looked at */
    struct message_buffer out; /* head of the answer, framing of a stream */
    struct conn_turn *turn;    /* owned; NULL between requests */
    uint64_t skip;             /* bytes of an unwanted body still to come */
    unsigned answered;         /* requests so far */
    bool stop;                 /* the next answer is the last */
    bool last_call;            /* the next answer says so, however often one has
                                  said that the connection stays */
    bool last;                 /* close behind this answer, which says so */
    uint64_t linger_until_ms;  /* LINGERING: no longer than that */
    bool linger;               /* the client may be sending still: LINGERING
                                  before the socket is closed */

    /* Armed by conn, kept in order by connections.h. */
    enum conn_deadline deadline;
    uint64_t deadline_ms; /* monotonic; 0 with DEADLINE_NONE */
    uint64_t looked_ms;   /* the deadline for which conn_came_in_time looked */
    enum conn_deadline listed;
    uint64_t listed_ms;
    TAILQ_ENTRY(conn) by_deadline;
    size_t slot; /* index in connections.all */

    /* The stage's. */
    enum conn_wish wish; /* what it waits for */
    struct conn *next;   /* stages with threads: who is handed on together with
                            it */
    /* Of stage 4: its slot in the table of all, how many have had that slot
     * before, and which poll lists know its socket (a bit each). */
    uint32_t table_slot, generation;
    unsigned char poll_lists;
    /* Of stage 5: a module has it, and what epoll is to tell of its socket. */
    bool away;
    unsigned char watch;
};

/* Takes fd (a connected, non-blocking socket; in stage 1 a blocking one with
 * time-outs) and gives a connection, or NULL with errno ENOMEM; fd is then
 * still the caller's. */
struct conn *conn_open(struct server *server, int fd, const struct peer *peer);

/* Receives or sends, whichever the state asks for, as far as it goes without
 * waiting; a large body goes in steps of SEND_STEP_BYTES so that other
 * clients get their turn. Blocks only if the socket does. */
enum conn_wish conn_step(struct conn *conn);

/* One connection may have sent many requests at once. A thread that serves
 * others too goes on with the next request of the same connection only while
 * its turn has not taken so long. */
enum { CONN_TURN_NS = 1000000 };

/* conn_step, and the work too, on this thread: for a stage that has only one.
 * Returns any wish but WORK and STREAM. May block as conn_work does, for one
 * request; those that follow it on the same connection wait for another turn
 * if CONN_TURN_NS have passed (CONN_WANT_TURN). */
enum conn_wish conn_serve(struct conn *conn);

/* Before conn_expire: has the client done its part, and nobody has looked at
 * it yet, as the process or its thread was stopped or busy? Then step instead
 * (conn_serve, or whatever the wish before asked for). One system call. True at
 * most once for each deadline, so that a client that trickles expires. */
bool conn_came_in_time(struct conn *conn);

/* The deadline has passed: says 408 where the client is owed a word. Returns
 * CONN_CLOSE, or CONN_WANT_WRITE when an answer is to be sent first. */
enum conn_wish conn_expire(struct conn *conn);

/* How much of the budget it holds up, in bytes times milliseconds: what its
 * buffers hold, times how long it has been since the client began to move the
 * last rate_min_bytes. 0 for whoever began within the last second. Of several
 * connections the one with the most holds much and moves little. Only for one
 * whose deadline is BODY or SEND. */
uint64_t conn_burden(const struct conn *conn, uint64_t now_ms);

/* It is to give back what it holds, as others need room: ends it as if its
 * deadline had passed, but with 503 where a body was still coming. Returns as
 * conn_expire. */
enum conn_wish conn_shed(struct conn *conn);

/* The server is stopping. Returns true if nothing is under way, so that the
 * connection can be closed now; otherwise it closes behind its next answer, or
 * behind this one if there will be none. May arm the deadline anew
 * (connections_update): who came through an inherited socket and has not spoken
 * yet has linger_seconds to do so. */
bool conn_stop(struct conn *conn);

/* Others wait: the next answer that is begun says that it is the last. For its
 * request the connection waits a moment, as the answer before has promised. */
void conn_last_call(struct conn *conn);

/* Closes the socket and frees all. Takes conn. */
void conn_close(struct conn *conn);

/* Answers 503 with Retry-After to a client that there is no room for, without
 * waiting, and closes. Takes conn. */
void conn_refuse(struct conn *conn);

/* The same with 429, for a client whose address has too many connections and
 * that shall cost no more than this. Takes fd. */
void conn_refuse_address(int fd);

#endif
