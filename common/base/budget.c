/* budget.c - see budget.h.
 *
 * One number for the whole process. It changes when a large buffer grows or is
 * freed: a few times in a large request, and never in the others. */
#include "base/budget.h"

/* Returns true if a buffer may have `want` bytes while the others have `others`
 * bytes: if at least `want` bytes then stay free. */
static bool leaves_enough(const struct budget *budget, size_t others,
                          size_t want)
{
    return others <= budget->max && want <= (budget->max - others) / 2;
}

/* Counts a refusal, and keeps the largest refused size in budget->wanted. */
static void refuse(struct budget *budget, size_t want)
{
    size_t most = atomic_load_explicit(&budget->wanted, memory_order_relaxed);
    atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
    /* Do not close connections for a size that could never fit. */
    if (!leaves_enough(budget, 0, want))
        return;
    while (most < want && !atomic_compare_exchange_weak_explicit(
                              &budget->wanted, &most, want,
                              memory_order_relaxed, memory_order_relaxed))
        continue;
}

bool budget_take(struct budget *budget, size_t have, size_t want)
{
    if (budget == NULL || budget_counted(want) == 0)
        return true;
    size_t more = want - budget_counted(have);
    /* First count, then check. Two threads that take at the same time then see
     * each other's bytes, and the sum is over the limit only until the refusal
     * below. */
    size_t before =
        atomic_fetch_add_explicit(&budget->taken, more, memory_order_relaxed);
    if (budget->max == 0 ||
        leaves_enough(budget, before - budget_counted(have), want))
        return true;
    atomic_fetch_sub_explicit(&budget->taken, more, memory_order_relaxed);
    refuse(budget, want);
    return false;
}

void budget_give(struct budget *budget, size_t have, size_t left)
{
    if (budget == NULL || budget_counted(have) == 0)
        return;
    atomic_fetch_sub_explicit(&budget->taken,
                              budget_counted(have) - budget_counted(left),
                              memory_order_relaxed);
}

bool budget_fits(struct budget *budget, size_t want)
{
    if (budget == NULL)
        return true;
    size_t taken = atomic_load_explicit(&budget->taken, memory_order_relaxed);
    if (budget->max == 0 || budget_counted(want) == 0 ||
        leaves_enough(budget, taken, want))
        return true;
    refuse(budget, want);
    return false;
}

bool budget_is_short(struct budget *budget)
{
    if (budget == NULL)
        return false;
    size_t wanted = atomic_load_explicit(&budget->wanted, memory_order_relaxed);
    if (wanted == 0)
        return false; /* the usual case: nothing was refused */
    size_t taken = atomic_load_explicit(&budget->taken, memory_order_relaxed);
    if (!leaves_enough(budget, taken, wanted))
        return true;
    atomic_store_explicit(&budget->wanted, 0, memory_order_relaxed);
    return false;
}
