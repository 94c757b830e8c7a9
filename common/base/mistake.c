/* mistake.c - see mistake.h. */
#include "base/mistake.h"

#include <errno.h>
#include <stdio.h>

bool mistake_may_pass(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
    case ENOSPC:
    case EDQUOT:
        return true;
    default:
        return false;
    }
}

static void write_line(struct mistake *mistake, const char *where,
                       const char *format, va_list values)
{
    int n = snprintf(mistake->line, sizeof mistake->line, "%s: ", where);
    if (n > 0 && (size_t)n < sizeof mistake->line)
        vsnprintf(mistake->line + n, sizeof mistake->line - (size_t)n, format,
                  values);
    for (char *at = mistake->line; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

int mistake_at(struct mistake *mistake, const char *where, const char *format,
               ...)
{
    va_list values;
    if (mistake->line[0] != '\0')
        return -1;
    va_start(values, format);
    write_line(mistake, where, format, values);
    va_end(values);
    return -1;
}

int mistake_error(struct mistake *mistake, int error, const char *where,
                  const char *format, ...)
{
    va_list values;
    if (mistake->line[0] != '\0')
        return -1;
    va_start(values, format);
    write_line(mistake, where, format, values);
    va_end(values);
    mistake->may_pass = mistake_may_pass(error);
    return -1;
}

int mistake_memory(struct mistake *mistake, const char *where)
{
    return mistake_error(mistake, ENOMEM, where, "out of memory");
}
