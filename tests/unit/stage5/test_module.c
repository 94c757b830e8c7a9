/* test_module.c - stage 5's modules, with one that only notes what it is given.
 */
#include "stage5_modules/module.h"

#include "conn/internal.h"
#include "config/settings.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 8, TASKS_MAX = 4000, HANG_SECONDS = 60 };

/* One that is put into a strand, and what became of it. */
struct item {
    struct conn conn;
    struct conn_turn turn; /* has the exchange that the key is asked of */
    int key, number;       /* of its key, in the order of putting */
    bool alone;
    bool late;
};

struct fixture {
    struct settings settings;
    struct server server;
    struct mount mount;
    struct inbox inbox;
    struct module *module;
    struct item items[TASKS_MAX];
    size_t put;
    int next[KEYS]; /* number of the next task of a key */

    atomic_int inside[KEYS], most[KEYS]; /* workers at a key, now and ever */
    atomic_bool shut;                    /* whoever comes waits inside */
    atomic_size_t waiting;               /* who does */
    atomic_size_t done, forgotten, late;
    atomic_size_t batches;

    pthread_mutex_t lock;
    int order[TASKS_MAX]; /* keys, as their tasks began; under lock */
    int last[KEYS];       /* the number that was done last; under lock */
    bool disordered;      /* under lock */
    size_t begun;         /* under lock */
};

static struct fixture *fixture;

static const struct text keys[KEYS] = {
    TEXT("a"), TEXT("b"), TEXT("c"), TEXT("d"),
    TEXT("e"), TEXT("f"), TEXT("g"), TEXT("h"),
};

static struct item *item_of(const struct task *task)
{
    return (struct item *)task->conn; /* its first member */
}

static const struct handler handler = {.name = "noted"};

static struct text key_of(const struct exchange *exchange, bool *alone)
{
    const struct item *item = exchange->state;
    *alone = item->alone;
    return keys[item->key];
}

static void note(const struct task *task)
{
    struct fixture *f = fixture;
    const struct item *item = item_of(task);
    pthread_mutex_lock(&f->lock);
    f->order[f->begun++] = item->key;
    if (item->number <= f->last[item->key])
        f->disordered = true;
    f->last[item->key] = item->number;
    pthread_mutex_unlock(&f->lock);
}

static void run(struct module *module, struct task *task)
{
    struct fixture *f = fixture;
    struct item *item = item_of(task);
    int key = item->key;
    (void)module;
    int now = atomic_fetch_add(&f->inside[key], 1) + 1;
    if (now > atomic_load(&f->most[key]))
        atomic_store(&f->most[key], now);
    note(task);
    atomic_fetch_add(&f->waiting, 1);
    while (atomic_load(&f->shut))
        sched_yield();
    atomic_fetch_sub(&f->waiting, 1);
    if (task->late)
        atomic_fetch_add(&f->late, 1);
    item->late = task->late;
    atomic_fetch_sub(&f->inside[key], 1);
    atomic_fetch_add(&f->done, 1);
    module_answered(task);
}

/* Does one of them, and has the others wait. */
static size_t run_many(struct module *module, struct task **tasks, size_t n,
                       unsigned *rest_ms)
{
    size_t before = atomic_fetch_add(&fixture->batches, 1);
    if (before % 2 == 0) {
        *rest_ms = 1;
        return 0;
    }
    run(module, tasks[0]);
    if (n > 1)
        run(module, tasks[1]);
    return n > 1 ? 2 : 1;
}

static void forget(struct task *task)
{
    (void)task;
    atomic_fetch_add(&fixture->forgotten, 1);
}

static size_t workers(const struct settings *settings)
{
    return settings->files_workers;
}

static uint64_t patience_ms(const struct settings *settings)
{
    return settings->sqlite_busy_ms;
}

static const struct module_kind plain = {.name = "plain",
                                         .handler = &handler,
                                         .key = key_of,
                                         .run = run,
                                         .forget = forget,
                                         .workers = workers,
                                         .patience_ms = patience_ms};
static const struct module_kind batching = {
    .name = "batching", .run = run, .run_many = run_many, .workers = workers};

static int open_fixture(void **state)
{
    (void)state;
    alarm(HANG_SECONDS); /* a lost task shall not hang the whole run */
    fixture = calloc(1, sizeof *fixture);
    pthread_mutex_init(&fixture->lock, NULL);
    return inbox_open(&fixture->inbox);
}

static int close_fixture(void **state)
{
    (void)state;
    if (fixture->module != NULL)
        module_close(fixture->module);
    inbox_close(&fixture->inbox);
    pthread_mutex_destroy(&fixture->lock);
    free(fixture);
    return 0;
}

