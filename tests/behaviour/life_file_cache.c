/* life_file_cache.c - stage 5: what is kept of small files is what a client
 * would get without it. */
#include "figures.h"
#include "life.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ask(struct client *client, const char *method, const char *path,
                const char *fields)
{
    struct bytes request = {0};
    bytes_print(&request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path,
                fields);
    client_send(client, request.data, request.length);
    bytes_free(&request);
}

/* Asks and reads. The status. */
static unsigned get(struct client *client, const char *path, const char *fields,
                    struct answer *answer)
{
    ask(client, "GET", path, fields);
    if (client_read(client, false, answer) != GOT_ANSWER)
        fail_msg("%s: no whole answer", path);
    return answer->status;
}

static void put(struct client *client, const char *path, unsigned version)
{
    char head[64], body[16];
    snprintf(body, sizeof body, "%u", version);
    snprintf(head, sizeof head, "Content-Length: %zu\r\n", strlen(body));
    ask(client, "PUT", path, head);
    client_say(client, body);
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_true(answer.status == 201 || answer.status == 204);
    answer_free(&answer);
}

static unsigned version_at(struct client *client, const char *path)
{
    struct answer answer = {0};
    assert_int_equal(get(client, path, "", &answer), 200);
    unsigned version = (unsigned)atoi(answer.body.data);
    answer_free(&answer);
    return version;
}

/* Bug: a reader beside had the old file kept just as it was replaced, or under
 * another of its names, and who had replaced it was given the old one. */
static void exact_after_put(const struct stage_differences *stage)
{
    enum { ROUNDS = 100, READERS = 6, EACH = 3 };
    if (server_in_valgrind()) {
        print_message("valgrind has no openat2, without it no link leads on\n");
        return;
    }
    static const char *const names[] = {"/cached/index.html", "/cached/",
                                        "/cached/link.html"};
    struct client *readers[READERS];
    unsigned seen[READERS] = {0};
    char path[700];
    if (!stage->modules)
        return;
    fixture_path("root/cached/link.html", path, sizeof path);
    assert_int_equal(symlink("index.html", path), 0);
    struct server *server = LIFE_START(stage, "--set", "pool.fronts=2");
    struct client *writer = client_open(server->port);
    struct client *asker = client_open(server->port);
    for (size_t i = 0; i < READERS; i++)
        readers[i] = client_open(server->port);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (size_t i = 0; round > 1 && i < READERS; i++)
            for (size_t k = 0; k < EACH; k++)
                ask(readers[i], "GET", names[k], "");
        put(writer, names[0], round);
        for (size_t k = 0; k < EACH; k++)
            assert_int_equal(version_at(asker, names[k]), round);
        for (size_t i = 0; round > 1 && i < READERS; i++)
            for (size_t k = 0; k < EACH; k++) {
                struct answer answer = {0};
                assert_int_equal(client_read(readers[i], false, &answer),
                                 GOT_ANSWER);
                unsigned version = (unsigned)atoi(answer.body.data);
                assert_true(version >= seen[i] && version <= round);
                seen[i] = version;
                answer_free(&answer);
            }
    }
    ask(writer, "DELETE", names[0], "");
    life_expect(writer, 204);
    struct answer answer = {0};
    assert_int_equal(get(asker, names[0], "", &answer), 404);
    assert_int_not_equal(get(asker, names[1], "", &answer), 200);
    assert_int_equal(get(asker, names[2], "", &answer), 404);
    answer_free(&answer);
    server_stop(server);
    unlink(path);
}

/* Bug: a file that is asked for all the time was never looked at again. */
static void changed_beside(const struct stage_differences *stage)
{
    char path[700];
    if (!stage->modules)
        return;
    fixture_path("root/beside.txt", path, sizeof path);
    fixture_write(path, "1", 1);
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_requests=1000000");
    struct client *client = client_open(server->port);
    assert_int_equal(version_at(client, "/beside.txt"), 1);
    fixture_write(path, "2", 1);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (version_at(client, "/beside.txt") != 2)
        if (suite_now_ms() > limit)
            fail_msg("the old file is given for ever");
    server_stop(server);
    unlink(path);
}

/* Bug: what was kept for one was given to another, who may not have it; or to
 * the same one, when he might not any more. */
