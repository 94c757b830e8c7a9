/* pipeline.pml - how stage 4's threads hand connections on, and how they end.
 *
 * client -> backlog -> acceptor -> recv list -> recv queue -> work queue
 *   -> send queue [-> send list -> send queue]* -> recv list ... -> drop
 *
 * Each inline bears the name of the C function that it stands for. An atomic
 * block marked "locked" is what that function does under the lock of a list or
 * a queue; between two blocks any other thread may come. docs/model.md says
 * what is left out, and why that may be; run.sh what is looked for. */

#ifndef CONNS
#define CONNS 2 /* clients, each with one connection; 1 to 3 */
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef RECV_POOL
#define RECV_POOL 1
#endif
#ifndef WORK_POOL
#define WORK_POOL 1
#endif
#ifndef SEND_POOL
#define SEND_POOL 1
#endif
#ifndef PIECES
#define PIECES 1 /* that a client may send */
#endif
#ifndef PARTS
#define PARTS 1 /* pieces of a request */
#endif
#ifndef EXPIRIES
#define EXPIRIES 0 /* deadlines that pass in a run, at the most */
#endif

#define NIL CONNS /* no connection */
#define NOBODY 255

/* Poll lists and queues. */
#define RECV 0
#define SEND 1
#define WORK 2

chan backlog = [CONNS] of { byte };

byte count;            /* connections in the table */
bool shut;             /* the listening socket */
bool server_stopping;  /* answers now say that they are the last */
bool stopping, ended;
bool gone;             /* gone_fd: the last one has closed */
byte housekeeping;     /* its semaphore */
byte expiries = EXPIRIES;
byte running;          /* threads that have not been joined */
bool accepting = true; /* likewise the acceptor */
bool down;             /* the master has closed everything */
bool gave_up;          /* stop_seconds have passed */

#include "pipeline_conn.pml"
#include "pipeline_parts.pml"

/* It stays where it is: that has fewer states than a process that goes. */
inline thread_ends()
{
    running--;
end_joined:
    false
}

/* ---- handing on ---- */

inline put_one(q, c)
{
    atomic {
        MINE(c);
        conn[c].next = NIL;
        task_queue_put(q, c, 1)
    }
}

inline batch_add(c)
{
    MINE(c);
    conn[c].next = NIL;
    if
    :: last != NIL -> conn[last].next = c
    :: else -> first = c
    fi;
    last = c;
    size++
}

inline batch_put(q)
{
    if
    :: size > 0 -> task_queue_put(q, first, size)
    :: else
    fi;
    d_step { first = NIL; last = NIL; size = 0 }
}

/* Closes a connection that the caller holds. */
inline drop(c)
{
#ifdef FAULT_STOPPING_READ_EARLY
    tell = stopping;
#endif
    atomic { connection_table_remove(c) }
    atomic { count--; left = count; close_socket(c) }
    atomic {
#ifndef FAULT_STOPPING_READ_EARLY
        tell = stopping;
#endif
        gone = gone || (left == 0 && tell);
        left = 0;
        tell = false
    }
}

inline listen_for(l, c)
{
    poll_list_add(l, c, added);
    if
    :: added
    :: else -> drop(c)
    fi;
    added = false
}

/* To the place that the wish names; who calls does not own c any more. */
inline hand_on(c, wish)
{
    if
    :: wish == WANT_READ -> listen_for(RECV, c)
    :: wish == WANT_WRITE -> listen_for(SEND, c)
    :: wish == WANT_WORK ->
        if
#ifdef QUEUE_MAX
        :: queues[WORK].waiting >= QUEUE_MAX ->
            atomic { conn_work(c) } /* conn_work_refuse: 503 */
            put_one(SEND, c)
        :: queues[WORK].waiting < QUEUE_MAX -> put_one(WORK, c)
#else
        :: put_one(WORK, c)
#endif
        fi
    :: wish == CLOSE -> drop(c)
    fi
}

/* pipeline = shortcut: as long as no step can block. Whether it could is the
 * file's and the cache's business: here, either. */
inline go_on(c)
{
    more = true;
    do
    :: !more -> break
    :: more && conn[c].state == ANSWER -> /* step_is_for_pool */
        put_one(SEND, c);
        more = false
    :: more ->
        conn_step(c, wish);
        if
        :: wish == WANT_WORK -> atomic { conn_work(c) } /* at once */
        :: hand_on(c, wish); more = false
        fi
    od
}

/* What a thread that hands on needs. */
#define LOCALS                                                                 \
    byte c, at, s, left, wish;                                                 \
    byte first = NIL, last = NIL, size;                                        \
    bool added, idle, more, tell, seen

