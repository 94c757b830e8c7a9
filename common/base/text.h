/* text.h - a view of bytes that belong to other code, and checked functions to
 * read numbers from it.
 *
 * A text has a length and no NUL at its end, because a client may send NUL
 * bytes anywhere. Texts that a function takes are borrowed for the call; a text
 * that it returns is a view of the same bytes. */
#ifndef FIVEFOLD_BASE_TEXT_H
#define FIVEFOLD_BASE_TEXT_H

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

/* Returns a view of a NUL-terminated string, which must outlive the view. */
static inline struct text text_of(const char *string)
{
    return (struct text){string, strlen(string)};
}

/* Compare byte for byte; nocase ignores the case of ASCII letters. */
bool text_equal(struct text a, struct text b);
bool text_equal_nocase(struct text a, struct text b);

bool text_starts_with(struct text text, struct text prefix);
bool text_ends_with(struct text text, struct text suffix);

/* Returns text without the spaces and tabs at both ends (OWS, RFC 9110 section
 * 5.6.3). */
struct text text_trim(struct text text);

/* Splits *rest at the first separator: returns what is before it, and sets
 * *rest to what is after it. Without a separator returns all, and sets *rest
 * to an empty text with data == NULL. A loop ends when it sees this NULL. */
struct text text_split(struct text *rest, char separator);

/* Reads an unsigned decimal number of at most max. The whole text must be
 * digits, without sign or blanks. Returns 0, or -1 with errno EINVAL (not a
 * number) or ERANGE (too large); then *number is unchanged. */
int text_to_size(struct text text, uint64_t max, uint64_t *number);

/* The same for a signed 64-bit number with an optional leading minus. */
int text_to_int64(struct text text, int64_t *number);

/* Returns the value of a hexadecimal digit of either case, or -1. */
int text_hex_value(char digit);

/* Decodes %XX once (RFC 3986 section 2.1) into out, which must have room for
 * text.length bytes. plus_is_space also turns + into a space, as in HTML form
 * data. Returns the decoded length in bytes, or -1 with errno EINVAL if a % is
 * not followed by two hexadecimal digits. The result may contain NUL. */
ssize_t text_percent_decode(struct text text, bool plus_is_space, char *out);

/* Returns the length in bytes of the first UTF-8 character of text, which must
 * not be empty. If the character is ill-formed, *valid is false, and the result
 * is the number of bytes to replace with one U+FFFD: the longest correct start
 * of a character, but at least one byte. */
size_t text_utf8_next(struct text text, bool *valid);

/* Returns a hash of seed and text for hash tables. It uses a random secret of
 * this process (siphash.h), so no client can choose texts that fall into one
 * bucket. seed is the rest of the table's key: a number, a pointer, the hash of
 * another text, or 0 if the text is the whole key. */
uint64_t text_hash(uint64_t seed, struct text text);

/* Compares secrets. The time does not depend on where the texts differ, but it
 * shows whether their lengths differ. */
bool text_equal_secret(struct text a, struct text b);

#endif
