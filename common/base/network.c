/* network.c - see network.h. */
#include "base/network.h"

#include "base/mistake.h"

#include <arpa/inet.h>
#include <stdlib.h>

void peer_print(const struct peer *peer, char out[INET6_ADDRSTRLEN])
{
    const void *address = &peer->address.v4.sin_addr;
    if (peer->address.any.sa_family == AF_INET6)
        address = &peer->address.v6.sin6_addr;
    if (inet_ntop(peer->address.any.sa_family, address, out,
                  INET6_ADDRSTRLEN) == NULL)
        strcpy(out, "-");
}

void peer_normalize(struct peer *peer)
{
    struct in6_addr *v6 = &peer->address.v6.sin6_addr;
    if (peer->address.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(v6))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = peer->address.v6.sin6_port};
    memcpy(&v4.sin_addr, &v6->s6_addr[12], sizeof v4.sin_addr);
    peer->address.v4 = v4;
}

uint64_t peer_key(const struct peer *peer, bool *v6)
{
    uint64_t key = 0;
    *v6 = peer->address.any.sa_family == AF_INET6;
    if (*v6)
        memcpy(&key, &peer->address.v6.sin6_addr, sizeof key);
    else
        key = peer->address.v4.sin_addr.s_addr;
    return key;
}

bool peer_is_loopback(const struct peer *peer)
{
    if (peer->address.any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&peer->address.v6.sin6_addr);
    return ntohl(peer->address.v4.sin_addr.s_addr) >> 24 == 127;
}

/* Reads an address without port into address. Returns its family, or -1. */
static int read_address(struct text text, unsigned char address[16])
{
    char host[INET6_ADDRSTRLEN];
    if (text.length == 0 || text.length >= sizeof host)
        return -1;
    memcpy(host, text.data, text.length);
    host[text.length] = '\0';
    int family = memchr(host, ':', text.length) ? AF_INET6 : AF_INET;
    return inet_pton(family, host, address) == 1 ? family : -1;
}

/* Removes a port from the end, and the brackets around an IPv6 address. Returns
 * 0, or -1 if a bracket is not closed or the port is not valid. */
static int strip_port(struct text *text)
{
    struct text rest = *text, host;
    uint64_t port;
    if (text_starts_with(rest, TEXT("["))) {
        rest.data++;
        rest.length--;
        host = text_split(&rest, ']');
        if (rest.data == NULL)
            return -1;
        if (rest.length > 0 && rest.data[0] != ':')
            return -1;
        rest.data += rest.length > 0;
        rest.length -= rest.length > 0;
    } else {
        host = text_split(&rest, ':');
        if (rest.data == NULL || memchr(rest.data, ':', rest.length) != NULL)
            return 0; /* no port: no colon, or IPv6 without brackets */
    }
    *text = host;
    return rest.length == 0 ? 0 : text_to_size(rest, 65535, &port);
}

int peer_read(struct peer *peer, struct text text)
{
    unsigned char address[16];
    if (strip_port(&text) < 0)
        return -1;
    int family = read_address(text, address);
    if (family < 0)
        return -1;
    *peer = (struct peer){0};
    peer->address.any.sa_family = (sa_family_t)family;
    if (family == AF_INET6)
        memcpy(&peer->address.v6.sin6_addr, address, 16);
    else
        memcpy(&peer->address.v4.sin_addr, address, 4);
    peer_normalize(peer);
    return 0;
}

int network_read(struct network *network, struct text text)
{
    struct network made = {0};
    struct text bits = text, address = text_split(&bits, '/');
    struct in6_addr v6;
    uint64_t count;
    made.family = read_address(address, made.address);
    if (made.family < 0)
        return -1;
    made.bits = made.family == AF_INET6 ? 128 : 32;
    memcpy(&v6, made.address, sizeof v6);
    if (made.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6))
        return -1;
    if (bits.data != NULL) {
        if (text_to_size(bits, made.bits, &count) < 0)
            return -1;
        made.bits = (unsigned)count;
    }
    *network = made;
    return 0;
}

bool network_holds(const struct network *network, const struct peer *peer)
{
    if (peer->address.any.sa_family != network->family)
        return false;
    const unsigned char *address =
        network->family == AF_INET
            ? (const unsigned char *)&peer->address.v4.sin_addr
            : (const unsigned char *)&peer->address.v6.sin6_addr;
    unsigned bytes = network->bits / 8, bits = network->bits % 8;
    if (memcmp(address, network->address, bytes) != 0)
        return false;
    return bits == 0 ||
           (address[bytes] ^ network->address[bytes]) >> (8 - bits) == 0;
}

int networks_read(struct networks *networks, const char *list,
                  const char *where, struct mistake *mistake)
{
    struct text rest = text_of(list);
    *networks = (struct networks){0};
    while (rest.data != NULL) {
        struct text word = text_trim(text_split(&rest, ','));
        struct network network;
        if (network_read(&network, word) < 0) {
            networks_release(networks);
            return mistake_at(mistake, where,
                              "\"%.*s\" is not an address or network; write "
                              "192.0.2.1, "
                              "10.0.0.0/8 or 2001:db8::/32, with commas "
                              "between several",
                              (int)word.length, word.data);
        }
        void *items = realloc(networks->items,
                              (networks->count + 1) * sizeof *networks->items);
        if (items == NULL) {
            networks_release(networks);
            return mistake_memory(mistake, where);
        }
        networks->items = items;
        networks->items[networks->count++] = network;
    }
    return 0;
}

void networks_release(struct networks *networks)
{
    free(networks->items);
    *networks = (struct networks){0};
}

bool networks_hold(const struct networks *networks, const struct peer *peer)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_holds(&networks->items[i], peer))
            return true;
    return false;
}
