/* handler.c - which request goes where beneath /db/.
 *
 * exchange -> route -> protocol: a checked POST waits for its body, then
 *                      pipeline, cursor or v1
 *                   -> backup (backup.c)
 *                   -> everything else: a page (pages.c)
 *
 * An exchange is one request and its answer (core/exchange.h). A mount is a
 * path prefix with the handler that serves it (core/mount.h); "/db/" stands for
 * it here. Every answer passes through this file last: add_cors adds the fields
 * that let a script in a browser read it (CORS). */
#include "access/browser.h"
#include "core/server.h"
#include "sql/backup.h"
#include "sql/error.h"
#include "sql/file.h"
#include "sql/internal.h"
#include "sql/pages.h"
#include "sql/request.h"
#include "sql/route.h"
#include "sql/sql.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    SQL_SHORT_BODY_BYTES = 4000,
    CORS_FIELDS_BYTES = 1000, /* names of fields that a page may ask for */
};

/* ---- routes ---- */

static const struct protocol_route {
    struct text rest;
    unsigned version;
    enum sql_call call;
} protocol_routes[] = {
    {{"v2/pipeline", 11}, 2, SQL_PIPELINE},
    {{"v3/pipeline", 11}, 3, SQL_PIPELINE},
    {{"v3/cursor", 9}, 3, SQL_CURSOR},
    {{"v1/execute", 10}, 1, SQL_V1_EXECUTE},
    {{"v1/batch", 8}, 1, SQL_V1_BATCH},
};

static const struct protocol_route *protocol_find(struct text rest)
{
    size_t count = sizeof protocol_routes / sizeof protocol_routes[0];
    for (size_t i = 0; rest.data != NULL && i < count; i++)
        if (text_equal(rest, protocol_routes[i].rest))
            return &protocol_routes[i];
    return NULL;
}

/* ---- answers without a body ---- */

static enum answer_next answer_method(struct exchange *exchange,
                                      const char *allow)
{
    response_error_json(&exchange->response, 405, "METHOD_NOT_ALLOWED",
                        "method not allowed here");
    response_field(&exchange->response, "Allow", "%s", allow);
    return ANSWER_READY;
}

static enum answer_next answer_not_found(struct exchange *exchange,
                                         const char *message)
{
    response_error_json(&exchange->response, 404, "NOT_FOUND", message);
    return ANSWER_READY;
}

static enum answer_next answer_version(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    if (exchange->request.method != HTTP_GET &&
        exchange->request.method != HTTP_HEAD)
        return answer_method(exchange, "GET, HEAD, OPTIONS");
    response->status = 200;
    response_field(response, "Content-Type", "text/plain");
    buffer_append_text(&response->memory, TEXT("version supported\n"));
    return ANSWER_READY;
}

static enum answer_next answer_options(struct exchange *exchange,
                                       const char *allow)
{
    struct response *response = &exchange->response;
    response->status = 204;
    response_field(response, "Allow", "%s", allow);
    if (exchange->mount->cors == NULL)
        return ANSWER_READY;
    response_field(response, "Access-Control-Allow-Methods", "%s", allow);
    /* Allows whatever fields were asked for, as client libraries add their own.
     * "*" is not enough: it does not include Authorization (Fetch standard,
     * CORS-preflight fetch). */
    struct text asked =
        http_field(&exchange->request, TEXT("Access-Control-Request-Headers"));
    bool echo = asked.length > 0 && asked.length <= CORS_FIELDS_BYTES;
    response_field(response, "Access-Control-Allow-Headers", "%.*s",
                   echo ? (int)asked.length : INT_MAX,
                   echo ? asked.data : "authorization, content-type");
    response_field(response, "Access-Control-Max-Age", "86400");
    return ANSWER_READY;
}

static void add_cors(struct exchange *exchange)
{
    const char *origin = exchange->mount->cors;
    if (origin == NULL)
        return;
    response_field(&exchange->response, "Access-Control-Allow-Origin", "%s",
                   origin);
    if (strcmp(origin, "*") != 0)
        response_field(&exchange->response, "Vary", "Origin");
}

/* ---- the handler ---- */

