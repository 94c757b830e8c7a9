/* status.c - see status.h.
 *
 * path -> which of the three pages -> its writer -> response.memory */
#include "status/status.h"

#include "access/addresses.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/version.h"
#include "core/mount.h"
#include "core/server.h"
#include "sql/sql.h"
#include "status/figures.h"

#include <stdio.h>

static const char live_page[] =
#include "status/page.h"
    ;

static double uptime_seconds(const struct server *server)
{
    return (double)(clock_ns() - server->started_ns) / 1e9;
}

/* 0 if there are no limits per address: then addresses are not counted. */
static uint64_t addresses_known(const struct server *server)
{
    return server->addresses != NULL ? addresses_count(server->addresses) : 0;
}

static void write_page(const struct server *server, struct message_buffer *out)
{
    (void)server;
    buffer_append(out, live_page, sizeof live_page - 1);
}

struct budget_figures {
    uint64_t bytes, max, refused;
};

static struct budget_figures budget_figures(const struct server *server)
{
    const struct budget *budget = server->budget;
    if (budget == NULL)
        return (struct budget_figures){0};
    return (struct budget_figures){
        .bytes = atomic_load_explicit(&budget->taken, memory_order_relaxed),
        .max = budget->max,
        .refused = atomic_load_explicit(&budget->refused, memory_order_relaxed),
    };
}

static void write_budget(const struct server *server,
                         struct message_buffer *out)
{
    struct budget_figures figures = budget_figures(server);
    json_append_key(out, "memory");
    json_append_open(out, '{');
    json_member_number(out, "bytes", figures.bytes);
    json_member_number(out, "limit", figures.max);
    json_member_number(out, "refused", figures.refused);
    json_append_close(out, '}');
}

static void write_budget_metrics(const struct server *server,
                                 struct message_buffer *out)
{
    struct budget_figures figures = budget_figures(server);
    metrics_one(out, "fivefold_memory_bytes", "gauge",
                "Held by the large buffers of connections.", figures.bytes);
    metrics_one(out, "fivefold_memory_limit_bytes", "gauge",
                "The most that may be held; 0: no limit.", figures.max);
    metrics_one(out, "fivefold_memory_refused_total", "counter",
                "Buffers that found no room.", figures.refused);
}

static void write_stats(const struct server *server, struct message_buffer *out)
{
    json_append_open(out, '{');
    json_append_key(out, "stage");
    json_append_open(out, '{');
    json_member_number(out, "number", (uint64_t)server->stage->number);
    json_member_text(out, "name", text_of(server->stage->name));
    json_append_close(out, '}');
    json_member_text(out, "version", TEXT(FIVEFOLD_VERSION));
    json_append_key(out, "uptime_seconds");
    json_append_real(out, uptime_seconds(server), 3);
    figures_json(out);
    write_budget(server, out);
    json_member_number(out, "addresses", addresses_known(server));
    sql_stats_json(server, out);
    json_append_close(out, '}');
    buffer_append_char(out, '\n');
}

static void write_metrics(const struct server *server,
                          struct message_buffer *out)
{
    metrics_family(out, "fivefold_info", "gauge", "Which server this is.");
    char number[sizeof "-2147483648"];
    snprintf(number, sizeof number, "%d", server->stage->number);
    const struct metrics_label labels[] = {{"version", FIVEFOLD_VERSION},
                                           {"stage", number},
                                           {"name", server->stage->name}};
    metrics_labelled(out, "fivefold_info", labels, 3, 1);
    metrics_family(out, "fivefold_uptime_seconds", "gauge",
                   "Time since the start.");
    metrics_real(out, "fivefold_uptime_seconds", uptime_seconds(server), 3);
    figures_metrics(out);
    write_budget_metrics(server, out);
    metrics_one(out, "fivefold_addresses", "gauge",
                "Client addresses that are being tracked.",
                addresses_known(server));
    sql_stats_metrics(server, out);
}

/* Allows the page's own style and script and the figures, and nothing from
 * elsewhere. */
#define POLICY                                                                 \
    "default-src 'none'; style-src 'unsafe-inline'; "                          \
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "          \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

static const struct page {
    const char *path;
    const char *type;
    void (*write)(const struct server *server, struct message_buffer *out);
} pages[] = {
    {"/-/", "text/html; charset=utf-8", write_page},
    {"/-/stats", "application/json", write_stats},
    {"/-/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
};

static const struct page *page_find(struct text path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (text_equal(path, text_of(pages[i].path)))
            return &pages[i];
    return NULL;
}

static enum answer_next status_begin(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    enum http_method method = exchange->request.method;
    const struct page *page =
        page_find((struct text){exchange->path, exchange->path_length});
    if (page == NULL) {
        response_error(response, 404, "/-/ has stats and metrics.");
    } else if (method == HTTP_GET || method == HTTP_HEAD) {
        response->status = 200;
        response_field(response, "Content-Type", "%s", page->type);
        response_field(response, "Cache-Control", "no-store");
        response_field(response, "Content-Security-Policy", "%s", POLICY);
        page->write(exchange->server, &response->memory);
        if (response->memory.failed)
            response_error(response, 503, "Out of memory.");
    } else {
        if (method == HTTP_OPTIONS)
            response->status = 204;
        else
            response_error(response, 405, NULL);
        response_field(response, "Allow", "GET, HEAD, OPTIONS");
    }
    return ANSWER_READY;
}

static int status_open(struct mount *mount, const struct server *server)
{
    (void)server;
    mount->prefix = "/-/";
    return 0;
}

const struct handler status_handler = {
    .name = "internals",
    .open = status_open,
    .begin = status_begin,
};
