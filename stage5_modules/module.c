/* module.c - see module.h: the threads of a module, and how they are woken.
 * Their work is queued in strands (strand.c), the queues of the keys.
 *
 * add -> strand of the key -> ready, if a worker may go there -> a worker takes
 * one task (or several, alone) -> run -> the strand is ready again, or freed
 *
 * The module's lock protects all strands. It is held for a few instructions,
 * and never while a task is done. Besides the workers a module has a master: a
 * thread that watches for what no event reports. That is a task that waits
 * because the workers that are awake are busy with slow ones, a strand that has
 * rested long enough, or a task that has waited too long for a held key. */
#include "module.h"

#include "base/clock.h"
#include "base/lock.h"
#include "conn/work.h"
#include "report/stats.h"
#include "report/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WAKE_TASKS = 8, /* with more tasks than this for each awake worker, one more
                       is woken: waking costs more than most tasks */
    GATHER_MS = 2,  /* a task waits this long for others that may join it */
    SLOW_MS = 2,    /* if no task was taken for this long, one more is woken */
    STALE_MS = 50,  /* a client may have gone when it has waited this long */
    HELD_MS = 10,   /* how often the master looks at held and resting strands */
};

/* ---- waking ---- */

static void wake_worker_locked(struct module *module)
{
    module->sleepers--;
    module->waking++;
    module->due++;
}

static void wake_master_locked(struct module *module)
{
    if (!module->master_sleeps)
        return;
    module->master_sleeps = false;
    module->master_due = true;
}

/* A strand is ready: wakes one more worker if that is worth its cost. A worker
 * in an alone strand (`away`) does not count as awake: it probably waits for
 * the disk. */
static void wake_locked(struct module *module)
{
    size_t awake = module->worker_count - module->sleepers - module->away;
    size_t waiting =
        atomic_load_explicit(&module->waiting, memory_order_relaxed);
    if (module->sleepers == 0)
        return;
    if (awake == 0 || waiting > awake * WAKE_TASKS)
        wake_worker_locked(module);
}

/* Unlocks, and only then makes the posts that are due. Otherwise the woken
 * threads would find the lock taken. */
static void unlock(struct module *module)
{
    struct strands *strands = &module->strands;
    for (; strands->fresh > 0; strands->fresh--)
        wake_locked(module);
    if (strands->newly_blocked)
        wake_master_locked(module);
    strands->newly_blocked = false;
    /* Work is ready and no worker was woken for it: one that is awake will take
     * it, unless all of those are busy with slow tasks. The master watches. */
    if (strands->ready_count > module->waking && module->sleepers > 0)
        wake_master_locked(module);
    size_t workers = module->due;
    bool master = module->master_due;
    module->due = 0;
    module->master_due = false;
    pthread_mutex_unlock(&module->lock);
    while (workers-- > 0)
        sem_post(&module->gate);
    if (master)
        sem_post(&module->watch);
}

/* ---- tasks come ---- */

static void count_waiting(struct module *module, size_t n)
{
    size_t waiting = atomic_fetch_add(&module->waiting, n) + n;
    if (waiting > atomic_load_explicit(&module->deepest, memory_order_relaxed))
        atomic_store_explicit(&module->deepest, waiting, memory_order_relaxed);
}

/* Takes the task and returns true. Returns false if there is no memory, or if
 * too many requests wait for the key: then the task is still the caller's. */
static bool put_locked(struct module *module, struct task *task,
                       struct text key, bool alone)
{
    struct strand *strand = strand_of(&module->strands, key, alone);
    if (strand == NULL ||
        (task->kind == TASK_WORK && strand->count >= module->key_max))
        return false;
    count_waiting(module, 1);
    conn_release(task->conn); /* a worker gets it once we unlock */
    strand_put(strand, task);
    strand_settle(&module->strands, strand);
    return true;
}

/* Refuses a task. A request that has no answer yet gets 503. If an answer has
 * begun, the connection goes back to its front to be closed. Takes task. */
static void task_refuse(struct module *module, struct task *task)
{
    if (module->kind->forget != NULL)
        module->kind->forget(task);
    if (task->kind == TASK_WORK)
        conn_work_refuse(task->conn);
    else
        task->conn->wish = CONN_CLOSE;
    module_answered(task);
}

