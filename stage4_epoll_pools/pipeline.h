/* pipeline.h - what the threads of stage 4 share. The names are those of the
 * notes that the project began with (docs/notes/map.md).
 *
 * This is the way of a connection with pipeline = full, where each step crosses
 * a queue:
 *
 *     acceptors -> connections
 *          |
 *          v            event                            event
 *     recv_poll_list -> recv_task_queue    send_poll_list -> send_task_queue
 *          ^               | pool               ^    ^           | pool
 *          |               v                    |    |           |
 *          |          work_task_queue --------- | ---+---------->|
 *          |               (pool)               +-- not yet -----+
 *          +------------------------------------------ all sent -+
 *
 * Two ways are left out: a connection goes back to recv_poll_list while its
 * head is not complete, and when a worker wants its body. With pipeline =
 * shortcut, the default, the thread that has a connection does all the steps
 * that cannot block itself, and uses a queue only for the others (go_on).
 *
 * A poll list is an epoll set with one thread, its poller. A task queue is a
 * queue with a pool of threads. A connection has one owner at any time: the
 * poll list it is in, the queue it is in, or the thread that took it from
 * there. A thread that has handed a connection on does not touch it again.
 * That is why a connection needs no mutex of its own. The lock of the place it
 * leaves and the lock of the place it enters order all that two owners do. */
#ifndef FIVEFOLD_PIPELINE_H
#define FIVEFOLD_PIPELINE_H

#include "conn/conn.h"
#include "conn/connections.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* Where a connection is. */
enum place {
    PLACE_NONE, /* closed; its slot is free */
    PLACE_HELD, /* in a queue, or with a thread */
    PLACE_RECV_POLL,
    PLACE_SEND_POLL,
};

/* ---- connections (connection_table.c) ---- */

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

/* ---- recv_poll_list, send_poll_list (poll_list.c) ---- */

struct poll_list {
    /* These do not change after open. */
    const char *name;
    enum place place;
    uint32_t events;                /* EPOLLIN or EPOLLOUT */
    struct connection_table *table; /* borrowed */
    int epoll_fd;                   /* owned */
    int wake_fd;                    /* owned; an eventfd: poll_list_wake */

    pthread_mutex_t lock; /* for what follows */
    struct connections waiting;
    bool stopping; /* idle connections are not added any more */

    /* For the live page (/-/). */
    atomic_size_t listed;       /* waiting.count */
    atomic_uint_fast64_t taken; /* connections that poll_list_wait returned */
    atomic_uint_fast64_t stale; /* events for connections not listed any more */
};

enum { POLL_BATCH = 64 }; /* events that one epoll_wait fetches */

/* Makes an empty list. name is a literal; table is borrowed until close.
 * Returns 0, or -1 with errno. */
int poll_list_open(struct poll_list *list, const char *name, enum place place,
                   uint32_t events, struct connection_table *table);
/* Frees the list, but not the connections in it. No thread may use it now. */
void poll_list_close(struct poll_list *list);

/* Takes conn until its socket is ready or its deadline has passed. Returns
 * false if the socket cannot be watched, or if the server is stopping and conn
 * is idle. Then the caller still owns conn and must close it. */
bool poll_list_add(struct poll_list *list, struct conn *conn);

/* Waits for events. Stores the connections that they are for in ready, which
 * has room for POLL_BATCH; the caller owns these connections now. Returns their
 * number, 0 if all events were stale, or -1 after poll_list_wake. */
int poll_list_wait(struct poll_list *list, struct conn **ready);

/* Returns a connection whose deadline has passed, or NULL. The caller owns it
 * now. */
struct conn *poll_list_expired(struct poll_list *list, uint64_t now_ms);
/* Returns the connection with the largest burden (conn_burden), or NULL if none
 * has any. The caller owns it now. */
struct conn *poll_list_heaviest(struct poll_list *list, uint64_t now_ms);
/* Returns the milliseconds until the next deadline, at most limit_ms; 0 if one
 * has passed. now_ms is monotonic, here and above. */
int poll_list_wait_ms(struct poll_list *list, uint64_t now_ms, int limit_ms);

