/* network.h - who asks: an address; and networks, which hold addresses.
 *
 *     192.0.2.1    10.0.0.0/8    2001:db8::/32                            */
#ifndef FIVEFOLD_NETWORK_H
#define FIVEFOLD_NETWORK_H

#include "base/text.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct mistake;

/* Who asks, as far as the socket tells, or a proxy that is trusted. */
struct peer {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address; /* a v4-mapped address is stored as v4 */
};

/* Writes the address without port ("127.0.0.1", "::1"). */
void peer_print(const struct peer *peer, char out[INET6_ADDRSTRLEN]);

/* Reads an address, which may have a port behind it ("192.0.2.1:80",
 * "[2001:db8::1]:80"); the port is not kept. Returns 0, or -1 with peer
 * unchanged. */
int peer_read(struct peer *peer, struct text text);

/* ::ffff:1.2.3.4 becomes 1.2.3.4, as rules and logs know it. */
void peer_normalize(struct peer *peer);

/* What limits take for one address: all of an IPv4 address, or the first 64
 * bits of an IPv6 one, in network order; *v6 says which. */
uint64_t peer_key(const struct peer *peer, bool *v6);

/* True for 127.0.0.0/8 and ::1. */
bool peer_is_loopback(const struct peer *peer);

struct network {
    int family;                /* AF_UNSPEC: holds nobody; AF_INET, AF_INET6 */
    unsigned char address[16]; /* in network order */
    unsigned bits;
};

/* Returns 0, or -1. A v4-mapped network is none: it would hold nobody. */
int network_read(struct network *network, struct text text);

bool network_holds(const struct network *network, const struct peer *peer);

struct networks {
    struct network *items; /* owned */
    size_t count;
};

/* Reads a list with commas between. Returns 0, or -1 with mistake (starting
 * with where) and networks empty. */
int networks_read(struct networks *networks, const char *list,
                  const char *where, struct mistake *mistake);
void networks_release(struct networks *networks);

bool networks_hold(const struct networks *networks, const struct peer *peer);

#endif
