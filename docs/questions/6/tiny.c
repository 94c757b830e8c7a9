/* tiny.c - question 6: see tiny.h. */
#include "tiny.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

char document[DOCUMENT_BYTES];

enum parse request_parse(struct message_buffer *in, struct request *request)
{
    struct text all = buffer_text(in), head = all;
    char *end = memmem(all.data, all.length, "\r\n\r\n", 4);
    if (end == NULL)
        return all.length > HEAD_MAX ? PARSE_BAD : PARSE_MORE;
    head.length = (size_t)(end - all.data);
    struct text line = text_split(&head, '\n');
    struct text method = text_split(&line, ' ');
    struct text target = text_split(&line, ' ');
    *request = (struct request){0};
    if (method.length == 0 || !text_starts_with(target, TEXT("/")))
        return PARSE_BAD;
    target.data++, target.length--;
    if (text_to_size(target, DOCUMENT_BYTES, &request->answer_len) < 0)
        return PARSE_BAD;
    while (head.length > 0) {
        struct text field = text_split(&head, '\n');
        struct text name = text_split(&field, ':');
        if (field.length > 0 && field.data[field.length - 1] == '\r')
            field.length--;
        if (text_equal_nocase(name, TEXT("Content-Length")) &&
            text_to_size(text_trim(field), UINT32_MAX, &request->body_len) < 0)
            return PARSE_BAD;
    }
    buffer_taken(in, (size_t)(end - all.data) + 4);
    return PARSE_DONE;
}

void answer_head(struct message_buffer *out, uint64_t answer_len)
{
    buffer_append_text(out, TEXT("HTTP/1.1 200 OK\r\nContent-Length: "));
    buffer_append_number(out, answer_len);
    buffer_append_text(out, TEXT("\r\n\r\n"));
}
