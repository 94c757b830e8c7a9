/* connections.h - the list of all connections, and which of them are late.
 *
 * The list itself never waits. A stage asks it how long it may wait, waits in
 * its own way, and then asks which connections have expired. It has no lock:
 * use it from one thread, or hold a lock of your own. */
#ifndef FIVEFOLD_CONN_CONNECTIONS_H
#define FIVEFOLD_CONN_CONNECTIONS_H

#include "conn/conn.h"

struct connections {
    struct conn **all; /* count pointers, in no order; the array is owned */
    size_t count;
    size_t max; /* settings: connections_max, or what the stage can hold */
    /* One list for each kind of deadline; its first expires first. */
    TAILQ_HEAD(conn_list, conn) by_deadline[DEADLINE_COUNT];
    uint64_t search_ms; /* monotonic: connections_heaviest searches again from
                           this time on */
};

/* Makes an empty list with room for max connections. Returns 0, or -1 with
 * errno ENOMEM. */
int connections_open(struct connections *list, size_t max);

/* Frees the list. All connections must have been removed. */
void connections_close(struct connections *list);

/* Add conn, which is borrowed until it is removed, or remove it. They neither
 * open nor close the connection. count must be below max before an add. */
void connections_add(struct connections *list, struct conn *conn);
void connections_remove(struct connections *list, struct conn *conn);

/* Call after every step. If the deadline was armed again, moves conn to the end
 * of that deadline's list. O(1). */
void connections_update(struct connections *list, struct conn *conn);

/* Call before another thread steps conn. That thread may arm deadlines, so conn
 * must be in no deadline's list meanwhile. connections_update puts it back. */
void connections_pause(struct connections *list, struct conn *conn);

/* Returns the connection that is the first to expire with a deadline of this
 * kind, borrowed, or NULL. */
struct conn *connections_first(const struct connections *list,
                               enum conn_deadline kind);

/* Returns the milliseconds until the next deadline, at most limit_ms, or 0 if
 * one has passed. now_ms is clock_ms, here and below. */
int connections_wait_ms(const struct connections *list, uint64_t now_ms,
                        int limit_ms);

/* Returns the connection with the largest burden (conn_burden), borrowed, or
 * NULL if none has a burden. Only connections count whose client must send a
 * body or read an answer. Looks at each of these; after a search that found
 * nothing it returns NULL for 100 ms. The connection stays listed: call
 * conn_shed, then update or remove it. */
struct conn *connections_heaviest(struct connections *list, uint64_t now_ms);

/* Returns a connection whose deadline has passed, borrowed, or NULL. It stays
 * listed: call conn_expire, then update or remove it. */
struct conn *connections_expired(struct connections *list, uint64_t now_ms);

#endif
