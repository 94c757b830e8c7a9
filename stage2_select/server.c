/* server.c - stage 2: one thread, many clients, select(2).
 *
 * accept -> connections -> [select -> conn_serve]* -> close
 *
 * select() tells which sockets are ready. For each of them, conn_serve
 * receives, answers and sends. It does not wait for the socket, but an answer
 * may have to wait for the disk or for SQLite. It returns a wish: what the
 * connection waits for next (enum conn_wish). Only this thread touches
 * connections, so nothing is locked.
 *
 * A slot is a socket's place among the watched ones. Only stage 3 needs it:
 * here the descriptor itself is the place.
 *
 * Limits: an fd_set has room for descriptors below FD_SETSIZE (1024) only, and
 * each call copies and scans all of it. Stage 3 removes the first limit. */
#include "base/clock.h"
#include "conn/connections.h"
#include "conn/listen.h"
#include "process/signals.h"
#include "process/stage.h"
#include "report/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>

enum {
    TICK_MS = 1000,   /* longest wait: logs and SQL streams need regular care */
    ACCEPT_MAX = 64,  /* clients accepted in one turn (round of the loop), so
                         that many new clients do not keep others waiting */
    SLOT_LISTEN = 0,  /* the listening socket, ... */
    SLOT_SIGNAL = 1,  /* ... the pipe of signals, ... */
    SLOT_CLIENTS = 2, /* ... and the connections, from this slot on */
};

const struct stage_facts stage_facts = {
    .number = 2,
    .name = "select",
    .one_thread = true,
    .blocking = false,
};

/* What the kernel is asked, and what it answered. select() overwrites its
 * arguments, so there are two pairs of sets. */
struct watch {
    fd_set want_read, want_write;
    fd_set is_read, is_write;
    int fd_max;
};

static int watch_open(struct watch *watch, size_t slots)
{
    (void)slots; /* the size of an fd_set is fixed */
    *watch = (struct watch){.fd_max = -1};
    return 0;
}

/* FD_SET with a descriptor of FD_SETSIZE or more does not fail: it writes past
 * the end of the set. */
static bool watch_fits(int fd)
{
    return fd < FD_SETSIZE;
}

static void watch_set(struct watch *watch, size_t slot, int fd,
                      enum conn_wish wish)
{
    (void)slot; /* the descriptor's number is its place in the set */
    FD_CLR(fd, &watch->want_read);
    FD_CLR(fd, &watch->want_write);
    if (wish == CONN_WANT_READ)
        FD_SET(fd, &watch->want_read);
    else if (wish == CONN_WANT_WRITE)
        FD_SET(fd, &watch->want_write);
    if (fd > watch->fd_max)
        watch->fd_max = fd;
}

static void watch_forget(struct watch *watch, size_t slot, int fd,
                         size_t last_slot)
{
    (void)last_slot;
    watch_set(watch, slot, fd, CONN_CLOSE);
    while (watch->fd_max >= 0 && !FD_ISSET(watch->fd_max, &watch->want_read) &&
           !FD_ISSET(watch->fd_max, &watch->want_write))
        watch->fd_max--;
}

static int watch_wait(struct watch *watch, size_t slots, int timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                              .tv_usec = timeout_ms % 1000 * 1000};
    (void)slots;
    watch->is_read = watch->want_read;
    watch->is_write = watch->want_write;
    return select(watch->fd_max + 1, &watch->is_read, &watch->is_write, NULL,
                  &timeout);
}

static bool watch_ready(const struct watch *watch, size_t slot, int fd)
{
    (void)slot;
    return FD_ISSET(fd, &watch->is_read) || FD_ISSET(fd, &watch->is_write);
}

static void watch_close(struct watch *watch)
{
    (void)watch;
}

struct stage {
    struct server *server; /* borrowed */
    struct watch watch;
    struct connections connections;
    size_t due;         /* connections to serve again without an event */
    bool listening;     /* the listening socket is watched */
    uint64_t listen_ms; /* monotonic: when to watch it again if it is not */
    bool stopping;
    uint64_t stop_ms; /* monotonic: when a graceful stop gives up */
};

/* CONN_CLOSE has the socket watched for nothing. */
static void listen_on(struct stage *stage, bool on)
{
    stage->listening = on;
    watch_set(&stage->watch, SLOT_LISTEN, stage->server->listen_fd,
              on ? CONN_WANT_READ : CONN_CLOSE);
}

/* Closes conn and frees it. The last connection moves to its slot. */
static void drop(struct stage *stage, struct conn *conn)
{
    size_t last = stage->connections.count - 1;
    watch_forget(&stage->watch, SLOT_CLIENTS + conn->slot, conn->fd,
                 SLOT_CLIENTS + last);
    stage->due -= conn->wish == CONN_WANT_TURN;
    connections_remove(&stage->connections, conn);
    conn_close(conn);
    /* A descriptor is free again, for a client in the kernel's queue. */
    if (!stage->listening && !stage->stopping)
        listen_on(stage, true);
}

/* Watches the socket for what the connection's wish needs: a wish is what it
 * waits for next (conn.h). Closes the connection if that is the wish. */
static void settle(struct stage *stage, struct conn *conn, enum conn_wish wish)
{
    if (wish == CONN_CLOSE) {
        drop(stage, conn);
        return;
    }
    connections_update(&stage->connections, conn);
    if (conn->wish == wish)
        return; /* nearly always: it reads, is answered at once, reads */
    stage->due -= conn->wish == CONN_WANT_TURN;
    stage->due += wish == CONN_WANT_TURN;
    conn->wish = wish;
    watch_set(&stage->watch, SLOT_CLIENTS + conn->slot, conn->fd, wish);
}

