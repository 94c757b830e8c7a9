/* wire.h - a client for a thread: it asks and waits for the whole answer.
 *
 * The one in ../behaviour/client.h fails the test when something is wrong,
 * which only the test's own thread may do (cmocka). This one says what
 * happened. */
#ifndef DURABILITY_WIRE_H
#define DURABILITY_WIRE_H

#include "../behaviour/bytes.h"

enum wire_got {
    WIRE_ANSWER, /* whole */
    WIRE_LOST,   /* the connection ended first, or cannot be made */
    WIRE_SLOW    /* no answer within client_limit_ms */
};

struct wire {
    int port;          /* of the server */
    bool one_each;     /* a connection for each request */
    int fd;            /* -1: none now */
    uint64_t own_port; /* of this end; with received it names an answer */
    uint64_t received; /* bytes on this connection */

    /* The last answer. */
    unsigned status;
    struct bytes raw;   /* head and body */
    const char *body;   /* in raw, NUL behind it */
    size_t body_length; /* by Content-Length */
};

void wire_init(struct wire *wire, int port, bool one_each);
void wire_free(struct wire *wire);

/* One request and its answer; connects if need be. body may be NULL with n 0.
 */
enum wire_got wire_ask(struct wire *wire, const char *method, const char *path,
                       const void *body, size_t n);

#endif
