/* parser.c - the head of a request (RFC 9112 sections 2 to 6).
 *
 * bytes -> find a line's end -> request line | field | empty line -> request
 *
 * A line is looked at when its end has come, and then once; a search for the
 * end goes on where the last one stopped. So the cost is linear in the input,
 * one byte at a time too. Before the end has come, only what the first byte
 * and the length tell is judged, so that nobody waits for the rest of what
 * cannot be served.
 *
 * Functions that judge return a status: 0 is fine, else what to answer. The
 * verdict never depends on how the input was cut; tests/fuzz checks that. */
#include "http/parser.h"
#include "http/internal.h"

#include <assert.h>

enum { CRLF_BYTES = 2 };

/* -- the request line ----------------------------------------------------- */

/* HTTP/1.0, HTTP/1.1; a later 1.x is read as the 1.1 that it must be
 * compatible with (RFC 9110 section 2.5). */
static unsigned parse_version(struct http_request *request, struct text version)
{
    uint64_t major, minor;

    if (version.length != sizeof "HTTP/1.1" - 1 ||
        !text_starts_with(version, TEXT("HTTP/")) || version.data[6] != '.' ||
        text_to_size((struct text){version.data + 5, 1}, 9, &major) < 0 ||
        text_to_size((struct text){version.data + 7, 1}, 9, &minor) < 0)
        return 400;
    request->version_minor = minor > 0;
    return major == 1 ? 0 : 505;
}

static unsigned parse_method(struct http_request *request, struct text method)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (text_equal(method, text_of(http_method_name(i)))) {
            request->method = i;
            return 0;
        }
    return 501;
}

/* method SP request-target SP HTTP-version, RFC 9112 section 3. What is not
 * of this shape is 400 before the parts are judged. */
static unsigned parse_request_line(struct http_request *request,
                                   struct text line)
{
    request->line = http_span_of(request, line);
    struct text version = line;
    struct text method = text_split(&version, ' ');
    struct text target = text_split(&version, ' ');
    unsigned status;

    if (!http_is_token(method) || target.length == 0)
        return 400;
    for (size_t i = 0; i < target.length; i++)
        if (target.data[i] <= ' ' || target.data[i] > '~')
            return 400;
    if ((status = parse_version(request, version)) != 0 ||
        (status = parse_method(request, method)) != 0)
        return status;
    return http_parse_target(request, target);
}

/* -- fields --------------------------------------------------------------- */

static unsigned read_host(struct http_parser *parser,
                          struct http_request *request, struct text value)
{
    if (parser->have_host || !http_is_host(value))
        return 400;
    parser->have_host = true;
    if (request->host.length == 0) /* else the target has said it */
        request->host = http_span_of(request, value);
    return 0;
}

/* One number. A list of equal ones would be allowed (RFC 9112 section 6.3),
 * but whoever stands before us may have read the other one. */
static unsigned read_length(struct http_parser *parser,
                            struct http_request *request, struct text value)
{
    if (parser->have_length ||
        text_to_size(value, HTTP_LENGTH_MAX, &request->content_length) < 0)
        return 400;
    parser->have_length = true;
    return 0;
}

static void read_connection(struct http_parser *parser, struct text list)
{
    while (list.data) {
        struct text option = text_trim(text_split(&list, ','));
        if (text_equal_nocase(option, TEXT("close")))
            parser->close = true;
        else if (text_equal_nocase(option, TEXT("keep-alive")))
            parser->keep = true;
    }
}

/* An HTTP/1.0 client cannot wait for 100: RFC 9110 section 10.1.1. */
static unsigned read_expect(struct http_request *request, struct text value)
{
    if (request->version_minor == 0)
        return 0;
    if (!text_equal_nocase(value, TEXT("100-continue")))
        return 417;
    request->expect_continue = true;
    return 0;
}

/* The fields that decide where this request ends and how it is served. */
static unsigned read_field(struct http_parser *parser,
                           struct http_request *request, struct text name,
                           struct text value)
{
    if (text_equal_nocase(name, TEXT("Host")))
        return read_host(parser, request, value);
    if (text_equal_nocase(name, TEXT("Content-Length")))
        return read_length(parser, request, value);
    if (text_equal_nocase(name, TEXT("Connection")))
        read_connection(parser, value);
    if (text_equal_nocase(name, TEXT("Expect")))
        return read_expect(request, value);
    if (text_equal_nocase(name, TEXT("Transfer-Encoding"))) {
        /* What it says is judged at the end, with what else was said. */
        if (parser->have_encoding)
            return 400;
        parser->have_encoding = true;
    }
    if (text_equal_nocase(name, TEXT("Authorization"))) {
        /* Two names: whoever stands before us may have judged by the other. */
        if (parser->have_authorization)
            return 400;
        parser->have_authorization = true;
    }
    return 0;
}

/* field-name ":" OWS field-value OWS, RFC 9112 section 5. A blank before the
 * colon, or one at the line's start (obs-fold), makes the name no token. */
static unsigned parse_field(struct http_parser *parser,
                            struct http_request *request, struct text line)
{
    struct text value = line, name = text_split(&value, ':');

    if (!value.data || !http_is_token(name) || !http_is_value(value))
        return 400;
    if (request->field_count == HTTP_FIELDS_MAX)
        return 431;
    value = text_trim(value);
    request->fields[request->field_count++] = (struct http_field){
        http_span_of(request, name),
        http_span_of(request, value),
    };
    return read_field(parser, request, name, value);
}

/* -- the end of the head -------------------------------------------------- */

/* Transfer-Encoding, of which we know one coding: chunked, which must be the
 * last and only once, or the body's end could not be found. */
