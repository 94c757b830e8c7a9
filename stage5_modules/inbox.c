/* inbox.c - see inbox.h.
 *
 * worker -> put -> chain -> take -> front
 *
 * A front that works finds the chain in its next turn, so telling it would be a
 * system call for nothing; one that sleeps must be told. `asleep` is how both
 * sides know: the front sets it and then looks whether something has come; the
 * worker puts and then looks whether it is set. Each writes before it reads, so
 * (sequentially consistent) at least one of them sees the other. */
#include "inbox.h"

#include "base/lock.h"

#include <sys/eventfd.h>
#include <unistd.h>

int inbox_open(struct inbox *inbox)
{
    *inbox = (struct inbox){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (inbox->wake_fd < 0)
        return -1;
    lock_open(&inbox->lock);
    return 0;
}

void inbox_close(struct inbox *inbox)
{
    pthread_mutex_destroy(&inbox->lock);
    close(inbox->wake_fd);
}

void inbox_wake(struct inbox *inbox)
{
    (void)!write(inbox->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

void inbox_put(struct inbox *inbox, struct conn *chain)
{
    struct conn *last = chain;
    while (last->next != NULL)
        last = last->next;
    pthread_mutex_lock(&inbox->lock);
    if (inbox->last != NULL)
        inbox->last->next = chain;
    else
        inbox->first = chain;
    inbox->last = last;
    pthread_mutex_unlock(&inbox->lock);
    /* Of several who come while it sleeps, one tells it. */
    if (atomic_load(&inbox->asleep) && atomic_exchange(&inbox->asleep, false))
        inbox_wake(inbox);
}

struct conn *inbox_take(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    struct conn *chain = inbox->first;
    inbox->first = inbox->last = NULL;
    pthread_mutex_unlock(&inbox->lock);
    return chain;
}

bool inbox_sleep(struct inbox *inbox)
{
    atomic_store(&inbox->asleep, true);
    pthread_mutex_lock(&inbox->lock);
    bool empty = inbox->first == NULL;
    pthread_mutex_unlock(&inbox->lock);
    if (!empty)
        atomic_store(&inbox->asleep, false);
    return empty;
}
