/* beneath.h - files are opened beneath a root, and nowhere else.
 *
 * The kernel resolves the path by openat2(2), so that neither ".." nor a link
 * can lead out, also when the tree changes at the same moment. */
#ifndef FIVEFOLD_BENEATH_H
#define FIVEFOLD_BENEATH_H

#include <sys/types.h>

/* Opens path (as from path_from_target, its leading slash is dropped; "/" is
 * the root itself) beneath the directory root_fd with open(2)'s flags
 * (O_CLOEXEC is added) and mode. Returns a descriptor, or -1 with errno as
 * open(2); EXDEV when the path leads out of the root. Where the kernel has no
 * openat2 (or valgrind does not know it) each component is opened by itself,
 * and links are refused. */
int beneath_open(int root_fd, const char *path, int flags, mode_t mode);

/* One more flag for beneath_open: fail with EAGAIN rather than wait for the
 * disk (openat2's RESOLVE_CACHED; where the kernel lacks it, always). */
enum { BENEATH_AT_ONCE = 1 << 30 };

#endif
