/* hrana.h - the requests of a stream: what request.c (a request in steps),
 * hrana.c (what its parts do), stmt.c (a statement in JSON), stream.c (where a
 * stream is kept) and cursor.c share.
 *
 * Stmt, Batch, StmtResult and Value are JSON objects of the Hrana protocol
 * (HRANA_3_SPEC.md of libSQL). A step is one statement of a batch. A baton that
 * is only a session (session.c) names no stream: it holds three numbers. */
#ifndef FIVEFOLD_SQL_HRANA_H
#define FIVEFOLD_SQL_HRANA_H

#include "sql/internal.h"

#include <jansson.h>
#include <sys/queue.h>

enum {
    SQL_BATON_BYTES = 32,              /* 24 random bytes in base64 */
    SQL_BATON_MAX = SQL_SESSION_BYTES, /* of a baton of either kind */
    SQL_STORED_MAX = 50,               /* SQL texts per stream */
    SQL_STORED_BYTES = 5000,           /* of one stored text */
    SQL_CONDITION_DEPTH = 32,
    SQL_STEPS_MAX = 10000, /* of one batch */
};

struct sql_stored {
    int64_t id;
    char *text; /* owned */
    size_t length;
    SLIST_ENTRY(sql_stored) link;
};

/* A client's connection and its stored SQL texts, for one request or several.
 */
struct sql_stream {
    /* Used only by the thread that holds the stream. */
    struct sql_connection *connection; /* owned, unless borrows is set */
    bool borrows;
    SLIST_HEAD(, sql_stored) stored; /* owned */
    size_t stored_count;
    bool close;       /* the client has asked to close it */
    unsigned version; /* of the protocol in this request: 1, 2 or 3 */

    /* Fixed from when it is kept. */
    char user[USER_MAX + 1];
    bool may_write;

    /* Of the table of streams (stream.c), under its lock. */
    char baton[SQL_BATON_BYTES + 1];
    bool counted; /* in the count of streams: from when it is first kept until
                     it is dropped */
    uint64_t idle_until_ms;
    uint64_t transaction_until_ms; /* 0: no transaction is open, or no limit */
    bool is_kept;                  /* it is in the table: no thread holds it */
    struct table_link by_baton;
    SLIST_ENTRY(sql_stream) expired; /* in the list of those to drop */
};

/* ---- json.c ---- */

/* Sets up jansson. Call it before any other function of jansson; it may be
 * called again. */
void sql_json_open(void);

/* Reads text as JSON. The caller owns the result (json_decref). Returns NULL
 * either with *no_memory true, or because the text is not JSON; then *where
 * says why. */
json_t *sql_json_read(struct text text, json_error_t *where, bool *no_memory);

/* ---- hrana.c ---- */

/* Call it when a statement has failed and its part of out has been cut off. It
 * matters if the reason was that out found no memory. A request that has
 * written nothing and resumes no stream can be sent again: out stays failed, so
 * that the whole request is answered with 503. Any other client must learn what
 * has been done: out can be used again, for the error and for what follows. */
void sql_answer_goes_on(const struct sql_stream *stream,
                        struct message_buffer *out);

/* ---- stmt.c ---- */

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

/* ---- hrana.c ---- */

/* Check the shape of a body: {"baton","requests"}, or {"stmt"} or {"batch"} of
 * v1. Return 0, or -1 with error 400. */
int sql_pipeline_check(const json_t *body, unsigned version,
                       struct sql_error *error);
int sql_v1_check(const json_t *body, bool batch, struct sql_error *error);

/* Answer a request that has been checked: fill exchange->response. Both take
 * ownership of stream. */
void sql_pipeline_answer(struct exchange *exchange, struct sql_stream *stream,
                         const json_t *body);
void sql_v1_answer(struct exchange *exchange, struct sql_stream *stream,
                   const json_t *body, bool batch);

/* The head of an answer, {"baton":...,"base_url":null. The baton is known only
 * at the end. By then something may be committed, and it would be too late to
 * report that memory is short. So begin makes room for the head, and for the
 * rest of a short answer, at the start. It returns 0, or -1 with error 503. End
 * writes the head into that room ("" is no baton), which cannot fail, and sets
 * status 200. */
