/* negotiate.h - reads Accept and Accept-Encoding, which say which of several
 * forms of a resource the client prefers (RFC 9110 section 12). */
#ifndef FIVEFOLD_HTTP_NEGOTIATE_H
#define FIVEFOLD_HTTP_NEGOTIATE_H

#include "http/request.h"

/* Takes the next element of a list ("gzip, br;q=0.5") and moves *list after it.
 * Sets *name, a view of the list, and *weight in thousandths (section 12.4.2):
 * 1000 if the element has no weight, 0 if its weight cannot be read. Returns
 * false if there was no element left (list->data == NULL). */
bool negotiate_next(struct text *list, struct text *name, unsigned *weight);

/* Looks for the element `name` in all header fields called `field`. Returns the
 * weight of the first one (0 to 1000), or -1 if there is none. */
int negotiate_weight(const struct http_request *request, struct text field,
                     struct text name);

#endif
