/* pages.c - databases for a person with curl or a browser: routes, and the
 * list of databases.
 *
 * exchange -> sql_pages_begin -> list | tables.c | query.c
 *   -> response.memory (JSON, HTML or CSV)
 *
 * Everything that comes from a database or from the client is escaped for the
 * format around it: a table may be called <script>. */
#include "sql/pages.h"

#include "access/access.h"
#include "base/escape.h"
#include "base/json.h"
#include "core/server.h"
#include "sql/create.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/file.h"
#include "sql/internal.h"
#include "sql/page.h"
#include "sql/query.h"
#include "sql/route.h"
#include "sql/tables.h"

/* ---- GET /db/ ---- */

struct list {
    struct exchange *exchange; /* of the client that asks */
    struct message_buffer *out;
    enum sql_format format;
    size_t count;
};

/* May the client that asks for the list also read this database? */
static bool is_shown(const struct exchange *exchange, const char *name)
{
    char path[PATH_MAX_BYTES + SQL_NAME_MAX + 2];
    int length =
        snprintf(path, sizeof path, "%s%s/", exchange->mount->prefix, name);
    return (size_t)length < sizeof path &&
           access_check_path(exchange->server->access, exchange,
                             (struct text){path, (size_t)length}) ==
               ACCESS_ALLOWED;
}

static bool list_one(void *context, const char *name, uint64_t bytes)
{
    struct list *list = context;
    struct message_buffer *out = list->out;
    if (!is_shown(list->exchange, name))
        return true;
    if (list->format == SQL_HTML) {
        buffer_append_text(out, TEXT("<tr><td><a href=\""));
        url_append_path(out, text_of(name));
        buffer_append_text(out, TEXT("/\">"));
        html_append_text(out, text_of(name));
        buffer_append_text(out, TEXT("</a><td class=\"number\">"));
        buffer_append_number(out, bytes);
        buffer_append_char(out, '\n');
    } else {
        json_append_open(out, '{');
        json_member_text(out, "name", text_of(name));
        json_member_number(out, "bytes", bytes);
        json_append_close(out, '}');
    }
    list->count++;
    return true;
}

static void answer_list(struct exchange *exchange)
{
    struct message_buffer *out = &exchange->response.memory;
    struct list list = {
        .exchange = exchange,
        .out = out,
        .format = sql_format_wanted(&exchange->request,
                                    1u << SQL_JSON | 1u << SQL_HTML),
    };
    sql_page_start(exchange, list.format);
    if (list.format == SQL_HTML) {
        sql_html_begin(out, TEXT("Databases"));
        buffer_append_text(out, TEXT("<table><tr><th>name<th>bytes\n"));
    } else {
        json_append_open(out, '{');
        json_append_key(out, "databases");
        json_append_open(out, '[');
    }
    if (sql_list(sql_of(exchange), list_one, &list) != 0) {
        struct sql_error error;
        sql_fail(&error, 500, "INTERNAL",
                 "The directory of the databases cannot be read");
        sql_page_error(exchange, &error);
        return;
    }
    if (list.format == SQL_HTML) {
        buffer_append_text(out, TEXT("</table>\n"));
        if (list.count == 0)
            buffer_append_text(out, TEXT("<p>None yet.\n"));
        sql_html_end(out);
    } else {
        buffer_append_text(out, TEXT("]}\n"));
    }
}

/* ---- routes ---- */

static void answer_not_found(struct exchange *exchange)
{
    struct sql_error error;
    sql_fail(&error, 404, "NOT_FOUND",
             "There is no such page; GET %s lists the databases",
             exchange->mount->prefix);
    sql_page_error(exchange, &error);
}

static void answer_not_allowed(struct exchange *exchange, const char *allow)
{
    struct sql_error error;
    sql_fail(&error, 405, "METHOD_NOT_ALLOWED",
             "This path does not allow %s; it allows %s",
             http_method_name(exchange->request.method), allow);
    sql_page_error(exchange, &error);
    response_field(&exchange->response, "Allow", "%s", allow);
}

/* The name may be that of a symbolic link, which is not used as a database. */
static int check_made(struct sql *sql, struct text name,
                      struct sql_error *error)
{
    return sql_exists(sql, name)
               ? 0
               : sql_fail(error, 404, "NOT_FOUND",
                          "there is no database of that name");
}

/* PUT /db/NAME/. If two requests come at the same time, neither knows which one
 * has made the database: both may be answered with 201. */
static void answer_create(struct exchange *exchange, struct text name)
{
    struct sql *sql = sql_of(exchange);
    struct sql_error error;
    if (!exchange->may_write) {
        sql_fail(&error, 403, "FORBIDDEN", "You may not create databases");
        sql_page_error(exchange, &error);
        return;
    }
    bool existed = sql_exists(sql, name);
    if (!existed && (sql_create_database(sql, name, &error) < 0 ||
                     check_made(sql, name, &error) < 0)) {
        sql_page_error(exchange, &error);
        return;
    }
    /* Opens the database, so that the first request need not do it. An error
     * here is ignored, as the database has been made. */
    if (!existed)
        sql_give(sql_take(sql, name, SQL_WRITE, &error));
    struct response *response = &exchange->response;
    response->status = existed ? 204 : 201;
    if (existed)
        return;
    struct message_buffer *fields = &response->fields;
    buffer_append_text(fields, TEXT("Location: "));
    url_append_path(fields, text_of(exchange->mount->prefix));
    buffer_append_text(fields, name);
    buffer_append_text(fields, TEXT("/\r\n"));
}

enum answer_next sql_pages_begin(struct exchange *exchange)
{
    enum http_method method = exchange->request.method;
    bool reads = method == HTTP_GET || method == HTTP_HEAD;
    struct sql_route route;
    if (sql_route_read(exchange, &route) != 0) {
        if (exchange->path_length < exchange->mount->prefix_length && reads)
            response_to_slash(
                &exchange->response, &exchange->request,
                (struct text){exchange->path, exchange->path_length});
        else
            answer_not_found(exchange);
    } else if (route.name.length == 0) {
        if (reads)
            answer_list(exchange);
        else
            answer_not_allowed(exchange, "GET, HEAD, OPTIONS");
    } else if (route.rest.data == NULL && reads) {
        response_to_slash(&exchange->response, &exchange->request,
                          (struct text){exchange->path, exchange->path_length});
    } else if (route.rest.length == 0) {
        if (reads)
            sql_tables_answer(exchange, route.name);
        else
            answer_create(exchange, route.name);
    } else if (text_equal(route.rest, TEXT("query"))) {
        if (reads) /* the only page that may be answered at once */
            return sql_query_answer(exchange, route.name);
        else
            answer_not_allowed(exchange, "GET, HEAD, OPTIONS");
    } else {
        answer_not_found(exchange);
    }
    return ANSWER_READY;
}