static struct fixture *start(const struct module_kind *kind, size_t count,
                             uint64_t patience)
{
    struct fixture *f = fixture;
    f->settings.files_workers = count;
    f->settings.sqlite_busy_ms = patience;
    f->settings.pool_queue_max = 1000000;
    f->server.settings = &f->settings;
    f->mount = (struct mount){.name = "", .settings = &f->settings};
    f->module = module_open(kind, &f->server, &f->mount);
    assert_non_null(f->module);
    return f;
}

static struct task *task_of(struct fixture *f, struct item *item)
{
    static char head[1]; /* a connection with a request has bytes of it */
    struct task *task = calloc(1, sizeof *task);
    item->conn.in = (struct message_buffer){
        .data = head, .end = sizeof head, .capacity = sizeof head};
    item->conn.turn = &item->turn;
    conn_adopt(&item->conn);
    item->turn.exchange.handler = &handler;
    item->turn.exchange.state = item;
    task->conn = &item->conn;
    task->home = &f->inbox;
    return task;
}

static void add(struct fixture *f, struct item *item)
{
    module_add(f->module, task_of(f, item));
}

static struct item *next_item(struct fixture *f, int key, bool alone)
{
    struct item *item = &f->items[f->put++];
    item->key = key;
    item->number = ++f->next[key];
    item->alone = alone;
    return item;
}

static void put(struct fixture *f, int key, bool alone)
{
    add(f, next_item(f, key, alone));
}

static void wait_for(atomic_size_t *figure, size_t count)
{
    while (atomic_load(figure) != count)
        sched_yield(); /* alarm ends it */
}

/* Every strand has gone; the last worker may be on its way out of it. */
static void wait_for_no_strands(struct fixture *f)
{
    wait_for(&f->module->strands.count, 0);
    wait_for(&f->module->waiting, 0);
}

static size_t came_home(struct fixture *f)
{
    size_t n = 0;
    for (struct conn *at = inbox_take(&f->inbox); at != NULL; at = at->next)
        n++;
    return n;
}

static void one_at_a_time_and_in_order(void **state)
{
    enum { EACH = 400 };
    struct fixture *f = start(&plain, 4, 0);
    (void)state;
    for (int i = 0; i < EACH; i++)
        for (int key = 0; key < KEYS; key++)
            put(f, key, true);
    wait_for(&f->done, (size_t)EACH * KEYS);
    wait_for_no_strands(f);
    for (int key = 0; key < KEYS; key++)
        assert_int_equal(atomic_load(&f->most[key]), 1);
    assert_false(f->disordered);
    assert_int_equal(came_home(f), (size_t)EACH * KEYS);
}

/* Deterministic: whoever comes stays inside until all have been looked at. */
static void a_second_worker_does_not_come_to_a_busy_key(void **state)
{
    struct fixture *f = start(&plain, 4, 0);
    (void)state;
    atomic_store(&f->shut, true);
    put(f, 0, true);
    wait_for(&f->waiting, 1);
    put(f, 0, true);
    put(f, 1, true);
    wait_for(&f->waiting, 2); /* another key is served meanwhile */
    assert_int_equal(atomic_load(&f->inside[0]), 1);
    assert_int_equal(atomic_load(&f->inside[1]), 1);
    atomic_store(&f->shut, false);
    wait_for(&f->done, 3);
    wait_for_no_strands(f);
    assert_int_equal(atomic_load(&f->most[0]), 1);
}

static void a_shared_key_leaves_half_of_the_workers(void **state)
{
    struct fixture *f = start(&plain, 4, 0);
    (void)state;
    atomic_store(&f->shut, true);
    for (int i = 0; i < 10; i++)
        put(f, 0, false);
    wait_for(&f->waiting, 2);
    put(f, 1, false);
    put(f, 2, true);
    wait_for(&f->waiting, 4);
    assert_int_equal(atomic_load(&f->inside[0]), 2);
    atomic_store(&f->shut, false);
    wait_for(&f->done, 12);
    wait_for_no_strands(f);
    assert_int_equal(atomic_load(&f->most[0]), 2);
}

/* Bug: of two requests that a front brought at once, the second waited for the
 * first, however slow, while workers slept: one had been woken for both. */
static void two_that_come_together_are_done_side_by_side(void **state)
{
    struct fixture *f = start(&plain, 4, 0);
    struct module *module = f->module;
    bool asleep = false;
    (void)state;
    while (!asleep) {
        pthread_mutex_lock(&module->lock);
        asleep =
            module->sleepers == module->worker_count && module->master_sleeps;
        pthread_mutex_unlock(&module->lock);
        sched_yield();
    }
    atomic_store(&f->shut, true);
    struct task *first = task_of(f, next_item(f, 0, false));
    first->next = task_of(f, next_item(f, 0, false));
    module_add(module, first);
    wait_for(&f->waiting, 2);
    atomic_store(&f->shut, false);
    wait_for(&f->done, 2);
    wait_for_no_strands(f);
}

