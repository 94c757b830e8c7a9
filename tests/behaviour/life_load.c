/* life_load.c - what only many clients at once bring to light: they are mixed,
 * and most of them are rude. The same tests are the load under which TSan,
 * helgrind and drd look on. */
#include "life.h"
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SQL_WRITE                                                              \
    "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"                  \
    "\"INSERT OR REPLACE INTO scratch VALUES(1,'x')\"}},"                      \
    "{\"type\":\"close\"}]}"
#define SQL_WROTE                                                              \
    "{\"baton\":null,\"base_url\":null,\"results\":[{\"type\":\"ok\","         \
    "\"response\":{\"type\":\"execute\",\"result\":{\"cols\":[],\"rows\":[],"  \
    "\"affected_row_count\":1,\"last_insert_rowid\":\"1\"}}},{\"type\":"       \
    "\"ok\",\"response\":{\"type\":\"close\"}}]}"
#define SQL_READ                                                               \
    "GET /db/t/query?sql=SELECT+name+FROM+city+WHERE+id=1 HTTP/1.1\r\n"        \
    "Host: a\r\n\r\n"
#define SQL_FOUND "{\"columns\":[\"name\"],\"rows\":[[\"Brno\"]]}\n"
#define SQL_POST                                                               \
    "POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"                           \
    "Content-Length: 112\r\n\r\n" SQL_WRITE
#define PUT                                                                    \
    "PUT /put/load.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"      \
    "0123456789"
#define MIDDLE "GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n"

enum { MIDDLE_BYTES = 300 * 1000 };

/* What the busy ones do who stay. */
static const struct load_script staying[] = {
    {"kept", HELLO, 200, "hello\n", .times = 30},
    {"pipelined", HELLO, 200, "hello\n", .times = 30, .together = true},
    {"trickled", HELLO, 200, "hello\n", .times = 3, .trickle = true},
    {"a file", MIDDLE, 200, .fixture = MIDDLE_BYTES, .times = 3},
    {"a query", SQL_READ, 200, SQL_FOUND, .times = 10},
    {"a PUT", PUT, 204, "", .times = 3},
    {"an INSERT", SQL_POST, 200, SQL_WROTE, .times = 3},
    {"no file", "GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404, .times = 10},
};

/* Short connections of every kind. */
static const struct load_script churning[] = {
    {"one", HELLO_CLOSE, 200, "hello\n", .times = 1},
    {"kept", HELLO, 200, "hello\n", .times = 5},
    {"pipelined", HELLO, 200, "hello\n", .times = 10, .together = true},
    {"trickled", HELLO, 200, "hello\n", .times = 1, .trickle = true},
    {"silent", HELLO, .times = 1, .leave_sent = 1},
    {"half a head", HELLO, .times = 1, .leave_sent = 20},
    {"half a head, reset", HELLO, .times = 1, .leave_sent = 20, .reset = true},
    {"does not wait", HELLO, .times = 1, .leave_sent = sizeof HELLO - 1},
    {"resets behind it", HELLO, .times = 1, .leave_sent = sizeof HELLO - 1,
     .reset = true},
    {"a file", MIDDLE, 200, .fixture = MIDDLE_BYTES, .times = 1},
    {"leaves in a file", BIG, .times = 1, .leave_got = 100000},
    {"resets in a file", BIG, .times = 1, .leave_got = 100000, .reset = true},
    {"not HTTP", "BAD\r\n\r\n", 400, .times = 1},
    {"a PUT", PUT, 204, "", .times = 1},
    {"half a PUT", PUT, .times = 1, .leave_sent = sizeof PUT - 5},
    {"a query", SQL_READ, 200, SQL_FOUND, .times = 2},
    {"a query, reset", SQL_READ, .times = 1, .leave_sent = sizeof SQL_READ - 1,
     .reset = true},
    {"an INSERT", SQL_POST, 200, SQL_WROTE, .times = 1},
    {"figures", "GET /-/stats HTTP/1.1\r\nHost: a\r\n\r\n", 200, .times = 1},
    {"metrics", "GET /-/metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, .times = 1},
    {"a head that never ends", "GET / HTTP/1.1\r\nHost", 408, .times = 1},
};
enum {
    STAYING = sizeof staying / sizeof *staying,
    CHURNING = sizeof churning / sizeof *churning,
};

/* With databases, and a file for the PUTs to replace. */
static struct server *start_for_load(const struct stage_differences *stage,
                                     const char *const *more)
{
    static unsigned count;
    const char *all[16] = {"--set", "server.access_log=off", "--set",
                           "server.connections_max=20000"};
    size_t n = 4;
    char directory[640];
    while (*more && n < 15)
        all[n++] = *more++;
    snprintf(directory, sizeof directory, "%s/db-load-%u", suite.work, count++);
    fixture_database(directory);
    struct server_options options = {.databases = directory};
    struct server *server = life_start(stage, &options, all);
    struct client *client = life_say(server, PUT);
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status / 100, 2);
    answer_free(&answer);
    client_close(client);
    return server;
}

/* Connections of SQLite are kept for the next who asks, as many as were in use
 * at once: they come and go by chance. */
static size_t descriptors_of(const struct server *server)
{
    return server_descriptors_but(server, "/db-load-");
}

/* Pitfall 6. */
static void settle(const struct server *server, size_t descriptors)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    size_t now;
    while ((now = descriptors_of(server)) > descriptors) {
        if (suite_now_ms() > limit)
            fail_msg("%zu descriptors are open, %zu were", now, descriptors);
        life_answers(server);
    }
}

