/* strand.pml - how stage 5's modules keep tasks by key, and who works on them.
 *
 * front -> module_add -> strand of the key -> ready -> worker -> home
 *                          ^    ^                        |
 *                          |    +----- module_move ------+
 *                          +- module_hold: a transaction has the lock
 *
 * Each inline bears the name of the C function that it stands for. An atomic
 * block marked "locked" is what is done between taking the module's lock and
 * letting go of it; between two blocks any other thread may come.
 * strand_parts.pml is the strands and waking, strand_work.pml what a worker
 * does with a task. docs/model.md says what is left out; run.sh what is looked
 * for. */

#ifndef TASKS
#define TASKS 3
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef FRONTS
#define FRONTS 1
#endif
#ifndef KEYS
#define KEYS 2 /* files or databases */
#endif
#ifndef CHAIN
#define CHAIN 2 /* tasks that a front brings at once, at the most */
#endif
#ifndef BATCH
#define BATCH 2 /* tasks that run_many gets, at the most */
#endif
#ifndef WAKE_TASKS
#define WAKE_TASKS 2
#endif
#ifndef KEY_MAX
#define KEY_MAX TASKS
#endif
#ifndef TICKS
#define TICKS 0 /* times that the master looks although others are at work */
#endif
#if WORKERS > 1
#define SHARED_MAX (WORKERS / 2)
#else
#define SHARED_MAX 1
#endif

#define NIL TASKS    /* no task */
#define NO_STRAND 255
#ifdef TRANSACTIONS
#define STRANDS (2 * KEYS + TASKS) /* each may be late, in one of its own */
#else
#define STRANDS (2 * KEYS)
#endif

/* Where a task is: for the properties. */
#define NEW 0
#define WAITING 1   /* in a strand */
#define TAKEN 2     /* a worker has it */
#define HOME 3      /* answered */
#define FORGOTTEN 4 /* at the end */

typedef task_type {
    byte key;
    bool writes;  /* its strand is the one for one at a time */
    bool begins;  /* it leaves a transaction open */
    bool pending; /* task->state: has been sorted */
    bool late;
    byte next;

    byte at;
    byte number; /* in its strand for one at a time */
    bool waited; /* patience_ms have passed */
};

task_type task[TASKS];
byte next_task;

/* Under the module's lock. */
chan ready = [STRANDS] of { byte };
byte ready_count, sleepers, away, blocked, waking, due;
bool master_sleeps, master_due, stopping;
byte waiting;
bool taken; /* since the master looked */

byte gate, watch; /* semaphores */

bool timed;      /* the master's wait ends by itself */
byte ticks = TICKS;
bool released;   /* what is slow comes to an end */
byte fronts = FRONTS, running = WORKERS + 1;
bool closing;    /* no transaction ends any more */
byte ending;     /* transactions that do */

#include "strand_parts.pml"
#include "strand_work.pml"

/* It stays where it is: that has fewer states than a process that goes. */
inline thread_ends()
{
    running--;
end_joined:
    false
}

/* ---- tasks come ---- */

inline new_task(t)
{
    if
    :: task[t].key = 0
#if KEYS > 1
    :: t > 0 -> task[t].key = 1 /* the first one's is any: the same states */
#endif
    fi;
    if
#ifndef ONLY_WRITES
    :: task[t].writes = false
#endif
#ifndef ONLY_READS
    :: task[t].writes = true
#endif
#ifdef TRANSACTIONS
    :: task[t].writes = true; task[t].begins = true
#endif
    fi
}

/* kind->key: that of a database cannot know yet. */
#ifdef DATABASE
#define KEY_IS_ALONE(t) false
#else
#define KEY_IS_ALONE(t) task[t].writes
#endif

inline module_add_locked(t)
{
    put_locked(t, KEY_IS_ALONE(t), put);
    if
    :: !put -> task_refuse(t)
    :: put
    fi
}

/* What is refused goes home after the lock; nobody looks at it before. */
inline module_add()
{
    new_task(next_task);
    module_add_locked(next_task);
    next_task++;
    n = 1;
    do
    :: n < CHAIN && next_task < TASKS ->
        new_task(next_task);
        module_add_locked(next_task);
        next_task++;
        n++
    :: break
    od;
    n = 0;
#ifdef FAULT_ONLY_WHO_ADDS_TELLS
    look_who_is_ready();
#endif
    s = NO_STRAND;
    unlock()
}

