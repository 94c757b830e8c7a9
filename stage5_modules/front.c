/* front.c - see front.h: one thread, its connections, epoll.
 *
 * accept -> connections -> [epoll_wait -> go_on]* -> close
 *                              |   ^
 *               tasks, batched |   | inbox
 *                              v   |
 *                             modules
 *
 * The loop is that of stage 3, but for two things. The kernel keeps the list of
 * what is watched, so a call costs what has happened and not what is open. And
 * a request that may block goes away and comes back: meanwhile the module has
 * the connection, and the front does not look into it. */
#include "front.h"

#include "base/clock.h"
#include "conn/listen.h"
#include "conn/work.h"
#include "report/stats.h"
#include "report/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 128, /* that one epoll_wait fetches */
    ACCEPT_MAX = 64,  /* a turn, so that a flood of new clients does not keep
                         the old ones waiting */
    WAIT_MS = 1000,   /* longest wait */
    LISTEN_AGAIN_MS = 1000, /* then what could not be done is tried again */
    BESIDE_MS = 100, /* so long after a short answer others are expected */
};

/* What the kernel knows of a connection's socket, in conn->watch. */
enum { WATCH_NONE, WATCH_READ, WATCH_WRITE };

/* ---- what the kernel is asked ---- */

static int watch_set(struct front *front, struct conn *conn,
                     unsigned char watch)
{
    struct epoll_event event = {
        .events = watch == WATCH_READ ? EPOLLIN : EPOLLOUT,
        .data.ptr = conn,
    };
    if (conn->watch == watch)
        return 0; /* nearly always: read, answer at once, read */
    int how = conn->watch == WATCH_NONE ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    stats_add(STAT_sys_watch, 1);
    if (epoll_ctl(front->epoll_fd, how, conn->fd, &event) < 0)
        return -1;
    conn->watch = watch;
    return 0;
}

/* Something has come from a client whose request a module has. It can wait,
 * but the kernel would tell it again and again; and a hang-up it tells even if
 * asked for nothing, so the socket is taken out. Only then: most clients say
 * nothing until they have their answer, and cost no call here. */
static void watch_forget(struct front *front, struct conn *conn)
{
    stats_add(STAT_sys_watch, 1);
    atomic_fetch_add_explicit(&front->stale, 1, memory_order_relaxed);
    /* Otherwise the next turn hears of it again, and tries again. */
    if (epoll_ctl(front->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL) == 0)
        conn->watch = WATCH_NONE;
}

/* It may fail (ENOMEM, or ENOSPC: fs.epoll.max_user_watches). `listening` is
 * what the kernel does, not what we want: front_turn tries again. */
static void listen_on(struct front *front, bool on)
{
    /* EXCLUSIVE: of several fronts that sleep, one is woken for a client. */
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
    connections_remove(&front->connections, conn);
    conn_close(conn); /* and the kernel forgets its socket */
    atomic_fetch_sub(&front->stage->connections, 1);
    /* There is a descriptor again for one who waits in the kernel's queue. */
    if (!front->stopping)
        listen_on(front, true);
}

/* Turns a wish into what the kernel is asked next time. */
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

/* The module that answers for a mount. Where there is none, as for /-/, any can
 * do what may block: to check a password. */
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

/* Gives the connection to a module, at the end of this turn with others. False:
 * it cannot be given away. */
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
    conn->wish = CONN_WANT_WORK; /* a step puts its own in its place */
    conn->away = true;
    return true;
}

/* A whole request is here. True: it has its answer, on with the connection. */
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

/* Is the next step better done by a module? It may have to wait for the disk;
 * or it sends so much that others would have to wait for it. Who downloads
 * alone is served here: to hand a connection over costs something, and it
 * would speed up nobody. */
static bool step_goes_away(const struct front *front, const struct conn *conn)
{
    if (!conn_step_may_block(conn))
        return false;
    if (front->now_ms - front->short_ms < BESIDE_MS && conn_step_is_long(conn))
        return true;
    return !conn_step_is_cached(conn);
}

/* The connection's next request has come, but its turn is over. The inbox is
 * looked at after the others have had theirs, in this turn or in the next. */
static void come_again(struct front *front, struct conn *conn)
{
    connections_update(&front->connections, conn);
    conn->wish = CONN_WANT_WORK;
    conn->away = true;
    conn->next = NULL;
    inbox_put(&front->inbox, conn);
}

/* On with a connection until it has to wait, or might, or its turn is over. */
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
            /* Watching on would wake us without end for a client that we
             * cannot take. drop() turns it on again, or time. */
            listen_on(front, false);
            front->listen_ms = front->now_ms + LISTEN_AGAIN_MS;
            return;
        }
    }
}

/* A module has done with it. */
static void come_home(struct front *front, struct conn *conn)
{
    enum conn_wish wish = conn->wish;
    conn->away = false;
    /* What was not done to it while it was away. Its deadline goes to the end
     * of a list whose first is looked at: who trickles comes home with each
     * byte, and would stand behind the others for ever. */
    if (front->stopping && wish != CONN_CLOSE && conn_stop(conn))
        wish = CONN_CLOSE;
    else if (wish != CONN_CLOSE && conn->deadline != DEADLINE_NONE &&
             conn->deadline_ms <= front->now_ms && !conn_came_in_time(conn))
        wish = conn_expire(conn);
    /* After a step its wish is there; after work or a stream's piece there is
     * something to send. */
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
        while (chain != NULL) { /* it was put together back to front */
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
        /* One wait fetches EVENTS_MAX at most, and none when SIGCONT ends it:
         * bytes that came in time may be there still. */
        if (conn_came_in_time(conn))
            go_on(front, conn);
        else
            settle(front, conn, conn_expire(conn));
}

/* A request has found no memory: of this front's connections those that hold
 * most and move least go, until there is room. */
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

/* A pointer in an event is safe: only this thread closes its connections, each
 * is in the set once, and it is closed in the loop over the events only for its
 * own. What closes others (the inbox, expiry) comes behind that loop. */
static void front_turn(struct front *front)
{
    struct epoll_event events[EVENTS_MAX];
    bool newcomers = false;
    int n = wait_for_events(front, events);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &front->inbox)
            continue; /* taken below; an edge, so there is nothing to read */
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
    /* An edge for each write to it: nobody has to read it empty. */
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
