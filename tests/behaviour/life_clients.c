/* life_clients.c - rude clients: slow, gone, deaf, many at once.
 *
 * What happens first is told by the order of events, never by a clock. */
#include "life.h"
#include "sql_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Pitfall 1: an event loop that blocks reading one head stops everybody. */
static void half_a_request(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=60");
    struct client *slow = client_open(server->port);
    for (const char *at = HELLO; at[4]; at++) {
        client_send(slow, at, 1);
        client_wait_taken(slow);
    }
    struct client *other = life_say(server, HELLO);
    if (stage->answers_others)
        life_expect_hello(other);
    else
        assert_false(client_has_news(other));
    client_say(slow, "\r\n\r\n");
    life_expect_hello(slow);
    client_close(slow);
    if (!stage->answers_others)
        life_expect_hello(other);
    server_stop(server);
}

/* Pitfalls 2 and 9: eight clients send byte by byte, in turn; no two say the
 * same, so that nothing of one passes for the other's. */
static void slow_side_by_side(const struct stage_differences *stage)
{
    enum { CLIENTS = 8 };
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=60");
    struct client *clients[CLIENTS];
    struct bytes requests[CLIENTS] = {{0}};
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(server->port);
        bytes_print(&requests[i],
                    "GET /letters.txt HTTP/1.1\r\nHost: %0*d\r\n"
                    "Range: bytes=%zu-%zu\r\n\r\n",
                    (int)i + 1, 0, i, i);
    }
    for (size_t at = 0; at < requests[CLIENTS - 1].length; at++)
        for (size_t i = 0; i < CLIENTS; i++) {
            if (at >= requests[i].length)
                continue;
            client_send(clients[i], requests[i].data + at, 1);
            if (stage->answers_others)
                client_wait_taken(clients[i]);
        }
    /* Backwards where it can be: a server that serves one at a time and
     * happens to be quick would pass otherwise. */
    for (size_t i = 0; i < CLIENTS; i++) {
        size_t which = stage->answers_others ? CLIENTS - 1 - i : i;
        struct answer answer = {0};
        assert_int_equal(client_read(clients[which], false, &answer),
                         GOT_ANSWER);
        assert_int_equal(answer.status, 206);
        assert_int_equal(answer.body.data[0], "abcdefgh"[which]);
        answer_free(&answer);
        client_close(clients[which]);
        bytes_free(&requests[which]);
    }
    server_stop(server);
}

/* Pitfall 5: SIGPIPE, ECONNRESET or POLLERR ends the server; pitfall 7: what is
 * closed twice or used behind its close. */
static void reset_in_every_state(const struct stage_differences *stage)
{
    static const char *const states[] = {
        "",
        "GET /sm",
        HELLO,
        BIG,
        HELLO HELLO HELLO HELLO,
        BIG HELLO BIG,
        "PUT /put/reset.txt HTTP/1.1\r\nHost: a\r\nContent-Length: "
        "9\r\n\r\nabc",
        "PUT /put/reset.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nab",
        "PUT /put/reset.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
        "Expect: 100-continue\r\n\r\n",
        "BAD\r\n\r\n",
        "POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: "
        "99\r\n\r\n{\"requ",
    };
    struct server *server = LIFE_START(stage, "--set", "server.access_log=off");
    life_answers(server);
    size_t before = server_descriptors(server);
    int times = suite.slow ? 10 : 100;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (int n = 0; n < times; n++) {
            struct client *client = life_say(server, states[i]);
            if (n % 3 == 1 && *states[i] && stage->answers_others)
                client_wait_taken(client);
            client_reset(client);
        }
    life_answers(server);
    life_descriptors_settle(server, before);
    server_stop(server);
}

/* The same, once bytes of the answer have arrived: a send is under way. */
static void reset_while_sending(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096");
    life_answers(server);
    size_t before = server_descriptors(server);
    int times = suite.slow ? 10 : 100;
    for (int n = 0; n < times; n++) {
        struct client *client = client_open_small(server->port, 4096);
        client_say(client, BIG);
        char byte;
        assert_int_equal(client_receive(client, &byte, 1), 1);
        client_reset(client);
    }
    life_descriptors_settle(server, before);
    server_stop(server);
}

/* A client that has said all it wants may close its side first. */
static void half_close(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(stage, "--set", "server.access_log=off");
    struct client *client = life_say(server, HELLO);
    client_half_close(client);
    life_expect_hello(client);
    life_expect_close(client);
    client_close(client);
    client = life_say(server, HELLO HELLO BIG);
    client_half_close(client);
    life_expect_hello(client);
    life_expect_hello(client);
    life_expect_big(client);
    client_close(client);
    client = life_say(server, "GET /small");
    client_half_close(client);
    life_expect_close(client);
    server_stop(server);
}