/* From now on poll_list_add accepts no idle connection. Returns an idle
 * connection from the list, which the caller owns now and must close. Call it
 * again until it returns NULL: then there is no idle connection left. */
struct conn *poll_list_stop(struct poll_list *list);

/* Makes poll_list_wait return -1 from now on, once it has no connection to
 * return. */
void poll_list_wake(struct poll_list *list);

/* ---- recv_task_queue, work_task_queue, send_task_queue (task_queue.c) ---- */

/* A task is a chain of connections (conn->next) for one thread. So a batch of
 * connections needs only one entry in the queue and wakes one thread. */
struct task_queue {
    /* These do not change after open. */
    const char *name;
    size_t mask; /* places in the ring, minus 1; their number is a power of 2 */

    sem_t tasks; /* counts the tasks: after sem_wait there is one to take */

    pthread_mutex_t lock; /* for what follows */
    /* Each connection is in one place only. The ring has room for all of them,
     * so it never overflows and put cannot fail: no accepted connection is
     * dropped because a queue is full. */
    struct conn **ring; /* owned; mask + 1 tasks */
    size_t head, count; /* the first task's place; tasks in the ring */

    atomic_size_t waiting; /* connections in it */
    /* For the live page: connections taken so far, the most that waited. */
    atomic_uint_fast64_t taken, deepest;
};

/* Makes an empty queue with room for connections_max tasks. name is a literal.
 * Returns 0, or -1 with errno ENOMEM. */
int task_queue_open(struct task_queue *queue, const char *name,
                    size_t connections_max);
/* Frees the queue, but not the connections in it. No thread may use it now. */
void task_queue_close(struct task_queue *queue);

/* Adds a chain of n connections as one task. Takes the chain. */
void task_queue_put(struct task_queue *queue, struct conn *chain, size_t n);

/* Waits for a task and returns its chain, which the caller owns now. Returns
 * NULL when the queue has been shut and is empty. */
struct conn *task_queue_take(struct task_queue *queue);

/* Ends the queue; threads is the size of its pool. Each thread gets NULL from
 * task_queue_take once the tasks that are left have been taken. */
void task_queue_shut(struct task_queue *queue, size_t threads);

/* ---- the whole (server.c) ---- */

struct stage {
    struct server *server; /* borrowed */

    struct connection_table connections;
    struct poll_list recv_poll_list;
    struct poll_list send_poll_list;
    struct task_queue recv_task_queue;
    struct task_queue work_task_queue;
    struct task_queue send_task_queue;

    /* These do not change after stage_open. */
    bool shortcut;      /* pipeline = shortcut */
    bool one_accept;    /* accept_mutex = on */
    size_t queue_max;   /* requests in work_task_queue; more are refused */
    pthread_t *threads; /* owned */
    size_t thread_count;
    size_t first_acceptor; /* index in threads; from here on all are acceptors,
                              which are joined first */

    pthread_mutex_t accept_mutex; /* held during accept() if one_accept */
    sem_t room; /* posted when a connection closes and an acceptor waits */
    atomic_int acceptors_waiting; /* for room */
    sem_t housekeeping;           /* posted to end that thread */

    atomic_bool stopping;
    atomic_bool ended; /* pollers, pools and housekeeping must end */
    int gone_fd;       /* owned; an eventfd: the last connection has closed */
    uint64_t stop_ms;  /* monotonic; when a graceful stop gives up. Only the
                          master uses it */
};

/* ---- its threads (pipeline.c) ---- */

/* For pthread_create. The argument is the stage, borrowed; they return NULL. An
 * acceptor ends when stopping is true, the other threads when ended is true. A
 * thread that sleeps must be woken to see that. */
void *acceptor_thread(void *argument);
void *recv_poll_thread(void *argument);
void *recv_thread(void *argument);
void *work_thread(void *argument);
void *send_thread(void *argument);
void *send_poll_thread(void *argument);
void *housekeeping_thread(void *argument);

/* Closes a connection that the caller owns. Takes conn. If the server is
 * stopping and it was the last connection, wakes the master: the thread that
 * started the others (server.c). */
void pipeline_drop(struct stage *stage, struct conn *conn);

#endif
