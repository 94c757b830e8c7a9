/* request.c - looks up methods, statuses and the fields of a request.
 *
 * The parser fills struct http_request; handlers read it with these functions.
 * Nothing here changes a request. Thread-safe. */
#include "http/request.h"

#include <assert.h>

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
    [HTTP_PATCH] = "PATCH",   [HTTP_TRACE] = "TRACE",
};

const char *http_method_name(enum http_method method)
{
    assert(method < HTTP_METHOD_COUNT);
    return method_names[method];
}

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_status_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

struct text http_text(const struct http_request *request, struct http_span span)
{
    return (struct text){request->base + span.offset, span.length};
}

struct text http_field_next(const struct http_request *request,
                            struct text name, size_t *at)
{
    while (*at < request->field_count) {
        const struct http_field *field = &request->fields[(*at)++];
        if (text_equal_nocase(http_text(request, field->name), name))
            return http_text(request, field->value);
    }
    return (struct text){NULL, 0};
}

struct text http_field(const struct http_request *request, struct text name)
{
    size_t at = 0;
    return http_field_next(request, name, &at);
}

bool http_is_coded(const struct http_request *request)
{
    size_t at = 0;
    struct text coding;
    while ((coding = http_field_next(request, TEXT("Content-Encoding"), &at))
               .data != NULL)
        if (coding.length > 0 && !text_equal_nocase(coding, TEXT("identity")))
            return true;
    return false;
}

bool http_field_repeats(const struct http_request *request, struct text name)
{
    size_t at = 0;
    return http_field_next(request, name, &at).data != NULL &&
           http_field_next(request, name, &at).data != NULL;
}

bool http_has_type(const struct http_request *request, struct text type)
{
    struct text value = http_field(request, TEXT("Content-Type"));
    return value.data != NULL &&
           text_equal_nocase(text_trim(text_split(&value, ';')), type);
}

bool http_is_json(const struct http_request *request)
{
    return http_has_type(request, TEXT("application/json"));
}
