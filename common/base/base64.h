/* base64.h - base64 (RFC 4648 section 4, the standard alphabet). */
#ifndef FIVEFOLD_BASE_BASE64_H
#define FIVEFOLD_BASE_BASE64_H

#include "base/buffer.h"

/* Appends bytes to out in base64. padded: fills the last group up with '='.
 * Without memory out->failed is set (buffer.h). bytes is borrowed. */
void base64_append(struct message_buffer *out, const void *bytes, size_t length,
                   bool padded);

/* Decodes text, with or without padding, into out, which must have room for
 * text.length / 4 * 3 + 3 bytes. Returns the number of bytes written, or -1
 * with errno EINVAL: a character that is not in the alphabet (such as a blank),
 * wrong padding, or a length or unused last bits that no encoder produces. */
ssize_t base64_decode(struct text text, unsigned char *out);

#endif
