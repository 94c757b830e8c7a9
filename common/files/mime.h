/* mime.h - the media type that belongs to a file's name. */
#ifndef FIVEFOLD_FILES_MIME_H
#define FIVEFOLD_FILES_MIME_H

#include "base/text.h"

struct mime_types;

/* Makes a table of types: our own, and those that our own lack from file, in
 * the format of mime.types(5). file == NULL: /etc/mime.types, if it exists.
 * Text types get charset (borrowed until mime_close), unless it is "none" or
 * NULL. Returns the table, owned by the caller, or NULL with errno: ENOMEM, or
 * as open(2) if file was given. */
struct mime_types *mime_open(const char *file, const char *charset);
void mime_close(struct mime_types *types); /* NULL is allowed */

/* Returns the value of Content-Type for a path, borrowed until mime_close. It
 * depends on the extension: what follows the last dot of the last segment, in
 * upper or lower case. "application/octet-stream": no extension, or an unknown
 * one. */
struct text mime_type(const struct mime_types *types, struct text path);

/* Returns the coding that belongs to the type itself: "gzip" for .svgz, else an
 * empty text. Static. */
struct text mime_coding(struct text path);

#endif
