/* test_connections.c - the list of connections: slots and order of expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conn/connections.h"

enum { MANY = 100 };

static struct conn conns[MANY];

static int fill(void **state)
{
    static struct connections list;
    connections_open(&list, MANY);
    for (size_t i = 0; i < MANY; i++) {
        conns[i] =
            (struct conn){.deadline = DEADLINE_IDLE, .deadline_ms = 1000 + i};
        connections_add(&list, &conns[i]);
    }
    *state = &list;
    return 0;
}

static int empty(void **state)
{
    struct connections *list = *state;
    while (list->count > 0)
        connections_remove(list, list->all[0]);
    for (size_t kind = 0; kind < DEADLINE_COUNT; kind++)
        assert_true(TAILQ_EMPTY(&list->by_deadline[kind]));
    connections_close(list);
    return 0;
}

/* Removing moves the last to the free slot: its own slot number must follow,
 * or the next removal takes the wrong one. */
static void removal_keeps_slots_true(void **state)
{
    struct connections *list = *state;
    connections_remove(list, &conns[10]);
    connections_remove(list, &conns[MANY - 1]);
    connections_remove(list, &conns[0]);
    assert_int_equal(list->count, MANY - 3);
    for (size_t i = 0; i < list->count; i++)
        assert_int_equal(list->all[i]->slot, i);
}

/* The first to expire is found without a look at the others. */
static void expiry_comes_in_order(void **state)
{
    struct connections *list = *state;
    assert_ptr_equal(connections_first(list, DEADLINE_IDLE), &conns[0]);
    assert_null(connections_first(list, DEADLINE_HEAD));
    assert_null(connections_expired(list, 999));
    assert_int_equal(connections_wait_ms(list, 990, 5000), 10);
    assert_int_equal(connections_wait_ms(list, 0, 500), 500);
    for (size_t i = 0; i < MANY; i++) {
        struct conn *late = connections_expired(list, 2000);
        assert_ptr_equal(late, &conns[i]);
        connections_remove(list, late);
    }
    assert_null(connections_expired(list, 2000));
    assert_int_equal(connections_wait_ms(list, 2000, 700), 700);
}

/* A deadline that is armed anew must not stay in its old place: the client
 * that has just sent a request would be closed as idle. */
static void arming_anew_moves_to_the_end(void **state)
{
    struct connections *list = *state;
    conns[0].deadline_ms = 5000;
    connections_update(list, &conns[0]);
    assert_ptr_equal(connections_expired(list, 2000), &conns[1]);
    conns[1].deadline = DEADLINE_SEND;
    conns[1].deadline_ms = 1500;
    connections_update(list, &conns[1]);
    assert_ptr_equal(connections_expired(list, 1400), &conns[2]);
    conns[2].deadline = DEADLINE_NONE; /* at work */
    conns[2].deadline_ms = 0;
    connections_update(list, &conns[2]);
    assert_ptr_equal(connections_expired(list, 1400), &conns[3]);
}

/* Another thread arms deadlines of a connection that it steps: what is still
 * listed then is found to be late, and closed under that thread's hands. */
static void one_that_is_away_does_not_expire(void **state)
{
    struct connections *list = *state;
    connections_pause(list, &conns[0]);
    connections_pause(list, &conns[0]); /* once is enough */
    conns[0].deadline = DEADLINE_NONE;
    conns[0].deadline_ms = 0;
    assert_null(connections_expired(list, 999));
    conns[0].deadline = DEADLINE_SEND;
    conns[0].deadline_ms = 500;
    assert_null(connections_expired(list, 999));
    connections_update(list, &conns[0]);
    assert_ptr_equal(connections_expired(list, 999), &conns[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(removal_keeps_slots_true, fill, empty),
        cmocka_unit_test_setup_teardown(expiry_comes_in_order, fill, empty),
        cmocka_unit_test_setup_teardown(arming_anew_moves_to_the_end, fill,
                                        empty),
        cmocka_unit_test_setup_teardown(one_that_is_away_does_not_expire, fill,
                                        empty),
    };
    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
