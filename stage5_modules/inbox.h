/* inbox.h - an inbox: the list through which connections come back from the
 * modules to a front. The front itself puts those into it that it will go on
 * with in its next turn. */
#ifndef FIVEFOLD_INBOX_H
#define FIVEFOLD_INBOX_H

#include "conn/conn.h"

#include <pthread.h>
#include <stdatomic.h>

/* Each front has one. Any thread may put connections in; the front takes them
 * all at once. */
struct inbox {
    int wake_fd;        /* owned; an eventfd, watched by the front */
    atomic_bool asleep; /* the front waits in epoll_wait, or is about to */

    pthread_mutex_t lock; /* for what follows */
    struct conn *first, *last;
};

/* Makes an empty inbox. Returns 0, or -1 with errno. */
int inbox_open(struct inbox *inbox);
/* Frees the inbox, but not the connections in it. */
void inbox_close(struct inbox *inbox);

/* Adds a chain of at least one connection (conn->next). Takes the chain. Wakes
 * the front if it sleeps. From any thread. */
void inbox_put(struct inbox *inbox, struct conn *chain);

/* Returns all connections of the inbox, as a chain, or NULL. The caller owns
 * them now. Only for the front. */
struct conn *inbox_take(struct inbox *inbox);

/* Call before the front waits. If the inbox is empty, sets `asleep` and returns
 * true: clear `asleep` after the wait. Otherwise returns false, and the front
 * must not wait. */
bool inbox_sleep(struct inbox *inbox);
/* Makes wake_fd readable. From any thread. */
void inbox_wake(struct inbox *inbox);

#endif
