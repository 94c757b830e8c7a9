/* front.c - see front.h: one thread, its connections, epoll.
 *
 * accept -> connections -> [epoll_wait -> go_on]* -> close
 *                              |   ^
 *               tasks, batched |   | inbox
 *                              v   |
 *                             modules
 *
 * The loop is that of stage 3, with two differences. The kernel keeps the list
 * of watched sockets, so the cost of a call depends on the number of events and
 * not on the number of connections. And a request that may block goes to a
 * module (module.h) and comes back. Meanwhile the module owns the connection,
 * and the front does not touch what is in it. */
#include "front.h"

#include "base/clock.h"
#include "conn/listen.h"
#include "conn/work.h"
#include "report/stats.h"
#include "report/trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 128, /* events that one epoll_wait fetches */
    ACCEPT_MAX = 64,  /* clients accepted in one turn (round of the loop), so
                         that many new clients do not keep others waiting */
    WAIT_MS = 1000,   /* longest wait */
    LISTEN_AGAIN_MS =
        1000,        /* after a failure, until accepting is tried again */
    BESIDE_MS = 100, /* after a short answer, more are expected for this long */
};

/* What epoll watches a connection's socket for: the values of conn->watch. */
enum { WATCH_NONE, WATCH_READ, WATCH_WRITE };

/* ---- what the kernel is asked ---- */

/* Returns 0, or -1 with errno: the kernel may have no memory. */
static int watch_set(struct front *front, struct conn *conn,
                     unsigned char watch)
{
    struct epoll_event event = {
        .events = watch == WATCH_READ ? EPOLLIN : EPOLLOUT,
        .data.ptr = conn,
    };
    if (conn->watch == watch)
        return 0; /* nearly always: it reads, is answered at once, reads */
    int how = conn->watch == WATCH_NONE ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    stats_add(STAT_sys_watch, 1);
    if (epoll_ctl(front->epoll_fd, how, conn->fd, &event) < 0)
        return -1;
    conn->watch = watch;
    return 0;
}

/* There is an event for a connection that a module has. It can wait, but the
 * kernel would report it again in every turn. A hang-up is reported even if no
 * events are asked for, so the socket must be removed from the set. This is
 * done only now, because most clients send nothing until they have their
 * answer: they cost no system call here. */
static void watch_forget(struct front *front, struct conn *conn)
{
    stats_add(STAT_sys_watch, 1);
    atomic_fetch_add_explicit(&front->stale, 1, memory_order_relaxed);
    /* If this fails, the next turn gets the event again and tries again. */
    if (epoll_ctl(front->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL) == 0)
        conn->watch = WATCH_NONE;
}

/* Starts or stops watching the listening socket. This may fail (ENOMEM, or
 * ENOSPC: fs.epoll.max_user_watches). `listening` is what the kernel does, not
 * what we want: if they differ, front_turn tries again. */
