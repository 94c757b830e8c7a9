/* budget.h - a limit on the memory of the buffers of all connections together.
 *
 * buffer_reserve -> budget_take -> the buffer grows
 *                               -> false: the append fails, its request is
 *                                  answered 503, and the server closes the
 *                                  connections that hold most
 * buffer_release, buffer_shrink -> budget_give
 *
 * The rule: a buffer may grow only if at least as many bytes stay free as it
 * then holds. (This is the "dynamic threshold" of network switches whose ports
 * share one memory.) A single buffer can get half of the memory. n buffers that
 * take all they can get 1/(n+1) each, and the same share stays free for the
 * next one. So a new small request always finds room, and the check
 * takes constant time.
 *
 * Thread-safe. Buffers of up to BUDGET_SMALL_BYTES are not counted. Nearly all
 * requests need no more, and connections_max limits their number. */
#ifndef FIVEFOLD_BASE_BUDGET_H
#define FIVEFOLD_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUDGET_SMALL_BYTES = 4096 };

/* Returns how many bytes the budget counts for a buffer of that size: all of
 * them, or 0 if the buffer is small. */
static inline size_t budget_counted(size_t bytes)
{
    return bytes > BUDGET_SMALL_BYTES ? bytes : 0;
}

/* All zero means no limit. All functions also accept NULL, with that meaning.
 */
struct budget {
    size_t max;                   /* bytes; 0: no limit. Never changes */
    atomic_size_t taken;          /* bytes counted now */
    atomic_size_t wanted;         /* the largest size refused, in bytes; 0:
                                     no refusal is waiting for room */
    atomic_uint_fast64_t refused; /* number of refusals */
};

/* Asks that a buffer of `have` bytes may grow to `want` bytes (want > have).
 * Returns true and counts the difference, or returns false if there is no room;
 * then the refusal is noted and nothing is counted. */
bool budget_take(struct budget *budget, size_t have, size_t want);

/* Says that a buffer has shrunk from `have` bytes to `left` bytes. */
void budget_give(struct budget *budget, size_t have, size_t left);

/* Returns true if a new buffer of `want` bytes would find room now. If not,
 * this counts as a refusal. Takes nothing. */
bool budget_fits(struct budget *budget, size_t want);

/* Returns true while the largest size that was refused would still find no
 * room. The caller then closes connections to free memory. Sizes that would not
 * fit even in an empty budget do not count here: closing would not help. */
bool budget_is_short(struct budget *budget);

#endif
