/* test_table.c - things that are found by their key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/table.h"

enum { THINGS = 100 };

struct thing {
    int key;
    struct table_link link;
};

static struct thing *find(const struct table *table, uint64_t hash, int key)
{
    struct table_link *at = table_first(table, hash);
    for (; at != NULL; at = table_next(at)) {
        struct thing *thing = OWNER_OF(at, struct thing, link);
        if (thing->key == key)
            return thing;
    }
    return NULL;
}

static void each_is_found_until_it_is_taken_out(void **state)
{
    /* Bug: what stood behind one that is taken out was lost. */
    (void)state;
    struct table table;
    struct thing things[THINGS];
    assert_int_equal(table_open(&table, 8), 0); /* chains are long */
    for (int i = 0; i < THINGS; i++) {
        things[i].key = i;
        table_add(&table, &things[i].link, (uint64_t)i * 4711);
    }
    for (int i = 0; i < THINGS; i += 2)
        table_remove(&table, &things[i].link);
    for (int i = 0; i < THINGS; i++)
        assert_ptr_equal(find(&table, (uint64_t)i * 4711, i),
                         i % 2 == 0 ? NULL : &things[i]);
    table_close(&table);
}

static void those_of_one_hash_are_told_apart(void **state)
{
    (void)state;
    struct table table;
    struct thing things[THINGS], other = {.key = 7};
    assert_int_equal(table_open(&table, THINGS), 0);
    table_add(&table, &other.link, 1 + (table.mask + 1)); /* the same bucket */
    for (int i = 0; i < THINGS; i++) {
        things[i].key = i;
        table_add(&table, &things[i].link, 1);
    }
    for (int i = 0; i < THINGS; i++)
        assert_ptr_equal(find(&table, 1, i), &things[i]);
    assert_null(find(&table, 1, THINGS));
    assert_ptr_equal(find(&table, 1 + (table.mask + 1), 7), &other);
    table_close(&table);
}

static void a_walk_meets_each_once_and_may_take_it_out(void **state)
{
    (void)state;
    struct table table, none = {0};
    struct thing things[THINGS];
    size_t met = 0;
    int sum = 0;
    assert_null(table_walk(&none, NULL));
    assert_int_equal(table_open(&table, 16), 0);
    assert_null(table_walk(&table, NULL));
    for (int i = 0; i < THINGS; i++) {
        things[i].key = i;
        table_add(&table, &things[i].link, (uint64_t)i * 7);
    }
    struct table_link *at = table_walk(&table, NULL), *next;
    for (; at != NULL; at = next) {
        next = table_walk(&table, at);
        sum += OWNER_OF(at, struct thing, link)->key;
        table_remove(&table, at);
        met++;
    }
    assert_int_equal(met, THINGS);
    assert_int_equal(sum, THINGS * (THINGS - 1) / 2);
    assert_null(table_walk(&table, NULL));
    table_close(&table);
    table_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_until_it_is_taken_out),
        cmocka_unit_test(those_of_one_hash_are_told_apart),
        cmocka_unit_test(a_walk_meets_each_once_and_may_take_it_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
