/* json.c - see json.h. */
#include "base/json.h"

#include "base/escape.h"

void json_append_comma(struct message_buffer *out)
{
    if (buffer_length(out) > 0 &&
        strchr("{[:,\n", out->data[out->end - 1]) == NULL)
        buffer_append_char(out, ',');
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

void json_append_key(struct message_buffer *out, const char *key)
{
    json_append_comma(out);
    buffer_append_char(out, '"');
    buffer_append_text(out, text_of(key));
    buffer_append(out, "\":", 2);
}

void json_append_text(struct message_buffer *out, struct text text)
{
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

void json_member_text(struct message_buffer *out, const char *key,
                      struct text text)
{
    json_append_key(out, key);
    json_append_text(out, text);
}

void json_member_number(struct message_buffer *out, const char *key,
                        uint64_t number)
{
    json_append_key(out, key);
    json_append_number(out, number);
}
