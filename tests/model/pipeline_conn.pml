/* pipeline_conn.pml - see pipeline.pml: one connection, its client, and what is
 * to be true of them.
 *
 * client -> inbox -> conn_step -> conn_work -> conn_step -> client
 *
 * Of HTTP nothing is left but this: a request is PARTS pieces, and has one
 * answer. */

/* enum conn_state, in short */
#define HEAD 0
#define PROCESSED 1
#define ANSWER 2
#define LINGERING 3

/* enum conn_wish */
#define WANT_READ 0
#define WANT_WRITE 1
#define WANT_WORK 2
#define CLOSE 3

typedef connection {
    bool alive;    /* opened and not closed; false: its memory is free */
    byte slot;
    byte generation;
    byte next;     /* in a chain */
    byte state;
    byte got;      /* pieces in its buffer */
    bool stop;     /* conn_stop has seen it, and it was not idle */
    bool last;     /* close behind this answer */
    bool part;     /* some of the answer has been sent */

    /* The kernel's: the socket. */
    byte inbox;    /* pieces that have come and have not been read */
    bool eof;      /* the client has closed */
    bool no_room;  /* the client has to read before more can be sent */
    bool fin;      /* the client can see that nothing more will come */

    /* What no code sees: for the properties. */
    byte holder;   /* the thread that owns it; NOBODY: a list or a queue */
    bool todo;     /* a request that has not been worked on */
    byte asked, answered;
    bool refused;  /* told 408 */
    bool closed;   /* the client sees the end */
    bool expired;
    bool left;     /* the client did not wait for its answers */
    bool says;     /* the answer under way says that it is the last */
    bool said;     /* the client has been told so */
    byte owed;     /* answers to what was asked before the stop */
};

connection conn[CONNS];

/* ---- the properties that are looked at everywhere ---- */

/* No use after close; one owner. */
#define MINE(c)                                                                \
    assert(conn[c].alive);                                                     \
    assert(conn[c].holder == _pid)

#define TAKE(c)                                                                \
    assert(conn[c].alive);                                                     \
    assert(conn[c].holder == NOBODY);                                          \
    conn[c].holder = _pid

#define GIVE(c) conn[c].holder = NOBODY

/* When nothing moves any more: nobody waits for us, all wait for clients. */
#define SERVED(c)                                                              \
    (conn[c].closed ||                                                         \
     (!conn[c].eof &&                                                          \
      (conn[c].asked == conn[c].answered || conn[c].refused || conn[c].no_room)))

/* The same while the server stops: and the client has begun something. */
#define BUSY(c)                                                                \
    (!conn[c].alive ||                                                         \
     (lists[RECV].listed[c] && conn[c].state == HEAD && conn[c].got > 0) ||    \
     (lists[RECV].listed[c] && conn[c].state == LINGERING) ||                  \
     (lists[SEND].listed[c] && conn[c].state == ANSWER && conn[c].no_room))

/* What a closed connection was is of no interest: fewer states. An event for it
 * may still be under way, so slot and generation stay. */
inline forget(c)
{
    conn[c].state = HEAD;
    conn[c].next = 0;
    conn[c].got = 0;
    conn[c].stop = false;
    conn[c].last = false;
    conn[c].part = false;
    conn[c].inbox = 0;
    conn[c].eof = false;
    conn[c].no_room = false;
    conn[c].fin = false;
    conn[c].says = false;
    conn[c].said = false;
    conn[c].todo = false;
    conn[c].asked = 0;
    conn[c].answered = 0;
    conn[c].refused = false;
    conn[c].expired = false;
    conn[c].left = false;
    conn[c].owed = 0
}

/* What was asked before the stop has been answered, or the last answer has said
 * that there would be none. */
#define KEPT(c)                                                                \
    (conn[c].answered >= conn[c].owed || conn[c].said || conn[c].refused ||    \
     conn[c].expired || conn[c].left || gave_up)

/* ---- conn/conn.c: a step never waits ---- */

inline take_head(c, wish)
{
    if
    :: conn[c].got >= PARTS ->
        conn[c].got = conn[c].got - PARTS;
        conn[c].state = PROCESSED;
        conn[c].todo = true;
        wish = WANT_WORK
    :: else ->
        conn[c].state = HEAD;
        wish = WANT_READ
    fi
}

