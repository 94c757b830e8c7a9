/* life_memory.c - what the buffers of all connections hold together is bounded:
 * whoever asks for much and does not read, or begins to send much and does not
 * go on, takes nothing from the others. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <stdio.h>
#include <string.h>

enum {
    LIMIT = 8 << 20, /* limits.memory_bytes */
    HOGS = 40,       /* would hold ten times that */
    BODY = 900000,
    BODY_MAX = 1 << 20, /* limits.body_bytes */
};

/* An answer of 1.5 MB, which a buffer of 2 MiB holds. */
#define WIDE                                                                   \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "      \
    "i<30) SELECT hex(zeroblob(25000)) FROM n"
#define WIDE_QUERY                                                             \
    "WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i%2B1+FROM+n+WHERE+"    \
    "i<30)+SELECT+hex(zeroblob(25000))+FROM+n"
#define GET_WIDE                                                               \
    "GET /db/t/query?sql=" WIDE_QUERY " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_ONE "GET /db/t/query?sql=SELECT+1 HTTP/1.1\r\nHost: a\r\n\r\n"

static struct server *start(const struct stage_differences *stage,
                            const char *name)
{
    return LIFE_START_SQL(
        stage, name, "--set", "limits.memory_bytes=8M", "--set",
        "limits.body_bytes=1M", "--set", "sqlite.response_bytes=2M", "--set",
        "connection.send_buffer_bytes=4096", "--set",
        "connection.turn_seconds=60", "--set", "connection.send_seconds=600",
        "--set", "connection.body_seconds=600");
}

static json_int_t held(const struct server *server)
{
    json_int_t bytes = figures_counter(server, "memory", "bytes");
    if (bytes > LIMIT)
        fail_msg("the buffers hold %lld bytes", (long long)bytes);
    return bytes;
}

/* Somebody with a small request: of files, of a database. */
static void others_are_served(const struct server *server)
{
    life_answers(server);
    struct client *client = life_say(server, GET_ONE);
    life_expect(client, 200);
    client_close(client);
}

/* Asks for much and does not read it, but for the status. */
static unsigned begin_to_read(struct client *client)
{
    char head[] = "HTTP/1.1 200";
    for (size_t n = 0; n < sizeof head - 1;) {
        size_t got = client_receive(client, head + n, sizeof head - 1 - n);
        if (got == 0)
            fail_msg("closed without an answer");
        n += got;
    }
    return (unsigned)strtoul(head + 9, NULL, 10);
}

/* Those that hold most and move least go for somebody who reads. */
static void room_is_made(const struct server *server)
{
    struct answer answer = {0};
    char after[20];
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (client_get(server->port, "/db/t/query?sql=" WIDE_QUERY, &answer) !=
           200) {
        assert_int_equal(answer.status, 503);
        assert_true(answer_field(&answer, "Retry-After", after, sizeof after));
        assert_true(bytes_find(answer.body.data, answer.body.length, "\"code\"",
                               6) > 0);
        if (suite_now_ms() > limit)
            fail_msg("there is never room again");
    }
    assert_true(answer.body.length > 1500000);
    assert_true(figures_counter(server, "connections", "shed") > 0);
    answer_free(&answer);
}

/* Bug: 60 requests of 84 bytes had the server hold 1.1 GB. */
static void nobody_reads(const struct stage_differences *stage)
{
    struct client *hogs[HOGS];
    size_t large = 0, refused = 0;
    if (!stage->answers_others)
        return; /* one at a time holds what one may */
    struct server *server = start(stage, "deaf");
    for (size_t i = 0; i < HOGS; i++) {
        hogs[i] = client_open_small(server->port, 4096);
        client_say(hogs[i], GET_WIDE);
        unsigned status = begin_to_read(hogs[i]);
        assert_true(status == 200 || status == 503);
        large += status == 200;
        refused += status == 503;
    }
    assert_true(large > 0 && refused > 0);
    assert_true(held(server) > 0);
    others_are_served(server);
    room_is_made(server);
    client_close_all();
    server_stop(server);
}

/* A request whose body is announced. Given. */
static struct client *say_body(const struct server *server, size_t announced,
                               const char *more)
{
    char head[300];
    snprintf(head, sizeof head,
             "POST " V2 " HTTP/1.1\r\nHost: a\r\n"
             "Content-Type: application/json\r\n"
             "Content-Length: %zu\r\n%s\r\n",
             announced, more);
    return life_say(server, head);
}

/* Bug: 60 bodies that were not finished held 473 MB. */
static void nobody_finishes(const struct stage_differences *stage)
{
    static char body[BODY];
    struct client *hogs[HOGS];
    struct answer answer = {0};
    size_t refused = 0;
    char after[20];
    if (!stage->answers_others)
        return;
    struct server *server = start(stage, "halves");
    memset(body, ' ', sizeof body);
    /* All are announced before there is a byte of any: each would fit. */
    for (size_t i = 0; i < HOGS; i++) {
        hogs[i] = say_body(server, BODY, "Expect: 100-continue\r\n");
        life_expect(hogs[i], 100);
    }
    for (size_t i = 0; i < HOGS; i++) {
        client_send(hogs[i], body, sizeof body - 1);
        client_wait_taken(hogs[i]);
    }
    assert_true(held(server) > 0);
    for (size_t i = 0; i < HOGS; i++) {
        if (!client_has_news(hogs[i]))
            continue;
        assert_int_equal(client_read(hogs[i], false, &answer), GOT_ANSWER);
        assert_int_equal(answer.status, 503);
        assert_true(answer_field(&answer, "Retry-After", after, sizeof after));
        refused++;
    }
    assert_true(refused > 0);
    others_are_served(server);
    room_is_made(server);
    answer_free(&answer);
    client_close_all();
    server_stop(server);
}

