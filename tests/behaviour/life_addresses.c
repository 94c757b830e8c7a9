/* life_addresses.c - limits per client address. What they compute is tested in
 * tests/unit/access/test_addresses.c; here is seen that each stage asks for it,
 * and what the client sees. 127.0.0.2 is the neighbour who has done nothing. */
#include "life.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define NEIGHBOUR "127.0.0.2"

/* The next answer's status, 0 at the end. */
static unsigned next_status(struct client *client, struct answer *answer)
{
    return client_read(client, false, answer) == GOT_ANSWER ? answer->status
                                                            : 0;
}

/* A new connection from source that says HELLO: the status, 0 if it was
 * closed. */
static unsigned ask_from(const struct server *server, const char *source)
{
    struct answer answer = {0};
    struct client *client = client_open_from(server->port, source);
    client_say(client, HELLO_CLOSE);
    unsigned status = next_status(client, &answer);
    client_close(client);
    answer_free(&answer);
    return status;
}

/* Until time has brought an allowance back, or the server has seen a close. */
static void ask_until_200(const struct server *server, const char *source)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (ask_from(server, source) != 200) {
        if (suite_now_ms() > limit)
            fail_msg("%s is never answered 200 again", source);
        poll(NULL, 0, 20); /* a refusal is soon made: leave it some CPU */
    }
}

static void expect_retry_after(const struct answer *answer)
{
    char value[32];
    assert_int_equal(answer->status, 429);
    assert_true(answer_field(answer, "Retry-After", value, sizeof value));
}

static void expect_refused(struct client *client)
{
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    expect_retry_after(&answer);
    life_expect_close(client);
    answer_free(&answer);
    client_close(client);
}

/* Stage 1 has one connection at a time: what it must do is to count down. */
static void connections_one_by_one(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "limits.connections_per_address=1");
    for (int i = 0; i < 5; i++)
        life_answers(server);
    server_stop(server);
}

static void connections_of_an_address(const struct stage_differences *stage)
{
    enum { LIMIT = 3 };
    struct client *clients[LIMIT];
    if (!stage->answers_others) {
        connections_one_by_one(stage);
        return;
    }
    struct server *server =
        LIFE_START(stage, "--set", "limits.connections_per_address=3");
    for (int i = 0; i < LIMIT; i++) {
        clients[i] = life_say(server, HELLO);
        life_expect_hello(clients[i]);
    }
    size_t descriptors = server_descriptors(server);
    for (int i = 0; i < 20; i++)
        expect_refused(client_open(server->port));
    /* The last one may still be being closed, and the neighbour's too. */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        assert_int_equal(ask_from(server, NEIGHBOUR), 200);
        assert_true(suite_now_ms() < limit);
    } while (server_descriptors(server) > descriptors);
    for (int i = 0; i < LIMIT; i++) {
        client_say(clients[i], HELLO);
        life_expect_hello(clients[i]);
    }
    client_close(clients[0]);
    ask_until_200(server, "127.0.0.1");
    client_say(clients[1], "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer answer = {0};
    assert_int_equal(next_status(clients[1], &answer), 200);
    assert_non_null(strstr(answer.body.data, "\"per_address\":{\"refused\":2"));
    answer_free(&answer);
    server_stop(server);
}

static void connections_of_an_address_v6(const struct stage_differences *stage)
{
    if (!stage->answers_others || !life_has_v6())
        return;
    const char *const arguments[] = {"--set",
                                     "limits.connections_per_address=1", NULL};
    struct server *server = life_start(
        stage, &(struct server_options){.listen = "[::1]:0"}, arguments);
    struct client *client = client_open_v6(server->port);
    client_say(client, HELLO);
    life_expect_hello(client);
    expect_refused(client_open_v6(server->port));
    client_say(client, HELLO);
    life_expect_hello(client);
    server_stop(server);
}

/* The burst is exact while it takes less than the second that refills it. */
static void requests_of_an_address(const struct stage_differences *stage)
{
    enum { BURST = 3, ASKED = 12 };
    struct server *server = LIFE_START(
        stage, "--set", "limits.requests_per_second=1", "--set",
        "limits.requests_burst=3", "--set", "connection.turn_seconds=600");
    uint64_t start = suite_now_ms();
    struct client *client = client_open(server->port);
    for (int i = 0; i < ASKED; i++)
        client_say(client, HELLO);
    struct answer answer = {0};
    unsigned limited = 0;
    for (int i = 0; i < ASKED; i++) {
        unsigned status = next_status(client, &answer);
        if (i < BURST)
            assert_int_equal(status, 200);
        else if (suite_now_ms() - start < 1000)
            expect_retry_after(&answer);
        assert_true(status == 200 || status == 429);
        limited += status == 429;
    }
    uint64_t seconds = (suite_now_ms() - start) / 1000;
    assert_true(ASKED - limited <= BURST + seconds + 1);
    client_close(client);
    assert_int_equal(ask_from(server, NEIGHBOUR), 200);
    ask_until_200(server, "127.0.0.1");
    answer_free(&answer);
    server_stop(server);
}

