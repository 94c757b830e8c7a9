/* pipeline_parts.pml - see pipeline.pml: connection_table.c, task_queue.c and
 * poll_list.c, and what epoll does.
 *
 * The kernel's part of a poll list is armed[]: EPOLLONESHOT clears it with the
 * event. The thread's part is listed[] and the slot's place. */

/* enum place */
#define NONE 0
#define HELD 1
#define PLACE_OF(l) ((l) + 2)

typedef slot_type {
    byte generation, place, conn;
};

typedef poll_list {
    bool listed[CONNS];
    bool armed[CONNS]; /* the kernel's */
    bool wake;         /* the eventfd, which is never read */
    bool stopping;
};

typedef task_queue {
    byte tasks;   /* the semaphore */
    byte waiting; /* connections */
};

slot_type slots[SLOTS];
poll_list lists[2];
task_queue queues[3];
chan ring[3] = [CONNS] of { byte }; /* has room for all */

/* ---- connection_table.c ---- */

inline connection_table_add(c, added)
{
    atomic { /* locked */
        s = 0;
        do
        :: s < SLOTS && slots[s].place != NONE -> s++
        :: else -> break
        od;
        if
        :: s < SLOTS ->
            slots[s].generation++;
            slots[s].place = HELD;
            slots[s].conn = c;
            conn[c].slot = s;
            conn[c].generation = slots[s].generation;
            added = true
        :: else -> added = false
        fi;
        s = 0;
        count = count + added
    }
}

inline connection_table_remove(c)
{
    MINE(c);
    slots[conn[c].slot].place = NONE; /* locked */
    slots[conn[c].slot].conn = NIL
}

inline close_socket(c)
{
    assert(conn[c].alive);
    assert(KEPT(c));
    conn[c].alive = false;
    conn[c].holder = NOBODY;
    lists[RECV].armed[c] = false; /* the kernel forgets it */
    lists[SEND].armed[c] = false;
    conn[c].closed = true;
    forget(c)
}

/* ---- task_queue.c ---- */

/* The post, which C does after the unlock, is part of the block: to move it
 * forward past what others do changes nothing for them, as it only ever lets
 * one more through. Likewise the wait in task_queue_take. */
inline task_queue_put(q, chain, n)
{
#ifdef FAULT_POST_BEFORE_PUT
    queues[q].tasks++;
#endif
    atomic { /* locked */
        at = chain;
        do
        :: at != NIL -> MINE(at); GIVE(at); at = conn[at].next
        :: else -> break
        od;
        at = 0;
        ring[q]!chain;
        queues[q].waiting = queues[q].waiting + n;
#if defined(FAULT_POST_LOST)
        if
        :: queues[q].waiting == n -> queues[q].tasks++
        :: else
        fi
#elif !defined(FAULT_POST_BEFORE_PUT)
        queues[q].tasks++
#endif
    }
}

inline task_queue_take(q, chain)
{
    atomic {
        queues[q].tasks > 0 ->
        queues[q].tasks--;
        if /* locked */
        :: nempty(ring[q]) ->
            ring[q]?chain;
            at = chain;
            do
            :: at != NIL ->
                TAKE(at);
                queues[q].waiting--;
                at = conn[at].next
            :: else -> break
            od;
            at = 0
        :: empty(ring[q]) ->
            assert(ended); /* nobody takes for the end what is none */
            thread_ends()
        fi
    }
}

/* ---- epoll ---- */

#define READABLE(c) (conn[c].inbox > 0 || conn[c].eof)
#define WRITABLE(c) (!conn[c].no_room || conn[c].eof)
#define READY(l, c)                                                            \
    (lists[l].armed[c] && (l == RECV -> READABLE(c) : WRITABLE(c)))
#if CONNS == 1
#define ANY_READY(l) READY(l, 0)
#elif CONNS == 2
#define ANY_READY(l) (READY(l, 0) || READY(l, 1))
#else
#define ANY_READY(l) (READY(l, 0) || READY(l, 1) || READY(l, 2))
#endif

