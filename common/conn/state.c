/* state.c - the state of a connection, and how long it may last. */
#include "base/clock.h"
#include "conn/internal.h"
#include "core/server.h"
#include "report/stats.h"

#include <assert.h>

_Static_assert((int)CONN_STATE_COUNT <= (int)STATS_STATES,
               "each state is counted");

enum {
    LAST_CALL_MS = 100
}; /* the time for one more request after conn_last_call */

static const char *const state_names[CONN_STATE_COUNT] = {
    "WAITING_FOR_HEAD",     "WAITING_FOR_BODY",     "BEING_PROCESSED",
    "WAITING_TO_SEND_HEAD", "WAITING_TO_SEND_BODY", "LINGERING",
};

const char *conn_state_name(enum conn_state state)
{
    return state_names[state];
}

#ifndef NDEBUG
/* Its address is another one in each thread. */
static _Thread_local char this_thread;

void conn_release(struct conn *conn)
{
    assert(conn->owner == &this_thread);
    conn->owner = NULL;
}

void conn_adopt(struct conn *conn)
{
    assert(conn->owner == NULL);
    conn->owner = &this_thread;
}

bool conn_is_mine(const struct conn *conn)
{
    return conn->owner == &this_thread;
}
#endif

void conn_set_state(struct conn *conn, enum conn_state state)
{
    if (conn->state == state)
        return;
    stats_state((int)conn->state, (int)state);
    conn->state = state;
}

uint64_t conn_deadline_seconds(const struct conn *conn, enum conn_deadline kind)
{
    const struct settings *settings = conn->server->settings;
    switch (kind) {
    case DEADLINE_IDLE:
        if (settings->keepalive_seconds > 0)
            return settings->keepalive_seconds;
        return settings->head_seconds; /* only new connections are idle then */
    case DEADLINE_HEAD:
        return settings->head_seconds;
    case DEADLINE_BODY:
        return settings->body_seconds;
    case DEADLINE_SEND:
        return settings->send_seconds;
    case DEADLINE_LINGER:
        return settings->linger_seconds;
    case DEADLINE_NONE:
    case DEADLINE_COUNT:
        break;
    }
    return 0;
}

void conn_arm(struct conn *conn, enum conn_deadline kind)
{
    conn->deadline = kind;
    conn->deadline_ms =
        kind == DEADLINE_NONE
            ? 0
            : clock_ms() + conn_deadline_seconds(conn, kind) * 1000;
    if (conn->turn != NULL)
        conn->turn->moved_bytes = 0;
}

void conn_arm_idle(struct conn *conn)
{
    conn_arm(conn, conn->last_call ? DEADLINE_LINGER : DEADLINE_IDLE);
    if (conn->last_call)
        conn->deadline_ms = clock_ms() + LAST_CALL_MS;
}

void conn_moved(struct conn *conn, size_t n)
{
    conn->turn->moved_bytes += n;
    if (conn->turn->moved_bytes >= conn->server->settings->rate_min_bytes)
        conn_arm(conn, conn->deadline);
}
