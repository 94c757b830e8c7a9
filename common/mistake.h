/* mistake.h - one line that says where somebody went wrong, what is wrong, and
 * what to do.
 *
 * Whoever reads settings, rules or users writes at most one; whoever asked for
 * the reading decides where it goes: stderr at the start, the error log after
 * SIGHUP. */
#ifndef FIVEFOLD_MISTAKE_H
#define FIVEFOLD_MISTAKE_H

#include <stdarg.h>

struct mistake {
    char line[1024]; /* "" when nothing is wrong; without a line's end */
};

/* Fills line with "WHERE: " and the formatted text, unless it has been filled
 * before: the first mistake is the one to repair. Bytes that would break the
 * line or move a terminal's cursor become '?'. Returns -1, always. */
int mistake_at(struct mistake *mistake, const char *where, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

#endif
