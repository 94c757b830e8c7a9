/* lock.h - a mutex that is held for a few instructions. */
#ifndef FIVEFOLD_LOCK_H
#define FIVEFOLD_LOCK_H

#include <pthread.h>

/* For threads on several cores: who finds it taken looks again some times
 * before it sleeps, as to sleep and be woken takes a hundred times as long as
 * the lock is held. Given back by pthread_mutex_destroy. */
void lock_open(pthread_mutex_t *lock);

#endif
