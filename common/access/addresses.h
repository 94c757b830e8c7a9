/* addresses.h - limits for each client address: connections, requests, bans.
 *
 * An address here is a whole IPv4 address, or the first 64 bits of an IPv6
 * address. A household has all addresses with the same 64 bits, so it could
 * use a new one for each connection. An address has an entry while it has
 * connections, and after that as long as its past matters.
 *
 * Thread-safe. A call waits only for a lock that is held for a few
 * instructions. When a ban begins, addresses_enter and addresses_request also
 * write a line to the error log. The caller passes the time, now_ms: clock_ms,
 * read just before, as threads must nearly agree about it. */
#ifndef FIVEFOLD_ACCESS_ADDRESSES_H
#define FIVEFOLD_ACCESS_ADDRESSES_H

#include "core/exchange.h"

struct addresses;
struct address; /* an entry */
struct log;
struct settings;

enum {
    /* The most addresses without connections that are remembered, and the most
     * bans at a time. With one more, the oldest of its shard is forgotten.
     * So a client with many addresses cannot fill the memory: an entry has some
     * 100 bytes. Entries with connections come on top. */
    ADDRESSES_IDLE_MAX = 16384,
    ADDRESSES_BANS_MAX = 16384,
    /* An address is banned after ban_after answers 429 within this time. */
    ADDRESSES_STRIKE_MS = 10000,
};

/* Returns true if a setting limits addresses. If not, open nothing. */
bool addresses_wanted(const struct settings *settings);

/* Makes an empty table. Borrows log, which may be NULL, until addresses_close.
 * Returns NULL with errno. */
struct addresses *addresses_open(const struct settings *settings,
                                 struct log *log);
/* Frees all; no connection may be left. Takes addresses, or NULL. */
void addresses_close(struct addresses *addresses);

enum addresses_verdict {
    ADDRESSES_WELCOME,   /* counted: *address is valid until addresses_leave */
    ADDRESSES_TOO_MANY,  /* it has connections_per_address already: 429 */
    ADDRESSES_BANNED,    /* close without an answer */
    ADDRESSES_NO_MEMORY, /* it has no entry, and there is no memory for one */
};

/* A client has connected. With ADDRESSES_WELCOME counts the connection and sets
 * *address to the entry, borrowed; otherwise sets it to NULL. */
enum addresses_verdict addresses_enter(struct addresses *addresses,
                                       const struct peer *peer, uint64_t now_ms,
                                       struct address **address);

/* A connection that was welcome has been closed. Takes address, which
 * may be freed now. */
void addresses_leave(struct addresses *addresses, struct address *address,
                     uint64_t now_ms);

struct addresses_pass {
    unsigned wait_seconds; /* 0: go on; else 429 with this Retry-After */
    bool banned;           /* close the connection after that answer */
};

/* A request has come on a connection of address. Counts it, and says whether to
 * answer it. */
struct addresses_pass addresses_request(struct addresses *addresses,
                                        struct address *address,
                                        uint64_t now_ms);

/* Forgets entries that have expired, and ends bans. Returns how many entries it
 * has looked at: the expired ones, and at most two more for each shard of the
 * table. */
size_t addresses_tick(struct addresses *addresses, uint64_t now_ms);

/* Returns the number of entries. */
size_t addresses_count(struct addresses *addresses);

#endif
