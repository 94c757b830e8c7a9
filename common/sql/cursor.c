/* cursor.c - a batch whose rows are sent as they are found.
 *
 * body -> which way? -> [baton line] -> step_begin, row ..., step_end -> out
 *
 * A cursor is such an answer; a step is one statement of the batch. Only
 * statements that read, outside of a transaction, are streamed: then a slow
 * client delays no other client. Everything else runs to its end before the
 * first byte is sent. Its answer is collected in memory, up to the limit of an
 * answer. This also lets the first line say for certain whether there is a
 * baton. */
#include "sql/cursor.h"

#include "base/json.h"
#include "config/settings.h"
#include "core/server.h"
#include "sql/cache.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/hrana.h"
#include "sql/internal.h"
#include "sql/request.h"
#include "sql/run.h"
#include "sql/session.h"
#include "sql/stmt.h"
#include "sql/stream.h"
#include "sql/text.h"
#include "sql/value.h"

#include <stdlib.h>

enum { CURSOR_PIECE_BYTES = 16384 };

struct sql_cursor {
    struct sql_stream *stream; /* owned */
    json_t *body;              /* owned; bindings point into it */
    struct budget *budget;     /* borrowed; tree_bytes are taken from it */
    size_t tree_bytes;         /* memory of body */
    const json_t *steps;       /* array in body */
    enum sql_outcome *outcomes;
    size_t step;   /* index of the one that runs or is next */
    bool fresh;    /* the first line is still to be sent */
    bool running;  /* run has been started */
    bool began;    /* step_begin has been written */
    bool streamed; /* counted in sql->cursors and listed there */
    bool ended;    /* by sql_cursors_end_oldest; the step will fail */

    /* Held by the thread that makes a piece of the answer, or by one that ends
     * the step between two pieces. */
    pthread_mutex_t lock;
    TAILQ_ENTRY(sql_cursor) by_age; /* under sql->cursors_lock */
    uint64_t sent;                  /* bytes of pieces before this one */
    struct sql_run run;
};

static const json_t *cursor_step(const struct sql_cursor *cursor)
{
    return json_array_get(cursor->steps, cursor->step);
}

static void cursor_append_index(struct sql_cursor *cursor,
                                struct message_buffer *out, const char *type)
{
    json_append_open(out, '{');
    json_member_text(out, "type", text_of(type));
    json_member_number(out, "step", cursor->step);
}

static void cursor_leave_step(struct sql_cursor *cursor,
                              enum sql_outcome outcome)
{
    if (cursor->running)
        sql_run_finish(&cursor->run);
    cursor->running = cursor->began = false;
    cursor->outcomes[cursor->step++] = outcome;
}

static void cursor_fail_step(struct sql_cursor *cursor,
                             struct message_buffer *out,
                             const struct sql_error *error)
{
    sql_answer_goes_on(cursor->stream, out);
    cursor_append_index(cursor, out, "step_error");
    json_append_key(out, "error");
    sql_append_error(out, error);
    buffer_append_text(out, TEXT("}\n"));
    cursor_leave_step(cursor, STEP_FAILED);
}

/* Starts the next step, or skips it. */
static void cursor_enter_step(struct sql_cursor *cursor,
                              struct message_buffer *out)
{
    struct sql_error error;
    const json_t *step = cursor_step(cursor);
    if (!sql_condition_holds(json_object_get(step, "condition"),
                             cursor->outcomes, cursor->stream)) {
        cursor_leave_step(cursor, STEP_SKIPPED);
        return;
    }
    struct sql *sql = cursor->stream->connection->sql;
    if (sql_check_bytes(sql, cursor->sent + buffer_length(out), &error) < 0 ||
        sql_stmt_start(&cursor->run, cursor->stream,
                       json_object_get(step, "stmt"), &error) < 0)
        cursor_fail_step(cursor, out, &error);
    else
        cursor->running = true;
}

/* Appends one row, or the end of a step. */
static void cursor_move(struct sql_cursor *cursor, struct message_buffer *out)
{
    struct sql_error error;
    struct sql_run *run = &cursor->run;
    bool want_rows =
        sql_stmt_wants_rows(json_object_get(cursor_step(cursor), "stmt"));
    int more = sql_run_step(run, want_rows, &error);
    if (more >= 0 && !cursor->began) {
        cursor_append_index(cursor, out, "step_begin");
        json_append_key(out, "cols");
        sql_append_columns(out, run->statement);
        buffer_append_text(out, TEXT("}\n"));
        cursor->began = true;
    }
    if (more > 0 && want_rows) {
        size_t start = buffer_length(out);
        json_append_open(out, '{');
        json_member_text(out, "type", TEXT("row"));
        json_append_key(out, "row");
        if (sql_append_row(out, run, cursor->sent, &error) == 0) {
            buffer_append_text(out, TEXT("}\n"));
        } else {
            sql_cut(out, start);
            more = -1;
        }
    }
    if (more < 0) {
        cursor_fail_step(cursor, out, &error);
    } else if (more == 0) {
        json_append_open(out, '{');
        json_member_text(out, "type", TEXT("step_end"));
        sql_append_effect(out, run);
        buffer_append_text(out, TEXT("}\n"));
        cursor_leave_step(cursor, STEP_OK);
    }
}

