/* pipeline.c - the threads of stage 4, except the master (server.c).
 *
 * acceptor -> recv_poll_list -> recv_task_queue -> work_task_queue
 *   -> send_task_queue [-> send_poll_list -> send_task_queue]*
 *   -> recv_poll_list
 *
 * pipeline.h has the full drawing and the structures. Each thread here takes a
 * connection from one place, does one step of it and hands it on. With the
 * setting pipeline = shortcut the thread does more steps, as long as none can
 * block. A step (conn_step) is one recv, or sending until it would have to
 * wait. It returns a wish: what the connection waits for next. */
#include "pipeline.h"

#include "base/clock.h"
#include "conn/listen.h"
#include "conn/work.h"
#include "core/server.h"
#include "report/stats.h"
#include "report/trace.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

enum {
    SCAN_MS = 500,    /* housekeeping: longest time between two scans */
    EMFILE_MS = 1000, /* an acceptor without descriptors tries again then */
    TASK_MIN = 8, /* fewest connections that are worth waking a thread for */
};

/* ---- handing on ---- */

/* A chain of connections for one queue. A thread collects it, to put it into
 * the queue as one task. */
struct batch {
    struct conn *first, *last;
    size_t count;
};

static void batch_add(struct batch *batch, struct conn *conn)
{
    conn->next = NULL;
    if (batch->last != NULL)
        batch->last->next = conn;
    else
        batch->first = conn;
    batch->last = conn;
    batch->count++;
}

static void batch_put(struct batch *batch, struct task_queue *queue)
{
    if (batch->count > 0)
        task_queue_put(queue, batch->first, batch->count);
    *batch = (struct batch){0};
}

/* Returns the first connection of the chain and removes it, or NULL. */
static struct conn *chain_next(struct conn **chain)
{
    struct conn *conn = *chain;
    if (conn != NULL)
        *chain = conn->next;
    return conn;
}

/* Puts n connections into queue: one task for each thread of the pool, but none
 * smaller than TASK_MIN connections (except the last). Waking a thread costs
 * more than a small task. */
static void put_shared(struct task_queue *queue, size_t threads,
                       struct conn **all, size_t n)
{
    struct batch batch = {0};
    size_t each = (n + threads - 1) / threads;
    if (each < TASK_MIN)
        each = TASK_MIN;
    for (size_t i = 0; i < n; i++) {
        batch_add(&batch, all[i]);
        if (batch.count == each)
            batch_put(&batch, queue);
    }
    batch_put(&batch, queue);
}

static void put_one(struct task_queue *queue, struct conn *conn)
{
    conn->next = NULL;
    task_queue_put(queue, conn, 1);
}

void pipeline_drop(struct stage *stage, struct conn *conn)
{
    assert(conn_is_mine(conn));
    size_t left = connection_table_remove(&stage->connections, conn);
    conn_close(conn);
    if (left == 0 && atomic_load(&stage->stopping))
        (void)!write(stage->gone_fd, &(uint64_t){1}, sizeof(uint64_t));
    if (atomic_load(&stage->acceptors_waiting) > 0)
        sem_post(&stage->room);
}

/* Makes conn wait in a poll list, or closes it if that is not possible. */
static void listen_for(struct stage *stage, struct poll_list *list,
                       struct conn *conn)
{
    if (!poll_list_add(list, conn))
        pipeline_drop(stage, conn);
}

/* Returns true if one more request may wait for a worker. before: the number
 * that the caller will put into the queue first. */
static bool work_has_room(struct stage *stage, size_t before)
{
    return atomic_load(&stage->work_task_queue.waiting) + before <
           stage->queue_max;
}

static void refuse(struct stage *stage, struct conn *conn)
{
    conn_work_refuse(conn);
    put_one(&stage->send_task_queue, conn);
}

/* Moves conn to the place where it waits for its wish. The caller does not own
 * conn any more. */
static void hand_on(struct stage *stage, struct conn *conn, enum conn_wish wish)
{
    conn->wish = wish;
    switch (wish) {
    case CONN_WANT_READ:
        listen_for(stage, &stage->recv_poll_list, conn);
        break;
    case CONN_WANT_WRITE:
        listen_for(stage, &stage->send_poll_list, conn);
        break;
    case CONN_WANT_WORK:
        if (work_has_room(stage, 0))
            put_one(&stage->work_task_queue, conn);
        else
            refuse(stage, conn);
        break;
    case CONN_WANT_STREAM:
        put_one(&stage->work_task_queue, conn);
        break;
    case CONN_WANT_TURN: /* only conn_serve returns it */
    case CONN_CLOSE:
        pipeline_drop(stage, conn);
        break;
    }
}

