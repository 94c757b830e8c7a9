/* mime.h - the media type that goes with a file's name. */
#ifndef FIVEFOLD_MIME_H
#define FIVEFOLD_MIME_H

#include "base/text.h"

struct mime_types;

/* Reads the system's table of types (mime.types(5)) behind our own; NULL: the
 * system's usual one, if it is there. Types of text get charset, unless that is
 * "none" or NULL. Gives an object, or NULL with errno: ENOMEM, or as open(2)
 * for a file that was named. */
struct mime_types *mime_open(const char *file, const char *charset);
void mime_close(struct mime_types *types); /* NULL is allowed */

/* The value of Content-Type for a path, by what stands behind the last dot of
 * its last segment, in any case; "application/octet-stream" when that says
 * nothing. Borrowed until mime_close. */
struct text mime_type(const struct mime_types *types, struct text path);

/* The coding that belongs to the type itself: "gzip" for .svgz, else empty.
 * Static. */
struct text mime_coding(struct text path);

#endif
