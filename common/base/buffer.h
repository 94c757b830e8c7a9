/* buffer.h - a growing buffer for bytes received or bytes to send. A cursor
 * marks how far the reader has come.
 *
 *     data          cursor                end              capacity
 *      |  taken       |  waiting           |  free            |
 *
 * recv writes at end; a parser or send takes at cursor. A partial read or write
 * moves only one of the two. All zero is a valid empty buffer that owns no
 * memory; an idle connection has such a buffer. A buffer with a budget grows
 * only as far as the budget allows. Not thread-safe. */
#ifndef FIVEFOLD_BASE_BUFFER_H
#define FIVEFOLD_BASE_BUFFER_H

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

/* Returns the number of bytes between cursor and end. */
static inline size_t buffer_length(const struct message_buffer *buffer)
{
    return buffer->end - buffer->cursor;
}

/* Returns the first byte that has not been taken. Borrowed until the next call
 * that may move memory (reserve, append, printf, shrink, release). */
static inline char *buffer_start(const struct message_buffer *buffer)
{
    return buffer->data + buffer->cursor;
}

/* Returns the number of free bytes after end. */
static inline size_t buffer_space(const struct message_buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* Returns all bytes between cursor and end; borrowed as with buffer_start. */
static inline struct text buffer_text(const struct message_buffer *buffer)
{
    return (struct text){buffer->data ? buffer_start(buffer) : "",
                         buffer_length(buffer)};
}

/* Makes room for at least n bytes after end. Moves the waiting bytes to the
 * start of the memory if that is cheap and enough; otherwise doubles the
 * memory. Returns 0. Without memory, or without room in the budget, returns -1
 * with errno ENOMEM, sets failed, and leaves the content as it was. */
int buffer_reserve(struct message_buffer *buffer, size_t n);

/* Says that n bytes (n <= buffer_space) were written after end. */
void buffer_filled(struct message_buffer *buffer, size_t n);

/* Says that the reader has taken n bytes (n <= buffer_length). */
void buffer_taken(struct message_buffer *buffer, size_t n);

/* These append to the buffer; bytes, text and format are borrowed for the call.
 * They return 0, or -1 with failed set and errno ENOMEM (buffer_printf may set
 * another errno, or none). Once an append has failed, later appends do nothing
 * and fail too. So a writer can make many calls and check `failed` once at its
 * end. */
int buffer_append(struct message_buffer *buffer, const void *bytes, size_t n);
int buffer_append_text(struct message_buffer *buffer, struct text text);
int buffer_printf(struct message_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As buffer_append, for one byte. Inline, as JSON has many single bytes. */
static inline int buffer_append_char(struct message_buffer *buffer, char c)
{
    if (buffer->failed || buffer->end == buffer->capacity)
        return buffer_append(buffer, &c, 1);
    buffer->data[buffer->end++] = c;
    return 0;
}

/* Append a decimal number. Every answer has some, and printf is too slow for
 * them. Return 0, or -1 with errno ENOMEM. */
int buffer_append_number(struct message_buffer *buffer, uint64_t number);
int buffer_append_integer(struct message_buffer *buffer, int64_t number);

/* Drops the content, keeps the memory, and clears failed. */
void buffer_clear(struct message_buffer *buffer);

/* Frees memory that the content does not need, if the buffer is large and most
 * of it is unused. Moves the content. */
void buffer_shrink(struct message_buffer *buffer);

/* Frees the memory. The buffer is then all zero, except for its budget. */
void buffer_release(struct message_buffer *buffer);

#endif
