/* test_inbox.c - the way back from stage 5's modules to a front: everything
 * comes, in order; a front that sleeps is woken, and nobody else. */
#include "stage5_modules/module.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANG_SECONDS = 60, PATIENCE_MS = 10000, BRINGERS = 3, EACH = 5000 };
/* How often one goes to sleep while another puts; steps by which they miss
 * each other. */
enum { MEETINGS = 20000, LATE_MAX = 100 };

/* An inbox, and what a front watches it with. */
struct fixture {
    struct inbox inbox;
    int epoll_fd;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    alarm(HANG_SECONDS); /* what is lost shall not hang the whole run */
    fixture.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    *state = &fixture;
    if (inbox_open(&fixture.inbox) < 0)
        return -1;
    return epoll_ctl(fixture.epoll_fd, EPOLL_CTL_ADD, fixture.inbox.wake_fd,
                     &event);
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    inbox_close(&f->inbox);
    close(f->epoll_fd);
    return 0;
}

static void put(struct fixture *f, struct conn *conn)
{
    conn->next = NULL;
    inbox_put(&f->inbox, conn);
}

/* How often it was told since the last call. */
static uint64_t told(struct fixture *f)
{
    uint64_t count = 0;
    ssize_t n = read(f->inbox.wake_fd, &count, sizeof count);
    assert_true(n == sizeof count || (n < 0 && errno == EAGAIN));
    return count;
}

/* Goes to sleep as a front does, and is woken or has not to sleep at all. */
static void wait_for_news(struct fixture *f)
{
    struct epoll_event event;
    bool sleeps = inbox_sleep(&f->inbox);
    int n = epoll_wait(f->epoll_fd, &event, 1,
                       sleeps ? HANG_SECONDS * 1000 / 4 : 0);
    atomic_store(&f->inbox.asleep, false);
    if (sleeps && n == 0)
        fail_msg("nobody has woken it");
}

static void all_come_in_the_order_of_putting(void **state)
{
    struct fixture *f = *state;
    struct conn conns[5] = {{0}};
    assert_null(inbox_take(&f->inbox));
    put(f, &conns[0]);
    conns[1].next = &conns[2]; /* a chain, with a new end */
    conns[2].next = &conns[3];
    inbox_put(&f->inbox, &conns[1]);
    put(f, &conns[4]);
    const struct conn *at = inbox_take(&f->inbox);
    for (int i = 0; i < 5; i++, at = at->next)
        assert_ptr_equal(at, &conns[i]);
    assert_null(at);
    assert_null(inbox_take(&f->inbox));
    put(f, &conns[2]); /* and what comes then is not behind them */
    assert_ptr_equal(inbox_take(&f->inbox), &conns[2]);
    assert_null(conns[2].next);
}

static void who_works_is_not_told(void **state)
{
    /* Each is a system call, and he looks before he sleeps. */
    struct fixture *f = *state;
    struct conn conns[3] = {{0}};
    put(f, &conns[0]);
    put(f, &conns[1]);
    assert_int_equal(told(f), 0);
    assert_false(inbox_sleep(&f->inbox)); /* there is something */
    put(f, &conns[2]);
    assert_int_equal(told(f), 0);
    assert_non_null(inbox_take(&f->inbox));
}

static void who_sleeps_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct conn conns[3] = {{0}};
    for (int turn = 0; turn < 3; turn++) {
        assert_true(inbox_sleep(&f->inbox));
        assert_int_equal(told(f), 0);
        for (int i = 0; i < 3; i++)
            put(f, &conns[i]);
        assert_int_equal(told(f), 1);
        assert_ptr_equal(inbox_take(&f->inbox), &conns[0]);
    }
    assert_true(inbox_sleep(&f->inbox));
    inbox_wake(&f->inbox); /* the server stops */
    assert_int_equal(told(f), 1);
}

/* ---- with threads ---- */

static void *sleep_once(void *argument)
{
    inbox_sleep(argument);
    return NULL;
}

