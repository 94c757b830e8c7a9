/* addresses.c - see addresses.h.
 *
 * accept -> addresses_enter -> struct address -> [addresses_request]*
 *   -> addresses_leave -> idle list -> addresses_tick -> forgotten
 *
 * The table has several shards, each with a lock of its own, so that threads
 * that accept, answer and close seldom wait for each other. An entry is never
 * moved, and never freed while it has connections. So a connection keeps a
 * pointer to it, and no further look-up is needed.
 *
 * All entries of a list stay in it equally long. So the list, in the order in
 * which they came, is also in the order of expiry, and only its first entry
 * must be looked at. */
#include "access/addresses.h"

#include "base/table.h"
#include "base/text.h"
#include "config/settings.h"
#include "report/log.h"
#include "report/stats.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    SHARDS = 16, /* a power of two, and enough that threads seldom wait */
    SHARD_IDLE_MAX = ADDRESSES_IDLE_MAX / SHARDS,
    SHARD_BANS_MAX = ADDRESSES_BANS_MAX / SHARDS,
    /* A request costs 1000 tokens. So a rate of n requests a second adds n
     * tokens each millisecond, and nothing is lost to rounding. */
    TOKEN = 1000,
};

struct address_list {
    TAILQ_HEAD(, address) addresses; /* the first expires first */
    size_t count;
};

struct address {
    /* These do not change while the entry exists. */
    uint64_t key;
    bool v6;
    struct shard *shard;

    /* Under shard->lock. */
    struct table_link by_key;
    uint64_t connections;
    uint64_t tokens;         /* at filled_ms */
    uint64_t filled_ms;      /* monotonic */
    uint64_t strikes;        /* number of answers 429 since strikes_ms */
    uint64_t strikes_ms;     /* monotonic */
    struct address_list *in; /* &shard->idle, &shard->banned or NULL */
    uint64_t until_ms;       /* monotonic: when it leaves that list */
    TAILQ_ENTRY(address) link;
};

struct shard {
    pthread_mutex_t lock;

    /* Under lock. */
    struct table by_key;
    size_t count;
    struct address_list idle;   /* no connections and no ban */
    struct address_list banned; /* with or without connections */
};

struct addresses {
    /* These do not change while it is open. */
    struct log *log;          /* borrowed */
    uint64_t connections_max; /* 0: no limit */
    uint64_t rate;            /* requests a second; 0: no limit */
    uint64_t tokens_max;
    uint64_t ban_ms;    /* 0: no bans */
    uint64_t ban_after; /* a ban begins after this many answers 429 */
    uint64_t keep_ms;   /* how long an entry without connections is kept */

    struct shard shards[SHARDS];
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
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &addresses->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        TAILQ_INIT(&shard->idle.addresses);
        TAILQ_INIT(&shard->banned.addresses);
    }
    size_t entries =
        (settings->connections_max + ADDRESSES_IDLE_MAX + ADDRESSES_BANS_MAX) /
        SHARDS;
    for (size_t i = 0; i < SHARDS; i++)
        if (table_open(&addresses->shards[i].by_key, entries) < 0)
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
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &addresses->shards[i];
        struct table_link *at = table_walk(&shard->by_key, NULL);
        while (at != NULL) {
            struct table_link *next = table_walk(&shard->by_key, at);
            free(OWNER_OF(at, struct address, by_key));
            at = next;
        }
        table_close(&shard->by_key);
        pthread_mutex_destroy(&shard->lock);
    }
    free(addresses);
}

/* ---- the table ---- */

static uint64_t hash_of(uint64_t key)
{
    return text_hash(key, (struct text){NULL, 0});
}

