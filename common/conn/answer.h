/* answer.h - finds the handler for a parsed head and has it answer.
 *
 * answer_route -> handler known -> answer_begin -> [body] -> answer_finish */
#ifndef FIVEFOLD_CONN_ANSWER_H
#define FIVEFOLD_CONN_ANSWER_H

#include "core/exchange.h"

/* The head is complete. Decodes the path and finds the handler; further calls
 * change nothing. Returns true if this has already filled the response (an
 * invalid path, or an address with too many requests). Never blocks. */
bool answer_route(struct exchange *exchange);

/* Calls answer_route, signs the user in, checks the rules, and calls the
 * handler's begin. Returns what to do next: ANSWER_READY, ANSWER_WANT_BODY, or
 * with exchange->at_once also ANSWER_WOULD_BLOCK. May block. */
enum answer_next answer_begin(struct exchange *exchange);

/* The body is complete: calls the handler's finish, which fills the response or
 * leaves it to go_on. May block. */
void answer_finish(struct exchange *exchange);

/* Fills the response with an error, in the form that exchange->handler uses, or
 * as response_error does if no handler is known yet. detail is borrowed for the
 * call; NULL: the status's name is enough. */
void answer_error(struct exchange *exchange, unsigned status,
                  const char *detail);

#endif
