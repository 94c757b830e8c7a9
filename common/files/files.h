/* files.h - static files beneath one directory: what a path becomes.
 *
 * exchange (path, method, fields) -> open beneath the root -> conditionals ->
 * ranges -> response (memory, or a file for sendfile). */
#ifndef FIVEFOLD_FILES_H
#define FIVEFOLD_FILES_H

#include "core/exchange.h"

struct settings;
struct files;

/* May the client have what path + index + suffix holds? NULL: nothing is added
 * there. For an answer that was kept: rules may have changed, and depend on who
 * asks. */
bool files_allowed(const struct exchange *exchange, const char *index,
                   const char *suffix);

/* Opens settings->files_root. Gives the object of a mount, or NULL with errno
 * as open(2). */
struct files *files_open(const struct settings *settings);
void files_close(struct files *files);

/* Serves the paths of its mount.
 * Thread-safe: several exchanges may be begun and finished at the same time.
 *
 * GET, HEAD   200 206 301 304 403 404 412 416; ANSWER_DENIED and
 *             ANSWER_UNKNOWN for an index page that the rules forbid
 * PUT         201 204; 400 Content-Range, 415 Content-Encoding, 409 no such
 *             directory or the name is one, 412, 403, 507
 * DELETE      204; 409 a directory, 404, 412, 403
 * OPTIONS     204; every other method 405, with Allow
 * any         503 with Retry-After when descriptors or memory are short
 *
 * A name that starts with a dot is 404 to read and 403 to write, except the
 * directory /.well-known/. A link is followed if it stays beneath the root;
 * one that leaves is 404, as if it were not there. PUT and DELETE act on the
 * link itself. */
extern const struct handler files_handler;

#endif
