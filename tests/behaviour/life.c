/* life.c - what the tests of connections share, and their list.
 *
 * Where the pitfalls of other servers (tests/pitfalls.md) are caught:
 *    1 an event loop that blocks             life_clients.c, half a request
 *    2 a pool that runs one task at a time   life_clients.c, slow side by side
 *                                            life_internals.c, the trace
 *    3 end taken for "nothing yet"           life_clients.c, closed mid-line
 *    4 partial writes                        life_clients.c, reader who pauses
 *    5 the peer's error kills                life_clients.c, resets
 *    6 descriptor leaks                      life_limits.c, a thousand requests
 *    7 use after close, double close         all of it under asan, server_stop
 *    8 stale events                          life_clients.c, recycled numbers
 *    9 two threads on one connection         life_clients.c, byte by byte
 *   10 buffer full read as the end           cases_framing.c, the limits
 *   11 checks that vanish                    all of it with NDEBUG=1
 *   12 lengths and numbers that are trusted  cases_framing.c, the bad requests
 *   13 traversal and pasted SQL              cases_files.c, cases_sql*.c
 *   14 edge files                            cases_files.c, life_process.c
 *   15 limits and shutdown by accident       life_limits.c, life_process.c */
#include "life.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>

struct server *life_start(const struct stage_differences *stage,
                          const struct server_options *options,
                          const char *const *arguments)
{
    enum { ARGUMENTS_MAX = 32 };
    static const struct server_options none;
    /* Some tests wait until the server has waited for more. */
    const char *all[ARGUMENTS_MAX] = {"--rule", "allow * /", "--set",
                                      "connection.linger_seconds=2"};
    size_t n = 4;
    while (*arguments && n + 1 < ARGUMENTS_MAX)
        all[n++] = *arguments++;
    struct server_options mine = options ? *options : none;
    mine.arguments = all;
    return server_start(stage->number, &mine);
}

struct server *life_start_sql(const struct stage_differences *stage,
                              const char *name, const char *const *arguments)
{
    char directory[640];
    snprintf(directory, sizeof directory, "%s/db-%s-%d", suite.work, name,
             stage->number);
    fixture_database(directory);
    struct server_options options = {.databases = directory};
    return life_start(stage, &options, arguments);
}

bool life_has_v6(void)
{
    FILE *addresses = fopen("/proc/net/if_inet6", "re");
    char line[200];
    bool there = addresses && fgets(line, sizeof line, addresses);
    if (addresses)
        fclose(addresses);
    if (!there)
        print_message("no IPv6 here: skipped\n");
    return there;
}

struct client *life_say(const struct server *server, const char *text)
{
    struct client *client = client_open(server->port);
    client_say(client, text);
    return client;
}

void life_expect(struct client *client, unsigned status)
{
    struct answer answer = {0};
    enum client_got got = client_read(client, false, &answer);
    if (got != GOT_ANSWER)
        fail_msg("no whole answer, wanted %u", status);
    assert_int_equal(answer.status, status);
    answer_free(&answer);
}

void life_expect_hello(struct client *client)
{
    struct answer answer = {0};
    if (client_read(client, false, &answer) != GOT_ANSWER)
        fail_msg("no whole answer");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body.data, "hello\n");
    answer_free(&answer);
}

void life_expect_close(struct client *client)
{
    client_read_to_end(client);
    assert_int_equal(client->in.length, 0);
}

void life_answers(const struct server *server)
{
    struct client *client = life_say(server, HELLO_CLOSE);
    life_expect_hello(client);
    life_expect_close(client);
    client_close(client);
}

struct client *life_stalled_download(const struct server *server)
{
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, BIG);
    char first;
    assert_int_equal(client_receive(client, &first, 1), 1);
    bytes_add(&client->in, &first, 1);
    return client;
}

size_t life_lines(const struct bytes *bytes)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes->length; i++)
        lines += bytes->data[i] == '\n';
    return lines;
}

