/* mount.h - who serves which paths, and with what settings.
 *
 * path -> mount_find, the longest prefix first -> handler, with its object
 *
 * Fixed from mounts_open to mounts_close (process/mounts.h): any thread reads.
 */
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
    void *object;                    /* the handler's, made by its open; NULL:
                                        it needs none */
    const char *cors; /* the origin whose pages may read the answers, "*" for
                         all, or NULL for none; borrowed */
    size_t rules; /* 1 + its place in settings->mounts; 0: it has no section of
                     its own, and so no rules of its own */
};

/* Finds whose path it is: that of the longest prefix. The path of a prefix
 * without its last slash belongs to it too. NULL: nobody's. */
const struct mount *mount_find(const struct server *server, struct text path);

/* What is left of the path for the mount: behind the prefix, with the prefix's
 * last slash; "/" when that slash is missing. Borrowed from path, which ends
 * with a NUL. */
const char *mount_beneath(const struct mount *mount, struct text path);

#endif
