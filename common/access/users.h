/* users.h - who may sign in: passwords (htpasswd file) and tokens.
 *
 * Fixed once read, so any thread may ask. A password that a slow hash has
 * confirmed is remembered until it has not been used for some minutes, or until
 * these users are released, which is what a reload does. */
#ifndef FIVEFOLD_USERS_H
#define FIVEFOLD_USERS_H

#include "core/exchange.h"
#include "base/mistake.h"
#include "access/password_limit.h"

struct settings;
struct users;

/* Reads the htpasswd file and the tokens that settings name. Given; NULL with
 * mistake when one is not right. */
struct users *users_read(const struct settings *settings,
                         struct mistake *mistake);
void users_release(struct users *users);

enum users_answer {
    USERS_NOBODY,    /* no credentials, of a scheme that is not ours, or where
                        there are no users at all */
    USERS_KNOWN,     /* name is filled */
    USERS_WRONG,     /* credentials that nobody has */
    USERS_BUSY,      /* not looked at: see PASSWORD_BUSY */
    USERS_TOO_OFTEN, /* not looked at: see PASSWORD_TOO_OFTEN */
};

/* Reads the value of Authorization: Basic (RFC 7617) or Bearer (RFC 6750), sent
 * by peer. name has room for USER_MAX + 1 bytes. Blocks for as long as crypt(3)
 * takes (milliseconds to a second), with no lock held, if limit allows it; if
 * not, *wait_seconds says when to come again. Thread-safe. */
enum users_answer users_sign_in(struct users *users,
                                struct password_limit *limit,
                                const struct peer *peer,
                                struct text authorization, char *name,
                                unsigned *wait_seconds);

#endif
