/* text.c - see text.h. Whole decimal numbers from clients and files are read
 * here, with their limits.
 *
 * No function keeps the bytes that it is given. Only text_percent_decode copies
 * them, into the caller's memory. Thread-safe. */
#include "base/siphash.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/random.h>

static unsigned char byte_at(struct text text, size_t i)
{
    return (unsigned char)text.data[i];
}

/* Not tolower(), which depends on the locale: the locale must not change what a
 * header means. */
static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

bool text_equal(struct text a, struct text b)
{
    /* memcmp does not allow NULL, even with length 0. */
    return a.length == b.length &&
           (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool text_equal_nocase(struct text a, struct text b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(byte_at(a, i)) != lower(byte_at(b, i)))
            return false;
    return true;
}

bool text_starts_with(struct text text, struct text prefix)
{
    return text.length >= prefix.length &&
           text_equal((struct text){text.data, prefix.length}, prefix);
}

bool text_ends_with(struct text text, struct text suffix)
{
    if (text.length < suffix.length)
        return false;
    if (suffix.length == 0)
        return true;
    return memcmp(text.data + text.length - suffix.length, suffix.data,
                  suffix.length) == 0;
}

struct text text_trim(struct text text)
{
    while (text.length && is_blank(byte_at(text, 0))) {
        text.data++;
        text.length--;
    }
    while (text.length && is_blank(byte_at(text, text.length - 1)))
        text.length--;
    return text;
}

struct text text_split(struct text *rest, char separator)
{
    struct text all = *rest;
    const char *at =
        all.length ? memchr(all.data, separator, all.length) : NULL;
    if (!at) {
        *rest = (struct text){NULL, 0};
        return all;
    }
    size_t length = (size_t)(at - all.data);
    *rest = (struct text){at + 1, all.length - length - 1};
    return (struct text){all.data, length};
}

/* -- numbers -------------------------------------------------------------- */

int text_to_size(struct text text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;
    bool too_large = false;

    if (text.length == 0) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)byte_at(text, i) - '0';
        if (digit > 9) {
            errno = EINVAL;
            return -1;
        }
        /* Checks value * 10 + digit <= max without overflow. If it is too large
         * we still read the rest: "99x" is EINVAL, not ERANGE. */
        if (digit > max || value > (max - digit) / 10)
            too_large = true;
        else
            value = value * 10 + digit;
    }
    if (too_large) {
        errno = ERANGE;
        return -1;
    }
    *number = value;
    return 0;
}

int text_to_int64(struct text text, int64_t *number)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    uint64_t size;

    if (!negative) {
        if (text_to_size(text, INT64_MAX, &size) < 0)
            return -1;
        *number = (int64_t)size;
        return 0;
    }
    text.data++;
    text.length--;
    if (text_to_size(text, (uint64_t)INT64_MAX + 1, &size) < 0)
        return -1;
    /* -size would overflow for INT64_MIN, so negate size - 1 and subtract 1. */
    *number = size == 0 ? 0 : -(int64_t)(size - 1) - 1;
    return 0;
}

int text_hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    unsigned char c = lower((unsigned char)digit);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* -- encodings ------------------------------------------------------------ */

ssize_t text_percent_decode(struct text text, bool plus_is_space, char *out)
{
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high =
                i + 2 < text.length ? text_hex_value(text.data[i + 1]) : -1;
            int low = high >= 0 ? text_hex_value(text.data[i + 2]) : -1;
            if (low < 0) {
                errno = EINVAL;
                return -1;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[length++] = c;
    }
    return (ssize_t)length;
}

/* Returns true if second may follow first. RFC 3629 forbids overlong forms
 * (E0 80, F0 80), surrogates (ED A0) and characters above U+10FFFF (F4 90). All
 * of these show in the second byte. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high;
}

size_t text_utf8_next(struct text text, bool *valid)
{
    unsigned char first = byte_at(text, 0);
    size_t want = first < 0x80                     ? 1
                  : first >= 0xC2 && first <= 0xDF ? 2
                  : first >= 0xE0 && first <= 0xEF ? 3
                  : first >= 0xF0 && first <= 0xF4 ? 4
                                                   : 0;
    *valid = false;
    if (want == 0)
        return 1;
    for (size_t i = 1; i < want; i++) {
        if (i >= text.length)
            return i;
        unsigned char c = byte_at(text, i);
        if (i == 1 ? !second_byte_fits(first, c) : (c & 0xC0) != 0x80)
            return i;
    }
    *valid = true;
    return want;
}

/* The secret of text_hash. Set before main, so before any other thread runs. */
static uint64_t hash_key[2];

__attribute__((constructor)) static void draw_hash_key(void)
{
    /* getrandom may be forbidden (seccomp). Then use the 16 random bytes that
     * the kernel gives to each process. */
    const void *given = (const void *)getauxval(AT_RANDOM);
    if (getrandom(hash_key, sizeof hash_key, 0) != (ssize_t)sizeof hash_key &&
        given != NULL)
        memcpy(hash_key, given, sizeof hash_key);
}

uint64_t text_hash(uint64_t seed, struct text text)
{
    return siphash(hash_key, seed, text);
}

bool text_equal_secret(struct text a, struct text b)
{
    /* The time may show the length, but not where the bytes differ. volatile
     * keeps the compiler from leaving the loop early. */
    volatile unsigned char difference = 0;

    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        difference |= byte_at(a, i) ^ byte_at(b, i);
    return difference == 0;
}