static void who_may_have_it(const struct stage_differences *stage)
{
    char config[700];
    struct answer answer = {0};
    static const char rules[] =
        "[files]\nrule = deny * /small.txt from 127.0.0.2\n"
        "rule = deny * /index.html from 127.0.0.2\n"
        "rule = deny * /zipped.js.gz from 127.0.0.2\n";
    static const char more[] = "rule = deny * /letters.txt\nrule = deny * /m\n";
    if (!stage->modules)
        return;
    fixture_path("cache-rules.ini", config, sizeof config);
    fixture_write(config, rules, sizeof rules - 1);
    const char *const arguments[] = {"-c", config, NULL};
    struct server *server = server_start(
        stage->number, &(struct server_options){.arguments = arguments});
    struct client *client = client_open(server->port);
    struct client *other = client_open_from(server->port, "127.0.0.2");
    assert_int_equal(get(client, "/small.txt", "", &answer), 200);
    assert_int_equal(get(other, "/small.txt", "", &answer), 403);
    assert_int_equal(get(client, "/small.txt", "", &answer), 200);
    /* What is opened for a path is another's file. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(client, "/", "", &answer), 200);
        assert_int_equal(get(other, "/", "", &answer), 403);
        get(client, "/zipped.js", "Accept-Encoding: gzip\r\n", &answer);
        assert_string_equal(answer.body.data, "GZIP BYTES");
        get(other, "/zipped.js", "Accept-Encoding: gzip\r\n", &answer);
        assert_memory_equal(answer.body.data, "plain script", 12);
    }

    struct bytes text = {0};
    bytes_print(&text, "%s%s", rules, more);
    fixture_write(config, text.data, text.length);
    bytes_free(&text);
    kill(server->pid, SIGHUP);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        /* Kept since a moment ago when the rules come to hold. */
        get(client, "/letters.txt", "", &answer);
        if (suite_now_ms() > limit)
            fail_msg("SIGHUP has changed no rule");
    } while (get(client, "/m", "", &answer) != 403);
    assert_int_equal(get(client, "/letters.txt", "", &answer), 403);
    answer_free(&answer);
    server_stop(server);
}

/* Bug: who asked for the file encoded, for a part of it, or whether it has
 * changed, was given what was kept for someone else. */
static void variants(const struct stage_differences *stage)
{
    char path[700], etag[100], tag_field[200], value[100];
    struct answer answer = {0};
    if (!stage->modules)
        return;
    fixture_path("root/variant.txt", path, sizeof path);
    fixture_write(path, "0123456789", 10);
    strcat(path, ".gz");
    fixture_write(path, "squeezed", 8);
    struct server *server =
        LIFE_START(stage, "--set", "files.precompressed=on");
    struct client *client = client_open(server->port);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(client, "/variant.txt", "", &answer), 200);
        assert_string_equal(answer.body.data, "0123456789");
        assert_true(answer_field(&answer, "ETag", etag, sizeof etag));
        snprintf(tag_field, sizeof tag_field, "If-None-Match: %s\r\n", etag);
        assert_int_equal(get(client, "/variant.txt", tag_field, &answer), 304);
        assert_int_equal(
            get(client, "/variant.txt", "Range: bytes=2-4\r\n", &answer), 206);
        assert_string_equal(answer.body.data, "234");
        assert_int_equal(
            get(client, "/variant.txt", "Accept-Encoding: gzip\r\n", &answer),
            200);
        assert_string_equal(answer.body.data, "squeezed");
        assert_true(
            answer_field(&answer, "Content-Encoding", value, sizeof value));
        assert_int_equal(get(client, "/variant.txt",
                             "Accept-Encoding: gzip;q=0\r\n", &answer),
                         200);
        assert_string_equal(answer.body.data, "0123456789");
        ask(client, "HEAD", "/variant.txt", "");
        assert_int_equal(client_read(client, true, &answer), GOT_ANSWER);
        assert_true(
            answer_field(&answer, "Content-Length", value, sizeof value));
        assert_string_equal(value, "10");
        ask(client, "GET", "/variant.txt", "Authorization: Bearer unknown\r\n");
        life_expect(client, 200); /* there are no users: it is not looked at */
    }
    answer_free(&answer);
    server_stop(server);
    unlink(path);
}

/* Bug: who said where he came from, as browsers do, was never given what was
 * kept. */
static void kept_for_browsers(const struct stage_differences *stage)
{
    enum { TIMES = 20 };
    struct answer answer = {0};
    if (!stage->modules)
        return;
    if (server_in_valgrind()) {
        print_message("valgrind has no openat2, without it nothing is kept\n");
        return;
    }
    struct server *server = LIFE_START(stage, "--set", "pool.fronts=1");
    struct client *client = client_open(server->port);
    json_int_t opened = figures_counter(server, "system_calls", "open");
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(get(client, "/small.txt",
                             "Referer: http://127.0.0.1/\r\n"
                             "User-Agent: a browser\r\n"
                             "Accept: text/html\r\n"
                             "Accept-Encoding: gzip, br\r\n",
                             &answer),
                         200);
    opened = figures_counter(server, "system_calls", "open") - opened;
    assert_true(opened < TIMES);
    answer_free(&answer);
    server_stop(server);
}

const struct life life_file_cache[] = {
    {"after a PUT everybody is given the new file", exact_after_put},
    {"a file that is changed beside the server is seen", changed_beside},
    {"what is kept is given to who may have it", who_may_have_it},
    {"what is kept is given to who asks for the same", variants},
    {"a browser is given what is kept", kept_for_browsers},
    {NULL, NULL},
};
