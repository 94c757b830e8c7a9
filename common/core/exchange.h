/* exchange.h - one request and its answer, from the head's first byte to the
 * answer's last. A connection has at most one at a time, and none when idle.
 *
 * conn (bytes) -> answer_begin -> [body arrives] -> answer_finish -> conn */
#ifndef FIVEFOLD_EXCHANGE_H
#define FIVEFOLD_EXCHANGE_H

#include "http/request.h"
#include "base/network.h"
#include "http/response.h"

struct mount;
struct server;
struct exchange;

enum { USER_MAX = 64 }; /* bytes of a user's name */
enum {
    PATH_MAX_BYTES = 4096
}; /* bytes of a decoded path, with NUL; more: 414 */

enum answer_next {
    ANSWER_READY,       /* exchange->response is to be sent; go_on is due if its
                           status is 0 */
    ANSWER_WANT_BODY,   /* admitted: receive the body, then answer_finish */
    ANSWER_WOULD_BLOCK, /* only with at_once: ask again without it */
    ANSWER_DENIED,      /* only from begin: the rules forbid what the answer
                           would be made of. answer_begin says so, for its
                           callers it is ANSWER_READY */
    ANSWER_UNKNOWN,     /* the same, and signing in may help */
};

/* What serves a prefix: files, SQL, internals. */
struct handler {
    const char *name; /* "files", "sqlite", "internals": rules, statistics */
    /* Makes what serves a mount, by mount->settings: sets object, prefix and
     * cors. Returns 0, or -1 after one line on stderr. */
    int (*open)(struct mount *mount, const struct server *server);
    /* About its object; each may be NULL. Tick is called about once a second,
     * with monotonic time. Interrupt, from any thread: the server ends, and
     * what still runs is to end soon. */
    void (*close)(void *object);
    void (*tick)(void *object, uint64_t now_ms);
    void (*interrupt)(void *object);
    /* The head is here, the body not yet. Path is decoded, access is checked.
     * May block. Either fills the response, or sets body_max (and spool_fd)
     * and asks for the body. */
    enum answer_next (*begin)(struct exchange *exchange);
    /* The whole body is here. May block. Fills the response. */
    void (*finish)(struct exchange *exchange);
    /* For an answer that takes long to make: begin or finish has left
     * response.status 0, and this is called again and again until it is set.
     * Other requests have their turn in between. May block, but not for long.
     * NULL: never so. */
    void (*go_on)(struct exchange *exchange);
    /* Words an error that others found (not signed in, body too long) as this
     * handler's clients expect it. NULL: response_error. */
    void (*error)(struct exchange *exchange, unsigned status,
                  const char *detail);
    /* Called once at the end if state or spool_fd was set, answered or not
     * (the client may be gone): closes and frees both. May be NULL. */
    void (*release)(struct exchange *exchange);
};

struct exchange {
    struct http_request request; /* first: it alone is not cleared (turn.c) */
    struct server *server;       /* borrowed; outlives every exchange */
    struct response response;
    struct peer peer;
    int fd; /* of the connection, to look whether the client is there
               (base/client.h); 0: nobody looks */
    struct address *address; /* access/addresses.h, borrowed; NULL: no limits */
    bool forwarded;          /* by a proxy: peer is whom it names, and address
                                is left with the request (access/forwarded.h) */
    bool by_proxy;           /* the connection is that of a trusted proxy */
    bool routed;             /* by the first answer_route */

    /* Set before the handler is called. */
    char *path; /* decoded once, "//" merged, no "." or "..", NUL-terminated;
                   "/dev/X" is "/db/X"; owned by the exchange */
    size_t path_length;
    char user[USER_MAX + 1];       /* "" when nobody has signed in */
    bool may_write;                /* rules allow what the method does; false
                                      for a SQL POST that may only read */
    const struct handler *handler; /* who answers */
    const struct mount *mount;     /* mount.h: whose path it is */
    const char *beneath; /* the path behind the mount's prefix, with its '/';
                            in path */
    bool at_once; /* nothing may block: rather ANSWER_WOULD_BLOCK. Only for GET
                     and HEAD by nobody in particular, as checking a password
                     takes long */

    /* The body. */
    uint64_t body_max; /* the handler's: more is 413 */
    int spool_fd; /* -1: body goes to memory; else each piece is written there
                   */
    struct text body; /* in memory, whole, in finish(); borrowed */

    /* What the files handler has opened in the place of path: path + index +
     * suffix. Rules are asked for it too. NULL: nothing is added. Borrowed. */
    const char *index;  /* "index.html" */
    const char *suffix; /* ".gz" */
    bool passed_over;   /* a file that the rules keep from this client would
                           have been better: another may get another answer */

    void *state;         /* the handler's */
    uint64_t id;         /* counts from 1; names the flow in a trace */
    uint64_t started_ns; /* monotonic: the head's first byte */
};

#endif
