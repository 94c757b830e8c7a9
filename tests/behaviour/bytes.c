/* bytes.c - growing byte strings, and the few things done with them. */
#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *bytes_room(struct bytes *bytes, size_t n)
{
    size_t wanted = bytes->length + n + 1;
    if (wanted > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : 256;
        while (capacity < wanted)
            capacity *= 2;
        bytes->data = realloc(bytes->data, capacity);
        if (!bytes->data)
            abort();
        bytes->capacity = capacity;
    }
    return bytes->data + bytes->length;
}

void bytes_add(struct bytes *bytes, const void *data, size_t n)
{
    memcpy(bytes_room(bytes, n), data, n);
    bytes->length += n;
    bytes->data[bytes->length] = '\0';
}

void bytes_print(struct bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (n < 0)
        abort();
    va_start(arguments, format);
    vsnprintf(bytes_room(bytes, (size_t)n), (size_t)n + 1, format, arguments);
    va_end(arguments);
    bytes->length += (size_t)n;
}

void bytes_drop(struct bytes *bytes, size_t n)
{
    bytes->length -= n;
    memmove(bytes->data, bytes->data + n, bytes->length);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->length == b->length &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

ptrdiff_t bytes_find(const void *data, size_t length, const void *needle,
                     size_t n)
{
    if (length == 0 || n == 0)
        return n == 0 ? 0 : -1;
    const char *at = memmem(data, length, needle, n);
    return at ? at - (const char *)data : -1;
}

void bytes_show(const char *title, const void *data, size_t n)
{
    const unsigned char *at = data;
    fprintf(stderr, "    %s (%zu bytes):\n      ", title, n);
    for (size_t i = 0; i < n && i < 2000; i++) {
        if (at[i] == '\n')
            fprintf(stderr, "\\n\n      ");
        else if (at[i] == '\r')
            fprintf(stderr, "\\r");
        else if (at[i] < 32 || at[i] > 126)
            fprintf(stderr, "\\x%02x", at[i]);
        else
            fputc(at[i], stderr);
    }
    fprintf(stderr, "%s\n", n > 2000 ? "..." : "");
}

/* Behind the }} that belongs to the {{ at text, or NULL. They nest. */
static const char *expansion_end(const char *text, const char *end)
{
    int depth = 0;
    for (const char *at = text; at + 1 < end; at++) {
        if (memcmp(at, "{{", 2) == 0)
            depth++;
        else if (memcmp(at, "}}", 2) == 0)
            depth--;
        else
            continue;
        at++;
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

/* The part between {{ and }}. */
static void expand_one(struct bytes *out, const char *inner, size_t n,
                       const struct remembered *remembered)
{
    if (*inner == 'b' || *inner == 'e') {
        const char *value =
            *inner == 'b' ? remembered->baton : remembered->etag;
        bytes_add(out, value, strlen(value));
        return;
    }
    char *piece;
    unsigned long count = strtoul(inner, &piece, 10);
    piece++; /* the star */
    size_t length = n - (size_t)(piece - inner);
    for (unsigned long i = 0; i < count; i++)
        bytes_expand(out, piece, length, remembered);
}

void bytes_expand(struct bytes *out, const char *text, size_t n,
                  const struct remembered *remembered)
{
    const char *end = text + n;
    while (text < end) {
        ptrdiff_t plain = bytes_find(text, (size_t)(end - text), "{{", 2);
        if (plain < 0)
            plain = end - text;
        bytes_add(out, text, (size_t)plain);
        text += plain;
        if (text == end)
            break;
        const char *behind = expansion_end(text, end);
        if (!behind || !strchr("be0123456789", text[2])) {
            bytes_add(out, text, 2); /* JSON has {{ of its own */
            text += 2;
            continue;
        }
        expand_one(out, text + 2, (size_t)(behind - text) - 4, remembered);
        text = behind;
    }
    bytes_add(out, "", 0);
}
