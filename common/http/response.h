/* response.h - an answer before it is sent: status, fields and body. The body
 * is a list of segments, or a source that makes it piece by piece.
 *
 * handler -> struct response -> conn (adds Date, length, Connection) -> socket
 *
 * A handler is the code that answers a request; conn (common/conn) is the code
 * that receives requests and sends answers. */
#ifndef FIVEFOLD_HTTP_RESPONSE_H
#define FIVEFOLD_HTTP_RESPONSE_H

#include "base/buffer.h"

struct http_request;

/* A piece of the body: bytes of response.memory or of response.file_fd. */
struct segment {
    bool in_file;
    off_t offset;    /* in response.memory (from its data) or in the file */
    uint64_t length; /* bytes */
};

/* Makes a body of unknown length piece by piece. Both functions may block;
 * state is response.source_state. */
struct response_source {
    /* Appends the next piece (about 16 KiB) to out. Returns 1 if there is more,
     * 0 if that was all, -1 if the answer must be cut off. After -1 the
     * connection is closed without a last chunk, so that the client sees that
     * the answer is not complete. */
    int (*more)(void *state, struct message_buffer *out);
    /* Frees state. Called exactly once, also if the client has disconnected. */
    void (*close)(void *state);
};

struct response {
    unsigned status;              /* 0: nothing has been decided yet */
    struct message_buffer fields; /* whole lines, each with CRLF. Not Date,
                                     Connection, Content-Length and
                                     Transfer-Encoding: conn writes those */
    struct message_buffer memory; /* small bodies, headings of parts */
    int file_fd;                  /* owned; -1: no file */
    struct segment *segments;     /* owned; NULL: the body is all of memory */
    size_t segment_count;
    const struct response_source *source; /* borrowed: makes the body; NULL:
                                             no source */
    void *source_state;                   /* owned; source->close frees it */
    bool no_length;                       /* send no Content-Length (304) */
    bool close; /* close the connection after this answer */
};

/* Makes response empty, with file_fd -1. Frees nothing. */
void response_init(struct response *response);

/* Makes response empty again, from any state: closes file and source and frees
 * all memory. Only the budget of response->memory is kept. */
void response_release(struct response *response);

/* Drops the answer so far (memory, segments, file, source, fields) and sets the
 * status; `close` is kept. For an error that is found while the answer is being
 * made. */
void response_reset(struct response *response, unsigned status);

/* Adds a field with that name (without colon) and a value as printf makes it,
 * of less than 512 bytes. A longer value, or no memory, sets fields.failed and
 * adds no whole field. Strings are borrowed for the call. */
void response_field(struct response *response, const char *name,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds one segment. Returns 0, or -1 with errno ENOMEM. */
int response_segment(struct response *response, struct segment segment);

/* Returns the body's length in bytes (of the segments, or of all memory). Not
 * for a body from a source. */
uint64_t response_length(const struct response *response);

/* Makes a complete short answer for a person to read: text/plain, with the
 * status and its phrase, and detail, a sentence that says what was wrong (or
 * NULL). What response held before is dropped. 503 asks the client to try again
 * (Retry-After, RFC 9110 section 10.2.3). detail is borrowed for the call. */
void response_error(struct response *response, unsigned status,
                    const char *detail);

/* The same for the SQL routes: {"message","code","error"} as application/json,
 * without charset, as clients of Hrana (the protocol of libSQL) expect. code
 * and message are borrowed for the call. */
void response_error_json(struct response *response, unsigned status,
                         const char *code, const char *message);

/* Redirects (301) to the same path with a slash at its end, and the same query.
 * Without the slash, a relative link on the page would lead one level too high
 * (RFC 3986 section 5). path is decoded, and borrowed for the call. */
void response_to_slash(struct response *response,
                       const struct http_request *request, struct text path);

#endif
