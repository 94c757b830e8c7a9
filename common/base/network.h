/* network.h - a peer (the address of a client) and networks (ranges of
 * addresses).
 *
 *     192.0.2.1    10.0.0.0/8    2001:db8::/32                            */
#ifndef FIVEFOLD_BASE_NETWORK_H
#define FIVEFOLD_BASE_NETWORK_H

#include "base/text.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct mistake;

/* The client's address, from the socket or from a trusted proxy. */
struct peer {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address; /* IPv4 or IPv6; a v4-mapped address is stored as IPv4 */
};

/* Writes the address without port ("127.0.0.1", "::1"). */
void peer_print(const struct peer *peer, char out[INET6_ADDRSTRLEN]);

/* Reads an address, which may end with a port ("192.0.2.1:80",
 * "[2001:db8::1]:80"). The port is checked and dropped. Returns 0, or -1 with
 * peer unchanged. text is borrowed. */
int peer_read(struct peer *peer, struct text text);

/* Turns a v4-mapped address (::ffff:1.2.3.4) into IPv4 (1.2.3.4), the form that
 * rules and logs use. */
void peer_normalize(struct peer *peer);

/* Returns the part of the address that limits count as one client: all of an
 * IPv4 address, or the first 64 bits of an IPv6 address, in network order. Sets
 * *v6 to true for IPv6. */
uint64_t peer_key(const struct peer *peer, bool *v6);

/* Returns true for 127.0.0.0/8 and ::1. */
bool peer_is_loopback(const struct peer *peer);

struct network {
    int family;                /* AF_INET, AF_INET6; AF_UNSPEC: holds nothing */
    unsigned char address[16]; /* in network order */
    unsigned bits;             /* length of the prefix */
};

/* Reads "ADDRESS" or "ADDRESS/BITS". Returns 0, or -1 with network unchanged. A
 * v4-mapped network is an error: no peer is stored in that form. */
int network_read(struct network *network, struct text text);

/* Returns true if peer's address is in the network. */
bool network_holds(const struct network *network, const struct peer *peer);

struct networks {
    struct network *items; /* owned */
    size_t count;
};

/* Reads networks that are separated by commas. Returns 0, or -1 with mistake
 * filled (starting with where) and networks empty. list is borrowed. */
int networks_read(struct networks *networks, const char *list,
                  const char *where, struct mistake *mistake);

/* Frees the items; networks is then empty. */
void networks_release(struct networks *networks);

/* Returns true if peer's address is in one of the networks. */
bool networks_hold(const struct networks *networks, const struct peer *peer);

#endif
