/* test_trace.c - the file of --trace, as Perfetto reads it. */
#include "base/clock.h"
#include "report/trace.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

static char file[] = "/tmp/fivefold-trace-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static json_t *file_parsed(void)
{
    json_error_t error;
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        print_error("line %d: %s\n", error.line, error.text);
    assert_true(json_is_array(root));
    return root;
}

static const char *text_at(json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static double number_at(json_t *event, const char *key)
{
    json_t *value = json_object_get(event, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* The nth event of that kind, and of that name if there is one, or NULL. */
static json_t *event_find(json_t *root, const char *kind, const char *name,
                          size_t nth)
{
    size_t i;
    json_t *event;
    json_array_foreach(root, i, event)
    {
        if (strcmp(text_at(event, "ph"), kind) == 0 &&
            (name == NULL || strcmp(text_at(event, "name"), name) == 0) &&
            nth-- == 0)
            return event;
    }
    return NULL;
}

static const char *row_name(json_t *event)
{
    return text_at(json_object_get(event, "args"), "name");
}

static void *work_in_thread(void *argument)
{
    trace_thread("worker \"1\"");
    uint64_t start = TRACE_START();
    TRACE_SPAN("work", start, *(uint64_t *)argument);
    return NULL;
}

static void each_thread_has_a_named_row(void **state)
{
    /* Bug: two threads on one row draw over each other. */
    (void)state;
    trace_thread("master");
    assert_int_equal(trace_open(file, "fivefold-4"), 0);
    TRACE_SPAN("accept", TRACE_START(), 0);
    uint64_t flow = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work_in_thread, &flow), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    trace_close();
    json_t *root = file_parsed();
    json_t *process = event_find(root, "M", "process_name", 0);
    assert_string_equal(row_name(process), "fivefold-4");
    for (size_t i = 0; i < 2; i++) {
        json_t *row = event_find(root, "M", "thread_name", i);
        bool master = strcmp(row_name(row), "master") == 0;
        if (!master)
            assert_string_equal(row_name(row), "worker \"1\"");
        json_t *span = event_find(root, "X", master ? "accept" : "work", 0);
        assert_true(number_at(span, "tid") == number_at(row, "tid"));
    }
    assert_null(event_find(root, "M", "thread_name", 2));
    json_decref(root);
}

static void inner_span_lies_in_the_outer(void **state)
{
    /* Bug: times cut to whole microseconds let a short inner span stick out,
     * and the viewer drops it. */
    (void)state;
    assert_int_equal(trace_open(file, "fivefold-1"), 0);
    for (int i = 0; i < 100; i++) {
        uint64_t outer = TRACE_START(), inner = TRACE_START();
        TRACE_SPAN("inner", inner, 0);
        TRACE_SPAN("outer", outer, 0);
    }
    trace_close();
    json_t *root = file_parsed();
    for (size_t i = 0; i < 100; i++) {
        json_t *inner = event_find(root, "X", "inner", i);
        json_t *outer = event_find(root, "X", "outer", i);
        double start = number_at(outer, "ts"), end = number_at(outer, "dur");
        double from = number_at(inner, "ts");
        assert_true(start <= from);
        /* A thousandth for what binary fractions lose. */
        assert_true(from + number_at(inner, "dur") <= start + end + 0.001);
    }
    json_decref(root);
}

/* True if the arrow's end lies in a span of its row. */
static bool is_in_a_span(json_t *root, json_t *arrow)
{
    size_t i;
    json_t *span;
    json_array_foreach(root, i, span)
    {
        if (strcmp(text_at(span, "ph"), "X") == 0 &&
            number_at(span, "tid") == number_at(arrow, "tid") &&
            number_at(span, "ts") <= number_at(arrow, "ts") &&
            number_at(arrow, "ts") <=
                number_at(span, "ts") + number_at(span, "dur") + 0.001)
            return true;
    }
    return false;
}

static void request_is_one_flow_across_threads(void **state)
{
    /* Bug: a step without a start: Perfetto draws no arrow at all. */
    (void)state;
    assert_int_equal(trace_open(file, "fivefold-4"), 0);
    uint64_t flow = 5;
    TRACE_SPAN("recv", TRACE_START(), flow);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work_in_thread, &flow), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    uint64_t start = TRACE_START();
    TRACE_FLOW_END(flow);
    TRACE_SPAN("send", start, flow);
    /* The next request; it ends before any arrow started. */
    TRACE_FLOW_END(6);
    trace_close();
    json_t *root = file_parsed();
    static const char *const kinds[] = {"s", "t", "f"};
    for (size_t i = 0; i < 3; i++) {
        json_t *arrow = event_find(root, kinds[i], NULL, 0);
        assert_non_null(arrow);
        assert_true(number_at(arrow, "id") == 5);
        assert_true(is_in_a_span(root, arrow));
        assert_null(event_find(root, kinds[i], NULL, 1));
    }
    json_decref(root);
}

static void trace_stops_at_its_limit_and_stays_json(void **state)
{
    /* Bug: a server left running with --trace fills the disk. */
    (void)state;
    uint64_t before = trace_bytes_max;
    trace_bytes_max = 200 * 1000;
    assert_int_equal(trace_open(file, "fivefold-3"), 0);
    for (uint64_t i = 1; i < 10000; i++)
        TRACE_SPAN("work", TRACE_START(), i);
    trace_close();
    trace_bytes_max = before;
    json_t *root = file_parsed();
    assert_true(json_array_size(root) > 100);
    json_decref(root);
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    assert_in_range(ftell(in), 60 * 1000, 200 * 1000 + 3);
    fclose(in);
}

static void trace_that_is_off_writes_nothing(void **state)
{
    /* Bug: a span after trace_close goes to a descriptor that is another's. */
    (void)state;
    assert_int_equal(trace_open("/no/such/directory/x", "fivefold-1"), -1);
    assert_false(trace_on);
    TRACE_SPAN("work", TRACE_START(), 1);
    TRACE_FLOW_END(1);
    trace_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_has_a_named_row),
        cmocka_unit_test(inner_span_lies_in_the_outer),
        cmocka_unit_test(request_is_one_flow_across_threads),
        cmocka_unit_test(trace_stops_at_its_limit_and_stays_json),
        cmocka_unit_test(trace_that_is_off_writes_nothing),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
