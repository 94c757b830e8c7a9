/* page.c - what all pages for people share: their format, head, foot and
 * errors. */
#include "sql/page.h"

#include "base/escape.h"
#include "core/exchange.h"
#include "http/negotiate.h"
#include "sql/error.h"

/* ---- what the client wants to read ---- */

struct media {
    struct text type, all_of_type; /* "text/csv", "text/" + "*" */
    const char *content_type;      /* as sent */
};

static const struct media media[SQL_FORMAT_COUNT] = {
    [SQL_JSON] = {{"application/json", 16},
                  {"application/*", 13},
                  "application/json"},
    [SQL_HTML] = {{"text/html", 9}, {"text/*", 6}, "text/html; charset=utf-8"},
    [SQL_CSV] = {{"text/csv", 8},
                 {"text/*", 6},
                 "text/csv; charset=utf-8; header=present"},
};

/* How closely a media range names the format: 0 not at all, 3 exactly. */
static unsigned range_matches(struct text range, const struct media *wanted)
{
    if (text_equal_nocase(range, wanted->type))
        return 3;
    if (text_equal_nocase(range, wanted->all_of_type))
        return 2;
    return text_equal(range, TEXT("*/*")) ? 1 : 0;
}

/* The range that matches most closely decides, wherever it is in the field. */
static void weigh(struct text range, unsigned weight, unsigned closest[],
                  unsigned weights[])
{
    for (int format = 0; format < SQL_FORMAT_COUNT; format++) {
        unsigned match = range_matches(range, &media[format]);
        if (match > closest[format]) {
            closest[format] = match;
            weights[format] = weight;
        }
    }
}

enum sql_format sql_format_wanted(const struct http_request *request,
                                  unsigned offered)
{
    unsigned closest[SQL_FORMAT_COUNT] = {0};
    unsigned weights[SQL_FORMAT_COUNT] = {0};
    size_t at = 0;
    struct text value, range;
    unsigned weight;
    while ((value = http_field_next(request, TEXT("Accept"), &at)).data) {
        if (text_equal(value, TEXT("*/*"))) /* curl's default */
            continue;
        while (negotiate_next(&value, &range, &weight))
            weigh(range, weight, closest, weights);
    }
    enum sql_format best = SQL_JSON;
    for (int format = 0; format < SQL_FORMAT_COUNT; format++)
        if ((offered >> format & 1) && weights[format] > weights[best])
            best = (enum sql_format)format;
    return best;
}

/* ---- what all pages share ---- */

void sql_page_start(struct exchange *exchange, enum sql_format format)
{
    struct response *response = &exchange->response;
    struct message_buffer *fields = &response->fields;
    response->status = 200;
    buffer_append_text(fields, TEXT("Content-Type: "));
    buffer_append_text(fields, text_of(media[format].content_type));
    buffer_append_text(fields, TEXT("\r\n"
                                    "Cache-Control: no-store\r\n"
                                    "Vary: Accept\r\n"));
    /* If an escape is ever forgotten, a script that gets into the page still
     * cannot run: the pages have no script, so none is allowed. */
    if (format == SQL_HTML)
        buffer_append_text(fields,
                           TEXT("Content-Security-Policy: default-src 'none'; "
                                "style-src 'unsafe-inline'; "
                                "form-action 'self'; base-uri 'none'; "
                                "frame-src 'self'; "
                                "frame-ancestors 'self'\r\n"));
}

/* The Hrana protocol reports most errors of SQL inside a 200. Here the status
 * says whose fault it is, and whether to try again. */
static void set_status(struct sql_error *error)
{
    static const struct {
        const char *code;
        unsigned status;
    } statuses[] = {
        {"SQLITE_BUSY", 503},        {"SQLITE_LOCKED", 503},
        {"SQLITE_NOMEM", 503},       {"SQLITE_INTERRUPT", 503},
        {"SQLITE_AUTH", 403},        {"SQLITE_READONLY", 403},
        {"RESPONSE_TOO_LARGE", 422}, {"SQLITE_IOERR", 500},
        {"SQLITE_CORRUPT", 500},     {"SQLITE_NOTADB", 500},
        {"SQLITE_CANTOPEN", 500},    {"SQLITE_FULL", 507},
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (strcmp(error->code, statuses[i].code) == 0)
            error->status = statuses[i].status;
    if (error->status < 400)
        error->status = 400;
}

void sql_page_error(struct exchange *exchange, struct sql_error *error)
{
    set_status(error);
    sql_answer_error(exchange, error);
    response_field(&exchange->response, "Cache-Control", "no-store");
}

void sql_html_begin(struct message_buffer *out, struct text title)
{
    buffer_append_text(out,
                       TEXT("<!DOCTYPE html>\n<html lang=\"en\">\n"
                            "<meta charset=\"utf-8\">\n"
                            "<meta name=\"viewport\" "
                            "content=\"width=device-width, initial-scale=1\">\n"
                            "<title>"));
    html_append_text(out, title);
    buffer_append_text(
        out, TEXT("</title>\n<style>\n"
                  "body { font: 15px/1.5 sans-serif; margin: 2em auto; "
                  "max-width: 60em; padding: 0 1em; color: #222; }\n"
                  "table { border-collapse: collapse; margin: 1em 0; }\n"
                  "th, td { border: 1px solid #ccc; padding: .2em .6em; "
                  "text-align: left; vertical-align: top; }\n"
                  "th { background: #f0f4f8; }\n"
                  "iframe { width: 100%; height: 30em; "
                  "border: 1px solid #ccc; }\n"
                  "td.number { text-align: right; }\n"
                  "td.null, small { color: #777; }\n"
                  "textarea { width: 100%; height: 7em; "
                  "font: 14px monospace; box-sizing: border-box; }\n"
                  "</style>\n<h1>"));
    html_append_text(out, title);
    buffer_append_text(out, TEXT("</h1>\n"));
}

void sql_html_end(struct message_buffer *out)
{
    buffer_append_text(out, TEXT("</html>\n"));
}
