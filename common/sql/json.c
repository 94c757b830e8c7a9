/* json.c - a body that is read as JSON, whole or not at all.
 *
 * JSON's numbers have no end; jansson's do, and with one beyond it the whole
 * body is none to it: then it is read again with those numbers rewritten.
 *
 * bytes -> jansson, whose memory comes from here -> json_t
 *       -> no memory: everything of it is freed, and so it is said
 *
 * jansson's lexer takes no notice when its buffer for the current token cannot
 * grow. A byte is missing then: "VALUES (10)" may become "VALUES (1)", and
 * without its closing quote a string is read and written beyond its end (2.14).
 * So an allocation that fails must not come back to it: we leave it by longjmp.
 * It holds nothing but memory, and each block is in a list of the parse that
 * took it. */
#include "sql/hrana.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

/* In front of what jansson gets. The blocks of one parse are in a ring, which
 * they leave as they are freed, by any thread that has the tree. A ring and not
 * a list of <sys/queue.h>: its head leaves before they do. */
struct block {
    _Alignas(max_align_t) struct block *next;
    struct block *previous;
};

struct parse {
    struct block blocks; /* the ring; no block itself */
    jmp_buf no_memory;
};

static _Thread_local struct parse *parsing; /* NULL: not now */

static void ring_start(struct block *block)
{
    block->next = block->previous = block;
}

static void ring_join(struct block *ring, struct block *block)
{
    block->next = ring;
    block->previous = ring->previous;
    ring->previous->next = block;
    ring->previous = block;
}

static void ring_leave(struct block *block)
{
    block->previous->next = block->next;
    block->next->previous = block->previous;
}

static void *take(size_t n)
{
    struct block *made = malloc(sizeof *made + n);
    if (made == NULL && parsing != NULL)
        longjmp(parsing->no_memory, 1);
    if (made == NULL)
        return NULL;
    if (parsing != NULL)
        ring_join(&parsing->blocks, made);
    else
        ring_start(made);
    return made + 1;
}

static void give(void *data)
{
    if (data == NULL)
        return;
    struct block *block = (struct block *)data - 1;
    ring_leave(block);
    free(block);
}

void sql_json_open(void)
{
    json_set_alloc_funcs(take, give);
    /* Else the first threads that make an object would, at the same time. */
    json_object_seed(0);
}

/* ---- numbers that jansson does not take ---- */

/* Appends the number between at and end as one that jansson takes: a whole one
 * beyond 64 bits with an exponent, so that it is read as a float; one beyond a
 * double as a string, which no float may be, so that the error is the
 * argument's. A NUL stands behind the text. */
static char *append_number(char *out, const char *at, const char *end)
{
    bool whole = true, huge;
    for (const char *c = at; c < end; c++)
        whole = whole && *c != '.' && *c != 'e' && *c != 'E';
    huge = isinf(strtod(at, NULL));
    errno = 0;
    if (whole && !huge)
        (void)strtoll(at, NULL, 10);
    bool exponent = whole && !huge && errno == ERANGE;
    if (huge)
        *out++ = '"';
    memcpy(out, at, (size_t)(end - at));
    out += end - at;
    if (huge)
        *out++ = '"';
    if (exponent) {
        *out++ = 'e';
        *out++ = '0';
    }
    return out;
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Where a number ends that is one of JSON (RFC 8259 section 6). What is behind
 * it is left for jansson to take or refuse. */
static const char *number_end(const char *at)
{
    const char *first = *at == '-' ? at + 1 : at;
    const char *end = *first == '0' ? first + 1 : skip_digits(first);
    if (*end == '.' && skip_digits(end + 1) > end + 1)
        end = skip_digits(end + 1);
    if (*end == 'e' || *end == 'E') {
        const char *digits = end + 1 + (end[1] == '+' || end[1] == '-');
        if (skip_digits(digits) > digits)
            end = skip_digits(digits);
    }
    return end;
}

/* The text with such numbers written otherwise; NULL without memory. */
static char *rewrite_numbers(struct text text, size_t *length)
{
    /* One digit, the shortest that is never rewritten, would be three. */
    char *copy = malloc(text.length + 1), *made = malloc(text.length * 2 + 1);
    if (copy == NULL || made == NULL) {
        free(copy);
        free(made);
        return NULL;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    char *out = made;
    bool in_string = false;
    for (size_t i = 0; i < text.length;) {
        char c = copy[i];
        if (!in_string && ((c >= '0' && c <= '9') || c == '-')) {
            const char *end = number_end(copy + i);
            out = append_number(out, copy + i, end);
            i = (size_t)(end - copy);
            continue;
        }
        *out++ = copy[i++];
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\' && i < text.length)
            *out++ = copy[i++];
    }
    free(copy);
    *length = (size_t)(out - made);
    return made;
}

/* ---- reading ---- */

static json_t *read_once(struct text text, json_error_t *where, bool *no_memory)
{
    struct parse parse;
    ring_start(&parse.blocks);
    *no_memory = false;
    parsing = &parse;
    if (setjmp(parse.no_memory) != 0) {
        parsing = NULL;
        while (parse.blocks.next != &parse.blocks)
            give(parse.blocks.next + 1);
        *no_memory = true;
        return NULL;
    }
    json_t *made = json_loadb(text.data ? text.data : "", text.length,
                              JSON_ALLOW_NUL, where);
    parsing = NULL;
    ring_leave(&parse.blocks);
    return made;
}

json_t *sql_json_read(struct text text, json_error_t *where, bool *no_memory)
{
    json_t *made = read_once(text, where, no_memory);
    if (made != NULL || *no_memory ||
        json_error_code(where) != json_error_numeric_overflow)
        return made;
    struct text other;
    char *numbers = rewrite_numbers(text, &other.length);
    *no_memory = numbers == NULL;
    if (numbers == NULL)
        return NULL;
    other.data = numbers;
    made = read_once(other, where, no_memory);
    free(numbers);
    return made;
}
