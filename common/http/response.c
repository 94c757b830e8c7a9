/* response.c - see response.h. A handler fills a response and conn sends it.
 * Code that finds an error in between resets it and fills it again. */
#include "http/response.h"

#include "base/escape.h"
#include "base/json.h"
#include "http/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void response_init(struct response *response)
{
    *response = (struct response){.file_fd = -1};
}

void response_release(struct response *response)
{
    if (response->source != NULL)
        response->source->close(response->source_state);
    if (response->file_fd >= 0)
        close(response->file_fd);
    free(response->segments);
    buffer_release(&response->fields);
    buffer_release(&response->memory);
    struct budget *budget = response->memory.budget;
    response_init(response);
    response->memory.budget = budget;
}

void response_reset(struct response *response, unsigned status)
{
    bool last = response->close;
    response_release(response);
    response->status = status;
    response->close = last;
}

void response_field(struct response *response, const char *name,
                    const char *format, ...)
{
    char value[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    struct message_buffer *fields = &response->fields;
    if (n < 0 || (size_t)n >= sizeof value) {
        /* A field that is cut off would have another meaning. */
        fields->failed = true;
        return;
    }
    buffer_append_text(fields, text_of(name));
    buffer_append(fields, ": ", 2);
    buffer_append(fields, value, (size_t)n);
    buffer_append(fields, "\r\n", 2);
}

int response_segment(struct response *response, struct segment segment)
{
    size_t count = response->segment_count;
    /* Double the array when it is full, at counts of 0, 1, 2, 4, 8... */
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        struct segment *grown =
            realloc(response->segments, room * sizeof *grown);
        if (grown == NULL)
            return -1;
        response->segments = grown;
    }
    response->segments[count] = segment;
    response->segment_count = count + 1;
    return 0;
}

uint64_t response_length(const struct response *response)
{
    if (response->segments == NULL)
        return buffer_length(&response->memory);
    uint64_t length = 0;
    for (size_t i = 0; i < response->segment_count; i++)
        length += response->segments[i].length;
    return length;
}

/* With 503, asks the client to try again after a second. */
static void retry_after(struct response *response)
{
    if (response->status == 503)
        response_field(response, "Retry-After", "1");
}

void response_error(struct response *response, unsigned status,
                    const char *detail)
{
    response_reset(response, status);
    response_field(response, "Content-Type", "text/plain; charset=utf-8");
    retry_after(response);
    buffer_printf(&response->memory, "%u %s\n", status,
                  http_status_phrase(status));
    if (detail != NULL)
        buffer_printf(&response->memory, "%s\n", detail);
}

void response_error_json(struct response *response, unsigned status,
                         const char *code, const char *message)
{
    response_reset(response, status);
    response_field(response, "Content-Type", "application/json");
    retry_after(response);
    struct message_buffer *out = &response->memory;
    json_append_open(out, '{');
    json_member_text(out, "message", text_of(message));
    json_member_text(out, "code", text_of(code));
    json_member_text(out, "error", text_of(message));
    json_append_close(out, '}');
}

void response_to_slash(struct response *response,
                       const struct http_request *request, struct text path)
{
    struct text query = http_text(request, request->query);
    response_error(response, 301, "The address ends in a slash.");
    /* This is safe in a field. The path starts with one slash only, so it does
     * not name another host. The query is not decoded, and the parser has
     * refused control characters. */
    buffer_append_text(&response->fields, TEXT("Location: "));
    url_append_path(&response->fields, path);
    buffer_append_char(&response->fields, '/');
    if (query.length > 0) {
        buffer_append_char(&response->fields, '?');
        buffer_append_text(&response->fields, query);
    }
    buffer_append_text(&response->fields, TEXT("\r\n"));
}