/* Asks until it is limited, and leaves that answer. */
static void ask_until_429(struct client *client, const char *request,
                          struct answer *answer)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        if (suite_now_ms() > limit)
            fail_msg("it is never limited");
        client_say(client, request);
    } while (next_status(client, answer) != 429);
    expect_retry_after(answer);
}

/* An ordinary answer: the connection goes on, a body is not taken for the next
 * request, and a client of SQL can read it. */
static void a_limited_request_is_answered(const struct stage_differences *stage)
{
    char type[64];
    struct server *server = LIFE_START_SQL(
        stage, "limited", "--set", "limits.requests_per_second=1", "--set",
        "limits.requests_burst=1", "--set", "connection.turn_seconds=600");
    struct client *client = client_open(server->port);
    struct answer answer = {0};
    ask_until_429(client, HELLO, &answer);
    assert_non_null(strstr(answer.body.data, "429 Too Many Requests\n"));
    assert_false(answer_field(&answer, "Connection", type, sizeof type));
    ask_until_429(client,
                  "POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
                  "Content-Length: 15\r\n\r\n{\"requests\":[]}",
                  &answer);
    assert_true(answer_field(&answer, "Content-Type", type, sizeof type));
    assert_string_equal(type, "application/json");
    assert_non_null(strstr(answer.body.data, "\"code\":\"TOO_MANY_REQUESTS\""));
    ask_until_429(client,
                  "PUT /put/limited.txt HTTP/1.1\r\nHost: a\r\n"
                  "Content-Length: 3\r\n\r\nabc",
                  &answer);
    ask_until_429(client, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    ask_until_429(client, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    answer_free(&answer);
    server_stop(server);
}

/* The stats as the neighbour sees them; he too has only so many requests. */
static void neighbours_stats(const struct server *server, struct answer *answer)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    for (;;) {
        struct client *client = client_open_from(server->port, NEIGHBOUR);
        client_say(client, "GET /-/stats HTTP/1.1\r\nHost: a\r\n"
                           "Connection: close\r\n\r\n");
        unsigned status = next_status(client, answer);
        client_close(client);
        if (status == 200)
            return;
        if (suite_now_ms() > limit)
            fail_msg("no stats for the neighbour");
        poll(NULL, 0, 20);
    }
}

static void a_ban(const struct stage_differences *stage)
{
    enum { BAN_AFTER = 5 };
    struct server *server = LIFE_START(
        stage, "--set", "limits.requests_per_second=1", "--set",
        "limits.requests_burst=1", "--set", "limits.ban_after=5", "--set",
        "limits.ban_seconds=600", "--set", "connection.turn_seconds=600");
    struct client *client = client_open(server->port);
    struct answer answer = {0};
    char value[32];
    unsigned limited = 0;
    /* However many pass meanwhile: after five refusals one more is said, and
     * that is the end. */
    do {
        client_say(client, HELLO);
        limited += next_status(client, &answer) == 429;
        assert_true(answer.status == 200 || answer.status == 429);
    } while (!answer_field(&answer, "Connection", value, sizeof value));
    assert_string_equal(value, "close");
    assert_int_equal(limited, BAN_AFTER + 1);
    life_expect_close(client);
    client_close(client);
    for (int i = 0; i < 3; i++) {
        client = client_open(server->port);
        life_expect_close(client);
        client_close(client);
    }
    neighbours_stats(server, &answer);
    assert_non_null(strstr(answer.body.data, ",\"banned\":3,\"bans\":1}"));
    struct bytes output = {0};
    server_output(server, &output);
    const char *line = strstr(
        output.data, "banned 127.0.0.1 for 600 s after 5 answers 429 within");
    assert_non_null(line);
    assert_null(strstr(line + 1, "banned 127.0.0.1"));
    bytes_free(&output);
    answer_free(&answer);
    server_stop(server);
}

static void a_ban_ends(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(
        stage, "--set", "limits.requests_per_second=1", "--set",
        "limits.requests_burst=1", "--set", "limits.ban_after=1", "--set",
        "limits.ban_seconds=1", "--set", "connection.turn_seconds=600");
    struct client *client = client_open(server->port);
    struct answer answer = {0};
    ask_until_429(client, HELLO, &answer);
    client_close(client);
    ask_until_200(server, "127.0.0.1");
    answer_free(&answer);
    server_stop(server);
}

/* A request that the proxy on 127.0.0.1 sends for client. */
static unsigned ask_for(struct client *proxy, const char *client,
                        const char *path)
{
    struct answer answer = {0};
    char request[200];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n", path,
             client);
    client_say(proxy, request);
    unsigned status = next_status(proxy, &answer);
    answer_free(&answer);
    return status;
}

