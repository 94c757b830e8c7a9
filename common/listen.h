/* listen.h - the listening socket, and new connections from it. */
#ifndef FIVEFOLD_LISTEN_H
#define FIVEFOLD_LISTEN_H

#include "conn.h"

struct settings;

/* Binds and listens on "ADDR:PORT" or "[V6]:PORT". Gives a descriptor, or -1
 * after one line on stderr. What accepted sockets inherit on Linux
 * (TCP_NODELAY, the send buffer's size) is set here, once. */
int listen_open(const struct settings *settings, bool blocking,
                const char *program);

/* The address that it really has ("127.0.0.1:8080"), for port 0. Returns the
 * port. */
unsigned listen_print(int listen_fd, char *out, size_t size);

/* Nobody can connect any more, and the address is free for the next server,
 * though the descriptor stays open. Wakes whoever waits in listen_accept. */
void listen_stop(const struct server *server);

enum listen_result {
    LISTEN_CLIENT, /* *conn is a new connection */
    LISTEN_NONE,   /* nobody waits (or a signal came) */
    LISTEN_LOST,   /* a client that had gone before it was accepted, or whose
                      address has too many; go on */
    LISTEN_FULL,   /* no descriptor or memory left: accept again when a
                      connection has been closed */
};

/* Accepts one client. Waits only if the listening socket blocks. */
enum listen_result listen_accept(struct server *server, bool blocking,
                                 struct conn **conn);

#endif
