/* parser.h - reads a request's head (RFC 9112): pure, it reads bytes and
 * touches nothing else.
 *
 * bytes -> http_parse_head -> struct http_request -> http_body_next (body.h)
 *
 * It may be called after any number of bytes, with the same bytes and more. It
 * looks at no byte twice, so the cost is linear in the input, however the input
 * is cut up.
 *
 * It is strict. What two parsers could read in two ways (a bare LF, a folded
 * line, a blank before a colon, two lengths) is refused. */
#ifndef FIVEFOLD_HTTP_PARSER_H
#define FIVEFOLD_HTTP_PARSER_H

#include "http/request.h"

struct http_limits {
    size_t request_line_bytes; /* without CR LF; longer: 414. At most
                                  head_bytes - 4 counts */
    size_t head_bytes;         /* from the first byte to the empty line with
                                  its CR LF; more: 431 */
};

struct http_parser {
    struct http_limits limits;
    size_t scanned;    /* bytes already searched for a line's end */
    size_t line_start; /* of the line being read */
    size_t skipped;  /* an empty line before the request line (RFC 9112 2.2) */
    bool have_line;  /* the request line has been read */
    unsigned status; /* after HTTP_PARSE_BAD: 400 414 431 501 505 411 417 */
    /* What the fields seen so far say about framing; and who asks. */
    bool have_host, have_length, have_encoding, close, keep;
    bool have_authorization;
};

/* Starts a new head: clears parser, and request but for the fields behind
 * field_count. */
void http_parser_start(struct http_parser *parser, struct http_limits limits,
                       struct http_request *request);

/* Reads on. bytes is the head's first byte (also when called again; may be
 * NULL with length 0), length all that has arrived. What will not do is
 * refused as early as it can be told: a first byte that begins no method, a
 * line or head that is too long before its end has come. With HTTP_PARSE_DONE
 * request->head_length says where the body starts; request->base is set to
 * bytes. A skipped empty line counts to the head. With HTTP_PARSE_BAD, request
 * holds what was understood before; request->line is the refused line if it was
 * whole, else empty. Once DONE or BAD it stays so. */
enum http_parse http_parse_head(struct http_parser *parser, const char *bytes,
                                size_t length, struct http_request *request);

#endif
