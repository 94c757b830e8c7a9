/* inbox.h - the way back from a module to a front. */
#ifndef FIVEFOLD_INBOX_H
#define FIVEFOLD_INBOX_H

#include "conn/conn.h"

#include <pthread.h>
#include <stdatomic.h>

/* Connections that modules have done with: one for each front. */
struct inbox {
    int wake_fd;        /* owned; an eventfd, watched by the front */
    atomic_bool asleep; /* the front waits for the kernel, or is about to */

    pthread_mutex_t lock; /* for what follows */
    struct conn *first, *last;
};

int inbox_open(struct inbox *inbox);
void inbox_close(struct inbox *inbox);

/* Takes a chain of connections (conn->next); wakes the front if it sleeps. */
void inbox_put(struct inbox *inbox, struct conn *chain);

/* Gives all that is there, as a chain by conn->next. */
struct conn *inbox_take(struct inbox *inbox);

/* The front is about to wait. False: something has come, it must not. */
bool inbox_sleep(struct inbox *inbox);
void inbox_wake(struct inbox *inbox);

#endif