static void it_says_that_it_sleeps_before_it_looks(void **state)
{
    /* Bug: the other way round; what came in between woke nobody. With the
     * lock held here it cannot have looked. */
    struct fixture *f = *state;
    pthread_t front;
    int waited_ms = 0;
    pthread_mutex_lock(&f->inbox.lock);
    pthread_create(&front, NULL, sleep_once, &f->inbox);
    while (!atomic_load(&f->inbox.asleep) && waited_ms++ < PATIENCE_MS)
        usleep(1000);
    bool said = atomic_load(&f->inbox.asleep);
    pthread_mutex_unlock(&f->inbox.lock);
    pthread_join(front, NULL);
    assert_true(said);
}

struct meeting {
    struct fixture *fixture;
    struct conn conn;
    atomic_int came; /* twice a round, then twice as all has been done */
};

/* Waits awake until so many have come. */
static void meet(struct meeting *meeting, int count)
{
    atomic_fetch_add(&meeting->came, 1);
    for (int looks = 1; atomic_load(&meeting->came) < count; looks++)
        if (looks % 4096 == 0)
            sched_yield();
}

static void loiter(int turns)
{
    for (volatile int left = turns; left > 0; left--)
        continue;
}

static void *bring_at_any_moment(void *argument)
{
    struct meeting *meeting = argument;
    for (int i = 0; i < MEETINGS; i++) {
        meet(meeting, 4 * i + 2);
        loiter(i % LATE_MAX);
        put(meeting->fixture, &meeting->conn);
        meet(meeting, 4 * i + 4);
    }
    return NULL;
}

/* Here it comes a little earlier or later in each round, so at every moment of
 * going to sleep. */
static void no_wake_up_is_lost(void **state)
{
    struct meeting meeting = {.fixture = *state};
    struct inbox *inbox = &meeting.fixture->inbox;
    pthread_t thread;
    size_t lost = 0;
    pthread_create(&thread, NULL, bring_at_any_moment, &meeting);
    for (int i = 0; i < MEETINGS; i++) {
        meet(&meeting, 4 * i + 2);
        loiter(i / LATE_MAX % LATE_MAX);
        bool sleeps = inbox_sleep(inbox);
        meet(&meeting, 4 * i + 4);
        lost += told(meeting.fixture) == 0 && sleeps;
        atomic_store(&inbox->asleep, false);
        if (inbox_take(inbox) != &meeting.conn || meeting.conn.next != NULL)
            fail_msg("what was put is not there");
    }
    pthread_join(thread, NULL);
    assert_int_equal(lost, 0);
}

struct bringer {
    struct fixture *fixture;
    struct conn *conns; /* EACH; put in this order */
};

static void *bring_all(void *argument)
{
    const struct bringer *bringer = argument;
    for (int i = 0; i < EACH; i++) {
        put(bringer->fixture, &bringer->conns[i]);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* Takes one that must be the next of its bringer. */
static void check_next(const struct bringer *bringers, int *next,
                       const struct conn *conn)
{
    int who = 0;
    while (who < BRINGERS - 1 &&
           (conn < bringers[who].conns || conn >= bringers[who].conns + EACH))
        who++;
    assert_true(next[who] < EACH);
    assert_ptr_equal(conn, &bringers[who].conns[next[who]]);
    next[who]++;
}

static void many_who_bring_lose_nothing(void **state)
{
    struct bringer bringers[BRINGERS];
    pthread_t threads[BRINGERS];
    int next[BRINGERS] = {0};
    for (int i = 0; i < BRINGERS; i++) {
        bringers[i] =
            (struct bringer){*state, calloc(EACH, sizeof(struct conn))};
        assert_non_null(bringers[i].conns);
        pthread_create(&threads[i], NULL, bring_all, &bringers[i]);
    }
    struct fixture *f = *state;
    for (int left = BRINGERS * EACH; left > 0;) {
        wait_for_news(f);
        struct conn *at = inbox_take(&f->inbox);
        for (; at != NULL; at = at->next, left--)
            check_next(bringers, next, at);
    }
    for (int i = 0; i < BRINGERS; i++) {
        pthread_join(threads[i], NULL);
        free(bringers[i].conns);
    }
    assert_null(inbox_take(&f->inbox));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(all_come_in_the_order_of_putting),
        TEST(who_works_is_not_told),
        TEST(who_sleeps_is_told_once),
        TEST(it_says_that_it_sleeps_before_it_looks),
        TEST(no_wake_up_is_lost),
        TEST(many_who_bring_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