/* Keeps out requests that a page of another origin sends. Such a page can send
 * text/plain, a form, or no type at all, without a preflight; it cannot send
 * JSON. So a browser must send the type of JSON. Programs need not: the client
 * libraries for Go and Rust send no type, and those of knex text/plain. */
static bool is_json(const struct http_request *request)
{
    if (http_is_json(request))
        return true;
    bool other = http_field(request, TEXT("Content-Type")).data != NULL &&
                 !http_has_type(request, TEXT("text/plain"));
    return !other && !browser_sent(request);
}

static enum answer_next answer_type(struct exchange *exchange)
{
    response_error_json(&exchange->response, 415, "UNSUPPORTED_MEDIA_TYPE",
                        "send it with Content-Type: application/json");
    response_field(&exchange->response, "Accept", "application/json");
    return ANSWER_READY;
}

/* Refuses a body with Content-Encoding instead of decoding it: a few KB could
 * become any length. */
static enum answer_next answer_coding(struct exchange *exchange)
{
    response_error_json(&exchange->response, 415, "UNSUPPORTED_MEDIA_TYPE",
                        "send it without Content-Encoding");
    response_field(&exchange->response, "Accept-Encoding", "identity");
    return ANSWER_READY;
}

static enum answer_next begin_protocol(struct exchange *exchange,
                                       const struct sql_route *route)
{
    struct sql *sql = sql_of(exchange);
    if (exchange->request.method == HTTP_OPTIONS)
        return answer_options(exchange, "POST, OPTIONS");
    if (exchange->request.method != HTTP_POST)
        return answer_method(exchange, "POST, OPTIONS");
    if (!is_json(&exchange->request))
        return answer_type(exchange);
    if (http_is_coded(&exchange->request))
        return answer_coding(exchange);
    /* Looks for the database before the client sends a long body in vain. A
     * short body is here already; then it is enough that sql_take looks. */
    bool worth_asking = exchange->request.expect_continue ||
                        exchange->request.content_length > SQL_SHORT_BODY_BYTES;
    if (worth_asking && !sql_exists(sql, route->name) &&
        !(sql->settings->sqlite_create && exchange->may_write))
        return answer_not_found(exchange, "there is no database of that name");
    exchange->body_max = sql->settings->body_bytes;
    return ANSWER_WANT_BODY;
}

static bool rest_is(const struct sql_route *route, struct text rest)
{
    return route->rest.data != NULL && text_equal(route->rest, rest);
}

static enum answer_next begin_routed(struct exchange *exchange)
{
    struct sql_route route;
    enum http_method method = exchange->request.method;
    if (sql_route_read(exchange, &route) < 0)
        return sql_pages_begin(exchange);
    if (protocol_find(route.rest) != NULL)
        return begin_protocol(exchange, &route);
    if (rest_is(&route, TEXT("backup"))) {
        if (method == HTTP_OPTIONS)
            return answer_options(exchange, "POST, OPTIONS");
        if (method != HTTP_POST)
            return answer_method(exchange, "POST, OPTIONS");
        sql_backup_begin(exchange, route.name);
        return ANSWER_READY;
    }
    bool version = rest_is(&route, TEXT("v2")) || rest_is(&route, TEXT("v3"));
    bool query = rest_is(&route, TEXT("query"));
    if (version && method != HTTP_OPTIONS)
        return answer_version(exchange);
    if (rest_is(&route, TEXT("v3-protobuf")))
        return answer_not_found(exchange,
                                "only the JSON encoding is supported");
    if (method == HTTP_OPTIONS)
        return answer_options(exchange, version || query
                                            ? "GET, HEAD, OPTIONS"
                                            : "GET, HEAD, PUT, POST, OPTIONS");
    if (method == HTTP_GET || method == HTTP_HEAD || method == HTTP_PUT ||
        query)
        return sql_pages_begin(exchange);
    if (method != HTTP_POST)
        return answer_method(exchange, "GET, HEAD, PUT, POST, OPTIONS");
    /* A client whose base URL is http://host/db/NAME, without a '/' at the end,
     * drops NAME and asks for /db/v2/pipeline. */
    if ((text_equal(route.name, TEXT("v2")) ||
         text_equal(route.name, TEXT("v3"))) &&
        rest_is(&route, TEXT("pipeline")))
        return answer_not_found(exchange, "the base URL must end in /");
    return answer_not_found(exchange, "no such path beneath a database");
}

