/* strand_work.pml - see strand.pml: of module.c what is a
 * worker at a strand; and sqlite_database.c, for the module of databases.
 *
 * Of SQL nothing is left but this: a task reads, or writes, or begins a
 * transaction that its client ends when it likes. */

bool lock_taken[KEYS];  /* SQLite's, of a database */
bool thinks[KEYS];        /* a transaction, and its client may end it */

/* ---- tasks that are done ---- */

/* conn_work and module_answered. Whose it was does not touch it again. */
inline module_answered(t)
{
    assert(task[t].at == TAKEN); /* nor is one done twice */
    task[t].at = HOME
}

/* In the order in which they were put there, but for those that are late. */
inline in_order(t)
{
#ifdef ENDLESS
    skip /* numbers would not end */
#else
    if
    :: !task[t].late ->
        assert(task[t].number > done_number[task[t].key]);
        done_number[task[t].key] = task[t].number
    :: else
    fi
#endif
}

inline task_refuse(t)
{
    assert(task[t].at == NEW || task[t].at == TAKEN);
    task[t].at = HOME
}

/* Work takes no time, or until what is slow comes to an end. */
#ifdef SLOW
#define WORK                                                                   \
    if                                                                         \
    :: true                                                                    \
    :: true -> released                                                        \
    fi
#else
#define WORK skip
#endif

/* ---- sqlite_database.c ---- */

#ifdef DATABASE

/* Two steps: who leaves a transaction tells of it before it answers. */
inline begin_one(t)
{
    k = task[t].key;
    module_hold(s1, k, true);
    atomic {
        thinks[k] = true;
        k = 0;
        in_order(t);
        module_answered(t)
    }
}

/* Nobody waits in SQLite: what finds the lock taken says so. */
inline answer_alone(t)
{
    if
    :: atomic { lock_taken[task[t].key] -> module_answered(t) } /* BUSY */
    :: atomic { !lock_taken[task[t].key] -> lock_taken[task[t].key] = true }
       if
       :: task[t].begins -> begin_one(t)
       :: else ->
           atomic {
               lock_taken[task[t].key] = false;
               in_order(t);
               module_answered(t)
           }
       fi
    fi;
    t = NIL
}

inline module_move(t)
{
    atomic { /* locked */
        s1 = s;
        put_locked(t, true, put);
        s = s1;
        s1 = NO_STRAND;
        if
        :: !put -> task_refuse(t)
        :: put
        fi;
        unlock()
    }
    POSTS
}

inline run_one(t)
{
    if
    :: task[t].late -> answer_alone(t)
    :: !task[t].late && !task[t].writes -> WORK; module_answered(t)
    :: !task[t].late && task[t].writes -> /* sort */
        task[t].pending = true;
        module_move(t)
#ifdef FAULT_ANSWERED_AFTER_MOVE
        ;
        module_answered(t)
#endif
    fi;
    t = NIL
}

/* One transaction for some of them, or all. */
inline sqlite_group()
{
    if
    :: atomic { lock_taken[task[t].key] -> done = 0 }
    :: atomic { !lock_taken[task[t].key] -> lock_taken[task[t].key] = true }
       atomic {
           lock_taken[task[t].key] = false; /* COMMIT */
           do
           :: done < n && !task[batch[done]].begins ->
               in_order(batch[done]);
               module_answered(batch[done]);
               done++
           :: done > 0 -> break /* GROUP_MS are over, or the group is */
           od
#ifdef FAULT_ONE_IS_DONE_AGAIN
           ;
           done = (done > 1 -> done - 1 : done)
#endif
       }
    fi
}

inline run_many()
{
    atomic { t = batch[0]; done = 0 }
    if
    :: !task[t].begins -> sqlite_group()
    :: task[t].begins -> /* sqlite_lock_look */
        if
        :: lock_taken[task[t].key]
        :: !lock_taken[task[t].key] -> answer_alone(t); done = 1
        fi
    fi;
    if
    :: done > 0
    :: done == 0 && !task[t].waited -> rest = true
    :: done == 0 && task[t].waited -> /* is_late */
        task[t].late = true;
        answer_alone(t);
        done = 1
    fi;
    t = NIL
}

