/* path.h - the path of a request's target.
 *
 * A path is decoded exactly once, here. */
#ifndef FIVEFOLD_HTTP_PATH_H
#define FIVEFOLD_HTTP_PATH_H

#include "base/text.h"

#include <sys/types.h>

/* Decodes the target's path into out, which has `size` bytes. %XX is decoded
 * once; "//" and "/./" become "/". The result starts with '/' and ends with a
 * NUL. Returns its length without the NUL, or -1 with errno EINVAL (bad %XX, a
 * NUL, an encoded slash, a ".." segment: answer 400) or ENAMETOOLONG (out is
 * too small: answer 414). raw is borrowed. */
ssize_t path_from_target(struct text raw, char *out, size_t size);

/* Returns true if a decoded path has a segment that starts with a dot. Such
 * files are neither served nor written. The only exception is "/.well-known/"
 * (RFC 8615), which is made for clients to read. */
bool path_is_hidden(const char *path);

/* Where databases are served, "/dev/NAME" is another name of "/db/NAME"
 * (settings_have_alias). These two are all that knows of it. Returns true for
 * what is beneath "/dev/". "/dev" itself is not a database: it may be a file.
 */
bool path_is_alias(const char *path);

/* Rewrites "/dev" as "/db" in place, so that rules and handlers see one name
 * only. path is NUL-terminated and has `length` bytes. Returns the new length;
 * any other path is unchanged. */
size_t path_resolve_alias(char *path, size_t length);

#endif