void module_add(struct module *module, struct task *chain)
{
    struct task *refused = NULL;
    uint64_t now_ms = clock_ms();
    pthread_mutex_lock(&module->lock);
    while (chain != NULL) {
        struct task *task = chain;
        const struct exchange *exchange = conn_exchange(task->conn);
        bool alone = false;
        /* A request for a mount without a module (/-/) comes to any module. */
        struct text key = exchange->handler == module->kind->handler
                              ? module->kind->key(exchange, &alone)
                              : TEXT("");
        chain = task->next;
        task->since_ms = now_ms;
        if (!put_locked(module, task, key, alone)) {
            task->next = refused;
            refused = task;
        }
    }
    unlock(module);
    while (refused != NULL) {
        struct task *task = refused;
        refused = task->next;
        task_refuse(module, task);
    }
}

bool module_move(struct module *module, struct task *task, struct text key,
                 bool alone)
{
    task->since_ms = clock_ms();
    pthread_mutex_lock(&module->lock);
    bool put = put_locked(module, task, key, alone);
    unlock(module);
    return put;
}

bool module_is_full(const struct module *module)
{
    return atomic_load_explicit(&module->waiting, memory_order_relaxed) >=
           module->server->settings->pool_queue_max;
}

void module_hold(struct module *module, struct text key, bool held)
{
    pthread_mutex_lock(&module->lock);
    struct strand *strand = strand_of(&module->strands, key, true);
    /* Without memory for a strand nothing is held: the writers run, and SQLite
     * itself reports that the database is locked. */
    if (strand != NULL && (held || strand->held > 0)) {
        strand->held += held ? 1 : (size_t)-1;
        strand_settle(&module->strands, strand);
    }
    unlock(module);
}

/* ---- workers ---- */

void module_do(struct task *task)
{
    switch (task->kind) {
    case TASK_WORK:
        conn_work(task->conn);
        break;
    case TASK_STREAM:
        conn_stream(task->conn);
        break;
    case TASK_STEP:
        task->conn->wish = conn_step(task->conn);
        break;
    }
}

void module_answered(struct task *task)
{
    struct conn *conn = task->conn;
    struct inbox *home = task->home;
    free(task);
    conn->next = NULL;
    conn_release(conn);
    inbox_put(home, conn);
}

void module_answered_all(struct task **tasks, size_t n)
{
    for (size_t i = 0; i < n;) {
        struct inbox *home = tasks[i]->home;
        struct conn *first = tasks[i]->conn, *last = first;
        conn_release(first);
        free(tasks[i++]);
        while (i < n && tasks[i]->home == home) {
            last->next = tasks[i]->conn;
            last = last->next;
            conn_release(last);
            free(tasks[i++]);
        }
        last->next = NULL;
        inbox_put(home, first);
    }
}

bool module_in_vain(const struct task *task)
{
    return clock_ms() - task->since_ms >= STALE_MS &&
           conn_client_is_gone(task->conn);
}

static bool only_reads(const struct task *task)
{
    enum http_method method = conn_exchange(task->conn)->request.method;
    return task->kind == TASK_WORK &&
           (method == HTTP_GET || method == HTTP_HEAD);
}

/* Does tasks of one strand, from the first on. Returns how many it did. If that
 * is fewer than n, the strand must rest for *rest_ms. */
static size_t run_tasks(struct module *module, struct task **tasks, size_t n,
                        unsigned *rest_ms)
{
    *rest_ms = 0;
    if (n > 1 || (module->kind->run_many != NULL && !tasks[0]->late &&
                  tasks[0]->state != NULL))
        return module->kind->run_many(module, tasks, n, rest_ms);
    if (only_reads(tasks[0]) && module_in_vain(tasks[0])) {
        tasks[0]->conn->wish = CONN_CLOSE;
        module_answered(tasks[0]);
        return 1;
    }
    module->kind->run(module, tasks[0]);
    return 1;
}

/* Returns true if the strand's tasks should wait a little. They cost less if
 * they are done together, and more of them may come soon. */
static bool gathers_locked(const struct module *module,
                           const struct strand *strand)
{
    return strand->alone && !strand->loose && module->kind->run_many != NULL &&
           strand->count < MODULE_BATCH && !strand->first->late &&
           strand_may_grow(&module->strands, strand) &&
           clock_ms() - strand->first->since_ms < GATHER_MS;
}

