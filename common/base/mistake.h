/* mistake.h - one line that says where somebody went wrong, what is wrong, and
 * what to do.
 *
 * Whoever reads settings, rules or users writes at most one; whoever asked for
 * the reading decides where it goes: stderr at the start, the error log after
 * SIGHUP. */
#ifndef FIVEFOLD_MISTAKE_H
#define FIVEFOLD_MISTAKE_H

#include <stdarg.h>
#include <stdbool.h>

struct mistake {
    char line[1024]; /* "" when nothing is wrong; without a line's end */
    bool may_pass;   /* nobody has to repair it: see mistake_may_pass */
};

/* Is it an error that time can mend? There was no descriptor or no memory left,
 * or the disk was full or did not answer. */
bool mistake_may_pass(int error);

/* Fills line with "WHERE: " and the formatted text, unless it has been filled
 * before: the first mistake is the one to repair. Bytes that would break the
 * line or move a terminal's cursor become '?'. Returns -1, always. */
int mistake_at(struct mistake *mistake, const char *where, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

/* The same for a call that has failed with that error, which decides may_pass.
 */
int mistake_error(struct mistake *mistake, int error, const char *where,
                  const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "WHERE: out of memory". Returns -1, always. */
int mistake_memory(struct mistake *mistake, const char *where);

#endif
