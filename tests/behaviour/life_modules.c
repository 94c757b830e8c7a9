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
                      "--set", more, "--set", more2);
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
    uint64_t start = suite_now_ms();
    struct client *first = say_wrong_password(server, 0);
    life_expect(first, 401);
    client_close(first);
    uint64_t each = suite_now_ms() - start + 1;
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

const struct life life_modules[] = {
    {"a deadline that passes while a module has the connection",
     late_while_away},
    {"who trickles is cut while others begin uploads", trickles_among_others},
    {"a stop while a module has the connection", stop_while_away},
    {NULL, NULL},
};
