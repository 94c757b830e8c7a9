/* figures.c - what report/stats.h has counted, as JSON and for Prometheus.
 *
 * sums over all threads' blocks -> one object or family for each group */
#include "status/figures.h"

#include "base/json.h"
#include "base/metrics.h"
#include "conn/conn.h"
#include "report/stats.h"

#include <stdio.h>

enum stats_group {
    GROUP_connections,
    GROUP_requests,
    GROUP_per_address,
    GROUP_passwords,
    GROUP_answers,
    GROUP_bytes,
    GROUP_loop,
    GROUP_system_calls,
    GROUP_would_block,
    GROUP_sql,
    GROUP_COUNT
};

static const struct {
    const char *name;   /* of the JSON object */
    const char *family; /* of the Prometheus counters */
    const char *label;
    const char *help;
} groups[GROUP_COUNT] = {
    [GROUP_connections] = {"connections", "fivefold_connections_total", "event",
                           "What became of connections."},
    [GROUP_requests] = {"requests", "fivefold_requests_total", "event",
                        "Requests."},
    [GROUP_per_address] = {"per_address", "fivefold_per_address_total", "event",
                           "Connections refused by 429, requests limited by "
                           "429, connections closed as banned; bans."},
    [GROUP_passwords] = {"passwords", "fivefold_passwords_total", "event",
                         "Passwords checked, and wrong among these; known from "
                         "before; refused by 503; limited by 429."},
    [GROUP_answers] = {"answers", "fivefold_answers_total", "class",
                       "Answers by class of status."},
    [GROUP_bytes] = {"bytes", "fivefold_bytes_total", "direction",
                     "Bytes received and sent."},
    [GROUP_loop] = {"loop", "fivefold_loop_total", "event",
                    "Returns from the call that waits."},
    [GROUP_system_calls] = {"system_calls", "fivefold_system_calls_total",
                            "call", "System calls by kind."},
    [GROUP_would_block] = {"would_block", "fivefold_would_block_total", "call",
                           "System calls that could do nothing at once."},
    [GROUP_sql] = {"sql", "fivefold_sql_total", "event", "SQL statements."},
};

static const struct {
    enum stats_group group;
    const char *key;
} counters[STATS_COUNT] = {
#define X(name, group, key) [STAT_##name] = {GROUP_##group, key},
    STATS_COUNTERS(X)
#undef X
};

static double bucket_limit_us(size_t bucket)
{
    return (double)stats_bucket_ns(bucket) / 1000;
}

/* Returns the time in microseconds that a part (0 to 1) of the requests stayed
 * below. Requests are assumed to be spread evenly inside a bucket. 0: no
 * requests yet. */
static double quantile_us(const struct stats_latency *sum, double fraction)
{
    double wanted = fraction * (double)sum->total, before = 0;
    for (size_t i = 0; i < STATS_LATENCY_BUCKETS && sum->total > 0; i++) {
        double here = (double)sum->count[i];
        if (here > 0 && before + here >= wanted) {
            double low = i == 0 ? 0 : bucket_limit_us(i - 1);
            double high = bucket_limit_us(i);
            return low + (high - low) * (wanted - before) / here;
        }
        before += here;
    }
    return 0;
}

/* Returns one more than the index of the last bucket that was ever hit. */
static size_t buckets_used(const struct stats_latency *sum)
{
    size_t used = STATS_LATENCY_BUCKETS;
    while (used > 0 && sum->count[used - 1] == 0)
        used--;
    return used;
}

static void json_group(struct message_buffer *out, enum stats_group group)
{
    json_append_key(out, groups[group].name);
    json_append_open(out, '{');
    for (size_t i = 0; i < STATS_COUNT; i++)
        if (counters[i].group == group)
            json_member_number(out, counters[i].key,
                               stats_sum((enum stats_counter)i));
    json_append_close(out, '}');
}

static void json_states(struct message_buffer *out)
{
    json_append_key(out, "states");
    json_append_open(out, '{');
    for (size_t i = 0; i < CONN_STATE_COUNT; i++)
        json_member_number(out, conn_state_name((enum conn_state)i),
                           stats_sum_state(i));
    json_append_close(out, '}');
}

static void member_us(struct message_buffer *out, const char *key, double us)
{
    json_append_key(out, key);
    json_append_real(out, us, 2);
}

