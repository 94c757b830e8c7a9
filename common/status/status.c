/* status.c - see status.h.
 *
 * path -> which of the three pages -> its writer -> response.memory */
#include "status/status.h"

#include "access/addresses.h"
#include "base/clock.h"
#include "sql/sql.h"
#include "process/stage.h"
#include "report/stats.h"
#include "base/version.h"

static const char live_page[] =
#include "status/page.h"
    ;

static double uptime_seconds(const struct server *server)
{
    return (double)(clock_ns() - server->started_ns) / 1e9;
}

/* Without limits nobody keeps a count. */
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
    unsigned long long bytes, max, refused;
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
    buffer_printf(out,
                  ",\"memory\":{\"bytes\":%llu,\"limit\":%llu,"
                  "\"refused\":%llu}",
                  figures.bytes, figures.max, figures.refused);
}

static void write_budget_metrics(const struct server *server,
                                 struct message_buffer *out)
{
    struct budget_figures figures = budget_figures(server);
    buffer_printf(out,
                  "# HELP fivefold_memory_bytes Held by the large buffers of "
                  "connections.\n"
                  "# TYPE fivefold_memory_bytes gauge\n"
                  "fivefold_memory_bytes %llu\n"
                  "# HELP fivefold_memory_limit_bytes The most that may be "
                  "held; 0: no limit.\n"
                  "# TYPE fivefold_memory_limit_bytes gauge\n"
                  "fivefold_memory_limit_bytes %llu\n"
                  "# HELP fivefold_memory_refused_total Buffers that found no "
                  "room.\n"
                  "# TYPE fivefold_memory_refused_total counter\n"
                  "fivefold_memory_refused_total %llu\n",
                  figures.bytes, figures.max, figures.refused);
}

static void write_stats(const struct server *server, struct message_buffer *out)
{
    buffer_printf(out,
                  "{\"stage\":{\"number\":%d,\"name\":\"%s\"},"
                  "\"version\":\"" FIVEFOLD_VERSION "\","
                  "\"uptime_seconds\":%.3f,",
                  server->stage->number, server->stage->name,
                  uptime_seconds(server));
    stats_json(out);
    write_budget(server, out);
    buffer_append_text(out, TEXT(",\"addresses\":"));
    buffer_append_number(out, addresses_known(server));
    struct sql_memory_figures memory = sql_memory_figures();
    buffer_printf(out,
                  ",\"sqlite_memory\":{\"used\":%llu,\"limit\":%llu,"
                  "\"refused\":%llu}",
                  (unsigned long long)memory.used,
                  (unsigned long long)memory.limit,
                  (unsigned long long)memory.refused);
    buffer_append_text(out, TEXT(",\"databases\":"));
    sql_stats_json(server, out);
    buffer_append_text(out, TEXT("}\n"));
}

static void write_metrics(const struct server *server,
                          struct message_buffer *out)
{
    buffer_printf(out,
                  "# HELP fivefold_info Which server this is.\n"
                  "# TYPE fivefold_info gauge\n"
                  "fivefold_info{version=\"" FIVEFOLD_VERSION
                  "\",stage=\"%d\",name=\"%s\"} 1\n"
                  "# HELP fivefold_uptime_seconds Time since the start.\n"
                  "# TYPE fivefold_uptime_seconds gauge\n"
                  "fivefold_uptime_seconds %.3f\n",
                  server->stage->number, server->stage->name,
                  uptime_seconds(server));
    stats_metrics(out);
    write_budget_metrics(server, out);
    buffer_printf(out,
                  "# HELP fivefold_addresses Addresses that limits know of.\n"
                  "# TYPE fivefold_addresses gauge\n"
                  "fivefold_addresses %llu\n",
                  (unsigned long long)addresses_known(server));
    struct sql_memory_figures memory = sql_memory_figures();
    buffer_printf(out,
                  "# HELP fivefold_sqlite_memory_bytes What SQLite has "
                  "allocated.\n"
                  "# TYPE fivefold_sqlite_memory_bytes gauge\n"
                  "fivefold_sqlite_memory_bytes %llu\n"
                  "# HELP fivefold_sqlite_memory_refused_total Allocations "
                  "beyond a limit.\n"
                  "# TYPE fivefold_sqlite_memory_refused_total counter\n"
                  "fivefold_sqlite_memory_refused_total %llu\n",
                  (unsigned long long)memory.used,
                  (unsigned long long)memory.refused);
    sql_stats_metrics(server, out);
}

/* The page's own style and script, the figures, and nothing from elsewhere. */
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

static enum answer_next internals_begin(struct exchange *exchange)
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

const struct handler internals_handler = {
    .name = "internals",
    .begin = internals_begin,
};