static struct shard *shard_of(struct addresses *addresses, uint64_t hash)
{
    return &addresses->shards[hash >> 60 & (SHARDS - 1)];
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

static struct address *find_locked(const struct shard *shard, uint64_t hash,
                                   uint64_t key, bool v6)
{
    struct table_link *at = table_first(&shard->by_key, hash);
    for (; at != NULL; at = table_next(at)) {
        struct address *address = OWNER_OF(at, struct address, by_key);
        if (address->key == key && address->v6 == v6)
            return address;
    }
    return NULL;
}

static struct address *add_locked(struct addresses *addresses,
                                  struct shard *shard, uint64_t hash,
                                  uint64_t key, bool v6, uint64_t now_ms)
{
    struct address *address = calloc(1, sizeof *address);
    if (address == NULL)
        return NULL;
    address->key = key;
    address->v6 = v6;
    address->shard = shard;
    address->tokens = addresses->tokens_max;
    address->filled_ms = now_ms;
    table_add(&shard->by_key, &address->by_key, hash);
    shard->count++;
    return address;
}

static void forget_locked(struct address *address)
{
    struct shard *shard = address->shard;
    assert(address->connections == 0);
    table_remove(&shard->by_key, &address->by_key);
    unlist(address);
    free(address);
    shard->count--;
}

/* The address has no connections and no ban. Remembers it for keep_ms, or frees
 * it at once if that is 0. May free address. */
static void retire_locked(struct addresses *addresses, struct address *address,
                          uint64_t now_ms)
{
    struct shard *shard = address->shard;
    if (addresses->keep_ms == 0) {
        forget_locked(address);
        return;
    }
    enlist(&shard->idle, address, now_ms + addresses->keep_ms);
    if (shard->idle.count > SHARD_IDLE_MAX)
        forget_locked(first_of(&shard->idle));
}

/* ---- bans ---- */

static bool is_banned(const struct address *address)
{
    return address->in == &address->shard->banned;
}

/* May free address if it has no connections. */
static void end_ban_locked(struct addresses *addresses, struct address *address,
                           uint64_t now_ms)
{
    unlist(address);
    if (address->connections == 0)
        retire_locked(addresses, address, now_ms);
}

/* The address has been answered 429: counts that as a strike. Returns true if
 * this starts a ban. */
static bool strike_locked(struct addresses *addresses, struct address *address,
                          uint64_t now_ms)
{
    struct shard *shard = address->shard;
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
    enlist(&shard->banned, address, now_ms + addresses->ban_ms);
    if (shard->banned.count > SHARD_BANS_MAX)
        end_ban_locked(addresses, first_of(&shard->banned), now_ms);
    return true;
}

/* Call it without the lock, because writing to the log may be slow. */
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
    /* The tick, which ends bans, may be up to a second late. */
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
    struct shard *shard = shard_of(addresses, hash);
    enum addresses_verdict verdict = ADDRESSES_NO_MEMORY;
    *address = NULL;
    pthread_mutex_lock(&shard->lock);
    struct address *found = find_locked(shard, hash, key, v6);
    if (found == NULL)
        found = add_locked(addresses, shard, hash, key, v6, now_ms);
    if (found != NULL)
        verdict = judge_locked(addresses, found, now_ms);
    if (verdict == ADDRESSES_WELCOME) {
        unlist(found); /* from idle, or from banned if the ban is over */
        found->connections++;
        *address = found;
    } else if (verdict == ADDRESSES_TOO_MANY) {
        if (is_banned(found))
            unlist(found); /* that ban is over; strikes count from 0 again */
        banned = strike_locked(addresses, found, now_ms);
    }
    pthread_mutex_unlock(&shard->lock);
    if (banned)
        tell_ban(addresses, key, v6);
    return verdict;
}

void addresses_leave(struct addresses *addresses, struct address *address,
                     uint64_t now_ms)
{
    struct shard *shard = address->shard;
    pthread_mutex_lock(&shard->lock);
    assert(address->connections > 0);
    address->connections--;
    if (address->connections == 0 && !is_banned(address))
        retire_locked(addresses, address, now_ms);
    pthread_mutex_unlock(&shard->lock);
}

/* Adds the tokens for the time since the last refill. Another thread's now_ms
 * may have been a little later than this one; then nothing is added. */
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
    struct shard *shard = address->shard;
    bool ban_starts = false;
    pthread_mutex_lock(&shard->lock);
    struct addresses_pass pass =
        pass_locked(addresses, address, now_ms, &ban_starts);
    pthread_mutex_unlock(&shard->lock);
    if (ban_starts)
        tell_ban(addresses, address->key, address->v6);
    return pass;
}

static size_t tick_locked(struct addresses *addresses, struct shard *shard,
                          uint64_t now_ms)
{
    size_t looked = 0;
    struct address *first;
    while ((first = first_of(&shard->idle)) != NULL && ++looked &&
           now_ms >= first->until_ms)
        forget_locked(first);
    while ((first = first_of(&shard->banned)) != NULL && ++looked &&
           now_ms >= first->until_ms)
        end_ban_locked(addresses, first, now_ms);
    return looked;
}

size_t addresses_tick(struct addresses *addresses, uint64_t now_ms)
{
    size_t looked = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &addresses->shards[i];
        pthread_mutex_lock(&shard->lock);
        looked += tick_locked(addresses, shard, now_ms);
        pthread_mutex_unlock(&shard->lock);
    }
    return looked;
}

size_t addresses_count(struct addresses *addresses)
{
    size_t count = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&addresses->shards[i].lock);
        count += addresses->shards[i].count;
        pthread_mutex_unlock(&addresses->shards[i].lock);
    }
    return count;
}