/* ---- poll_list.c ---- */

inline list_add(l, c)
{
    lists[l].listed[c] = true;
    slots[conn[c].slot].place = PLACE_OF(l)
}

inline list_remove(l, c)
{
    assert(lists[l].listed[c]);
    lists[l].listed[c] = false;
    slots[conn[c].slot].place = HELD
}

inline poll_list_add(l, c, added)
{
#ifdef FAULT_STOP_SEEN_UNLOCKED
    seen = lists[l].stopping;
#endif
#ifdef FAULT_WATCHED_BEFORE_LISTED
    atomic { MINE(c); lists[l].armed[c] = true }
#endif
    atomic { /* locked */
        MINE(c);
        added = true;
        if
#ifdef FAULT_STOP_SEEN_UNLOCKED
        :: seen ->
#else
        :: lists[l].stopping ->
#endif
            conn_stop(c, idle);
            added = !idle;
            idle = false
        :: else
        fi;
        if
        :: added ->
            list_add(l, c);
#ifndef FAULT_WATCHED_BEFORE_LISTED
            lists[l].armed[c] = true; /* watch */
#endif
            GIVE(c)
        :: else
        fi
    }
}

#ifdef FAULT_GENERATION_NOT_COMPARED
#define SAME_GENERATION(s, event) true
#else
#define SAME_GENERATION(s, event)                                              \
    (slots[s].generation == conn[event].generation)
#endif

/* An event is the connection that it was armed for: the kernel was given slot
 * and generation, which stay the same as long as it lives. */
inline named_by(l, event, c)
{
    c = NIL;
    s = conn[event].slot;
    if
    :: slots[s].place == PLACE_OF(l) && SAME_GENERATION(s, event) ->
        c = slots[s].conn;
        assert(c == event) /* nobody is taken for another */
    :: else
    fi;
    s = 0
}

inline poll_list_wait(l)
{
    /* epoll_wait: what is armed and ready, all of it; the wake-up too. */
    atomic {
        ANY_READY(l) || lists[l].wake ->
        for (i : 0 .. CONNS - 1) {
            if
            :: READY(l, i) ->
                events[i] = true;
#ifndef FAULT_ONESHOT_MISSING
                lists[l].armed[i] = false
#endif
            :: else
            fi
        }
        woken = lists[l].wake;
        i = 0
    }
    /* Here anything may happen to those that the events name. */
    atomic { /* locked */
        for (i : 0 .. CONNS - 1) {
            if
            :: events[i] ->
                events[i] = false;
                named_by(l, i, c);
                if
                :: c != NIL ->
#ifndef FAULT_TAKEN_AFTER_UNLOCK
                    list_remove(l, c);
                    TAKE(c);
#endif
                    ready[found] = c;
                    found++
                :: else /* stale */
                fi
            :: else
            fi
        }
        i = 0;
        c = 0
    }
#ifdef FAULT_TAKEN_AFTER_UNLOCK
    atomic {
        for (i : 1 .. found) {
            list_remove(l, ready[i - 1]);
            TAKE(ready[i - 1])
        }
        i = 0
    }
#endif
}

#define LATE(l, c) (expiries > 0 && lists[l].listed[c])

inline poll_list_expired(l, who)
{
    atomic { /* locked */
        LATE(l, who) ->
        list_remove(l, who);
        TAKE(who);
        expiries--;
        c = who
    }
}

inline poll_list_stop(l, c)
{
    atomic { /* locked */
        lists[l].stopping = true;
        c = 0;
        do
        :: c < CONNS && lists[l].listed[c] ->
            conn_stop(c, idle);
            if
            :: idle -> list_remove(l, c); TAKE(c); idle = false; break
            :: else -> c++
            fi
        :: c < CONNS && !lists[l].listed[c] -> c++
        :: c == CONNS -> break
        od
    }
}
