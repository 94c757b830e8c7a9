/* task_queue.h - connections that wait for a thread: recv_task_queue,
 * work_task_queue and send_task_queue. */
#ifndef FIVEFOLD_TASK_QUEUE_H
#define FIVEFOLD_TASK_QUEUE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

struct conn;

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

#endif