int sql_head_begin(struct response *response, const char *type,
                   struct sql_error *error);
void sql_head_end(struct response *response, const char *baton);

/* The request as a whole has failed: answers with error. If something of it is
 * committed, no answer would be true; then the connection is closed without
 * one. */
void sql_answer_failure(struct exchange *exchange, bool committed,
                        const struct sql_error *error);

/* ---- cursor.c ---- */

/* The same for {"baton","batch"}: check returns 0, or -1 with error 400, and
 * answer takes ownership of stream. A streamed answer keeps the request's body,
 * and the bytes that the body has taken out of the server's budget of memory.
 */
int sql_cursor_check(const json_t *body, struct sql_error *error);
void sql_cursor_answer(struct sql_request *request, struct sql_stream *stream);

/* Finds the oldest streamed answer from that database that waits for its
 * client, and ends its step. The client will read an error of that step.
 * Returns false if there is no such answer. */
bool sql_cursors_end_oldest(struct sql *sql,
                            const struct sql_database *database);

/* ---- request.c ---- */

enum sql_call {
    SQL_PIPELINE,
    SQL_CURSOR,
    SQL_V1_EXECUTE,
    SQL_V1_BATCH,
};

struct sql_request {
    struct exchange *exchange; /* borrowed; sql_request_run fills its
                                  response */
    enum sql_call call;
    unsigned version;  /* of the protocol: 1, 2 or 3 */
    struct text name;  /* of the database; borrowed from exchange->path */
    json_t *body;      /* owned; checked */
    size_t tree_bytes; /* what body has taken out of the server's budget of
                          memory */
    struct sql_stream *stream; /* owned; NULL: not taken yet, or used */
    bool hurry;                /* its connection must not wait for locks */
};

/* Reads and checks exchange->body; borrows exchange and name. The caller owns
 * the result (sql_request_close). Returns NULL with error. */
struct sql_request *sql_request_read(struct exchange *exchange,
                                     enum sql_call call, unsigned version,
                                     struct text name, struct sql_error *error);

/* Runs the request and fills the response, without the CORS fields. May block.
 */
void sql_request_run(struct sql_request *request);

/* ---- stream.c ---- */

struct sql_streams *sql_streams_open(void);
void sql_streams_close(struct sql_streams *streams);
void sql_streams_tick(struct sql_streams *streams, uint64_t now_ms);

/* Ends the oldest transaction of that database that only reads and whose client
 * is away. The next request with its baton gets the reason as an error. Returns
 * false if there is no such transaction. */
bool sql_streams_end_oldest(struct sql *sql,
                            const struct sql_database *database);

/* Makes a stream with that connection and takes ownership of it. The caller
 * owns the stream (sql_stream_give or sql_stream_drop). Returns NULL with error
 * without memory; the connection is then still the caller's. */
struct sql_stream *sql_stream_new(const struct exchange *exchange,
                                  struct sql_connection *connection,
                                  struct sql_error *error);

/* Returns the stream of that baton and consumes the baton. If baton is null or
 * NULL, or holds only a session, makes a new stream. The caller owns the
 * stream. Returns NULL with error: a 400, or the error of sql_take. May block.
 */
struct sql_stream *sql_stream_take(struct exchange *exchange, struct text name,
                                   const json_t *baton,
                                   struct sql_error *error);

/* True if no connection is kept for that baton: it is null or NULL, or it is
 * only a session. Then *session is set to that session, or to zeros. */
bool sql_baton_is_free(const json_t *baton, struct sql_session *session);

/* Gives the stream back. Keeps it if it has state (an open transaction, stored
 * texts, settings, temporary tables) and the client did not ask to close it;
 * writes its new baton. Otherwise drops it and writes its session as a baton,
 * or "". Takes ownership of stream. Returns 0, or -1 with error: 429 if there
 * are too many streams, 500 without random numbers; the stream is then dropped.
 */
int sql_stream_give(struct sql_stream *stream, char baton[SQL_BATON_MAX + 1],
                    struct sql_error *error);

/* Rolls back, gives the connection back and frees the stream. */
void sql_stream_drop(struct sql_stream *stream);

#endif
