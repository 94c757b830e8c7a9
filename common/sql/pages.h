/* pages.h - what a person with curl or a browser asks for. /db/ means the
 * prefix of the mount. */
#ifndef FIVEFOLD_SQL_PAGES_H
#define FIVEFOLD_SQL_PAGES_H

#include "core/exchange.h"

/* Answers every GET, HEAD and PUT that handler.c does not answer itself (the
 * protocol's paths such as GET /db/NAME/v2, backups), and any method of
 * /db/NAME/query but OPTIONS. Also answers when sql_route_read fails. The
 * answer is a page, a 404, or a 405 with Allow. A page that is streamed keeps
 * its state in response.source_state. handler.c adds the CORS fields
 * afterwards. With exchange->at_once it may return ANSWER_WOULD_BLOCK;
 * otherwise it returns ANSWER_READY. */
enum answer_next sql_pages_begin(struct exchange *exchange);

#endif