/* Pitfall 4: a short write forgotten or counted twice; the reader pauses. */
static void reader_who_pauses(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096", "--set",
                   "connection.turn_seconds=60");
    struct client *deaf = client_open_small(server->port, 4096);
    client_say(deaf, BIG HELLO);
    char first;
    assert_int_equal(client_receive(deaf, &first, 1), 1);
    bytes_add(&deaf->in, &first, 1);
    struct client *other = life_say(server, HELLO);
    if (stage->answers_others)
        life_expect_hello(other);
    else
        assert_false(client_has_news(other));
    life_expect_big(deaf);
    life_expect_hello(deaf);
    client_close(deaf);
    if (!stage->answers_others)
        life_expect_hello(other);
    server_stop(server);
}

/* Pitfall 4 again: not a body but a head that is longer than the buffers. */
static void head_longer_than_buffers(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096", "--set",
                   "limits.request_line_bytes=100000", "--set",
                   "limits.head_bytes=110000");
    struct bytes request = {0};
    bytes_print(&request, "GET /sub?");
    for (int i = 0; i < 90000; i++)
        bytes_add(&request, &"abcdefghij"[i % 10], 1);
    bytes_print(&request, " HTTP/1.1\r\nHost: a\r\n\r\n");
    struct client *client = client_open_small(server->port, 4096);
    client_send(client, request.data, request.length);
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 301);
    /* "/sub?abc..." has become "/sub/?abc...". */
    assert_true(bytes_find(answer.raw.data, answer.raw.length, request.data + 8,
                           90000) > 0);
    answer_free(&answer);
    bytes_free(&request);
    server_stop(server);
}

/* Pitfall 3: the end of the stream taken for "nothing yet" spins for ever. The
 * time that passes is that of an idle close, an event; a server that spins
 * uses 100 ticks in it. */
static void closed_mid_line(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=1");
    for (int i = 0; i < 20; i++) {
        struct client *client = life_say(server, "GET / HT");
        if (i % 2)
            client_half_close(client);
        else
            client_close(client);
    }
    life_answers(server);
    unsigned long before = server_ticks(server);
    struct client *idle = life_say(server, HELLO);
    life_expect_hello(idle);
    life_expect_close(idle);
    life_expect_rest(server, before);
    server_stop(server);
}

/* Pitfall 3 while an answer is sent: a client that closed its side and reads
 * slowly keeps the socket readable for ever. */
static void half_closed_and_slow(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096", "--set",
                   "connection.send_seconds=1");
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, BIG);
    client_half_close(client);
    char byte;
    assert_int_equal(client_receive(client, &byte, 1), 1);
    unsigned long before = server_ticks(server);
    /* Cut off by the send deadline: that is the event to wait for. */
    struct pollfd watch = {.fd = client->fd, .events = 0};
    assert_int_equal(poll(&watch, 1, client_limit_ms()), 1);
    life_expect_rest(server, before);
    server_stop(server);
}

/* Pitfall 8: in one wake the server learns that A is gone and that B is there,
 * and B gets A's number. */
static void recycled_numbers(const struct stage_differences *stage)
{
    enum { COUNT = 50 };
    struct server *server = LIFE_START(stage, "--set", "server.access_log=off");
    size_t count = stage->answers_others ? COUNT : 1;
    struct client *old[COUNT], *fresh[COUNT];
    life_answers(server);
    size_t before = server_descriptors(server);
    for (size_t i = 0; i < count; i++) {
        old[i] = life_say(server, HELLO);
        life_expect_hello(old[i]);
    }
    server_suspend(server);
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 3)
            continue; /* stays, and moves to another slot */
        client_say(old[i], i % 2 ? HELLO : "GET /sm");
        if (i % 3)
            client_reset(old[i]);
        else
            client_close(old[i]);
    }
    for (size_t i = 0; i < count; i++)
        fresh[i] = life_say(server, HELLO);
    kill(server->pid, SIGCONT);
    for (size_t i = 0; i < count; i++)
        life_expect_hello(fresh[i]);
    for (size_t i = 3; i < count; i += 4) {
        client_say(old[i], HELLO);
        life_expect_hello(old[i]);
        client_close(old[i]);
    }
    for (size_t i = 0; i < count; i++) {
        client_say(fresh[i], HELLO_CLOSE);
        life_expect_hello(fresh[i]);
        life_expect_close(fresh[i]);
        client_close(fresh[i]);
    }
    life_descriptors_settle(server, before);
    server_stop(server);
}

