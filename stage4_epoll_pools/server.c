/* server.c - stage 4: epoll, and pools of threads gated by semaphores.
 *
 * acceptor -> recv_poll_list -> recv_task_queue -> work_task_queue
 *   -> send_task_queue [-> send_poll_list -> send_task_queue]* ->
 * recv_poll_list
 *
 * pipeline.h draws it and names the structures. Each thread here takes a
 * connection from one place, does one step of it and hands it on whole; with
 * pipeline = shortcut it goes on with it as long as no step can block. */
#include "stage.h"

#include "pipeline.h"

#include "clock.h"
#include "listen.h"
#include "mount.h"
#include "stats.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,   /* the master: logs and SQL streams want a look */
    SCAN_MS = 500,    /* housekeeping: longest time between two scans */
    EMFILE_MS = 1000, /* an acceptor: then it tries again anyway */
    TASK_MIN = 8,     /* connections of a batch that one thread wakes for */
    MASTER_FDS = 2,   /* signals, the last connection's end */
};

const struct stage_facts stage_facts = {
    .number = 4,
    .name = "epoll and pools",
    .one_thread = false,
    .blocking = false,
    .database_mutex = true,
};

/* ---- handing on ---- */

/* A chain of connections for one queue: what a thread collects from a batch. */
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

static struct conn *chain_next(struct conn **chain)
{
    struct conn *conn = *chain;
    if (conn != NULL)
        *chain = conn->next;
    return conn;
}

/* A batch that comes at once, in as many tasks as the pool has threads, but
 * none so small that waking a thread for it costs more than the task. */
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

/* Closes a connection that the caller holds. */
static void drop(struct stage *stage, struct conn *conn)
{
    size_t left = connection_table_remove(&stage->connections, conn);
    conn_close(conn);
    if (left == 0 && atomic_load(&stage->stopping))
        (void)!write(stage->gone_fd, &(uint64_t){1}, sizeof(uint64_t));
    if (atomic_load(&stage->acceptors_waiting) > 0)
        sem_post(&stage->room);
}

static void listen_for(struct stage *stage, struct poll_list *list,
                       struct conn *conn)
{
    if (!poll_list_add(list, conn))
        drop(stage, conn);
}

static bool work_has_room(struct stage *stage)
{
    return atomic_load(&stage->work_task_queue.waiting) < stage->queue_max;
}

/* To the place that the wish names; the caller does not own conn any more. */
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
        if (work_has_room(stage)) {
            put_one(&stage->work_task_queue, conn);
            break;
        }
        conn_work_refuse(conn);
        put_one(&stage->send_task_queue, conn);
        break;
    case CONN_WANT_STREAM:
        put_one(&stage->work_task_queue, conn);
        break;
    case CONN_CLOSE:
        drop(stage, conn);
        break;
    }
}

/* pipeline = shortcut: on with it until it has to wait, or might. */
static void go_on(struct stage *stage, struct conn *conn)
{
    enum conn_wish wish;
    do {
        if (conn_step_may_block(conn)) {
            put_one(&stage->send_task_queue, conn);
            return;
        }
        wish = conn_step(conn);
    } while (wish == CONN_WANT_WORK && conn_work_at_once(conn));
    hand_on(stage, conn, wish);
}

/* ---- the pools ---- */

typedef void chain_function(struct stage *stage, struct conn *chain);

/* In the trace and on the live page. */
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
        /* At the very end stage_close finds them in the table. */
        if (!atomic_load_explicit(&stage->ended, memory_order_relaxed))
            deal_with(stage, chain);
}