proctype front()
{
    LOCALS;
    byte n;
    do
    :: atomic { next_task < TASKS -> module_add() } /* locked */
       POSTS
#ifdef ENDLESS
    :: atomic { /* it asks again and again */
           task[0].at == HOME ->
           task[0].at = NEW;
           task[0].pending = false;
           task[0].late = false;
           task[0].waited = false;
           module_add_locked(0);
           s = NO_STRAND;
           unlock()
       }
#endif
    :: atomic { next_task == TASKS -> break }
#ifndef STOP_WHEN_QUIET
    :: break
#endif
    od;
    atomic {
        fronts--;
end_joined:
        false
    }
}

/* ---- workers ---- */

/* The loop of worker_thread, from one taking of the lock to letting go of it.
 * n: tasks that it has in its hands then. */
inline worker_loop_locked()
{
    do
    :: stopping -> s = NO_STRAND; over = true; unlock(); break
    :: !stopping && ready_count > 0 ->
        ready_take_locked(s);
        if
#ifdef FAULT_NOT_LOOKED_AT_AGAIN
        :: false
#else
        :: strand[s].count == 0 || strand[s].blocked ->
            strand_settle(s)
#endif
        :: else -> work_on_locked(); break
        fi
    :: !stopping && ready_count == 0 ->
        s = NO_STRAND;
#ifndef FAULT_SLEEPS_UNCOUNTED
        sleepers++;
#endif
        unlock();
        break
    od
}

proctype worker_thread()
{
    LOCALS;
    byte batch[BATCH], n, done;
    bool over, rest;
#ifdef DATABASE
    byte s1 = NO_STRAND, k;
#endif
#ifdef FAULT_FREED_AFTER_UNLOCK
    bool retires;
#endif
    atomic { worker_loop_locked() }
    do
    :: over -> atomic { thread_ends() }
    :: !over && n == 0 ->
        POSTS;
#ifdef FAULT_SLEEPS_UNCOUNTED
        sleepers++;
#endif
        atomic { /* sem_wait, then locked */
            gate > 0 ->
            gate--;
            waking--;
            worker_loop_locked()
        }
    :: !over && n > 0 ->
        POSTS;
        run_tasks();
        atomic { /* locked */
            work_on_ends_locked();
#ifdef FAULT_FREED_AFTER_UNLOCK
            unlock()
        }
        atomic {
            if
            :: retires && strand[s].used -> strand_retire(s)
            :: else
            fi;
            retires = false;
#endif
            worker_loop_locked()
        }
    od
}

/* ---- the master ---- */

/* Time passes: all that may wait no longer. */
inline time_passes()
{
    for (t : 0 .. TASKS - 1) {
        task[t].waited = task[t].waited || task[t].at == WAITING
    }
    t = NIL
}

inline free_late_locked(s)
{
    do
    :: strand[s].count > 0 && (task[strand[s].first].waited || early) ->
        wanted = strand[s].key;
        strand_new(s1, wanted, true);
        wanted = 0;
        strand[s1].loose = true;
        strand_take(s, t);
        task[t].late = true;
        task[t].waited = true;
        strand_put(s1, t);
        strand_settle(s1);
        s1 = NO_STRAND;
        t = NIL
    :: strand[s].count == 0 || !task[strand[s].first].waited -> break
    od
}

inline look_at_blocked_locked()
{
    for (s : 0 .. STRANDS - 1) {
        if
        :: strand[s].used && strand[s].blocked ->
            if
            :: strand[s].rest -> strand[s].rest = false
            :: !strand[s].rest || early
            fi;
            if
            :: strand[s].held > 0 -> free_late_locked(s)
            :: else
            fi;
            strand_settle(s)
        :: else
        fi
    }
    s = NO_STRAND
}

/* The loop of master_thread, from one taking of the lock to letting go. */
inline master_wakes_locked()
{
    master_sleeps = false;
    if
    :: was_ready && ready_count > 0 && sleepers > 0 && !taken ->
        wake_worker_locked()
    :: else
    fi;
    look_at_blocked_locked()
}

