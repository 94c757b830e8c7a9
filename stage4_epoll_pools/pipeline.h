/* pipeline.h - what the threads of stage 4 share, by the names of the notes.
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
 * A connection has one owner at any time: the poll list it is listed in, the
 * queue it stands in, or the thread that took it from there. It is handed on
 * whole, and whoever has handed it on does not look at it again. That is why it
 * needs no mutex of its own: the lock of the place it leaves and the lock of
 * the place it enters order everything that two owners do to it. */
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
    PLACE_HELD, /* in a queue, or a thread's */
    PLACE_RECV_POLL,
    PLACE_SEND_POLL,
};

/* ---- connections (connection_table.c) ---- */

struct connection_slot {
    /* generation << 8 | enum place. Changed by the connection's owner; changed
     * to and from a poll list's place only under that list's lock, so whoever
     * has the lock and sees the place there may take the connection. */
    _Atomic uint64_t tag;
    struct conn *conn;
    uint32_t next_free;
};

/* All connections. What the kernel is given to name one is its slot and the
 * generation: an event that was fetched before a close, and is looked at after
 * the slot (or the descriptor's number) has been given out again, names a
 * generation that is gone. */
struct connection_table {
    size_t max;
    struct connection_slot *slots; /* max of them; owned */
    atomic_size_t count;

    pthread_mutex_t lock; /* for what follows */
    uint32_t first_free;
    uint32_t unused; /* slots from here on have never been given out */
};

int connection_table_open(struct connection_table *table, size_t max);
void connection_table_close(struct connection_table *table);
/* Gives conn a slot; it is held by the caller. -1: none is free. */
int connection_table_add(struct connection_table *table, struct conn *conn);
/* Frees the slot of a connection that the caller holds. Returns how many are
 * left. */
size_t connection_table_remove(struct connection_table *table,
                               struct conn *conn);
/* The caller is the owner, or has the lock of the list it enters or leaves. */
void connection_table_place(struct connection_table *table,
                            const struct conn *conn, enum place place);

/* ---- recv_poll_list, send_poll_list (poll_list.c) ---- */

struct poll_list {
    /* Fixed after open. */
    const char *name;
    enum place place;
    uint32_t events;                /* EPOLLIN or EPOLLOUT */
    struct connection_table *table; /* borrowed */
    int epoll_fd;                   /* owned */
    int wake_fd;                    /* owned; an eventfd: poll_list_wake */

    pthread_mutex_t lock; /* for what follows */
    struct connections waiting;
    bool stopping; /* who is idle is not listed any more */

    /* For the live page. */
    atomic_size_t listed;       /* waiting.count */
    atomic_uint_fast64_t taken; /* by poll_list_wait */
    atomic_uint_fast64_t stale; /* events for those who were gone */
};

enum { POLL_BATCH = 64 }; /* events that one epoll_wait fetches */

int poll_list_open(struct poll_list *list, const char *name, enum place place,
                   uint32_t events, struct connection_table *table);
void poll_list_close(struct poll_list *list);

/* Takes conn until its socket is ready or its deadline has passed. False: it
 * cannot be watched, or it is idle and the server stops; it is still the
 * caller's then, to be closed. */
bool poll_list_add(struct poll_list *list, struct conn *conn);

/* Waits for events; gives those connections, which are the caller's then. At
 * most POLL_BATCH. Returns their number, 0 if there were only stale events, or
 * -1 after poll_list_wake. */
int poll_list_wait(struct poll_list *list, struct conn **ready);

/* A connection whose deadline has passed, now the caller's; or NULL. */
struct conn *poll_list_expired(struct poll_list *list, uint64_t now_ms);
/* The connection that holds most and moves least, now the caller's; or NULL. */
struct conn *poll_list_heaviest(struct poll_list *list, uint64_t now_ms);
/* Milliseconds until the next deadline, at most limit_ms. */
int poll_list_wait_ms(struct poll_list *list, uint64_t now_ms, int limit_ms);

/* From now on nobody idle is listed. Gives one who is listed and idle, now the
 * caller's, to be closed; NULL when there is none left. */
struct conn *poll_list_stop(struct poll_list *list);

/* Makes poll_list_wait return -1 from now on. */
void poll_list_wake(struct poll_list *list);

/* ---- recv_task_queue, work_task_queue, send_task_queue (task_queue.c) ---- */

/* A task is a chain of connections (conn->next) that one thread deals with, so
 * that a batch costs one hand-over. */
struct task_queue {
    /* Fixed after open. */
    const char *name;
    size_t mask;

    sem_t tasks; /* counts the tasks: who has passed it will find one */

    pthread_mutex_t lock; /* for what follows */
    /* Each connection is in one place, so a ring with room for all never
     * overflows and put cannot fail: what was accepted is never dropped. */
    struct conn **ring; /* owned */
    size_t head, count;

    atomic_size_t waiting; /* connections in it */
    atomic_uint_fast64_t taken, deepest;
};

int task_queue_open(struct task_queue *queue, const char *name,
                    size_t connections_max);
void task_queue_close(struct task_queue *queue);

/* Takes a chain of n connections. */
void task_queue_put(struct task_queue *queue, struct conn *chain, size_t n);

/* Waits for a task and gives its chain; NULL when the queue has been shut and
 * is empty. */
struct conn *task_queue_take(struct task_queue *queue);

/* Wakes the threads: each empties what is left, then gets NULL. */
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

    /* Fixed after stage_open. */
    bool shortcut;   /* pipeline = shortcut */
    bool one_accept; /* accept_mutex = on */
    size_t queue_max;
    pthread_t *threads; /* owned */
    size_t thread_count;
    size_t first_acceptor; /* the last of threads, joined first */

    pthread_mutex_t accept_mutex;
    sem_t room; /* posted when a connection closes and an acceptor waits */
    atomic_int acceptors_waiting;
    sem_t housekeeping; /* posted to end it */

    atomic_bool stopping;
    atomic_bool ended; /* the pollers and pools may end */
    int gone_fd;       /* owned; an eventfd: the last connection has closed */
    uint64_t stop_ms;  /* the master's: when a graceful stop gives up */
};

/* ---- its threads (pipeline.c) ---- */

/* For pthread_create; the argument is the stage. Acceptors end once stopping is
 * true, the others once ended is, when they are woken. */
void *acceptor_thread(void *argument);
void *recv_poll_thread(void *argument);
void *recv_thread(void *argument);
void *work_thread(void *argument);
void *send_thread(void *argument);
void *send_poll_thread(void *argument);
void *housekeeping_thread(void *argument);

/* Closes a connection that the caller holds; with the last one of a server that
 * stops, the master is told. */
void pipeline_drop(struct stage *stage, struct conn *conn);

#endif
