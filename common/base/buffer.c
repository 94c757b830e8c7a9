/* buffer.c - see buffer.h.
 *
 * recv -> [data .. cursor .. end .. capacity] -> parser or send
 *
 * Memory is allocated when bytes arrive and freed by buffer_release, so an idle
 * connection needs none. The waiting bytes are moved to the start of the memory
 * only when room is needed, not each time bytes are taken. */
#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_FIRST_BYTES = 256 };

int buffer_reserve(struct message_buffer *buffer, size_t n)
{
    if (buffer_space(buffer) >= n)
        return 0;
    size_t waiting = buffer_length(buffer);
    /* Move only if this frees at least as many bytes as it copies. Otherwise a
     * reader that takes byte by byte would make the cost quadratic. */
    if (buffer->cursor >= waiting && buffer->capacity - waiting >= n) {
        if (waiting > 0)
            memmove(buffer->data, buffer_start(buffer), waiting);
        buffer->cursor = 0;
        buffer->end = waiting;
        return 0;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FIRST_BYTES;
    while (capacity - buffer->end < n) {
        if (capacity > SIZE_MAX / 4) {
            buffer->failed = true;
            errno = ENOMEM;
            return -1;
        }
        capacity *= 2;
    }
    char *data = NULL;
    if (!budget_take(buffer->budget, buffer->capacity, capacity)) {
        errno = ENOMEM;
    } else {
        data = realloc(buffer->data, capacity);
        if (data == NULL)
            budget_give(buffer->budget, capacity, buffer->capacity);
    }
    if (data == NULL) {
        buffer->failed = true;
        return -1;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

void buffer_filled(struct message_buffer *buffer, size_t n)
{
    buffer->end += n;
}

void buffer_taken(struct message_buffer *buffer, size_t n)
{
    buffer->cursor += n;
    if (buffer->cursor == buffer->end)
        buffer->cursor = buffer->end = 0;
}

int buffer_append(struct message_buffer *buffer, const void *bytes, size_t n)
{
    if (buffer->failed) {
        errno = ENOMEM;
        return -1;
    }
    if (n == 0)
        return 0; /* bytes may be NULL, which memcpy does not allow */
    if (buffer_space(buffer) < n && buffer_reserve(buffer, n) < 0)
        return -1;
    memcpy(buffer->data + buffer->end, bytes, n);
    buffer->end += n;
    return 0;
}

int buffer_append_text(struct message_buffer *buffer, struct text text)
{
    return buffer_append(buffer, text.data, text.length);
}

int buffer_append_number(struct message_buffer *buffer, uint64_t number)
{
    char digits[20]; /* 2^64 - 1 has 20 digits */
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return buffer_append(buffer, digits + at, sizeof digits - at);
}

int buffer_append_integer(struct message_buffer *buffer, int64_t number)
{
    uint64_t size = (uint64_t)number;
    if (number >= 0)
        return buffer_append_number(buffer, size);
    buffer_append_char(buffer, '-');
    /* 0 - size is correct for INT64_MIN too, because it is unsigned. */
    return buffer_append_number(buffer, 0 - size);
}

int buffer_printf(struct message_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    int result = -1;
    /* One byte more, because vsnprintf also writes a NUL. */
    if (n >= 0 && !buffer->failed &&
        buffer_reserve(buffer, (size_t)n + 1) == 0) {
        vsnprintf(buffer->data + buffer->end, (size_t)n + 1, format, again);
        buffer->end += (size_t)n;
        result = 0;
    }
    va_end(again);
    if (n < 0)
        buffer->failed = true;
    return result;
}

void buffer_clear(struct message_buffer *buffer)
{
    buffer->cursor = buffer->end = 0;
    buffer->failed = false;
}

void buffer_shrink(struct message_buffer *buffer)
{
    size_t waiting = buffer_length(buffer), capacity = BUFFER_FIRST_BYTES;
    while (capacity < waiting)
        capacity *= 2;
    if (buffer->capacity <= BUDGET_SMALL_BYTES ||
        capacity > buffer->capacity / 4)
        return;
    char *data = malloc(capacity);
    if (data == NULL)
        return;
    memcpy(data, buffer_start(buffer), waiting);
    free(buffer->data);
    budget_give(buffer->budget, buffer->capacity, capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->cursor = 0;
    buffer->end = waiting;
}

void buffer_release(struct message_buffer *buffer)
{
    free(buffer->data);
    budget_give(buffer->budget, buffer->capacity, 0);
    *buffer = (struct message_buffer){.budget = buffer->budget};
}