/* Called with the lock held. Unlocks it only while tasks are done. */
static void work_on_locked(struct module *module, struct strand *strand)
{
    struct task *tasks[MODULE_BATCH];
    size_t n = 0, max = 1, done;
    unsigned rest_ms;
    /* Since it became ready it may have been held, or the master may have taken
     * its late tasks. */
    if (strand->count == 0 || strand->blocked ||
        gathers_locked(module, strand)) {
        strand_settle(&module->strands, strand);
        return;
    }
    if (strand->alone && module->kind->run_many != NULL && !strand->loose)
        max = MODULE_BATCH;
    while (n < max && strand->count > 0) {
        tasks[n] = strand_take(strand);
        conn_adopt(tasks[n++]->conn);
    }
    atomic_fetch_sub(&module->waiting, n);
    atomic_fetch_add_explicit(&module->taken, n, memory_order_relaxed);
    strand->active++;
    module->away += strand->alone;
    /* Other workers may take its tasks too, if it is not alone. */
    strand_settle(&module->strands, strand);
    if (strand->alone && module->strands.ready_count > 0)
        wake_locked(module);
    unlock(module);
    done = run_tasks(module, tasks, n, &rest_ms);
    pthread_mutex_lock(&module->lock);
    count_waiting(module, n - done);
    while (n > done) {
        conn_release(tasks[--n]->conn);
        strand_put_back(strand, tasks[n]);
    }
    if (rest_ms > 0)
        strand->rest_ms = clock_ms() + rest_ms;
    strand->active--;
    module->away -= strand->alone;
    strand_settle(&module->strands, strand);
}

static void *worker_thread(void *argument)
{
    struct module *module = argument;
    trace_thread(module->name);
    stats_thread(module->name);
    pthread_mutex_lock(&module->lock);
    while (!module->stopping) {
        struct strand *strand = strand_next(&module->strands);
        if (strand != NULL) {
            work_on_locked(module, strand);
            continue;
        }
        /* The thread that wakes us subtracts us from sleepers, under the lock.
         * So each post of the gate is for a worker that waits or is about to
         * wait, and no post is lost. */
        module->sleepers++;
        unlock(module);
        while (sem_wait(&module->gate) < 0 && errno == EINTR)
            continue;
        pthread_mutex_lock(&module->lock);
        module->waking--;
    }
    unlock(module);
    return NULL;
}

/* ---- the master ---- */

/* Tasks at the head of a held strand that have waited for patience_ms are late:
 * each moves to a new strand of its own, which is ready. So it is run although
 * its key is held, and gets the answer that is possible then. */
static void free_late_locked(struct module *module, struct strand *strand,
                             uint64_t now_ms)
{
    while (strand->count > 0 &&
           now_ms - strand->first->since_ms >= module->patience_ms) {
        struct strand *loose = strand_new(TEXT(""), true);
        if (loose == NULL)
            return;
        loose->loose = true;
        struct task *task = strand_take(strand);
        task->late = true;
        strand_put(loose, task);
        strand_settle(&module->strands, loose);
    }
}

static void look_at_blocked_locked(struct module *module)
{
    uint64_t now_ms = clock_ms();
    const struct table *table = &module->strands.by_key;
    struct table_link *link = table_walk(table, NULL), *next;
    for (; link != NULL && module->strands.blocked > 0; link = next) {
        struct strand *at = OWNER_OF(link, struct strand, by_key);
        next = table_walk(table, link);
        if (!at->blocked)
            continue;
        if (at->rest_ms > 0 && at->rest_ms <= now_ms)
            at->rest_ms = 0;
        if (at->held > 0)
            free_late_locked(module, at, now_ms);
        strand_settle(&module->strands, at);
    }
}

/* Returns how many milliseconds the master may sleep; -1: until it is woken. */
static int watch_ms_locked(const struct module *module)
{
    if (module->strands.ready_count > 0 && module->sleepers > 0)
        return SLOW_MS;
    return module->strands.blocked > 0 ? HELD_MS : -1;
}

static void watch_wait(struct module *module, int wait_ms)
{
    if (wait_ms < 0) {
        while (sem_wait(&module->watch) < 0 && errno == EINTR)
            continue;
        return;
    }
    struct timespec until = clock_after_ms(wait_ms);
    while (sem_clockwait(&module->watch, CLOCK_MONOTONIC, &until) < 0 &&
           errno == EINTR)
        continue;
}

