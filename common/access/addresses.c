/* addresses.c - see addresses.h.
 *
 * accept -> addresses_enter -> struct address -> [addresses_request]*
 *   -> addresses_leave -> idle list -> addresses_tick -> forgotten
 *
 * The table is cut into parts, each with a lock of its own, so that threads
 * that accept, answer and close seldom meet. An entry is never moved, and never
 * freed while it has connections, so a connection keeps a pointer and looks
 * nothing up again.
 *
 * Everything that expires lasts equally long for all, so a list in order of
 * arming is in order of expiry, and only its head need be looked at. */
#include "access/addresses.h"

#include "report/log.h"
#include "base/table.h"
#include "config/settings.h"
#include "report/stats.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    PARTS = 16, /* a power of two, more than threads that meet here */
    PART_IDLE_MAX = ADDRESSES_IDLE_MAX / PARTS,
    PART_BANS_MAX = ADDRESSES_BANS_MAX / PARTS,
    /* A request costs this much. So a second's allowance is a millisecond's
     * times a thousand, and nothing is lost to rounding. */
    TOKEN = 1000,
};

struct address_list {
    TAILQ_HEAD(, address) addresses; /* the first expires first */
    size_t count;
};

struct address {
    /* Fixed while the entry is there. */
    uint64_t key;
    bool v6;
    struct part *part;

    /* Under part->lock. */
    struct table_link by_key;
    uint64_t connections;
    uint64_t tokens;         /* at filled_ms */
    uint64_t filled_ms;      /* monotonic */
    uint64_t strikes;        /* answers 429 since strikes_ms */
    uint64_t strikes_ms;     /* monotonic */
    struct address_list *in; /* &part->idle, &part->banned or NULL */
    uint64_t until_ms;       /* monotonic: when it leaves that list */
    TAILQ_ENTRY(address) link;
};

struct part {
    pthread_mutex_t lock;

    /* Under lock. */
    struct table by_key;
    size_t count;
    struct address_list idle;   /* neither connections nor a ban */
    struct address_list banned; /* with connections or without */
};

struct addresses {
    /* Fixed while it is open. */
    struct log *log;          /* borrowed */
    uint64_t connections_max; /* 0: no limit */
    uint64_t rate;            /* requests a second; 0: no limit */
    uint64_t tokens_max;
    uint64_t ban_ms; /* 0: never */
    uint64_t ban_after;
    uint64_t keep_ms; /* how long the past matters */

    struct part parts[PARTS];
};

bool addresses_wanted(const struct settings *settings)
{
    return settings->connections_per_address > 0 ||
           settings->requests_per_second > 0;
}

struct addresses *addresses_open(const struct settings *settings,
                                 struct log *log)
{
    struct addresses *addresses = calloc(1, sizeof *addresses);
    if (addresses == NULL)
        return NULL;
    addresses->log = log;
    addresses->connections_max = settings->connections_per_address;
    addresses->rate = settings->requests_per_second;
    addresses->tokens_max = settings->requests_burst * TOKEN;
    addresses->ban_ms = settings->ban_seconds * 1000;
    addresses->ban_after = settings->ban_after;
    if (addresses->rate > 0)
        addresses->keep_ms = addresses->tokens_max / addresses->rate + 1;
    if (addresses->ban_ms > 0 && addresses->keep_ms < ADDRESSES_STRIKE_MS)
        addresses->keep_ms = ADDRESSES_STRIKE_MS;
    for (size_t i = 0; i < PARTS; i++) {
        struct part *part = &addresses->parts[i];
        pthread_mutex_init(&part->lock, NULL);
        TAILQ_INIT(&part->idle.addresses);
        TAILQ_INIT(&part->banned.addresses);
    }
    size_t entries =
        (settings->connections_max + ADDRESSES_IDLE_MAX + ADDRESSES_BANS_MAX) /
        PARTS;
    for (size_t i = 0; i < PARTS; i++)
        if (table_open(&addresses->parts[i].by_key, entries) < 0)
            goto fail;
    return addresses;

fail:;
    int error = errno;
    addresses_close(addresses);
    errno = error;
    return NULL;
}

void addresses_close(struct addresses *addresses)
{
    if (addresses == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        struct part *part = &addresses->parts[i];
        struct table_link *at = table_walk(&part->by_key, NULL);
        while (at != NULL) {
            struct table_link *next = table_walk(&part->by_key, at);
            free(OWNER_OF(at, struct address, by_key));
            at = next;
        }
        table_close(&part->by_key);
        pthread_mutex_destroy(&part->lock);
    }
    free(addresses);
}

/* ---- the table ---- */