static void json_latency(struct message_buffer *out)
{
    struct stats_latency sum = stats_sum_latency();
    double mean =
        sum.total > 0 ? (double)sum.sum_ns / 1000 / (double)sum.total : 0;
    json_append_key(out, "latency_us");
    json_append_open(out, '{');
    json_member_number(out, "count", sum.total);
    member_us(out, "mean", mean);
    member_us(out, "p50", quantile_us(&sum, 0.5));
    member_us(out, "p90", quantile_us(&sum, 0.9));
    member_us(out, "p99", quantile_us(&sum, 0.99));
    json_append_key(out, "histogram");
    json_append_open(out, '[');
    for (size_t i = 0, used = buckets_used(&sum); i < used; i++) {
        json_append_open(out, '{');
        member_us(out, "below", bucket_limit_us(i));
        json_member_number(out, "count", sum.count[i]);
        json_append_close(out, '}');
    }
    json_append_close(out, ']');
    json_append_close(out, '}');
}

static uint64_t figure(const atomic_uint_fast64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* A place is where connections wait: a poll list or a queue
 * (report/stats.h). */
static uint64_t place_connections(const struct stats_place *place)
{
    return atomic_load_explicit(place->connections, memory_order_relaxed);
}

static bool place_is_queue(const struct stats_place *place)
{
    return place->deepest != NULL;
}

static void json_place(struct message_buffer *out,
                       const struct stats_place *place)
{
    bool queue = place_is_queue(place);
    json_append_open(out, '{');
    json_member_text(out, "name", text_of(place->name));
    json_member_number(out, queue ? "waiting" : "connections",
                       place_connections(place));
    json_member_number(out, "taken", figure(place->taken));
    json_member_number(out, queue ? "deepest" : "stale",
                       figure(queue ? place->deepest : place->stale));
    json_append_close(out, '}');
}

static void json_places(struct message_buffer *out, const char *list,
                        bool queues)
{
    const struct stats_place *places;
    size_t count = stats_places(&places);
    json_append_key(out, list);
    json_append_open(out, '[');
    for (size_t i = 0; i < count; i++)
        if (place_is_queue(&places[i]) == queues)
            json_place(out, &places[i]);
    json_append_close(out, ']');
}

static void json_threads(struct message_buffer *out)
{
    struct stats_thread thread = {0};
    json_append_key(out, "threads");
    json_append_open(out, '[');
    while (stats_next_thread(&thread)) {
        json_append_open(out, '{');
        json_member_number(out, "number", thread.number);
        json_member_text(out, "name", text_of(thread.name));
        json_member_text(out, "doing",
                         text_of(thread.doing != NULL ? thread.doing : "idle"));
        json_member_number(out, "steps", thread.steps);
        json_append_close(out, '}');
    }
    json_append_close(out, ']');
}

void figures_json(struct message_buffer *out)
{
    json_states(out);
    json_places(out, "poll_lists", false);
    json_places(out, "queues", true);
    json_threads(out);
    for (size_t i = 0; i < GROUP_COUNT; i++)
        json_group(out, (enum stats_group)i);
    json_latency(out);
}

static void metrics_group(struct message_buffer *out, enum stats_group group)
{
    const char *family = groups[group].family;
    metrics_family(out, family, "counter", groups[group].help);
    for (size_t i = 0; i < STATS_COUNT; i++)
        if (counters[i].group == group)
            metrics_value(out, family, groups[group].label, counters[i].key,
                          stats_sum((enum stats_counter)i));
}

static void metrics_states(struct message_buffer *out)
{
    metrics_family(out, "fivefold_connections", "gauge",
                   "Open connections by state.");
    for (size_t i = 0; i < CONN_STATE_COUNT; i++)
        metrics_value(out, "fivefold_connections", "state",
                      conn_state_name((enum conn_state)i), stats_sum_state(i));
}

static void metrics_latency(struct message_buffer *out)
{
    struct stats_latency sum = stats_sum_latency();
    static const char bucket[] = "fivefold_latency_seconds_bucket";
    uint64_t below = 0;
    metrics_family(out, "fivefold_latency_seconds", "histogram",
                   "From a head's first byte to the last byte sent.");
    /* Print every bucket, used or not: a set of buckets that changes breaks
     * Prometheus' rate(). */
    for (size_t i = 0; i < STATS_LATENCY_BUCKETS; i++) {
        char limit[32];
        snprintf(limit, sizeof limit, "%.10g", bucket_limit_us(i) / 1e6);
        below += sum.count[i];
        metrics_value(out, bucket, "le", limit, below);
    }
    metrics_value(out, bucket, "le", "+Inf", sum.total);
    metrics_real(out, "fivefold_latency_seconds_sum", (double)sum.sum_ns / 1e9,
                 9);
    metrics_labelled(out, "fivefold_latency_seconds_count", NULL, 0, sum.total);
}

enum place_metric {
    PLACE_CONNECTIONS,
    PLACE_TAKEN,
    PLACE_DEEPEST,
    PLACE_STALE,
};

/* Returns NULL if such a place has no such figure. */
static const atomic_uint_fast64_t *place_figure(const struct stats_place *place,
                                                enum place_metric metric)
{
    switch (metric) {
    case PLACE_TAKEN:
        return place->taken;
    case PLACE_DEEPEST:
        return place->deepest;
    case PLACE_STALE:
        return place->stale;
    case PLACE_CONNECTIONS:
        break;
    }
    return NULL;
}

/* Prints one line for all places with the name of place i, because a label may
 * occur only once in a family. The first of these places prints it. */
static void metrics_place(struct message_buffer *out, enum place_metric metric,
                          const char *family, size_t i)
{
    const struct stats_place *places;
    size_t count = stats_places(&places);
    uint64_t sum = 0;
    for (size_t j = 0; j < count; j++) {
        const struct stats_place *place = &places[j];
        if (strcmp(place->name, places[i].name) != 0)
            continue;
        if (j < i)
            return; /* place j has printed the line */
        sum += metric == PLACE_CONNECTIONS
                   ? place_connections(place)
                   : figure(place_figure(place, metric));
    }
    metrics_value(out, family, "place", places[i].name, sum);
}

/* Prints one family, with the places that have that figure. */
static void metrics_places(struct message_buffer *out, enum place_metric metric,
                           const char *family, const char *type,
                           const char *help)
{
    const struct stats_place *places;
    size_t count = stats_places(&places);
    metrics_family(out, family, type, help);
    for (size_t i = 0; i < count; i++)
        if (metric == PLACE_CONNECTIONS ||
            place_figure(&places[i], metric) != NULL)
            metrics_place(out, metric, family, i);
}

static void metrics_thread(struct message_buffer *out, const char *family,
                           const struct stats_thread *thread, uint64_t value)
{
    char number[sizeof "4294967295"];
    snprintf(number, sizeof number, "%u", thread->number);
    const struct metrics_label labels[] = {{"name", thread->name},
                                           {"thread", number}};
    metrics_labelled(out, family, labels, 2, value);
}

static void metrics_threads(struct message_buffer *out)
{
    static const char busy[] = "fivefold_thread_busy",
                      steps[] = "fivefold_thread_steps_total";
    struct stats_thread thread = {0};
    metrics_family(out, busy, "gauge",
                   "1 while the thread does a step of a connection.");
    while (stats_next_thread(&thread))
        metrics_thread(out, busy, &thread, thread.doing != NULL);
    thread = (struct stats_thread){0};
    metrics_family(out, steps, "counter",
                   "Steps of connections that the thread has done.");
    while (stats_next_thread(&thread))
        metrics_thread(out, steps, &thread, thread.steps);
}

void figures_metrics(struct message_buffer *out)
{
    metrics_states(out);
    metrics_places(out, PLACE_CONNECTIONS, "fivefold_place_connections",
                   "gauge", "Connections in a poll list or queue.");
    metrics_places(out, PLACE_TAKEN, "fivefold_place_taken_total", "counter",
                   "Connections taken from there.");
    metrics_places(out, PLACE_DEEPEST, "fivefold_queue_deepest", "gauge",
                   "The most connections that a queue has held.");
    metrics_places(out, PLACE_STALE, "fivefold_stale_events_total", "counter",
                   "Events that came too late for their connection.");
    metrics_threads(out);
    for (size_t i = 0; i < GROUP_COUNT; i++)
        metrics_group(out, (enum stats_group)i);
    metrics_latency(out);
}
