/* test_budget.c - what buffers may hold together: who gets how much, what is
 * counted, and that nothing of it is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"

enum { MAX = 1 << 20, HOLDERS = 7 };

static size_t taken(struct budget *budget)
{
    return atomic_load(&budget->taken);
}

static void one_alone_gets_half(void **state)
{
    (void)state;
    struct budget budget = {.max = MAX};
    assert_false(budget_take(&budget, 0, MAX / 2 + 1));
    assert_int_equal(taken(&budget), 0);
    assert_true(budget_take(&budget, 0, MAX / 2));
    assert_int_equal(taken(&budget), MAX / 2);
    budget_give(&budget, MAX / 2, 0);
    assert_int_equal(taken(&budget), 0);
}

/* Each takes what it gets; the next still finds as much as each of them has. */
static void what_is_left_is_shared(void **state)
{
    (void)state;
    struct budget budget = {.max = MAX};
    size_t have[HOLDERS] = {0};
    for (int round = 0; round < 2 * MAX / BUDGET_SMALL_BYTES; round++)
        for (size_t i = 0; i < HOLDERS; i++) {
            size_t want = have[i] + BUDGET_SMALL_BYTES;
            if (budget_take(&budget, have[i], want))
                have[i] = want;
        }
    for (size_t i = 0; i < HOLDERS; i++) {
        size_t share = MAX / (HOLDERS + 1);
        assert_true(have[i] <= share + BUDGET_SMALL_BYTES);
        assert_true(have[i] + 2 * BUDGET_SMALL_BYTES >= share);
    }
    assert_true(taken(&budget) <= MAX);
    assert_true(budget_fits(&budget, BUDGET_SMALL_BYTES + 1));
}

/* Only what could fit in an empty server makes others go. */
static void short_while_it_would_help(void **state)
{
    (void)state;
    struct budget budget = {.max = MAX};
    assert_false(budget_is_short(&budget));
    assert_false(budget_fits(&budget, MAX));
    assert_false(budget_is_short(&budget));
    assert_true(budget_take(&budget, 0, MAX / 2));
    assert_false(budget_take(&budget, 0, MAX / 2));
    assert_true(budget_is_short(&budget));
    budget_give(&budget, MAX / 2, MAX / 4);
    assert_true(budget_is_short(&budget));
    budget_give(&budget, MAX / 4, 0);
    assert_false(budget_is_short(&budget));
    assert_int_equal(atomic_load(&budget.refused), 2);
}

static void no_limit_counts_all_the_same(void **state)
{
    (void)state;
    struct budget budget = {0};
    assert_true(budget_take(&budget, 0, MAX));
    assert_int_equal(taken(&budget), MAX);
    assert_true(budget_fits(&budget, SIZE_MAX / 2));
    assert_true(budget_take(NULL, 0, MAX));
    budget_give(NULL, MAX, 0);
    assert_true(budget_fits(NULL, MAX));
    assert_false(budget_is_short(NULL));
}

static void buffers_count_what_is_large(void **state)
{
    (void)state;
    static char bytes[MAX];
    struct budget budget = {.max = MAX};
    struct message_buffer buffer = {.budget = &budget};
    assert_int_equal(buffer_append(&buffer, bytes, BUDGET_SMALL_BYTES), 0);
    assert_int_equal(taken(&budget), 0);
    assert_int_equal(buffer_append(&buffer, bytes, 1), 0);
    assert_int_equal(taken(&budget), buffer.capacity);
    assert_int_equal(buffer_append(&buffer, bytes, MAX / 2), -1);
    assert_true(buffer.failed);
    assert_int_equal(taken(&budget), buffer.capacity);
    assert_int_equal(buffer_length(&buffer), BUDGET_SMALL_BYTES + 1);
    buffer_release(&buffer);
    assert_int_equal(taken(&budget), 0);
    assert_ptr_equal(buffer.budget, &budget);
}

static void shrinking_keeps_what_waits(void **state)
{
    (void)state;
    static char bytes[MAX];
    struct budget budget = {.max = 4 * MAX};
    struct message_buffer buffer = {.budget = &budget};
    buffer_append(&buffer, bytes, sizeof bytes);
    size_t large = buffer.capacity;
    buffer_append(&buffer, "GET /", 5);
    buffer_shrink(&buffer);
    assert_true(buffer.capacity >= large); /* most of it is in use */
    buffer_taken(&buffer, sizeof bytes);
    buffer_shrink(&buffer);
    assert_true(buffer.capacity <= BUDGET_SMALL_BYTES);
    assert_int_equal(taken(&budget), 0);
    assert_int_equal(buffer_length(&buffer), 5);
    assert_memory_equal(buffer_start(&buffer), "GET /", 5);
    buffer_append(&buffer, bytes, BUDGET_SMALL_BYTES);
    buffer_release(&buffer);
    assert_int_equal(taken(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_gets_half),
        cmocka_unit_test(what_is_left_is_shared),
        cmocka_unit_test(short_while_it_would_help),
        cmocka_unit_test(no_limit_counts_all_the_same),
        cmocka_unit_test(buffers_count_what_is_large),
        cmocka_unit_test(shrinking_keeps_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