static uint64_t hash_of(uint64_t key)
{
    return text_hash(key, (struct text){NULL, 0});
}

static struct part *part_of(struct addresses *addresses, uint64_t hash)
{
    return &addresses->parts[hash >> 60 & (PARTS - 1)];
}

static struct address *first_of(const struct address_list *list)
{
    return TAILQ_FIRST(&list->addresses);
}

static void unlist(struct address *address)
{
    struct address_list *list = address->in;
    if (list == NULL)
        return;
    TAILQ_REMOVE(&list->addresses, address, link);
    address->in = NULL;
    list->count--;
}

static void enlist(struct address_list *list, struct address *address,
                   uint64_t until_ms)
{
    unlist(address);
    address->in = list;
    address->until_ms = until_ms;
    TAILQ_INSERT_TAIL(&list->addresses, address, link);
    list->count++;
}

static struct address *find_locked(const struct part *part, uint64_t hash,
                                   uint64_t key, bool v6)
{
    struct table_link *at = table_first(&part->by_key, hash);
    for (; at != NULL; at = table_next(at)) {
        struct address *address = OWNER_OF(at, struct address, by_key);
        if (address->key == key && address->v6 == v6)
            return address;
    }
    return NULL;
}

static struct address *add_locked(struct addresses *addresses,
                                  struct part *part, uint64_t hash,
                                  uint64_t key, bool v6, uint64_t now_ms)
{
    struct address *address = calloc(1, sizeof *address);
    if (address == NULL)
        return NULL;
    address->key = key;
    address->v6 = v6;
    address->part = part;
    address->tokens = addresses->tokens_max;
    address->filled_ms = now_ms;
    table_add(&part->by_key, &address->by_key, hash);
    part->count++;
    return address;
}

static void forget_locked(struct address *address)
{
    struct part *part = address->part;
    assert(address->connections == 0);
    table_remove(&part->by_key, &address->by_key);
    unlist(address);
    free(address);
    part->count--;
}

/* It has neither connections nor a ban: remembered for a while, or not. May
 * free address. */
static void retire_locked(struct addresses *addresses, struct address *address,
                          uint64_t now_ms)
{
    struct part *part = address->part;
    if (addresses->keep_ms == 0) {
        forget_locked(address);
        return;
    }
    enlist(&part->idle, address, now_ms + addresses->keep_ms);
    if (part->idle.count > PART_IDLE_MAX)
        forget_locked(first_of(&part->idle));
}

/* ---- bans ---- */

static bool is_banned(const struct address *address)
{
    return address->in == &address->part->banned;
}

/* May free address if it has no connections. */
static void end_ban_locked(struct addresses *addresses, struct address *address,
                           uint64_t now_ms)
{
    unlist(address);
    if (address->connections == 0)
        retire_locked(addresses, address, now_ms);
}

/* It has been answered 429. Returns true if that starts a ban. */
static bool strike_locked(struct addresses *addresses, struct address *address,
                          uint64_t now_ms)
{
    struct part *part = address->part;
    if (addresses->ban_ms == 0)
        return false;
    if (address->strikes == 0 ||
        now_ms > address->strikes_ms + ADDRESSES_STRIKE_MS) {
        address->strikes = 0;
        address->strikes_ms = now_ms;
    }
    if (++address->strikes < addresses->ban_after)
        return false;
    address->strikes = 0;
    enlist(&part->banned, address, now_ms + addresses->ban_ms);
    if (part->banned.count > PART_BANS_MAX)
        end_ban_locked(addresses, first_of(&part->banned), now_ms);
    return true;
}

/* Outside the lock: a file may be slow. */
static void tell_ban(const struct addresses *addresses, uint64_t key, bool v6)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[16] = {0};
    memcpy(bytes, &key, sizeof key);
    inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text, sizeof text);
    stats_add(STAT_bans, 1);
    log_error(addresses->log,
              "banned %s%s for %llu s after %llu answers 429 within %d s", text,
              v6 ? "/64" : "", (unsigned long long)(addresses->ban_ms / 1000),
              (unsigned long long)addresses->ban_after,
              ADDRESSES_STRIKE_MS / 1000);
}

/* ---- what connections ask ---- */

static enum addresses_verdict judge_locked(const struct addresses *addresses,
                                           const struct address *address,
                                           uint64_t now_ms)
{
    /* The tick may be up to a second late. */
    if (is_banned(address) && now_ms < address->until_ms)
        return ADDRESSES_BANNED;
    if (addresses->connections_max > 0 &&
        address->connections >= addresses->connections_max)
        return ADDRESSES_TOO_MANY;
    return ADDRESSES_WELCOME;
}

