/* target.c - reads the target of a request line, and the host that is named by
 * a target or by a Host field (RFC 9112 section 3.2, RFC 3986 section 3.2.2).
 *
 * target -> [scheme, checked and dropped] -> [host] -> path ? query
 *
 * Nothing is decoded here; http/path.c decodes the path, once. */
#include "http/internal.h"

#include <arpa/inet.h>

enum { PORT_MAX = 65535 };

/* Returns true if all characters of name are allowed in a host name: pchar
 * without ':' and '@' (reg-name, RFC 3986 section 3.2.2). */
static bool is_reg_name(struct text name)
{
    static const bool plain[256] = {
        ['!'] = true, ['$'] = true,         ['&' ... '.'] = true,
        [';'] = true, ['0' ... '9'] = true, ['='] = true,
        ['_'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
        ['~'] = true,
    };
    for (size_t i = 0; i < name.length; i++) {
        char decoded[3];
        if (plain[(unsigned char)name.data[i]])
            continue;
        if (name.data[i] != '%' || name.length - i < 3 ||
            text_percent_decode((struct text){name.data + i, 3}, false,
                                decoded) != 1)
            return false;
        i += 2;
    }
    return true;
}

static bool is_ipv6(struct text address)
{
    char terminated[INET6_ADDRSTRLEN];
    struct in6_addr ignored;

    if (address.length >= sizeof terminated)
        return false;
    memcpy(terminated, address.data, address.length);
    terminated[address.length] = '\0';
    return inet_pton(AF_INET6, terminated, &ignored) == 1;
}

bool http_is_host(struct text host)
{
    const char *close = NULL;
    uint64_t port;

    if (host.length > 0 && host.data[0] == '[') {
        close = memchr(host.data, ']', host.length);
        if (!close || !is_ipv6((struct text){host.data + 1,
                                             (size_t)(close - host.data) - 1}))
            return false;
        host.length -= (size_t)(close + 1 - host.data);
        host.data = close + 1;
    }
    struct text name = text_split(&host, ':');
    if (close ? name.length > 0 : !is_reg_name(name))
        return false;
    return host.length == 0 || text_to_size(host, PORT_MAX, &port) == 0;
}

/* Removes "http://host:port" from a target in absolute-form (RFC 9112 section
 * 3.2.2), and sets *named to the host with its port. Returns false, and changes
 * nothing, if the target does not start in this way. */
static bool take_authority(struct text *target, struct text *named)
{
    struct text rest = *target, scheme = text_split(&rest, ':');
    size_t end = 2;

    if ((!text_equal_nocase(scheme, TEXT("http")) &&
         !text_equal_nocase(scheme, TEXT("https"))) ||
        !text_starts_with(rest, TEXT("//")))
        return false;
    while (end < rest.length && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    struct text host = {rest.data + 2, end - 2};
    if (host.length == 0 || host.data[0] == ':' || !http_is_host(host))
        return false;
    *named = host;
    *target = (struct text){rest.data + end, rest.length - end};
    return true;
}

unsigned http_parse_target(struct http_request *request, struct text target)
{
    if (memchr(target.data, '#', target.length))
        return 400;
    if (text_equal(target, TEXT("*"))) {
        request->asterisk = request->method == HTTP_OPTIONS;
        return request->asterisk ? 0 : 400;
    }
    struct text host;
    if (target.data[0] != '/') {
        if (!take_authority(&target, &host))
            return 400;
        request->host = http_span_of(request, host);
    }
    const char *end = target.data + target.length;
    struct text query = target, path = text_split(&query, '?');
    if (!query.data)
        query = (struct text){end, 0};
    request->path = http_span_of(request, path);
    request->query = http_span_of(request, query);
    return 0;
}
