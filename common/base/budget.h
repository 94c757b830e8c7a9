/* budget.h - how much memory the buffers of all connections may hold together.
 *
 * buffer_reserve -> budget_take -> the buffer grows
 *                               -> false: the append fails, and its request is
 *                                  503; the stage closes those that hold most
 * buffer_release, buffer_shrink -> budget_give
 *
 * No buffer may hold more than is free after it (a dynamic threshold, as
 * switches have it whose ports share one memory). One alone gets half of all,
 * and each of n that take what they can gets 1/(n+1): as much is free for the
 * next, however many hold on to theirs. So a newcomer with a small request
 * always finds room, and nothing has to be searched or divided to know how much
 * somebody may have.
 *
 * Thread-safe. Buffers of up to BUDGET_SMALL_BYTES are not counted: nearly all
 * requests need no more, and connections_max bounds them. */
#ifndef FIVEFOLD_BUDGET_H
#define FIVEFOLD_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUDGET_SMALL_BYTES = 4096 };

/* How many of a buffer's bytes a budget counts: all, or none of a small one. */
static inline size_t budget_counted(size_t bytes)
{
    return bytes > BUDGET_SMALL_BYTES ? bytes : 0;
}

/* All zero: no limit. Every function takes NULL for that, too. */
struct budget {
    size_t max; /* bytes; 0: no limit. Fixed */
    atomic_size_t taken;
    atomic_size_t wanted;         /* the most that found no room; 0: none did */
    atomic_uint_fast64_t refused; /* how often there was none */
};

/* A buffer that has `have` bytes is to have `want`, which is more. Returns
 * false if there is no room; nothing is counted then. */
bool budget_take(struct budget *budget, size_t have, size_t want);

/* A buffer that had `have` bytes has `left` now, which is less. */
void budget_give(struct budget *budget, size_t have, size_t left);

/* Would a buffer of so many bytes find room now? If not, that counts as
 * refused. */
bool budget_fits(struct budget *budget, size_t want);

/* True while something was refused that would still find no room, although it
 * would in a server that holds nothing: then somebody must go. */
bool budget_is_short(struct budget *budget);

#endif
