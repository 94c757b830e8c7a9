/* escape.h - text made safe for the syntax around it. */
#ifndef FIVEFOLD_ESCAPE_H
#define FIVEFOLD_ESCAPE_H

#include "base/buffer.h"

/* Appends what stands between the quotes of a string in JSON (RFC 8259 section
 * 7; json.h appends whole strings). What is not UTF-8 becomes U+FFFD; U+0000
 * becomes \u0000. */
void json_append_escaped(struct message_buffer *out, struct text text);

/* Appends with & < > " ' as entities, for HTML text and quoted attributes, and
 * U+FFFD for what is no UTF-8. */
void html_append_text(struct message_buffer *out, struct text text);

/* Appends with everything but unreserved and '/' as %XX, for a URL's path. */
void url_append_path(struct message_buffer *out, struct text text);

/* Appends a CSV field, quoted where RFC 4180 section 2 asks for it. */
void csv_append_text(struct message_buffer *out, struct text text);

#endif
