/* response.h - an answer before it is sent: status, fields, and a body that
 * is a list of segments or a source that makes more of it.
 *
 * handler -> struct response -> conn (adds Date, length, Connection) -> socket
 */
#ifndef FIVEFOLD_RESPONSE_H
#define FIVEFOLD_RESPONSE_H

#include "base/buffer.h"

struct http_request;

/* A piece of the body: bytes of response.memory, or bytes of response.file_fd.
 */
struct segment {
    bool in_file;
    off_t offset;    /* in response.memory (from its data) or in the file */
    uint64_t length; /* bytes */
};

/* Makes a body of unknown length piece by piece. Both calls may block. */
struct response_source {
    /* Appends the next piece (some 16 KiB) to out. Returns 1 when there is
     * more, 0 when that was all, -1 when the answer must be cut off (the
     * connection is then closed without a last chunk, so that the client
     * sees that it is not whole). */
    int (*more)(void *state, struct message_buffer *out);
    /* Called exactly once, also when the client has gone. */
    void (*close)(void *state);
};

struct response {
    unsigned status;              /* 0: nothing has been decided yet */
    struct message_buffer fields; /* whole lines, each with CRLF, without
                                     Date, Connection, Content-Length,
                                     Transfer-Encoding: conn writes those */
    struct message_buffer memory; /* small bodies, parts' headings */
    int file_fd;                  /* -1, or owned */
    struct segment *segments;     /* NULL: all of memory; owned */
    size_t segment_count;
    const struct response_source *source; /* NULL, or makes the body */
    void *source_state;
    bool no_length; /* send no Content-Length (304) */
    bool close;     /* close the connection behind this answer */
};

/* All empty; file_fd -1. */
void response_init(struct response *response);

/* Back to empty from any state: closes file and source, keeps no memory, but
 * the budget of its buffers. */
void response_release(struct response *response);

/* Drops what has been written so far (memory, segments, file, source, fields)
 * and sets the status: for an error found half-way. */
void response_reset(struct response *response, unsigned status);

/* Adds a field; value as printf. name without colon. */
void response_field(struct response *response, const char *name,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds one segment. Returns 0, or -1 with errno ENOMEM. */
int response_segment(struct response *response, struct segment segment);

/* The body's length in bytes (segments, or all of memory). */
uint64_t response_length(const struct response *response);

/* A complete short answer for a person: status, text/plain, the status line and
 * a sentence that says what was wrong. detail may be NULL. With 503 the client
 * is asked to try again (Retry-After, RFC 9110 section 10.2.3). */
void response_error(struct response *response, unsigned status,
                    const char *detail);

/* The same for the SQL routes: {"message","code","error"} as
 * application/json, without charset (hrana 2.2). */
void response_error_json(struct response *response, unsigned status,
                         const char *code, const char *message);

/* 301 to the same path with a slash behind it, and the same query. Without the
 * slash a relative link on the page would lead one level too high (RFC 3986
 * section 5). path is decoded. */
void response_to_slash(struct response *response,
                       const struct http_request *request, struct text path);

#endif