inline master_waits_locked()
{
    was_ready = false;
    timed = false;
    if
    :: stopping -> over = true
    :: !stopping ->
#ifdef FAULT_LOOKS_AND_CAN_DO_NOTHING
        timed = blocked > 0 || ready_count > 0;
#else
        timed = blocked > 0 || (ready_count > 0 && sleepers > 0);
#endif
        was_ready = ready_count > 0;
        taken = false;
#ifndef FAULT_MASTER_SLEEPS_UNCOUNTED
        master_sleeps = !timed
#endif
    fi;
    unlock()
}

proctype master_thread()
{
    LOCALS;
    byte s1 = NO_STRAND;
    bool over, was_ready, early;
    atomic { master_waits_locked() }
    do
    :: over -> atomic { thread_ends() }
    :: !over ->
        POSTS;
#ifdef FAULT_MASTER_SLEEPS_UNCOUNTED
        master_sleeps = !timed;
#endif
        atomic { /* watch_wait, then locked */
            if
            :: watch > 0 -> watch--
            :: timed && timeout -> time_passes() /* and nothing else happens */
#ifdef ENDLESS
            :: timed
#endif
#if TICKS > 0
            :: timed && ticks > 0 -> ticks--; early = true
#endif
            fi;
            master_wakes_locked();
            early = false;
            master_waits_locked()
        }
    od
}

/* ---- life ---- */

inline start_threads()
{
    atomic {
        for (t : 0 .. WORKERS - 1) {
            run worker_thread()
        }
        run master_thread();
        for (t : 0 .. FRONTS - 1) {
            run front()
        }
#ifdef TRANSACTIONS
        for (t : 0 .. KEYS - 1) {
            run transaction(t)
        }
#endif
#ifdef ANOTHER_PROCESS
        run another_process();
#endif
        t = NIL
    }
}

inline stop_threads()
{
    atomic { /* locked */
#ifndef FAULT_WOKEN_BEFORE_TOLD
        stopping = true;
#endif
        do
#ifdef FAULT_ONE_IS_NOT_WOKEN
        :: sleepers > 1 -> wake_worker_locked()
        :: sleepers <= 1 -> break
#else
        :: sleepers > 0 -> wake_worker_locked()
        :: sleepers == 0 -> break
#endif
        od;
        master_sleeps = false;
        master_due = true;
        unlock()
    }
    POSTS;
#ifdef FAULT_WOKEN_BEFORE_TOLD
    stopping = true;
#endif
    running == 0 /* all joined */
}

inline strand_take_any(s)
{
    do
    :: strand[s].count > 0 ->
        strand_take(s, t);
        task[t].at = FORGOTTEN
    :: strand[s].count == 0 -> break
    od;
    t = NIL
}

inline module_close()
{
    atomic {
        for (s : 0 .. STRANDS - 1) { /* ready and loose, and the table's */
            if
            :: strand[s].used -> strand_take_any(s)
            :: else
            fi
        }
        for (t : 0 .. TASKS - 1) {
            assert(task[t].at == NEW || task[t].at == HOME ||
                   task[t].at == FORGOTTEN)
        }
        t = NIL;
        s = NO_STRAND
    }
}

/* Nothing moves any more. */
inline all_is_done()
{
    for (t : 0 .. TASKS - 1) {
        assert(task[t].at == HOME) /* no task is lost */
    }
    for (s : 0 .. STRANDS - 1) {
        assert(!strand[s].used || strand[s].held > 0) /* nor a strand left */
    }
    assert(waiting == 0 && away == 0 && blocked == 0 && ready_count == 0);
    assert(gate == 0 && waking == 0 && due == 0 && sleepers == WORKERS);
    t = NIL;
    s = NO_STRAND
}

#define QUIET (timeout && !timed)

init {
    LOCALS;
    start_threads();
#ifdef SLOW
    atomic {
        QUIET ->
        assert(ready_count == 0 || sleepers == 0); /* nobody waits behind it */
        released = true
    }
#endif
    if
#ifndef STOP_WHEN_QUIET
    :: true /* stop_seconds have passed, at any moment */
#endif
    :: atomic { QUIET -> all_is_done() }
    fi;
#ifdef NO_STOP
end_never:
    false;
#endif
    fronts == 0;
    atomic { ending == 0 -> closing = true }
    stop_threads();
    module_close()
}

#define asked (task[1].at == WAITING || task[1].at == TAKEN)
#define answered (task[1].at == HOME)

#ifdef ENDLESS
ltl fair_answered { [] (asked -> <> answered) }
#endif
