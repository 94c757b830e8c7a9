/* date.h - HTTP dates (RFC 9110 section 5.6.7). */
#ifndef FIVEFOLD_HTTP_DATE_H
#define FIVEFOLD_HTTP_DATE_H

#include "base/text.h"

#include <time.h>

enum { HTTP_DATE_BYTES = 30 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL */

/* Writes time (seconds since 1970) as an IMF-fixdate with NUL. A time before
 * year 0 or after year 9999 is written as the first or last second of those
 * years. */
void http_date_print(time_t time, char out[HTTP_DATE_BYTES]);

/* Returns the current date. Each thread formats it at most once a second, in
 * memory of its own. Borrowed until the same thread calls again. */
const char *http_date_now(void);

/* Reads a date in any of the three forms that the RFC requires a recipient to
 * accept. A two-digit year that would be more than 50 years ahead is taken as
 * one of the past century. Returns 0, or -1 with errno EINVAL and *time
 * unchanged. */
int http_date_parse(struct text text, time_t *time);

#endif
