/* http.h - the HTTP/1.1 request parser (RFC 9112): pure, it reads bytes and
 * touches nothing else.
 *
 * bytes -> http_parse_head -> struct http_request -> http_body_next -> body
 *
 * It may be called after any number of bytes, with the same bytes and more; it
 * looks at no byte twice, so the cost is linear in the input however it is cut
 * up. Everything found is kept as offsets from the head's first byte, since
 * the buffer may move while it grows.
 *
 * It is strict. What two parsers could read in two ways (a bare LF, a folded
 * line, a blank before a colon, two lengths) is refused. */
#ifndef FIVEFOLD_HTTP_H
#define FIVEFOLD_HTTP_H

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

struct http_limits {
    size_t request_line_bytes; /* without CR LF; longer: 414. At most
                                  head_bytes - 4 counts */
    size_t head_bytes;         /* from the first byte to the empty line with
                                  its CR LF; more: 431 */
};

enum http_parse {
    HTTP_PARSE_MORE, /* all right so far, not complete */
    HTTP_PARSE_DONE,
    HTTP_PARSE_BAD, /* parser->status says why; close after answering */
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
