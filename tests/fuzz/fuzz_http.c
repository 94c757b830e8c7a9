/* fuzz_http.c - libFuzzer harness for the parser of heads and bodies.
 *
 * input = COUNT, COUNT step lengths, bytes. The bytes are fed whole and in
 * those steps, each time in memory of exactly their size; both ways must agree
 * in everything. A head that is complete must also be framed in the one way
 * that a plain second reading of its fields gives.
 *
 * tests/fuzz/run.sh http builds and runs it, with tests/fuzz/http.dict and
 * tests/fuzz/corpus/http, which reaches all branches but the longest limits. */
#include "check.h"
#include "http/body.h"
#include "http/parser.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 15, DATA_MAX = 1 << 16 };

static const struct http_limits limits = {512, 2048};

/* How to cut: the length of each piece in turn; no steps: whole. */
struct cut {
    const unsigned char *steps;
    size_t count;
};

static size_t cut_next(struct cut cut, size_t turn, size_t left)
{
    size_t step = cut.count ? (size_t)cut.steps[turn % cut.count] + 1 : left;
    return step < left ? step : left;
}

/* A copy with not a byte of room behind, for the sanitizer. */
static char *copy_of(const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    CHECK(copy);
    memcpy(copy, bytes, length);
    return copy;
}

struct head {
    struct http_parser parser;
    struct http_request request;
    enum http_parse result;
};

static void head_read(struct head *head, struct text in, struct cut cut)
{
    size_t length = 0, turn = 0;

    http_parser_start(&head->parser, limits, &head->request);
    do {
        size_t before = head->parser.scanned;
        length += cut_next(cut, turn++, in.length - length);
        char *copy = copy_of(in.data, length);
        head->result =
            http_parse_head(&head->parser, copy, length, &head->request);
        free(copy);
        CHECK(head->parser.scanned >= before);
        CHECK(head->parser.scanned <= length);
    } while (head->result == HTTP_PARSE_MORE && length < in.length);
    head->request.base = in.data;
}

static bool same_span(struct http_span a, struct http_span b)
{
    return a.offset == b.offset && a.length == b.length;
}

static void heads_agree(const struct head *a, const struct head *b)
{
    const struct http_request *x = &a->request, *y = &b->request;

    CHECK(a->result == b->result && a->parser.status == b->parser.status);
    CHECK(x->head_length == y->head_length && x->method == y->method);
    CHECK(x->version_minor == y->version_minor && same_span(x->line, y->line));
    CHECK(same_span(x->path, y->path) && same_span(x->query, y->query));
    CHECK(x->asterisk == y->asterisk && x->framing == y->framing);
    CHECK(x->content_length == y->content_length);
    CHECK(x->keep_alive == y->keep_alive);
    CHECK(x->expect_continue == y->expect_continue);
    CHECK(x->field_count == y->field_count);
    for (size_t i = 0; i < x->field_count; i++)
        CHECK(same_span(x->fields[i].name, y->fields[i].name) &&
              same_span(x->fields[i].value, y->fields[i].value));
}

static void span_is_inside(const struct http_request *request,
                           struct http_span span)
{
    CHECK((uint64_t)span.offset + span.length <= request->head_length);
}

static size_t count_fields(const struct http_request *request, struct text name)
{
    size_t at = 0, count = 0;
    while (http_field_next(request, name, &at).data)
        count++;
    return count;
}

/* Every CR has its LF and every LF its CR, and no other control is there. */
static void head_is_clean(struct text head)
{
    CHECK(head.length >= 4);
    CHECK(text_ends_with(head, TEXT("\r\n\r\n")));
    for (size_t i = 0; i < head.length; i++) {
        char c = head.data[i];
        if (c == '\r')
            CHECK(i + 1 < head.length && head.data[i + 1] == '\n');
        else if (c == '\n')
            CHECK(i > 0 && head.data[i - 1] == '\r');
        else
            CHECK((unsigned char)c >= ' ' || c == '\t');
        CHECK(c != 0x7F);
    }
}

