/* mistake.c - see mistake.h. */
#include "mistake.h"

#include <stdio.h>

int mistake_at(struct mistake *mistake, const char *where, const char *format,
               ...)
{
    if (mistake->line[0] != '\0')
        return -1;
    int n = snprintf(mistake->line, sizeof mistake->line, "%s: ", where);
    if (n > 0 && (size_t)n < sizeof mistake->line) {
        va_list values;
        va_start(values, format);
        vsnprintf(mistake->line + n, sizeof mistake->line - (size_t)n, format,
                  values);
        va_end(values);
    }
    for (char *at = mistake->line; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    return -1;
}
