/* hrana.h - the requests of a stream, between request.c (a request in
 * steps), hrana.c (what its parts do), stmt.c (a statement in JSON),
 * stream.c (where a stream is kept) and cursor.c. */
#ifndef FIVEFOLD_SQL_HRANA_H
#define FIVEFOLD_SQL_HRANA_H

#include "sql/internal.h"

#include <jansson.h>
#include <sys/queue.h>

enum {
    SQL_BATON_BYTES = 32,              /* 24 random ones in base64 */
    SQL_BATON_MAX = SQL_SESSION_BYTES, /* of one of either kind */
    SQL_STORED_MAX = 50,               /* texts per stream */
    SQL_STORED_BYTES = 5000,           /* of one */
    SQL_CONDITION_DEPTH = 32,
    SQL_STEPS_MAX = 10000, /* of one batch */
};

struct sql_stored {
    int64_t id;
    char *text; /* owned */
    size_t length;
    SLIST_ENTRY(sql_stored) link;
};

/* A client's connection with its texts, for one request or several. */
struct sql_stream {
    /* The holder's. */
    struct sql_connection *connection; /* owned, unless it borrows it */
    bool borrows;
    SLIST_HEAD(, sql_stored) stored; /* owned */
    size_t stored_count;
    bool close;       /* asked for */
    unsigned version; /* of the protocol, of this request: 1, 2 or 3 */

    /* Fixed once kept. */
    char user[USER_MAX + 1];
    bool may_write;

    /* The table's, under its lock. */
    char baton[SQL_BATON_BYTES + 1];
    bool counted; /* from when it is kept until it is dropped */
    uint64_t idle_until_ms;
    uint64_t transaction_until_ms; /* 0: none open, or no limit */
    struct table_link by_baton;
    SLIST_ENTRY(sql_stream) late; /* of those to be dropped */
};

/* ---- json.c ---- */

/* Before any other call of jansson's. Any number of times. */
void sql_json_open(void);

/* Reads text as JSON. NULL: *no_memory, or else it is none and *where says
 * why. */
json_t *sql_json_read(struct text text, json_error_t *where, bool *no_memory);

/* ---- hrana.c ---- */

/* A statement has failed, and what out had of it has been cut off. If the
 * reason was that out found no memory: a request that has written nothing, and
 * resumes no stream, is 503 as a whole, as it can be sent again; out stays
 * failed. Otherwise its client must learn what has been done: out is good
 * again, for the error and for what follows. */
void sql_answer_goes_on(const struct sql_stream *stream,
                        struct message_buffer *out);

/* ---- stmt.c ---- */

/* The shape of a Stmt, a Batch, is what hrana.md says. Returns 0, or -1 with
 * a 400. */
int sql_stmt_check(const json_t *stmt, struct sql_error *error);
int sql_batch_check(const json_t *batch, unsigned version,
                    struct sql_error *error);

/* Where exactly one of sql, sql_id must be. */
int sql_text_check(const json_t *object, struct sql_error *error);

/* The text of sql or sql_id; borrowed. */
int sql_text_of(struct sql_stream *stream, const json_t *object,
                struct text *sql, struct sql_error *error);

/* Prepares, starts and binds a checked stmt. sql_run_finish is due when 0. */
int sql_stmt_start(struct sql_run *run, struct sql_stream *stream,
                   const json_t *stmt, struct sql_error *error);
bool sql_stmt_wants_rows(const json_t *stmt);

/* Runs a checked stmt and appends its StmtResult. On -1 nothing is appended. */
int sql_stmt_execute(struct sql_stream *stream, const json_t *stmt,
                     struct message_buffer *out, struct sql_error *error);

/* Appends "affected_row_count":..,"last_insert_rowid":.. */
void sql_append_effect(struct message_buffer *out, const struct sql_run *run);

/* Appends [Value,...] of the current row. Returns -1 with RESPONSE_TOO_LARGE
 * when that makes the answer, of which bytes_before are not in out, too long.
 */
int sql_append_row(struct message_buffer *out, const struct sql_run *run,
                   uint64_t bytes_before, struct sql_error *error);

enum sql_outcome { STEP_SKIPPED, STEP_OK, STEP_FAILED };

