/* query.h - one statement that reads, in the target of a request. /db/ means
 * the prefix of the mount. */
#ifndef FIVEFOLD_SQL_QUERY_H
#define FIVEFOLD_SQL_QUERY_H

#include "core/exchange.h"

/* GET /db/NAME/query?sql=...: runs one statement that reads (query.c), and
 * answers with its rows or an error. May block. With exchange->at_once it does
 * not block: it answers only if the statement is short, and otherwise returns
 * ANSWER_WOULD_BLOCK. */
enum answer_next sql_query_answer(struct exchange *exchange, struct text name);

#endif
