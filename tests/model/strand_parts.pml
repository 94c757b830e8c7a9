/* strand_parts.pml - see strand.pml: strand.c and how module.c wakes: the
 * table of strands, waking, ready, and the one place that decides.
 *
 * All of it is called under the module's lock. A strand is an entry of an
 * array, and one that is not used is memory that has been freed. */

#ifdef FAULT_HOLDS_DO_NOT_NEST
#define HELD_COUNT bool
#else
#define HELD_COUNT byte
#endif

typedef strand_type {
    bool used;
    byte key;
    bool alone, loose;
    byte first, last, count;
    byte actives;
    HELD_COUNT held;
    bool rest;
    bool ready;
    bool blocked;
#ifdef TURNS
    byte passed; /* strands that were taken since it became ready */
#endif
};

strand_type strand[STRANDS];

/* What no code sees: for the properties. */
byte inside[KEYS];      /* workers at the strand for one at a time */
byte put_number[KEYS];  /* of the task that was put there last */
byte done_number[KEYS]; /* and of the one that was done last */
byte told[KEYS];        /* transactions that module_hold has been told of */

/* Each for one atomic block only, and 0 behind it. */
byte spare, at, wanted;
bool is_blocked;

#ifdef LATE_POSTS
#define LOCALS byte s = NO_STRAND, t = NIL, posts; bool put, tell
#else
#define LOCALS byte s = NO_STRAND, t = NIL; bool put
#endif

/* ---- the table of strands ---- */

#define IS_OF(s, k, a)                                                         \
    (strand[s].used && !strand[s].loose && strand[s].key == k &&               \
     strand[s].alone == a)

inline strand_new(s, k, a)
{
    s = 0;
    do
    :: strand[s].used -> s++
    :: !strand[s].used -> break
    od;
    strand[s].used = true;
    strand[s].key = k;
    strand[s].alone = a;
    strand[s].first = NIL;
    strand[s].last = NIL
}

inline strand_of(s, k, a)
{
    s = 0;
    do
    :: s == STRANDS -> strand_new(s, k, a); break
    :: s < STRANDS ->
        if
        :: IS_OF(s, k, a) -> break
        :: else -> s++
        fi
    od
}

inline strand_retire(s)
{
    assert(strand[s].used);
    assert(strand[s].count == 0); /* no task is lost with it */
    assert(strand[s].actives == 0 && !strand[s].blocked);
    strand[s].used = false;
    strand[s].key = 0;
    strand[s].alone = false;
    strand[s].loose = false;
    strand[s].first = 0;
    strand[s].last = 0;
    strand[s].held = 0;
    strand[s].rest = false
#ifdef TURNS
    ;
    strand[s].passed = 0
#endif
}

/* ---- waking ---- */

inline wake_worker_locked()
{
    sleepers--;
    waking++;
    due++
}

inline wake_master_locked()
{
    if
    :: master_sleeps -> master_sleeps = false; master_due = true
    :: else
    fi
}

inline look_who_is_ready()
{
    if
    :: ready_count > waking && sleepers > 0 -> wake_master_locked()
    :: else
    fi
}

/* The posts, which C makes after the unlock, are part of the block: to move
 * them forward past what others do changes nothing for them. With LATE_POSTS
 * they are steps of their own, behind the block, at POSTS. */
inline unlock()
{
#ifndef FAULT_ONLY_WHO_ADDS_TELLS
    look_who_is_ready();
#endif
#ifdef LATE_POSTS
    posts = due;
    tell = master_due;
#else
    gate = gate + due;
    watch = watch + master_due;
#endif
    due = 0;
    master_due = false
}

#ifdef LATE_POSTS
#define POSTS                                                                  \
    do                                                                         \
    :: posts > 0 -> atomic { gate++; posts-- }                                 \
    :: posts == 0 && tell -> atomic { watch++; tell = false }                  \
    :: posts == 0 && !tell -> break                                            \
    od
#else
#define POSTS
#endif

/* Who is not away and does not sleep. */
#define AWAKE (WORKERS - sleepers - away)

inline wake_locked()
{
    if
    :: sleepers > 0 && (AWAKE == 0 || waiting > AWAKE * WAKE_TASKS) ->
        wake_worker_locked()
    :: else
    fi
}

/* ---- from waiting to ready ---- */