enum addresses_verdict addresses_enter(struct addresses *addresses,
                                       const struct peer *peer, uint64_t now_ms,
                                       struct address **address)
{
    bool v6 = false, banned = false;
    uint64_t key = peer_key(peer, &v6);
    uint64_t hash = hash_of(key);
    struct part *part = part_of(addresses, hash);
    enum addresses_verdict verdict = ADDRESSES_NO_MEMORY;
    *address = NULL;
    pthread_mutex_lock(&part->lock);
    struct address *found = find_locked(part, hash, key, v6);
    if (found == NULL)
        found = add_locked(addresses, part, hash, key, v6, now_ms);
    if (found != NULL)
        verdict = judge_locked(addresses, found, now_ms);
    if (verdict == ADDRESSES_WELCOME) {
        unlist(found); /* of the idle, or a ban that is over */
        found->connections++;
        *address = found;
    } else if (verdict == ADDRESSES_TOO_MANY) {
        if (is_banned(found))
            unlist(found); /* over; the new strike starts at nought */
        banned = strike_locked(addresses, found, now_ms);
    }
    pthread_mutex_unlock(&part->lock);
    if (banned)
        tell_ban(addresses, key, v6);
    return verdict;
}

void addresses_leave(struct addresses *addresses, struct address *address,
                     uint64_t now_ms)
{
    struct part *part = address->part;
    pthread_mutex_lock(&part->lock);
    assert(address->connections > 0);
    address->connections--;
    if (address->connections == 0 && !is_banned(address))
        retire_locked(addresses, address, now_ms);
    pthread_mutex_unlock(&part->lock);
}

/* Another thread's now may be a little ahead: then nothing is added. */
static void refill_locked(const struct addresses *addresses,
                          struct address *address, uint64_t now_ms)
{
    if (now_ms <= address->filled_ms)
        return;
    uint64_t passed_ms = now_ms - address->filled_ms;
    uint64_t room = addresses->tokens_max - address->tokens;
    address->filled_ms = now_ms;
    if (passed_ms > room / addresses->rate)
        address->tokens = addresses->tokens_max;
    else
        address->tokens += passed_ms * addresses->rate;
}

static struct addresses_pass pass_locked(struct addresses *addresses,
                                         struct address *address,
                                         uint64_t now_ms, bool *ban_starts)
{
    struct addresses_pass pass = {0};
    if (is_banned(address) && now_ms < address->until_ms) {
        pass.banned = true;
        pass.wait_seconds =
            (unsigned)((address->until_ms - now_ms + 999) / 1000);
        return pass;
    }
    if (is_banned(address))
        unlist(address);
    if (addresses->rate == 0)
        return pass;
    refill_locked(addresses, address, now_ms);
    if (address->tokens >= TOKEN) {
        address->tokens -= TOKEN;
        return pass;
    }
    pass.wait_seconds = 1; /* the rate is at least one a second */
    *ban_starts = strike_locked(addresses, address, now_ms);
    return pass;
}

struct addresses_pass addresses_request(struct addresses *addresses,
                                        struct address *address,
                                        uint64_t now_ms)
{
    struct part *part = address->part;
    bool ban_starts = false;
    pthread_mutex_lock(&part->lock);
    struct addresses_pass pass =
        pass_locked(addresses, address, now_ms, &ban_starts);
    pthread_mutex_unlock(&part->lock);
    if (ban_starts)
        tell_ban(addresses, address->key, address->v6);
    return pass;
}

static size_t tick_locked(struct addresses *addresses, struct part *part,
                          uint64_t now_ms)
{
    size_t looked = 0;
    struct address *first;
    while ((first = first_of(&part->idle)) != NULL && ++looked &&
           now_ms >= first->until_ms)
        forget_locked(first);
    while ((first = first_of(&part->banned)) != NULL && ++looked &&
           now_ms >= first->until_ms)
        end_ban_locked(addresses, first, now_ms);
    return looked;
}

size_t addresses_tick(struct addresses *addresses, uint64_t now_ms)
{
    size_t looked = 0;
    for (size_t i = 0; i < PARTS; i++) {
        struct part *part = &addresses->parts[i];
        pthread_mutex_lock(&part->lock);
        looked += tick_locked(addresses, part, now_ms);
        pthread_mutex_unlock(&part->lock);
    }
    return looked;
}

size_t addresses_count(struct addresses *addresses)
{
    size_t count = 0;
    for (size_t i = 0; i < PARTS; i++) {
        pthread_mutex_lock(&addresses->parts[i].lock);
        count += addresses->parts[i].count;
        pthread_mutex_unlock(&addresses->parts[i].lock);
    }
    return count;
}
