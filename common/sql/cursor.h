/* cursor.h - a cursor: a batch whose rows are sent while they are found. */
#ifndef FIVEFOLD_SQL_CURSOR_H
#define FIVEFOLD_SQL_CURSOR_H

#include <jansson.h>
#include <stdbool.h>

struct sql;
struct sql_database;
struct sql_error;
struct sql_request;
struct sql_stream;

/* As in hrana.h, for {"baton","batch"}: check returns 0, or -1 with error 400,
 * and answer takes ownership of stream. A streamed answer keeps the request's
 * body, and the bytes that the body has taken out of the server's budget of
 * memory. */
int sql_cursor_check(const json_t *body, struct sql_error *error);
void sql_cursor_answer(struct sql_request *request, struct sql_stream *stream);

/* Finds the oldest streamed answer from that database that waits for its
 * client, and ends its step. The client will read an error of that step.
 * Returns false if there is no such answer. */
bool sql_cursors_end_oldest(struct sql *sql,
                            const struct sql_database *database);

#endif
