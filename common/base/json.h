/* json.h - JSON, written piece by piece into a buffer (RFC 8259).
 *
 *     json_append_open(out, '{');
 *     json_append_key(out, "name");
 *     json_append_text(out, name);
 *     json_append_close(out, '}');
 *
 * The comma between two values is put by itself: it is due where the last byte
 * in the buffer ends a value. A buffer that is empty, or whose last byte ends a
 * line, begins a new text. */
#ifndef FIVEFOLD_JSON_H
#define FIVEFOLD_JSON_H

#include "base/buffer.h"

/* Puts the comma if one is due. For who appends the value itself. */
void json_append_comma(struct message_buffer *out);

/* Bracket is '{' or '['; '}' or ']'. */
void json_append_open(struct message_buffer *out, char bracket);
void json_append_close(struct message_buffer *out, char bracket);

/* The name of the member whose value comes next. Nothing in it is escaped: it
 * is a literal. */
void json_append_key(struct message_buffer *out, const char *key);

/* A string, with its quotes. What is no UTF-8 becomes U+FFFD; U+0000 becomes
 * \u0000. */
void json_append_text(struct message_buffer *out, struct text text);

void json_append_number(struct message_buffer *out, uint64_t number);
void json_append_integer(struct message_buffer *out, int64_t number);
/* With so many decimals. */
void json_append_real(struct message_buffer *out, double number, int decimals);
void json_append_bool(struct message_buffer *out, bool value);
void json_append_null(struct message_buffer *out);

/* A key and its value. */
void json_member_text(struct message_buffer *out, const char *key,
                      struct text text);
void json_member_number(struct message_buffer *out, const char *key,
                        uint64_t number);

#endif
