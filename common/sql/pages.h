/* pages.h - what the pages for people share; only they and backup.c
 * include it. */
#ifndef FIVEFOLD_SQL_PAGES_H
#define FIVEFOLD_SQL_PAGES_H

#include "sql/internal.h"

enum sql_format { SQL_JSON, SQL_HTML, SQL_CSV, SQL_FORMAT_COUNT };

/* The format that Accept prefers (RFC 9110 section 12.5.1) among those whose
 * bit (1 << format) is set in offered; the first of enum sql_format when the
 * client does not care, or wants none of them. */
enum sql_format sql_format_wanted(const struct http_request *request,
                                  unsigned offered);

/* Starts a 200 of that format; the body is to be appended to
 * response.memory. */
void sql_page_start(struct exchange *exchange, enum sql_format format);

/* Opens and closes an HTML page. title is escaped here. */
void sql_html_begin(struct message_buffer *out, struct text title);
void sql_html_end(struct message_buffer *out);

/* GET /db/NAME/: describes the tables (tables.c). */
void sql_tables_answer(struct exchange *exchange, struct text name);

/* GET /db/NAME/query?sql=...: runs one statement that reads (query.c). With
 * exchange->at_once, if it is short; else ANSWER_WOULD_BLOCK. */
enum answer_next sql_query_answer(struct exchange *exchange, struct text name);

/* Answers with error; adds what this status owes to the client. */
void sql_page_error(struct exchange *exchange, struct sql_error *error);

#endif
