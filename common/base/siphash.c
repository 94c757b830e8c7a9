/* siphash.c - see siphash.h.
 *
 * key -> four words of state -> 8 bytes in, one round ... -> three rounds
 *     -> 64 bits */
#include "base/siphash.h"

#include <endian.h>

struct state {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void mix(struct state *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void take(struct state *s, uint64_t word)
{
    s->d ^= word;
    mix(s);
    s->a ^= word;
}

/* Returns the last word: the bytes after the last whole word, and the length of
 * everything (with the 8 bytes of first) in the top byte. */
static uint64_t last_word(struct text rest)
{
    uint64_t word = (uint64_t)(rest.length + 8) << 56;
    size_t left = rest.length % 8;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)rest.data[rest.length - left + i]
                << 8 * i;
    return word;
}

uint64_t siphash(const uint64_t key[2], uint64_t first, struct text rest)
{
    struct state s = {
        key[0] ^ 0x736f6d6570736575u,
        key[1] ^ 0x646f72616e646f6du,
        key[0] ^ 0x6c7967656e657261u,
        key[1] ^ 0x7465646279746573u,
    };
    take(&s, first);
    for (size_t i = 0; i + 8 <= rest.length; i += 8) {
        uint64_t word;
        memcpy(&word, rest.data + i, 8);
        take(&s, le64toh(word));
    }
    take(&s, last_word(rest));
    s.c ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
