/* files.h - serves static files beneath one directory.
 *
 * exchange (path, method, fields) -> open beneath the root -> conditionals ->
 * ranges -> response (memory, or a file for sendfile).
 *
 * An exchange is one request and its answer (core/exchange.h). A mount is a
 * prefix of paths together with what serves them (core/mount.h). */
#ifndef FIVEFOLD_FILES_FILES_H
#define FIVEFOLD_FILES_FILES_H

#include "core/exchange.h"

struct settings;
struct files;

/* Returns true if the rules let the client have the file path + index + suffix.
 * path is the exchange's and has been checked already; index or suffix may be
 * NULL: nothing is added there. For an answer from a cache: the rules may have
 * changed since it was stored, and they depend on the client. */
bool files_allowed(const struct exchange *exchange, const char *index,
                   const char *suffix);

/* Opens settings->files_root. settings are borrowed until files_close. Returns
 * the object of a mount, owned by the caller, or NULL with errno: ENOMEM, or as
 * open(2) or mime_open. */
struct files *files_open(const struct settings *settings);
/* Frees the object and closes its root. NULL is allowed. */
void files_close(struct files *files);

/* Serves the paths of its mount. Thread-safe: several exchanges may be begun
 * and finished at the same time.
 *
 * GET, HEAD   200 206 301 304 403 404 412 416; ANSWER_DENIED and
 *             ANSWER_UNKNOWN for an index page that the rules forbid
 * PUT         201 204; 400 for Content-Range, 415 for Content-Encoding, 409 if
 *             the directory does not exist or the name is a directory's, 412,
 *             403, 507
 * DELETE      204; 409 for a directory, 404, 412, 403
 * OPTIONS     204; every other method 405, with Allow
 * any         503 with Retry-After when descriptors or memory are short
 *
 * A name that starts with a dot is 404 to read and 403 to write, except the
 * directory /.well-known/. A link is followed if it stays beneath the root. A
 * link that leads out of the root is 404, as if it did not exist. PUT and
 * DELETE act on the link itself. */
extern const struct handler files_handler;

#endif
