/* life_modules.c - stage 5: fronts and modules, and what passes between them.
 * Its databases are in life_strands.c and life_writes.c, what it keeps of files
 * in life_file_cache.c. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the worker for files, busy ---- */

enum { BUSY_MAX = 200 };

/* A server with one worker for files, and a user whose password takes it some
 * tenths of a second to hash. */
static struct server *
start_with_slow_user(const struct stage_differences *stage, const char *more,
                     const char *more2)
{
    char htpasswd[700], text[200];
    snprintf(htpasswd, sizeof htpasswd, "users.htpasswd=%s/slow-user",
             suite.work);
    snprintf(text, sizeof text, "u:$6$rounds=200000$saltsalt$%086d\n", 0);
    fixture_write(strchr(htpasswd, '=') + 1, text, strlen(text));
    return LIFE_START(stage, "--set", htpasswd, "--set", "files.workers=1",
                      "--set", "limits.password_percent=100", "--set", more,
                      "--set", more2);
}

static struct client *say_wrong_password(const struct server *server, size_t i)
{
    char request[200];
    snprintf(request, sizeof request,
             "GET /wrong/%zu HTTP/1.1\r\nHost: a\r\n"
             "Authorization: Basic dTp4\r\n\r\n",
             i);
    return life_say(server, request);
}

/* The worker has something to do for that long. Each is for a path of its own,
 * so whatever comes now is behind all of them. */
static size_t keep_busy(const struct server *server, struct client **busy,
                        uint64_t ms)
{
    uint64_t each = UINT64_MAX;
    for (int i = 0; i < 5; i++) { /* the shortest: others compute too */
        uint64_t start = suite_now_ms();
        struct client *first = say_wrong_password(server, 0);
        life_expect(first, 401);
        client_close(first);
        uint64_t took = suite_now_ms() - start + 1;
        each = took < each ? took : each;
    }
    size_t n = (size_t)(ms / each) + 2;
    n = n < BUSY_MAX ? n : BUSY_MAX;
    for (size_t i = 0; i < n; i++)
        busy[i] = say_wrong_password(server, i + 1);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (figures_queue(server, "static_file_server", "waiting") <
           (json_int_t)n - 1)
        if (suite_now_ms() > limit)
            fail_msg("they do not wait");
    return n;
}

/* Bug: a front looked at the deadline of a connection that a module had, and
 * closed it; then the worker came to it. */
static void late_while_away(const struct stage_differences *stage)
{
    struct client *busy[BUSY_MAX];
    if (!stage->modules)
        return;
    if (suite.slow) {
        print_message("how long a worker is busy cannot be told: skipped\n");
        return;
    }
    struct server *server = start_with_slow_user(
        stage, "connection.body_seconds=1", "connection.linger_seconds=1");
    struct client *upload =
        life_say(server, "PUT /put/away.txt HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 100\r\n"
                         "Expect: 100-continue\r\n\r\n");
    life_expect(upload, 100);
    size_t n = keep_busy(server, busy, 2000);
    client_say(upload, "a byte");
    life_expect(upload, 408);
    /* The worker came to it behind all the others, so they have theirs. */
    assert_true(client_has_news(busy[n - 1]));
    client_reset(upload);
    for (size_t i = 0; i < n; i++)
        life_expect(busy[i], 401);
    life_answers(server);
    server_stop(server);
}

/* Bug: with each byte of his that a module stored he came to the end of the
 * list of deadlines, behind uploads that had begun later, and was never cut. */