/* The client of a transaction, who may stay at lunch for ever. Its COMMIT comes
 * as a read does, and needs no strand's turn of its own here. */
proctype transaction(byte k)
{
    LOCALS;
    bool commits;
    do
    :: atomic {
           thinks[k] && !closing ->
           thinks[k] = false;
           if
           :: commits = true; ending++
           :: true /* lunch */
           fi
       }
       if
       :: commits ->
           lock_taken[k] = false;
           module_hold(s, k, false);
           atomic { ending--; commits = false }
       :: else
       fi
    :: atomic {
           closing ->
end_joined:
           false
       }
    od
}

/* Writes to a file that we have open, and tells nobody. */
proctype another_process()
{
    atomic { !lock_taken[0] -> lock_taken[0] = true }
    if
    :: lock_taken[0] = false
    :: true
    fi;
end_other:
    false
}

#define MANY(s)                                                                \
    (strand[s].alone && !strand[s].loose && task[batch[0]].pending)
#define BATCH_OF(s) (strand[s].alone && !strand[s].loose -> BATCH : 1)

#else /* a module without run_many */

inline run_one(t)
{
    WORK;
    atomic {
        if
        :: strand[s].alone -> in_order(t)
        :: else
        fi;
        module_answered(t)
    }
    t = NIL
}

#define BATCH_OF(s) 1

#endif

/* ---- a worker at a strand ---- */

inline enter(s)
{
    if
    :: strand[s].alone && !strand[s].loose ->
        assert(inside[strand[s].key] == 0); /* one at a time */
        assert(told[strand[s].key] == 0);   /* and none at a key that is held */
        inside[strand[s].key]++
    :: else -> assert(strand[s].alone || strand[s].actives < SHARED_MAX)
    fi
}

/* Up to where the task begins. */
inline work_on_locked()
{
    n = 0;
    do
    :: n < BATCH_OF(s) && strand[s].count > 0 ->
        strand_take(s, t);
        batch[n] = t;
        n++
    :: else -> break
    od;
    t = NIL;
    assert(n > 0);
    waiting = waiting - n;
    taken = true;
    enter(s);
    strand[s].actives++;
    away = away + strand[s].alone;
    strand_settle(s);
    if
    :: strand[s].alone && ready_count > 0 -> wake_locked()
    :: else
    fi;
    unlock()
}

inline run_tasks()
{
#ifdef DATABASE
    if
    :: MANY(s) -> run_many()
    :: else -> t = batch[0]; run_one(t); done = 1
    fi
#else
    t = batch[0];
    run_one(t);
    done = 1
#endif
}

/* From where it ends. */
inline work_on_ends_locked()
{
    waiting = waiting + n - done;
    do
    :: n > done ->
        n--;
        strand_put_back(s, batch[n])
    :: n == done -> break
    od;
    do
    :: n > 0 -> n--; batch[n] = 0
    :: n == 0 -> break
    od;
    done = 0;
    strand[s].rest = strand[s].rest || rest;
    rest = false;
    strand[s].actives--;
    away = away - strand[s].alone;
    if
    :: strand[s].alone && !strand[s].loose -> inside[strand[s].key]--
    :: else
    fi;
#if defined(FAULT_FREED_AFTER_UNLOCK)
    retires = strand[s].count == 0 && strand[s].held == 0 && !strand[s].ready;
    if
    :: strand[s].actives > 0 || !retires ->
        retires = false;
        strand_settle(s)
    :: else
    fi
#elif defined(FAULT_LEFT_AS_IT_IS)
    if
    :: strand[s].count == 0 -> strand_settle(s)
    :: else
    fi
#else
    strand_settle(s)
#endif
}
