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
