/* browser.h - what a page in somebody's browser may not make it do.
 *
 * A browser sends requests for any page that it shows, from the machine and
 * the network that it is in, and with the passwords that it knows. So the
 * address of a client proves nothing about who wrote the request. Two things
 * tell: the name that the page knows this server by (Host), and the page's own
 * origin (Origin, Sec-Fetch-Site), which no page can forge. */
#ifndef FIVEFOLD_BROWSER_H
#define FIVEFOLD_BROWSER_H

#include "core/exchange.h"

/* Is the name that the request has for this server one of its own? A name that
 * anybody can point to 127.0.0.1 makes a foreign page look like one of ours
 * (DNS rebinding). Looked at while the server listens on a loopback address,
 * or where server.names is set; trusted proxies are believed. True for an
 * address, for no name, for a name without a dot, for *.localhost (RFC 6761
 * section 6.3) and for what server.names lists. Needs exchange->by_proxy.
 * Never blocks. */
bool browser_knows_us(const struct exchange *exchange);

enum browser_verdict {
    BROWSER_FINE,
    BROWSER_FOREIGN, /* a page of another origin, and nobody has allowed it */
    BROWSER_SIMPLE,  /* cors = * allows it, but not without a preflight */
};

/* May the page that has sent this request, if it was a page, change something
 * here? Fine are GET, HEAD and OPTIONS; what has neither Origin nor
 * Sec-Fetch-Site, as programs send it; a Bearer token (RFC 6750), which no page
 * can send without a preflight; a page of this server's own origin, or of the
 * one that sqlite.cors names. Basic (RFC 7617) proves nothing: the browser adds
 * it by itself once it knows the password. Needs exchange->mount. Never
 * blocks. */
enum browser_verdict browser_judge(const struct exchange *exchange);

/* Has a page in a browser sent it? Browsers send Origin with each request that
 * is not GET or HEAD (Fetch standard, section 3.2). */
bool browser_sent(const struct http_request *request);

#endif
