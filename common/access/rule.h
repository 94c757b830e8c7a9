/* rule.h - one access rule: read from text, compared with a request.
 *
 *     allow|deny METHODS PATH [from CIDR] [user NAME|*]
 */
#ifndef FIVEFOLD_ACCESS_RULE_H
#define FIVEFOLD_ACCESS_RULE_H

#include "base/mistake.h"
#include "core/exchange.h"

struct rule {
    bool allow;
    unsigned methods;   /* bit 1 << enum http_method */
    char *path;         /* without the slash at its end; "" covers all; owned */
    size_t path_length; /* bytes */
    struct network from;     /* AF_UNSPEC: from anywhere */
    char user[USER_MAX + 1]; /* "": everybody; "*": everybody who has signed
                                in */
};

/* Reads a rule from text. Returns 0, or -1 with mistake (a line that starts
 * with where) and rule empty. Free it with rule_release. */
int rule_parse(struct rule *rule, const char *text, const char *where,
               struct mistake *mistake);
void rule_release(struct rule *rule);

/* Turns the rule's path "/dev/X" into "/db/X". Where databases are served, the
 * path of each request is changed in this way, so a rule for /dev/X would never
 * match. Where no databases are served, /dev is a directory like any other. */
void rule_resolve_alias(struct rule *rule);

/* Returns true if the rule covers this method, path (in the form of
 * exchange->path) and peer. It does not look at the user. */
bool rule_covers(const struct rule *rule, enum http_method method,
                 struct text path, const struct peer *peer);

/* Returns true if the rule covers some path that starts with prefix, which ends
 * with '/'. */
bool rule_meets(const struct rule *rule, const char *prefix);

/* Returns true if the rule is for this user. user "" has not signed in. */
bool rule_names(const struct rule *rule, const char *user);

#endif
