/* path.h - from the target of a request to an open file beneath a root.
 *
 * A path is decoded exactly once, here. Opening resolves beneath the root by
 * openat2(2), so that neither ".." nor a link can lead out, also when the
 * tree changes at the same moment. */
#ifndef FIVEFOLD_PATH_H
#define FIVEFOLD_PATH_H

#include "base/text.h"

#include <sys/types.h>

/* Decodes the target's path into out (size bytes, NUL-terminated): %XX once,
 * "//" and
 * "/./" merged, first byte '/'. Returns its length, or -1 with errno
 * EINVAL (bad %XX, a NUL, an encoded slash, a ".." segment: 400) or
 * ENAMETOOLONG (414). */
ssize_t path_from_target(struct text raw, char *out, size_t size);

/* Opens path (as from path_from_target, its leading slash is dropped; "/" is
 * the root itself) beneath the directory root_fd with open(2)'s flags
 * (O_CLOEXEC is added) and mode. Returns a descriptor, or -1 with errno as
 * open(2); EXDEV when the path leads out of the root. Where the kernel has no
 * openat2 (or valgrind does not know it) each component is opened by itself,
 * and links are refused. */
int path_open(int root_fd, const char *path, int flags, mode_t mode);

/* One more flag for path_open: fail with EAGAIN rather than wait for the disk
 * (openat2's RESOLVE_CACHED; where the kernel lacks it, always). */
enum { PATH_AT_ONCE = 1 << 30 };

#endif