/* Appends until out holds enough bytes, or has failed, and returns 1; or until
 * the batch has ended, and returns 0. */
static int cursor_fill(struct sql_cursor *cursor, struct message_buffer *out,
                       size_t enough)
{
    while (buffer_length(out) < enough && !out->failed) {
        if (cursor->step >= json_array_size(cursor->steps))
            return 0;
        if (cursor->running)
            cursor_move(cursor, out);
        else
            cursor_enter_step(cursor, out);
    }
    return 1;
}

/* A thread that goes through the list may be looking at this cursor. So the
 * cursor leaves the list before any part of it is freed. */
static void cursor_unlist(struct sql_cursor *cursor)
{
    struct sql *sql = cursor->stream->connection->sql;
    pthread_mutex_lock(&sql->cursors_lock);
    TAILQ_REMOVE(&sql->cursors_by_age, cursor, by_age);
    pthread_mutex_unlock(&sql->cursors_lock);
    atomic_fetch_sub(&sql->cursors, 1);
}

static void cursor_free(struct sql_cursor *cursor)
{
    if (cursor->streamed)
        cursor_unlist(cursor);
    pthread_mutex_destroy(&cursor->lock);
    if (cursor->running)
        sql_run_finish(&cursor->run);
    if (cursor->stream != NULL)
        sql_stream_drop(cursor->stream);
    json_decref(cursor->body);
    budget_give(cursor->budget, cursor->tree_bytes, 0);
    free(cursor->outcomes);
    free(cursor);
}

/* ---- ended for the WAL ---- */

bool sql_cursors_end_oldest(struct sql *sql,
                            const struct sql_database *database)
{
    bool found = false;
    pthread_mutex_lock(&sql->cursors_lock);
    struct sql_cursor *cursor;
    TAILQ_FOREACH(cursor, &sql->cursors_by_age, by_age) {
        /* If the lock is held, a thread is making a piece now: that cursor
         * does not wait for its client. */
        if (cursor->stream->connection->database != database ||
            pthread_mutex_trylock(&cursor->lock) != 0)
            continue;
        found = cursor->running;
        if (found) {
            sql_run_finish(&cursor->run);
            cursor->running = false;
            cursor->ended = true;
        }
        pthread_mutex_unlock(&cursor->lock);
        if (found)
            break;
    }
    pthread_mutex_unlock(&sql->cursors_lock);
    return found;
}

/* True while the WAL is too long because of the snapshots of readers (wal.c).
 */
static bool cursor_must_end(const struct sql_cursor *cursor)
{
    return atomic_load(&cursor->stream->connection->database->wal_is_full);
}

static void cursor_fail_ended(struct sql_cursor *cursor,
                              struct message_buffer *out)
{
    struct sql_error error;
    sql_fail(&error, 400, "TRANSACTION_TIMEOUT",
             "The rows were not read in time: what they come from had grown "
             "beyond sqlite.wal_bytes");
    cursor->ended = false;
    cursor_fail_step(cursor, out, &error);
}

/* ---- as a source ---- */

/* A streamed batch only reads, so its session (session.c) will be the same at
 * its end as it is now. */
static void cursor_append_first(const struct sql_cursor *cursor,
                                struct message_buffer *out)
{
    char baton[SQL_SESSION_BYTES + 1];
    sql_session_write(cursor->stream->connection, baton);
    json_append_open(out, '{');
    json_append_key(out, "baton");
    if (baton[0] != '\0')
        json_append_text(out, text_of(baton));
    else
        json_append_null(out);
    json_append_key(out, "base_url");
    json_append_null(out);
    buffer_append_text(out, TEXT("}\n"));
}

static int cursor_more(void *state, struct message_buffer *out)
{
    struct sql_cursor *cursor = state;
    size_t before = buffer_length(out);
    pthread_mutex_lock(&cursor->lock);
    if (cursor->fresh)
        cursor_append_first(cursor, out);
    cursor->fresh = false;
    if (cursor->ended)
        cursor_fail_ended(cursor, out);
    int more = cursor_fill(cursor, out, before + CURSOR_PIECE_BYTES);
    if (cursor->running && cursor_must_end(cursor))
        cursor_fail_ended(cursor, out);
    cursor->sent += buffer_length(out) - before;
    if (cursor->running)
        sql_run_pause(&cursor->run);
    pthread_mutex_unlock(&cursor->lock);
    return out->failed ? -1 : more;
}

