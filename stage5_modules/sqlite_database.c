/* sqlite_database.c - the module for databases: which requests may run at the
 * same time.
 *
 * front -> strand NAME (shared): parse, compile --reads--> run -> front
 *                                      |
 *                                   writes
 *                                      v
 *          strand NAME (alone): one after the other, or as a group -> front
 *
 * A strand is a queue of tasks (strand.h). Each database has a shared strand,
 * to which all requests come, and an alone strand for writes.
 *
 * In WAL mode a reader has a snapshot that no writer changes, and a writer
 * waits for no reader. So reads of one database run at the same time as other
 * reads and as the one writer. Two writers would only wait for each other in
 * SQLite, each with a thread. Here the second writer waits as a task in the
 * alone strand, without a thread.
 *
 * An interactive transaction keeps the write lock between its requests. Then
 * the alone strand is held (on_lock): its tasks stay there until the
 * transaction ends or its time is up, or until they have waited for
 * sqlite.busy_ms. The transaction's own requests do not enter that strand,
 * because they have the lock. */
#include "sqlite_group.h"

#include "base/clock.h"
#include "conn/work.h"
#include "report/stats.h"
#include "report/trace.h"
#include "sql/request.h"

#include <stdlib.h>

enum { LOCKED_REST_MS = 5 }; /* another process has the lock: try again then */

static void on_lock(void *context, struct text name, bool held)
{
    module_hold(context, name, held);
}

static int open_module(struct module *module)
{
    sql_tell_locks(module->mount->object, on_lock, module);
    sql_use_at_once(module->mount->object);
    return 0;
}

static void close_module(struct module *module)
{
    sql_tell_locks(module->mount->object, NULL, NULL);
}

/* Returns NAME of "/db/NAME/...". Paths without a NAME share one strand. */
static struct text key_of(const struct exchange *exchange, bool *alone)
{
    struct text path = {exchange->path, exchange->path_length};
    struct text rest = text_of(mount_beneath(exchange->mount, path) + 1);
    *alone = false;
    return text_split(&rest, '/');
}

static void pending_free(struct task *task)
{
    struct pending *pending = task->state;
    if (pending != NULL)
        sql_request_close(pending->request);
    free(pending);
    task->state = NULL;
}

static void answer(struct task *task)
{
    struct pending *pending = task->state;
    sql_request_answer(pending->request);
    pending_free(task);
    conn_work_answer(task->conn);
}

static void answer_alone(struct task *task)
{
    uint64_t start = TRACE_START(), id = conn_exchange(task->conn)->id;
    stats_doing("work");
    answer(task);
    stats_done();
    TRACE_SPAN("work", start, id);
    module_answered(task);
}

/* Too many requests wait in the writers' strand. A request outside of a
 * transaction is answered 503. An open transaction must not end that way: its
 * baton (the token that names it) is used up, so the client could not try
 * again. Its request is run now, without waiting for the lock. At worst SQLite
 * reports that the database is locked, and the transaction goes on with a new
 * baton. */
static void answer_without_room(struct task *task)
{
    struct sql_request *request = ((struct pending *)task->state)->request;
    if (request->stream != NULL) {
        sql_request_hurry(request);
        answer(task);
        return;
    }
    pending_free(task);
    conn_work_refuse(task->conn);
}

/* Runs a request if it only reads, or has the write lock already, or needs none
 * now. Otherwise moves the task to the writers' strand and returns false.
 * Returns true if the connection can go back to its front. Takes request. */
static bool classify(struct module *module, struct task *task,
                     struct sql_request *request)
{
    struct pending *pending = malloc(sizeof *pending);
    bool alone;
    if (pending == NULL) {
        sql_request_close(request);
        conn_work_refuse(task->conn);
        return true;
    }
    *pending = (struct pending){request, sql_request_need(request)};
    task->state = pending;
    if (pending->need == SQL_NEED_READ && module_in_vain(task)) {
        pending_free(task);
        task->conn->wish = CONN_CLOSE;
        return true;
    }
    if (pending->need == SQL_NEED_READ || pending->need == SQL_NEED_OWN) {
        answer(task);
        return true;
    }
    struct text key = key_of(conn_exchange(task->conn), &alone);
    if (module_move(module, task, key, true))
        return false;
    answer_without_room(task);
    return true;
}

