/* body.c - finds where a body ends and which of its bytes are data (RFC 9112
 * sections 6 and 7.1).
 *
 * raw bytes -> http_body_next -> framing is taken byte by byte
 *                             -> data is returned as a view of raw
 *
 * Only a state and counters are kept between calls. So the body may be cut into
 * pieces anywhere, and raw may move. In one place we are stricter than the RFC:
 * blanks around the ';' and '=' of a chunk extension are refused. No sender may
 * write them, and recipients read them in different ways. */
#include "http/body.h"

#include "http/internal.h"

enum {
    CHUNK_LINE_MAX = 1024, /* bytes of a size with extensions; more: 400 */
    TRAILERS_MAX = 8192,   /* bytes of all trailers; more: 431 */
    SIZE_DIGITS_MAX = 16   /* of a chunk's size: fits in a uint64_t */
};

/* A chunk is "SIZE[;NAME[=VALUE]]... CR LF data CR LF". The last chunk has size
 * 0 and no data; trailers and an empty line follow it. Each state is named
 * after what may come next. */
enum {
    SIZE, /* every chunk starts in this state; it must be the first */
    EXTENSION_START,
    EXTENSION_NAME,
    EXTENSION_VALUE_START,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPED,
    EXTENSION_END, /* after a closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    COMPLETE,
    FAILED
};

static void body_refuse(struct http_body *body, unsigned status)
{
    body->status = status;
    body->state = FAILED;
}

/* Changes to the state if the byte was allowed here; otherwise refuses the body
 * with 400. */
static void body_expect(struct http_body *body, bool allowed, int state)
{
    if (allowed)
        body->state = state;
    else
        body_refuse(body, 400);
}

/* After a complete size, name or value: another extension must start, or the
 * line must end. */
static void extension_goes_on(struct http_body *body, char c)
{
    body_expect(body, c == ';' || c == '\r',
                c == ';' ? EXTENSION_START : SIZE_LF);
}

static void take_size_byte(struct http_body *body, char c)
{
    int digit = text_hex_value(c);

    /* line_bytes counts this byte too. */
    if (digit < 0 && body->line_bytes > 1)
        extension_goes_on(body, c);
    else if (digit < 0 || body->line_bytes > SIZE_DIGITS_MAX)
        body_refuse(body, 400);
    else
        body->left = body->left << 4 | (unsigned)digit;
}

static void take_extension_byte(struct http_body *body, char c)
{
    switch (body->state) {
    case EXTENSION_START:
        body_expect(body, http_is_token_byte(c), EXTENSION_NAME);
        return;
    case EXTENSION_NAME:
        if (c == '=')
            body->state = EXTENSION_VALUE_START;
        else if (!http_is_token_byte(c))
            extension_goes_on(body, c);
        return;
    case EXTENSION_VALUE_START:
        body_expect(body, c == '"' || http_is_token_byte(c),
                    c == '"' ? EXTENSION_QUOTED : EXTENSION_VALUE);
        return;
    case EXTENSION_VALUE:
        if (!http_is_token_byte(c))
            extension_goes_on(body, c);
        return;
    case EXTENSION_QUOTED:
        body_expect(body, http_is_value_byte(c),
                    c == '"'    ? EXTENSION_END
                    : c == '\\' ? EXTENSION_ESCAPED
                                : EXTENSION_QUOTED);
        return;
    case EXTENSION_ESCAPED:
        body_expect(body, http_is_value_byte(c), EXTENSION_QUOTED);
        return;
    default:
        extension_goes_on(body, c);
    }
}

/* Takes the LF after the line with the size. */
static void take_size_end(struct http_body *body, char c)
{
    if (c != '\n' || body->left > HTTP_LENGTH_MAX - body->received) {
        body_refuse(body, 400);
        return;
    }
    body->line_bytes = 0;
    body->state = body->left > 0 ? DATA : TRAILER_START;
}

/* Takes a byte of the trailers. They are checked like the fields of a head, and
 * not stored. */
static void take_trailer_byte(struct http_body *body, char c)
{
    if (++body->line_bytes > TRAILERS_MAX) {
        body_refuse(body, 431);
        return;
    }
    switch (body->state) {
    case TRAILER_START:
        body_expect(body, c == '\r' || http_is_token_byte(c),
                    c == '\r' ? LAST_LF : TRAILER_NAME);
        return;
    case TRAILER_NAME:
        body_expect(body, c == ':' || http_is_token_byte(c),
                    c == ':' ? TRAILER_VALUE : TRAILER_NAME);
        return;
    case TRAILER_VALUE:
        body_expect(body, c == '\r' || http_is_value_byte(c),
                    c == '\r' ? TRAILER_LF : TRAILER_VALUE);
        return;
    case TRAILER_LF:
        body_expect(body, c == '\n', TRAILER_START);
        return;
    default:
        body_expect(body, c == '\n', COMPLETE);
    }
}

static void take_framing_byte(struct http_body *body, char c)
{
    /* line_bytes includes the CR at the end; the limit is without it. */
    if (body->state < SIZE_LF && ++body->line_bytes > CHUNK_LINE_MAX &&
        c != '\r') {
        body_refuse(body, 400);
        return;
    }
    switch (body->state) {
    case SIZE:
        take_size_byte(body, c);
        return;
    case SIZE_LF:
        take_size_end(body, c);
        return;
    case DATA_CR:
        body_expect(body, c == '\r', DATA_LF);
        return;
    case DATA_LF:
        body_expect(body, c == '\n', SIZE);
        return;
    default:
        if (body->state < SIZE_LF)
            take_extension_byte(body, c);
        else
            take_trailer_byte(body, c);
    }
}

/* Returns the part of raw that belongs to the body, or to this chunk. */
static struct text take_data(struct http_body *body, struct text raw)
{
    if (raw.length > body->left)
        raw.length = (size_t)body->left;
    body->left -= raw.length;
    body->received += raw.length;
    if (body->left == 0)
        body->state = body->framing == HTTP_BODY_CHUNKED ? DATA_CR : COMPLETE;
    return raw;
}

void http_body_start(struct http_body *body, const struct http_request *request)
{
    *body = (struct http_body){.framing = request->framing, .state = SIZE};
    if (body->framing == HTTP_BODY_CHUNKED)
        return;
    if (body->framing == HTTP_BODY_LENGTH)
        body->left = request->content_length;
    body->state = body->left > 0 ? DATA : COMPLETE;
}

enum http_parse http_body_next(struct http_body *body, const char *raw,
                               size_t length, size_t *taken, struct text *data)
{
    size_t at = 0;

    *data = (struct text){raw, 0};
    while (at < length && body->state != DATA && body->state < COMPLETE)
        take_framing_byte(body, raw[at++]);
    if (at < length && body->state == DATA) {
        *data = take_data(body, (struct text){raw + at, length - at});
        at += data->length;
    }
    *taken = at;
    if (body->state == FAILED)
        return HTTP_PARSE_BAD;
    return body->state == COMPLETE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
