/* listen.h - the listening socket, and new connections from it. */
#ifndef FIVEFOLD_CONN_LISTEN_H
#define FIVEFOLD_CONN_LISTEN_H

#include "conn/conn.h"

/* Opens the listening socket and sets server->listen_fd, listen_inherited and
 * on_loopback. If the parent process has opened a socket already ($LISTEN_FDS,
 * as systemd's socket units do), that one is used. Otherwise binds and listens
 * on the settings' "ADDR:PORT" or "[V6]:PORT". Sets the options that accepted
 * sockets inherit on Linux (TCP_NODELAY, the send buffer's size). Returns 0, or
 * -1 after one line on stderr, which starts with program. Call before there are
 * threads. */
int listen_open(struct server *server, const char *program);

/* Writes the address that the socket really has ("127.0.0.1:8080") to out, up
 * to size bytes. (For port 0 the kernel has chosen one.) Returns the port. */
unsigned listen_print(int listen_fd, char *out, size_t size);

/* Ends listening: no client can connect any more, and the address is free for
 * the next server, but the descriptor stays open. Wakes a thread that waits in
 * listen_accept.
 *
 * An inherited socket is left as it is. Clients still connect, and wait in its
 * queue for the next server. A thread that waits in listen_accept returns
 * within LISTEN_TICK_MS. */
enum { LISTEN_TICK_MS = 200 };
void listen_stop(const struct server *server);

enum listen_result {
    LISTEN_CLIENT, /* *conn is a new connection */
    LISTEN_NONE,   /* no client waits (or a signal came) */
    LISTEN_LOST,   /* the client had gone, or its address is over a limit or
                      banned; go on */
    LISTEN_FULL,   /* no descriptor or memory left: accept again when a
                      connection has been closed */
};

/* Accepts one client. blocking: its socket is to block. Waits only if the
 * listening socket blocks. With LISTEN_CLIENT the caller owns *conn and ends it
 * with conn_close. */
enum listen_result listen_accept(struct server *server, bool blocking,
                                 struct conn **conn);

#endif