/* ---- the pools ---- */

/* Takes until the end; then what is taken is left: stage_close finds it in the
 * table. */
inline pool_take(q, chain)
{
    do
    :: atomic {
           task_queue_take(q, chain);
           if
           :: ended -> chain = 0
           :: !ended -> break
           fi
       }
    od
}

/* Read before c is handed on: then next may be another's. */
inline chain_next(chain, c)
{
    atomic {
        MINE(chain);
        c = chain;
        chain = conn[c].next
    }
}

/* A batch that comes at once, in one task or more: here, any number. */
inline put_shared(q)
{
    for (i : 1 .. found) {
        atomic { batch_add(ready[i - 1]); ready[i - 1] = 0 }
        if
        :: true
        :: batch_put(q)
        fi
    }
    batch_put(q);
    atomic { found = 0; i = 0 }
}

inline recv_chain(chain)
{
    do
    :: chain == NIL -> break
    :: else ->
#ifdef FAULT_NEXT_READ_LATE
        c = chain;
#else
        chain_next(chain, c);
#endif
        conn_step(c, wish);
        if
        :: wish == WANT_WORK -> atomic { ready[found] = c; found++ }
        :: else -> hand_on(c, wish)
        fi
#ifdef FAULT_NEXT_READ_LATE
        ;
        chain_next(chain, c)
#endif
    od;
    put_shared(WORK)
}

inline work_one(c)
{
#ifdef SHORTCUT
    atomic { conn_work(c) }
    go_on(c)
#else
    atomic { conn_work(c); put_one(SEND, c) }
#endif
}

/* Of a chain, first what does not block; the rest becomes tasks. */
inline work_chain(chain)
{
    if
    :: conn[chain].next == NIL -> work_one(chain)
    :: else ->
        do
        :: chain == NIL -> break
        :: else ->
            chain_next(chain, c);
            if
            :: atomic { conn_work(c); batch_add(c) } /* at once */
            :: slow == NIL -> slow = c
            :: slow != NIL -> put_one(WORK, c)
            fi
        od;
        batch_put(SEND);
        if
        :: slow != NIL -> work_one(slow); slow = NIL
        :: else
        fi
    fi
}

inline send_chain(chain)
{
    do
    :: chain == NIL -> break
    :: else ->
        chain_next(chain, c);
        conn_step(c, wish);
#ifdef SHORTCUT
        if
        :: wish == WANT_WORK -> atomic { conn_work(c) } go_on(c)
        :: hand_on(c, wish)
        fi
#else
        hand_on(c, wish)
#endif
    od
}

proctype recv_thread()
{
    LOCALS;
    byte chain, i, ready[CONNS], found;
    do
    :: pool_take(RECV, chain) -> recv_chain(chain)
    od
}

proctype work_thread()
{
    LOCALS;
    byte chain, slow = NIL;
    do
    :: pool_take(WORK, chain) -> work_chain(chain)
    od
}

proctype send_thread()
{
    LOCALS;
    byte chain;
    do
    :: pool_take(SEND, chain) -> send_chain(chain)
    od
}

/* ---- the pollers: list l gives to queue l ---- */

proctype poll_thread(byte l)
{
    LOCALS;
    byte i, ready[CONNS], found;
    bool events[CONNS], woken;
    do
    :: poll_list_wait(l);
       if
       :: atomic { woken && found == 0 -> thread_ends() }
       :: else ->
#ifdef SHORTCUT
          for (i : 1 .. found) {
              c = ready[i - 1];
              go_on(c)
          }
          atomic { found = 0; i = 0 }
#else
          put_shared(l)
#endif
       fi
    od
}

/* ---- acceptor ---- */

proctype acceptor()
{
    LOCALS;
    do
    :: atomic {
           stopping -> accepting = false;
end_joined:
           false
       }
    :: !stopping -> /* accept blocks, until the socket is shut */
       if
       :: atomic {
              backlog?c ->
              conn[c].alive = true;
              conn[c].holder = _pid;
              conn[c].next = NIL
          }
          connection_table_add(c, added);
          if
          :: added -> listen_for(RECV, c)
          :: else -> /* conn_refuse: 503 */
              atomic { conn[c].refused = true; close_socket(c) }
          fi
       :: shut
       fi
    od
}

/* ---- housekeeping ---- */