/* Requests in one write, a long answer in the middle: all in order. */
static void pipelining(const struct stage_differences *stage)
{
    enum { REQUESTS = 50, LONG_ONE = 25 };
    struct server *server =
        LIFE_START(stage, "--set", "connection.turn_seconds=60");
    struct bytes request = {0};
    for (int i = 0; i < REQUESTS; i++)
        bytes_print(&request, "%s",
                    i == LONG_ONE ? BIG
                    : i % 2 ? "GET /letters.txt HTTP/1.1\r\nHost: a\r\n\r\n"
                            : HELLO);
    struct client *client = client_open(server->port);
    client_send(client, request.data, request.length);
    bytes_free(&request);
    for (int i = 0; i < REQUESTS; i++) {
        struct answer answer = {0};
        if (i == LONG_ONE) {
            life_expect_big(client);
            continue;
        }
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        assert_string_equal(answer.body.data,
                            i % 2 ? "abcdefghijklmnopqrstuvwxyz" : "hello\n");
        answer_free(&answer);
    }
    server_stop(server);
}

#define ASK_OTHER "GET /db/other/query?sql=SELECT+1 HTTP/1.1\r\nHost: a\r\n\r\n"

/* With pools a slow query delays nobody else, as long as a worker is free. When
 * all work for one slow database, or wait for its mutex, the others starve: the
 * flaw of stage 4 that stage 5 cures. */
static void slow_database(const struct stage_differences *stage)
{
    enum { ASKS = 10 };
    char query_ms[64];
    if (!stage->databases_side_by_side)
        return;
    snprintf(query_ms, sizeof query_ms, "sqlite.query_ms=%d",
             suite.slow ? 20000 : 3000);
    struct server *server =
        LIFE_START_SQL(stage, "slow", "--set", query_ms, "--set", "pool.work=2",
                       "--set", "sqlite.workers=2");
    struct client *slow = sql_say_endless(server, "t");
    client_wait_taken(slow);
    struct client *quick = life_say(server, HELLO);
    life_expect_hello(quick);
    client_say(quick, ASK_OTHER);
    life_expect(quick, 200);
    assert_false(client_has_news(slow));
    struct client *second = sql_say_endless(server, "t");
    client_wait_taken(second);
    /* Two threads read, so some quick ones may be queued before the second,
     * which was taken first. Where it starves, one of them waits at last, for
     * most of the time that the slow one has. */
    uint64_t begun = suite_now_ms(), longest = 0;
    int most = stage->slow_database_starves ? INT_MAX : ASKS;
    for (int i = 0; i < most && !client_has_news(slow); i++) {
        uint64_t asked = suite_now_ms();
        client_say(quick, ASK_OTHER);
        life_expect(quick, 200);
        uint64_t waited = suite_now_ms() - asked;
        longest = waited > longest ? waited : longest;
    }
    assert_int_equal(client_has_news(slow), stage->slow_database_starves);
    if (stage->slow_database_starves)
        assert_true(longest > (suite_now_ms() - begun) / 2);
    life_expect(slow, 503); /* the time is up */
    life_expect(second, 503);
    server_stop(server);
}

/* Until all have been answered that their time is up. */
static uint64_t endless_ms(const struct server *server, size_t count)
{
    static const char *const databases[] = {"t", "other"};
    struct client *clients[2];
    uint64_t start = suite_now_ms();
    for (size_t i = 0; i < count; i++)
        clients[i] = sql_say_endless(server, databases[i]);
    while (count > 0) {
        life_expect(clients[--count], 503);
        client_close(clients[count]);
    }
    return suite_now_ms() - start;
}

/* Pitfall 2: a pool whose threads take turns. What runs until its time is up
 * takes as long beside another as alone, if they really run side by side. */
static void statements_side_by_side(const struct stage_differences *stage)
{
    if (!stage->databases_side_by_side)
        return;
    struct server *server =
        LIFE_START_SQL(stage, "beside", "--set", "sqlite.query_ms=1000");
    uint64_t alone = 0, both = UINT64_MAX;
    for (int i = 0; i < 3 && both >= alone + alone / 2; i++) {
        alone = endless_ms(server, 1);
        both = endless_ms(server, 2);
    }
    if (both >= alone + alone / 2)
        fail_msg("one took %d ms, two %d ms", (int)alone, (int)both);
    server_stop(server);
}

/* Bug: a stop waited for as long as a statement may run, whatever stop_seconds
 * said, as its thread had to be joined. */
