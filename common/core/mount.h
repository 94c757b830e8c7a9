/* mount.h - a mount says which handler serves the paths below a prefix, and
 * with what settings.
 *
 * path -> mount_find, the longest prefix first -> handler, with its object
 *
 * Mounts do not change between mounts_open and mounts_close (process/mounts.h),
 * so any thread may read them. */
#ifndef FIVEFOLD_CORE_MOUNT_H
#define FIVEFOLD_CORE_MOUNT_H

#include "core/exchange.h"

struct settings;

struct mount {
    const char *name;     /* NAME of [files NAME]; "" for [files]; borrowed */
    const char *prefix;   /* starts and ends with '/'; borrowed */
    size_t prefix_length; /* bytes */
    const struct handler *handler;   /* its name is the section's first word */
    const struct settings *settings; /* of this mount; borrowed */
    void *object;                    /* the handler's, made by its open; NULL:
                                        it needs none */
    const char *cors; /* the origin whose pages may read the answers, "*" for
                         all, or NULL for none; borrowed */
    size_t rules; /* 1 + its index in settings->mounts; 0: it has no section of
                     its own, and so no rules of its own */
};

/* Returns the mount with the longest prefix that path starts with, borrowed, or
 * NULL. For the prefix "/db/" the path "/db" matches too. */
const struct mount *mount_find(const struct server *server, struct text path);

/* Returns the rest of path after the mount's prefix, starting with the prefix's
 * last slash. Returns "/" if path lacks that slash. Borrowed from path, which
 * must end with a NUL. */
const char *mount_beneath(const struct mount *mount, struct text path);

#endif
