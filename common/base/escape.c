/* escape.c - see escape.h.
 *
 * text -> runs of plain bytes, copied as a whole -> out
 *      -> bytes to escape, one by one            -> out */
#include "base/escape.h"

static const char hex_digits[] = "0123456789abcdef";

/* Appends the run of plain bytes from *start up to i, and moves *start after
 * byte i. The caller then writes byte i in its escaped form. */
static void flush_run(struct message_buffer *out, struct text text,
                      size_t *start, size_t i)
{
    if (i > *start)
        buffer_append(out, text.data + *start, i - *start);
    *start = i + 1;
}

/* Appends the escape of a control character, a quote or a backslash. */
static void json_append_control(struct message_buffer *out, unsigned char c)
{
    switch (c) {
    case '"':
        buffer_append(out, "\\\"", 2);
        return;
    case '\\':
        buffer_append(out, "\\\\", 2);
        return;
    case '\b':
        buffer_append(out, "\\b", 2);
        return;
    case '\f':
        buffer_append(out, "\\f", 2);
        return;
    case '\n':
        buffer_append(out, "\\n", 2);
        return;
    case '\r':
        buffer_append(out, "\\r", 2);
        return;
    case '\t':
        buffer_append(out, "\\t", 2);
        return;
    }
    char unicode[6] = {
        '\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};
    buffer_append(out, unicode, sizeof unicode);
}

/* Handles a character of several bytes that starts at i: leaves it in the run,
 * or replaces it with U+FFFD if it is not UTF-8. Returns the index of its last
 * byte. */
static size_t pass_character(struct message_buffer *out, struct text text,
                             size_t *start, size_t i)
{
    bool valid;
    size_t n =
        text_utf8_next((struct text){text.data + i, text.length - i}, &valid);
    if (!valid) {
        flush_run(out, text, start, i);
        buffer_append(out, "\xEF\xBF\xBD", 3);
        *start = i + n;
    }
    return i + n - 1;
}

void json_append_escaped(struct message_buffer *out, struct text text)
{
    size_t start = 0;

    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80) {
            i = pass_character(out, text, &start, i);
        } else if (c < 0x20 || c == '"' || c == '\\') {
            flush_run(out, text, &start, i);
            json_append_control(out, c);
        }
    }
    flush_run(out, text, &start, text.length);
}

/* Returns the entity of a character, or NULL if it needs none. */
static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_append_text(struct message_buffer *out, struct text text)
{
    size_t start = 0;

    for (size_t i = 0; i < text.length; i++) {
        const char *entity = html_entity(text.data[i]);
        if (entity) {
            flush_run(out, text, &start, i);
            buffer_append_text(out, text_of(entity));
        } else if ((unsigned char)text.data[i] >= 0x80) {
            i = pass_character(out, text, &start, i);
        }
    }
    flush_run(out, text, &start, text.length);
}

/* Returns true if c needs no %XX in a path. */
static bool stands_in_path(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~' || c == '/';
}

void url_append_path(struct message_buffer *out, struct text text)
{
    size_t start = 0;

    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!stands_in_path(c)) {
            /* RFC 3986 section 2.1: upper-case digits should be written. */
            static const char upper_digits[] = "0123456789ABCDEF";
            char escaped[3] = {'%', upper_digits[c >> 4], upper_digits[c & 15]};
            flush_run(out, text, &start, i);
            buffer_append(out, escaped, sizeof escaped);
        }
    }
    flush_run(out, text, &start, text.length);
}

void csv_append_text(struct message_buffer *out, struct text text)
{
    bool quoted = false;
    size_t start = 0;

    for (size_t i = 0; i < text.length && !quoted; i++)
        quoted = text.data[i] == ',' || text.data[i] == '"' ||
                 text.data[i] == '\r' || text.data[i] == '\n';
    if (!quoted) {
        buffer_append_text(out, text);
        return;
    }
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] == '"') {
            flush_run(out, text, &start, i);
            buffer_append(out, "\"\"", 2);
        }
    flush_run(out, text, &start, text.length);
    buffer_append_char(out, '"');
}