static void cursor_close(void *state)
{
    cursor_free(state);
}

static const struct response_source cursor_source = {cursor_more, cursor_close};

/* True if the client may read at its own pace: every step only reads, the
 * stream has no state to keep, and few other answers are streamed. False if a
 * step cannot be compiled yet, as when an earlier step makes its table. */
static bool cursor_may_stream(struct sql_cursor *cursor)
{
    struct sql_connection *connection = cursor->stream->connection;
    if (!SLIST_EMPTY(&cursor->stream->stored) || connection->has_state ||
        !sql_is_autocommit(connection))
        return false;
    for (size_t i = 0; i < json_array_size(cursor->steps); i++) {
        struct sql_error error;
        struct text sql;
        const json_t *stmt =
            json_object_get(json_array_get(cursor->steps, i), "stmt");
        bool writes;
        if (sql_text_of(cursor->stream, stmt, &sql, &error) < 0 ||
            sql_text_is_pragma(sql, &writes))
            return false;
        const struct sql_statement *statement =
            sql_prepare(connection, sql, &error);
        if (statement == NULL || !statement->read_only ||
            statement->is_transaction)
            return false;
    }
    /* Slow clients must not use up all file descriptors (a connection has
     * several), nor occupy all databases that may be open. */
    struct sql *sql = connection->sql;
    if (!cursor->stream->may_write && !sql_occupy(connection))
        return false;
    cursor->streamed =
        atomic_fetch_add(&sql->cursors, 1) < sql->settings->sqlite_streams;
    if (!cursor->streamed) {
        atomic_fetch_sub(&sql->cursors, 1);
        return false;
    }
    pthread_mutex_lock(&sql->cursors_lock);
    TAILQ_INSERT_TAIL(&sql->cursors_by_age, cursor, by_age);
    pthread_mutex_unlock(&sql->cursors_lock);
    return true;
}

/* Runs the whole batch, then answers. Frees cursor. */
static void cursor_answer_whole(struct sql_cursor *cursor,
                                struct exchange *exchange)
{
    struct response *response = &exchange->response;
    struct message_buffer *out = &response->memory;
    struct sql_connection *connection = cursor->stream->connection;
    struct sql_error error;
    char baton[SQL_BATON_MAX + 1];
    bool committed = false;
    int result = sql_head_begin(response, "text/plain", &error);
    if (result == 0) {
        buffer_append_text(out, TEXT("}\n"));
        cursor_fill(cursor, out, SIZE_MAX);
        committed = connection->committed;
        result = sql_check_room(connection, out, &error);
    }
    if (result == 0) {
        result = sql_stream_give(cursor->stream, baton, &error);
        cursor->stream = NULL;
    }
    if (result == 0)
        sql_head_end(response, baton);
    else
        sql_answer_failure(exchange, committed, &error);
    cursor_free(cursor);
}

int sql_cursor_check(const json_t *body, struct sql_error *error)
{
    return sql_batch_check(json_object_get(body, "batch"), 3, error);
}

void sql_cursor_answer(struct sql_request *request, struct sql_stream *stream)
{
    struct exchange *exchange = request->exchange;
    json_t *body = json_incref(request->body);
    const json_t *steps =
        json_object_get(json_object_get(body, "batch"), "steps");
    struct sql_cursor *cursor = calloc(1, sizeof *cursor);
    enum sql_outcome *outcomes =
        calloc(json_array_size(steps) + 1, sizeof *outcomes);
    if (cursor == NULL || outcomes == NULL) {
        free(cursor);
        free(outcomes);
        sql_stream_drop(stream);
        json_decref(body);
        response_error_json(&exchange->response, 500, "INTERNAL",
                            "out of memory");
        return;
    }
    *cursor = (struct sql_cursor){
        .stream = stream, .body = body, .steps = steps, .outcomes = outcomes};
    pthread_mutex_init(&cursor->lock, NULL);
    if (!cursor_may_stream(cursor)) {
        cursor_answer_whole(cursor, exchange);
        return;
    }
    /* The cursor lives longer than the request, so it takes over the memory of
     * the body. */
    cursor->budget = exchange->server->budget;
    cursor->tree_bytes = request->tree_bytes;
    request->tree_bytes = 0;
    struct response *response = &exchange->response;
    response->status = 200;
    response_field(response, "Content-Type", "text/plain");
    response->source = &cursor_source;
    response->source_state = cursor;
    cursor->fresh = true;
}
