/* access.h - who may do what: rules, users, tokens.
 *
 * exchange (method, path, peer, Authorization) -> user -> first rule that
 * matches -> yes, 401 or 403.
 *
 * An access object is fixed once read; SIGHUP reads a new one and swaps it.
 * Counted references keep the old one until its last request is through.
 * Thread-safe. */
#ifndef FIVEFOLD_ACCESS_H
#define FIVEFOLD_ACCESS_H

#include "core/exchange.h"

struct settings;
struct access;
struct log;
struct mistake;

/* Builds from settings (rules, tokens, htpasswd file). NULL after
 * one line on stderr that says what is wrong, where, and what to do. */
struct access *access_open(const struct settings *settings);
void access_close(struct access *access);

/* Rereads rules and users (the settings' file and the htpasswd file), for
 * SIGHUP. If that fails it keeps the old ones and returns -1 with mistake,
 * where may_pass says whether another try can help. What else has changed and
 * needs a restart goes to log. Requests may be judged meanwhile. */
int access_reload(struct access *access, const struct settings *settings,
                  struct log *log, struct mistake *mistake);

enum access_verdict {
    ACCESS_ALLOWED,
    ACCESS_READ_ONLY, /* a POST to /db/ for which the rules allow GET only */
    ACCESS_DENIED,    /* 403 */
    ACCESS_UNKNOWN,   /* 401: who are you? (no credentials and a user could, or
                         wrong ones) */
    ACCESS_BUSY,      /* 503: too many passwords are being checked */
    ACCESS_TOO_OFTEN, /* 429: too many wrong passwords from this address */
};

/* How many threads call access_check with passwords to check; 1 until then.
 * Call before they do. They are taken for one pool: where there are several,
 * give the size of the smallest. */
void access_threads(struct access *access, size_t count);

/* Reads Authorization (Basic, RFC 7617; Bearer, RFC 6750), fills
 * exchange->user, and judges exchange->request.method on exchange->path for
 * exchange->handler. May block: crypt(3) takes its time; a right password is
 * remembered for a while. With ACCESS_BUSY and ACCESS_TOO_OFTEN *wait_seconds
 * says when to try again; it is not touched otherwise. */
enum access_verdict access_check(struct access *access,
                                 struct exchange *exchange,
                                 unsigned *wait_seconds);

/* For what a handler opens or shows that is not exchange->path itself (a
 * directory's index page, an entry of a list): may the same client do there
 * what it asks for here? Only for GET and HEAD, after access_check, which has
 * set exchange->user. Returns ACCESS_ALLOWED, ACCESS_DENIED or ACCESS_UNKNOWN.
 * Without rules it costs nothing, and all is allowed that access_check allows.
 * path is borrowed for the call; it is in the form of exchange->path. Never
 * blocks. */
enum access_verdict access_check_path(struct access *access,
                                      const struct exchange *exchange,
                                      struct text path);

/* For a handler that refuses after ACCESS_READ_ONLY: has nobody signed in, and
 * could somebody who did be allowed? */
bool access_sign_in_may_help(struct access *access,
                             const struct exchange *exchange);

/* Adds the fields of a 401: how to sign in. */
void access_challenge(struct exchange *exchange);

#endif
