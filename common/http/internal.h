/* internal.h - what the files of the HTTP parser share; for http/ only. */
#ifndef FIVEFOLD_HTTP_INTERNAL_H
#define FIVEFOLD_HTTP_INTERNAL_H

#include "http/request.h"

/* The longest body in bytes: the largest off_t. The sum of two such lengths
 * still fits in a uint64_t. */
#define HTTP_LENGTH_MAX ((uint64_t)INT64_MAX)

/* Turns text, a view of bytes in the head, into offsets. */
static inline struct http_span http_span_of(const struct http_request *request,
                                            struct text text)
{
    return (struct http_span){(uint32_t)(text.data - request->base),
                              (uint32_t)text.length};
}

/* Returns true if host is well-formed: uri-host [ ":" port ], RFC 9110 section
 * 7.2. An empty host is well-formed. */
bool http_is_host(struct text host);

/* Reads the target of a request line; fills path, query and asterisk, and host
 * if target names one. target must be a view of the head, not empty and of
 * visible ASCII only. request->method must be set. Returns 0, or the status
 * 400. */
unsigned http_parse_target(struct http_request *request, struct text target);

/* A byte that a method, a field's name or a coding may have: tchar (RFC 9110
 * section 5.6.2). */
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

/* A byte that a field's value may have: no control character except HTAB.
 * Bytes from 0x80 on are allowed (obs-text) and have no meaning here. */
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
