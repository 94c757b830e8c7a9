/* parser.c - reads the head of a request (RFC 9112 sections 2 to 6).
 *
 * bytes -> find a line's end -> request line | field | empty line -> request
 *
 * A line is read once, when its end has arrived. The search for the end
 * continues where it stopped in the last call. So the cost is linear in the
 * input, even if it arrives byte by byte. Before the end has arrived, only the
 * first bytes and the length are checked: a request that cannot be served is
 * refused without waiting for the rest.
 *
 * Functions that return unsigned return a status: 0 if all is correct,
 * otherwise the status to answer with. The result never depends on the pieces
 * in which the input arrived; tests/fuzz checks that. */
#include "http/parser.h"

#include "http/internal.h"

#include <assert.h>

enum { CRLF_BYTES = 2 };

/* -- the request line ----------------------------------------------------- */

/* HTTP/1.0 or HTTP/1.1. A later 1.x is treated as 1.1, because it must be
 * compatible with it (RFC 9110 section 2.5). */
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

/* method SP request-target SP HTTP-version, RFC 9112 section 3. A line of
 * another form is 400; only then are the parts checked. */
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
    if (request->host.length == 0) /* a host in the target takes precedence */
        request->host = http_span_of(request, value);
    return 0;
}

/* Content-Length must be a single number. A list of equal numbers would be
 * allowed (RFC 9112 section 6.3). We refuse every list, because a proxy before
 * us may have used another number than we would. */
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

/* Expect from an HTTP/1.0 client is ignored, because such a client cannot wait
 * for 100 (RFC 9110 section 10.1.1). */
static unsigned read_expect(struct http_request *request, struct text value)
{
    if (request->version_minor == 0)
        return 0;
    if (!text_equal_nocase(value, TEXT("100-continue")))
        return 417;
    request->expect_continue = true;
    return 0;
}

/* Reads a field if it decides where this request ends or how it is served. */
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
        /* judge_framing checks the value, when all fields are known. */
        if (parser->have_encoding)
            return 400;
        parser->have_encoding = true;
    }
    if (text_equal_nocase(name, TEXT("Authorization"))) {
        /* With two fields, a proxy before us may have checked the other one. */
        if (parser->have_authorization)
            return 400;
        parser->have_authorization = true;
    }
    return 0;
}

/* field-name ":" OWS field-value OWS, RFC 9112 section 5. A blank before the
 * colon or at the start of the line (obs-fold) is refused too, because then the
 * name is not a token. */
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

/* Checks Transfer-Encoding. We know one coding: chunked. It must be the last
 * one and appear only once; otherwise we could not find the end of the body. */
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

/* Decides how the end of the body is found (RFC 9112 section 6.3). Called when
 * all fields are known, so that their order does not matter. */
static unsigned judge_framing(const struct http_parser *parser,
                              struct http_request *request)
{
    if (parser->have_encoding) {
        /* With both fields, or with chunks in HTTP/1.0, which has none, a proxy
         * may see another end of the body than we do. That is how requests are
         * smuggled past a proxy. */
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

/* Checks whether the line or the head is too long. Complete and incomplete
 * lines are both checked here, so that both get the same status. */
static unsigned judge_size(const struct http_parser *parser, size_t line_bytes,
                           size_t head_bytes)
{
    if (!parser->have_line && line_bytes > parser->limits.request_line_bytes)
        return 414;
    return head_bytes > parser->limits.head_bytes ? 431 : 0;
}

/* Checks the first bytes of the request line before it is complete. A method
 * may start here, or once an empty line, which old clients send after a body
 * (RFC 9112 section 2.2). */
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

/* Checks the size of a line without LF so far. Its last byte may be the CR of
 * its end, which does not count. */
static unsigned judge_unfinished(const struct http_parser *parser,
                                 struct text pending)
{
    size_t length = pending.length;

    if (length > 0 && pending.data[length - 1] == '\r')
        length--;
    /* + 1: at least the LF is still to come. */
    return judge_size(parser, length, parser->line_start + pending.length + 1);
}

/* Returns a line (given without its LF) without the CR too; data == NULL if
 * there is no CR. */
static struct text line_of(struct text bytes)
{
    if (bytes.length == 0 || bytes.data[bytes.length - 1] != '\r')
        return (struct text){NULL, bytes.length};
    return (struct text){bytes.data, bytes.length - 1};
}

/* Reads a line, given without its LF. If it was the last one, sets
 * request->head_length. */
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
    /* Lower the limit of the request line, so that head_bytes has room for an
     * empty line before it and for its own CR LF. Then a request line that is
     * too long always reaches its own limit first: 414, not 431. */
    size_t line_max = limits.head_bytes > 2 * CRLF_BYTES
                          ? limits.head_bytes - 2 * CRLF_BYTES
                          : 0;
    if (limits.request_line_bytes > line_max)
        limits.request_line_bytes = line_max;
    *parser = (struct http_parser){.limits = limits};

    /* Clear all but the fields. They have 1600 bytes, and only the first
     * field_count of them are ever read. */
    memset(request, 0, offsetof(struct http_request, fields));
}

enum http_parse http_parse_head(struct http_parser *parser, const char *bytes,
                                size_t length, struct http_request *request)
{
    assert(length >= parser->scanned);
    http_request_moved(request, bytes);
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