/* A client that asks for the end itself is not modelled. */
inline finish_answer(c, wish)
{
    conn[c].answered = conn[c].answered + !conn[c].refused;
    conn[c].said = conn[c].says;
    conn[c].part = false;
    if
    :: !conn[c].last &&
       !(conn[c].stop && conn[c].got == 0 && conn[c].inbox == 0) ->
        take_head(c, wish)
    :: else ->
        conn[c].state = LINGERING;
        conn[c].got = 0;
        conn[c].fin = true;
        wish = WANT_READ
    fi
}

inline conn_step(c, wish)
{
    atomic {
        MINE(c);
        if
        :: conn[c].state == HEAD ->
            if
            :: conn[c].inbox > 0 ->
                conn[c].got = conn[c].got + conn[c].inbox;
                conn[c].inbox = 0;
                take_head(c, wish)
            :: conn[c].inbox == 0 && conn[c].eof -> wish = CLOSE
            :: else -> wish = WANT_READ /* EAGAIN */
            fi
        :: conn[c].state == ANSWER ->
            if
            :: conn[c].eof -> wish = CLOSE /* EPIPE */
            :: !conn[c].eof && conn[c].no_room -> wish = WANT_WRITE /* EAGAIN */
            :: !conn[c].eof && !conn[c].no_room -> finish_answer(c, wish)
#ifdef SHORT_WRITES
            :: !conn[c].eof && !conn[c].no_room && !conn[c].part ->
                conn[c].part = true;
                conn[c].no_room = true;
                wish = WANT_WRITE
#endif
            fi
        :: conn[c].state == LINGERING ->
            if
            :: conn[c].inbox > 0 ->
                conn[c].inbox = 0;
                wish = WANT_READ
            :: conn[c].inbox == 0 && conn[c].eof -> wish = CLOSE
            :: else -> wish = WANT_READ
            fi
        fi
    }
}

inline conn_work(c)
{
    MINE(c);
    assert(conn[c].todo); /* nothing is done twice */
    conn[c].todo = false;
    conn[c].last = conn[c].last || conn[c].stop || server_stopping;
    conn[c].says = conn[c].last; /* in its head, which is made here */
    conn[c].state = ANSWER
}

inline conn_expire(c, wish)
{
    atomic {
        MINE(c);
        conn[c].expired = true;
        if
        :: conn[c].state == HEAD && conn[c].got > 0 ->
            conn[c].state = ANSWER; /* 408 */
            conn[c].refused = true;
            conn[c].last = true;
            wish = WANT_WRITE
        :: else -> wish = CLOSE
        fi
    }
}

/* Is it idle? Else it will end behind an answer. */
inline conn_stop(c, idle)
{
    if
    :: conn[c].stop || conn[c].state == LINGERING -> idle = false
    :: else ->
        idle = conn[c].state == HEAD && conn[c].got == 0 && conn[c].inbox == 0;
        conn[c].stop = !idle;
#ifdef FAULT_CLOSED_WITHOUT_A_WORD
        conn[c].last = !idle
#endif
    fi
}

/* ---- the clients ---- */

/* Has connected already: who has and has not been accepted is no different
 * for the server from who comes later. */
proctype client(byte me)
{
    byte sent;
    do
    :: atomic {
           sent < PIECES && !conn[me].closed ->
           conn[me].inbox++;
           sent++;
           conn[me].asked = conn[me].asked + (sent % PARTS == 0)
       }
#ifdef SHORT_WRITES
    :: conn[me].no_room && !conn[me].closed -> conn[me].no_room = false
#endif
    :: break /* it says no more */
    od;
    sent = 0;
    if
#ifdef LEAVE
    :: atomic {
           !conn[me].closed -> conn[me].eof = true;
           conn[me].left = true
       }
#endif
#ifdef SHORT_WRITES
    :: true /* waits, and never reads */
#endif
    :: true; /* waits and reads, and closes when the server has */
end_waits:
       if
       :: atomic { conn[me].fin && !conn[me].closed -> conn[me].eof = true }
#ifdef SHORT_WRITES
       :: conn[me].no_room && !conn[me].closed ->
          conn[me].no_room = false;
          goto end_waits
#endif
       fi
    fi;
end_gone:
    false
}