void life_expect_mistake(const struct stage_differences *stage,
                         const struct server_options *options, const char *has)
{
    struct bytes output = {0};
    int status = server_run_once_with(stage->number, options, &output);
    if (status != 2 || life_lines(&output) != 1 || !strstr(output.data, has)) {
        bytes_show("printed", output.data, output.length);
        fail_msg("%s: status %d, %zu lines", has, status, life_lines(&output));
    }
    bytes_free(&output);
}

void life_descriptors_settle(const struct server *server, size_t count)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    size_t now;
    /* Fewer is right: a connection may have been on its way out when they were
     * counted. */
    while ((now = server_descriptors(server)) > count) {
        if (suite_now_ms() > limit)
            fail_msg("%zu descriptors are open, %zu were", now, count);
        life_answers(server);
    }
}

void life_expect_rest(const struct server *server, unsigned long before)
{
    /* A server that spins has 100 in a second if it is alone, and still a good
     * part of them on a machine that is busy with other tests. */
    unsigned long used = server_ticks(server) - before;
    if (used > (suite.slow ? 40 : 10))
        fail_msg("%lu ticks of CPU for nothing", used);
}

void life_expect_big(struct client *client)
{
    static char data[256 * 1024];
    ptrdiff_t end;
    while ((end = bytes_find(client->in.data, client->in.length, "\r\n\r\n",
                             4)) < 0) {
        size_t n = client_receive(client, bytes_room(&client->in, 4096), 4096);
        assert_true(n > 0);
        client->in.length += n;
    }
    assert_memory_equal(client->in.data, "HTTP/1.1 200", 12);
    bytes_drop(&client->in, (size_t)end + 4);
    size_t at = 0;
    while (at < BIG_BYTES) {
        const char *from = data;
        size_t n;
        if (client->in.length > 0) {
            n = client->in.length < BIG_BYTES - at ? client->in.length
                                                   : BIG_BYTES - at;
            memcpy(data, client->in.data, n < sizeof data ? n : sizeof data);
            n = n < sizeof data ? n : sizeof data;
            bytes_drop(&client->in, n);
        } else {
            size_t room =
                BIG_BYTES - at < sizeof data ? BIG_BYTES - at : sizeof data;
            n = client_receive(client, data, room);
            if (n == 0)
                fail_msg("only %zu bytes of the big file came", at);
        }
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)from[i] != fixture_byte(at + i))
                fail_msg("byte %zu of the big file is wrong", at + i);
        at += n;
    }
}

struct life_run {
    char name[200];
    const struct life *life;
    const struct stage_differences *stage;
};

static void test_life(void **state)
{
    const struct life_run *run = *state;
    run->life->test(run->stage);
}

static int tidy(void **state)
{
    (void)state;
    load_close_all();
    client_close_all();
    server_kill_all();
    return 0;
}

int suite_run_life(void)
{
    static const struct life *const tables[] = {
        life_clients,    life_limits,     life_addresses, life_process,
        life_internals,  life_service,    life_mounts,    life_backup,
        life_privileges, life_writes,     life_strands,   life_load,
        life_modules,    life_file_cache, life_at_once,   life_databases,
        life_passwords,  life_sql_bounds, life_memory,    life_turns};
    enum { RUNS_MAX = 1000 };
    struct life_run *runs = calloc(RUNS_MAX, sizeof *runs);
    struct CMUnitTest *tests = calloc(RUNS_MAX, sizeof *tests);
    size_t n = 0;
    if (!runs || !tests)
        abort();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct life *life = tables[i]; life->name; life++)
            for (size_t s = 0; s < suite.stage_count && n < RUNS_MAX; s++) {
                runs[n].life = life;
                runs[n].stage = suite.stages[s];
                snprintf(runs[n].name, sizeof runs[n].name, "stage %d: %s",
                         suite.stages[s]->number, life->name);
                tests[n] = (struct CMUnitTest){
                    .name = runs[n].name,
                    .test_func = test_life,
                    .teardown_func = tidy,
                    .initial_state = &runs[n],
                };
                n++;
            }
    int failed = suite_run_group("life", tests, n, NULL, NULL);
    free(tests);
    free(runs);
    return failed;
}