static void listen_on(struct front *front, bool on)
{
    /* EXCLUSIVE: a new client wakes only one of the fronts that sleep. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                .data.ptr = &front->stage->server->listen_fd};
    if (front->listening == on)
        return;
    if (epoll_ctl(front->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
                  front->stage->server->listen_fd, &event) == 0)
        front->listening = on;
    else
        front->listen_ms = front->now_ms + LISTEN_AGAIN_MS;
}

/* ---- one connection ---- */

static void drop(struct front *front, struct conn *conn)
{
    assert(conn_is_mine(conn));
    connections_remove(&front->connections, conn);
    conn_close(conn); /* the kernel removes its socket from the epoll set */
    atomic_fetch_sub(&front->stage->connections, 1);
    /* A descriptor is free again, for a client in the kernel's queue. */
    if (!front->stopping)
        listen_on(front, true);
}

/* Watches the socket for what the connection's wish needs: a wish is what it
 * waits for next (conn.h). Closes the connection if that is the wish. */
static void settle(struct front *front, struct conn *conn, enum conn_wish wish)
{
    conn->wish = wish;
    if (wish == CONN_CLOSE ||
        watch_set(front, conn,
                  wish == CONN_WANT_READ ? WATCH_READ : WATCH_WRITE) < 0) {
        drop(front, conn);
        return;
    }
    connections_update(&front->connections, conn);
}

/* Returns the index of the module for the request's mount. A mount without a
 * module (/-/) gets any module, for what may block there: checking a password.
 */
static size_t module_of(const struct front *front, struct conn *conn)
{
    const struct stage *stage = front->stage;
    size_t own = (size_t)(conn_exchange(conn)->mount - stage->server->mounts);
    return stage->modules[own] != NULL ? own : stage->any_module;
}

static bool has_modules(const struct front *front)
{
    return front->stage->any_module < front->stage->module_count;
}

/* Gives the connection to a module: it goes there at the end of this turn,
 * together with others. Returns false if there is no module or no memory; then
 * the connection is still the front's. */
static bool hand_over(struct front *front, struct conn *conn,
                      enum task_kind kind)
{
    struct task *task = has_modules(front) ? malloc(sizeof *task) : NULL;
    if (task == NULL)
        return false;
    size_t number = module_of(front, conn);
    *task = (struct task){.conn = conn,
                          .home = &front->inbox,
                          .kind = kind,
                          .next = front->batches[number]};
    front->batches[number] = task;
    connections_pause(&front->connections, conn);
    conn->wish = CONN_WANT_WORK; /* TASK_STEP replaces it by the step's wish */
    conn->away = true;
    return true;
}

/* Call after CONN_WANT_WORK. Answers the request, or gives it to a module if
 * that may block. Returns true if it is answered: go on with the connection.
 * Returns false if a module has the connection now. */
static bool answer(struct front *front, struct conn *conn)
{
    struct exchange *exchange = conn_route(conn);
    if (exchange == NULL) {
        conn_work(conn);
        return true;
    }
    if (front->cache != NULL &&
        file_cache_answer(front->cache, exchange, front->now_ms)) {
        conn_work_answer(conn);
        return true;
    }
    uint64_t epoch = file_cache_epoch();
    if (conn_work_at_once(conn)) {
        if (front->cache != NULL)
            file_cache_learn(front->cache, exchange, front->now_ms, epoch);
        return true;
    }
    if (has_modules(front) &&
        module_is_full(front->stage->modules[module_of(front, conn)])) {
        conn_work_refuse(conn);
        return true;
    }
    if (hand_over(front, conn, TASK_WORK))
        return false;
    if (has_modules(front))
        conn_work_refuse(conn); /* out of memory */
    else
        conn_work(conn); /* there is only /-/ */
    return true;
}

/* Returns true if a module should do the next step: it may have to wait for the
 * disk, or it sends so much that other clients would have to wait. If no other
 * client has had a short answer just now, a long one is sent here: handing the
 * connection over costs time, and no client would gain. */
static bool step_goes_away(const struct front *front, const struct conn *conn)
{
    if (!conn_step_may_block(conn))
        return false;
    if (front->now_ms - front->short_ms < BESIDE_MS && conn_step_is_long(conn))
        return true;
    return !conn_step_is_cached(conn);
}

/* The connection has a further request, but its time in this turn is over. It
 * goes to the front's own inbox. The front takes it from there after it has
 * served the others, in this turn or in the next. */
static void come_again(struct front *front, struct conn *conn)
{
    connections_update(&front->connections, conn);
    conn->wish = CONN_WANT_WORK;
    conn->away = true;
    conn->next = NULL;
    conn_release(conn);
    inbox_put(&front->inbox, conn);
}

/* Serves a connection until it has to wait, or goes to a module because it may
 * block, or until its time in this turn is over. */
static void go_on(struct front *front, struct conn *conn)
{
    uint64_t start_ns = 0;
    for (;;) {
        if (step_goes_away(front, conn) && hand_over(front, conn, TASK_STEP))
            return;
        if (conn->state == WAITING_TO_SEND_HEAD && !conn_step_is_long(conn))
            front->short_ms = front->now_ms;
        enum conn_wish wish = conn_step(conn);
        if (wish == CONN_WANT_STREAM && hand_over(front, conn, TASK_STREAM))
            return;
        if (wish != CONN_WANT_WORK) {
            settle(front, conn, wish == CONN_WANT_STREAM ? CONN_CLOSE : wish);
            return;
        }
        if (start_ns != 0 && clock_ns() - start_ns >= CONN_TURN_NS) {
            come_again(front, conn);
            return;
        }
        if (start_ns == 0)
            start_ns = clock_ns();
        if (!answer(front, conn))
            return;
    }
}

/* ---- one turn ---- */

static void admit(struct front *front, struct conn *conn)
{
    struct stage *stage = front->stage;
    if (atomic_fetch_add(&stage->connections, 1) >=
        stage->server->settings->connections_max) {
        atomic_fetch_sub(&stage->connections, 1);
        conn_refuse(conn);
        return;
    }
    connections_add(&front->connections, conn);
    settle(front, conn, CONN_WANT_READ);
}

static void accept_clients(struct front *front)
{
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct conn *conn = NULL;
        switch (listen_accept(front->stage->server, false, &conn)) {
        case LISTEN_CLIENT:
            admit(front, conn);
            break;
        case LISTEN_LOST:
            break;
        case LISTEN_NONE:
            return;
        case LISTEN_FULL:
            /* There is no descriptor or memory. If we still watched the
             * listening socket, this client would wake us again and again.
             * drop() turns it on again, or front_turn after a second. */
            listen_on(front, false);
            front->listen_ms = front->now_ms + LISTEN_AGAIN_MS;
            return;
        }
    }
}

