/* browser.c - see browser.h.
 *
 * Host -> has it a dot and a letter? -> server.names -> if not there: 421
 * Origin, Sec-Fetch-Site -> is the origin ours or allowed? -> if not: 403 */
#include "access/browser.h"

#include "core/mount.h"
#include "core/server.h"

/* ---- Host ---- */

/* Returns true if a foreign name server could say which address host has. It
 * cannot for digits and dots: they are an address, and no browser asks a name
 * server for it (URL standard, "ends in a number"). It cannot for a name
 * without a dot, which is in no attacker's zone. host may have a port. This
 * runs for each request, so it looks only once at each byte. */
static bool may_be_rebound(struct text host)
{
    bool dot = false, letter = false;
    if (host.length > 0 && host.data[0] == '[')
        return false; /* an address of IPv6 */
    for (size_t i = 0; i < host.length && host.data[i] != ':'; i++) {
        char c = host.data[i];
        if (c == '.' || c == '%') /* an encoded dot is one too */
            dot = true;
        else if (c > '9' || c < '0')
            letter = true;
    }
    return dot && letter;
}

static bool is_local_name(struct text name)
{
    const struct text zone = TEXT(".localhost");
    if (memchr(name.data, '.', name.length) == NULL &&
        memchr(name.data, '%', name.length) == NULL)
        return true; /* for example "localhost.", whose dot the caller has
                        removed */
    return name.length > zone.length &&
           text_equal_nocase(
               (struct text){name.data + name.length - zone.length,
                             zone.length},
               zone);
}

static bool is_listed(const char *names, struct text name)
{
    struct text list = text_of(names != NULL ? names : "");
    while (list.length > 0) {
        struct text word = text_trim(text_split(&list, ','));
        if (text_equal(word, TEXT("*")) || text_equal_nocase(word, name))
            return true;
    }
    return false;
}

bool browser_knows_us(const struct exchange *exchange)
{
    const struct server *server = exchange->server;
    const struct http_request *request = &exchange->request;
    if (!server->on_loopback && server->settings->names == NULL)
        return true;
    struct text host = http_text(request, request->host);
    if (!may_be_rebound(host) || exchange->by_proxy)
        return true;
    struct text name = text_split(&host, ':');
    if (name.data[name.length - 1] == '.')
        name.length--; /* the DNS root: "example.org." is "example.org" */
    return is_local_name(name) || is_listed(server->settings->names, name);
}

/* ---- Origin ---- */

bool browser_sent(const struct http_request *request)
{
    return http_field(request, TEXT("Origin")).data != NULL ||
           http_field(request, TEXT("Sec-Fetch-Site")).data != NULL;
}

static bool has_token(const struct http_request *request)
{
    const struct text bearer = TEXT("Bearer ");
    struct text value = http_field(request, TEXT("Authorization"));
    return value.length > bearer.length &&
           text_equal_nocase((struct text){value.data, bearer.length}, bearer);
}

/* Returns true if the browser must have sent a preflight before this request:
 * an OPTIONS request, which succeeds only for origins that cors allows. A page
 * of another origin needs one before every PUT and DELETE, and before a POST
 * with a type that no form has (Fetch standard, CORS-safelisted method and
 * request-header). */
static bool had_preflight(const struct http_request *request)
{
    return request->method != HTTP_POST || http_is_json(request);
}

/* The parts of an origin. */
struct origin {
    struct text scheme, host; /* host with its port, unless that is the default
                                 port of the scheme */
};

static struct text without_port(struct text host, struct text port)
{
    if (text_ends_with(host, port))
        host.length -= port.length;
    return host;
}

/* Returns false for "null", and for a scheme other than http and https. */
static bool origin_read(struct text value, struct origin *origin)
{
    struct text rest = value;
    origin->scheme = text_split(&rest, ':');
    if (rest.data == NULL || !text_starts_with(rest, TEXT("//")))
        return false;
    origin->host = (struct text){rest.data + 2, rest.length - 2};
    return text_equal_nocase(origin->scheme, TEXT("http")) ||
           text_equal_nocase(origin->scheme, TEXT("https"));
}

static bool is_host(const struct origin *origin, struct text host)
{
    bool tls = text_equal_nocase(origin->scheme, TEXT("https"));
    struct text port = tls ? TEXT(":443") : TEXT(":80");
    return host.length > 0 &&
           text_equal_nocase(without_port(origin->host, port),
                             without_port(host, port));
}

/* A proxy may have replaced the Host that the browser sent. Then it gives the
 * original in X-Forwarded-Host. */
static bool is_forwarded_host(const struct http_request *request,
                              const struct origin *origin)
{
    size_t at = 0;
    struct text list;
    while (
        (list = http_field_next(request, TEXT("X-Forwarded-Host"), &at)).data !=
        NULL)
        while (list.data != NULL)
            if (is_host(origin, text_trim(text_split(&list, ','))))
                return true;
    return false;
}

/* The scheme is compared only if a trusted proxy names it. Otherwise a proxy
 * that ends TLS and does not say so would make every page of ours foreign. */
static bool is_ours(const struct exchange *exchange, const struct origin *page)
{
    const struct http_request *request = &exchange->request;
    if (exchange->by_proxy) {
        struct text list = http_field(request, TEXT("X-Forwarded-Proto"));
        if (list.length > 0 &&
            !text_equal_nocase(text_trim(text_split(&list, ',')), page->scheme))
            return false;
        if (is_forwarded_host(request, page))
            return true;
    }
    return is_host(page, http_text(request, request->host));
}

/* Returns the origin whose pages may write here, "*" for all, or NULL. */
static const char *allowed_origin(const struct exchange *exchange)
{
    return exchange->mount != NULL ? exchange->mount->cors : NULL;
}

enum browser_verdict browser_judge(const struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct origin page;
    if (http_method_is_safe(request->method) || !browser_sent(request) ||
        has_token(request))
        return BROWSER_FINE;
    struct text value = http_field(request, TEXT("Origin"));
    struct text site = http_field(request, TEXT("Sec-Fetch-Site"));
    /* No browser sends two. If some program did, we cannot know which of them
     * is meant. */
    if (http_field_repeats(request, TEXT("Origin")))
        return BROWSER_FOREIGN;
    /* The browser has compared the origins itself, with the URL that it asked
     * for, so a proxy cannot have changed the result. */
    if (text_equal(site, TEXT("same-origin")))
        return BROWSER_FINE;
    /* "none": the user has used the address bar or a bookmark. */
    bool silent = site.data == NULL || text_equal(site, TEXT("none"));
    if (silent && (value.data == NULL ||
                   (origin_read(value, &page) && is_ours(exchange, &page))))
        return BROWSER_FINE;
    const char *cors = allowed_origin(exchange);
    if (cors == NULL || value.data == NULL)
        return BROWSER_FOREIGN;
    if (strcmp(cors, "*") == 0)
        return had_preflight(request) ? BROWSER_FINE : BROWSER_SIMPLE;
    return text_equal_nocase(value, text_of(cors)) ? BROWSER_FINE
                                                   : BROWSER_FOREIGN;
}
