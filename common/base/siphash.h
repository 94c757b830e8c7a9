/* siphash.h - a hash with a secret key. Without the key nobody can choose texts
 * that collide.
 *
 * SipHash-1-3: one round for each 8 bytes, three rounds at the end. The hash
 * tables of Rust, Ruby and Python use the same variant. SipHash-2-4 is safer,
 * but a table does not need it: a client sees at most how long a chain is,
 * never the hash itself. (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012.) */
#ifndef FIVEFOLD_BASE_SIPHASH_H
#define FIVEFOLD_BASE_SIPHASH_H

#include "base/text.h"

/* Returns the hash of 8 + rest.length bytes: first in little-endian order, then
 * rest. So a table whose key is a number and a text can hash both without
 * copying them. The number costs one round. key and rest are borrowed. */
uint64_t siphash(const uint64_t key[2], uint64_t first, struct text rest);

#endif
