/* poll_list.c - see poll_list.h.
 *
 * add -> listed, watched by epoll -> event -> wait returns it
 *                                 -> deadline -> expired returns it
 *
 * A connection is watched with EPOLLONESHOT: after one event the kernel reports
 * no more events for it until it is added again. Otherwise, if more bytes came
 * while a pool thread still worked on the first ones, epoll_wait would return
 * at once, again and again, with an event for a connection that the poller does
 * not own. Only the tag (named_by) would keep it from a second thread. */
#include "poll_list.h"

#include "conn/work.h"
#include "report/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Identifies the eventfd among the events: no slot has this number. */
#define WAKE_DATA UINT64_MAX

int poll_list_open(struct poll_list *list, const char *name, enum place place,
                   uint32_t events, struct connection_table *table)
{
    *list = (struct poll_list){.name = name,
                               .place = place,
                               .events = events,
                               .table = table,
                               .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                               .wake_fd = eventfd(0, EFD_CLOEXEC)};
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = WAKE_DATA};
    if (list->epoll_fd < 0 || list->wake_fd < 0 ||
        epoll_ctl(list->epoll_fd, EPOLL_CTL_ADD, list->wake_fd, &wake) < 0 ||
        connections_open(&list->waiting, table->max) < 0)
        goto fail;
    pthread_mutex_init(&list->lock, NULL);
    return 0;
fail:;
    int saved = errno;
    if (list->epoll_fd >= 0)
        close(list->epoll_fd);
    if (list->wake_fd >= 0)
        close(list->wake_fd);
    errno = saved;
    return -1;
}

void poll_list_close(struct poll_list *list)
{
    connections_close(&list->waiting);
    pthread_mutex_destroy(&list->lock);
    close(list->epoll_fd);
    close(list->wake_fd);
}

/* Under lock. */
static void tell_count(struct poll_list *list)
{
    atomic_store_explicit(&list->listed, list->waiting.count,
                          memory_order_relaxed);
}

/* Both under lock. A listed connection has no owner: a thread that holds the
 * lock may look at it, or take it out. */
static void list_add(struct poll_list *list, struct conn *conn)
{
    connections_add(&list->waiting, conn);
    conn_release(conn);
    connection_table_place(list->table, conn, list->place);
    tell_count(list);
}

static void list_remove(struct poll_list *list, struct conn *conn)
{
    conn_adopt(conn);
    connections_remove(&list->waiting, conn);
    connection_table_place(list->table, conn, PLACE_HELD);
    tell_count(list);
}

static int watch(const struct poll_list *list, struct conn *conn)
{
    unsigned char known = (unsigned char)(1 << list->place);
    struct epoll_event event = {
        .events = list->events | EPOLLONESHOT,
        .data.u64 = (uint64_t)conn->generation << 32 | conn->table_slot,
    };
    int how = conn->poll_lists & known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    stats_add(STAT_sys_watch, 1);
    if (epoll_ctl(list->epoll_fd, how, conn->fd, &event) < 0)
        return -1;
    conn->poll_lists |= known;
    return 0;
}

bool poll_list_add(struct poll_list *list, struct conn *conn)
{
    pthread_mutex_lock(&list->lock);
    /* A connection that a thread held during poll_list_stop, and that is idle
     * now, would never be looked at again; the stop would wait for it. */
    bool added = !(list->stopping && conn_stop(conn));
    if (added) {
        list_add(list, conn);
        /* Under the lock: once the kernel knows the socket, an event may come
         * at once. Without the lock the thread that gets the event could close
         * the connection, and a new client could get its descriptor, while we
         * still use it here. */
        if (watch(list, conn) < 0) {
            list_remove(list, conn);
            added = false;
        }
    }
    pthread_mutex_unlock(&list->lock);
    return added;
}

/* Under lock. Returns the connection that the event is for, or NULL if it is
 * not in this list any more. It may have expired and been closed, and another
 * connection may have its slot now. */
static struct conn *named_by(const struct poll_list *list, uint64_t data)
{
    const struct connection_slot *slot = &list->table->slots[data & UINT32_MAX];
    uint64_t tag = (data >> 32) << 8 | (uint64_t)list->place;
    if (atomic_load_explicit(&slot->tag, memory_order_relaxed) != tag)
        return NULL;
    return slot->conn;
}

int poll_list_wait(struct poll_list *list, struct conn **ready)
{
    struct epoll_event events[POLL_BATCH];
    int n = epoll_wait(list->epoll_fd, events, POLL_BATCH, -1), count = 0;
    bool woken = false;
    stats_add(STAT_sys_wait, 1);
    stats_add(STAT_wakeups, 1);
    pthread_mutex_lock(&list->lock);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == WAKE_DATA) {
            woken = true;
            continue;
        }
        struct conn *conn = named_by(list, events[i].data.u64);
        if (conn == NULL) {
            atomic_fetch_add(&list->stale, 1);
            continue;
        }
        list_remove(list, conn);
        ready[count++] = conn;
    }
    atomic_fetch_add_explicit(&list->taken, (uint_fast64_t)count,
                              memory_order_relaxed);
    pthread_mutex_unlock(&list->lock);
    return woken && count == 0 ? -1 : count;
}

struct conn *poll_list_expired(struct poll_list *list, uint64_t now_ms)
{
    pthread_mutex_lock(&list->lock);
    struct conn *conn = connections_expired(&list->waiting, now_ms);
    if (conn != NULL)
        list_remove(list, conn);
    pthread_mutex_unlock(&list->lock);
    return conn;
}

struct conn *poll_list_heaviest(struct poll_list *list, uint64_t now_ms)
{
    pthread_mutex_lock(&list->lock);
    struct conn *conn = connections_heaviest(&list->waiting, now_ms);
    if (conn != NULL)
        list_remove(list, conn);
    pthread_mutex_unlock(&list->lock);
    return conn;
}

int poll_list_wait_ms(struct poll_list *list, uint64_t now_ms, int limit_ms)
{
    pthread_mutex_lock(&list->lock);
    int wait_ms = connections_wait_ms(&list->waiting, now_ms, limit_ms);
    pthread_mutex_unlock(&list->lock);
    return wait_ms;
}

struct conn *poll_list_stop(struct poll_list *list)
{
    struct conn *idle = NULL;
    pthread_mutex_lock(&list->lock);
    list->stopping = true;
    for (size_t i = list->waiting.count; i-- > 0 && idle == NULL;)
        if (conn_stop(list->waiting.all[i]))
            idle = list->waiting.all[i];
        else
            connections_update(&list->waiting, list->waiting.all[i]);
    if (idle != NULL)
        list_remove(list, idle);
    pthread_mutex_unlock(&list->lock);
    return idle;
}

void poll_list_wake(struct poll_list *list)
{
    (void)!write(list->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}
