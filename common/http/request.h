/* request.h - a request as the parser has understood it: its method, target and
 * fields (RFC 9110, RFC 9112).
 *
 * http_parse_head (parser.h) -> struct http_request -> whoever answers
 *
 * Everything found is kept as offsets from the head's first byte, because the
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
    HTTP_PATCH, /* known, served by nobody: 405 */
    HTTP_TRACE, /* known, served by nobody: 405 */
    HTTP_METHOD_COUNT
};

/* "GET"; for a log line or an Allow field. */
const char *http_method_name(enum http_method method);

/* Does a request with this method change nothing by what it asks for? GET, HEAD
 * and OPTIONS are safe (RFC 9110 section 9.2.1). */
static inline bool http_method_is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS;
}

/* The standard phrase of a status, "Not Found"; "Unknown" if there is none. */
const char *http_status_phrase(unsigned status);

enum { HTTP_FIELDS_MAX = 100 }; /* as Apache; more is 431 */

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
        *base; /* the head's first byte; whoever moves the head sets it */
    size_t head_length; /* with the empty line */

    enum http_method method;
    unsigned version_minor; /* 0 or 1 of HTTP/1.x */
    struct http_span line;  /* the request line, without CRLF, for the log */
    struct http_span path;  /* of the target: before '?', not decoded; empty
                               (http://host) means "/" */
    struct http_span query; /* behind '?', not decoded, may be empty */
    bool asterisk;          /* the target is *, only with OPTIONS */
    struct http_span host;  /* that the client asks for, with its port: the
                               target's if that names one, else Host's (RFC 9112
                               section 3.2.2); may be empty */

    enum http_framing framing;
    uint64_t content_length; /* with HTTP_BODY_LENGTH; fits off_t */
    bool keep_alive;         /* RFC 9112 section 9.3 */
    bool expect_continue;    /* RFC 9110 section 10.1.1 */

    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

struct text http_text(const struct http_request *request,
                      struct http_span span);

/* The value of the first field of that name (any case), or a text with
 * data == NULL. */
struct text http_field(const struct http_request *request, struct text name);

/* All values of a list field joined is never needed here; this walks them
 * instead. Start with *at = 0; gives the next value of that name and moves
 * *at; data == NULL when there is none left. */
struct text http_field_next(const struct http_request *request,
                            struct text name, size_t *at);

/* True if there is more than one field of that name. */
bool http_field_repeats(const struct http_request *request, struct text name);

/* True if Content-Type says that type, or application/json, with parameters or
 * without (RFC 9110 section 8.3.1). */
bool http_has_type(const struct http_request *request, struct text type);
bool http_is_json(const struct http_request *request);

/* True if the body has a coding (Content-Encoding, RFC 9110 section 8.4) that
 * had to be undone first. */
bool http_is_coded(const struct http_request *request);

/* What a step of the parser or of the body decoder says. */
enum http_parse {
    HTTP_PARSE_MORE, /* all right so far, not complete */
    HTTP_PARSE_DONE,
    HTTP_PARSE_BAD, /* parser->status says why; close after answering */
};

#endif