inline ready_put(s)
{
    strand[s].ready = true;
    ready!s;
    ready_count++;
#ifdef FAULT_BUSY_KEY_GOES_FIRST
    spare = ready_count - 1;
    do
    :: spare > 0 -> ready?at; ready!at; spare--
    :: spare == 0 -> break
    od;
    at = 0;
#endif
    wake_locked()
}

#ifdef TURNS
/* While one is ready no other gets two turns. */
inline turn(s)
{
    for (at : 0 .. STRANDS - 1) {
        if
        :: at != s && strand[at].used && strand[at].ready ->
            assert((strand[at].passed & (1 << s)) == 0);
            strand[at].passed = strand[at].passed | (1 << s)
        :: else
        fi
    }
    at = 0;
    strand[s].passed = 0
}
#endif

inline ready_take_locked(s)
{
    ready?s;
    ready_count--;
    assert(strand[s].used && strand[s].ready); /* it has not been freed */
    strand[s].ready = false
#ifdef TURNS
    ;
    turn(s)
#endif
}

inline set_blocked(s, value)
{
    if
    :: strand[s].blocked == value
    :: else ->
        strand[s].blocked = value;
        if
        :: value -> blocked++; wake_master_locked()
        :: else -> blocked--
        fi
    fi
}

#ifdef FAULT_TWO_AT_ONE_KEY
#define ACTIVE_MAX(s) WORKERS
#else
#define ACTIVE_MAX(s) (strand[s].alone -> 1 : SHARED_MAX)
#endif

#ifdef FAULT_FREED_WHILE_LISTED
#define LISTED(s) false
#else
#define LISTED(s) strand[s].ready
#endif

inline strand_settle(s)
{
    assert(strand[s].used);
    is_blocked =
        strand[s].count > 0 && (strand[s].held > 0 || strand[s].rest);
    set_blocked(s, is_blocked);
    if
    :: strand[s].count > 0 && !is_blocked && !strand[s].ready &&
       strand[s].actives < ACTIVE_MAX(s) ->
        ready_put(s)
    :: else
    fi;
    is_blocked = false;
    if
    :: strand[s].count == 0 && strand[s].actives == 0 && strand[s].held == 0 &&
       !LISTED(s) ->
        strand_retire(s)
    :: else
    fi
}

/* ---- tasks in a strand ---- */

inline strand_put(s, t)
{
    assert(task[t].at == NEW || task[t].at == TAKEN);
    task[t].at = WAITING;
    task[t].next = NIL;
    if
    :: strand[s].last != NIL -> task[strand[s].last].next = t
    :: else -> strand[s].first = t
    fi;
    strand[s].last = t;
    strand[s].count++
}

inline strand_take(s, t)
{
    t = strand[s].first;
    assert(t != NIL && task[t].at == WAITING);
    task[t].at = TAKEN;
    strand[s].first = task[t].next;
    task[t].next = 0;
    if
    :: strand[s].first == NIL -> strand[s].last = NIL
    :: else
    fi;
    strand[s].count--
}

inline strand_put_back(s, t)
{
#ifdef FAULT_PUT_BACK_BEHIND
    strand_put(s, t)
#else
    assert(task[t].at == TAKEN);
    task[t].at = WAITING;
    task[t].next = strand[s].first;
    strand[s].first = t;
    if
    :: strand[s].last == NIL -> strand[s].last = t
    :: else
    fi;
    strand[s].count++
#endif
}

inline put_locked(t, a, is_put)
{
    wanted = task[t].key;
    strand_of(s, wanted, a);
    wanted = 0;
    if
    :: strand[s].count >= KEY_MAX -> is_put = false
    :: else ->
        waiting++;
#ifndef ENDLESS
        if
        :: a ->
            put_number[task[t].key]++;
            task[t].number = put_number[task[t].key]
        :: else
        fi;
#endif
        strand_put(s, t);
        strand_settle(s);
        is_put = true
    fi
}

/* ---- who has to wait ---- */

/* Ghost of it: a transaction is told once, and once that it is no more. */
inline module_hold(s, k, is_held)
{
    atomic { /* locked */
        strand_of(s, k, true);
        if
        :: is_held ->
#ifdef FAULT_HOLDS_DO_NOT_NEST
            strand[s].held = true;
#else
            strand[s].held++;
#endif
            told[k]++
        :: else ->
#ifdef FAULT_HOLDS_DO_NOT_NEST
            strand[s].held = false;
#else
            assert(strand[s].held > 0);
            strand[s].held--;
#endif
            told[k]--
        fi;
        strand_settle(s);
        s = NO_STRAND;
        unlock()
    }
    POSTS
}
