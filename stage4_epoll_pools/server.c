/* server.c - stage 4: epoll, and pools of threads gated by semaphores.
 *
 * settings -> structures -> threads (pipeline.c) -> [signal] -> stop -> join
 *
 * Here is the master, the thread that main runs in: it starts the other
 * threads, takes the signals, and ends the threads. The way of a connection
 * from thread to thread is in pipeline.c.
 *
 * Limit: workers that wait for one database cannot serve any other request.
 * Stage 5 gives each file and database a queue of its own. */
#include "pipeline.h"

#include "access/access.h"
#include "base/clock.h"
#include "conn/listen.h"
#include "core/mount.h"
#include "process/mounts.h"
#include "process/signals.h"
#include "process/stage.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1000, /* the master's longest wait: server_tick is due */
    MASTER_FDS = 2, /* signals; the end of the last connection */
};

const struct stage_facts stage_facts = {
    .number = 4,
    .name = "epoll and pools",
    .one_thread = false,
    .blocking = false,
    .database_mutex = true,
};

/* Starts count threads. Returns 0, or -1 with errno. */
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

/* Only the master takes signals, so it starts the other threads with signals
 * blocked. Otherwise a handler could run in any thread, and interrupt an
 * accept() there. */
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

/* The acceptors are joined at once, so that no connection is added after this.
 * Otherwise the master could find no connection left, and end, while an
 * acceptor is still adding one. */
static void stop_accepting(struct stage *stage)
{
    atomic_store(&stage->stopping, true);
    /* Wakes the threads that block in accept(). Later calls return at once. */
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
    access_threads(server->access, settings->pool_work);
    stage->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stage->gone_fd < 0)
        goto fail;
    if (open_structures(stage) < 0)
        goto fail_gone;
    show_structures(stage);
    pthread_mutex_init(&stage->accept_mutex, NULL);
    sem_init(&stage->room, 0, 0);
    sem_init(&stage->housekeeping, 0, 0);
    /* accept() blocks in the acceptors; the accepted sockets do not block. */
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
        pipeline_drop(stage, idle);
    while ((idle = poll_list_stop(&stage->send_poll_list)) != NULL)
        pipeline_drop(stage, idle);
}

/* The master only waits: for signals, for the clock, and for the end of the
 * last connection. */
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
        /* Read it even if it is not the end: the last connection may close just
         * before an acceptor, which is still to be joined, adds another one.
         * Unread, gone_fd would stay readable and poll would not sleep. */
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
    /* The table has all connections that are left, wherever else they are. */
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