proctype housekeeping_thread()
{
    LOCALS;
    do
    :: atomic { ended -> thread_ends() }
    :: !ended ->
       if /* sleeps, until posted or until a deadline has passed */
       :: atomic { housekeeping > 0 -> housekeeping--; c = NIL }
       :: poll_list_expired(RECV, 0)
       :: poll_list_expired(SEND, 0)
#if CONNS > 1
       :: poll_list_expired(RECV, 1)
       :: poll_list_expired(SEND, 1)
#endif
#if CONNS > 2
       :: poll_list_expired(RECV, 2)
       :: poll_list_expired(SEND, 2)
#endif
       fi;
       if
       :: c != NIL -> conn_expire(c, wish); hand_on(c, wish)
       :: else
       fi
    od
}

/* ---- the master ---- */

inline start_threads()
{
    atomic {
        for (i : 0 .. SLOTS - 1) {
            slots[i].conn = NIL
        }
        for (i : 0 .. CONNS - 1) {
            conn[i].holder = NOBODY;
            backlog!i;
            run client(i)
        }
        for (i : 1 .. RECV_POOL) {
            run recv_thread()
        }
        for (i : 1 .. WORK_POOL) {
            run work_thread()
        }
        for (i : 1 .. SEND_POOL) {
            run send_thread()
        }
        run poll_thread(RECV);
        run poll_thread(SEND);
        run housekeeping_thread();
        run acceptor();
        running = RECV_POOL + WORK_POOL + SEND_POOL + 3;
        i = 0;
        if
        :: expiries = 0
        :: true
        fi
    }
}

inline stop_accepting()
{
    atomic {
        for (i : 0 .. CONNS - 1) {
            conn[i].owed = (conn[i].alive -> conn[i].asked : 0)
        }
        i = 0;
        server_stopping = true
    }
    stopping = true;
    atomic { /* listen_stop: who waits in the kernel's queue is reset */
        shut = true;
        do
        :: backlog?c -> conn[c].closed = true; forget(c)
        :: empty(backlog) -> break
        od;
        c = 0
    }
#ifndef FAULT_ACCEPTOR_NOT_JOINED
    !accepting
#endif
}

inline stage_stop(l)
{
    do
    :: poll_list_stop(l, c);
       if
       :: c == NIL -> break
       :: else -> drop(c)
       fi
    od;
    c = 0
}

inline stage_run()
{
    do
    :: count == 0 -> break
    :: count > 0 ->
       if /* poll */
       :: gone ->
#ifdef FAULT_GONE_NOT_READ
          skip
#else
          gone = false
#endif
#ifdef IMPATIENT
       :: gave_up = true; break /* stop_seconds have passed */
#endif
       :: timeout ->
          assert(count > 0); /* else nobody has told us */
          for (i : 0 .. CONNS - 1) {
              assert(BUSY(i))
          }
          gave_up = true;
          break
       fi
    od
}

#ifdef FAULT_SHUT_ONE_TOO_FEW
#define SHUT_FEWER 1
#else
#define SHUT_FEWER 0
#endif

/* A wake-up or a post only ever lets others go on, so they may as well all come
 * at once. */
inline end_threads()
{
    !accepting;
    atomic {
        ended = true;
#ifndef FAULT_POLLER_NOT_WOKEN
        lists[RECV].wake = true;
#endif
        lists[SEND].wake = true;
        housekeeping++;
        queues[RECV].tasks = queues[RECV].tasks + RECV_POOL;
        queues[WORK].tasks = queues[WORK].tasks + WORK_POOL - SHUT_FEWER;
        queues[SEND].tasks = queues[SEND].tasks + SEND_POOL
    }
    running == 0 /* all joined */
}

inline stage_close()
{
    atomic {
        for (i : 0 .. SLOTS - 1) {
            c = slots[i].conn;
            if
            :: c != NIL -> close_socket(c)
            :: else
            fi
        }
        for (i : 0 .. CONNS - 1) {
            assert(!conn[i].alive)
        }
        down = true
    }
}

init {
    LOCALS;
    byte i;
    start_threads();
    if
#ifndef STOP_WHEN_QUIET
    :: true /* SIGTERM, at any moment */
#endif
    :: timeout -> /* nothing moves any more */
       atomic {
           for (i : 0 .. CONNS - 1) {
               assert(SERVED(i))
           }
           i = 0
       }
    fi;
#ifdef NO_STOP
end_never:
    false;
#endif
    stop_accepting();
    stage_stop(RECV);
    stage_stop(SEND);
    stage_run();
    end_threads();
    stage_close()
}

#ifdef LTL
/* Without an end: each request that has come is answered. */
ltl answered {
    [] (conn[0].asked == 1 -> <> (conn[0].answered == 1 || conn[0].eof))
}
#endif
#ifdef LTL_ENDS
ltl ends { <> down }
#endif
