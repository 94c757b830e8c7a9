/* connection_table.h - all connections, and where each of them is: the
 * `connections` of the notes. */
#ifndef FIVEFOLD_CONNECTION_TABLE_H
#define FIVEFOLD_CONNECTION_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

/* Where a connection is. */
enum place {
    PLACE_NONE, /* closed; its slot is free */
    PLACE_HELD, /* in a queue, or with a thread */
    PLACE_RECV_POLL,
    PLACE_SEND_POLL,
};

/* A slot is an element of the table; each open connection has one. The
 * generation counts the connections that the slot has had. */
struct connection_slot {
    /* generation << 8 | enum place. Only the connection's owner changes it. A
     * change to or from a poll list's place also needs that list's lock. So a
     * thread that has the lock, and sees that place here, may take the
     * connection. */
    _Atomic uint64_t tag;
    struct conn *conn; /* NULL if the slot is free */
    uint32_t next_free;
};

/* All connections. In epoll a connection is identified by its slot and its
 * generation. An event may be fetched, then the connection closed and its slot
 * and descriptor used again, and only then the event looked at. Its generation
 * is out of date then, which shows that it is not for the new connection. Such
 * an event is called stale. */
struct connection_table {
    size_t max;
    struct connection_slot *slots; /* max of them; owned */
    atomic_size_t count;           /* of open connections */

    pthread_mutex_t lock; /* for what follows */
    uint32_t first_free;  /* list of free slots, by next_free */
    uint32_t unused;      /* slots from here on have never been used */
};

/* Makes a table for max connections. Returns 0, or -1 with errno ENOMEM. */
int connection_table_open(struct connection_table *table, size_t max);
/* Frees the table, but not the connections in it. */
void connection_table_close(struct connection_table *table);
/* Gives conn a slot, and sets conn->table_slot and conn->generation. Borrows
 * conn until it is removed. Its place is PLACE_HELD: the caller stays its
 * owner. Returns 0, or -1 if no slot is free. */
int connection_table_add(struct connection_table *table, struct conn *conn);
/* Frees the slot of a connection that the caller owns. Returns the number of
 * connections that are left. */
size_t connection_table_remove(struct connection_table *table,
                               struct conn *conn);
/* Records where conn is. The caller must be its owner, or have the lock of the
 * poll list that conn enters or leaves. */
void connection_table_place(struct connection_table *table,
                            const struct conn *conn, enum place place);

#endif
