/* parser.h - reads a request's head (RFC 9112). It does no I/O: it only reads
 * the bytes it is given.
 *
 * bytes -> http_parse_head -> struct http_request -> http_body_next (body.h)
 *
 * Call it each time bytes have arrived, with all bytes of the head so far. It
 * continues where it stopped, so the cost is linear in the size of the head, in
 * whatever pieces the head arrives.
 *
 * It is strict. It refuses what two parsers could read in two ways: a bare LF,
 * a folded line, a blank before a colon, two lengths. */
#ifndef FIVEFOLD_HTTP_PARSER_H
#define FIVEFOLD_HTTP_PARSER_H

#include "http/request.h"

struct http_limits {
    size_t request_line_bytes; /* without CR LF; a longer line is 414. Above
                                  head_bytes - 4 it is lowered to that */
    size_t head_bytes;         /* from the first byte through the CR LF of the
                                  empty line; a longer head is 431 */
};

struct http_parser {
    struct http_limits limits;
    size_t scanned;    /* bytes already searched for a line's end */
    size_t line_start; /* offset of the line being read */
    size_t skipped;    /* bytes of an empty line before the request line (RFC
                          9112 section 2.2); 0: there was none */
    bool have_line;    /* the request line has been read */
    unsigned status;   /* after HTTP_PARSE_BAD: 400 414 431 501 505 411 417 */
    /* What the fields read so far contained. */
    bool have_host, have_length, have_encoding, close, keep;
    bool have_authorization;
};

/* Starts a new head: clears parser, and request except the array of fields, of
 * which only the first field_count are ever read. */
void http_parser_start(struct http_parser *parser, struct http_limits limits,
                       struct http_request *request);

/* Continues to read. bytes points to the head's first byte in every call (it
 * may have moved; it may be NULL if length is 0). length is the number of bytes
 * that have arrived since that first byte. request->base is set to bytes, which
 * request borrows.
 *
 * A bad head is refused as early as possible: on a first byte that starts no
 * method, or when a line or the head is too long, even if its end has not
 * arrived.
 *
 * HTTP_PARSE_DONE: request->head_length says where the body starts. A skipped
 * empty line is part of the head. HTTP_PARSE_BAD: parser->status says why.
 * request holds what was understood before the error; request->line is empty
 * unless the whole line had arrived, ended with CR LF and was not too long.
 * After DONE or BAD every further call returns the same. */
enum http_parse http_parse_head(struct http_parser *parser, const char *bytes,
                                size_t length, struct http_request *request);

#endif
