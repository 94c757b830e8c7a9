/* base64.h - RFC 4648 section 4, the standard alphabet. */
#ifndef FIVEFOLD_BASE64_H
#define FIVEFOLD_BASE64_H

#include "base/buffer.h"

/* Appends the encoding; padded says whether with '='. */
void base64_append(struct message_buffer *out, const void *bytes, size_t length,
                   bool padded);

/* Decodes with or without padding into out, which must hold
 * text.length / 4 * 3 + 3 bytes. Returns the length, or -1 with errno EINVAL
 * (another alphabet, a blank, a length or last bits that no encoder makes,
 * wrong padding). */
ssize_t base64_decode(struct text text, unsigned char *out);

#endif
