/* clock.h - monotonic time for deadlines and durations, wall time for Date. */
#ifndef FIVEFOLD_BASE_CLOCK_H
#define FIVEFOLD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Returns CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Returns CLOCK_MONOTONIC_COARSE in milliseconds, for deadlines. It is cheaper
 * than clock_ns, and up to a few ms late. */
static inline uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* Returns the CLOCK_MONOTONIC time that is `ms` milliseconds (>= 0) from now;
 * for calls that wait until an absolute time. */
static inline struct timespec clock_after_ms(int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

/* Returns the seconds since 1970 (CLOCK_REALTIME_COARSE). */
static inline time_t clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

#endif
