/* browser.h - stops a foreign web page from misusing a user's browser.
 *
 * A page can make the browser send requests to this server. They come from the
 * user's machine and network, and with the passwords that the browser knows. So
 * the client's address does not prove that the user wanted the request. Two
 * things help, and no page can forge them: the name that the page has for this
 * server (Host), and the page's own origin (Origin, Sec-Fetch-Site). */
#ifndef FIVEFOLD_ACCESS_BROWSER_H
#define FIVEFOLD_ACCESS_BROWSER_H

#include "core/exchange.h"

/* Returns true if the request's Host is a name of this server. The problem is
 * DNS rebinding: an attacker points a name of its own to 127.0.0.1, and its
 * page then looks like one of ours. Checked only if the server listens on a
 * loopback address or server.names is set, and never for a trusted proxy. True
 * for an address, for no name, for a name without a dot, for *.localhost (RFC
 * 6761 section 6.3) and for what server.names lists. Needs exchange->by_proxy.
 * Never blocks. */
bool browser_knows_us(const struct exchange *exchange);

enum browser_verdict {
    BROWSER_FINE,
    BROWSER_FOREIGN, /* a page of another origin, which no setting allows */
    BROWSER_SIMPLE,  /* cors = * allows it, but only after a preflight: an
                        OPTIONS request in which the browser asks first */
};

/* May the page that has sent this request, if a page has, change something
 * here? These are fine:
 * - GET, HEAD and OPTIONS;
 * - neither Origin nor Sec-Fetch-Site: a program has sent it, not a page;
 * - a Bearer token (RFC 6750), which no page can send without a preflight;
 * - a page of this server's own origin, or of the one that the mount's cors
 *   names.
 * Basic (RFC 7617) proves nothing: a browser that knows the password adds it by
 * itself. Needs exchange->mount and by_proxy. Never blocks. */
enum browser_verdict browser_judge(const struct exchange *exchange);

/* Returns true if a page in a browser has sent the request. Browsers send
 * Origin with each request that is not GET or HEAD (Fetch standard, section
 * 3.2). */
bool browser_sent(const struct http_request *request);

#endif
