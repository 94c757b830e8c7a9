/* mounts.h - what the configuration has served, opened and closed.
 *
 * [files], [files NAME], [sqlite], [sqlite NAME], /-/ -> mounts_open
 *     -> each one's handler->open -> server->mounts, the longest prefix first
 *
 * The only place that knows all handlers. */
#ifndef FIVEFOLD_MOUNTS_H
#define FIVEFOLD_MOUNTS_H

#include "core/mount.h"
#include "core/server.h"

/* Opens all that the settings name. Returns 0, or -1 after one line on
 * stderr. */
int mounts_open(struct server *server);
void mounts_close(struct server *server);

/* Adds one that a stage has besides. Copied; its prefix_length is set here. 0,
 * or -1 with errno: EEXIST, the prefix is another's. Moves all mounts: call
 * before anybody has a pointer to one. */
int mounts_add(struct server *server, struct mount mount);

/* stop_seconds are over: what still runs in a database is interrupted, so that
 * its thread can be joined. */
void mounts_interrupt(struct server *server);

/* Ends what is late in each. Call about once a second with monotonic time. */
void mounts_tick(struct server *server, uint64_t now_ms);

#endif