static void framing_is_the_only_one(const struct http_request *request)
{
    size_t lengths = count_fields(request, TEXT("Content-Length"));
    size_t encodings = count_fields(request, TEXT("Transfer-Encoding"));
    uint64_t length;

    CHECK(lengths + encodings <= 1);
    CHECK((request->framing == HTTP_BODY_LENGTH) == (lengths == 1));
    CHECK((request->framing == HTTP_BODY_CHUNKED) == (encodings == 1));
    if (lengths == 1) {
        CHECK(text_to_size(http_field(request, TEXT("Content-Length")),
                           INT64_MAX, &length) == 0);
        CHECK(length == request->content_length);
    }
    if (encodings == 1) {
        CHECK(request->version_minor == 1);
        CHECK(text_equal_nocase(http_field(request, TEXT("Transfer-Encoding")),
                                TEXT("chunked")));
    }
    size_t hosts = count_fields(request, TEXT("Host"));
    CHECK(request->version_minor == 1 ? hosts == 1 : hosts <= 1);
}

static void head_is_right(const struct head *head, struct text in)
{
    const struct http_request *request = &head->request;

    CHECK((head->result == HTTP_PARSE_BAD) == (head->parser.status != 0));
    if (head->result == HTTP_PARSE_MORE)
        CHECK(in.length < limits.head_bytes);
    if (head->result != HTTP_PARSE_DONE)
        return;
    CHECK(request->head_length <= in.length);
    CHECK(request->head_length <= limits.head_bytes);
    CHECK(request->line.length <= limits.request_line_bytes);
    span_is_inside(request, request->line);
    span_is_inside(request, request->path);
    span_is_inside(request, request->query);
    for (size_t i = 0; i < request->field_count; i++) {
        span_is_inside(request, request->fields[i].name);
        span_is_inside(request, request->fields[i].value);
        CHECK(request->fields[i].name.length > 0);
    }
    struct text path = http_text(request, request->path);
    CHECK(path.length == 0 || path.data[0] == '/');
    head_is_clean((struct text){in.data, request->head_length});
    framing_is_the_only_one(request);
}

struct decoded {
    enum http_parse result;
    struct http_body body;
    size_t taken, length;
    char data[DATA_MAX];
};

static void body_read(struct decoded *decoded,
                      const struct http_request *request, struct text in,
                      struct cut cut)
{
    size_t given = 0, turn = 0;

    decoded->taken = decoded->length = 0;
    http_body_start(&decoded->body, request);
    do {
        /* What was not taken is given again, with more behind it. */
        size_t piece = cut_next(cut, turn++, in.length - given), taken;
        char *copy =
            copy_of(in.data + decoded->taken, given + piece - decoded->taken);
        size_t left = given + piece - decoded->taken, at = 0;
        struct text data;
        given += piece;
        do {
            decoded->result =
                http_body_next(&decoded->body, copy + at, left, &taken, &data);
            CHECK(taken <= left && data.length <= taken);
            memcpy(decoded->data + decoded->length, data.data, data.length);
            decoded->length += data.length;
            at += taken;
            left -= taken;
        } while (decoded->result == HTTP_PARSE_MORE && taken > 0);
        decoded->taken += at;
        free(copy);
    } while (decoded->result == HTTP_PARSE_MORE && given < in.length);
}

static void bodies_agree(const struct decoded *a, const struct decoded *b)
{
    CHECK(a->result == b->result && a->body.status == b->body.status);
    CHECK(a->taken == b->taken && a->length == b->length);
    CHECK(a->body.received == b->body.received);
    CHECK(a->body.received == a->length);
    CHECK(memcmp(a->data, b->data, a->length) == 0);
    CHECK((a->result == HTTP_PARSE_BAD) == (a->body.status != 0));
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size)
{
    static struct head whole, parts;
    static struct decoded whole_body, parts_body;

    if (size == 0 || size > DATA_MAX)
        return 0;
    size_t count = input[0] % (STEPS_MAX + 1);
    if (size < 1 + count)
        return 0;
    struct cut cut = {input + 1, count}, uncut = {NULL, 0};
    /* Without steps: byte by byte. */
    static const unsigned char single = 0;
    if (count == 0)
        cut = (struct cut){&single, 1};
    struct text in = {(const char *)input + 1 + count, size - 1 - count};

    head_read(&whole, in, uncut);
    head_read(&parts, in, cut);
    heads_agree(&whole, &parts);
    head_is_right(&whole, in);
    if (whole.result != HTTP_PARSE_DONE)
        return 0;
    struct text rest = {in.data + whole.request.head_length,
                        in.length - whole.request.head_length};
    body_read(&whole_body, &whole.request, rest, uncut);
    body_read(&parts_body, &whole.request, rest, cut);
    bodies_agree(&whole_body, &parts_body);
    return 0;
}
