/* life_limits.c - deadlines, many connections, few descriptors, nothing lost
 * over a thousand requests. Pitfalls 6 and 15. */
#include "life.h"
#include "sql_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A thousand clients that say nothing keep nobody out. */
static void a_thousand_idle(const struct stage_differences *stage)
{
    enum { IDLE = 1000, QUEUE = 400 };
    static struct client *idle[IDLE];
    /* One client at a time: the others wait in the kernel's queue, which has
     * an end. */
    size_t count = stage->answers_others ? IDLE : QUEUE;
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=600", "--set",
                   "server.access_log=off");
    life_answers(server);
    size_t descriptors = server_descriptors(server);
    size_t memory = server_memory(server);
    for (size_t i = 0; i < count; i++)
        idle[i] = client_open(server->port);
    if (stage->answers_others) {
        life_answers(server);
        /* The first count may have seen the end of who asked before it. */
        assert_true(server_descriptors(server) >= descriptors + count - 1);
        size_t after = server_memory(server);
        if (!suite.slow && after > memory + 2 * IDLE)
            fail_msg("%zu KiB for %d idle connections", after - memory, IDLE);
        client_say(idle[count - 1], HELLO);
        life_expect_hello(idle[count - 1]);
    }
    for (size_t i = 0; i < count; i++)
        client_close(idle[i]);
    life_answers(server);
    life_descriptors_settle(server, descriptors);
    server_stop(server);
}

/* Pitfall 15: FD_SET past FD_SETSIZE writes past the set. Stage 2 refuses
 * those, the others have no such limit. */
static void more_than_an_fd_set(const struct stage_differences *stage)
{
    enum { CLIENTS = 1100 };
    static struct client *clients[CLIENTS];
    if (!stage->answers_others)
        return; /* stage 1 holds one client and needs no set */
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=600", "--set",
                   "connection.head_seconds=600");
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = client_open(server->port);
    client_say(clients[0], HELLO);
    life_expect_hello(clients[0]);
    struct client *late = clients[CLIENTS - 1];
    if (stage->clients_max > 0) {
        struct answer answer = {0};
        char value[16];
        assert_int_equal(client_read(late, false, &answer), GOT_ANSWER);
        assert_int_equal(answer.status, 503);
        assert_true(answer_field(&answer, "Retry-After", value, sizeof value));
        life_expect_close(late);
        answer_free(&answer);
    } else {
        client_say(late, HELLO);
        life_expect_hello(late);
    }
    client_say(clients[1], HELLO);
    life_expect_hello(clients[1]);
    client_close_all();
    life_answers(server);
    server_stop(server);
}

/* The setting does the same for every stage that has many clients. */
static void more_than_the_setting(const struct stage_differences *stage)
{
    enum { CLIENTS = 6 };
    struct client *clients[CLIENTS];
    if (!stage->answers_others)
        return;
    struct server *server =
        LIFE_START(stage, "--set", "server.connections_max=5");
    for (size_t i = 0; i < CLIENTS - 1; i++) {
        clients[i] = life_say(server, HELLO);
        life_expect_hello(clients[i]);
    }
    clients[CLIENTS - 1] = client_open(server->port);
    life_expect(clients[CLIENTS - 1], 503);
    life_expect_close(clients[CLIENTS - 1]);
    for (size_t i = 0; i < CLIENTS - 1; i++) {
        client_say(clients[i], HELLO);
        life_expect_hello(clients[i]);
    }
    client_close(clients[0]);
    /* Until the server has seen that close it may refuse some more. */
    struct answer answer = {0};
    while (client_get(server->port, "/small.txt", &answer) == 503)
        continue;
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    server_stop(server);
}

/* Pitfall 15: out of descriptors accept fails for ever; whoever watches on
 * spins, whoever dies loses all. */