/* Goes from the last connection to the first, because drop() moves the last one
 * to the free slot. The moved one has already had its turn by then. */
static void serve_ready(struct stage *stage)
{
    struct connections *list = &stage->connections;
    for (size_t i = list->count; i-- > 0;) {
        struct conn *conn = list->all[i];
        if (conn->wish == CONN_WANT_TURN ||
            watch_ready(&stage->watch, SLOT_CLIENTS + i, conn->fd))
            settle(stage, conn, conn_serve(conn));
    }
}

static void admit(struct stage *stage, struct conn *conn)
{
    struct connections *list = &stage->connections;
    if (list->count == list->max || !watch_fits(conn->fd)) {
        conn_refuse(conn);
        return;
    }
    connections_add(list, conn);
    watch_set(&stage->watch, SLOT_CLIENTS + conn->slot, conn->fd,
              CONN_WANT_READ);
}

static void accept_clients(struct stage *stage)
{
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct conn *conn = NULL;
        switch (listen_accept(stage->server, false, &conn)) {
        case LISTEN_CLIENT:
            admit(stage, conn);
            break;
        case LISTEN_LOST:
            break;
        case LISTEN_NONE:
            return;
        case LISTEN_FULL:
            /* There is no descriptor or memory. If we still watched the
             * listening socket, this client would wake us again and again.
             * drop() turns it on again, or server_turn after TICK_MS: other
             * things than connections use descriptors too. */
            listen_on(stage, false);
            stage->listen_ms = clock_ms() + TICK_MS;
            return;
        }
    }
}

static void expire(struct stage *stage, uint64_t now_ms)
{
    struct connections *list = &stage->connections;
    struct conn *conn;
    while ((conn = connections_expired(list, now_ms)) != NULL)
        settle(stage, conn,
               conn_came_in_time(conn) ? conn_serve(conn) : conn_expire(conn));
}

/* If a request found no memory, ends the connections with the largest burden
 * (much memory held, few bytes moved: conn_burden) until there is enough. */
static void shed(struct stage *stage, uint64_t now_ms)
{
    struct connections *list = &stage->connections;
    struct conn *conn;
    while (budget_is_short(stage->server->budget) &&
           (conn = connections_heaviest(list, now_ms)) != NULL)
        settle(stage, conn, conn_shed(conn));
}

void stage_stop(struct stage *stage)
{
    struct connections *list = &stage->connections;
    if (stage->stopping)
        return;
    stage->stopping = true;
    stage->stop_ms = clock_ms() + stage->server->settings->stop_seconds * 1000;
    listen_on(stage, false);
    listen_stop(stage->server);
    for (size_t i = list->count; i-- > 0;)
        if (conn_stop(list->all[i]))
            drop(stage, list->all[i]);
        else
            connections_update(list, list->all[i]);
}

/* One turn of the loop: one wait, and all the work that is due after it. */
static int server_turn(struct stage *stage)
{
    struct connections *list = &stage->connections;
    struct server *server = stage->server;
    int wait_ms =
        stage->due > 0 ? 0 : connections_wait_ms(list, clock_ms(), TICK_MS);
    int n = watch_wait(&stage->watch, SLOT_CLIENTS + list->count, wait_ms);
    stats_add(STAT_sys_wait, 1);
    stats_add(STAT_wakeups, 1);
    if (n < 0 && errno != EINTR)
        return -1;
    /* After EINTR the sets say nothing. */
    if (n > 0 || (n == 0 && stage->due > 0)) {
        /* Read now: serve_ready may change what is watched. */
        bool newcomers =
            stage->listening &&
            watch_ready(&stage->watch, SLOT_LISTEN, server->listen_fd);
        serve_ready(stage);
        if (newcomers)
            accept_clients(stage);
    }
    uint64_t now_ms = clock_ms();
    if (!stage->listening && !stage->stopping && now_ms >= stage->listen_ms)
        listen_on(stage, true);
    expire(stage, now_ms);
    shed(stage, now_ms);
    if (server_signals(server))
        stage_stop(stage);
    server_tick(server);
    return 0;
}

struct stage *stage_open(struct server *server)
{
    struct stage *stage = calloc(1, sizeof *stage);
    size_t max = server->settings->connections_max;
    if (stage == NULL)
        return NULL;
    stage->server = server;
    if (!watch_fits(server->listen_fd) || !watch_fits(server_signal_fd())) {
        errno = EMFILE;
        goto fail;
    }
    if (watch_open(&stage->watch, max + SLOT_CLIENTS) < 0)
        goto fail;
    if (connections_open(&stage->connections, max) < 0) {
        watch_close(&stage->watch);
        goto fail;
    }
    listen_on(stage, true);
    watch_set(&stage->watch, SLOT_SIGNAL, server_signal_fd(), CONN_WANT_READ);
    return stage;

fail:
    free(stage);
    return NULL;
}

int stage_run(struct stage *stage)
{
    while (!stage->stopping || stage->connections.count > 0) {
        if (stage->stopping && clock_ms() >= stage->stop_ms)
            break;
        if (server_turn(stage) < 0)
            return -1;
    }
    return 0;
}

void stage_close(struct stage *stage)
{
    while (stage->connections.count > 0)
        drop(stage, stage->connections.all[0]);
    connections_close(&stage->connections);
    watch_close(&stage->watch);
    free(stage);
}
