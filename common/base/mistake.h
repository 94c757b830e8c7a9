/* mistake.h - a message of one line about a user's mistake: where it is, what
 * is wrong, and what to do.
 *
 * The code that reads settings, rules or users fills in at most one. Its caller
 * decides where the line goes: to stderr at the start, to the error log after
 * SIGHUP. All strings are borrowed for the call. */
#ifndef FIVEFOLD_BASE_MISTAKE_H
#define FIVEFOLD_BASE_MISTAKE_H

#include <stdarg.h>
#include <stdbool.h>

struct mistake {
    char line[1024]; /* "" if nothing is wrong; has no line feed */
    bool may_pass;   /* it may go away without a repair: mistake_may_pass */
};

/* Returns true if an error (an errno value) may go away without a repair: no
 * descriptor or memory was left, or the disk was full or did not answer. */
bool mistake_may_pass(int error);

/* Fills line with "WHERE: " and the formatted text. Does nothing if line is
 * already filled, because the first mistake is the one to repair. Text that is
 * too long is cut. Control characters, which could break the line or move a
 * terminal's cursor, become '?'. Always returns -1. */
int mistake_at(struct mistake *mistake, const char *where, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

/* The same for a call that failed with errno `error`, which also sets may_pass.
 * Always returns -1. */
int mistake_error(struct mistake *mistake, int error, const char *where,
                  const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Fills line with "WHERE: out of memory". Always returns -1. */
int mistake_memory(struct mistake *mistake, const char *where);

#endif
