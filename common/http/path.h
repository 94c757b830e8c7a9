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

/* Has a decoded path a segment that starts with a dot? Such are not shown and
 * not written. The one exception is "/.well-known/" (RFC 8615), which is there
 * to be asked for. */
bool path_is_hidden(const char *path);

/* Where databases are served "/dev/NAME" is another name of "/db/NAME": makes
 * the one of the other, in place, so that there is one name for rules and
 * handlers to look at. Returns the new length. */
size_t path_resolve_alias(char *path, size_t length);

#endif
