/* addresses.h - what each client's address takes up, and how much it may.
 *
 * An address is a whole IPv4 address, or the first 64 bits of an IPv6 one: a
 * household is given at least that many, and could else use a new one for each
 * connection. There is an entry while the address has connections, and for as
 * long after as its past matters. Thread-safe; no call waits for anything but
 * a lock that is held for a few instructions.
 *
 * The caller gives the time: clock_ms, never far behind what another thread
 * gives. */
#ifndef FIVEFOLD_ADDRESSES_H
#define FIVEFOLD_ADDRESSES_H

#include "core/exchange.h"

struct addresses;
struct address; /* an entry */
struct log;
struct settings;

enum {
    /* Addresses remembered that have no connection, and bans at a time. Beyond,
     * the oldest is forgotten, so that who owns many addresses cannot fill the
     * memory: some 100 bytes each, beside those with connections. */
    ADDRESSES_IDLE_MAX = 16384,
    ADDRESSES_BANS_MAX = 16384,
    /* ban_after answers 429 within this time are a ban. */
    ADDRESSES_STRIKE_MS = 10000,
};

/* Does any setting ask for it? If not, there is nothing to open. */
bool addresses_wanted(const struct settings *settings);

/* Borrows log, which may be NULL. Gives NULL with errno. */
struct addresses *addresses_open(const struct settings *settings,
                                 struct log *log);
/* Frees all; no connection may be left. Takes addresses, or NULL. */
void addresses_close(struct addresses *addresses);

enum addresses_verdict {
    ADDRESSES_WELCOME,   /* counted: *address until addresses_leave */
    ADDRESSES_TOO_MANY,  /* it has connections_per_address: 429 */
    ADDRESSES_BANNED,    /* close without a word */
    ADDRESSES_NO_MEMORY, /* nothing is known of it and nothing can be */
};

/* A client has connected. */
enum addresses_verdict addresses_enter(struct addresses *addresses,
                                       const struct peer *peer, uint64_t now_ms,
                                       struct address **address);

/* A connection that was welcome has been closed. Takes address. */
void addresses_leave(struct addresses *addresses, struct address *address,
                     uint64_t now_ms);

struct addresses_pass {
    unsigned wait_seconds; /* 0: go on; else 429 with this Retry-After */
    bool banned;           /* and the connection ends with it */
};

/* A request has come on a connection of address. */
struct addresses_pass addresses_request(struct addresses *addresses,
                                        struct address *address,
                                        uint64_t now_ms);

/* Forgets what has expired. Returns how many entries it has looked at: those,
 * and no more than two for each part of the table. */
size_t addresses_tick(struct addresses *addresses, uint64_t now_ms);

/* Entries now. */
size_t addresses_count(struct addresses *addresses);

#endif