/* Starts a request in the readers' strand. Returns true if the connection can
 * go back to its front, false if the task has moved to the writers' strand. */
static bool work(struct module *module, struct task *task)
{
    if (!conn_work_open(task->conn))
        return true; /* a page, a query, an error */
    struct sql_request *request = sql_request_open(conn_exchange(task->conn));
    if (request != NULL)
        return classify(module, task, request);
    conn_work_answer(task->conn);
    return true;
}

static void run(struct module *module, struct task *task)
{
    const struct exchange *exchange = conn_exchange(task->conn);
    struct pending *pending = task->state;
    if (pending != NULL) {
        /* The lock is still another's (a client's or a process's): the request
         * runs without waiting, and SQLite reports that. */
        sql_request_hurry(pending->request);
        answer_alone(task);
        return;
    }
    if (task->kind != TASK_WORK || exchange->handler != &sql_handler) {
        module_do(task);
        module_answered(task);
        return;
    }
    uint64_t start = TRACE_START(), id = exchange->id;
    stats_doing("work");
    bool answered = work(module, task);
    stats_done();
    TRACE_SPAN("work", start, id);
    if (answered)
        module_answered(task);
}

/* Deletes an answer made in a transaction that has been rolled back. */
static void unsay(struct task *task)
{
    response_release(&conn_exchange(task->conn)->response);
}

static void answer_together(struct task **tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pending_free(tasks[i]);
        conn_work_answer(tasks[i]->conn);
    }
    module_answered_all(tasks, n);
}

static void answer_each(struct task **tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsay(tasks[i]);
        answer_alone(tasks[i]);
    }
}

/* Returns how many tasks, from the first on, may share a transaction. */
static size_t count_group(struct task **tasks, size_t n)
{
    size_t count = 0;
    while (count < n) {
        const struct pending *pending = tasks[count]->state;
        if (pending->need != SQL_NEED_GROUP)
            break;
        count++;
    }
    return count;
}

static bool has_lost_patience(const struct module *module,
                              const struct task *task)
{
    return clock_ms() - task->since_ms >= module->patience_ms;
}

/* Does writes of one database, in order (see module_kind.run_many). */
static size_t run_many(struct module *module, struct task **tasks, size_t n,
                       unsigned *rest_ms)
{
    size_t group = count_group(tasks, n);
    if (group > 0) {
        size_t done;
        switch (sqlite_group(tasks, group, &done)) {
        case SQLITE_GROUP_COMMITTED:
            answer_together(tasks, done);
            return done;
        case SQLITE_GROUP_UNDONE:
            answer_each(tasks, done);
            return done;
        case SQLITE_GROUP_LOCKED:
            break;
        }
    } else if (sqlite_lock_look(tasks[0]) == SQLITE_LOCK_FREE) {
        answer_alone(tasks[0]);
        /* It may have left a transaction open. Then the strand is held now, and
         * the other tasks must wait. */
        return 1;
    }
    if (!has_lost_patience(module, tasks[0])) {
        *rest_ms = LOCKED_REST_MS;
        return 0;
    }
    tasks[0]->late = true;
    run(module, tasks[0]);
    return 1;
}

static size_t workers(const struct settings *settings)
{
    return settings->sqlite_workers;
}

static uint64_t patience_ms(const struct settings *settings)
{
    return settings->sqlite_busy_ms;
}

const struct module_kind sqlite_database = {
    .name = "sqlite_database",
    .handler = &sql_handler,
    .open = open_module,
    .close = close_module,
    .key = key_of,
    .run = run,
    .run_many = run_many,
    .forget = pending_free,
    .workers = workers,
    .patience_ms = patience_ms,
};