static void full_keys_take_turns(void **state)
{
    enum { EACH = 100 };
    struct fixture *f = start(&plain, 1, 0);
    int ahead = 0;
    (void)state;
    atomic_store(&f->shut, true);
    put(f, 7, true);
    wait_for(&f->waiting, 1);
    for (int i = 0; i < EACH; i++)
        put(f, 0, true);
    for (int i = 0; i < EACH; i++)
        put(f, 1, false);
    atomic_store(&f->shut, false);
    wait_for(&f->done, 2 * EACH + 1);
    for (size_t i = 1; i < f->begun; i++) {
        ahead += f->order[i] == 0 ? 1 : -1;
        assert_in_range(ahead + 1, 0, 2);
    }
}

/* Those that run_many does not do go on later, before all that came behind. */
static void what_is_put_back_stays_in_front(void **state)
{
    enum { EACH = 200 };
    struct fixture *f = start(&batching, 3, 0);
    (void)state;
    for (int i = 0; i < EACH; i++)
        put(f, i % 2, true);
    wait_for(&f->done, EACH);
    wait_for_no_strands(f);
    assert_false(f->disordered);
    assert_int_equal(came_home(f), EACH);
}

static void a_held_key_holds_no_worker(void **state)
{
    struct fixture *f = start(&plain, 1, 1000000);
    (void)state;
    module_hold(f->module, keys[0], true);
    for (int i = 0; i < 3; i++)
        put(f, 0, true);
    put(f, 1, true);
    put(f, 0, false); /* who only reads */
    wait_for(&f->done, 2);
    assert_int_equal(atomic_load(&f->module->waiting), 3);
    module_hold(f->module, keys[0], false);
    wait_for(&f->done, 5);
    wait_for_no_strands(f);
    assert_int_equal(atomic_load(&f->late), 0);
}

static void who_has_waited_long_enough_is_late(void **state)
{
    struct fixture *f = start(&plain, 1, 20);
    (void)state;
    module_hold(f->module, keys[0], true);
    for (int i = 0; i < 3; i++)
        put(f, 0, true);
    wait_for(&f->done, 3);
    assert_int_equal(atomic_load(&f->late), 3);
    assert_int_equal(atomic_load(&f->module->strands.count), 1);
    module_hold(f->module, keys[0], false);
    wait_for_no_strands(f);
}

static void holds_nest(void **state)
{
    struct fixture *f = start(&plain, 1, 1000000);
    (void)state;
    module_hold(f->module, keys[0], true);
    module_hold(f->module, keys[0], true);
    put(f, 0, true);
    module_hold(f->module, keys[0], false);
    put(f, 1, true);
    wait_for(&f->done, 1);
    assert_int_equal(atomic_load(&f->module->waiting), 1);
    module_hold(f->module, keys[0], false);
    wait_for(&f->done, 2);
    wait_for_no_strands(f);
}

struct producer {
    struct fixture *fixture;
    int first; /* of its items and its keys */
};

enum { PRODUCERS = 2, FROM_EACH = 1500 };

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    for (int i = 0; i < FROM_EACH; i++) {
        struct item *item =
            &producer->fixture->items[producer->first * FROM_EACH + i];
        /* Often the only task of its strand, which is about to be freed. */
        item->key = i % 4 * 2 + producer->first;
        item->number = i + 1;
        item->alone = true;
        add(producer->fixture, item);
        if (i % 3 == 0)
            sched_yield();
    }
    return NULL;
}

/* Bug: a task that came to a strand as its last worker left it was lost. */
static void no_task_is_lost_as_its_strand_is_freed(void **state)
{
    struct fixture *f = start(&plain, 3, 0);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    (void)state;
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){f, i};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    wait_for(&f->done, PRODUCERS * FROM_EACH);
    wait_for_no_strands(f);
    assert_false(f->disordered);
    assert_int_equal(came_home(f), PRODUCERS * FROM_EACH);
}

static void what_is_left_at_the_end_is_forgotten(void **state)
{
    struct fixture *f = start(&plain, 2, 1000000);
    (void)state;
    module_hold(f->module, keys[0], true);
    for (int i = 0; i < 3; i++)
        put(f, 0, true);
    module_close(f->module);
    f->module = NULL;
    assert_int_equal(atomic_load(&f->forgotten), 3);
    assert_int_equal(came_home(f), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(one_at_a_time_and_in_order),
        TEST(a_second_worker_does_not_come_to_a_busy_key),
        TEST(a_shared_key_leaves_half_of_the_workers),
        TEST(two_that_come_together_are_done_side_by_side),
        TEST(full_keys_take_turns),
        TEST(what_is_put_back_stays_in_front),
        TEST(a_held_key_holds_no_worker),
        TEST(who_has_waited_long_enough_is_late),
        TEST(holds_nest),
        TEST(no_task_is_lost_as_its_strand_is_freed),
        TEST(what_is_left_at_the_end_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
