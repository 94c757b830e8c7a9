/* stats.c - see stats.h.
 *
 * stats_add -> this thread's block -> (a reader sums all blocks) -> JSON or
 * Prometheus text
 *
 * Blocks hang in a list that only grows: a new one is pushed with one
 * compare-and-swap, so readers walk it without a lock. */
#include "report/stats.h"

#include "conn/conn.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Thread_local struct stats_block *stats_mine;

static struct stats_block *_Atomic blocks;
static struct stats_block spare;
static atomic_uint block_count;

/* Fixed once the stage's threads run. */
static struct stats_place *places; /* owned */
static size_t place_count;

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

/* The buckets' limits: powers of two times a quarter of a microsecond. */
enum { BUCKET_UNIT_NS = 250 };

struct latency {
    uint64_t count[STATS_LATENCY_BUCKETS];
    uint64_t total, sum_ns;
};

struct stats_block *stats_register(void)
{
    struct stats_block *block = calloc(1, sizeof *block);
    if (block == NULL)
        return &spare;
    block->number = atomic_fetch_add(&block_count, 1) + 1;
    block->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &block->next, block))
        continue;
    stats_mine = block;
    return block;
}

void stats_close(void)
{
    struct stats_block *block = atomic_exchange(&blocks, NULL);
    while (block != NULL) {
        struct stats_block *next = block->next;
        free(block);
        block = next;
    }
    stats_mine = NULL;
    block_count = 0;
    free(places);
    places = NULL;
    place_count = 0;
}

/* ps and top show the first 15 characters. The first thread's name is the
 * process's, and stays. */
static void name_for_kernel(const char *name)
{
    char shown[16];
    if (name == NULL || gettid() == getpid())
        return;
    snprintf(shown, sizeof shown, "%.15s", name);
    pthread_setname_np(pthread_self(), shown);
}

void stats_thread(const char *name)
{
    struct stats_block *block = stats_block();
    name_for_kernel(name);
    if (block != &spare)
        atomic_store_explicit(&block->name, name, memory_order_relaxed);
}

