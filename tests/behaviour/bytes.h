/* bytes.h - growing byte strings for the suite. It shares no code with the
 * servers: what checks must not fail the way that the checked does.
 *
 * Out of memory ends the suite. */
#ifndef SUITE_BYTES_H
#define SUITE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    char *data; /* owned; NUL behind the last byte once anything was added */
    size_t length, capacity;
};

/* Makes room for n more bytes and gives their place. */
char *bytes_room(struct bytes *bytes, size_t n);
void bytes_add(struct bytes *bytes, const void *data, size_t n);
void bytes_print(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bytes_drop(struct bytes *bytes, size_t n); /* the first n */
void bytes_free(struct bytes *bytes);
bool bytes_equal(const struct bytes *a, const struct bytes *b);

/* Where the needle starts, or -1. */
ptrdiff_t bytes_find(const void *data, size_t length, const void *needle,
                     size_t n);

/* Prints to stderr, with what is not printable as \xNN and at most 2000 bytes.
 */
void bytes_show(const char *title, const void *data, size_t n);

/* What a step of a case may name from the answers before it. */
struct remembered {
    char baton[256];
    char etag[256];
};

/* Adds a copy of text in which {{N*piece}} is N times piece, and {{baton}} and
 * {{etag}} are what is remembered. */
void bytes_expand(struct bytes *out, const char *text, size_t n,
                  const struct remembered *remembered);

#endif
