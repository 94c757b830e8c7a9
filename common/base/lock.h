/* lock.h - a mutex that is held for a few instructions. */
#ifndef FIVEFOLD_BASE_LOCK_H
#define FIVEFOLD_BASE_LOCK_H

#include <pthread.h>

/* Initializes an adaptive mutex: a thread that finds it locked tries again a
 * few times before it sleeps. Sleeping and waking takes about a hundred times
 * as long as the lock is held, so this pays on several cores. The caller
 * destroys it with pthread_mutex_destroy. */
void lock_open(pthread_mutex_t *lock);

#endif