/* Fills the memory so far that WIDE finds no room, and no body of BODY_MAX. */
static void fill(const struct server *server)
{
    for (int i = 0; i < 3; i++) {
        struct client *hog = client_open_small(server->port, 4096);
        client_say(hog, GET_WIDE);
        assert_int_equal(begin_to_read(hog), 200);
    }
}

/* Said before a byte of the body is sent, and before any is held. */
static void announced_too_much(const struct stage_differences *stage)
{
    if (!stage->answers_others)
        return;
    struct server *server = start(stage, "announced");
    fill(server);
    struct client *late =
        say_body(server, BODY_MAX, "Expect: 100-continue\r\n");
    life_expect(late, 503);
    client_close_all();
    server_stop(server);
}

/* Bug: five bytes of a next request kept the memory of the body before it. */
static void next_request_pins_nothing(const struct stage_differences *stage)
{
    static const char json[] = "{\"requests\":[]";
    static char body[BODY];
    static const char next[] = "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n";
    struct server *server = start(stage, "pins");
    struct answer answer = {0};
    memset(body, ' ', sizeof body);
    memcpy(body, json, sizeof json - 1);
    body[sizeof body - 1] = '}';
    struct client *client = say_body(server, BODY, "");
    struct bytes rest = {0};
    bytes_add(&rest, body, sizeof body);
    bytes_add(&rest, next, 5);
    client_send(client, rest.data, rest.length);
    life_expect(client, 200);
    client_say(client, next + 5);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    json_t *stats = json_loadb(answer.body.data, answer.body.length, 0, NULL);
    assert_non_null(stats);
    json_t *memory = json_object_get(stats, "memory");
    assert_int_equal(figures_number(memory, "limit"), LIMIT);
    /* The buffer that the figures are written to may count. */
    assert_true(figures_number(memory, "bytes") < 64 << 10);
    json_decref(stats);
    answer_free(&answer);
    bytes_free(&rest);
    client_close(client);
    server_stop(server);
}

/* A request that has written must not hear 503, or it would be sent again. */
static void written_is_said(const struct stage_differences *stage)
{
    if (!stage->answers_others)
        return;
    struct server *server = start(stage, "written");
    fill(server);
    json_t *results = sql_finish(
        sql_say(server, "t", NULL,
                EXECUTE("INSERT INTO scratch VALUES(1,1)") "," EXECUTE(WIDE)),
        NULL);
    sql_check_ok(results, 0);
    sql_check_error(results, 1, "SQLITE_NOMEM");
    json_decref(results);
    assert_int_equal(sql_number(server, "t", "SELECT count(*) FROM scratch"),
                     1);
    client_close_all();
    server_stop(server);
}

/* One that has not is 503, and nothing behind the statement has run. */
static void unwritten_may_come_again(const struct stage_differences *stage)
{
    if (!stage->answers_others)
        return;
    struct server *server = start(stage, "again");
    fill(server);
    struct client *client =
        sql_say(server, "t", NULL,
                EXECUTE(WIDE) "," SEQUENCE("INSERT INTO scratch VALUES(2,2)"));
    struct answer answer = {0};
    char after[20];
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 503);
    assert_true(answer_field(&answer, "Retry-After", after, sizeof after));
    assert_true(bytes_find(answer.body.data, answer.body.length,
                           "\"SQLITE_NOMEM\"", 14) > 0);
    assert_int_equal(sql_number(server, "t", "SELECT count(*) FROM scratch"),
                     0);
    answer_free(&answer);
    client_close_all();
    server_stop(server);
}

/* Bug: three bytes became 240, and only their number was bounded. */
static void small_values(const struct stage_differences *stage)
{
    enum { VALUES = 60000 };
    struct server *server = start(stage, "values");
    struct bytes body = {0};
    bytes_print(&body, "{\"requests\":[],\"x\":[{}");
    for (int i = 1; i < VALUES; i++)
        bytes_add(&body, ",{}", 3);
    bytes_print(&body, "]}");
    struct client *client = say_body(server, body.length, "");
    client_send(client, body.data, body.length);
    life_expect(client, 413);
    client_close(client);
    life_answers(server);
    assert_true(held(server) < 64 << 10);
    bytes_free(&body);
    server_stop(server);
}

const struct life life_memory[] = {
    {"answers that nobody reads leave room for others", nobody_reads},
    {"bodies that nobody finishes leave room for others", nobody_finishes},
    {"a body that finds no room is refused before it is sent",
     announced_too_much},
    {"a few bytes of a next request keep no memory", next_request_pins_nothing},
    {"a body whose values take more than the memory is 413", small_values},
    {"without room for its answer a request says what it has written",
     written_is_said},
    {"without room for its answer a request that has written nothing is 503",
     unwritten_may_come_again},
    {NULL, NULL},
};
