/* connection_table.c - see connection_table.h.
 *
 * acceptor -> add -> (poll lists, queues, threads) -> remove -> slot free */
#include "connection_table.h"

#include "conn/conn.h"

#include <stdlib.h>

enum { NO_SLOT = UINT32_MAX };

int connection_table_open(struct connection_table *table, size_t max)
{
    *table = (struct connection_table){.max = max, .first_free = NO_SLOT};
    /* Pages of a large calloc take no memory until they are written. */
    table->slots = calloc(max, sizeof *table->slots);
    if (table->slots == NULL)
        return -1;
    pthread_mutex_init(&table->lock, NULL);
    return 0;
}

void connection_table_close(struct connection_table *table)
{
    pthread_mutex_destroy(&table->lock);
    free(table->slots);
}

static uint64_t tag_of(const struct conn *conn, enum place place)
{
    return (uint64_t)conn->generation << 8 | (uint64_t)place;
}

void connection_table_place(struct connection_table *table,
                            const struct conn *conn, enum place place)
{
    atomic_store_explicit(&table->slots[conn->table_slot].tag,
                          tag_of(conn, place), memory_order_relaxed);
}

int connection_table_add(struct connection_table *table, struct conn *conn)
{
    pthread_mutex_lock(&table->lock);
    uint32_t number = table->first_free;
    if (number != NO_SLOT)
        table->first_free = table->slots[number].next_free;
    else if (table->unused < table->max)
        number = table->unused++;
    pthread_mutex_unlock(&table->lock);
    if (number == NO_SLOT)
        return -1;
    struct connection_slot *slot = &table->slots[number];
    conn->table_slot = number;
    conn->generation = (uint32_t)(atomic_load(&slot->tag) >> 8) + 1;
    slot->conn = conn;
    connection_table_place(table, conn, PLACE_HELD);
    atomic_fetch_add(&table->count, 1);
    return 0;
}

size_t connection_table_remove(struct connection_table *table,
                               struct conn *conn)
{
    struct connection_slot *slot = &table->slots[conn->table_slot];
    connection_table_place(table, conn, PLACE_NONE);
    pthread_mutex_lock(&table->lock);
    slot->conn = NULL;
    slot->next_free = table->first_free;
    table->first_free = conn->table_slot;
    pthread_mutex_unlock(&table->lock);
    return atomic_fetch_sub(&table->count, 1) - 1;
}
