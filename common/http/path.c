/* path.c - see path.h.
 *
 * target -> one pass: decode, merge "//" and "/./", refuse ".." -> path
 *
 * This refuses paths that no honest client sends. It is not the only defence:
 * when a file is opened, the kernel makes sure that it is inside the root
 * (files/beneath.h). */
#include "http/path.h"

#include <errno.h>

/* Decodes one character of raw at *at and moves *at after it. Returns the
 * character (1 to 255), or -1 if it is not allowed in a path. An encoded slash
 * is refused, because it would become a separator that rules and logs have not
 * seen. */
static int next_decoded(struct text raw, size_t *at)
{
    char c = raw.data[(*at)++];
    if (c == '\0')
        return -1;
    if (c != '%')
        return (unsigned char)c;
    if (raw.length - *at < 2)
        return -1;
    int high = text_hex_value(raw.data[*at]);
    int low = text_hex_value(raw.data[*at + 1]);
    *at += 2;
    int value = high * 16 + low;
    return high < 0 || low < 0 || value == 0 || value == '/' ? -1 : value;
}

/* Ends the segment that starts after the slash at out[start - 1]. Drops the
 * segment if it is "."; refuses "..". Returns the new length, or -1. The bytes
 * are decoded, so "%2e%2E" is ".." here. */
static ssize_t end_segment(const char *out, size_t start, size_t length)
{
    size_t bytes = length - start;
    if (bytes == 1 && out[start] == '.')
        return (ssize_t)start;
    if (bytes == 2 && out[start] == '.' && out[start + 1] == '.')
        return -1;
    return (ssize_t)length;
}

ssize_t path_from_target(struct text raw, char *out, size_t size)
{
    size_t length = 0, start = 0; /* start: of the segment, after its slash */
    if (size < 2) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (raw.length > 0 && raw.data[0] != '/')
        goto invalid;
    out[length++] = '/';
    start = 1;
    for (size_t at = 1; at < raw.length;) {
        bool slash = raw.data[at] == '/';
        int c = next_decoded(raw, &at);
        if (c < 0)
            goto invalid;
        if (slash) {
            ssize_t kept = end_segment(out, start, length);
            if (kept < 0)
                goto invalid;
            length = (size_t)kept;
            if (out[length - 1] == '/') /* "//", or a "." that was dropped */
                continue;
        }
        if (length + 1 >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        out[length++] = (char)c;
        if (slash)
            start = length;
    }
    ssize_t kept = end_segment(out, start, length);
    if (kept < 0)
        goto invalid;
    out[kept] = '\0';
    return kept;
invalid:
    errno = EINVAL;
    return -1;
}

bool path_is_hidden(const char *path)
{
    const struct text open = TEXT("/.well-known/");
    if (strncmp(path, open.data, open.length) == 0)
        path += open.length - 1;
    return strstr(path, "/.") != NULL;
}

bool path_is_alias(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0;
}

size_t path_resolve_alias(char *path, size_t length)
{
    if (strncmp(path, "/dev", 4) != 0 || (path[4] != '/' && path[4] != '\0'))
        return length;
    memcpy(path, "/db", 3);
    memmove(path + 3, path + 4, length - 4 + 1); /* + 1: the NUL */
    return length - 1;
}
