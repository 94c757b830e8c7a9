/* server.c - stage 1: one thread, one client at a time, blocking calls.
 *
 * accept -> conn -> [recv -> work -> send]* -> close -> accept ...
 *
 * accept(2), recv(2) and send(2) each wait inside the kernel until they can go
 * on. That is all the scheduling there is. Meanwhile the other clients wait in
 * the kernel's accept queue. Each wait is cut into ticks (TICK_MS), so that
 * deadlines, signals and the end of a client's turn are noticed even if no
 * client sends a byte. A client's turn is the time for which it may keep the
 * others waiting (turn_seconds).
 *
 * Limit: a slow client holds everyone up. Stage 2 waits for many at once. */
#include "base/clock.h"
#include "conn/conn.h"
#include "conn/listen.h"
#include "process/signals.h"
#include "process/stage.h"

#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

enum {
    TICK_MS = 200, /* longest single wait in the kernel */
};

const struct stage_facts stage_facts = {
    .number = 1,
    .name = "blocking",
    .one_thread = true,
    .blocking = true,
};

struct stage {
    struct server *server; /* borrowed */
    bool stopping;
    uint64_t stop_ms; /* monotonic: when a graceful stop gives up */
};

/* Makes blocking calls on fd return with EAGAIN after a tick. */
static void limit_waits(int fd)
{
    struct timeval tick = {.tv_usec = TICK_MS * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof tick);
}

struct stage *stage_open(struct server *server)
{
    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL)
        return NULL;
    stage->server = server;
    /* accept(2) obeys the SO_RCVTIMEO of the listening socket. A signal ends
     * the wait too. But without the time-out, a signal that comes just before
     * the call would go unnoticed until the next client. */
    limit_waits(server->listen_fd);
    return stage;
}

void stage_stop(struct stage *stage)
{
    if (stage->stopping)
        return;
    stage->stopping = true;
    stage->stop_ms = clock_ms() + stage->server->settings->stop_seconds * 1000;
    listen_stop(stage->server);
}

/* What is due between two waits. */
static void housekeeping(struct stage *stage)
{
    if (server_signals(stage->server))
        stage_stop(stage);
    server_tick(stage->server);
}

/* Checks the limits on time: that of the stop, that of this client's turn, and
 * the connection's deadline. Returns true if the connection must be closed. */
static bool time_is_up(struct stage *stage, struct conn *conn,
                       uint64_t turn_end_ms)
{
    uint64_t now_ms = clock_ms();
    if (stage->stopping && now_ms >= stage->stop_ms)
        return true;
    if (stage->stopping && conn_stop(conn))
        return true;
    /* This client has its answer and keeps sending, while others wait. */
    if (now_ms >= turn_end_ms && conn->state == LINGERING)
        return true;
    if (now_ms >= turn_end_ms)
        conn_last_call(conn);
    return conn->deadline != DEADLINE_NONE && now_ms >= conn->deadline_ms &&
           !conn_came_in_time(conn) && conn_expire(conn) == CONN_CLOSE;
}

/* Serves one client until it closes or its turn is over. */
static void serve_client(struct stage *stage, struct conn *conn)
{
    uint64_t turn_ms = stage->server->settings->turn_seconds * 1000;
    uint64_t turn_end_ms = clock_ms() + turn_ms;
    bool open = true;
    limit_waits(conn->fd);
    while (open) {
        /* Each wait takes a tick at most. Whatever the wish is, the socket
         * blocks, so the next call waits for it. */
        open = conn_serve(conn) != CONN_CLOSE;
        housekeeping(stage);
        if (open && time_is_up(stage, conn, turn_end_ms))
            open = false;
    }
    conn_close(conn);
}

int stage_run(struct stage *stage)
{
    while (!stage->stopping) {
        struct conn *conn = NULL;
        switch (listen_accept(stage->server, true, &conn)) {
        case LISTEN_CLIENT:
            serve_client(stage, conn);
            break;
        case LISTEN_FULL: {
            /* The client stays in the kernel's queue. We have no other
             * connection that could free a descriptor when it closes. So we
             * wait a tick and try again. */
            struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
            nanosleep(&pause, NULL);
            break;
        }
        case LISTEN_NONE:
        case LISTEN_LOST:
            break;
        }
        housekeeping(stage);
    }
    return 0;
}

void stage_close(struct stage *stage)
{
    free(stage);
}
