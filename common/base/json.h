/* json.h - JSON, written piece by piece into a buffer (RFC 8259).
 *
 *     json_append_open(out, '{');
 *     json_append_key(out, "name");
 *     json_append_text(out, name);
 *     json_append_close(out, '}');
 *
 * Commas are automatic: before a key or a value one is appended if the last
 * byte in the buffer ends a value. An empty buffer, or one that ends with a
 * line feed, starts a new JSON text. Errors show in out->failed (buffer.h). All
 * text is borrowed for the call. */
#ifndef FIVEFOLD_BASE_JSON_H
#define FIVEFOLD_BASE_JSON_H

#include "base/buffer.h"

/* Appends a comma if one is due. For callers that append the value themselves.
 */
void json_append_comma(struct message_buffer *out);

/* For open, bracket is '{' or '['; for close, '}' or ']'. close adds no comma.
 */
void json_append_open(struct message_buffer *out, char bracket);
void json_append_close(struct message_buffer *out, char bracket);

/* Appends a member's name and the colon; the value must come next. The key is
 * not escaped: use a literal that needs no escaping. */
void json_append_key_text(struct message_buffer *out, struct text key);

/* The same. Inline, as the compiler knows the length of a literal. */
static inline void json_append_key(struct message_buffer *out, const char *key)
{
    json_append_key_text(out, text_of(key));
}

/* Appends a string with its quotes. Bytes that are not UTF-8 become U+FFFD;
 * U+0000 becomes \u0000. */
void json_append_text(struct message_buffer *out, struct text text);

void json_append_number(struct message_buffer *out, uint64_t number);
void json_append_integer(struct message_buffer *out, int64_t number);
/* The number in quotes, so that no JSON parser rounds one beyond 2^53. */
void json_append_quoted_integer(struct message_buffer *out, int64_t number);
/* Appends number with that many digits after the decimal point. */
void json_append_real(struct message_buffer *out, double number, int decimals);
void json_append_bool(struct message_buffer *out, bool value);
void json_append_null(struct message_buffer *out);

/* Append a key and its value. */
static inline void json_member_text(struct message_buffer *out, const char *key,
                                    struct text text)
{
    json_append_key(out, key);
    json_append_text(out, text);
}
static inline void json_member_number(struct message_buffer *out,
                                      const char *key, uint64_t number)
{
    json_append_key(out, key);
    json_append_number(out, number);
}

#endif