/* The log is written once a second. */
static void expect_log_line(const struct server *server, const char *start)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    bool found = false;
    while (!found) {
        struct bytes output = {0};
        server_output(server, &output);
        found = strstr(output.data, start) != NULL;
        bytes_free(&output);
        if (!found && suite_now_ms() > limit)
            fail_msg("nothing in the log starts with %s", start);
        if (!found)
            poll(NULL, 0, 20);
    }
}

/* Who is not the proxy is not believed, and what a client has sent itself
 * stands before what the proxy adds. */
static void whom_a_proxy_names(const struct stage_differences *stage)
{
    const char *const arguments[] = {
        "--set", "server.trust_proxy=127.0.0.1", "--set", "server.access_log=-",
        "--set", "connection.turn_seconds=600",  NULL};
    struct server *server = server_start(
        stage->number, &(struct server_options){.arguments = arguments});
    struct client *client = client_open(server->port);
    assert_int_equal(ask_for(client, "192.0.2.7", "/-/stats"), 403);
    assert_int_equal(ask_for(client, "127.0.0.1, 192.0.2.7", "/-/stats"), 403);
    assert_int_equal(ask_for(client, "192.0.2.7, nobody", "/small.txt"), 400);
    assert_int_equal(ask_for(client, "127.0.0.3", "/-/stats"), 200);
    client_close(client);
    client = client_open_from(server->port, NEIGHBOUR);
    assert_int_equal(ask_for(client, "192.0.2.8", "/-/stats"), 200);
    client_close(client);
    expect_log_line(server, "\n127.0.0.2 - - [");
    expect_log_line(server, "\n192.0.2.7 - - [");
    server_stop(server);
}

/* Behind a proxy a limit must neither fall on all of its clients nor close the
 * connection that they share; the proxy may have as many as it likes. */
static void limits_behind_a_proxy(const struct stage_differences *stage)
{
    enum { PROXYS = 5, LIMITED = 8 };
    struct client *clients[PROXYS];
    size_t count = stage->answers_others ? PROXYS : 1;
    struct server *server = LIFE_START(
        stage, "--set", "server.trust_proxy=127.0.0.1", "--set",
        "limits.connections_per_address=1", "--set",
        "limits.requests_per_second=1", "--set", "limits.requests_burst=2",
        "--set", "limits.ban_after=3", "--set", "limits.ban_seconds=600",
        "--set", "connection.turn_seconds=600");
    unsigned limited = 0;
    for (size_t i = 0; i < count; i++)
        clients[i] = client_open(server->port);
    for (int i = 0; limited < LIMITED; i++) {
        unsigned status = ask_for(clients[0], "192.0.2.7", "/small.txt");
        assert_true(status == 429 || (status == 200 && i < 100));
        limited += status == 429;
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ask_for(clients[i], "192.0.2.7", "/small.txt"), 429);
        client_say(clients[i], HELLO); /* the proxy's own */
        life_expect_hello(clients[i]);
    }
    /* One after the other, so never two at a time. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(ask_for(clients[0], "192.0.2.9", "/small.txt"), 200);
    for (size_t i = 0; i < count; i++)
        client_close(clients[i]);
    server_stop(server);
}

const struct life life_addresses[] = {
    {"an address has so many connections and no more",
     connections_of_an_address},
    {"an IPv6 address has so many connections", connections_of_an_address_v6},
    {"an address may ask so often and no more", requests_of_an_address},
    {"a request too many is answered as any other",
     a_limited_request_is_answered},
    {"who does not heed refusals is banned", a_ban},
    {"a ban ends", a_ban_ends},
    {"a trusted proxy says who asks", whom_a_proxy_names},
    {"limits are of a proxy's clients, one by one", limits_behind_a_proxy},
    {NULL, NULL},
};
