/* base64.c - three bytes as four characters and back (RFC 4648 section 4).
 *
 * Blobs of SQL values are encoded and decoded here, and the credentials of
 * Basic authentication are decoded. Thread-safe. */
#include "base/base64.h"

#include <errno.h>

static const char alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Returns the six bits that a character stands for, or -1. */
static int base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void base64_append(struct message_buffer *out, const void *bytes, size_t length,
                   bool padded)
{
    const unsigned char *in = bytes;
    size_t left = length;

    /* A failed buffer must not change any more: see buffer.h. */
    if (out->failed || buffer_reserve(out, length / 3 * 4 + 4) < 0)
        return;
    char *start = out->data + out->end, *to = start;
    for (; left >= 3; left -= 3, in += 3) {
        *to++ = alphabet[in[0] >> 2];
        *to++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *to++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *to++ = alphabet[in[2] & 63];
    }
    if (left > 0) {
        unsigned char second = left == 2 ? in[1] : 0;
        *to++ = alphabet[in[0] >> 2];
        *to++ = alphabet[(in[0] & 3) << 4 | second >> 4];
        if (left == 2)
            *to++ = alphabet[(second & 15) << 2];
        for (size_t i = left; padded && i < 3; i++)
            *to++ = '=';
    }
    buffer_filled(out, (size_t)(to - start));
}

/* Removes the padding. Returns false if the padding is not what an encoder
 * writes (at most two '=', up to a multiple of four), or if no encoder writes a
 * text of this length. */
static bool base64_strip(struct text *text)
{
    size_t padding = 0;
    while (padding < 2 && text->length > padding &&
           text->data[text->length - padding - 1] == '=')
        padding++;
    if (padding > 0 && text->length % 4 != 0)
        return false;
    text->length -= padding;
    return text->length % 4 != 1;
}

ssize_t base64_decode(struct text text, unsigned char *out)
{
    unsigned char *to = out;
    unsigned bits = 0, bit_count = 0;

    if (!base64_strip(&text))
        goto invalid;
    for (size_t i = 0; i < text.length; i++) {
        int value = base64_value((unsigned char)text.data[i]);
        if (value < 0)
            goto invalid;
        bits = bits << 6 | (unsigned)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            *to++ = (unsigned char)(bits >> bit_count);
            bits &= (1u << bit_count) - 1;
        }
    }
    /* The last bits, which belong to no byte, must be 0. Otherwise two texts
     * could mean the same bytes. */
    if (bits != 0)
        goto invalid;
    return to - out;
invalid:
    errno = EINVAL;
    return -1;
}