/* A leak shows in every round. What only warms up, or happens to be used
 * otherwise for once, does not: the first round that does not grow acquits. */
struct growth {
    size_t rounds, memory;
    bool in_every_round;
};
enum {
    ROUNDS_MAX = 24,
    CHANCE_KIB = 32, /* what the allocator may happen to need more */
};

static void round_ended(struct growth *growth, size_t memory)
{
    if (growth->rounds++ == 0)
        growth->in_every_round = true;
    else if (memory <= growth->memory + CHANCE_KIB)
        growth->in_every_round = false;
    growth->memory = memory;
}

static bool growth_goes_on(const struct growth *growth)
{
    return growth->rounds == 0 ||
           (growth->in_every_round && growth->rounds < ROUNDS_MAX);
}

static void growth_check(const struct growth *growth)
{
    if (growth->in_every_round && growth->rounds == ROUNDS_MAX)
        fail_msg("memory has grown in each of %d rounds, to %zu KiB",
                 ROUNDS_MAX, growth->memory);
}

static size_t idle_count(size_t wanted, size_t others)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < wanted + others) {
        wanted = files.rlim_cur - others;
        print_message("only %zu idle ones: RLIMIT_NOFILE is %zu\n", wanted,
                      (size_t)files.rlim_cur);
    }
    return wanted;
}

static void fall_asleep(const struct server *server, struct load *load,
                        size_t count)
{
    static const struct load_script asleep = {"asleep", HELLO, 200, "hello\n",
                                              .times = 1};
    enum { STEP = 250 };
    for (size_t i = 0; i < count; i++) {
        /* No more at once than the kernel's queue holds: who is answered
         * stood behind them in it. */
        if (i % STEP == 0)
            life_answers(server);
        load_start(load, &asleep, true);
    }
    life_answers(server);
}

/* Those who are silent cost nobody anything, and are still there when they ask
 * at last. */
static void idle_and_busy(const struct stage_differences *stage)
{
    enum { IDLE = 10000, BUSY = 500, SPARE = 300 };
    const char *const more[] = {"--set", "connection.keepalive_seconds=600",
                                "--set", "connection.head_seconds=600", NULL};
    struct growth growth = {0};
    if (!stage->databases_side_by_side || suite.slow)
        return;
    size_t idle = idle_count(IDLE, BUSY + SPARE);
    struct server *server = start_for_load(stage, more);
    struct load *load = load_open(server->port, IDLE + BUSY);
    life_answers(server);
    size_t descriptors = descriptors_of(server);
    while (growth_goes_on(&growth)) {
        fall_asleep(server, load, idle);
        /* The first one's connection may have been open when it was counted. */
        assert_true(descriptors_of(server) >= descriptors + idle - 1);
        load_run(load, staying, STAYING, BUSY, BUSY);
        assert_int_equal(load->open, idle);
        load_wake(load);
        load_run(load, NULL, 0, 0, 0);
        settle(server, descriptors);
        round_ended(&growth, server_memory(server));
    }
    growth_check(&growth);
    load_close(load);
    server_stop(server);
}

/* make soak: goes on for so many seconds, and writes a line for each step. */
struct soak {
    uint64_t begun_ms, round_ms;
    FILE *csv; /* NULL: a test among others, one step a round */
    const struct stage_differences *stage;
};

static struct soak soak_open(const struct stage_differences *stage)
{
    const char *seconds = getenv("SOAK_SECONDS"), *file = getenv("SOAK_CSV");
    struct soak soak = {.begun_ms = suite_now_ms(), .stage = stage};
    if (!seconds || !file)
        return soak;
    soak.round_ms = strtoul(seconds, NULL, 10) * 1000 / ROUNDS_MAX;
    soak.csv = fopen(file, "ae");
    if (!soak.csv)
        fail_msg("%s cannot be written", file);
    return soak;
}

