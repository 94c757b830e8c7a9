/* inbox.pml - stage 5's way back: how a front learns that a worker has put a
 * connection into its inbox, while it may be about to sleep.
 *
 * worker -> inbox_put -> chain -> inbox_take -> front
 *
 * The front: inbox_sleep, epoll_wait, asleep = false, inbox_take, in turns. Each
 * statement that is not in an atomic block is one access to `asleep`, which is
 * sequentially consistent in C; an atomic block marked "locked" is what is done
 * under the inbox's lock. Each inline bears the name of its C function. */

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef EACH
#define EACH 2 /* connections that one worker puts, one by one */
#endif

byte chain;    /* connections in the inbox */
bool asleep;
bool edge;     /* the eventfd has been written: epoll_wait will tell it once */
byte put;      /* put in all */
byte taken;    /* and taken by the front */
bool client;   /* something that wakes the front for another reason */
bool stopping; /* stage->stopping */
bool seen;     /* the front has seen it */

inline inbox_wake()
{
    edge = true
}

inline inbox_put()
{
#ifdef FAULT_LOOKED_BEFORE_PUT
    was = asleep;
#endif
    atomic { chain++; put++ } /* locked */
#ifndef FAULT_LOOKED_BEFORE_PUT
    was = asleep;
#endif
    if
    :: was ->
        atomic { was = asleep; asleep = false } /* atomic_exchange */
        if
        :: was -> inbox_wake()
        :: else
        fi
    :: else
    fi;
    was = false
}

inline inbox_sleep()
{
#ifdef FAULT_LOOKED_BEFORE_ASLEEP
    empty_now = chain == 0; /* locked */
    if
    :: empty_now -> asleep = true
    :: else
    fi
#else
    asleep = true;
    empty_now = chain == 0; /* locked */
    if
    :: !empty_now -> asleep = false
    :: else
    fi
#endif
}

inline inbox_take()
{
    atomic { taken = taken + chain; chain = 0 } /* locked */
}

proctype worker()
{
    bool was;
    byte i;
    do
    :: i < EACH -> inbox_put(); i++
    :: i == EACH -> break
    od;
    i = 0;
end_joined:
    false
}

/* Waits for events without end: what has come must wake it. */
proctype front()
{
    bool empty_now;
    do
    :: stopping && !seen -> seen = true
    :: else ->
        inbox_sleep();
end_asleep:
        if /* epoll_wait */
        :: atomic { edge -> edge = false }
        :: atomic { client -> client = false }
        :: !empty_now
        fi;
        asleep = false;
        empty_now = false;
        inbox_take()
    od
}

init {
    atomic {
        run front();
        run worker();
#if WORKERS > 1
        run worker();
#endif
        client = true
    }
    stopping = true; /* stage_stop */
#ifndef FAULT_STOP_DOES_NOT_WAKE
    inbox_wake();
#endif
    atomic {
        timeout -> /* nothing moves any more */
        assert(put == WORKERS * EACH);
        assert(taken == put); /* nobody was told of the rest */
        assert(seen)          /* nor of the stop */
    }
}
