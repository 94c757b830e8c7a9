/* forwarded.h - whom a proxy speaks for.
 *
 * Anybody can send X-Forwarded-For; it is believed from the addresses of
 * server.trust_proxy alone. Then rules, logs and limits see the client. */
#ifndef FIVEFOLD_FORWARDED_H
#define FIVEFOLD_FORWARDED_H

#include "core/exchange.h"

/* The head is here. If it comes from a trusted proxy, exchange->by_proxy is
 * set; if that names a client, the client is exchange->peer from here on, and
 * exchange->forwarded is set. Returns 0, or
 * -1 if the proxy names nobody that can be read. */
int forwarded_apply(struct exchange *exchange);

/* Counts a forwarded request against its client's address, as a connection and
 * as a request, and limits it so: a proxy's connection carries the requests of
 * many. Sets exchange->address if it may go on. Returns 0, or for how many
 * seconds it may not. */
unsigned forwarded_enter(struct exchange *exchange);

/* Takes exchange->address if forwarded_enter gave it. */
void forwarded_leave(struct exchange *exchange);

#endif
