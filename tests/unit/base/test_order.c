/* test_order.c - things in order, each of which can leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/order.h"

struct thing {
    char name;
    struct order_link by_use;
};

/* The names from the first to the last, then from the last to the first. */
static const char *names(const struct order *order)
{
    static char text[16];
    char *at = text;
    for (struct order_link *l = order->first; l != NULL; l = l->later)
        *at++ = OWNER_OF(l, struct thing, by_use)->name;
    *at++ = ' ';
    for (struct order_link *l = order->last; l != NULL; l = l->earlier)
        *at++ = OWNER_OF(l, struct thing, by_use)->name;
    *at = '\0';
    return text;
}

/* Bug: one of the four pointers around what leaves keeps pointing at it. */
static void first_last_and_only_one_can_leave(void **state)
{
    (void)state;
    struct order order = {0};
    struct thing a = {'a', {0}}, b = {'b', {0}}, c = {'c', {0}};
    order_append(&order, &a.by_use);
    order_append(&order, &b.by_use);
    order_append(&order, &c.by_use);
    assert_string_equal(names(&order), "abc cba");
    order_remove(&order, &b.by_use);
    assert_string_equal(names(&order), "ac ca");
    order_remove(&order, &a.by_use);
    assert_string_equal(names(&order), "c c");
    order_remove(&order, &c.by_use);
    assert_string_equal(names(&order), " ");
    order_append(&order, &b.by_use);
    assert_string_equal(names(&order), "b b");
}

/* Bug: what is used twice in a row, being the last already, is linked to
 * itself. */
static void what_is_used_is_the_last_to_go(void **state)
{
    (void)state;
    struct order order = {0};
    struct thing a = {'a', {0}}, b = {'b', {0}}, c = {'c', {0}};
    order_append(&order, &a.by_use);
    order_touch(&order, &a.by_use);
    assert_string_equal(names(&order), "a a");
    order_append(&order, &b.by_use);
    order_append(&order, &c.by_use);
    order_touch(&order, &a.by_use);
    assert_string_equal(names(&order), "bca acb");
    order_touch(&order, &c.by_use);
    order_touch(&order, &c.by_use);
    assert_string_equal(names(&order), "bac cab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_last_and_only_one_can_leave),
        cmocka_unit_test(what_is_used_is_the_last_to_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