static void out_of_descriptors(const struct stage_differences *stage)
{
    enum { LIMIT = 32, CLIENTS = 60 };
    struct client *clients[CLIENTS];
    struct server_options options = {.descriptors = LIMIT};
    const char *const arguments[] = {
        "--set", "connection.keepalive_seconds=600",
        "--set", "connection.turn_seconds=600",
        "--set", "connection.head_seconds=1",
        NULL};
    if (suite.slow) {
        print_message("valgrind keeps descriptors of its own: skipped\n");
        return;
    }
    static const char told[] = "but the process may have 32 descriptors";
    struct server *server = life_start(stage, &options, arguments);
    struct bytes output = {0};
    server_output(server, &output);
    assert_true(bytes_find(output.data, output.length, told, sizeof told - 1) >=
                0);
    bytes_free(&output);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = client_open(server->port);
    client_say(clients[0], "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n");
    life_expect(clients[0], 200);
    /* A second passes until a half head is 408: whoever spins uses 100 ticks
     * in it. */
    unsigned long before = server_ticks(server);
    client_say(clients[stage->answers_others ? 1 : 0], "GET / HT");
    life_expect(clients[stage->answers_others ? 1 : 0], 408);
    life_expect_rest(server, before);
    for (size_t i = 0; i < CLIENTS - 5; i++)
        client_close(clients[i]);
    /* Those that have gone are accepted too, from the kernel's queue: while
     * they have all descriptors there is none for a file, which is 503. */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (stage->answers_others &&
           (!client_accepted(clients[CLIENTS - 1]->fd) ||
            server_descriptors(server) > LIMIT - 10))
        if (suite_now_ms() > limit)
            fail_msg("%zu descriptors are still open",
                     server_descriptors(server));
    for (size_t i = CLIENTS - 5; i < CLIENTS; i++) {
        client_say(clients[i], HELLO_CLOSE);
        life_expect_hello(clients[i]);
        client_close(clients[i]);
    }
    life_answers(server);
    server_stop(server);
}

/* A descriptor can come free while no connection ends and no turn is idle. The
 * client who waits for it must not wait until one of both happens. */
static void descriptors_come_back(const struct stage_differences *stage)
{
    enum { LIMIT = 32 };
    static const char stats[] = "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n";
    struct server_options options = {.descriptors = LIMIT};
    const char *const arguments[] = {
        "--set", "connection.keepalive_seconds=600",
        "--set", "connection.send_seconds=600",
        "--set", "connection.send_buffer_bytes=4096",
        "--set", "connection.keepalive_requests=1000000000",
        NULL};
    if (suite.slow || !stage->answers_others)
        return;
    struct server *server = life_start(stage, &options, arguments);
    struct client *reader = client_open_small(server->port, 4096);
    struct client *busy = NULL;
    char last[64], unused;
    client_say(reader, BIG);
    client_receive(reader, bytes_room(&reader->in, 1), 1);
    reader->in.length++;
    /* The lowest free number is given, so with the last all are taken. */
    snprintf(last, sizeof last, "/proc/%d/fd/%d", (int)server->pid, LIMIT - 1);
    while (readlink(last, &unused, 1) < 0) {
        busy = life_say(server, stats);
        life_expect(busy, 200);
    }
    assert_non_null(busy);
    struct client *late = life_say(server, stats);
    for (int i = 0; i < 2; i++) { /* it has been seen, and not let in */
        client_say(busy, stats);
        life_expect(busy, 200);
    }
    life_expect_big(reader);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!client_has_news(late)) {
        client_say(busy, stats);
        life_expect(busy, 200);
        if (suite_now_ms() > limit)
            fail_msg("a descriptor is free, and nobody is let in");
    }
    life_expect(late, 200);
    server_stop(server);
}

/* Stage 1: one client that keeps asking may not keep others out for ever. The
 * others answer both at once. */
static void a_turn_ends(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=1", "--set",
                   "connection.keepalive_requests=1000000000");
    struct client *greedy = life_say(server, HELLO);
    life_expect_hello(greedy);
    struct client *other = life_say(server, HELLO);
    bool closed = false;
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!closed && !client_has_news(other)) {
        struct answer answer = {0};
        char connection[16] = "";
        client_say(greedy, HELLO);
        /* Bug: closed behind an answer that said that the connection stays. */
        assert_int_equal(client_read(greedy, false, &answer), GOT_ANSWER);
        closed = answer_field(&answer, "Connection", connection,
                              sizeof connection) &&
                 strcmp(connection, "close") == 0;
        answer_free(&answer);
        if (suite_now_ms() > limit)
            fail_msg("the others never get their turn");
    }
    /* The close came first, but the other's answer may have been seen first. */
    closed = closed || client_has_news(greedy);
    assert_int_equal(closed, !stage->answers_others);
    life_expect_hello(other);
    server_stop(server);
}

