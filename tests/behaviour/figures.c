/* figures.c - see figures.h. */
#include "figures.h"
#include "client.h"
#include "suite.h"

#include <string.h>

const char *figures_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

json_int_t figures_number(json_t *object, const char *key)
{
    return (json_int_t)json_number_value(json_object_get(object, key));
}

json_t *figures_get(const struct server *server)
{
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/-/stats", &answer), 200);
    json_t *stats = json_loadb(answer.body.data, answer.body.length,
                               JSON_REJECT_DUPLICATES, NULL);
    answer_free(&answer);
    assert_non_null(stats);
    return stats;
}

size_t figures_named(json_t *stats, const char *list, const char *name,
                     const char *key, json_int_t *sum)
{
    size_t i, n = 0;
    json_t *one, *all = json_object_get(stats, list);
    *sum = 0;
    assert_true(json_is_array(all));
    json_array_foreach(all, i, one)
    {
        if (strcmp(figures_text(one, "name"), name) != 0)
            continue;
        *sum += figures_number(one, key);
        n++;
    }
    return n;
}

json_t *figures_get_with(const struct server *server, const char *thread,
                         size_t count)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    json_int_t steps;
    json_t *stats = figures_get(server);
    while (figures_named(stats, "threads", thread, "steps", &steps) < count) {
        if (suite_now_ms() > limit)
            fail_msg("of %s there are no %zu threads", thread, count);
        json_decref(stats);
        stats = figures_get(server);
    }
    return stats;
}

json_int_t figures_queue(const struct server *server, const char *name,
                         const char *key)
{
    json_int_t sum;
    json_t *stats = figures_get(server);
    assert_true(figures_named(stats, "queues", name, key, &sum) > 0);
    json_decref(stats);
    return sum;
}

json_int_t figures_counter(const struct server *server, const char *group,
                           const char *key)
{
    json_t *stats = figures_get(server);
    json_int_t figure = figures_number(json_object_get(stats, group), key);
    json_decref(stats);
    return figure;
}

const char *figures_row(json_t *trace, json_t *event)
{
    size_t i;
    json_t *row;
    json_array_foreach(trace, i, row)
    {
        if (strcmp(figures_text(row, "name"), "thread_name") == 0 &&
            figures_number(row, "tid") == figures_number(event, "tid"))
            return figures_text(json_object_get(row, "args"), "name");
    }
    fail_msg("row %d has no name", (int)figures_number(event, "tid"));
    return "";
}

json_t *figures_span(json_t *trace, const char *name, json_int_t request)
{
    size_t i;
    json_t *span;
    json_array_foreach(trace, i, span)
    {
        if (strcmp(figures_text(span, "ph"), "X") == 0 &&
            strcmp(figures_text(span, "name"), name) == 0 &&
            figures_number(json_object_get(span, "args"), "request") == request)
            return span;
    }
    fail_msg("request %d has no span %s", (int)request, name);
    return NULL;
}

double figures_time(json_t *event, const char *key)
{
    return json_number_value(json_object_get(event, key));
}

double figures_end(json_t *span)
{
    return figures_time(span, "ts") + figures_time(span, "dur");
}

void figures_check_arrow(json_t *trace, const char *kind, json_int_t request,
                         json_t *span)
{
    size_t i, n = 0;
    json_t *part;
    json_array_foreach(trace, i, part)
    {
        if (strcmp(figures_text(part, "ph"), kind) != 0 ||
            figures_number(part, "id") != request)
            continue;
        assert_int_equal(figures_number(part, "pid"),
                         figures_number(span, "pid"));
        assert_int_equal(figures_number(part, "tid"),
                         figures_number(span, "tid"));
        assert_true(figures_time(part, "ts") >= figures_time(span, "ts"));
        assert_true(figures_time(part, "ts") <= figures_end(span));
        /* The parts find each other by these and the id. */
        assert_string_equal(figures_text(part, "cat"), "request");
        assert_string_equal(figures_text(part, "name"), "request");
        n++;
    }
    assert_int_equal(n, 1);
}