static void trickles_among_others(const struct stage_differences *stage)
{
    enum { OTHERS_MAX = 200, BETWEEN_MS = 200 };
    static const char put[] = "PUT /put/%s.txt HTTP/1.1\r\nHost: a\r\n"
                              "Content-Length: 1000000\r\n"
                              "Expect: 100-continue\r\n\r\n";
    char request[200];
    if (!stage->modules)
        return;
    struct server *server =
        LIFE_START(stage, "--set", "connection.body_seconds=1", "--set",
                   "connection.rate_min_bytes=1M");
    snprintf(request, sizeof request, put, "trickle");
    struct client *trickler = life_say(server, request);
    life_expect(trickler, 100);
    snprintf(request, sizeof request, put, "other");
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms(), next = 0;
    for (size_t others = 0; !client_has_news(trickler);) {
        if (suite_now_ms() > limit || others == OTHERS_MAX)
            fail_msg("who trickles is not cut");
        if (suite_now_ms() >= next) {
            life_expect(life_say(server, request), 100);
            next = suite_now_ms() + BETWEEN_MS;
            others++;
        }
        client_say(trickler, "x");
        client_wait_taken(trickler);
    }
    life_expect(trickler, 408);
    client_close_all();
    server_stop(server);
}

/* A file whose pages are not in memory any more, if this file system lets go of
 * them. */
