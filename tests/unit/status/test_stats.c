/* test_stats.c - the numbers of /-/stats and /-/metrics. */
#include "base/clock.h"
#include "conn/conn.h"
#include "status/figures.h"
#include "status/status.h"
#include "core/server.h"
#include "report/stats.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <jansson.h>

/* Parses what figures_json appends; the caller drops it. */
static json_t *stats_parsed(void)
{
    struct message_buffer out = {0};
    buffer_append_char(&out, '{');
    figures_json(&out);
    buffer_append_char(&out, '}');
    json_error_t error;
    json_t *root =
        json_loadb(buffer_start(&out), buffer_length(&out), 0, &error);
    if (root == NULL)
        print_error("%s\n", error.text);
    buffer_release(&out);
    assert_non_null(root);
    return root;
}

static json_int_t number_at(json_t *root, const char *group, const char *key)
{
    json_t *value = json_object_get(json_object_get(root, group), key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void *count_in_thread(void *argument)
{
    (void)argument;
    for (int i = 0; i < 1000; i++)
        stats_add(STAT_requests, 1);
    stats_state(-1, WAITING_FOR_HEAD);
    return NULL;
}

static void threads_that_ended_stay_counted(void **state)
{
    /* Bug: a block freed with its thread takes its requests out of the sum,
     * and a Prometheus counter goes down. */
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, count_in_thread, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    stats_add(STAT_requests, 7);
    assert_int_equal(stats_sum(STAT_requests), 4007);
    stats_close();
    assert_int_equal(stats_sum(STAT_requests), 0);
}

static void connection_that_changes_threads_is_counted_once(void **state)
{
    /* Bug: opened in one thread and closed in another, a connection leaves
     * one block at +1 and the other at -1, shown as 2^64 - 1. */
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, count_in_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    json_t *root = stats_parsed();
    assert_int_equal(number_at(root, "states", "WAITING_FOR_HEAD"), 1);
    json_decref(root);
    stats_state(WAITING_FOR_HEAD, BEING_PROCESSED);
    root = stats_parsed();
    assert_int_equal(number_at(root, "states", "WAITING_FOR_HEAD"), 0);
    assert_int_equal(number_at(root, "states", "BEING_PROCESSED"), 1);
    json_decref(root);
    stats_state(BEING_PROCESSED, -1);
    root = stats_parsed();
    assert_int_equal(number_at(root, "states", "BEING_PROCESSED"), 0);
    json_decref(root);
    stats_close();
}

static void every_counter_is_in_the_json(void **state)
{
    /* Bug: a counter that was added later is counted and never shown. */
    (void)state;
    json_int_t want = 0, got = 0;
    for (int i = 0; i < STATS_COUNT; i++) {
        stats_add((enum stats_counter)i, (uint64_t)1 << i);
        want |= (json_int_t)1 << i;
    }
    json_t *root = stats_parsed(), *group, *value;
    const char *name, *key;
    json_object_foreach(root, name, group)
    {
        if (strcmp(name, "states") == 0 || strcmp(name, "latency_us") == 0)
            continue;
        json_object_foreach(group, key, value) got |= json_integer_value(value);
    }
    assert_int_equal(got, want);
    assert_int_equal(number_at(root, "system_calls", "accept"),
                     (json_int_t)1 << STAT_sys_accept);
    json_decref(root);
    stats_close();
}

static void *idle_in_thread(void *argument)
{
    (void)argument;
    stats_thread("left");
    stats_thread(NULL);
    return NULL;
}

static json_t *item_at(json_t *root, const char *list, size_t i)
{
    return json_array_get(json_object_get(root, list), i);
}

static void stage_without_parts_has_the_same_lists(void **state)
{
    /* Bug: the live page, one for all stages, reads a member that is not
     * there. */
    (void)state;
    static const char *const lists[] = {"poll_lists", "queues", "threads"};
    json_t *root = stats_parsed();
    for (size_t i = 0; i < 3; i++) {
        json_t *list = json_object_get(root, lists[i]);
        assert_true(json_is_array(list));
        assert_int_equal(json_array_size(list), 0);
    }
    json_decref(root);
}

static void places_and_threads_are_told(void **state)
{
    /* Bug: a queue's figures in a poll list's place; a thread that stays busy
     * for ever. */
    (void)state;
    atomic_size_t connections = 3;
    atomic_uint_fast64_t taken = 40, deepest = 5, stale = 6;
    stats_place_add(&(struct stats_place){.name = "list",
                                          .connections = &connections,
                                          .taken = &taken,
                                          .stale = &stale});
    stats_place_add(&(struct stats_place){.name = "queue",
                                          .connections = &connections,
                                          .taken = &taken,
                                          .deepest = &deepest});
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, idle_in_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    stats_thread("this");
    stats_doing("recv");
    stats_done();
    stats_doing("work");
    json_t *root = stats_parsed(), *want;
    want = json_pack("{s:s,s:i,s:i,s:i}", "name", "list", "connections", 3,
                     "taken", 40, "stale", 6);
    assert_true(json_equal(item_at(root, "poll_lists", 0), want));
    json_decref(want);
    want = json_pack("{s:s,s:i,s:i,s:i}", "name", "queue", "waiting", 3,
                     "taken", 40, "deepest", 5);
    assert_true(json_equal(item_at(root, "queues", 0), want));
    json_decref(want);
    want = json_pack("{s:i,s:s,s:s,s:i}", "number", 2, "name", "this", "doing",
                     "work", "steps", 1);
    assert_true(json_equal(item_at(root, "threads", 0), want));
    json_decref(want);
    assert_null(item_at(root, "poll_lists", 1));
    assert_null(item_at(root, "queues", 1));
    assert_null(item_at(root, "threads", 1));
    json_decref(root);
    stats_done();
    root = stats_parsed();
    const char *doing = json_string_value(
        json_object_get(item_at(root, "threads", 0), "doing"));
    assert_string_equal(doing, "idle");
    json_decref(root);
    stats_close();
}

static double percentile(json_t *root, const char *name)
{
    return json_real_value(
        json_object_get(json_object_get(root, "latency_us"), name));
}

static void percentiles_lie_in_their_buckets(void **state)
{
    /* Bug: an index off by one doubles every latency that is shown. */
    (void)state;
    json_t *root = stats_parsed();
    assert_true(percentile(root, "p99") == 0);
    json_decref(root);
    for (int i = 0; i < 98; i++)
        stats_latency(3000); /* 2 to 4 us */
    stats_latency(60 * 1000);
    stats_latency(UINT64_MAX);
    root = stats_parsed();
    assert_int_equal(number_at(root, "latency_us", "count"), 100);
    assert_true(percentile(root, "p50") > 2 && percentile(root, "p50") <= 4);
    assert_true(percentile(root, "p90") > 2 && percentile(root, "p90") <= 4);
    assert_true(percentile(root, "p99") > 32 && percentile(root, "p99") <= 64);
    json_decref(root);
    stats_close();
}

/* A line of the text format: # ..., or name{labels} number. */
static bool metrics_line_is_right(struct text line)
{
    if (text_starts_with(line, TEXT("# HELP fivefold_")) ||
        text_starts_with(line, TEXT("# TYPE fivefold_")))
        return true;
    char copy[256], *end;
    if (line.length >= sizeof copy)
        return false;
    memcpy(copy, line.data, line.length);
    copy[line.length] = '\0';
    char *blank = strrchr(copy, ' ');
    if (blank == NULL || !text_starts_with(line, TEXT("fivefold_")))
        return false;
    (void)strtod(blank + 1, &end);
    return end != blank + 1 && *end == '\0';
}

static void metrics_are_lines_with_one_number(void **state)
{
    /* Bug: one wrong line and Prometheus drops the whole answer. */
    (void)state;
    stats_add(STAT_bytes_out, 12345);
    stats_latency(3000);
    atomic_size_t connections = 3;
    atomic_uint_fast64_t taken = 40, deepest = 5;
    stats_place_add(&(struct stats_place){.name = "queue",
                                          .connections = &connections,
                                          .taken = &taken,
                                          .deepest = &deepest});
    stats_thread("this");
    stats_doing("work");
    struct message_buffer out = {0};
    figures_metrics(&out);
    assert_false(out.failed);
    struct text rest = buffer_text(&out);
    assert_true(text_ends_with(rest, TEXT("\n")));
    static const char *const wanted[] = {
        "fivefold_bytes_total{direction=\"out\"} 12345",
        "fivefold_place_connections{place=\"queue\"} 3",
        "fivefold_place_taken_total{place=\"queue\"} 40",
        "fivefold_queue_deepest{place=\"queue\"} 5",
        "fivefold_thread_busy{name=\"this\",thread=\"1\"} 1",
        "fivefold_thread_steps_total{name=\"this\",thread=\"1\"} 0",
    };
    enum { WANTED = sizeof wanted / sizeof wanted[0] };
    size_t seen = 0;
    while (rest.length > 0) {
        struct text line = text_split(&rest, '\n');
        if (!metrics_line_is_right(line))
            fail_msg("%.*s", (int)line.length, line.data);
        for (size_t i = 0; i < WANTED; i++)
            seen += text_equal(line, text_of(wanted[i]));
    }
    assert_int_equal(seen, WANTED);
    buffer_release(&out);
    stats_close();
}

/* What /-/... answers to one request; the caller releases it. */
static struct exchange ask(enum http_method method, const char *path)
{
    static const struct stage_facts facts = {.number = 3, .name = "poll"};
    static struct server server = {.stage = &facts};
    server.started_ns = clock_ns();
    struct exchange exchange = {.server = &server,
                                .path = (char *)(uintptr_t)path,
                                .path_length = strlen(path)};
    exchange.request.method = method;
    response_init(&exchange.response);
    assert_int_equal(status_handler.begin(&exchange), ANSWER_READY);
    return exchange;
}

static bool has_line(const struct exchange *exchange, const char *line)
{
    struct text rest = buffer_text(&exchange->response.fields);
    while (rest.data != NULL && rest.length > 0)
        if (text_equal(text_trim(text_split(&rest, '\r')), text_of(line)))
            return true;
        else if (rest.length > 0)
            rest = (struct text){rest.data + 1, rest.length - 1};
    return false;
}

static void stats_page_is_one_json_object(void **state)
{
    /* Bug: a comma too many where two writers meet. */
    (void)state;
    struct exchange exchange = ask(HTTP_GET, "/-/stats");
    assert_int_equal(exchange.response.status, 200);
    assert_true(has_line(&exchange, "Content-Type: application/json"));
    struct message_buffer *body = &exchange.response.memory;
    json_t *root = json_loadb(buffer_start(body), buffer_length(body),
                              JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(number_at(root, "stage", "number"), 3);
    assert_true(json_is_array(json_object_get(root, "databases")));
    assert_true(json_is_real(json_object_get(root, "uptime_seconds")));
    json_decref(root);
    response_release(&exchange.response);
    stats_close();
}

static void internals_take_only_reading_methods(void **state)
{
    /* Bug: a 405 without Allow (RFC 9110 section 15.5.6). */
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
        unsigned status;
        bool allow;
    } rows[] = {
        {HTTP_GET, "/-/", 200, false},
        {HTTP_HEAD, "/-/metrics", 200, false},
        {HTTP_OPTIONS, "/-/stats", 204, true},
        {HTTP_POST, "/-/stats", 405, true},
        {HTTP_DELETE, "/-/", 405, true},
        {HTTP_GET, "/-/else", 404, false},
        {HTTP_POST, "/-/stats/", 404, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange exchange = ask(rows[i].method, rows[i].path);
        assert_int_equal(exchange.response.status, rows[i].status);
        assert_int_equal(has_line(&exchange, "Allow: GET, HEAD, OPTIONS"),
                         rows[i].allow);
        response_release(&exchange.response);
    }
    stats_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_ended_stay_counted),
        cmocka_unit_test(connection_that_changes_threads_is_counted_once),
        cmocka_unit_test(every_counter_is_in_the_json),
        cmocka_unit_test(stage_without_parts_has_the_same_lists),
        cmocka_unit_test(places_and_threads_are_told),
        cmocka_unit_test(percentiles_lie_in_their_buckets),
        cmocka_unit_test(metrics_are_lines_with_one_number),
        cmocka_unit_test(stats_page_is_one_json_object),
        cmocka_unit_test(internals_take_only_reading_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
