/* date.h - HTTP dates (RFC 9110 section 5.6.7). */
#ifndef FIVEFOLD_DATE_H
#define FIVEFOLD_DATE_H

#include "base/text.h"

#include <time.h>

enum { HTTP_DATE_BYTES = 30 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL */

/* IMF-fixdate. */
void http_date_print(time_t time, char out[HTTP_DATE_BYTES]);

/* The current date; printed once a second per thread. Borrowed until the
 * calling thread's next call. */
const char *http_date_now(void);

/* Reads all three forms that the RFC obliges a recipient to accept. Returns
 * 0, or -1 with errno EINVAL. A two-digit year more than 50 years ahead is
 * taken for the past century. */
int http_date_parse(struct text text, time_t *time);

#endif
