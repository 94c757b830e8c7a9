/* escape.h - escapes text for JSON, HTML, URLs and CSV.
 *
 * text is borrowed. Errors show in out->failed (buffer.h). */
#ifndef FIVEFOLD_BASE_ESCAPE_H
#define FIVEFOLD_BASE_ESCAPE_H

#include "base/buffer.h"

/* Appends the inside of a JSON string, without the quotes (RFC 8259 section 7).
 * json.h appends whole strings. Bytes that are not UTF-8 become U+FFFD; U+0000
 * becomes \u0000. */
void json_append_escaped(struct message_buffer *out, struct text text);

/* Appends text for HTML text or a quoted attribute: & < > " ' become entities.
 * Bytes that are not UTF-8 become U+FFFD. */
void html_append_text(struct message_buffer *out, struct text text);

/* Appends text as the path of a URL: every byte becomes %XX, except '/' and
 * the unreserved characters (RFC 3986 section 2.3). */
void url_append_path(struct message_buffer *out, struct text text);

/* Appends text as one CSV field, quoted if RFC 4180 section 2 requires it. */
void csv_append_text(struct message_buffer *out, struct text text);

#endif
