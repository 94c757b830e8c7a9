/* internal.h - what the files of the HTTP parser share, and nobody else. */
#ifndef FIVEFOLD_HTTP_INNER_H
#define FIVEFOLD_HTTP_INNER_H

#include "http/request.h"

/* The longest body: what off_t can hold. No sum of lengths up to here can
 * overflow a uint64_t. */
#define HTTP_LENGTH_MAX ((uint64_t)INT64_MAX)

/* Where text, a view of the head, stands in the head. */
static inline struct http_span http_span_of(const struct http_request *request,
                                            struct text text)
{
    return (struct http_span){(uint32_t)(text.data - request->base),
                              (uint32_t)text.length};
}

/* uri-host [ ":" port ], RFC 9110 section 7.2. Empty is well-formed. */
bool http_is_host(struct text host);

/* Fills path, query and asterisk. target is not empty, visible ASCII, and the
 * method is known. Returns 0, or 400. */
unsigned http_parse_target(struct http_request *request, struct text target);

/* A byte of a method, a field's name, a coding: tchar. */
static inline bool http_is_token_byte(char c)
{
    static const bool token[256] = {
        ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,
        ['+'] = true,         ['-'] = true,          ['.'] = true,
        ['0' ... '9'] = true, ['A' ... 'Z'] = true,  ['^' ... 'z'] = true,
        ['|'] = true,         ['~'] = true,
    };
    return token[(unsigned char)c];
}

/* A byte of a field's value: no control but HTAB. Bytes from 0x80 on are
 * opaque and allowed (obs-text). */
static inline bool http_is_value_byte(char c)
{
    return ((unsigned char)c >= 0x20 && c != 0x7F) || c == '\t';
}

static inline bool http_is_token(struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!http_is_token_byte(text.data[i]))
            return false;
    return text.length > 0;
}

static inline bool http_is_value(struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!http_is_value_byte(text.data[i]))
            return false;
    return true;
}

#endif
