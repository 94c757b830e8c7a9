/* listen.h - the listening socket, and new connections from it. */
#ifndef FIVEFOLD_LISTEN_H
#define FIVEFOLD_LISTEN_H

#include "conn/conn.h"

/* Gives server a listening socket: the one that whoever started us has opened
 * already ($LISTEN_FDS, as systemd's socket units do), else binds and listens
 * on the settings' "ADDR:PORT" or "[V6]:PORT". Returns 0, or -1 after one line
 * on stderr. What accepted sockets inherit on Linux (TCP_NODELAY, the send
 * buffer's size) is set here, once. Call before there are threads. */
int listen_open(struct server *server, const char *program);

/* The address that it really has ("127.0.0.1:8080"), for port 0. Returns the
 * port. */
unsigned listen_print(int listen_fd, char *out, size_t size);

/* Nobody can connect any more, and the address is free for the next server,
 * though the descriptor stays open. Wakes whoever waits in listen_accept.
 *
 * An inherited socket is left alone: clients go on connecting, and wait in its
 * queue for the next server that gets it. Who waits in listen_accept comes back
 * within LISTEN_TICK_MS. */
enum { LISTEN_TICK_MS = 200 };
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
