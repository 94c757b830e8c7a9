/* users.h - who may sign in: passwords (htpasswd file) and tokens.
 *
 * Fixed once read, so any thread may ask. What a slow hash has confirmed is
 * remembered for a minute. */
#ifndef FIVEFOLD_USERS_H
#define FIVEFOLD_USERS_H

#include "exchange.h"
#include "mistake.h"

struct settings;
struct users;

/* Reads the htpasswd file and the tokens that settings name. Given; NULL with
 * mistake when one is not right. */
struct users *users_read(const struct settings *settings,
                         struct mistake *mistake);
void users_release(struct users *users);

/* Checks "NAME:TOKEN". Returns 0, or -1 with mistake. */
int users_check_token(const char *text, const char *where,
                      struct mistake *mistake);

enum users_answer {
    USERS_NOBODY, /* no credentials, of a scheme that is not ours, or where
                     there are no users at all */
    USERS_KNOWN,  /* name is filled */
    USERS_WRONG,  /* credentials that nobody has */
};

/* Reads the value of Authorization: Basic (RFC 7617) or Bearer (RFC 6750).
 * Blocks for as long as crypt(3) takes (milliseconds to a second), with no
 * lock held. Thread-safe. */
enum users_answer users_sign_in(struct users *users, struct text authorization,
                                char name[USER_MAX + 1]);

#endif