/* A connection has come back from a module. */
static void come_home(struct front *front, struct conn *conn)
{
    enum conn_wish wish = conn->wish;
    conn_adopt(conn);
    conn->away = false;
    /* A stop, or its deadline, may have come while it was away. The deadline
     * must be looked at here: the connection goes back to the end of a list,
     * and expire looks only at the first ones. A client that sends one byte at
     * a time comes back after each byte, so it would never become the first. */
    if (front->stopping && wish != CONN_CLOSE && conn_stop(conn))
        wish = CONN_CLOSE;
    else if (wish != CONN_CLOSE && conn->deadline != DEADLINE_NONE &&
             conn->deadline_ms <= front->now_ms && !conn_came_in_time(conn))
        wish = conn_expire(conn);
    /* READ and WRITE are wishes of TASK_STEP. After TASK_WORK and TASK_STREAM
     * the wish is still WORK: then the next step is due, to send. */
    if (wish == CONN_WANT_READ || wish == CONN_WANT_WRITE || wish == CONN_CLOSE)
        settle(front, conn, wish);
    else
        go_on(front, conn);
}

static void take_back(struct front *front)
{
    struct conn *chain = inbox_take(&front->inbox);
    size_t n = 0;
    while (chain != NULL) {
        struct conn *conn = chain;
        chain = conn->next;
        come_home(front, conn);
        n++;
    }
    atomic_fetch_add_explicit(&front->taken, n, memory_order_relaxed);
}

static void hand_over_all(struct front *front)
{
    for (size_t i = 0; i < front->stage->module_count; i++) {
        struct task *chain = front->batches[i], *in_order = NULL;
        front->batches[i] = NULL;
        while (chain != NULL) { /* hand_over built it in reverse order */
            struct task *next = chain->next;
            chain->next = in_order;
            in_order = chain;
            chain = next;
        }
        if (in_order != NULL)
            module_add(front->stage->modules[i], in_order);
    }
}

static void expire(struct front *front)
{
    struct conn *conn;
    while ((conn = connections_expired(&front->connections, front->now_ms)) !=
           NULL)
        /* epoll_wait returns at most EVENTS_MAX events, and none if SIGCONT
         * ends it. So there may be bytes that came before the deadline. */
        if (conn_came_in_time(conn))
            go_on(front, conn);
        else
            settle(front, conn, conn_expire(conn));
}

/* If a request found no memory, ends this front's connections with the largest
 * burden (much memory held, few bytes moved: conn_burden) until there is
 * enough. */
static void shed(struct front *front)
{
    struct conn *conn;
    while (budget_is_short(front->stage->server->budget) &&
           (conn = connections_heaviest(&front->connections, front->now_ms)) !=
               NULL)
        settle(front, conn, conn_shed(conn));
}

static void begin_stop(struct front *front)
{
    struct connections *list = &front->connections;
    front->stopping = true;
    listen_on(front, false);
    for (size_t i = list->count; i-- > 0;) {
        if (list->all[i]->away)
            continue;
        if (conn_stop(list->all[i]))
            drop(front, list->all[i]);
        else
            connections_update(list, list->all[i]);
    }
}