static unsigned judge_encoding(struct text codings)
{
    bool chunked = false;
    unsigned count = 0;

    while (codings.data) {
        struct text coding = text_trim(text_split(&codings, ','));
        if (chunked || coding.length == 0)
            return 400;
        chunked = text_equal_nocase(coding, TEXT("chunked"));
        count++;
    }
    if (!chunked)
        return 400;
    return count > 1 ? 501 : 0;
}

/* Where does the body end? RFC 9112 section 6.3. Asked when all fields are
 * known, so that their order does not matter. */
static unsigned judge_framing(const struct http_parser *parser,
                              struct http_request *request)
{
    if (parser->have_encoding) {
        /* Two lengths, or one from a time that knew no chunks, is how a
         * request is smuggled past a proxy. */
        if (parser->have_length || request->version_minor == 0)
            return 400;
        request->framing = HTTP_BODY_CHUNKED;
        return judge_encoding(http_field(request, TEXT("Transfer-Encoding")));
    }
    if (parser->have_length)
        request->framing = HTTP_BODY_LENGTH;
    else if (request->method == HTTP_POST || request->method == HTTP_PUT)
        return 411;
    return 0;
}

static unsigned judge_head(const struct http_parser *parser,
                           struct http_request *request)
{
    if (request->version_minor == 1 && !parser->have_host)
        return 400;
    request->keep_alive =
        !parser->close && (request->version_minor == 1 || parser->keep);
    return judge_framing(parser, request);
}

/* -- lines ---------------------------------------------------------------- */

/* Is a line with this many bytes, the head with this many, too long? Asked of
 * whole lines and of beginnings, which hence meet the same fate. */
static unsigned judge_size(const struct http_parser *parser, size_t line_bytes,
                           size_t head_bytes)
{
    if (!parser->have_line && line_bytes > parser->limits.request_line_bytes)
        return 414;
    return head_bytes > parser->limits.head_bytes ? 431 : 0;
}

/* What the first bytes tell before a line is whole: a method, or once an empty
 * line, which old clients send behind a body (RFC 9112 section 2.2). */
static unsigned judge_beginning(const struct http_parser *parser,
                                struct text pending)
{
    if (parser->have_line || pending.length == 0 ||
        http_is_token_byte(pending.data[0]))
        return 0;
    if (pending.data[0] != '\r' || parser->skipped > 0 ||
        (pending.length > 1 && pending.data[1] != '\n'))
        return 400;
    return 0;
}

/* A beginning that has no LF yet. Its last byte may be the CR of its end. */
static unsigned judge_unfinished(const struct http_parser *parser,
                                 struct text pending)
{
    size_t length = pending.length;

    if (length > 0 && pending.data[length - 1] == '\r')
        length--;
    /* At least one byte more will come. */
    return judge_size(parser, length, parser->line_start + pending.length + 1);
}

/* Without its line end; data == NULL if that is not CR LF. */
static struct text line_of(struct text bytes)
{
    if (bytes.length == 0 || bytes.data[bytes.length - 1] != '\r')
        return (struct text){NULL, bytes.length};
    return (struct text){bytes.data, bytes.length - 1};
}

/* A line up to its LF. Sets request->head_length when it was the last. */
static unsigned parse_line(struct http_parser *parser,
                           struct http_request *request, struct text bytes)
{
    struct text line = line_of(bytes);
    unsigned status = judge_size(parser, line.length, parser->scanned);

    if (status != 0)
        return status;
    if (!line.data)
        return 400;
    if (parser->have_line && line.length == 0) {
        request->head_length = parser->scanned;
        return judge_head(parser, request);
    }
    if (parser->have_line)
        return parse_field(parser, request, line);
    if (line.length == 0) {
        parser->skipped = CRLF_BYTES;
        return 0;
    }
    parser->have_line = true;
    return parse_request_line(request, line);
}

void http_parser_start(struct http_parser *parser, struct http_limits limits,
                       struct http_request *request)
{
    if (limits.head_bytes > UINT32_MAX) /* spans have 32 bits */
        limits.head_bytes = UINT32_MAX;
    /* With room left for an empty line before it and its own end, the request
     * line always meets its own limit first: 414, not 431. */
    size_t line_max = limits.head_bytes > 2 * CRLF_BYTES
                          ? limits.head_bytes - 2 * CRLF_BYTES
                          : 0;
    if (limits.request_line_bytes > line_max)
        limits.request_line_bytes = line_max;
    *parser = (struct http_parser){.limits = limits};

    /* All but the fields: they are 1600 bytes, and only the first field_count
     * of them are ever read. */
    memset(request, 0, offsetof(struct http_request, fields));
}

enum http_parse http_parse_head(struct http_parser *parser, const char *bytes,
                                size_t length, struct http_request *request)
{
    assert(length >= parser->scanned);
    request->base = bytes;
    if (length == 0) /* bytes may be NULL, and NULL + 0 is undefined */
        return HTTP_PARSE_MORE;
    while (parser->status == 0 && request->head_length == 0) {
        struct text pending = {bytes + parser->line_start,
                               length - parser->line_start};
        parser->status = judge_beginning(parser, pending);
        if (parser->status != 0)
            break;
        const char *lf =
            memchr(bytes + parser->scanned, '\n', length - parser->scanned);
        if (!lf) {
            parser->scanned = length;
            parser->status = judge_unfinished(parser, pending);
            break;
        }
        parser->scanned = (size_t)(lf - bytes) + 1;
        pending.length = (size_t)(lf - pending.data);
        parser->status = parse_line(parser, request, pending);
        parser->line_start = parser->scanned;
    }
    if (parser->status != 0)
        return HTTP_PARSE_BAD;
    return request->head_length ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
