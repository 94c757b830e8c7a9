/* beneath.h - opens files beneath a root directory, and nowhere else.
 *
 * The kernel resolves the path with openat2(2). So neither ".." nor a link can
 * lead out of the root, even if the tree changes at the same moment. */
#ifndef FIVEFOLD_FILES_BENEATH_H
#define FIVEFOLD_FILES_BENEATH_H

#include <sys/types.h>

/* Opens path beneath the directory root_fd (borrowed). path is as from
 * path_from_target: its leading slash is dropped, and "/" is the root itself.
 * flags and mode are those of open(2); O_CLOEXEC is added. Returns a descriptor
 * that the caller owns, or -1 with errno as open(2). EXDEV: the path leads out
 * of the root. Where the kernel has no openat2 (or valgrind does not know it),
 * each component is opened separately, and links are refused. */
int beneath_open(int root_fd, const char *path, int flags, mode_t mode);

/* One more flag for beneath_open: fail with EAGAIN instead of waiting for the
 * disk (RESOLVE_CACHED of openat2). Then every other error is EAGAIN too,
 * except ENOENT and ENOTDIR. Where the kernel lacks RESOLVE_CACHED, the call
 * always fails with EAGAIN. */
enum { BENEATH_AT_ONCE = 1 << 30 };

#endif