static void write_cold_file(const char *name, size_t length)
{
    char path[700];
    struct bytes data = {0};
    for (size_t i = 0; i < length; i++)
        *bytes_room(&data, 1) = (char)fixture_byte(i), data.length++;
    snprintf(path, sizeof path, "%s/%s", suite.root, name);
    fixture_write(path, data.data, data.length);
    bytes_free(&data);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

/* Bug: who was with a module when the server was told to stop was not told, and
 * kept his connection when he had all of his answer. */
static void stop_while_away(const struct stage_differences *stage)
{
    enum { BYTES = 1000 * 1000 };
    struct client *busy[BUSY_MAX];
    struct answer answer = {0};
    if (!stage->modules)
        return;
    write_cold_file("cold.bin", BYTES);
    struct server *server = start_with_slow_user(
        stage, "connection.keepalive_seconds=600", "server.stop_seconds=600");
    size_t n = keep_busy(server, busy, 500);
    struct client *download =
        life_say(server, "GET /cold.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client_wait_taken(download);
    kill(server->pid, SIGTERM);
    assert_int_equal(client_read(download, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.body.length, BYTES);
    answer_free(&answer);
    life_expect_close(download);
    for (size_t i = 0; i < n; i++)
        life_expect(busy[i], 401);
    assert_int_equal(server_wait(server), 0);
}

/* ---- a long send ---- */

/* Bug: a front sent large files itself while others waited for small ones, who
 * had theirs only behind a MiB of every download. */
static void download_beside_others(const struct stage_differences *stage)
{
    enum { TRIES = 50 };
    struct answer answer = {0};
    if (!stage->modules)
        return;
    struct server *server = LIFE_START(stage, "--set", "pool.fronts=1");
    struct client *other = life_say(server, HELLO);
    life_expect_hello(other);
    /* From now on it is in memory, and no reason to go to a worker. */
    assert_int_equal(client_get(server->port, "/middle.bin", &answer), 200);
    json_int_t taken = figures_queue(server, "static_file_server", "taken");
    struct client *download = client_open(server->port);
    for (int i = 0; i < TRIES; i++) { /* we may be held up between the two */
        client_say(other, HELLO);
        client_say(download, "GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        life_expect_hello(other);
        assert_int_equal(client_read(download, false, &answer), GOT_ANSWER);
        assert_int_equal(answer.body.length, 300 * 1000);
    }
    answer_free(&answer);
    assert_true(figures_queue(server, "static_file_server", "taken") > taken);
    server_stop(server);
}

/* ---- what is shown ---- */

static void check_threads(const struct server *server, const char *name,
                          size_t count)
{
    json_int_t sum;
    json_t *stats = figures_get_with(server, name, count);
    assert_int_equal(figures_named(stats, "threads", name, "steps", &sum),
                     count);
    assert_true(sum > 0);
    json_decref(stats);
}

/* Each module is a queue and some threads, a front a place where connections
 * are. */
static void parts(const struct stage_differences *stage)
{
    if (!stage->modules)
        return;
    struct server *server =
        LIFE_START_SQL(stage, "parts", "--set", "files.workers=3", "--set",
                       "sqlite.workers=2");
    struct client *idle = life_say(server, HELLO);
    life_expect_hello(idle);
    struct client *writer = client_open(server->port);
    for (int i = 0; i < 5; i++) {
        client_say(writer, "PUT /put/parts.txt HTTP/1.1\r\nHost: a\r\n"
                           "Content-Length: 1\r\n\r\nx");
        life_expect(writer, i == 0 ? 201 : 204);
        assert_int_equal(sql_number(server, "t", "SELECT 1"), 1);
    }
    client_say(writer, "DELETE /put/parts.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    life_expect(writer, 204);
    json_int_t sum;
    json_t *stats = figures_get(server);
    static const char *const queues[] = {"static_file_server",
                                         "sqlite_database"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            figures_named(stats, "queues", queues[i], "taken", &sum), 1);
        assert_true(sum >= 5);
        figures_named(stats, "queues", queues[i], "deepest", &sum);
        assert_true(sum >= 1);
    }
    size_t fronts =
        figures_named(stats, "poll_lists", "front", "connections", &sum);
    assert_true(fronts >= 1); /* OPTIONS may say how many */
    assert_true(sum >= 2);    /* those who stay */
    figures_named(stats, "poll_lists", "front", "taken", &sum);
    assert_true(sum >= 10);
    json_decref(stats);
    check_threads(server, "front", fronts);
    check_threads(server, "static_file_server", 3);
    check_threads(server, "sqlite_database", 2);
    server_stop(server);
}

/* A query, and a write that passes two strands: front, module, front. */
static void trace_of_queries(const struct stage_differences *stage)
{
    static const char *const steps[] = {"recv", "work", "send"};
    static const char *const rows[] = {"front", "sqlite_database", "front"};
    char file[640];
    struct answer answer = {0};
    if (!stage->modules)
        return;
    snprintf(file, sizeof file, "%s/trace-of-queries.json", suite.work);
    struct server *server = LIFE_START_SQL(stage, "trace", "--trace", file);
    assert_int_equal(
        client_get(server->port, "/db/t/query?sql=SELECT+1", &answer), 200);
    answer_free(&answer);
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO scratch(v) VALUES(1)"));
    server_stop(server);
    json_t *trace = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_array(trace));
    for (json_int_t request = 1; request <= 2; request++) {
        json_t *spans[3];
        for (size_t i = 0; i < 3; i++) {
            spans[i] = figures_span(trace, steps[i], request);
            assert_string_equal(figures_row(trace, spans[i]), rows[i]);
            if (i > 0)
                assert_true(
                    json_number_value(json_object_get(spans[i], "ts")) >=
                    json_number_value(json_object_get(spans[i - 1], "ts")));
        }
        figures_check_arrow(trace, "s", request, spans[0]);
        figures_check_arrow(trace, "f", request, spans[2]);
    }
    json_decref(trace);
    unlink(file);
}

/* ---- the module to copy ---- */

/* The number behind "visit". */
static unsigned long visit_of(const struct answer *answer, const char *name)
{
    char begins[100];
    size_t n =
        (size_t)snprintf(begins, sizeof begins, "Hello, %s: visit ", name);
    assert_int_equal(answer->status, 200);
    if (strncmp(answer->body.data, begins, n) != 0)
        fail_msg("answered: %s", answer->body.data);
    return strtoul(answer->body.data + n, NULL, 10);
}

/* Bug: two threads were at one counter, and a visit was lost. */
static void visits(const struct stage_differences *stage)
{
    enum { CLIENTS = 20, EACH = 50 };
    bool seen[CLIENTS * EACH + 1] = {false};
    struct client *clients[CLIENTS];
    struct answer answer = {0};
    if (!stage->modules)
        return;
    struct server *server = LIFE_START(
        stage, "--set", "modules.skeleton=/hello/", "--set", "pool.fronts=2");
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(server->port);
        for (size_t k = 0; k < EACH; k++)
            client_say(clients[i],
                       "GET /hello/eva HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (size_t k = 0; k < EACH; k++)
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(client_read(clients[i], false, &answer),
                             GOT_ANSWER);
            unsigned long visit = visit_of(&answer, "eva");
            if (visit == 0 || visit > CLIENTS * EACH || seen[visit])
                fail_msg("visit %lu was counted twice", visit);
            seen[visit] = true;
        }
    assert_int_equal(client_get(server->port, "/hello/adam", &answer), 200);
    assert_int_equal(visit_of(&answer, "adam"), 1);
    answer_free(&answer);
    server_stop(server);
}

/* It is a mount like any other: rules, methods, a prefix of its own. */
static void skeleton_is_a_mount(const struct stage_differences *stage)
{
    struct answer answer = {0};
    if (!stage->modules)
        return;
    struct server *server = LIFE_START(stage, "--set", "files.listing=off");
    assert_int_equal(client_get(server->port, "/hello/eva", &answer), 404);
    server_stop(server);
    const char *const arguments[] = {"--set", "modules.skeleton=/hello/",
                                     "--rule", "deny * /hello/secret", NULL};
    server = server_start(stage->number,
                          &(struct server_options){.arguments = arguments});
    assert_int_equal(client_get(server->port, "/hello/eva", &answer), 200);
    assert_int_equal(client_get(server->port, "/hello/secret", &answer), 403);
    assert_int_equal(client_get(server->port, "/small.txt", &answer), 200);
    assert_int_equal(client_get(server->port, "/hello", &answer), 200);
    answer_free(&answer);
    struct client *client =
        life_say(server, "DELETE /hello/eva HTTP/1.1\r\nHost: a\r\n\r\n");
    life_expect(client, 403); /* without a rule there is only reading */
    server_stop(server);
    static const char *const prefixes[] = {"/", "/-/x/"};
    for (size_t i = 0; i < 2; i++) {
        char set[64];
        snprintf(set, sizeof set, "modules.skeleton=%s", prefixes[i]);
        const char *const wrong[] = {"--root", suite.root, "--set", set, NULL};
        life_expect_mistake(stage, &(struct server_options){.arguments = wrong},
                            "--set modules.skeleton: ");
    }
}

/* ---- several fronts ---- */

/* Bug: each front let in as many as all of them together may. */
static void fronts_share_a_limit(const struct stage_differences *stage)
{
    enum { LIMIT = 40, CLIENTS = 120 };
    struct client *clients[CLIENTS];
    size_t in = 0;
    if (!stage->modules)
        return;
    struct server *server = LIFE_START(stage, "--set", "pool.fronts=3", "--set",
                                       "server.connections_max=40", "--set",
                                       "connection.keepalive_seconds=60");
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(server->port);
        for (size_t k = 0; k < 20; k++)
            client_say(clients[i], HELLO);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct answer answer = {0};
        if (client_read(clients[i], false, &answer) == GOT_ANSWER &&
            answer.status == 200)
            in++;
        answer_free(&answer);
    }
    assert_int_equal(in, LIMIT);
    for (size_t i = 0; i < CLIENTS; i++)
        client_close(clients[i]);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    struct answer answer = {0};
    while (client_get(server->port, "/small.txt", &answer) != 200)
        assert_true(suite_now_ms() < limit);
    answer_free(&answer);
    server_stop(server);
}

const struct life life_modules[] = {
    {"its modules are among its figures", parts},
    {"the trace leads through a module and back", trace_of_queries},
    {"the module to copy loses no visit", visits},
    {"the module to copy is a mount", skeleton_is_a_mount},
    {"fronts share one limit of connections", fronts_share_a_limit},
    {"a deadline that passes while a module has the connection",
     late_while_away},
    {"who trickles is cut while others begin uploads", trickles_among_others},
    {"a stop while a module has the connection", stop_while_away},
    {"a download beside small answers is a worker's", download_beside_others},
    {NULL, NULL},
};
