/* mounts.h - opens and closes everything that the configuration serves.
 *
 * [files], [files NAME], [sqlite], [sqlite NAME], /-/ -> mounts_open
 *     -> each one's handler->open -> server->mounts, the longest prefix first
 *
 * A mount is a prefix of paths together with what serves them (core/mount.h).
 * This is the only place that knows all handlers. */
#ifndef FIVEFOLD_PROCESS_MOUNTS_H
#define FIVEFOLD_PROCESS_MOUNTS_H

#include "core/mount.h"
#include "core/server.h"

/* Opens all that the settings name, into server->mounts. Returns 0, or -1 after
 * one line on stderr. Call mounts_close in both cases. */
int mounts_open(struct server *server);
/* Closes all mounts and frees server->mounts. */
void mounts_close(struct server *server);

/* Adds a mount of the stage's own. mount is copied; its prefix_length is set
 * here. Returns 0, or -1 with errno: EEXIST if another mount has the prefix, or
 * ENOMEM. It moves all mounts in memory, so call it before anything holds a
 * pointer to one. */
int mounts_add(struct server *server, struct mount mount);

/* Call when stop_seconds are over. Interrupts what still runs in a database, so
 * that its thread can be joined. */
void mounts_interrupt(struct server *server);

/* Ends what is late in each mount. Call about once a second; now_ms is
 * monotonic, in milliseconds. */
void mounts_tick(struct server *server, uint64_t now_ms);

#endif
