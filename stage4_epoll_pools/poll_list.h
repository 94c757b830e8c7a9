/* poll_list.h - connections that wait for their client: recv_poll_list and
 * send_poll_list. */
#ifndef FIVEFOLD_POLL_LIST_H
#define FIVEFOLD_POLL_LIST_H

#include "connection_table.h"

#include "conn/connections.h"

#include <stdbool.h>

struct poll_list {
    /* These do not change after open. */
    const char *name;
    enum place place;
    uint32_t events;                /* EPOLLIN or EPOLLOUT */
    struct connection_table *table; /* borrowed */
    int epoll_fd;                   /* owned */
    int wake_fd;                    /* owned; an eventfd: poll_list_wake */

    pthread_mutex_t lock; /* for what follows */
    struct connections waiting;
    bool stopping; /* idle connections are not added any more */

    /* For the live page (/-/). */
    atomic_size_t listed;       /* waiting.count */
    atomic_uint_fast64_t taken; /* connections that poll_list_wait returned */
    atomic_uint_fast64_t stale; /* events for connections not listed any more */
};

enum { POLL_BATCH = 64 }; /* events that one epoll_wait fetches */

/* Makes an empty list. name is a literal; table is borrowed until close.
 * Returns 0, or -1 with errno. */
int poll_list_open(struct poll_list *list, const char *name, enum place place,
                   uint32_t events, struct connection_table *table);
/* Frees the list, but not the connections in it. No thread may use it now. */
void poll_list_close(struct poll_list *list);

/* Takes conn until its socket is ready or its deadline has passed. Returns
 * false if the socket cannot be watched, or if the server is stopping and conn
 * is idle. Then the caller still owns conn and must close it. */
bool poll_list_add(struct poll_list *list, struct conn *conn);

/* Waits for events. Stores the connections that they are for in ready, which
 * has room for POLL_BATCH; the caller owns these connections now. Returns their
 * number, 0 if all events were stale, or -1 after poll_list_wake. */
int poll_list_wait(struct poll_list *list, struct conn **ready);

/* Returns a connection whose deadline has passed, or NULL. The caller owns it
 * now. */
struct conn *poll_list_expired(struct poll_list *list, uint64_t now_ms);
/* Returns the connection with the largest burden (conn_burden), or NULL if none
 * has any. The caller owns it now. */
struct conn *poll_list_heaviest(struct poll_list *list, uint64_t now_ms);
/* Returns the milliseconds until the next deadline, at most limit_ms; 0 if one
 * has passed. now_ms is monotonic, here and above. */
int poll_list_wait_ms(struct poll_list *list, uint64_t now_ms, int limit_ms);

/* From now on poll_list_add accepts no idle connection. Returns an idle
 * connection from the list, which the caller owns now and must close. Call it
 * again until it returns NULL: then there is no idle connection left. */
struct conn *poll_list_stop(struct poll_list *list);

/* Makes poll_list_wait return -1 from now on, once it has no connection to
 * return. */
void poll_list_wake(struct poll_list *list);

#endif