static void *master_thread(void *argument)
{
    struct module *module = argument;
    pthread_mutex_lock(&module->lock);
    while (!module->stopping) {
        int wait_ms = watch_ms_locked(module);
        bool ready = module->strands.ready_count > 0;
        uint64_t taken = atomic_load(&module->taken);
        module->master_sleeps = wait_ms < 0;
        unlock(module);
        watch_wait(module, wait_ms);
        pthread_mutex_lock(&module->lock);
        module->master_sleeps = false;
        /* Nothing has been taken meanwhile: all workers that are awake are busy
         * with slow tasks. */
        if (ready && module->strands.ready_count > 0 && module->sleepers > 0 &&
            taken == atomic_load(&module->taken))
            wake_worker_locked(module);
        look_at_blocked_locked(module);
    }
    unlock(module);
    return NULL;
}

/* ---- life ---- */

static void stop_threads(struct module *module, size_t workers, bool master)
{
    pthread_mutex_lock(&module->lock);
    module->stopping = true;
    while (module->sleepers > 0)
        wake_worker_locked(module);
    module->master_sleeps = false;
    module->master_due = true;
    unlock(module);
    for (size_t i = 0; i < workers; i++)
        pthread_join(module->workers[i], NULL);
    if (master)
        pthread_join(module->master, NULL);
}

/* Starts the workers and the master, with signals blocked: only the thread of
 * main takes signals. Returns 0, or -1 with errno. */
static int start_threads(struct module *module)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = 0;
    size_t started = 0;
    for (; error == 0 && started < module->worker_count; started++)
        error = pthread_create(&module->workers[started], NULL, worker_thread,
                               module);
    if (error == 0)
        error = pthread_create(&module->master, NULL, master_thread, module);
    else
        started--;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return 0;
    stop_threads(module, started, false);
    errno = error;
    return -1;
}

static void module_free(struct module *module)
{
    if (module->kind->close != NULL)
        module->kind->close(module);
    pthread_mutex_destroy(&module->lock);
    sem_destroy(&module->gate);
    sem_destroy(&module->watch);
    table_close(&module->strands.by_key);
    free(module->workers);
    free(module);
}

struct module *module_open(const struct module_kind *kind,
                           struct server *server, const struct mount *mount)
{
    struct module *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->kind = kind;
    made->server = server;
    made->mount = mount;
    snprintf(made->name, sizeof made->name, "%s%s%s", kind->name,
             mount->name[0] != '\0' ? " " : "", mount->name);
    made->worker_count = kind->workers(mount->settings);
    /* One key leaves at least half of the workers to other keys, and half of
     * the places in the queue. */
    made->strands.shared_max =
        made->worker_count > 1 ? made->worker_count / 2 : 1;
    made->key_max = (server->settings->pool_queue_max + 1) / 2;
    made->patience_ms =
        kind->patience_ms != NULL ? kind->patience_ms(mount->settings) : 0;
    made->workers = calloc(made->worker_count, sizeof *made->workers);
    if (made->workers == NULL ||
        table_open(&made->strands.by_key, STRAND_BUCKETS) < 0 ||
        (kind->open != NULL && kind->open(made) < 0)) {
        table_close(&made->strands.by_key);
        free(made->workers);
        free(made);
        return NULL;
    }
    lock_open(&made->lock);
    sem_init(&made->gate, 0, 0);
    sem_init(&made->watch, 0, 0);
    if (start_threads(made) == 0) {
        stats_place_add(&(struct stats_place){.name = made->name,
                                              .connections = &made->waiting,
                                              .taken = &made->taken,
                                              .deepest = &made->deepest});
        return made;
    }
    int saved = errno;
    module_free(made);
    errno = saved;
    return NULL;
}

void module_close(struct module *module)
{
    stop_threads(module, module->worker_count, true);
    struct strand *strand;
    while ((strand = strand_take_any(&module->strands)) != NULL) {
        while (strand->count > 0) {
            struct task *task = strand_take(strand);
            if (module->kind->forget != NULL)
                module->kind->forget(task);
            free(task);
        }
        free(strand);
    }
    module_free(module);
}