static void stop_interrupts(const struct stage_differences *stage)
{
    if (!stage->databases_side_by_side)
        return;
    struct server *server = LIFE_START_SQL(
        stage, "stop", "--set", "sqlite.query_ms=600000", "--set",
        "sqlite.transaction_seconds=600", "--set", "server.stop_seconds=1");
    for (int i = 0; i < 2; i++)
        client_wait_taken(sql_say_endless(server, "t"));
    server_stop(server);
}

/* Expect: 100-continue: asked, answered, and refused without the body. */
static void expect_continue(const struct stage_differences *stage)
{
    static const char head[] = "PUT /put/expect.txt HTTP/1.%d\r\nHost: a\r\n"
                               "Content-Length: %d\r\n"
                               "Expect: 100-continue\r\n\r\n";
    struct server *server =
        LIFE_START(stage, "--set", "limits.upload_bytes=1000");
    struct bytes request = {0};
    bytes_print(&request, head, 1, 3);
    struct client *client = life_say(server, request.data);
    life_expect(client, 100);
    client_say(client, "abc");
    life_expect(client, 201);
    client_say(client, "DELETE /put/expect.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    life_expect(client, 204);
    /* Refused at once: no 100, and the body never comes. */
    bytes_free(&request);
    bytes_print(&request, head, 1, 3000);
    client_say(client, request.data);
    life_expect(client, 413);
    client_close(client);
    /* HTTP/1.0 knows no 100. */
    bytes_free(&request);
    bytes_print(&request, head, 0, 3);
    client = life_say(server, request.data);
    client_wait_taken(client);
    client_say(client, "abc");
    life_expect(client, 201);
    client_close(client);
    bytes_free(&request);
    client =
        life_say(server, "DELETE /put/expect.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    life_expect(client, 204);
    server_stop(server);
}

/* The server refuses a body before it has read it, and reads on all the same:
 * had it closed, what the client still sends would be met with a reset, and the
 * answer be lost to a client that had not read it yet. */
static void refused_while_sending(const struct stage_differences *stage)
{
    static const char more[64 * 1024];
    struct server *server =
        LIFE_START(stage, "--set", "limits.upload_bytes=1000");
    struct client *client =
        life_say(server, "PUT /put/long.txt HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 10000000\r\n\r\n");
    life_expect(client, 413);
    for (int i = 0; i < 20; i++)
        assert_int_equal(client_send(client, more, sizeof more), 0);
    client_half_close(client);
    life_expect_close(client);
    assert_false(client->reset);
    client_close(client);
    server_stop(server);
}

/* A PUT that is broken off leaves the old file and nothing beside it. */
static void put_broken_off(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(stage, "--set", "files.listing=on");
    struct client *client =
        life_say(server, "PUT /put/keep.txt HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 100\r\n\r\nnew");
    client_wait_taken(client);
    if (stage->answers_others) { /* while it is under way */
        struct answer now = {0};
        assert_int_equal(client_get(server->port, "/put/keep.txt", &now), 200);
        assert_string_equal(now.body.data, "keep\n");
        answer_free(&now);
    }
    client_reset(client);
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/put/keep.txt", &answer), 200);
    assert_string_equal(answer.body.data, "keep\n");
    assert_int_equal(client_get(server->port, "/put/", &answer), 200);
    assert_true(
        bytes_find(answer.body.data, answer.body.length, "fivefold-", 9) < 0);
    answer_free(&answer);
    server_stop(server);
}

const struct life life_clients[] = {
    {"half a request keeps nobody waiting", half_a_request},
    {"slow clients are served side by side", slow_side_by_side},
    {"a reset in every state is survived", reset_in_every_state},
    {"a reset while sending is survived", reset_while_sending},
    {"a half close after the request still gets the answer", half_close},
    {"an answer survives a reader who pauses", reader_who_pauses},
    {"a head longer than the buffers arrives whole", head_longer_than_buffers},
    {"a close in the middle of a line costs no time", closed_mid_line},
    {"a half closed client that does not read costs no time",
     half_closed_and_slow},
    {"a recycled descriptor gets no stale event", recycled_numbers},
    {"pipelined requests are answered in order", pipelining},
    {"100-continue is said when it is asked for", expect_continue},
    {"a client that is refused may finish sending", refused_while_sending},
    {"a slow database and the others", slow_database},
    {"slow statements run side by side", statements_side_by_side},
    {"a stop does not wait for a statement without end", stop_interrupts},
    {"a PUT that is broken off changes nothing", put_broken_off},
    {NULL, NULL},
};
