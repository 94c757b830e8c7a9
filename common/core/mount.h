/* mount.h - which module serves which paths, and with what settings.
 *
 * [files], [files NAME], [sqlite], [sqlite NAME] -> mounts_open -> mounts, the
 * longest prefix first -> mount_find for each request
 *
 * Fixed from mounts_open to mounts_close: any thread reads. */
#ifndef FIVEFOLD_MOUNT_H
#define FIVEFOLD_MOUNT_H

#include "core/exchange.h"

struct settings;

struct mount {
    const char *name;     /* of [files NAME]; "" for [files] itself; borrowed */
    const char *prefix;   /* starts and ends with '/'; borrowed */
    size_t prefix_length; /* bytes */
    const struct handler *handler;   /* its name is the section's first word */
    const struct settings *settings; /* of this mount; borrowed */
    struct files *files;             /* owned; NULL for another module's */
    struct sql *sql;                 /* owned; NULL for another module's */
    size_t rules; /* 1 + its place in settings->mounts; 0: it has no section of
                     its own, and so no rules of its own */
};

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

/* Ends what is late in each (sql_tick). */
void mounts_tick(struct server *server, uint64_t now_ms);

/* Finds whose path it is: that of the longest prefix. The path of a prefix
 * without its last slash belongs to it too. NULL: nobody's. */
const struct mount *mount_find(const struct server *server, struct text path);

/* What is left of the path for the mount: behind the prefix, with the prefix's
 * last slash; "/" when that slash is missing. Borrowed from path, which ends
 * with a NUL. */
const char *mount_beneath(const struct mount *mount, struct text path);

#endif
