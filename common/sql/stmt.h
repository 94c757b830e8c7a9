/* stmt.h - a statement as a request contains it: checked, bound, run.
 *
 * Stmt, Batch, StmtResult and Value are JSON objects of the Hrana protocol
 * (HRANA_3_SPEC.md of libSQL). A step is one statement of a batch. */
#ifndef FIVEFOLD_SQL_STMT_H
#define FIVEFOLD_SQL_STMT_H

#include "base/text.h"

#include <jansson.h>

struct message_buffer;
struct sql_error;
struct sql_run;
struct sql_stream;

/* Check that the JSON has the shape of a Stmt or of a Batch. Return 0, or -1
 * with error 400. */
int sql_stmt_check(const json_t *stmt, struct sql_error *error);
int sql_batch_check(const json_t *batch, unsigned version,
                    struct sql_error *error);

/* Checks that the object has exactly one of sql and sql_id. Returns 0, or -1
 * with error 400. */
int sql_text_check(const json_t *object, struct sql_error *error);

/* Sets *sql to the text that sql or sql_id names, borrowed from object or
 * stream. Returns 0, or -1 with error SQL_NOT_FOUND. */
int sql_text_of(struct sql_stream *stream, const json_t *object,
                struct text *sql, struct sql_error *error);

/* Prepares, starts and binds a stmt that has been checked. run borrows stmt.
 * Returns 0, or -1 with error. After 0, call sql_run_finish at the end. */
int sql_stmt_start(struct sql_run *run, struct sql_stream *stream,
                   const json_t *stmt, struct sql_error *error);
bool sql_stmt_wants_rows(const json_t *stmt);

/* Runs a stmt that has been checked and appends its StmtResult. Returns 0, or
 * -1 with error; then nothing is appended. */
int sql_stmt_execute(struct sql_stream *stream, const json_t *stmt,
                     struct message_buffer *out, struct sql_error *error);

/* Appends "affected_row_count":..,"last_insert_rowid":.. */
void sql_append_effect(struct message_buffer *out, const struct sql_run *run);

/* Appends the current row as [Value,...]. bytes_before is the length of the
 * part of the answer that is not in out any more. Returns 0, or -1 with error:
 * RESPONSE_TOO_LARGE if the answer becomes too long, SQLITE_NOMEM if there is
 * no room for it. A part of the row may be in out then. */
int sql_append_row(struct message_buffer *out, const struct sql_run *run,
                   uint64_t bytes_before, struct sql_error *error);

enum sql_outcome { STEP_SKIPPED, STEP_OK, STEP_FAILED };

/* True if a condition that has been checked holds. outcomes has one entry for
 * each earlier step. NULL or null always holds. */
bool sql_condition_holds(const json_t *condition,
                         const enum sql_outcome *outcomes,
                         const struct sql_stream *stream);

#endif
