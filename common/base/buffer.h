/* buffer.h - bytes on their way in or out, with a cursor that says how far
 * the reader has come.
 *
 *     data          cursor                end              capacity
 *      |  taken       |  waiting           |  free            |
 *
 * A recv fills at end, a parser or send takes at cursor; a partial read or
 * write only moves one of the two. All zero is a valid empty buffer that owns
 * no memory, which is what an idle connection has. A buffer with a budget grows
 * only as far as that allows. */
#ifndef FIVEFOLD_BUFFER_H
#define FIVEFOLD_BUFFER_H

#include "base/budget.h"
#include "base/text.h"

#include <stdarg.h>
#include <sys/types.h>

struct message_buffer {
    char *data;            /* owned */
    size_t cursor;         /* first byte that has not been taken */
    size_t end;            /* one past the last byte */
    size_t capacity;       /* bytes allocated */
    bool failed;           /* an append ran out of memory: the content is cut */
    struct budget *budget; /* borrowed; NULL: not counted. Set while the buffer
                              is empty */
};

/* Bytes between cursor and end. */
static inline size_t buffer_length(const struct message_buffer *buffer)
{
    return buffer->end - buffer->cursor;
}

/* The first byte that has not been taken; borrowed until the next call that
 * may move memory (reserve, append, printf, release). */
static inline char *buffer_start(const struct message_buffer *buffer)
{
    return buffer->data + buffer->cursor;
}

/* Free bytes behind end. */
static inline size_t buffer_space(const struct message_buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* Everything that waits in the buffer, borrowed like buffer_start. */
static inline struct text buffer_text(const struct message_buffer *buffer)
{
    return (struct text){buffer->data ? buffer_start(buffer) : "",
                         buffer_length(buffer)};
}

/* Makes room for at least n bytes behind end: moves what waits to the front
 * when that is enough, else grows by doubling. Returns 0, or -1 with errno
 * ENOMEM (no memory, or no room in the budget), sets failed, and leaves the
 * content as it was. */
int buffer_reserve(struct message_buffer *buffer, size_t n);

/* Says that n bytes (n <= buffer_space) were written behind end. */
void buffer_filled(struct message_buffer *buffer, size_t n);

/* Says that the reader has taken n bytes (n <= buffer_length). */
void buffer_taken(struct message_buffer *buffer, size_t n);

/* Copies n bytes behind end. Once an append has failed the following ones do
 * nothing, so that a writer checks `failed` once, at its end. Return 0, or -1
 * with errno ENOMEM. */
int buffer_append(struct message_buffer *buffer, const void *bytes, size_t n);
int buffer_append_text(struct message_buffer *buffer, struct text text);
int buffer_append_char(struct message_buffer *buffer, char c);
int buffer_printf(struct message_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A decimal number; printf is too slow for the ones in every answer. */
int buffer_append_number(struct message_buffer *buffer, uint64_t number);
int buffer_append_integer(struct message_buffer *buffer, int64_t number);

/* Forgets the content and keeps the memory. */
void buffer_clear(struct message_buffer *buffer);

/* Gives back what the content does not need, if that is most of a large buffer.
 * Moves memory. */
void buffer_shrink(struct message_buffer *buffer);

/* Gives the memory back; the buffer is then all zero, but for its budget. */
void buffer_release(struct message_buffer *buffer);

#endif
