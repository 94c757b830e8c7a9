/* answer.h - from a parsed head to whoever answers it. */
#ifndef FIVEFOLD_ANSWER_H
#define FIVEFOLD_ANSWER_H

#include "core/exchange.h"

/* The head is complete: decodes the path and finds the handler, once; later
 * calls change nothing. Returns true if the request has its answer by that (a
 * path that is none, an address that asks too often). Never blocks. */
bool answer_route(struct exchange *exchange);

/* answer_route, then signs the user in, checks the rules, and calls begin. May
 * block. */
enum answer_next answer_begin(struct exchange *exchange);

/* The body is complete. May block. */
void answer_finish(struct exchange *exchange);

/* Fills the response with an error in the words of exchange->handler, or in
 * plain text when there is none yet. detail may be NULL. */
void answer_error(struct exchange *exchange, unsigned status,
                  const char *detail);

#endif
