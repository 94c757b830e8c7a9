/* page.h - what all pages for people share: their format, head, foot and
 * errors. */
#ifndef FIVEFOLD_SQL_PAGE_H
#define FIVEFOLD_SQL_PAGE_H

#include "base/text.h"

struct exchange;
struct http_request;
struct message_buffer;
struct sql_error;

enum sql_format { SQL_JSON, SQL_HTML, SQL_CSV, SQL_FORMAT_COUNT };

/* Returns the format that the client's Accept field prefers (RFC 9110 section
 * 12.5.1), among those whose bit (1 << format) is set in offered. If the client
 * has no preference, or wants none of them, it is the first one of enum
 * sql_format. */
enum sql_format sql_format_wanted(const struct http_request *request,
                                  unsigned offered);

/* Starts an answer of status 200 in that format. The caller appends the body to
 * response.memory. */
void sql_page_start(struct exchange *exchange, enum sql_format format);

/* Open and close an HTML page. title is escaped here. */
void sql_html_begin(struct message_buffer *out, struct text title);
void sql_html_end(struct message_buffer *out);

/* Answers with error and Cache-Control: no-store. Sets error->status to the one
 * that fits error->code. */
void sql_page_error(struct exchange *exchange, struct sql_error *error);

#endif
