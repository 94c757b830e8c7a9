/* pages.h - what the pages for people share. Only the pages and backup.c
 * include it. */
#ifndef FIVEFOLD_SQL_PAGES_H
#define FIVEFOLD_SQL_PAGES_H

#include "sql/internal.h"

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

/* GET /db/NAME/: answers with a description of the tables (tables.c), or with
 * an error. May block. */
void sql_tables_answer(struct exchange *exchange, struct text name);

/* GET /db/NAME/query?sql=...: runs one statement that reads (query.c), and
 * answers with its rows or an error. May block. With exchange->at_once it does
 * not block: it answers only if the statement is short, and otherwise returns
 * ANSWER_WOULD_BLOCK. */
enum answer_next sql_query_answer(struct exchange *exchange, struct text name);

/* Answers with error and Cache-Control: no-store. Sets error->status to the one
 * that fits error->code. */
void sql_page_error(struct exchange *exchange, struct sql_error *error);

#endif