/* Judges a checked condition; NULL is true. */
bool sql_condition_holds(const json_t *condition,
                         const enum sql_outcome *outcomes,
                         const struct sql_stream *stream);

/* ---- hrana.c ---- */

/* Is the body {"baton","requests"}, or {"stmt"} or {"batch"} of v1? 0, or -1
 * with a 400. */
int sql_pipeline_check(const json_t *body, unsigned version,
                       struct sql_error *error);
int sql_v1_check(const json_t *body, bool batch, struct sql_error *error);

/* Answers a checked request. Both take stream. */
void sql_pipeline_answer(struct exchange *exchange, struct sql_stream *stream,
                         const json_t *body);
void sql_v1_answer(struct exchange *exchange, struct sql_stream *stream,
                   const json_t *body, bool batch);

/* The front of an answer, {"baton":...,"base_url":null: room for it is made at
 * the beginning, together with what else a short answer needs, so that nothing
 * is lacking once something is committed. Returns 0, or -1 with error 503. End
 * fills it in ("" is no baton), for which nothing can fail, and sets 200. */
int sql_head_begin(struct response *response, const char *type,
                   struct sql_error *error);
void sql_head_end(struct response *response, const char *baton);

/* The request as a whole has failed: answers so, unless something of it is
 * committed. Then nothing that could be said is true, and the connection is
 * closed without an answer. */
void sql_answer_failure(struct exchange *exchange, bool committed,
                        const struct sql_error *error);

/* ---- cursor.c ---- */

/* The same for {"baton","batch"}. An answer that is made as it is sent keeps
 * the request's body, and what that has taken out of the budget. */
int sql_cursor_check(const json_t *body, struct sql_error *error);
void sql_cursor_answer(struct sql_request *request, struct sql_stream *stream);

/* Ends the step of the oldest answer that is streamed from that database and
 * waits for its client, who will read an error of the step. False: there is
 * none. */
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
    struct exchange *exchange; /* borrowed; its response is filled */
    enum sql_call call;
    unsigned version;  /* of the protocol: 1, 2 or 3 */
    struct text name;  /* of the database; borrowed from exchange->path */
    json_t *body;      /* owned; checked */
    size_t tree_bytes; /* that body has taken out of the server's budget */
    struct sql_stream *stream; /* owned; NULL: not taken yet, or used */
    bool hurry;                /* the connection does not wait for locks */
};

/* Reads and checks exchange->body. NULL with error. */
struct sql_request *sql_request_read(struct exchange *exchange,
                                     enum sql_call call, unsigned version,
                                     struct text name, struct sql_error *error);

/* Runs it and fills the response, but for CORS. */
void sql_request_run(struct sql_request *request);

/* ---- stream.c ---- */

struct sql_streams *sql_streams_open(void);
void sql_streams_close(struct sql_streams *streams);
void sql_streams_tick(struct sql_streams *streams, uint64_t now_ms);

/* Ends the oldest transaction that only reads, of that database, whose client
 * is away: the next request with its baton is told why. False: there is none.
 */
bool sql_streams_end_oldest(struct sql *sql,
                            const struct sql_database *database);

/* A stream with that connection, which it takes; NULL without memory: it is
 * still the caller's. */
struct sql_stream *sql_stream_new(const struct exchange *exchange,
                                  struct sql_connection *connection,
                                  struct sql_error *error);

/* The stream of that baton, which is used up by it, or (baton null or NULL) a
 * new one. NULL with error: a 400, or sql_take's. */
struct sql_stream *sql_stream_take(struct exchange *exchange, struct text name,
                                   const json_t *baton,
                                   struct sql_error *error);

/* No connection is kept for that baton: it is null, or only a session, which
 * *session gets. */
bool sql_baton_is_free(const json_t *baton, struct sql_session *session);

/* Keeps the stream if it has state (an open transaction, stored texts,
 * settings, temporary tables) and close was not asked; writes its new baton.
 * If it has none that is a session, or "". Takes stream. Returns -1 with 429
 * when there are too many: it is then closed. */
int sql_stream_give(struct sql_stream *stream, char baton[SQL_BATON_MAX + 1],
                    struct sql_error *error);

/* Rolls back and closes. Takes stream. */
void sql_stream_drop(struct sql_stream *stream);

#endif
