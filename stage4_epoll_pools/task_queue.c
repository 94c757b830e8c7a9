/* task_queue.c - see task_queue.h.
 *
 * put -> ring, semaphore + 1 -> a thread wakes -> take
 *
 * The semaphore counts the tasks, so one thread wakes for each task. A post
 * while all threads are busy is not lost: the next thread that calls sem_wait
 * does not wait. A signal to a condition variable would be lost then. Each task
 * gets a post, not only the first in an empty ring. A woken thread takes one
 * task. What it left would stay in the queue until the next put. */
#include "task_queue.h"

#include "conn/work.h"

#include <errno.h>
#include <stdlib.h>

int task_queue_open(struct task_queue *queue, const char *name,
                    size_t connections_max)
{
    size_t size = 1;
    while (size < connections_max)
        size *= 2;
    *queue = (struct task_queue){.name = name, .mask = size - 1};
    queue->ring = calloc(size, sizeof(struct conn *));
    if (queue->ring == NULL)
        return -1;
    sem_init(&queue->tasks, 0, 0);
    pthread_mutex_init(&queue->lock, NULL);
    return 0;
}

void task_queue_close(struct task_queue *queue)
{
    sem_destroy(&queue->tasks);
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
}

void task_queue_put(struct task_queue *queue, struct conn *chain, size_t n)
{
    size_t waiting = atomic_fetch_add(&queue->waiting, n) + n;
    if (waiting > atomic_load_explicit(&queue->deepest, memory_order_relaxed))
        atomic_store_explicit(&queue->deepest, waiting, memory_order_relaxed);
    /* Once it is in the ring another thread may have it. */
    for (struct conn *at = chain; at != NULL; at = at->next)
        conn_release(at);
    pthread_mutex_lock(&queue->lock);
    queue->ring[(queue->head + queue->count++) & queue->mask] = chain;
    pthread_mutex_unlock(&queue->lock);
    /* After the unlock, so that the woken thread does not find it locked. */
    sem_post(&queue->tasks);
}

struct conn *task_queue_take(struct task_queue *queue)
{
    while (sem_wait(&queue->tasks) < 0 && errno == EINTR)
        continue;
    struct conn *chain = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->count > 0) {
        chain = queue->ring[queue->head++ & queue->mask];
        /* Back to the start. Otherwise head would pass through the whole ring
         * and touch all its pages, although the tasks fit into a few. */
        if (--queue->count == 0)
            queue->head = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    size_t n = 0;
    for (struct conn *at = chain; at != NULL; at = at->next) {
        conn_adopt(at);
        n++;
    }
    atomic_fetch_sub(&queue->waiting, n);
    atomic_fetch_add_explicit(&queue->taken, n, memory_order_relaxed);
    return chain;
}

void task_queue_shut(struct task_queue *queue, size_t threads)
{
    /* One extra post for each thread. A thread that passes the semaphore and
     * finds the ring empty knows that the queue has been shut. */
    while (threads-- > 0)
        sem_post(&queue->tasks);
}
