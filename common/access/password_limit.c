/* password_limit.c - see password_limit.h.
 *
 * A share is kept as one number: the time until which it is used up. If the
 * share is a quarter of one thread, a check of t ms moves that time by 4t. The
 * time may be a little in the future. If it is further away, checks are refused
 * until the clock has caught up. (The "generic cell rate algorithm" of ATM
 * networks.)
 *
 * The counters of addresses are a fixed table, indexed by a hash. So nothing
 * can fill it, and no counter is forgotten early. Two addresses with the same
 * index share a counter. */
#include "access/password_limit.h"

#include <pthread.h>
#include <stdlib.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

enum { ADDRESS_PART = 4 }; /* an address gets a quarter of the share */

struct password_limit {
    /* These do not change once threads answer. */
    uint64_t percent;
    uint64_t threads;
    uint64_t checking_max;

    /* Under lock. Times are clock_ns. */
    pthread_mutex_t lock;
    uint64_t checking; /* threads that check */
    uint64_t all_until_ns;
    uint64_t address_until_ns[PASSWORD_LIMIT_ADDRESSES];
};

struct password_limit *password_limit_open(uint64_t percent)
{
    struct password_limit *limit = calloc(1, sizeof *limit);
    if (limit == NULL)
        return NULL;
    pthread_mutex_init(&limit->lock, NULL);
    limit->percent = percent;
    password_limit_threads(limit, 1);
    return limit;
}

void password_limit_close(struct password_limit *limit)
{
    if (limit == NULL)
        return;
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

void password_limit_threads(struct password_limit *limit, size_t count)
{
    limit->threads = count;
    limit->checking_max = count > 1 ? count / 2 : 1;
}

static uint64_t *address_of(struct password_limit *limit,
                            const struct peer *peer)
{
    bool v6;
    uint64_t key = peer_key(peer, &v6);
    uint64_t hash = text_hash(key, v6 ? TEXT("6") : TEXT("4"));
    return &limit->address_until_ns[hash % PASSWORD_LIMIT_ADDRESSES];
}

/* Returns how many seconds to wait; 0 if some of the share is left. */
static unsigned wait_for(uint64_t until_ns, uint64_t now_ns)
{
    uint64_t ahead_ns = now_ns + (uint64_t)PASSWORD_LIMIT_AHEAD_MS * NS_PER_MS;
    if (until_ns <= ahead_ns)
        return 0;
    return (unsigned)((until_ns - ahead_ns + NS_PER_S - 1) / NS_PER_S);
}

enum password_verdict password_limit_begin(struct password_limit *limit,
                                           const struct peer *peer,
                                           uint64_t now_ns,
                                           unsigned *wait_seconds)
{
    enum password_verdict verdict = PASSWORD_CHECK;
    if (limit->percent >= 100)
        return PASSWORD_CHECK;
    const uint64_t *address = address_of(limit, peer);
    pthread_mutex_lock(&limit->lock);
    if ((*wait_seconds = wait_for(*address, now_ns)) > 0) {
        verdict = PASSWORD_TOO_OFTEN;
    } else if ((*wait_seconds = wait_for(limit->all_until_ns, now_ns)) > 0) {
        verdict = PASSWORD_BUSY;
    } else if (limit->checking >= limit->checking_max) {
        *wait_seconds = 1;
        verdict = PASSWORD_BUSY;
    } else {
        limit->checking++;
    }
    pthread_mutex_unlock(&limit->lock);
    return verdict;
}

static void charge(uint64_t *until_ns, uint64_t start_ns, uint64_t cost_ns)
{
    if (*until_ns < start_ns)
        *until_ns = start_ns;
    *until_ns += cost_ns;
}

void password_limit_end(struct password_limit *limit, const struct peer *peer,
                        uint64_t start_ns, uint64_t now_ns, bool right)
{
    if (limit->percent >= 100)
        return;
    uint64_t *address = address_of(limit, peer);
    uint64_t cost_ns =
        (now_ns - start_ns) * 100 / (limit->percent * limit->threads);
    pthread_mutex_lock(&limit->lock);
    limit->checking--;
    if (!right) {
        charge(&limit->all_until_ns, start_ns, cost_ns);
        charge(address, start_ns, cost_ns * ADDRESS_PART);
    }
    pthread_mutex_unlock(&limit->lock);
}
