/* negotiate.h - which of several forms a client wants most: Accept,
 * Accept-Encoding (RFC 9110 section 12). */
#ifndef FIVEFOLD_NEGOTIATE_H
#define FIVEFOLD_NEGOTIATE_H

#include "http/request.h"

/* Takes the next element of a list ("gzip, br;q=0.5"): its name, and its weight
 * in thousandths (section 12.4.2): 1000 when it names none, 0 when what it
 * names cannot be read. Returns false at the list's end, where list->data is
 * NULL. */
bool negotiate_next(struct text *list, struct text *name, unsigned *weight);

/* The weight of that name in all fields of that name; -1 when it is not there.
 */
int negotiate_weight(const struct http_request *request, struct text field,
                     struct text name);

#endif
