/* text.h - a view of bytes that somebody else owns, and the checked ways to
 * read numbers from it.
 *
 * Nothing here is terminated by NUL: a client may send NUL anywhere, so every
 * length is carried. */
#ifndef FIVEFOLD_TEXT_H
#define FIVEFOLD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct text {
    const char *data; /* borrowed; may be NULL when length is 0 */
    size_t length;    /* bytes */
};

/* A text of a string literal, without its terminating NUL. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* Views the NUL-terminated string, which must outlive the view. */
struct text text_of(const char *string);

/* Byte for byte, and without regard to the case of ASCII letters. */
bool text_equal(struct text a, struct text b);
bool text_equal_nocase(struct text a, struct text b);

bool text_starts_with(struct text text, struct text prefix);
bool text_ends_with(struct text text, struct text suffix);

/* Without the spaces and tabs (OWS, RFC 9110 section 5.6.3) at both ends. */
struct text text_trim(struct text text);

/* Splits at the first separator: gives what stands before it and moves *rest
 * behind it. Without a separator gives all and leaves *rest empty with
 * data == NULL, which is how a loop sees its end. */
struct text text_split(struct text *rest, char separator);

/* Reads an unsigned decimal number that fills the whole text: no sign, no
 * blank, no overflow, at most max. Returns 0, or -1 with errno EINVAL (not a
 * number) or ERANGE (too large); *number is then unchanged. */
int text_to_size(struct text text, uint64_t max, uint64_t *number);

/* The same for a signed 64-bit number with an optional leading minus. */
int text_to_int64(struct text text, int64_t *number);

/* What a hexadecimal digit of either case is worth, or -1. */
int text_hex_value(char digit);

/* Decodes %XX once (RFC 3986 section 2.1) into out, which must hold
 * text.length bytes; plus_is_space also turns + into a space, as in HTML form
 * data. Returns the decoded length, or -1 with errno EINVAL when a % is not
 * followed by two hexadecimal digits. The result may contain NUL. */
ssize_t text_percent_decode(struct text text, bool plus_is_space, char *out);

/* The length in bytes of the first character of text (length > 0). If it is
 * ill-formed *valid is false, and the length is that of what should be replaced
 * by one U+FFFD: the longest beginning of a character, or one byte. */
size_t text_utf8_next(struct text text, bool *valid);

/* Spreads the keys of a table over its buckets, by a key that this process has
 * drawn (siphash.h): a client cannot choose texts that meet in one bucket. seed
 * is 0, or what else belongs to the table's key: a number, a pointer, the hash
 * of another text. */
uint64_t text_hash(uint64_t seed, struct text text);

/* Compares in a time that does not depend on where the texts differ; for
 * secrets. A difference in length does show. */
bool text_equal_secret(struct text a, struct text b);

#endif