static int wait_for_events(struct front *front, struct epoll_event *events)
{
    int wait_ms = connections_wait_ms(&front->connections, clock_ms(), WAIT_MS);
    if (!inbox_sleep(&front->inbox))
        wait_ms = 0;
    int n = epoll_wait(front->epoll_fd, events, EVENTS_MAX, wait_ms);
    atomic_store(&front->inbox.asleep, false);
    front->now_ms = clock_ms();
    stats_add(STAT_sys_wait, 1);
    stats_add(STAT_wakeups, 1);
    return n;
}

/* One round of the loop. The pointers in the events stay valid: only this
 * thread closes its connections, and each is in the epoll set once. The loop
 * over the events closes a connection only when it handles that connection's
 * own event. What may close others (the inbox, expiry) comes after that loop.
 */
static void front_turn(struct front *front)
{
    struct epoll_event events[EVENTS_MAX];
    bool newcomers = false;
    int n = wait_for_events(front, events);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &front->inbox)
            continue; /* taken below; with EPOLLET nothing has to be read */
        if (events[i].data.ptr == &front->stage->server->listen_fd) {
            newcomers = true;
            continue;
        }
        struct conn *conn = events[i].data.ptr;
        if (conn->away)
            watch_forget(front, conn);
        else
            go_on(front, conn);
    }
    take_back(front);
    if (newcomers && front->listening && !front->stopping)
        accept_clients(front);
    bool listens = !front->stopping;
    if (front->listening != listens && front->now_ms >= front->listen_ms)
        listen_on(front, listens);
    expire(front);
    shed(front);
    hand_over_all(front);
    atomic_store_explicit(&front->listed, front->connections.count,
                          memory_order_relaxed);
}

static void *front_thread(void *argument)
{
    struct front *front = argument;
    struct stage *stage = front->stage;
    trace_thread("front");
    stats_thread("front");
    while (!front->stopping || front->connections.count > 0) {
        if (!front->stopping && atomic_load(&stage->stopping)) {
            begin_stop(front);
            continue;
        }
        if (front->stopping && clock_ms() >= atomic_load(&stage->stop_ms))
            break;
        front_turn(front);
    }
    if (atomic_fetch_sub(&stage->running, 1) == 1)
        (void)!write(stage->gone_fd, &(uint64_t){1}, sizeof(uint64_t));
    return NULL;
}

/* ---- life ---- */

int front_open(struct front *front, struct stage *stage)
{
    const struct settings *settings = stage->server->settings;
    *front = (struct front){.stage = stage, .epoll_fd = -1};
    if (inbox_open(&front->inbox) < 0)
        return -1;
    front->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    front->batches = calloc(stage->module_count + 1, sizeof *front->batches);
    if (front->epoll_fd < 0 || front->batches == NULL ||
        connections_open(&front->connections, settings->connections_max) < 0)
        goto fail;
    /* EPOLLET: each write to it is one event, so it need not be read. */
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET,
                               .data.ptr = &front->inbox};
    if (epoll_ctl(front->epoll_fd, EPOLL_CTL_ADD, front->inbox.wake_fd, &wake) <
        0)
        goto fail;
    front->cache = file_cache_open(settings->files_cache_bytes,
                                   settings->files_cache_file_bytes);
    listen_on(front, true);
    return 0;
fail:;
    int saved = errno;
    if (front->epoll_fd >= 0)
        close(front->epoll_fd);
    connections_close(&front->connections);
    free(front->batches);
    inbox_close(&front->inbox);
    errno = saved;
    return -1;
}

int front_start(struct front *front)
{
    int error = pthread_create(&front->thread, NULL, front_thread, front);
    if (error != 0) {
        errno = error;
        return -1;
    }
    front->started = true;
    return 0;
}

void front_close(struct front *front)
{
    while (front->connections.count > 0) {
        struct conn *conn = front->connections.all[0];
        connections_remove(&front->connections, conn);
        conn_close(conn);
    }
    for (size_t i = 0; i < front->stage->module_count; i++)
        while (front->batches[i] != NULL) {
            struct task *task = front->batches[i];
            front->batches[i] = task->next;
            free(task);
        }
    connections_close(&front->connections);
    file_cache_close(front->cache);
    free(front->batches);
    close(front->epoll_fd);
    inbox_close(&front->inbox);
}
