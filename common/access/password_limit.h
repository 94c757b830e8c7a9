/* password_limit.h - how much of the server's time goes into checking
 * passwords.
 *
 * A password's hash is slow on purpose, so whoever sends wrong ones could take
 * all threads that answer. Three bounds, each for the whole process:
 *
 * - At the same time at most half of these threads check, and at least one.
 * - Wrong passwords take at most a share of the time of these threads.
 * - One address takes at most a quarter of that share, so that it cannot keep
 *   all others from signing in.
 *
 * A right password costs no share: it is remembered (users.h), and the same
 * user is not checked again. Nothing waits here: what is over a bound is
 * refused at once. Thread-safe. The caller gives the time: clock_ns. */
#ifndef FIVEFOLD_PASSWORD_LIMIT_H
#define FIVEFOLD_PASSWORD_LIMIT_H

#include "base/network.h"

struct password_limit;

enum {
    PASSWORD_LIMIT_ADDRESSES = 1024, /* counters; addresses share them */
    PASSWORD_LIMIT_AHEAD_MS = 1000,  /* a share may be used this much ahead: a
                                        mistyped password need not wait */
};

/* percent: the share for wrong passwords, 1 to 99; 100: there is no bound at
 * all. Starts with one thread that answers. Returns NULL with errno. */
struct password_limit *password_limit_open(uint64_t percent);
/* Takes limit, or NULL. */
void password_limit_close(struct password_limit *limit);

/* How many threads answer. Call before they do. */
void password_limit_threads(struct password_limit *limit, size_t count);

enum password_verdict {
    PASSWORD_CHECK,     /* check it, then password_limit_end */
    PASSWORD_BUSY,      /* too much is being checked, whoever asks: 503 */
    PASSWORD_TOO_OFTEN, /* this address has had its part: 429 */
};

/* Somebody wants a password checked. If it is refused *wait_seconds says when
 * to try again, at least 1. */
enum password_verdict password_limit_begin(struct password_limit *limit,
                                           const struct peer *peer,
                                           uint64_t now_ns,
                                           unsigned *wait_seconds);

/* It has been checked: from start_ns, what password_limit_begin was given, to
 * now_ns. */
void password_limit_end(struct password_limit *limit, const struct peer *peer,
                        uint64_t start_ns, uint64_t now_ns, bool right);

#endif