static void soak_row(const struct soak *soak, const struct server *server,
                     const struct load *load)
{
    char row[200];
    const char *options = getenv("OPTIONS");
    if (!soak->csv)
        return;
    snprintf(row, sizeof row, "%d,%s,%.1f,%zu,%zu,%zu,%zu\n",
             soak->stage->number, options ? options : "",
             (double)(suite_now_ms() - soak->begun_ms) / 1000, load->started,
             load->answers, server_descriptors(server), server_memory(server));
    fputs(row, soak->csv);
    fflush(soak->csv);
    fputs(row, stdout);
}

/* Some steps, or with make soak as many as the round has time for. Returns the
 * least memory behind one: a connection of SQLite more or less is some 100 KiB.
 */
static size_t churn_round(const struct soak *soak, const struct server *server,
                          struct load *load, size_t round, size_t descriptors)
{
    size_t at_once = load->max, kinds = CHURNING, least = SIZE_MAX;
    size_t times = suite.slow ? 10 : 200;
    /* The last one waits for its answer for seconds. */
    if (suite.slow || round > 0 || at_once == 1)
        kinds--;
    do {
        load_run(load, churning, kinds, at_once, times * kinds);
        settle(server, descriptors);
        soak_row(soak, server, load);
        size_t memory = server_memory(server);
        least = memory < least ? memory : least;
    } while (soak->csv &&
             suite_now_ms() - soak->begun_ms < (round + 1) * soak->round_ms);
    return least;
}

/* Pitfalls 5 to 9: what rude clients leave behind. */
static void churn(const struct stage_differences *stage)
{
    const char *const more[] = {"--set",
                                suite.slow ? "connection.head_seconds=60"
                                           : "connection.head_seconds=2",
                                NULL};
    struct server *server = start_for_load(stage, more);
    struct load *load =
        load_open(server->port, stage->answers_others ? 100 : 1);
    struct soak soak = soak_open(stage);
    struct growth growth = {0};
    life_answers(server);
    size_t descriptors = descriptors_of(server);
    while (growth_goes_on(&growth) || (soak.csv && growth.rounds < ROUNDS_MAX))
        round_ended(&growth, churn_round(&soak, server, load, growth.rounds,
                                         descriptors));
    if (soak.csv)
        fclose(soak.csv);
    if (!suite.slow)
        growth_check(&growth);
    load_close(load);
    server_stop(server);
}

static void stop_while_sending(const struct stage_differences *stage,
                               const char *pipeline)
{
    static const struct load_script sending[] = {
        {"kept", HELLO, 200, "hello\n", .times = 1000000},
        {"one", HELLO_CLOSE, 200, "hello\n", .times = 1},
        {"pipelined", HELLO, 200, "hello\n", .times = 5, .together = true},
        {"trickled", HELLO, 200, "hello\n", .times = 1000000, .trickle = true},
        {"a file", MIDDLE, 200, .fixture = MIDDLE_BYTES, .times = 1000000},
        /* So many that some are still unread when the last is answered. */
        {"files", MIDDLE, 200, .fixture = MIDDLE_BYTES, .times = 200,
         .together = true},
        {"a query", SQL_READ, 200, SQL_FOUND, .times = 1000000},
        {"a PUT", PUT, 204, "", .times = 1000000},
    };
    enum { SENDING = sizeof sending / sizeof *sending };
    const char *const more[] = {
        "--set", pipeline,
        "--set", "server.stop_seconds=600",
        "--set", "connection.keepalive_requests=1000000000",
        "--set", "connection.keepalive_seconds=600",
        NULL};
    struct server *server = start_for_load(stage, more);
    size_t at_once = !stage->answers_others ? 1 : suite.slow ? 50 : 100;
    struct load *load = load_open(server->port, at_once);
    while (load->answers < 10 * at_once) {
        while (load->open < at_once)
            load_start(load, &sending[load->started % SENDING], false);
        load_turn(load);
    }
    load_stopping(load);
    kill(server->pid, SIGTERM);
    while (load->open > 0)
        load_turn(load);
    load_close(load);
    assert_int_equal(server_wait(server), 0);
}

/* Pitfall 15: a stop that drops what has come. */
static void stop_under_load(const struct stage_differences *stage)
{
    stop_while_sending(stage, "pool.pipeline=shortcut");
    if (stage->pipeline)
        stop_while_sending(stage, "pool.pipeline=full");
}

const struct life life_load[] = {
    {"ten thousand are idle and 500 are not", idle_and_busy},
    {"an hour's churn leaves nothing behind", churn},
    {"SIGTERM while many are sending", stop_under_load},
    {NULL, NULL},
};
