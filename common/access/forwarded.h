/* forwarded.h - the client for which a proxy has forwarded a request.
 *
 * A proxy names its client in X-Forwarded-For. Any client can send this field,
 * so it is believed only from the addresses in server.trust_proxy. Then rules,
 * logs and limits use the client's address, not the proxy's. */
#ifndef FIVEFOLD_ACCESS_FORWARDED_H
#define FIVEFOLD_ACCESS_FORWARDED_H

#include "core/exchange.h"

/* Call when the head is here. If a trusted proxy has sent it, sets
 * exchange->by_proxy. If the proxy names a client, also sets exchange->peer to
 * that client, and exchange->forwarded. Returns 0, or -1 if the proxy names a
 * client in a form that cannot be read. */
int forwarded_apply(struct exchange *exchange);

/* Counts a forwarded request against its client's address, as if it were a
 * connection: a proxy's connection carries the requests of many clients.
 * Returns 0 if the request may go on; then exchange->address is set, or NULL if
 * nothing was counted (no limits, or no memory). Otherwise returns after how
 * many seconds the client may try again. */
unsigned forwarded_enter(struct exchange *exchange);

/* Ends the count that forwarded_enter began, and sets exchange->address to
 * NULL. Does nothing if nothing was counted. */
void forwarded_leave(struct exchange *exchange);

#endif
