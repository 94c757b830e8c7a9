/* forwarded.c - see forwarded.h.
 *
 * X-Forwarded-For: client, proxy, proxy -> the last that is not a trusted
 * proxy */
#include "access/forwarded.h"

#include "access/addresses.h"
#include "base/clock.h"
#include "core/server.h"

/* Each proxy appends the address from which it got the request. So the client
 * is the last address that is not a trusted proxy; what comes before it
 * may have been written by that client, so it proves nothing. All fields of
 * that name are one list, so they are read from the first to the last (RFC 9110
 * section 5.3). */
int forwarded_apply(struct exchange *exchange)
{
    const struct networks *proxies = &exchange->server->proxies;
    struct peer client = exchange->peer;
    bool any = false, readable = true;
    size_t at = 0;
    if (proxies->count == 0 || !networks_hold(proxies, &exchange->peer))
        return 0;
    exchange->by_proxy = true;
    for (;;) {
        struct text list =
            http_field_next(&exchange->request, TEXT("X-Forwarded-For"), &at);
        if (list.data == NULL)
            break;
        while (list.data != NULL) {
            struct text word = text_trim(text_split(&list, ','));
            struct peer peer;
            if (word.length == 0)
                continue;
            if (peer_read(&peer, word) < 0) {
                readable = false;
            } else if (!networks_hold(proxies, &peer)) {
                client = peer;
                readable = true;
            } else if (!any) {
                client = peer; /* the first, if all are trusted proxies */
            }
            any = true;
        }
    }
    if (!readable)
        return -1;
    exchange->peer = client;
    exchange->forwarded = any;
    return 0;
}

unsigned forwarded_enter(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (server->addresses == NULL)
        return 0;
    switch (addresses_enter(server->addresses, &exchange->peer, clock_ms(),
                            &exchange->address)) {
    case ADDRESSES_WELCOME:
    case ADDRESSES_NO_MEMORY: /* one request that is not counted does no harm */
        return 0;
    case ADDRESSES_BANNED:
        return (unsigned)server->settings->ban_seconds;
    case ADDRESSES_TOO_MANY:
        break;
    }
    return 1;
}

void forwarded_leave(struct exchange *exchange)
{
    if (!exchange->forwarded || exchange->address == NULL)
        return;
    addresses_leave(exchange->server->addresses, exchange->address, clock_ms());
    exchange->address = NULL;
}