/* Bug: a refusal was lost on who sends slowly and reads at the end: the time to
 * linger was counted from the answer, and not from the last byte. */
static void
refusal_waits_for_a_slow_sender(const struct stage_differences *stage)
{
    static const char piece[1024] = {0};
    struct server *server =
        LIFE_START(stage, "--set", "connection.linger_seconds=1", "--set",
                   "connection.turn_seconds=60");
    struct client *slow = life_say(server, "PUT /no/x HTTP/1.1\r\nHost: a\r\n"
                                           "Content-Length: 10000000\r\n\r\n");
    uint64_t end = suite_now_ms() + 2500;
    while (suite_now_ms() < end) {
        assert_int_equal(client_send(slow, piece, sizeof piece), 0);
        poll(NULL, 0, 100);
    }
    life_expect(slow, 409); /* there is no directory /no */
    life_expect_close(slow);
    server_stop(server);
}

/* The same for a client that keeps silent. */
static void a_silent_turn_ends(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=1", "--set",
                   "connection.keepalive_seconds=600");
    struct client *silent = life_say(server, HELLO);
    life_expect_hello(silent);
    struct client *other = life_say(server, HELLO);
    life_expect_hello(other);
    assert_int_equal(client_has_news(silent), !stage->answers_others);
    server_stop(server);
}

/* A head that does not come to its end. */
static void head_deadline(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.head_seconds=1");
    struct client *client = life_say(server, "GET / HTTP/1.1\r\nHost");
    life_expect(client, 408);
    life_expect_close(client);
    client_close(client);
    life_answers(server);
    server_stop(server);
}

/* Bytes that trickle do not move the deadline of a head. */
static void head_trickle(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.head_seconds=1");
    struct client *client = life_say(server, "GET / HTTP/1.1\r\nX: ");
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!client_has_news(client) && suite_now_ms() < limit) {
        struct pollfd watch = {.fd = client->fd, .events = POLLIN};
        client_say(client, "x");
        poll(&watch, 1, 20);
    }
    assert_true(client_has_news(client));
    life_expect(client, 408);
    server_stop(server);
}

static void body_deadline(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.body_seconds=1");
    struct client *client =
        life_say(server, "PUT /put/late.txt HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 100\r\n\r\nabc");
    life_expect(client, 408);
    life_expect_close(client);
    client_close(client);
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/put/late.txt", &answer), 404);
    answer_free(&answer);
    server_stop(server);
}

/* An idle connection is closed without a word. */
static void idle_deadline(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=1");
    struct client *silent = client_open(server->port);
    life_expect_close(silent);
    client_close(silent);
    struct client *client = life_say(server, HELLO);
    life_expect_hello(client);
    life_expect_close(client);
    server_stop(server);
}

/* keepalive_seconds=0 closed each connection before its first request. */
static void nothing_is_kept(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=0");
    struct client *client = client_open(server->port);
    struct answer answer = {0};
    char value[32];
    /* A turn of the server goes by. */
    if (stage->answers_others)
        assert_int_equal(client_get(server->port, "/small.txt", &answer), 200);
    client_say(client, HELLO HELLO);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 200);
    assert_true(answer_field(&answer, "Connection", value, sizeof value));
    assert_string_equal(value, "close");
    answer_free(&answer);
    life_expect_close(client);
    server_stop(server);
}

/* A client that never reads is cut off, and its descriptors come back. */
static void send_deadline(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_seconds=1", "--set",
                   "connection.send_buffer_bytes=4096");
    life_answers(server);
    size_t before = server_descriptors(server);
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, BIG);
    struct pollfd watch = {.fd = client->fd, .events = 0};
    assert_int_equal(poll(&watch, 1, client_limit_ms()), 1);
    assert_true(watch.revents & (POLLHUP | POLLERR));
    life_descriptors_settle(server, before);
    server_stop(server);
}

/* The number of requests on one connection has an end, which is told. */
static void requests_on_one_connection(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_requests=3");
    struct client *client = life_say(server, HELLO HELLO HELLO HELLO);
    struct answer answer = {0};
    char value[32];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        assert_int_equal(
            answer_field(&answer, "Connection", value, sizeof value), i == 2);
    }
    life_expect_close(client);
    answer_free(&answer);
    server_stop(server);
}

