/* connections.h - the list of all connections, and which of them are late.
 *
 * It waits for nothing: a stage asks how long it may wait, waits in its own
 * way, and then asks who has expired. Not locked: one thread, or the caller's
 * lock. */
#ifndef FIVEFOLD_CONNECTIONS_H
#define FIVEFOLD_CONNECTIONS_H

#include "conn/conn.h"

struct connections {
    struct conn **all; /* count pointers, in no order; owned */
    size_t count;
    size_t max; /* settings: connections_max, or what the stage can hold */
    /* A list a kind of deadline; the first expires first. */
    TAILQ_HEAD(conn_list, conn) by_deadline[DEADLINE_COUNT];
    uint64_t search_ms; /* monotonic: connections_heaviest not before */
};

/* Returns 0, or -1 with errno ENOMEM. */
int connections_open(struct connections *list, size_t max);

/* All must have been removed. */
void connections_close(struct connections *list);

/* Adds, removes. Neither opens nor closes the connection. */
void connections_add(struct connections *list, struct conn *conn);
void connections_remove(struct connections *list, struct conn *conn);

/* Call after every step: moves conn to the end of its deadline's list if the
 * deadline was armed anew. O(1). */
void connections_update(struct connections *list, struct conn *conn);

/* Call before another thread steps conn: that arms deadlines in it, so while it
 * is away it must be in no list. connections_update puts it back. */
void connections_pause(struct connections *list, struct conn *conn);

/* Of those with a deadline of this kind the one that is late first, or NULL. */
struct conn *connections_first(const struct connections *list,
                               enum conn_deadline kind);

/* Milliseconds until the next deadline, at most limit_ms; 0 if one passed. */
int connections_wait_ms(const struct connections *list, uint64_t now_ms,
                        int limit_ms);

/* Of those that wait for their client to send a body or to read an answer, the
 * one with the largest burden (conn_burden); NULL: none has any. Looks at each
 * of them, but at most once in 100 ms if there is none. It stays listed: call
 * conn_shed, then update or remove it. */
struct conn *connections_heaviest(struct connections *list, uint64_t now_ms);

/* A connection whose deadline has passed, or NULL. It stays listed: call
 * conn_expire, then update or remove it. */
struct conn *connections_expired(struct connections *list, uint64_t now_ms);

#endif
