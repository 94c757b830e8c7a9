/* task_queue.c - see pipeline.h: recv_, work_ and send_task_queue.
 *
 * put -> ring, semaphore + 1 -> a thread wakes -> take
 *
 * The semaphore counts the tasks, so as many threads wake as there is work for,
 * and a post while all are busy is not lost: the next who asks passes without
 * waiting. A condition variable would need a thread to be waiting already. Each
 * task has its post, not only the first in an empty ring: who wakes takes one,
 * and what he leaves would lie there until the next is put. */
#include "pipeline.h"

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
    pthread_mutex_lock(&queue->lock);
    queue->ring[(queue->head + queue->count++) & queue->mask] = chain;
    pthread_mutex_unlock(&queue->lock);
    /* After the unlock, so that whom it wakes does not find the lock held. */
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
        /* Back to the start: else it would come by every page of the ring in
         * time, and the longest queue there ever was fits into a few. */
        if (--queue->count == 0)
            queue->head = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    size_t n = 0;
    for (const struct conn *at = chain; at != NULL; at = at->next)
        n++;
    atomic_fetch_sub(&queue->waiting, n);
    atomic_fetch_add_explicit(&queue->taken, n, memory_order_relaxed);
    return chain;
}

void task_queue_shut(struct task_queue *queue, size_t threads)
{
    /* One post more than there are tasks for each thread: whoever passes the
     * semaphore and finds the ring empty knows that this was the end. */
    while (threads-- > 0)
        sem_post(&queue->tasks);
}
