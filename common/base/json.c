/* json.c - see json.h. */
#include "base/json.h"

#include "base/escape.h"

/* Returns true if a comma is due before what comes next. */
static bool comma_is_due(const struct message_buffer *out)
{
    if (buffer_length(out) == 0)
        return false;
    switch (out->data[out->end - 1]) {
    case '{':
    case '[':
    case ':':
    case ',':
    case '\n':
        return false;
    default:
        return true;
    }
}

void json_append_comma(struct message_buffer *out)
{
    if (comma_is_due(out))
        buffer_append_char(out, ',');
}

/* Appends text in quotes as it is, with a comma before it if one is due, and
 * `colon` after it unless that is 0. One check of the room for all of it: most
 * of an answer is written here. */
static void append_quoted(struct message_buffer *out, struct text text,
                          char colon)
{
    size_t most = text.length + sizeof ",\"\":" - 1;
    if (out->failed ||
        (buffer_space(out) < most && buffer_reserve(out, most) < 0))
        return;
    bool comma = comma_is_due(out);
    char *at = out->data + out->end;
    if (comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, text.data, text.length);
    at += text.length;
    *at++ = '"';
    if (colon != 0)
        *at++ = colon;
    out->end = (size_t)(at - out->data);
}

/* Returns true if JSON has text as it is: printable ASCII without '"' and
 * '\\'. */
static bool is_plain(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return false;
    }
    return text.length > 0;
}

void json_append_open(struct message_buffer *out, char bracket)
{
    json_append_comma(out);
    buffer_append_char(out, bracket);
}

void json_append_close(struct message_buffer *out, char bracket)
{
    buffer_append_char(out, bracket);
}

void json_append_key_text(struct message_buffer *out, struct text key)
{
    append_quoted(out, key, ':');
}

void json_append_text(struct message_buffer *out, struct text text)
{
    if (is_plain(text)) {
        append_quoted(out, text, 0);
        return;
    }
    json_append_comma(out);
    buffer_append_char(out, '"');
    json_append_escaped(out, text);
    buffer_append_char(out, '"');
}

void json_append_number(struct message_buffer *out, uint64_t number)
{
    json_append_comma(out);
    buffer_append_number(out, number);
}

void json_append_integer(struct message_buffer *out, int64_t number)
{
    json_append_comma(out);
    buffer_append_integer(out, number);
}

void json_append_real(struct message_buffer *out, double number, int decimals)
{
    json_append_comma(out);
    buffer_printf(out, "%.*f", decimals, number);
}

void json_append_bool(struct message_buffer *out, bool value)
{
    json_append_comma(out);
    buffer_append_text(out, value ? TEXT("true") : TEXT("false"));
}

void json_append_quoted_integer(struct message_buffer *out, int64_t number)
{
    json_append_comma(out);
    buffer_append_char(out, '"');
    buffer_append_integer(out, number);
    buffer_append_char(out, '"');
}

void json_append_null(struct message_buffer *out)
{
    json_append_comma(out);
    buffer_append(out, "null", 4);
}
