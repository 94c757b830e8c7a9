/* body.h - takes a request's body out of its framing (RFC 9112 sections 6 and
 * 7). Framing is the bytes around the data: chunk sizes, line ends, trailers.
 * Like the parser it does no I/O.
 *
 * raw bytes -> http_body_next -> bytes of the body, a view of the raw ones */
#ifndef FIVEFOLD_HTTP_BODY_H
#define FIVEFOLD_HTTP_BODY_H

#include "http/request.h"

/* The state of the decoder of one body. RFC 9112 section 7.1 for chunked. */
struct http_body {
    enum http_framing framing;
    int state;         /* see body.c */
    uint64_t left;     /* data bytes left, of the body or of this chunk */
    uint64_t received; /* data bytes so far, without framing */
    size_t line_bytes; /* so far, of a chunk-size line or of the trailers */
    unsigned status;   /* after HTTP_PARSE_BAD: 400 or 431 */
};

/* Starts the body of a request whose head is complete. request is read only
 * during the call. */
void http_body_start(struct http_body *body,
                     const struct http_request *request);

/* Takes the next raw bytes. Sets *taken to the number of raw bytes used, and
 * *data to the body bytes among them: a view of raw, at most one piece per
 * call, empty if there was only framing. Returns
 * - HTTP_PARSE_MORE with *taken > 0: call again with the rest of raw;
 * - HTTP_PARSE_MORE with *taken == 0: more bytes must arrive first;
 * - HTTP_PARSE_DONE: the body is complete. The bytes after *taken belong to the
 *   next request;
 * - HTTP_PARSE_BAD: body->status says why.
 * A line with a chunk's size and extensions may have 1024 bytes (otherwise
 * 400), all trailers together 8192 (otherwise 431). Trailers are checked and
 * dropped. */
enum http_parse http_body_next(struct http_body *body, const char *raw,
                               size_t length, size_t *taken, struct text *data);

#endif
