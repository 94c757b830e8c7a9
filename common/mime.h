/* mime.h - the media type that goes with a file's name. */
#ifndef FIVEFOLD_MIME_H
#define FIVEFOLD_MIME_H

#include "text.h"

/* The value of Content-Type for a path, by what stands behind the last dot of
 * its last segment, in any case; "application/octet-stream" when that says
 * nothing. Static. */
struct text mime_type(struct text path);

#endif
