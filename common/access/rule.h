/* rule.h - one access rule: read from text, compared with a request.
 *
 *     allow|deny METHODS PATH [from CIDR] [user NAME|*]
 */
#ifndef FIVEFOLD_RULE_H
#define FIVEFOLD_RULE_H

#include "core/exchange.h"
#include "base/mistake.h"

struct rule {
    bool allow;
    unsigned methods;   /* bit 1 << enum http_method */
    char *path;         /* without the slash at its end; "" covers all; owned */
    size_t path_length; /* bytes */
    struct network from;     /* AF_UNSPEC: from anywhere */
    char user[USER_MAX + 1]; /* "": whoever; "*": anybody who signed in */
};

/* Reads a rule. Returns 0, or -1 with mistake (starting with where) and rule
 * empty. Give it back with rule_release. */
int rule_parse(struct rule *rule, const char *text, const char *where,
               struct mistake *mistake);
void rule_release(struct rule *rule);

/* Makes "/dev/X" "/db/X". Where databases are served a request's path has been
 * brought to that form, so a rule must be as well, or it would never match.
 * Where none are, /dev is a directory like any other. */
void rule_resolve_alias(struct rule *rule);

/* True if method, path (as exchange->path) and peer are the rule's; who asks is
 * not looked at. */
bool rule_covers(const struct rule *rule, enum http_method method,
                 struct text path, const struct peer *peer);

/* True if some path beneath prefix (which ends with '/') is the rule's. */
bool rule_meets(const struct rule *rule, const char *prefix);

/* True if the rule's user is this one; user "" is nobody. */
bool rule_names(const struct rule *rule, const char *user);

#endif
