/* body.h - takes a request's body out of its framing (RFC 9112 sections 6 and
 * 7): pure, like the parser.
 *
 * raw bytes -> http_body_next -> bytes of the body, a view of the raw ones */
#ifndef FIVEFOLD_HTTP_BODY_H
#define FIVEFOLD_HTTP_BODY_H

#include "http/request.h"

/* Where a body's decoder stands. RFC 9112 section 7.1 for chunked. */
struct http_body {
    enum http_framing framing;
    int state;
    uint64_t left;     /* of the length or of this chunk */
    uint64_t received; /* body bytes so far, without framing */
    size_t line_bytes; /* of a chunk-size line or of the trailers */
    unsigned status;   /* after HTTP_PARSE_BAD: 400 or 431 */
};

void http_body_start(struct http_body *body,
                     const struct http_request *request);

/* Takes the next raw bytes. Sets *taken to how many of them are used up and
 * *data to the body bytes among those (a view of raw; may be empty, as framing
 * is taken silently). HTTP_PARSE_MORE with *taken > 0: call again with the
 * rest; with *taken == 0: more bytes must arrive. HTTP_PARSE_DONE: complete;
 * what is behind *taken belongs to the next request. Trailers are checked and
 * dropped; a line with a chunk's size and extensions may have 1024 bytes (400),
 * the trailers 8192 (431). One call hands out one piece of data at most. */
enum http_parse http_body_next(struct http_body *body, const char *raw,
                               size_t length, size_t *taken, struct text *data);

#endif