/* True for "/db/NAME/query", the only path that may be answered at once. (Only
 * GET and HEAD have exchange->at_once.) */
static bool is_query(const struct exchange *exchange)
{
    struct sql_route route;
    return sql_route_read(exchange, &route) == 0 &&
           rest_is(&route, TEXT("query"));
}

static enum answer_next sql_begin(struct exchange *exchange)
{
    if (exchange->at_once &&
        (!sql_of(exchange)->at_once || !is_query(exchange)))
        return ANSWER_WOULD_BLOCK;
    enum answer_next next = begin_routed(exchange);
    if (next == ANSWER_READY && exchange->response.status != 0)
        add_cors(exchange);
    return next;
}

/* Called again and again until the status is set. Only a backup takes so long
 * that it needs this. */
static void sql_go_on(struct exchange *exchange)
{
    sql_backup_go_on(exchange);
    if (exchange->response.status != 0)
        add_cors(exchange);
}

struct sql_request *sql_request_open(struct exchange *exchange)
{
    struct sql_route route;
    const struct protocol_route *protocol = NULL;
    struct sql_error error = {0};
    if (sql_route_read(exchange, &route) == 0)
        protocol = protocol_find(route.rest);
    struct sql_request *made =
        protocol == NULL
            ? NULL
            : sql_request_read(exchange, protocol->call, protocol->version,
                               route.name, &error);
    if (made == NULL) {
        sql_answer_error(exchange, &error);
        add_cors(exchange);
    }
    return made;
}

void sql_request_answer(struct sql_request *request)
{
    sql_request_run(request);
    add_cors(request->exchange);
}

static void sql_finish(struct exchange *exchange)
{
    struct sql_request *request = sql_request_open(exchange);
    if (request == NULL)
        return;
    sql_request_answer(request);
    sql_request_close(request);
}

/* Clients of Hrana read the code of an error from JSON. */
static void sql_refuse(struct exchange *exchange, unsigned status,
                       const char *detail)
{
    const char *code = status == 401   ? "AUTH_FAILED"
                       : status == 403 ? "FORBIDDEN"
                       : status == 408 ? "TIMEOUT"
                       : status == 413 ? "TOO_LARGE"
                       : status == 421 ? "MISDIRECTED_REQUEST"
                       : status == 429 ? "TOO_MANY_REQUESTS"
                       : status < 500  ? "BAD_REQUEST"
                                       : "INTERNAL";
    response_error_json(&exchange->response, status, code,
                        detail != NULL ? detail : http_status_phrase(status));
    add_cors(exchange);
}

/* ---- a mount ---- */

static int sql_mount(struct mount *mount, const struct server *server)
{
    const struct settings *settings = mount->settings;
    const struct stage_facts *facts = server->stage;
    unsigned wait_ms =
        facts->one_thread ? 0 : (unsigned)settings->sqlite_busy_ms;
    const char *cors = settings->sqlite_cors;
    mount->prefix = settings->sqlite_prefix;
    mount->cors = cors == NULL || strcmp(cors, "none") == 0 ? NULL : cors;
    struct sql *sql = mount->object = sql_open(settings, wait_ms);
    if (sql == NULL) {
        fprintf(stderr, "%s: cannot serve databases from %s: %s\n",
                settings->program, settings->sqlite_directory, strerror(errno));
        return -1;
    }
    sql_use_log(sql, server->log);
    if (facts->database_mutex)
        sql_use_mutex(sql);
    return 0;
}

static void sql_unmount(void *object)
{
    sql_close(object);
}

static void sql_mount_tick(void *object, uint64_t now_ms)
{
    sql_tick(object, now_ms);
}

static void sql_mount_interrupt(void *object)
{
    sql_interrupt(object);
}

const struct handler sql_handler = {
    .name = "sqlite",
    .open = sql_mount,
    .close = sql_unmount,
    .tick = sql_mount_tick,
    .interrupt = sql_mount_interrupt,
    .begin = sql_begin,
    .finish = sql_finish,
    .go_on = sql_go_on,
    .error = sql_refuse,
    .release = sql_backup_release,
};
