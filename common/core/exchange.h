/* exchange.h - an exchange is one request and its answer. It lasts from the
 * head's first byte to the answer's last. A connection has at most one at a
 * time, and none when it is idle.
 *
 * conn (bytes) -> answer_begin -> [body arrives] -> answer_finish -> conn */
#ifndef FIVEFOLD_CORE_EXCHANGE_H
#define FIVEFOLD_CORE_EXCHANGE_H

#include "base/network.h"
#include "http/request.h"
#include "http/response.h"

struct mount;
struct server;
struct exchange;

enum { USER_MAX = 64 }; /* bytes of a user's name */
enum {
    PATH_MAX_BYTES = 4096
}; /* bytes of a decoded path, with its NUL; a longer one is answered 414 */

enum answer_next {
    ANSWER_READY,       /* send exchange->response; if its status is 0, call
                           go_on first */
    ANSWER_WANT_BODY,   /* admitted: receive the body, then answer_finish */
    ANSWER_WOULD_BLOCK, /* only with at_once: call again without it */
    ANSWER_DENIED,      /* only a handler's begin returns it: the rules deny
                           the file that the answer would send. answer_begin
                           writes the 403 and returns ANSWER_READY */
    ANSWER_UNKNOWN,     /* the same, but signing in may help: 401 */
};

/* A handler serves the paths below a prefix: files, SQL, internals. */
struct handler {
    const char *name; /* "files", "sqlite", "internals": rules, statistics */
    /* Prepares a mount (mount.h) as mount->settings say: sets its object,
     * prefix and cors. Returns 0, or -1 after one line on stderr. */
    int (*open)(struct mount *mount, const struct server *server);
    /* These take that object; each may be NULL. close frees it. tick is called
     * about once a second, with monotonic time. interrupt comes from any thread
     * when the server ends: what still runs must end soon. */
    void (*close)(void *object);
    void (*tick)(void *object, uint64_t now_ms);
    void (*interrupt)(void *object);
    /* The head is here, the body not yet. The path is decoded and access is
     * checked. May block. Fills the response, or sets body_max (and perhaps
     * spool_fd) and returns ANSWER_WANT_BODY. */
    enum answer_next (*begin)(struct exchange *exchange);
    /* The whole body is here. May block. Fills the response. */
    void (*finish)(struct exchange *exchange);
    /* For an answer that takes long to make. begin or finish leaves
     * response.status 0, and go_on is called again and again until it sets the
     * status. Other requests get their turn in between. May block, but not for
     * long. NULL: begin and finish always set the status. */
    void (*go_on)(struct exchange *exchange);
    /* Writes an error that was found outside the handler (not signed in, body
     * too long) in the form that its clients expect. NULL: response_error does
     * it. */
    void (*error)(struct exchange *exchange, unsigned status,
                  const char *detail);
    /* Closes and frees state and spool_fd. Called once at the end if either was
     * set, even if nothing was answered (the client may be gone). May be NULL.
     */
    void (*release)(struct exchange *exchange);
};

struct exchange {
    struct http_request request; /* must be first: turn.c clears all the rest */
    struct server *server;       /* borrowed; outlives every exchange */
    struct response response;
    struct peer peer;
    int fd; /* the connection's socket, to see whether the client is still
               there (base/client.h); 0: not to be looked at */
    struct address *address; /* access/addresses.h, borrowed; NULL: no limits */
    bool forwarded;          /* by a proxy: peer is the client that it names,
                                and this request alone holds address
                                (access/forwarded.h) */
    bool by_proxy;           /* the connection comes from a trusted proxy */
    bool routed;             /* answer_route has been called */

    /* Set before the handler is called. */
    char *path; /* decoded once, "//" merged, no "." or "..", NUL-terminated;
                   owned by the exchange. An alias: where
                   databases are served, "/dev/X" has become "/db/X" */
    size_t path_length;
    char user[USER_MAX + 1];       /* "" if nobody has signed in */
    bool may_write;                /* the rules allow this request to write;
                                      false for a SQL POST that may only read */
    const struct handler *handler; /* answers this request */
    const struct mount *mount;     /* mount.h: the mount that has the path */
    const char *beneath; /* the rest of path after the mount's prefix, with its
                            '/'; points into path */
    bool at_once; /* the handler must not block: it returns ANSWER_WOULD_BLOCK
                     instead. Only for GET and HEAD without credentials, because
                     checking a password takes long */

    /* The body. */
    uint64_t body_max; /* set by the handler; a longer body is answered 413 */
    int spool_fd;      /* -1: the body goes to memory; else it is written to
                          this file, piece by piece */
    struct text body;  /* the whole body in memory, for finish(); borrowed */

    /* The file that the files handler has opened instead of path is path +
     * index + suffix. The rules are checked for that path too. NULL: nothing is
     * added. Borrowed. */
    const char *index;  /* "index.html" */
    const char *suffix; /* ".gz" */
    bool passed_over;   /* a better file exists, but the rules deny it to this
                           client: another client may get another answer */

    void *state;         /* the handler's own; its release frees it */
    uint64_t id;         /* counts from 1; in a trace it names the request's
                            arrows */
    uint64_t started_ns; /* monotonic: when the head's first byte came */
};

#endif
