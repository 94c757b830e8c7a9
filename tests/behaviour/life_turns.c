/* life_turns.c - one connection takes its turn and not all of them, and is not
 * forgotten between two turns: many requests at once, work that goes on while
 * its client reads nothing, what came while nobody could look. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { PIPELINED = 12, QUERY_MS = 200 };

/* Runs until query_ms ends it. */
#define SLOW                                                                   \
    "GET /db/t/query?sql=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+"          \
    "SELECT+i+FROM+n)+SELECT+count(*)+FROM+n HTTP/1.1\r\nHost: a\r\n\r\n"

static struct server *start_slow(const struct stage_differences *stage,
                                 const char *name)
{
    return LIFE_START_SQL(stage, name, "--set", "sqlite.query_ms=200", "--set",
                          "sqlite.workers=4", "--set",
                          "connection.turn_seconds=60");
}

/* All in one packet. Given. */
static struct client *say_many(const struct server *server, const char *request,
                               size_t count)
{
    struct bytes all = {0};
    struct client *client = client_open(server->port);
    while (count-- > 0)
        bytes_print(&all, "%s", request);
    client_send(client, all.data, all.length);
    bytes_free(&all);
    return client;
}

/* Answers that have come whole; what is of another is kept. */
static size_t count_answers(struct client *client)
{
    static const char line[] = "HTTP/1.1 ";
    char data[4096];
    size_t count = 0;
    ptrdiff_t at;
    while (client_has_news(client)) {
        size_t n = client_receive(client, data, sizeof data);
        if (n == 0)
            break;
        bytes_add(&client->in, data, n);
    }
    for (size_t from = 0; from < client->in.length; from += (size_t)at + 1) {
        at = bytes_find(client->in.data + from, client->in.length - from, line,
                        sizeof line - 1);
        if (at < 0)
            break;
        count++;
    }
    return count;
}

/* Bug: twelve queries of a second in one packet held another client for
 * twelve. */
static void others_between_requests(const struct stage_differences *stage)
{
    if (!stage->answers_others)
        return;
    struct server *server = start_slow(stage, "between");
    struct client *greedy = say_many(server, SLOW, PIPELINED);
    client_wait_taken(greedy);
    for (int i = 0; i < 2; i++)
        life_answers(server);
    size_t before = count_answers(greedy);
    if (before == PIPELINED)
        fail_msg("all %d requests of one client went first", PIPELINED);
    client_close(greedy);
    server_stop(server);
}

/* Bug: a stop waited for all of them. */
static void stop_between_requests(const struct stage_differences *stage)
{
    struct server *server = start_slow(stage, "stopped");
    struct client *greedy = say_many(server, SLOW, PIPELINED);
    struct answer answer = {0};
    char value[16];
    size_t count = 0;
    bool told = false;
    assert_int_equal(client_read(greedy, false, &answer), GOT_ANSWER);
    kill(server->pid, SIGTERM);
    while (client_read(greedy, false, &answer) == GOT_ANSWER) {
        assert_false(told);
        count++;
        told = answer_field(&answer, "Connection", value, sizeof value);
    }
    assert_true(told);
    if (count == PIPELINED - 1)
        fail_msg("all %d requests were answered", PIPELINED);
    assert_int_equal(server_wait(server), 0);
    answer_free(&answer);
}

/* What is answered at once takes turns too, and none is lost in between. */
static void cheap_ones_in_turns(const struct stage_differences *stage)
{
    enum { CHEAP = 400 };
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=60", "--set",
                   "server.access_log=off");
    struct client *client = say_many(
        server, "GET /-/metrics HTTP/1.1\r\nHost: a\r\n\r\n" HELLO, CHEAP);
    struct answer answer = {0};
    for (int i = 0; i < CHEAP; i++) {
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        assert_int_equal(answer.status, 200);
        assert_true(answer.body.length > 100);
        life_expect_hello(client);
    }
    answer_free(&answer);
    client_close(client);
    server_stop(server);
}

static json_int_t state_count(const struct server *server, const char *state)
{
    return figures_counter(server, "states", state);
}

/* How many HELLOs a client that reads nothing can send until the server has
 * something left that its socket does not take. */
static size_t fill_socket(const struct server *server)
{
    enum { MANY = 2000 };
    struct client *deaf = client_open_small(server->port, 4096);
    size_t count = 0;
    while (state_count(server, "WAITING_TO_SEND_HEAD") +
               state_count(server, "WAITING_TO_SEND_BODY") ==
           0) {
        client_say(deaf, HELLO);
        client_wait_taken(deaf);
        if (++count > MANY)
            fail_msg("a client that reads nothing is sent everything");
    }
    client_reset(deaf);
    return count;
}

static void expect_cut_off(struct client *client)
{
    struct pollfd watch = {.fd = client->fd, .events = 0};
    assert_int_equal(poll(&watch, 1, client_limit_ms()), 1);
    assert_true(watch.revents & (POLLHUP | POLLERR));
}