void stats_place_add(const struct stats_place *place)
{
    struct stats_place *grown =
        realloc(places, (place_count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    places = grown;
    places[place_count++] = *place;
}

static void add(_Atomic uint64_t *at, uint64_t n)
{
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static void add_state(int state, int64_t n)
{
    if (state < 0)
        return;
    assert(state < CONN_STATE_COUNT);
    _Atomic int64_t *at = &stats_block()->states[state];
    atomic_store_explicit(at,
                          atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void stats_state(int from, int to)
{
    _Static_assert(CONN_STATE_COUNT <=
                       sizeof(spare.states) / sizeof(spare.states[0]),
                   "stats_block.states has room for each state");
    add_state(from, -1);
    add_state(to, 1);
}

void stats_latency(uint64_t ns)
{
    size_t bucket = 0;
    while (bucket < STATS_LATENCY_BUCKETS - 1 && ns >= (uint64_t)BUCKET_UNIT_NS
                                                           << bucket)
        bucket++;
    struct stats_block *block = stats_block();
    add(&block->latency[bucket], 1);
    add(&block->latency_sum_ns, ns);
}

uint64_t stats_sum(enum stats_counter counter)
{
    uint64_t sum =
        atomic_load_explicit(&spare.counters[counter], memory_order_relaxed);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        sum += atomic_load_explicit(&block->counters[counter],
                                    memory_order_relaxed);
    return sum;
}

/* A connection may be born in one thread and die in another: a block's
 * number may be negative, the sum is not. A reader between two of its
 * changes could see it so for a moment. */
static uint64_t sum_state(size_t state)
{
    int64_t sum = atomic_load(&spare.states[state]);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        sum +=
            atomic_load_explicit(&block->states[state], memory_order_relaxed);
    return sum > 0 ? (uint64_t)sum : 0;
}

static void add_latency(struct latency *sum, const struct stats_block *block)
{
    for (size_t i = 0; i < STATS_LATENCY_BUCKETS; i++) {
        uint64_t n =
            atomic_load_explicit(&block->latency[i], memory_order_relaxed);
        sum->count[i] += n;
        sum->total += n;
    }
    sum->sum_ns +=
        atomic_load_explicit(&block->latency_sum_ns, memory_order_relaxed);
}

static struct latency sum_latency(void)
{
    struct latency sum = {0};
    add_latency(&sum, &spare);
    struct stats_block *block = atomic_load(&blocks);
    for (; block != NULL; block = block->next)
        add_latency(&sum, block);
    return sum;
}

static double bucket_limit_us(size_t bucket)
{
    return (double)((uint64_t)BUCKET_UNIT_NS << bucket) / 1000;
}

/* Microseconds that a part (0 to 1) of the requests stayed below. Inside a
 * bucket the requests are taken as evenly spread. */
static double quantile_us(const struct latency *sum, double part)
{
    double wanted = part * (double)sum->total, before = 0;
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

/* One past the last bucket that was ever hit. */
static size_t buckets_used(const struct latency *sum)
{
    size_t used = STATS_LATENCY_BUCKETS;
    while (used > 0 && sum->count[used - 1] == 0)
        used--;
    return used;
}

static void json_group(enum stats_group group, struct message_buffer *out)
{
    const char *comma = "";
    buffer_printf(out, "\"%s\":{", groups[group].name);
    for (size_t i = 0; i < STATS_COUNT; i++) {
        if (counters[i].group != group)
            continue;
        buffer_printf(out, "%s\"%s\":", comma, counters[i].key);
        buffer_append_number(out, stats_sum((enum stats_counter)i));
        comma = ",";
    }
    buffer_append_text(out, TEXT("},"));
}

static void json_states(struct message_buffer *out)
{
    buffer_append_text(out, TEXT("\"states\":{"));
    for (size_t i = 0; i < CONN_STATE_COUNT; i++) {
        buffer_printf(out, "%s\"%s\":", i ? "," : "",
                      conn_state_name((enum conn_state)i));
        buffer_append_number(out, sum_state(i));
    }
    buffer_append_text(out, TEXT("},"));
}

static void json_latency(struct message_buffer *out)
{
    struct latency sum = sum_latency();
    double mean =
        sum.total > 0 ? (double)sum.sum_ns / 1000 / (double)sum.total : 0;
    buffer_printf(out,
                  "\"latency_us\":{\"count\":%llu,\"mean\":%.2f,\"p50\":%.2f,"
                  "\"p90\":%.2f,\"p99\":%.2f,\"histogram\":[",
                  (unsigned long long)sum.total, mean, quantile_us(&sum, 0.5),
                  quantile_us(&sum, 0.9), quantile_us(&sum, 0.99));
    for (size_t i = 0, used = buckets_used(&sum); i < used; i++)
        buffer_printf(out, "%s{\"below\":%.2f,\"count\":%llu}", i ? "," : "",
                      bucket_limit_us(i), (unsigned long long)sum.count[i]);
    buffer_append_text(out, TEXT("]}"));
}

static uint64_t figure(const atomic_uint_fast64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static uint64_t place_connections(const struct stats_place *place)
{
    return atomic_load_explicit(place->connections, memory_order_relaxed);
}

static bool place_is_queue(const struct stats_place *place)
{
    return place->deepest != NULL;
}

static void json_places(struct message_buffer *out, const char *list,
                        bool queues)
{
    const char *comma = "";
    buffer_printf(out, "\"%s\":[", list);
    for (size_t i = 0; i < place_count; i++) {
        const struct stats_place *place = &places[i];
        if (place_is_queue(place) != queues)
            continue;
        buffer_printf(
            out, "%s{\"name\":\"%s\",\"%s\":%llu,\"taken\":%llu,\"%s\":%llu}",
            comma, place->name, queues ? "waiting" : "connections",
            (unsigned long long)place_connections(place),
            (unsigned long long)figure(place->taken),
            queues ? "deepest" : "stale",
            (unsigned long long)figure(queues ? place->deepest : place->stale));
        comma = ",";
    }
    buffer_append_text(out, TEXT("],"));
}

/* The next block from there on whose thread has a name, which *name gets. */
static const struct stats_block *named_from(const struct stats_block *block,
                                            const char **name)
{
    for (; block != NULL; block = block->next)
        if ((*name = atomic_load_explicit(&block->name,
                                          memory_order_relaxed)) != NULL)
            return block;
    return NULL;
}

static void json_threads(struct message_buffer *out)
{
    const char *name, *comma = "";
    const struct stats_block *block = atomic_load(&blocks);
    buffer_append_text(out, TEXT("\"threads\":["));
    for (; (block = named_from(block, &name)) != NULL; block = block->next) {
        const char *doing =
            atomic_load_explicit(&block->doing, memory_order_relaxed);
        buffer_printf(
            out,
            "%s{\"number\":%u,\"name\":\"%s\",\"doing\":\"%s\",\"steps\":%llu}",
            comma, block->number, name, doing != NULL ? doing : "idle",
            (unsigned long long)atomic_load_explicit(&block->steps,
                                                     memory_order_relaxed));
        comma = ",";
    }
    buffer_append_text(out, TEXT("],"));
}

void stats_json(struct message_buffer *out)
{
    json_states(out);
    json_places(out, "poll_lists", false);
    json_places(out, "queues", true);
    json_threads(out);
    for (size_t i = 0; i < GROUP_COUNT; i++)
        json_group((enum stats_group)i, out);
    json_latency(out);
}

static void metrics_group(enum stats_group group, struct message_buffer *out)
{
    const char *family = groups[group].family;
    buffer_printf(out, "# HELP %s %s\n# TYPE %s counter\n", family,
                  groups[group].help, family);
    for (size_t i = 0; i < STATS_COUNT; i++) {
        if (counters[i].group != group)
            continue;
        buffer_printf(out, "%s{%s=\"%s\"} ", family, groups[group].label,
                      counters[i].key);
        buffer_append_number(out, stats_sum((enum stats_counter)i));
        buffer_append_char(out, '\n');
    }
}

static void metrics_states(struct message_buffer *out)
{
    buffer_append_text(
        out, TEXT("# HELP fivefold_connections Open connections by state.\n"
                  "# TYPE fivefold_connections gauge\n"));
    for (size_t i = 0; i < CONN_STATE_COUNT; i++)
        buffer_printf(out, "fivefold_connections{state=\"%s\"} %llu\n",
                      conn_state_name((enum conn_state)i),
                      (unsigned long long)sum_state(i));
}

static void metrics_latency(struct message_buffer *out)
{
    struct latency sum = sum_latency();
    uint64_t below = 0;
    buffer_append_text(
        out, TEXT("# HELP fivefold_latency_seconds From a head's first byte "
                  "to the last byte sent.\n"
                  "# TYPE fivefold_latency_seconds histogram\n"));
    /* Every bucket, used or not: a set that changes breaks rate(). */
    for (size_t i = 0; i < STATS_LATENCY_BUCKETS; i++) {
        below += sum.count[i];
        buffer_printf(out,
                      "fivefold_latency_seconds_bucket{le=\"%.10g\"} %llu\n",
                      bucket_limit_us(i) / 1e6, (unsigned long long)below);
    }
    buffer_printf(out,
                  "fivefold_latency_seconds_bucket{le=\"+Inf\"} %llu\n"
                  "fivefold_latency_seconds_sum %.9f\n"
                  "fivefold_latency_seconds_count %llu\n",
                  (unsigned long long)sum.total, (double)sum.sum_ns / 1e9,
                  (unsigned long long)sum.total);
}

enum place_metric {
    PLACE_CONNECTIONS,
    PLACE_TAKEN,
    PLACE_DEEPEST,
    PLACE_STALE,
};

/* NULL: such a place has no such figure. */
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

/* One line for all places of the same name from i on: a label may stand in a
 * family once. */
static void metrics_place(struct message_buffer *out, enum place_metric metric,
                          const char *family, size_t i)
{
    uint64_t sum = 0;
    for (size_t j = 0; j < place_count; j++) {
        const struct stats_place *place = &places[j];
        if (strcmp(place->name, places[i].name) != 0)
            continue;
        if (j < i)
            return; /* has its line */
        sum += metric == PLACE_CONNECTIONS
                   ? place_connections(place)
                   : figure(place_figure(place, metric));
    }
    buffer_printf(out, "%s{place=\"%s\"} ", family, places[i].name);
    buffer_append_number(out, sum);
    buffer_append_char(out, '\n');
}

/* One family; of the places that have that figure. */
static void metrics_places(struct message_buffer *out, enum place_metric metric,
                           const char *family, const char *type,
                           const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family,
                  type);
    for (size_t i = 0; i < place_count; i++)
        if (metric == PLACE_CONNECTIONS ||
            place_figure(&places[i], metric) != NULL)
            metrics_place(out, metric, family, i);
}

static void metrics_threads(struct message_buffer *out)
{
    static const struct {
        const char *family, *type, *help;
    } families[] = {
        {"fivefold_thread_busy", "gauge",
         "1 while the thread does a step of a connection."},
        {"fivefold_thread_steps_total", "counter",
         "Steps of connections that the thread has done."},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const char *name, *family = families[i].family;
        const struct stats_block *block = atomic_load(&blocks);
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family,
                      families[i].help, family, families[i].type);
        for (; (block = named_from(block, &name)) != NULL;
             block = block->next) {
            uint64_t value =
                i == 0
                    ? atomic_load(&block->doing) != NULL
                    : atomic_load_explicit(&block->steps, memory_order_relaxed);
            buffer_printf(out, "%s{name=\"%s\",thread=\"%u\"} %llu\n", family,
                          name, block->number, (unsigned long long)value);
        }
    }
}

void stats_metrics(struct message_buffer *out)
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
        metrics_group((enum stats_group)i, out);
    metrics_latency(out);
}
