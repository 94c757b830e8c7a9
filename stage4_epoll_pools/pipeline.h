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

#include "connection_table.h"
#include "poll_list.h"
#include "task_queue.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct conn;
struct server;

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