/* Returns true if the send pool must do the next step: that step may wait for
 * the disk, or it takes so long that the next connections would wait. */
static bool step_is_for_pool(const struct conn *conn)
{
    return conn_step_may_block(conn) &&
           (conn_step_is_long(conn) || !conn_step_is_cached(conn));
}

/* With pipeline = shortcut: does all steps that cannot wait, and the requests
 * that can be answered at once. Then hands conn on. */
static void go_on(struct stage *stage, struct conn *conn)
{
    enum conn_wish wish;
    uint64_t start_ns = 0;
    for (;;) {
        if (step_is_for_pool(conn)) {
            put_one(&stage->send_task_queue, conn);
            return;
        }
        wish = conn_step(conn);
        /* Other connections wait for this thread. So after CONN_TURN_NS the
         * next request goes to the end of the workers' queue. */
        if (wish != CONN_WANT_WORK ||
            (start_ns != 0 && clock_ns() - start_ns >= CONN_TURN_NS))
            break;
        if (start_ns == 0)
            start_ns = clock_ns();
        if (!conn_work_at_once(conn))
            break;
    }
    hand_on(stage, conn, wish);
}

/* ---- the pools ---- */

typedef void chain_function(struct stage *stage, struct conn *chain);

/* Sets the thread's name in the trace and on the live page. */
static void name_thread(const char *name)
{
    trace_thread(name);
    stats_thread(name);
}

static void pool_run(struct stage *stage, struct task_queue *queue,
                     chain_function *deal_with)
{
    struct conn *chain;
    name_thread(queue->name);
    while ((chain = task_queue_take(queue)) != NULL)
        /* After the end stage_close closes what is still in the table. */
        if (!atomic_load_explicit(&stage->ended, memory_order_relaxed))
            deal_with(stage, chain);
}

static void recv_chain(struct stage *stage, struct conn *chain)
{
    struct conn *conn, *work[POLL_BATCH];
    size_t n = 0;
    while ((conn = chain_next(&chain)) != NULL) {
        enum conn_wish wish = conn_step(conn);
        if (wish != CONN_WANT_WORK) {
            hand_on(stage, conn, wish);
        } else if (work_has_room(stage, n)) {
            conn->wish = wish;
            work[n++] = conn;
        } else {
            refuse(stage, conn);
        }
    }
    put_shared(&stage->work_task_queue, stage->server->settings->pool_work,
               work, n);
}

static void work_one(struct stage *stage, struct conn *conn)
{
    if (conn->wish == CONN_WANT_STREAM)
        conn_stream(conn);
    else
        conn_work(conn);
    if (stage->shortcut)
        go_on(stage, conn);
    else if (conn->state == WAITING_FOR_BODY)
        listen_for(stage, &stage->recv_poll_list, conn);
    else /* the socket is probably writable: no need to ask epoll first */
        put_one(&stage->send_task_queue, conn);
}

/* Of a chain, first the connections that cannot block, so that none of them
 * queues behind one that can. This thread does the first of those that can
 * block. Each of the others becomes a task of its own, for any thread. */
static void work_chain(struct stage *stage, struct conn *chain)
{
    struct batch done = {0};
    struct conn *conn, *slow = NULL;
    if (chain->next == NULL) {
        work_one(stage, chain);
        return;
    }
    while ((conn = chain_next(&chain)) != NULL) {
        if (conn_work_at_once(conn))
            batch_add(&done, conn);
        else if (slow == NULL)
            slow = conn;
        else
            put_one(&stage->work_task_queue, conn);
    }
    batch_put(&done, &stage->send_task_queue);
    if (slow != NULL)
        work_one(stage, slow);
}

static void send_chain(struct stage *stage, struct conn *chain)
{
    struct conn *conn;
    while ((conn = chain_next(&chain)) != NULL) {
        enum conn_wish wish = conn_step(conn);
        if (stage->shortcut && wish == CONN_WANT_WORK &&
            conn_work_at_once(conn))
            go_on(stage, conn);
        else
            hand_on(stage, conn, wish);
    }
}

void *recv_thread(void *argument)
{
    struct stage *stage = argument;
    pool_run(stage, &stage->recv_task_queue, recv_chain);
    return NULL;
}

void *work_thread(void *argument)
{
    struct stage *stage = argument;
    pool_run(stage, &stage->work_task_queue, work_chain);
    return NULL;
}

void *send_thread(void *argument)
{
    struct stage *stage = argument;
    pool_run(stage, &stage->send_task_queue, send_chain);
    return NULL;
}

/* ---- the pollers ---- */