/* Bug: a copy was begun while the socket was nearly full of answers before it.
 * It waited for room in the socket without any deadline, and held its snapshot
 * for ever. */
static void deaf_backup(const struct stage_differences *stage)
{
    enum { CLIENTS = 6 };
    struct client *clients[CLIENTS];
    if (!stage->answers_others)
        return; /* the figures are asked for in between */
    struct server *server = LIFE_START_SQL(
        stage, "deaf-backup", "--set", "connection.send_buffer_bytes=4096",
        "--set", "connection.send_seconds=1", "--set", "sqlite.backups=6");
    /* More than is copied in one go. */
    sql_do(server, "t", NULL,
           EXECUTE("CREATE TABLE ballast(x)") "," EXECUTE(
               "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g "
               "WHERE i<300) INSERT INTO ballast SELECT randomblob(100000) "
               "FROM g"));
    size_t full = fill_socket(server);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct bytes all = {0};
        for (size_t k = 0; k + i < full; k++)
            bytes_print(&all, "%s", HELLO);
        bytes_print(&all, "POST /db/t/backup HTTP/1.1\r\nHost: a\r\n"
                          "Content-Length: 0\r\n\r\n");
        clients[i] = client_open_small(server->port, 4096);
        client_send(clients[i], all.data, all.length);
        bytes_free(&all);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        expect_cut_off(clients[i]);
    client_close_all();
    life_answers(server);
    server_stop(server);
}

/* An answer that is made as it goes waits for its client only so long. */
static void deaf_stream(const struct stage_differences *stage)
{
    static const char body[] =
        "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n\"}}]}}";
    struct server *server = LIFE_START_SQL(
        stage, "deaf-stream", "--set", "connection.send_buffer_bytes=4096",
        "--set", "connection.send_seconds=1");
    char request[400];
    snprintf(request, sizeof request,
             "POST " CURSOR " HTTP/1.1\r\nHost: a\r\n"
             "Content-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, request);
    expect_cut_off(client);
    client_close(client);
    life_answers(server);
    server_stop(server);
}

/* ---- what came while the server was stopped ---- */

static void pass_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* Bug: after SIGCONT the deadlines had passed, and the server looked at them
 * before it looked at what had come long before. */
static void came_in_time(const struct stage_differences *stage)
{
    enum { CLIENTS = 150, SECONDS = 2 };
    const size_t half = sizeof HELLO / 2;
    struct client *clients[CLIENTS];
    size_t count = stage->answers_others ? CLIENTS : 1, kept = 0;
    struct server *server = LIFE_START(
        stage, "--set", "connection.keepalive_seconds=2", "--set",
        "connection.head_seconds=2", "--set", "server.access_log=off", "--set",
        "connection.turn_seconds=60");
    for (size_t i = 0; i < count; i++) {
        clients[i] = life_say(server, HELLO);
        life_expect_hello(clients[i]);
        if (i % 2 == 1) {
            client_send(clients[i], HELLO, half);
            client_wait_taken(clients[i]);
        }
    }
    /* A wait that SIGCONT ends tells of no event at all. */
    server_suspend(server);
    for (size_t i = 0; i < count; i++) {
        if (client_has_news(clients[i])) { /* too late: a slow machine */
            client_close(clients[i]);
            continue;
        }
        client_say(clients[i], i % 2 == 1 ? &HELLO[half] : HELLO);
        clients[kept++] = clients[i];
    }
    assert_true(kept > 0);
    pass_ms(SECONDS * 1000 + 100);
    kill(server->pid, SIGCONT);
    for (size_t i = 0; i < kept; i++)
        life_expect_hello(clients[i]);
    client_close_all();
    server_stop(server);
}

/* Bug: a slow query took longer than another client's connection was kept; what
 * that client had sent meanwhile was closed unread. */
static void came_meanwhile(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "meanwhile", "--set", "sqlite.query_ms=1500",
                       "--set", "connection.keepalive_seconds=1");
    if (stage->answers_others) {
        struct client *idle = life_say(server, HELLO);
        life_expect_hello(idle);
        struct client *slow = life_say(server, SLOW);
        client_wait_taken(slow);
        if (client_has_news(idle)) {
            print_message("closed before the slow one began: skipped\n");
        } else {
            client_say(idle, HELLO);
            life_expect_hello(idle);
        }
        client_close(slow);
    }
    server_stop(server);
}

const struct life life_turns[] = {
    {"slow requests of one client let others go between them",
     others_between_requests},
    {"a stop comes between the requests of one client", stop_between_requests},
    {"many cheap requests of one client are all answered", cheap_ones_in_turns},
    {"a copy is made although its client reads nothing", deaf_backup},
    {"an endless answer whose client reads nothing is cut off", deaf_stream},
    {"what came while the server was stopped is answered", came_in_time},
    {"what came while a slow request was worked on is answered",
     came_meanwhile},
    {NULL, NULL},
};
