/* json.c - reads a body as JSON, whole or not at all.
 *
 * bytes -> jansson, whose memory comes from here -> json_t
 *       -> no memory: all that jansson took is freed, and an error says so
 *
 * JSON sets no limit to a number, but jansson does: it refuses the whole body
 * if a number is too large. Then we read the body again with such numbers
 * rewritten.
 *
 * The lexer of jansson (2.14) does not notice when its buffer for the current
 * token cannot grow. A byte is missing then: "VALUES (10)" may become
 * "VALUES (1)". A string without its closing quote is read and written beyond
 * its end. So an allocation that fails must not return to jansson: we leave it
 * by longjmp. This is safe, as jansson holds only memory, and each block is in
 * a list of the parse that took it. */
#include "sql/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

/* A header before each piece of memory that jansson gets. The blocks of one
 * parse are in a ring. A block leaves the ring when it is freed, by whichever
 * thread has the tree. This is a ring and not a list of <sys/queue.h>, as the
 * head leaves it before the blocks do. */
struct block {
    _Alignas(max_align_t) struct block *next;
    struct block *previous;
};

struct parse {
    struct block blocks; /* head of the ring; no memory follows it */
    jmp_buf no_memory;
};

static _Thread_local struct parse *parsing; /* NULL: no parse now */

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
    /* Otherwise the first threads that make an object would set the seed, at
     * the same time. */
    json_object_seed(0);
}

/* ---- numbers that jansson does not take ---- */

/* Appends the number between at and end in a form that jansson accepts. A whole
 * number beyond 64 bits gets an exponent, so that it is read as a float. A
 * number beyond a double becomes a string. A float must not be a string, so
 * only that argument is refused. The byte at end is changed during the call.
 * Returns the end of what was appended. */
static char *append_number(char *out, const char *at, char *end)
{
    bool whole = true, huge;
    char after = *end;
    for (const char *c = at; c < end; c++)
        whole = whole && *c != '.' && *c != 'e' && *c != 'E';
    /* strtod and strtoll read further than JSON: of "00" a number of JSON is
     * the first byte alone. They would judge what follows, again and again. */
    *end = '\0';
    huge = isinf(strtod(at, NULL));
    errno = 0;
    if (whole && !huge)
        (void)strtoll(at, NULL, 10);
    *end = after;
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

/* Returns the end of the number, by the grammar of JSON (RFC 8259 section 6).
 * What follows it is left for jansson to accept or refuse. */
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

/* Returns the text with such numbers rewritten, and its length; the caller
 * frees it. NULL without memory. */
static char *rewrite_numbers(struct text text, size_t *length)
{
    /* A rewrite adds two bytes, and a single digit is never rewritten: so twice
     * the length is enough. */
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
            size_t end = (size_t)(number_end(copy + i) - copy);
            out = append_number(out, copy + i, copy + end);
            i = end;
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
