/* life_internals.c - what a server shows of itself: /-/stats as it works, and
 * the trace of a run. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Every stage has the lists, a pipeline has something in them. */
static void parts(const struct stage_differences *stage)
{
    if (stage->modules)
        return; /* has parts of its own: life_modules.c */
    struct server *server = LIFE_START(stage, "--set", "pool.pipeline=full",
                                       "--set", "pool.work=3");
    for (int i = 0; i < 10; i++)
        life_answers(server);
    json_int_t sum;
    size_t each = stage->pipeline ? 1 : 0;
    json_t *stats = figures_get_with(server, "work_task_queue", 3 * each);
    static const char *const queues[] = {"recv_task_queue", "work_task_queue",
                                         "send_task_queue"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            figures_named(stats, "queues", queues[i], "taken", &sum), each);
        /* Ten requests have passed; who counted the last one may not have
         * said so yet. */
        assert_true(sum >= (stage->pipeline ? 9 : 0));
    }
    assert_int_equal(
        figures_named(stats, "poll_lists", "recv_poll_list", "taken", &sum),
        each);
    assert_true(sum >= (stage->pipeline ? 10 : 0));
    assert_int_equal(
        figures_named(stats, "threads", "work_task_queue", "steps", &sum),
        3 * each);
    assert_true(sum >= (stage->pipeline ? 9 : 0));
    assert_int_equal(figures_named(stats, "threads", "master", "steps", &sum),
                     1);
    assert_true(stage->pipeline || sum >= 10);
    json_decref(stats);
    server_stop(server);
}

static bool worker_is_busy(const struct server *server)
{
    size_t i;
    json_t *thread, *stats = figures_get(server);
    bool busy = false;
    json_array_foreach(json_object_get(stats, "threads"), i, thread)
    {
        busy |= strcmp(figures_text(thread, "name"), "work_task_queue") == 0 &&
                strcmp(figures_text(thread, "doing"), "work") == 0;
    }
    json_decref(stats);
    return busy;
}

/* A statement that takes its time shows as a worker at work, while the poller
 * answers for the figures; when it has ended nobody is at work. */
static void busy_worker(const struct stage_differences *stage)
{
    if (!stage->pipeline)
        return;
    struct server *server =
        LIFE_START_SQL(stage, "busy", "--set", "pool.pipeline=shortcut",
                       "--set", "sqlite.query_ms=1000");
    assert_false(worker_is_busy(server));
    /* Should this test sleep through the whole statement, there is another. */
    struct client *client = sql_say_endless(server, "t");
    struct answer answer = {0};
    for (int times = 0; times < 10 && !worker_is_busy(server);) {
        if (!client_has_news(client))
            continue;
        client_close(client);
        client = sql_say_endless(server, "t");
        times++;
        assert_int_not_equal(times, 10);
    }
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    assert_int_not_equal(answer.status, 200); /* interrupted */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (worker_is_busy(server))
        assert_true(suite_now_ms() < limit);
    answer_free(&answer);
    server_stop(server);
}

/* Pitfall 2: one request is a chain of spans, from thread to thread where there
 * are several; and the file is whole when the server has ended. */
static void trace_of_requests(const struct stage_differences *stage)
{
    enum { REQUESTS = 3 };
    static const char *const steps[] = {"recv", "work", "send"};
    static const char *const rows[] = {"recv_task_queue", "work_task_queue",
                                       "send_task_queue"};
    static const char *const parts[] = {"s", "t", "f"};
    char file[600];
    if (stage->modules)
        return; /* leads through other threads: life_modules.c */
    snprintf(file, sizeof file, "%s/trace-%d.json", suite.work, stage->number);
    struct server *server =
        LIFE_START(stage, "--trace", file, "--set", "pool.pipeline=full");
    for (int i = 0; i < REQUESTS; i++)
        life_answers(server);
    server_stop(server);
    json_t *trace = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_array(trace));
    for (json_int_t request = 1; request <= REQUESTS; request++) {
        json_t *spans[3];
        for (size_t i = 0; i < 3; i++) {
            spans[i] = figures_span(trace, steps[i], request);
            assert_string_equal(figures_row(trace, spans[i]),
                                stage->pipeline ? rows[i] : "master");
            /* One owner at a time: no step begins before the last ended. */
            if (i > 0)
                assert_true(figures_time(spans[i], "ts") >=
                            figures_end(spans[i - 1]));
            figures_check_arrow(trace, parts[i], request, spans[i]);
        }
    }
    json_decref(trace);
    unlink(file);
}

/* Threads of that name, as ps and top show them. */
static size_t threads_named(const struct server *server, const char *name)
{
    pid_t threads[THREADS_MAX];
    size_t all = server_threads(server, threads), count = 0;
    for (size_t i = 0; i < all; i++) {
        char path[64], comm[32];
        snprintf(path, sizeof path, "/proc/%d/comm", (int)threads[i]);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            continue; /* a thread that has ended */
        if (fgets(comm, sizeof comm, file) != NULL)
            count += strncmp(comm, name, strlen(name)) == 0;
        fclose(file);
    }
    return count;
}

/* Bug: top showed a dozen threads of one name. */
static void threads_have_names(const struct stage_differences *stage)
{
    const char *name = stage->modules ? "sqlite_database" : "work_task_queue";
    if (suite.slow || !stage->databases_side_by_side)
        return; /* what watches a server names threads as it likes */
    struct server *server = LIFE_START_SQL(
        stage, "names", "--set", "pool.work=3", "--set", "sqlite.workers=3");
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (threads_named(server, name) < 3)
        assert_true(suite_now_ms() < limit);
    server_stop(server);
}

/* Bug: that a database is broken, or its disk full, was told to clients only,
 * in answers that are 200 to a log. */
static void broken_database(const struct stage_differences *stage)
{
    static const char said[] = "broken.db: file is not a database"
                               "\n";
    char directory[640], file[660];
    struct answer answer = {0};
    struct bytes output = {0};
    snprintf(directory, sizeof directory, "%s/db-broken-%d", suite.work,
             stage->number);
    fixture_database(directory);
    snprintf(file, sizeof file, "%s/broken.db", directory);
    fixture_write(file, "no database\n", 12);
    struct server *server =
        life_start(stage, &(struct server_options){.databases = directory},
                   (const char *const[]){NULL});
    for (int i = 0; i < 20; i++) /* and one line is enough */
        assert_int_equal(client_get(server->port, "/db/broken/", &answer), 500);
    answer_free(&answer);
    server_output(server, &output);
    server_stop(server);
    ssize_t at = bytes_find(output.data, output.length, said, sizeof said - 1);
    assert_true(at >= 0);
    at += (ssize_t)sizeof said - 1;
    assert_true(bytes_find(output.data + at, output.length - (size_t)at,
                           "broken.db", 9) < 0);
    bytes_free(&output);
}

const struct life life_internals[] = {
    {"a database that is broken is told in the error log", broken_database},
    {"its parts are among its figures", parts},
    {"its threads have names for ps and top", threads_have_names},
    {"a slow statement is seen as a busy worker", busy_worker},
    {"the trace leads through the threads", trace_of_requests},
    {NULL, NULL},
};