static void poll_run(struct stage *stage, struct poll_list *list,
                     struct task_queue *queue, size_t threads)
{
    struct conn *ready[POLL_BATCH];
    int n;
    name_thread(list->name);
    while ((n = poll_list_wait(list, ready)) >= 0) {
        if (stage->shortcut)
            for (int i = 0; i < n; i++)
                go_on(stage, ready[i]);
        else
            put_shared(queue, threads, ready, (size_t)n);
    }
}

void *recv_poll_thread(void *argument)
{
    struct stage *stage = argument;
    poll_run(stage, &stage->recv_poll_list, &stage->recv_task_queue,
             stage->server->settings->pool_recv);
    return NULL;
}

void *send_poll_thread(void *argument)
{
    struct stage *stage = argument;
    poll_run(stage, &stage->send_poll_list, &stage->send_task_queue,
             stage->server->settings->pool_send);
    return NULL;
}

/* ---- acceptors ---- */

static void sleep_until(sem_t *sem, int wait_ms)
{
    struct timespec until = clock_after_ms(wait_ms);
    while (sem_clockwait(sem, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
        continue;
}

static void admit(struct stage *stage, struct conn *conn)
{
    if (connection_table_add(&stage->connections, conn) < 0)
        conn_refuse(conn);
    else
        listen_for(stage, &stage->recv_poll_list, conn);
}

/* accept() blocks, and for each client the kernel wakes one of the threads that
 * block in it. So there is no thundering herd even without the mutex. With the
 * mutex, all acceptors but one wait for it instead; docs/questions/5 measures
 * both. A stop wakes the thread in accept(). Threads that wait for the mutex
 * wake only when it is released. So it is always released here, during a stop
 * too: otherwise joining them would never end. */
static enum listen_result accept_one(struct stage *stage, struct conn **conn)
{
    if (stage->one_accept)
        pthread_mutex_lock(&stage->accept_mutex);
    enum listen_result result = LISTEN_NONE;
    if (!atomic_load(&stage->stopping))
        result = listen_accept(stage->server, false, conn);
    if (stage->one_accept)
        pthread_mutex_unlock(&stage->accept_mutex);
    return result;
}

void *acceptor_thread(void *argument)
{
    struct stage *stage = argument;
    name_thread("acceptor");
    while (!atomic_load(&stage->stopping)) {
        struct conn *conn = NULL;
        switch (accept_one(stage, &conn)) {
        case LISTEN_CLIENT:
            stats_doing("accept");
            admit(stage, conn);
            stats_done();
            break;
        case LISTEN_FULL:
            /* There is no descriptor or memory. Until a connection has closed,
             * accept() would fail again, and the client waits in the kernel's
             * queue. */
            atomic_fetch_add(&stage->acceptors_waiting, 1);
            sleep_until(&stage->room, EMFILE_MS);
            atomic_fetch_sub(&stage->acceptors_waiting, 1);
            break;
        case LISTEN_LOST:
        case LISTEN_NONE:
            break;
        }
    }
    return NULL;
}

/* ---- housekeeping ---- */

/* Expires the connections whose deadline has passed. After SIGCONT all threads
 * go on at the same time, so the poller may not have fetched an event yet that
 * came before the deadline. Then the connection goes to the queue, as after an
 * event. Returns the milliseconds until the next scan. */
static int scan(struct stage *stage, struct poll_list *list,
                struct task_queue *queue)
{
    uint64_t now_ms = clock_ms();
    struct conn *conn;
    while ((conn = poll_list_expired(list, now_ms)) != NULL)
        if (conn_came_in_time(conn))
            put_one(queue, conn);
        else
            hand_on(stage, conn, conn_expire(conn));
    return poll_list_wait_ms(list, now_ms, SCAN_MS);
}

/* If a request found no memory, ends the connections with the largest burden
 * (much memory held, few bytes moved: conn_burden) until there is enough. */
static void shed(struct stage *stage, struct poll_list *list)
{
    struct conn *conn;
    while (budget_is_short(stage->server->budget) &&
           (conn = poll_list_heaviest(list, clock_ms())) != NULL)
        hand_on(stage, conn, conn_shed(conn));
}

void *housekeeping_thread(void *argument)
{
    struct stage *stage = argument;
    name_thread("housekeeping");
    while (!atomic_load(&stage->ended)) {
        int recv_ms =
            scan(stage, &stage->recv_poll_list, &stage->recv_task_queue);
        int send_ms =
            scan(stage, &stage->send_poll_list, &stage->send_task_queue);
        shed(stage, &stage->send_poll_list);
        shed(stage, &stage->recv_poll_list);
        int wait_ms = recv_ms < send_ms ? recv_ms : send_ms;
        if (wait_ms > 0)
            sleep_until(&stage->housekeeping, wait_ms);
    }
    return NULL;
}
