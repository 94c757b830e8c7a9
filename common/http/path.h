/* path.h - the path of a request's target.
 *
 * A path is decoded exactly once, here. */
#ifndef FIVEFOLD_PATH_H
#define FIVEFOLD_PATH_H

#include "base/text.h"

#include <sys/types.h>

/* Decodes the target's path into out (size bytes, NUL-terminated): %XX once,
 * "//" and "/./" merged, first byte '/'. Returns its length, or -1 with errno
 * EINVAL (bad %XX, a NUL, an encoded slash, a ".." segment: 400) or
 * ENAMETOOLONG (414). */
ssize_t path_from_target(struct text raw, char *out, size_t size);

#endif
