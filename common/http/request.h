/* request.h - a parsed request: its method, target and fields (RFC 9110, RFC
 * 9112).
 *
 * http_parse_head (parser.h) -> struct http_request -> handler
 *
 * All parts are stored as offsets from the head's first byte, because the
 * buffer that holds the head may move while it grows. */
#ifndef FIVEFOLD_HTTP_REQUEST_H
#define FIVEFOLD_HTTP_REQUEST_H

#include "base/text.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH, /* known, but no handler serves it: 405 */
    HTTP_TRACE, /* known, but no handler serves it: 405 */
    HTTP_METHOD_COUNT
};

/* Returns the method's name, such as "GET", for a log line or an Allow field. A
 * constant. */
const char *http_method_name(enum http_method method);

/* Returns true for GET, HEAD and OPTIONS, which are safe: the client does not
 * ask to change anything (RFC 9110 section 9.2.1). */
static inline bool http_method_is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS;
}

/* Returns the standard phrase of a status, such as "Not Found", or "Unknown". A
 * constant. */
const char *http_status_phrase(unsigned status);

enum { HTTP_FIELDS_MAX = 100 }; /* more are 431; Apache has the same limit */

struct http_span {
    uint32_t offset; /* from the head's first byte */
    uint32_t length;
};

struct http_field {
    struct http_span name, value; /* value without the blanks around it */
};

enum http_framing {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,  /* Content-Length */
    HTTP_BODY_CHUNKED, /* Transfer-Encoding: chunked */
};

struct http_request {
    const char
        *base; /* borrowed: the head's first byte; code that moves the head
                  must set it again */
    size_t head_length; /* bytes, with the empty line; 0: not complete */

    enum http_method method;
    unsigned version_minor; /* 0 or 1 of HTTP/1.x */
    struct http_span line;  /* the request line, without CRLF, for the log */
    struct http_span path;  /* of the target: before '?', not decoded; empty
                               (http://host) means "/" */
    struct http_span query; /* after '?', not decoded, may be empty */
    bool asterisk;          /* the target is *, only with OPTIONS */
    struct http_span host;  /* the host that the client asks for, with its port:
                               from the target if it names one, otherwise from
                               Host (RFC 9112 section 3.2.2); may be empty */

    enum http_framing framing;
    uint64_t content_length; /* bytes; with HTTP_BODY_LENGTH; fits in off_t */
    bool keep_alive;         /* RFC 9112 section 9.3 */
    bool expect_continue;    /* waits for 100: RFC 9110 section 10.1.1 */

    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* The head's bytes are at `bytes` now; request borrows them. A buffer moves when
 * it grows. Offsets into the head stay right. */
static inline void http_request_moved(struct http_request *request,
                                      const char *bytes)
{
    request->base = bytes;
}

/* Returns the bytes of a span; borrowed from request->base. */
struct text http_text(const struct http_request *request,
                      struct http_span span);

/* Returns the value of the first field of that name (in upper or lower case),
 * or a text with data == NULL if there is none. Borrowed from request->base. */
struct text http_field(const struct http_request *request, struct text name);

/* Walks through all fields of that name; a list may be spread over several.
 * Start with *at = 0. Each call returns the next value, borrowed like
 * http_field's, and moves *at. It returns data == NULL when there are no more.
 */
struct text http_field_next(const struct http_request *request,
                            struct text name, size_t *at);

/* Returns true if there is more than one field of that name. */
bool http_field_repeats(const struct http_request *request, struct text name);

/* Return true if Content-Type is that type (or application/json), with or
 * without parameters (RFC 9110 section 8.3.1). */
bool http_has_type(const struct http_request *request, struct text type);
bool http_is_json(const struct http_request *request);

/* Returns true if the body has a coding other than identity, such as gzip, that
 * would have to be decoded first (Content-Encoding, RFC 9110 section 8.4). */
bool http_is_coded(const struct http_request *request);

/* What the parser and the body decoder return. */
enum http_parse {
    HTTP_PARSE_MORE, /* correct so far, not complete */
    HTTP_PARSE_DONE, /* complete */
    HTTP_PARSE_BAD,  /* the status in http_parser or http_body says why; close
                        the connection after the answer */
};

#endif
