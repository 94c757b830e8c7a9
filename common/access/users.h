/* users.h - the users that may sign in, with passwords (htpasswd file) or
 * tokens.
 *
 * Users do not change once read, so any thread may use them. A right password
 * is remembered, because its hash is slow. It is forgotten when it has not been
 * used for some minutes, or when these users are released, as a reload does. */
#ifndef FIVEFOLD_ACCESS_USERS_H
#define FIVEFOLD_ACCESS_USERS_H

#include "access/password_limit.h"
#include "base/mistake.h"
#include "core/exchange.h"

struct settings;
struct users;

/* Reads the htpasswd file and the tokens that settings name. Returns users
 * owned by the caller, or NULL with mistake. */
struct users *users_read(const struct settings *settings,
                         struct mistake *mistake);
/* Frees users, and overwrites their secrets. NULL: does nothing. */
void users_release(struct users *users);

enum users_answer {
    USERS_NOBODY,    /* no credentials, or a scheme other than these two, or
                        there are no users at all */
    USERS_KNOWN,     /* name is filled */
    USERS_WRONG,     /* no user has these credentials */
    USERS_BUSY,      /* not checked: see PASSWORD_BUSY */
    USERS_TOO_OFTEN, /* not checked: see PASSWORD_TOO_OFTEN */
};

/* Checks the value of Authorization, sent by peer: Basic (RFC 7617) or Bearer
 * (RFC 6750). Writes the user's name to name, which has room for USER_MAX + 1
 * bytes; "" if it is not USERS_KNOWN. Blocks as long as crypt(3) takes
 * (milliseconds to a second), with no lock held. If limit does not allow the
 * check, *wait_seconds says when to try again. Thread-safe. */
enum users_answer users_sign_in(struct users *users,
                                struct password_limit *limit,
                                const struct peer *peer,
                                struct text authorization, char *name,
                                unsigned *wait_seconds);

#endif
