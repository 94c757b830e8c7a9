/* password_limit.h - limits the time that the server spends on checking
 * passwords.
 *
 * A password's hash is slow on purpose, so a client that sends wrong passwords
 * could keep all threads that answer busy. Three bounds prevent that, each for
 * the whole process:
 *
 * - At most half of these threads check at the same time; one always may.
 * - Wrong passwords take at most a share of the time of these threads.
 * - One address takes at most a quarter of that share, so that it cannot keep
 *   all others from signing in.
 *
 * A right password takes nothing of the share: it is remembered (users.h), so
 * the same user is not checked again. No call waits; a check that is over a
 * bound is refused at once. Thread-safe. The caller passes the time, now_ns:
 * clock_ns. */
#ifndef FIVEFOLD_ACCESS_PASSWORD_LIMIT_H
#define FIVEFOLD_ACCESS_PASSWORD_LIMIT_H

#include "base/network.h"

struct password_limit;

enum {
    PASSWORD_LIMIT_ADDRESSES = 1024, /* counters; addresses share them */
    PASSWORD_LIMIT_AHEAD_MS = 1000,  /* a share may be used this long before it
                                        is due, so that a user who mistypes need
                                        not wait */
};

/* percent: the share for wrong passwords, 1 to 99. 100: no bounds at all.
 * Counts with one thread that answers, until password_limit_threads. Returns
 * NULL with errno. */
struct password_limit *password_limit_open(uint64_t percent);
/* Frees limit; NULL: does nothing. */
void password_limit_close(struct password_limit *limit);

/* Sets how many threads answer. Call before they do. */
void password_limit_threads(struct password_limit *limit, size_t count);

enum password_verdict {
    PASSWORD_CHECK,     /* check it, then password_limit_end */
    PASSWORD_BUSY,      /* all clients together ask for too much: 503 */
    PASSWORD_TOO_OFTEN, /* this address has used its part: 429 */
};

/* Call before a password is checked. Returns PASSWORD_CHECK if the check may
 * begin. Otherwise *wait_seconds says when to try again, at least 1. */
enum password_verdict password_limit_begin(struct password_limit *limit,
                                           const struct peer *peer,
                                           uint64_t now_ns,
                                           unsigned *wait_seconds);

/* The check has ended at now_ns. start_ns is the time that was passed to
 * password_limit_begin. right: the password was right. */
void password_limit_end(struct password_limit *limit, const struct peer *peer,
                        uint64_t start_ns, uint64_t now_ns, bool right);

#endif