static void recv_chain(struct stage *stage, struct conn *chain)
{
    struct conn *conn, *work[POLL_BATCH];
    size_t n = 0;
    while ((conn = chain_next(&chain)) != NULL) {
        enum conn_wish wish = conn_step(conn);
        if (wish == CONN_WANT_WORK && work_has_room(stage)) {
            conn->wish = wish;
            work[n++] = conn;
        } else {
            hand_on(stage, conn, wish);
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
    else /* most likely the socket takes it: no need to ask epoll first */
        put_one(&stage->send_task_queue, conn);
}

/* Of a chain, first what does not block; then nobody stands behind who may:
 * each of those becomes a task of its own, for any thread. */
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

static void *recv_thread(void *argument)
{
    struct stage *stage = argument;
    pool_run(stage, &stage->recv_task_queue, recv_chain);
    return NULL;
}

static void *work_thread(void *argument)
{
    struct stage *stage = argument;
    pool_run(stage, &stage->work_task_queue, work_chain);
    return NULL;
}

static void *send_thread(void *argument)
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

static void *recv_poll_thread(void *argument)
{
    struct stage *stage = argument;
    poll_run(stage, &stage->recv_poll_list, &stage->recv_task_queue,
             stage->server->settings->pool_recv);
    return NULL;
}

static void *send_poll_thread(void *argument)
{
    struct stage *stage = argument;
    poll_run(stage, &stage->send_poll_list, &stage->send_task_queue,
             stage->server->settings->pool_send);
    return NULL;
}

/* ---- acceptors ---- */

static void sleep_until(sem_t *sem, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
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

/* accept() blocks, and the kernel wakes one of those who block in it for each
 * client: without the mutex there is no thundering herd either. With it, all
 * but one acceptor wait for the mutex instead; docs/questions/5 measures both.
 * It is let go on every way out: a stop wakes who is in accept(), but who waits
 * for the mutex only its release, and he is joined. */
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

static void *acceptor_thread(void *argument)
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
            /* At once again would fail again: until a connection has closed,
             * the client waits in the kernel's queue. */
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

static int scan(struct stage *stage, struct poll_list *list)
{
    uint64_t now_ms = clock_ms();
    struct conn *conn;
    while ((conn = poll_list_expired(list, now_ms)) != NULL)
        hand_on(stage, conn, conn_expire(conn));
    return poll_list_wait_ms(list, now_ms, SCAN_MS);
}

static void *housekeeping_thread(void *argument)
{
    struct stage *stage = argument;
    name_thread("housekeeping");
    while (!atomic_load(&stage->ended)) {
        int recv_ms = scan(stage, &stage->recv_poll_list);
        int send_ms = scan(stage, &stage->send_poll_list);
        int wait_ms = recv_ms < send_ms ? recv_ms : send_ms;
        if (wait_ms > 0)
            sleep_until(&stage->housekeeping, wait_ms);
    }
    return NULL;
}

/* ---- the master ---- */

static int start(struct stage *stage, void *(*run)(void *), size_t count)
{
    while (count-- > 0) {
        int error = pthread_create(&stage->threads[stage->thread_count], NULL,
                                   run, stage);
        if (error != 0) {
            errno = error;
            return -1;
        }
        stage->thread_count++;
    }
    return 0;
}

/* Signals go to the master, who starts the others with them blocked: else a
 * handler could run in any thread, and a blocked accept() return for it. */
static int start_threads(struct stage *stage)
{
    const struct settings *settings = stage->server->settings;
    size_t count = 3 + settings->pool_acceptors + settings->pool_recv +
                   settings->pool_work + settings->pool_send;
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    stage->threads = calloc(count, sizeof *stage->threads);
    if (stage->threads == NULL)
        return -1;
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    int result = 0;
    if (start(stage, recv_thread, settings->pool_recv) < 0 ||
        start(stage, work_thread, settings->pool_work) < 0 ||
        start(stage, send_thread, settings->pool_send) < 0 ||
        start(stage, recv_poll_thread, 1) < 0 ||
        start(stage, send_poll_thread, 1) < 0 ||
        start(stage, housekeeping_thread, 1) < 0)
        result = -1;
    stage->first_acceptor = stage->thread_count;
    if (result == 0)
        result = start(stage, acceptor_thread, settings->pool_acceptors);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return result;
}

/* Joined at once, so that from here on no connection is added: else the master
 * could find none left, and end, while an acceptor has one in his hands. */
static void stop_accepting(struct stage *stage)
{
    atomic_store(&stage->stopping, true);
    /* Wakes all who block in accept(), and those who come to it later. */
    listen_stop(stage->server);
    for (uint64_t i = 0; i < stage->server->settings->pool_acceptors; i++)
        sem_post(&stage->room);
    while (stage->thread_count > stage->first_acceptor)
        pthread_join(stage->threads[--stage->thread_count], NULL);
}

static void end_threads(struct stage *stage)
{
    const struct settings *settings = stage->server->settings;
    stop_accepting(stage);
    atomic_store(&stage->ended, true);
    mounts_interrupt(stage->server);
    poll_list_wake(&stage->recv_poll_list);
    poll_list_wake(&stage->send_poll_list);
    sem_post(&stage->housekeeping);
    task_queue_shut(&stage->recv_task_queue, settings->pool_recv);
    task_queue_shut(&stage->work_task_queue, settings->pool_work);
    task_queue_shut(&stage->send_task_queue, settings->pool_send);
    for (size_t i = 0; i < stage->thread_count; i++)
        pthread_join(stage->threads[i], NULL);
    free(stage->threads);
}

static int open_structures(struct stage *stage)
{
    size_t max = stage->server->settings->connections_max;
    if (connection_table_open(&stage->connections, max) < 0)
        return -1;
    if (poll_list_open(&stage->recv_poll_list, "recv_poll_list",
                       PLACE_RECV_POLL, EPOLLIN, &stage->connections) < 0)
        goto fail_table;
    if (poll_list_open(&stage->send_poll_list, "send_poll_list",
                       PLACE_SEND_POLL, EPOLLOUT, &stage->connections) < 0)
        goto fail_recv_poll;
    if (task_queue_open(&stage->recv_task_queue, "recv_task_queue", max) < 0)
        goto fail_send_poll;
    if (task_queue_open(&stage->work_task_queue, "work_task_queue", max) < 0)
        goto fail_recv_task;
    if (task_queue_open(&stage->send_task_queue, "send_task_queue", max) < 0)
        goto fail_work_task;
    return 0;
fail_work_task:
    task_queue_close(&stage->work_task_queue);
fail_recv_task:
    task_queue_close(&stage->recv_task_queue);
fail_send_poll:
    poll_list_close(&stage->send_poll_list);
fail_recv_poll:
    poll_list_close(&stage->recv_poll_list);
fail_table:
    connection_table_close(&stage->connections);
    return -1;
}

static void show_poll_list(const struct poll_list *list)
{
    stats_place_add(&(struct stats_place){.name = list->name,
                                          .connections = &list->listed,
                                          .taken = &list->taken,
                                          .stale = &list->stale});
}

static void show_queue(const struct task_queue *queue)
{
    stats_place_add(&(struct stats_place){.name = queue->name,
                                          .connections = &queue->waiting,
                                          .taken = &queue->taken,
                                          .deepest = &queue->deepest});
}

static void show_structures(const struct stage *stage)
{
    show_poll_list(&stage->recv_poll_list);
    show_poll_list(&stage->send_poll_list);
    show_queue(&stage->recv_task_queue);
    show_queue(&stage->work_task_queue);
    show_queue(&stage->send_task_queue);
}

struct stage *stage_open(struct server *server)
{
    struct stage *stage = calloc(1, sizeof *stage);
    const struct settings *settings = server->settings;
    if (stage == NULL)
        return NULL;
    stage->server = server;
    stage->shortcut = strcmp(settings->pool_pipeline, "shortcut") == 0;
    stage->one_accept = settings->pool_accept_mutex;
    stage->queue_max = settings->pool_queue_max;
    stage->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stage->gone_fd < 0)
        goto fail;
    if (open_structures(stage) < 0)
        goto fail_gone;
    show_structures(stage);
    pthread_mutex_init(&stage->accept_mutex, NULL);
    sem_init(&stage->room, 0, 0);
    sem_init(&stage->housekeeping, 0, 0);
    /* Acceptors block in accept(); what they accept does not block. */
    int flags = fcntl(server->listen_fd, F_GETFL);
    fcntl(server->listen_fd, F_SETFL, flags & ~O_NONBLOCK);
    if (start_threads(stage) == 0)
        return stage;
    int saved = errno;
    stage_close(stage);
    errno = saved;
    return NULL;
fail_gone:
    close(stage->gone_fd);
fail:
    free(stage);
    return NULL;
}

void stage_stop(struct stage *stage)
{
    struct conn *idle;
    if (atomic_load(&stage->stopping))
        return;
    stage->stop_ms = clock_ms() + stage->server->settings->stop_seconds * 1000;
    stop_accepting(stage);
    while ((idle = poll_list_stop(&stage->recv_poll_list)) != NULL)
        drop(stage, idle);
    while ((idle = poll_list_stop(&stage->send_poll_list)) != NULL)
        drop(stage, idle);
}

/* The master only watches: signals, the clock, and the last one's end. */
int stage_run(struct stage *stage)
{
    struct pollfd fds[MASTER_FDS] = {
        {.fd = server_signal_fd(), .events = POLLIN},
        {.fd = stage->gone_fd, .events = POLLIN},
    };
    while (!atomic_load(&stage->stopping) ||
           atomic_load(&stage->connections.count) > 0) {
        int wait_ms = TICK_MS;
        if (atomic_load(&stage->stopping)) {
            uint64_t now_ms = clock_ms();
            if (now_ms >= stage->stop_ms)
                break;
            if (stage->stop_ms - now_ms < TICK_MS)
                wait_ms = (int)(stage->stop_ms - now_ms);
        }
        int n = poll(fds, MASTER_FDS, wait_ms);
        stats_add(STAT_sys_wait, 1);
        if (n < 0 && errno != EINTR)
            return -1;
        /* The last one closes, and an acceptor that we still wait for lets
         * another in: left unread, this would never let us sleep again. */
        if (n > 0 && fds[1].revents != 0)
            (void)!read(stage->gone_fd, &(uint64_t){0}, sizeof(uint64_t));
        if (server_signals(stage->server))
            stage_stop(stage);
        server_tick(stage->server);
    }
    return 0;
}

void stage_close(struct stage *stage)
{
    end_threads(stage);
    /* Whoever is left is in the table, wherever it is else. */
    for (size_t i = 0; i < stage->connections.unused; i++) {
        struct conn *conn = stage->connections.slots[i].conn;
        if (conn != NULL)
            conn_close(conn);
    }
    task_queue_close(&stage->send_task_queue);
    task_queue_close(&stage->work_task_queue);
    task_queue_close(&stage->recv_task_queue);
    poll_list_close(&stage->send_poll_list);
    poll_list_close(&stage->recv_poll_list);
    connection_table_close(&stage->connections);
    sem_destroy(&stage->room);
    sem_destroy(&stage->housekeeping);
    pthread_mutex_destroy(&stage->accept_mutex);
    close(stage->gone_fd);
    free(stage);
}
