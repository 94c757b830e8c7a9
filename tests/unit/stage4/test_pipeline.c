/* test_pipeline.c - stage 4's poll lists and queues, without a server.
 *
 * What a thread would see between two calls is made to happen by holding the
 * lock that it needs next. */
#include "stage4_epoll_pools/pipeline.h"

#include "conn/work.h"
#include "core/server.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONNECTIONS = 4, HANG_SECONDS = 30 };

struct fixture {
    struct connection_table table;
    struct poll_list list;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    alarm(HANG_SECONDS); /* a lost wake-up shall not hang the whole run */
    assert_int_equal(connection_table_open(&f->table, CONNECTIONS), 0);
    assert_int_equal(poll_list_open(&f->list, "recv_poll_list", PLACE_RECV_POLL,
                                    EPOLLIN, &f->table),
                     0);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    poll_list_close(&f->list);
    connection_table_close(&f->table);
    free(f);
    return 0;
}

/* A connection whose client is the other end. */
static struct conn *make(struct fixture *f, int *client)
{
    int ends[2];
    struct conn *conn = calloc(1, sizeof *conn);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    conn->fd = ends[0];
    *client = ends[1];
    conn_adopt(conn);
    assert_int_equal(connection_table_add(&f->table, conn), 0);
    return conn;
}

static void unmake(struct conn *conn, int client)
{
    close(conn->fd);
    close(client);
    free(conn);
}

/* From the list, where nobody else is. */
static void take_the_only(struct fixture *f, struct conn *conn)
{
    pthread_mutex_lock(&f->list.lock);
    assert_int_equal(f->list.waiting.count, 1);
    assert_ptr_equal(f->list.waiting.all[0], conn);
    connections_remove(&f->list.waiting, conn);
    connection_table_place(&f->table, conn, PLACE_HELD);
    pthread_mutex_unlock(&f->list.lock);
}

static void ready_connection_is_given_once(void **state)
{
    struct fixture *f = *state;
    struct conn *ready[POLL_BATCH];
    int client;
    struct conn *conn = make(f, &client);
    assert_true(poll_list_add(&f->list, conn));
    assert_int_equal(write(client, "ab", 2), 2);
    assert_int_equal(poll_list_wait(&f->list, ready), 1);
    assert_ptr_equal(ready[0], conn);
    /* More bytes tell nobody: the connection has an owner now. */
    assert_int_equal(write(client, "c", 1), 1);
    struct pollfd epoll = {.fd = f->list.epoll_fd, .events = POLLIN};
    assert_int_equal(poll(&epoll, 1, 0), 0);
    /* Back in the list they do. */
    assert_true(poll_list_add(&f->list, conn));
    assert_int_equal(poll_list_wait(&f->list, ready), 1);
    assert_int_equal(connection_table_remove(&f->table, conn), 0);
    unmake(conn, client);
}

struct waiter {
    struct poll_list *list;
    struct conn *ready[POLL_BATCH];
    int count;
};

static void *wait_once(void *argument)
{
    struct waiter *waiter = argument;
    waiter->count = poll_list_wait(waiter->list, waiter->ready);
    return NULL;
}

static void event_for_a_recycled_slot_is_stale(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter = {.list = &f->list};
    pthread_t thread;
    int client, next_client;
    struct conn *conn = make(f, &client);
    assert_true(poll_list_add(&f->list, conn));
    assert_int_equal(write(client, "a", 1), 1);
    pthread_mutex_lock(&f->list.lock);
    pthread_create(&thread, NULL, wait_once, &waiter);
    /* Once the event is fetched, epoll has nothing more to tell. */
    struct pollfd epoll = {.fd = f->list.epoll_fd, .events = POLLIN};
    while (poll(&epoll, 1, 0) == 1)
        sched_yield();
    /* Housekeeping closes the connection, and a new one gets its slot. */
    uint32_t number = conn->table_slot;
    connections_remove(&f->list.waiting, conn);
    connection_table_remove(&f->table, conn);
    struct conn *next = make(f, &next_client);
    assert_int_equal(next->table_slot, number);
    connections_add(&f->list.waiting, next);
    conn_release(next);
    connection_table_place(&f->table, next, PLACE_RECV_POLL);
    pthread_mutex_unlock(&f->list.lock);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.count, 0);
    assert_int_equal(atomic_load(&f->list.stale), 1);
    take_the_only(f, next);
    connection_table_remove(&f->table, next);
    unmake(next, next_client);
    unmake(conn, client);
}

/* Else it would be idle there until its time is up, and the stop with it. */
static void nobody_idle_is_listed_behind_a_stop(void **state)
{
    struct fixture *f = *state;
    struct server server = {0};
    int client;
    struct conn *conn = make(f, &client);
    conn->server = &server;
    assert_true(poll_list_add(&f->list, conn));
    assert_ptr_equal(poll_list_stop(&f->list), conn);
    assert_null(poll_list_stop(&f->list));
    assert_false(poll_list_add(&f->list, conn));
    /* A request that has come makes it busy. */
    assert_int_equal(write(client, "a", 1), 1);
    assert_true(poll_list_add(&f->list, conn));
    assert_null(poll_list_stop(&f->list));
    take_the_only(f, conn);
    connection_table_remove(&f->table, conn);
    unmake(conn, client);
}

static void table_gives_out_what_it_has(void **state)
{
    struct fixture *f = *state;
    struct conn conns[CONNECTIONS + 1] = {0};
    for (int i = 0; i < CONNECTIONS; i++)
        assert_int_equal(connection_table_add(&f->table, &conns[i]), 0);
    assert_int_equal(connection_table_add(&f->table, &conns[CONNECTIONS]), -1);
    assert_int_equal(connection_table_remove(&f->table, &conns[1]),
                     CONNECTIONS - 1);
    assert_int_equal(connection_table_add(&f->table, &conns[CONNECTIONS]), 0);
    assert_int_equal(conns[CONNECTIONS].table_slot, conns[1].table_slot);
    assert_int_not_equal(conns[CONNECTIONS].generation, conns[1].generation);
}

static void queue_gives_each_task_once_then_the_end(void **state)
{
    struct task_queue queue;
    struct conn conns[3] = {0};
    (void)state;
    assert_int_equal(task_queue_open(&queue, "work_task_queue", 3), 0);
    for (int i = 0; i < 3; i++)
        conn_adopt(&conns[i]);
    conns[0].next = &conns[1];
    task_queue_put(&queue, &conns[0], 2);
    task_queue_put(&queue, &conns[2], 1);
    assert_int_equal(atomic_load(&queue.waiting), 3);
    task_queue_shut(&queue, 1);
    assert_ptr_equal(task_queue_take(&queue), &conns[0]);
    assert_ptr_equal(task_queue_take(&queue), &conns[2]);
    assert_null(task_queue_take(&queue));
    assert_int_equal(atomic_load(&queue.waiting), 0);
    task_queue_close(&queue);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(ready_connection_is_given_once),
        TEST(event_for_a_recycled_slot_is_stale),
        TEST(nobody_idle_is_listed_behind_a_stop),
        TEST(table_gives_out_what_it_has),
        TEST(queue_gives_each_task_once_then_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
