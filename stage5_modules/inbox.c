/* inbox.c - see inbox.h.
 *
 * worker -> put -> chain -> take -> front
 *
 * A front that runs finds the chain in its next turn (round of its loop), so a
 * system call to wake it would be wasted. A front that sleeps must be woken.
 * Both sides use `asleep` for this. The front sets it, and then looks whether
 * the inbox is empty. The worker puts its chain, and then looks whether asleep
 * is set. Each writes before it reads, and the atomics are sequentially
 * consistent, so at least one of them sees what the other wrote. */
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
    /* If several workers come while it sleeps, only one of them wakes it. */
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
