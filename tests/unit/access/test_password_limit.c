/* How much of the time goes into passwords. Times are given: nothing here waits
 * or hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access/password_limit.h"

#include <stdio.h>

#define MS ((uint64_t)1000000)
#define S  ((uint64_t)1000000000)

enum { PERCENT = 25 };

static struct password_limit *open_limit(size_t threads)
{
    struct password_limit *limit = password_limit_open(PERCENT);
    assert_non_null(limit);
    password_limit_threads(limit, threads);
    return limit;
}

static struct peer peer_of(const char *address)
{
    struct peer peer = {0};
    assert_int_equal(peer_read(&peer, text_of(address)), 0);
    return peer;
}

/* Checks one wrong password for ms after another, as often as it may for so
 * long. Returns the time that it took of a thread. */
static uint64_t flood(struct password_limit *limit, const struct peer *peers,
                      size_t count, uint64_t ms, uint64_t seconds)
{
    uint64_t spent = 0, start = 1000 * S;
    unsigned wait;
    size_t asked = 0;
    for (uint64_t now = start; now < start + seconds * S; asked++) {
        const struct peer *peer = &peers[asked % count];
        if (password_limit_begin(limit, peer, now, &wait) == PASSWORD_CHECK) {
            password_limit_end(limit, peer, now, now + ms * MS, false);
            now += ms * MS;
            spent += ms * MS;
        } else {
            assert_true(wait >= 1);
            now += MS;
        }
    }
    return spent;
}

/* Bug: the only thread did nothing else. */
static void wrong_ones_take_their_share(void **state)
{
    (void)state;
    enum { PEERS = 64, SECONDS = 100 };
    struct peer peers[PEERS];
    for (int i = 0; i < PEERS; i++) {
        char address[20];
        snprintf(address, sizeof address, "192.0.2.%d", i);
        peers[i] = peer_of(address);
    }
    struct password_limit *limit = open_limit(1);
    uint64_t spent = flood(limit, peers, PEERS, 60, SECONDS);
    assert_in_range(spent, SECONDS * S * PERCENT / 100,
                    SECONDS * S * PERCENT / 100 + S);
    password_limit_close(limit);
    /* One address has a quarter of it. */
    limit = open_limit(1);
    spent = flood(limit, peers, 1, 60, SECONDS);
    assert_in_range(spent, SECONDS * S * PERCENT / 400,
                    SECONDS * S * PERCENT / 400 + S);
    password_limit_close(limit);
}

/* Bug: a stranger's wrong passwords kept all others from signing in. */
static void one_address_leaves_something_to_others(void **state)
{
    (void)state;
    enum { OTHERS = 50 };
    struct peer stranger = peer_of("2001:db8::1");
    struct peer neighbour = peer_of("2001:db8::ffff:1"); /* the same 64 bits */
    struct password_limit *limit = open_limit(4);
    unsigned wait, together = 0;
    flood(limit, &stranger, 1, 100, 10);
    uint64_t now = 1010 * S;
    while (password_limit_begin(limit, &stranger, now, &wait) == PASSWORD_CHECK)
        password_limit_end(limit, &stranger, now, now + 100 * MS, false);
    assert_int_equal(password_limit_begin(limit, &stranger, now, &wait),
                     PASSWORD_TOO_OFTEN);
    assert_int_equal(password_limit_begin(limit, &neighbour, now, &wait),
                     PASSWORD_TOO_OFTEN);
    uint64_t later = now + wait * S;
    /* Of so many hardly one shares the counter. */
    for (int i = 0; i < OTHERS; i++) {
        char address[40];
        snprintf(address, sizeof address, "2001:db8:%d::1", i + 1);
        struct peer other = peer_of(address);
        if (password_limit_begin(limit, &other, now, &wait) == PASSWORD_CHECK)
            password_limit_end(limit, &other, now, now + 100 * MS, true);
        else
            together++;
    }
    assert_true(together <= OTHERS / 10);
    /* Time heals. */
    assert_int_equal(password_limit_begin(limit, &stranger, later, &wait),
                     PASSWORD_CHECK);
    password_limit_close(limit);
}

/* Right ones are as many as there are users: they take nothing of the share. */
static void right_ones_are_not_counted(void **state)
{
    (void)state;
    struct peer peer = peer_of("192.0.2.1");
    struct password_limit *limit = open_limit(1);
    unsigned wait;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                         PASSWORD_CHECK);
        password_limit_end(limit, &peer, S, S + 500 * MS, true);
    }
    password_limit_close(limit);
}

static void half_of_the_threads_at_the_same_time(void **state)
{
    (void)state;
    static const struct {
        size_t threads, at_once;
    } rows[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {9, 4}};
    struct peer peer = peer_of("192.0.2.1");
    unsigned wait;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct password_limit *limit = open_limit(rows[i].threads);
        for (size_t n = 0; n < rows[i].at_once; n++)
            assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                             PASSWORD_CHECK);
        assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                         PASSWORD_BUSY);
        assert_int_equal(wait, 1);
        password_limit_end(limit, &peer, S, S + MS, true);
        assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                         PASSWORD_CHECK);
        password_limit_close(limit);
    }
}

/* Who mistypes once need not wait; 100 % is no bound at all. */
static void what_is_always_allowed(void **state)
{
    (void)state;
    struct peer peer = peer_of("192.0.2.1");
    struct password_limit *limit = open_limit(1);
    unsigned wait;
    assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                     PASSWORD_CHECK);
    password_limit_end(limit, &peer, S, S + 60 * MS, false);
    assert_int_equal(password_limit_begin(limit, &peer, S + 60 * MS, &wait),
                     PASSWORD_CHECK);
    password_limit_close(limit);
    limit = password_limit_open(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                         PASSWORD_CHECK);
    for (int i = 0; i < 100; i++)
        password_limit_end(limit, &peer, S, 2 * S, false);
    assert_int_equal(password_limit_begin(limit, &peer, S, &wait),
                     PASSWORD_CHECK);
    password_limit_close(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_ones_take_their_share),
        cmocka_unit_test(one_address_leaves_something_to_others),
        cmocka_unit_test(right_ones_are_not_counted),
        cmocka_unit_test(half_of_the_threads_at_the_same_time),
        cmocka_unit_test(what_is_always_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