/* Requests of every kind, n times each, some on one connection. */
static void ask_everything(const struct server *server, int n)
{
    static const char *const requests[] = {
        HELLO,
        "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /middle.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n",
        "GET /letters.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6\r\n\r\n",
        "GET /bare/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /sub HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /put/many.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "DELETE /put/many.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /db/t/query?sql=SELECT+1 HTTP/1.1\r\nHost: a\r\n\r\n",
        ("POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
         "Content-Length: 15\r\n\r\n{\"requests\":[]}"),
        "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct answer answer = {0};
    for (int i = 0; i < n; i++) {
        struct client *client = client_open(server->port);
        for (size_t r = 0; r < sizeof requests / sizeof *requests; r++) {
            client_say(client, requests[r]);
            assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        }
        client_say(client, "BAD\r\n\r\n");
        life_expect(client, 400);
        life_expect_close(client);
        client_close(client);
    }
    answer_free(&answer);
}

/* Pitfall 6: a socket or a file lost with each request. */
static void nothing_is_lost(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "lost", "--set", "files.listing=on", "--set",
                       "server.access_log=off");
    int times = suite.slow ? 10 : 100;
    ask_everything(server, times);
    life_answers(server);
    size_t descriptors = server_descriptors(server);
    /* A leak shows in every round. A thread's allocator that warms up, or a
     * sanitizer's, does so once. */
    size_t memory = 0, after = server_memory(server);
    for (int round = 0; round < 4; round++) {
        memory = after;
        ask_everything(server, times);
        life_descriptors_settle(server, descriptors);
        after = server_memory(server);
        if (after <= memory + 512)
            break;
    }
    if (!suite.slow && after > memory + 512)
        fail_msg("%zu KiB before, %zu KiB after 1000 requests", memory, after);
    server_stop(server);
}

/* One that has its answer is told to come again. */
static bool is_refused(struct client *client)
{
    struct answer answer = {0};
    char after[20];
    if (!client_has_news(client))
        return false;
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 503);
    assert_true(answer_field(&answer, "Retry-After", after, sizeof after));
    answer_free(&answer);
    return true;
}

/* Bug: what found no room to wait in waited all the same, without bound, or was
 * dropped. Here one works and one may wait: of five statements without end at
 * least three are refused, but not the first. */
static void full_queue(const struct stage_differences *stage)
{
    enum { ASKED = 5, ROOM = 2 };
    struct client *clients[ASKED];
    size_t left = ASKED;
    if (!stage->databases_side_by_side)
        return;
    struct server *server = LIFE_START_SQL(
        stage, "full", "--set", "pool.recv=1", "--set", "pool.work=1", "--set",
        "sqlite.workers=1", "--set", "pool.queue_max=1", "--set",
        "sqlite.query_ms=600000", "--set", "server.stop_seconds=1");
    for (size_t i = 0; i < ASKED; i++)
        clients[i] = sql_say_endless(server, "t");
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (left > ROOM) {
        if (suite_now_ms() > limit)
            fail_msg("%zu of %d are not refused", left, ASKED);
        for (size_t i = 0; i < left; i++)
            if (is_refused(clients[i]))
                clients[i--] = clients[--left];
    }
    assert_true(left > 0);
    server_stop(server);
}

const struct life life_limits[] = {
    {"a full queue is 503 with Retry-After", full_queue},
    {"a thousand idle clients keep nobody out", a_thousand_idle},
    {"more clients than an fd_set holds", more_than_an_fd_set},
    {"more clients than the setting allows get 503", more_than_the_setting},
    {"without descriptors it serves what it has", out_of_descriptors},
    {"a descriptor that comes free is used though others are busy",
     descriptors_come_back},
    {"a client that keeps asking has a turn that ends", a_turn_ends},
    {"a refusal waits for a slow sender", refusal_waits_for_a_slow_sender},
    {"a silent client has a turn that ends", a_silent_turn_ends},
    {"a head that does not end is 408", head_deadline},
    {"a head that trickles is 408", head_trickle},
    {"a body that does not end is 408", body_deadline},
    {"an idle connection is closed", idle_deadline},
    {"without keep-alive each connection has one answer", nothing_is_kept},
    {"a client that never reads is cut off", send_deadline},
    {"the requests of a connection are counted", requests_on_one_connection},
    {"a thousand requests lose nothing", nothing_is_lost},
    {NULL, NULL},
};
