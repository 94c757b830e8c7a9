/* siphash.h - a hash whose collisions nobody can aim at without its key.
 *
 * SipHash-1-3: one round for each 8 bytes, three at the end. It is the variant
 * that the tables of Rust, Ruby and Python use: in a table only chains show,
 * and never the hash itself, so that the margin of SipHash-2-4 is not needed.
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.) */
#ifndef FIVEFOLD_SIPHASH_H
#define FIVEFOLD_SIPHASH_H

#include "base/text.h"

/* Returns the hash of 8 + rest.length bytes: first, in little-endian order,
 * and then rest. So a number that belongs to the key of a table costs one round
 * and no copy. key is borrowed. */
uint64_t siphash(const uint64_t key[2], uint64_t first, struct text rest);

#endif
