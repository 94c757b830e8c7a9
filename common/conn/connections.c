/* connections.c - see connections.h.
 *
 * all[] holds every connection; by_deadline[kind] is a list in order of expiry.
 * Each kind of deadline lasts equally long for every connection. So a deadline
 * that is armed again moves to the end of its list, and the first in the list
 * is always the next to expire (DEADLINE_LINGER: conn.h has the exception). This
 * needs no heap and no scan. */
#include "conn/connections.h"

#include "conn/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { SEARCH_MS = 100 }; /* from a search that finds nothing to the next */

int connections_open(struct connections *list, size_t max)
{
    *list = (struct connections){.max = max};
    for (size_t i = 0; i < DEADLINE_COUNT; i++)
        TAILQ_INIT(&list->by_deadline[i]);
    list->all = calloc(max ? max : 1, sizeof(struct conn *));
    return list->all == NULL ? -1 : 0;
}

void connections_close(struct connections *list)
{
    free(list->all);
    list->all = NULL;
}

static void unlist(struct connections *list, struct conn *conn)
{
    if (conn->listed == DEADLINE_NONE)
        return;
    TAILQ_REMOVE(&list->by_deadline[conn->listed], conn, by_deadline);
    conn->listed = DEADLINE_NONE;
}

void connections_update(struct connections *list, struct conn *conn)
{
    if (conn->deadline == conn->listed && conn->deadline_ms == conn->listed_ms)
        return;
    unlist(list, conn);
    conn->listed_ms = conn->deadline_ms;
    if (conn->deadline == DEADLINE_NONE)
        return;
    conn->listed = conn->deadline;
    TAILQ_INSERT_TAIL(&list->by_deadline[conn->listed], conn, by_deadline);
}

void connections_pause(struct connections *list, struct conn *conn)
{
    unlist(list, conn);
}

void connections_add(struct connections *list, struct conn *conn)
{
    conn->slot = list->count;
    list->all[list->count++] = conn;
    connections_update(list, conn);
}

void connections_remove(struct connections *list, struct conn *conn)
{
    unlist(list, conn);
    struct conn *moved = list->all[--list->count];
    list->all[conn->slot] = moved;
    moved->slot = conn->slot;
}

struct conn *connections_first(const struct connections *list,
                               enum conn_deadline kind)
{
    return TAILQ_FIRST(&list->by_deadline[kind]);
}

int connections_wait_ms(const struct connections *list, uint64_t now_ms,
                        int limit_ms)
{
    uint64_t wait = (uint64_t)limit_ms;
    for (enum conn_deadline kind = DEADLINE_NONE + 1; kind < DEADLINE_COUNT;
         kind++) {
        const struct conn *first = connections_first(list, kind);
        if (first == NULL)
            continue;
        if (first->deadline_ms <= now_ms)
            return 0;
        if (first->deadline_ms - now_ms < wait)
            wait = first->deadline_ms - now_ms;
    }
    return (int)wait;
}

struct conn *connections_expired(struct connections *list, uint64_t now_ms)
{
    for (enum conn_deadline kind = DEADLINE_NONE + 1; kind < DEADLINE_COUNT;
         kind++) {
        struct conn *first = connections_first(list, kind);
        if (first != NULL && first->deadline_ms <= now_ms)
            return first;
    }
    return NULL;
}

struct conn *connections_heaviest(struct connections *list, uint64_t now_ms)
{
    static const enum conn_deadline kinds[] = {DEADLINE_BODY, DEADLINE_SEND};
    struct conn *heaviest = NULL;
    uint64_t most = 0;
    if (now_ms < list->search_ms)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct conn *conn;
        TAILQ_FOREACH(conn, &list->by_deadline[kinds[i]], by_deadline) {
            uint64_t burden = conn_burden(conn, now_ms);
            if (burden > most) {
                most = burden;
                heaviest = conn;
            }
        }
    }
    if (heaviest == NULL)
        list->search_ms = now_ms + SEARCH_MS;
    return heaviest;
}
