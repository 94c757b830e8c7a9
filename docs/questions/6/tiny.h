/* tiny.h - question 6: as much HTTP as both ways need, written once.
 *
 * GET /N is answered with the first N bytes of the document; a body with a
 * Content-Length is read and thrown away before. */
#ifndef QUESTION_6_TINY_H
#define QUESTION_6_TINY_H

#include "base/buffer.h"

enum {
    DOCUMENT_BYTES = 1 << 20,
    RECV_BYTES = 4096,
    HEAD_MAX = 8192,
};

extern char document[DOCUMENT_BYTES];

struct request {
    uint64_t body_len; /* of the request */
    uint64_t answer_len;
};

enum parse { PARSE_MORE, PARSE_DONE, PARSE_BAD };

/* Takes a whole head from in, if it is there. */
enum parse request_parse(struct message_buffer *in, struct request *request);

void answer_head(struct message_buffer *out, uint64_t answer_len);

/* What a step wants next, as in common/conn/conn.h. */
enum wish { WANT_READ, WANT_WRITE, WANT_CLOSE };

/* A way to serve a protocol, for measure.c. */
struct service {
    const char *way, *protocol;
    size_t connection_bytes;
    void *(*open)(int fd);
    enum wish (*step)(void *conn);
    void (*close)(void *conn);
};

extern const struct service layered_http, layered_echo, inlined_http,
    inlined_echo;

#endif
