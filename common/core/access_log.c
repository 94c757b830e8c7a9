/* access_log.c - see access_log.h.
 *
 * Text that a client sent must not end the line or a quoted field. So all but
 * printable ASCII becomes \xHH, and so do '"' and '\'. */
#include "core/access_log.h"

#include "report/log.h"

#include <arpa/inet.h>

static void append_safe(struct message_buffer *out, struct text text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t plain = 0; /* the first byte that is not written yet */
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
            continue;
        char escaped[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
        buffer_append(out, text.data + plain, i - plain);
        buffer_append(out, escaped, sizeof escaped);
        plain = i + 1;
    }
    if (plain < text.length)
        buffer_append(out, text.data + plain, text.length - plain);
}

/* Appends text from the request in quotes; "-" if it was not sent. */
static void append_quoted(struct message_buffer *out, struct text text)
{
    buffer_append_text(out, TEXT(" \""));
    if (text.length == 0)
        text = TEXT("-");
    append_safe(out, text);
    buffer_append_char(out, '"');
}

/* A blank in the name would shift the fields after it, so it is escaped. */
static void append_user(struct message_buffer *out, const char *user)
{
    if (*user == '\0')
        buffer_append_char(out, '-');
    for (; *user != '\0'; user++)
        if (*user == ' ')
            buffer_append_text(out, TEXT("\\x20"));
        else
            append_safe(out, (struct text){user, 1});
}

void access_log_write(struct log *log, const struct exchange *exchange,
                      uint64_t body_bytes)
{
    const struct http_request *request = &exchange->request;
    struct message_buffer *out = log_line_begin(log);
    if (out == NULL)
        return;
    char address[INET6_ADDRSTRLEN];
    bool parsed = request->base != NULL;
    peer_print(&exchange->peer, address);
    buffer_append_text(out, text_of(address));
    buffer_append_text(out, TEXT(" - "));
    append_user(out, exchange->user);
    buffer_append_char(out, ' ');
    buffer_append_text(out, log_line_date(log));
    append_quoted(out, parsed ? http_text(request, request->line) : TEXT(""));
    buffer_append_char(out, ' ');
    buffer_append_number(out, exchange->response.status);
    buffer_append_char(out, ' ');
    buffer_append_number(out, body_bytes);
    append_quoted(out,
                  parsed ? http_field(request, TEXT("Referer")) : TEXT(""));
    append_quoted(out,
                  parsed ? http_field(request, TEXT("User-Agent")) : TEXT(""));
    buffer_append_char(out, '\n');
    log_line_end(log);
}
