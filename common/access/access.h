/* access.h - access control: rules, users, tokens.
 *
 * exchange (method, path, peer, Authorization) -> user -> first rule that
 * matches -> yes, 401 or 403.
 *
 * The rules and users do not change once read. SIGHUP reads new ones and puts
 * them in the place of the old ones. The old ones are freed when the last
 * request that uses them has been judged (counted references). Thread-safe. */
#ifndef FIVEFOLD_ACCESS_ACCESS_H
#define FIVEFOLD_ACCESS_ACCESS_H

#include "core/exchange.h"

struct settings;
struct access;
struct log;
struct mistake;

/* Reads the rules, the tokens and the htpasswd file that settings name. Returns
 * an object owned by the caller, or NULL after one line on stderr that says
 * what is wrong, where, and what to do. */
struct access *access_open(const struct settings *settings);
/* Frees access. No thread may use it any more. */
void access_close(struct access *access);

/* For SIGHUP: reads the rules and users again (the settings' file and the
 * htpasswd file). Other changes in the settings need a restart; their names go
 * to log. Returns 0, or -1 with mistake; then the old rules and users stay, and
 * mistake->may_pass says whether another try can help. Other threads may judge
 * requests meanwhile. */
int access_reload(struct access *access, const struct settings *settings,
                  struct log *log, struct mistake *mistake);

enum access_verdict {
    ACCESS_ALLOWED,
    ACCESS_READ_ONLY, /* a POST to /db/ for which the rules allow GET only */
    ACCESS_DENIED,    /* 403 */
    ACCESS_UNKNOWN,   /* 401: wrong credentials, or none where some user would
                         be allowed */
    ACCESS_BUSY,      /* 503: too many passwords are being checked */
    ACCESS_TOO_OFTEN, /* 429: too many wrong passwords from this address */
};

/* Sets how many threads call access_check with passwords to check; without this
 * call it is 1. Call before they do. All are counted as one pool: if there are
 * several pools, give the size of the smallest. */
void access_threads(struct access *access, size_t count);

/* Reads Authorization (Basic, RFC 7617; Bearer, RFC 6750), fills
 * exchange->user, and judges whether exchange->request.method is allowed on
 * exchange->path. Needs exchange->handler and mount. May block, because
 * crypt(3) takes long; a right password is remembered for a while. With
 * ACCESS_BUSY and ACCESS_TOO_OFTEN *wait_seconds says when to try again;
 * otherwise it means nothing. */
enum access_verdict access_check(struct access *access,
                                 struct exchange *exchange,
                                 unsigned *wait_seconds);

/* Judges the same request for another path: one that a handler opens or shows
 * instead of exchange->path (a directory's index page, an entry of a list).
 * Only for GET and HEAD, and after access_check, which has set exchange->user.
 * Returns ACCESS_ALLOWED, ACCESS_DENIED or ACCESS_UNKNOWN. Without rules it
 * returns ACCESS_ALLOWED at once. path has the form of exchange->path and is
 * borrowed for the call. Never blocks. */
enum access_verdict access_check_path(struct access *access,
                                      const struct exchange *exchange,
                                      struct text path);

/* For a handler that refuses to write after ACCESS_READ_ONLY. Returns true if
 * the client has not signed in, and some user would be allowed. */
bool access_sign_in_may_help(struct access *access,
                             const struct exchange *exchange);

/* Adds the fields of a 401 to the response: WWW-Authenticate, which say how to
 * sign in. */
void access_challenge(struct exchange *exchange);

#endif
