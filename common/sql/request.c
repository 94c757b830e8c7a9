/* request.c - a request of the protocol, from its body to what it needs.
 *
 * exchange->body -> JSON, checked -> [need: each statement is compiled, and
 *   SQLite says whether it writes] -> stream -> answer (hrana.c,
 *   cursor.c)
 *
 * Only one thread at a time uses a request, but each step may run in another
 * thread. */
#include "sql/request.h"

#include "config/settings.h"
#include "core/server.h"
#include "sql/cache.h"
#include "sql/cursor.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/hrana.h"
#include "sql/internal.h"
#include "sql/json.h"
#include "sql/session.h"
#include "sql/sql.h"
#include "sql/stmt.h"
#include "sql/stream.h"
#include "sql/text.h"
#include "sql/time_left.h"

#include <stdlib.h>

enum {
    JSON_VALUES_MIN = 65536, /* so many are always allowed */
    TREE_SHORT_BYTES = 512,  /* of a body whose tree is not counted */
    /* About what Jansson allocates: for an object with its table, for an array,
     * and for a value with its place in one of these. */
    TREE_OBJECT_BYTES = 256,
    TREE_ARRAY_BYTES = 128,
    TREE_VALUE_BYTES = 96,
};

static int shape_check(const struct sql_request *request,
                       struct sql_error *error)
{
    switch (request->call) {
    case SQL_PIPELINE:
        return sql_pipeline_check(request->body, request->version, error);
    case SQL_CURSOR:
        return sql_cursor_check(request->body, error);
    case SQL_V1_EXECUTE:
    case SQL_V1_BATCH:
        break;
    }
    return sql_v1_check(request->body, request->call == SQL_V1_BATCH, error);
}

/* The size of the tree of values that Jansson makes of a text. */
struct tree {
    size_t values; /* at most so many: each {, [ and comma counts as one */
    size_t bytes;  /* about what they take, without the text itself */
};

/* Estimates the tree of the text. Stops after more than `most` values. */
static struct tree tree_of(struct text text, size_t most)
{
    struct tree tree = {0};
    bool in_string = false;
    for (size_t i = 0; i < text.length && tree.values <= most; i++) {
        char c = text.data[i];
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[' || c == ',')) {
            tree.values++;
            tree.bytes += c == '{'   ? TREE_OBJECT_BYTES
                          : c == '[' ? TREE_ARRAY_BYTES
                                     : TREE_VALUE_BYTES;
        }
    }
    return tree;
}

/* Takes the memory of the tree and its text from the budget. It is given back
 * by sql_request_close, or at its end by the cursor that has taken it over.
 * Returns 0, or -1 with error 413 or 503. */
static int take_tree(struct sql_request *request, struct tree tree,
                     struct sql_error *error)
{
    struct budget *budget = request->exchange->server->budget;
    size_t bytes = tree.bytes + request->exchange->body.length;
    if (budget != NULL && budget->max != 0 && bytes > budget->max / 2)
        return sql_fail(error, 413, "TOO_LARGE",
                        "the body needs more memory than there is; send fewer "
                        "values at a time");
    if (!budget_take(budget, 0, bytes))
        return sql_fail(error, 503, "SQLITE_NOMEM",
                        "There is no memory for the request now; try again");
    request->tree_bytes = bytes;
    return 0;
}

/* Returns the body, owned by the caller. If it is no JSON object, error says
 * why, and the result may be NULL.
 *
 * A body with too many values is refused: the three bytes "{}," become 240 in
 * memory. No honest request has one value for every 8 bytes of the longest
 * body. */
static json_t *read_body(struct sql_request *request, struct sql_error *error)
{
    const struct exchange *exchange = request->exchange;
    struct text body = exchange->body;
    uint64_t most = sql_of(exchange)->settings->body_bytes / 8;
    json_error_t where;
    if (most < JSON_VALUES_MIN)
        most = JSON_VALUES_MIN;
    if (body.length > TREE_SHORT_BYTES) {
        struct tree tree = tree_of(body, most);
        if (tree.values > most) {
            sql_fail(error, 413, "TOO_LARGE",
                     "the body has more than %llu values; send fewer at a time",
                     (unsigned long long)most);
            return NULL;
        }
        if (take_tree(request, tree, error) < 0)
            return NULL;
    }
    bool no_memory;
    json_t *made = sql_json_read(body, &where, &no_memory);
    if (no_memory)
        sql_fail(error, 500, "INTERNAL", "out of memory");
    else if (made == NULL)
        sql_fail(error, 400, "BAD_REQUEST",
                 "the body is not JSON: %s (line %d, column %d)", where.text,
                 where.line, where.column);
    else if (!json_is_object(made))
        sql_fail(error, 400, "BAD_REQUEST", "the body must be a JSON object");
    return made;
}

struct sql_request *sql_request_read(struct exchange *exchange,
                                     enum sql_call call, unsigned version,
                                     struct text name, struct sql_error *error)
{
    struct sql_request *made = calloc(1, sizeof *made);
    if (made == NULL) {
        sql_fail(error, 500, "INTERNAL", "out of memory");
        return NULL;
    }
    *made = (struct sql_request){
        .exchange = exchange, .call = call, .version = version, .name = name};
    made->body = read_body(made, error);
    if (json_is_object(made->body) && shape_check(made, error) == 0)
        return made;
    sql_request_close(made);
    return NULL;
}

void sql_request_close(struct sql_request *request)
{
    if (request == NULL)
        return;
    if (request->stream != NULL)
        sql_stream_drop(request->stream);
    json_decref(request->body);
    budget_give(request->exchange->server->budget, request->tree_bytes, 0);
    free(request);
}

/* ---- answering ---- */

/* Borrowed; NULL: none. Version 1 of the protocol has no batons. */
static const json_t *baton_of(const struct sql_request *request)
{
    return request->version == 1 ? NULL
                                 : json_object_get(request->body, "baton");
}

static int take_stream(struct sql_request *request, struct sql_error *error)
{
    if (request->stream == NULL)
        request->stream = sql_stream_take(request->exchange, request->name,
                                          baton_of(request), error);
    if (request->stream == NULL)
        return -1;
    request->stream->version = request->version;
    struct sql_session session;
    if (sql_baton_is_free(baton_of(request), &session))
        sql_session_start(request->stream->connection, session);
    return 0;
}

void sql_request_hurry(struct sql_request *request)
{
    request->hurry = true;
}

void sql_request_run(struct sql_request *request)
{
    struct sql_error error;
    if (take_stream(request, &error) < 0) {
        sql_answer_error(request->exchange, &error);
        return;
    }
    struct sql_stream *stream = request->stream;
    request->stream = NULL;
    if (!stream->borrows)
        stream->connection->no_wait = request->hurry;
    sql_watch_client(stream->connection, request->exchange->fd);
    switch (request->call) {
    case SQL_PIPELINE:
        sql_pipeline_answer(request->exchange, stream, request->body);
        break;
    case SQL_CURSOR:
        sql_cursor_answer(request, stream);
        break;
    case SQL_V1_EXECUTE:
    case SQL_V1_BATCH:
        sql_v1_answer(request->exchange, stream, request->body,
                      request->call == SQL_V1_BATCH);
        break;
    }
}

/* ---- what it needs ---- */

/* What is known so far about the statements of a request. */
struct survey {
    struct sql_request *request;
    bool writes; /* a statement writes, or may write */
    bool alone;  /* must not share a transaction with other requests */
    bool own;    /* leaves state on its connection */
    /* The parts that store a text; at most as many as a stream can store. Every
     * part searches this list. Without a limit the time would grow with the
     * square of their number. */
    const json_t *stored[SQL_STORED_MAX];
    size_t stored_count;
};

/* Returns the text that an earlier part of the same request stores under that
 * id. Borrowed; NULL: there is none. */
static const json_t *stored_here(const struct survey *survey, const json_t *id)
{
    for (size_t i = survey->stored_count; i > 0; i--) {
        const json_t *part = survey->stored[i - 1];
        if (json_equal(json_object_get(part, "sql_id"), id))
            return json_object_get(part, "sql");
    }
    return NULL;
}

/* Compiles the text of object, and notes what it needs. runs is false if the
 * text is only described. */
static void survey_text(struct survey *survey, const json_t *object, bool runs)
{
    struct sql_stream *stream = survey->request->stream;
    struct sql_error error;
    struct text sql;
    const struct sql_statement *statement = NULL;
    if (sql_text_of(stream, object, &sql, &error) < 0) {
        const json_t *stored =
            stored_here(survey, json_object_get(object, "sql_id"));
        sql = (struct text){json_string_value(stored),
                            json_string_length(stored)};
    }
    bool writes;
    if (sql.data != NULL && sql_text_is_pragma(sql, &writes)) {
        survey->own = survey->alone = true;
        survey->writes = survey->writes || (writes && runs);
        return;
    }
    if (sql.data != NULL)
        statement = sql_prepare(stream->connection, sql, &error);
    if (statement == NULL) {
        survey->writes = survey->alone = true;
        return;
    }
    if (!runs)
        return;
    if (!statement->read_only)
        survey->writes = true;
    if (statement->is_transaction)
        survey->own = survey->alone = true;
    if (statement->is_vacuum)
        survey->alone = true;
}

static void survey_batch(struct survey *survey, const json_t *batch)
{
    const json_t *steps = json_object_get(batch, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++)
        survey_text(survey, json_object_get(json_array_get(steps, i), "stmt"),
                    true);
}

static void survey_part(struct survey *survey, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    if (strcmp(type, "execute") == 0) {
        survey_text(survey, json_object_get(part, "stmt"), true);
    } else if (strcmp(type, "describe") == 0) {
        /* A client that may write can describe texts that a read-only
         * connection does not compile, as CREATE TEMP TABLE. Such a text counts
         * as a write. */
        survey_text(survey, part, false);
    } else if (strcmp(type, "batch") == 0) {
        survey_batch(survey, json_object_get(part, "batch"));
    } else if (strcmp(type, "sequence") == 0) {
        /* Its statements are compiled one by one as they run. Here, a text of
         * more than one statement cannot be compiled, so it counts as a write.
         */
        survey_text(survey, part, true);
        survey->alone = true;
    } else if (strcmp(type, "store_sql") == 0) {
        survey->own = survey->alone = true;
        if (survey->stored_count < SQL_STORED_MAX)
            survey->stored[survey->stored_count++] = part;
    }
}

static void survey_all(struct survey *survey)
{
    const json_t *body = survey->request->body;
    const json_t *requests = json_object_get(body, "requests");
    switch (survey->request->call) {
    case SQL_PIPELINE:
        for (size_t i = 0; i < json_array_size(requests); i++)
            survey_part(survey, json_array_get(requests, i));
        break;
    case SQL_V1_EXECUTE:
        survey_text(survey, json_object_get(body, "stmt"), true);
        break;
    case SQL_CURSOR:
    case SQL_V1_BATCH:
        survey_batch(survey, json_object_get(body, "batch"));
        break;
    }
}

/* Sets request->stream to one that can compile: the stream of the baton, or a
 * new one on a read-only connection. There a write can be compiled, although it
 * could not be run. Returns 0, or -1. */
static int survey_stream(struct sql_request *request, bool fresh)
{
    struct sql_error error;
    if (!fresh)
        return take_stream(request, &error);
    struct sql_connection *connection =
        sql_take(sql_of(request->exchange), request->name, SQL_READ, &error);
    if (connection != NULL)
        request->stream = sql_stream_new(request->exchange, connection, &error);
    if (request->stream != NULL)
        return 0;
    sql_give(connection);
    return -1;
}

/* A statement that begins with one of these four words writes, and may share a
 * transaction with other requests. Nothing has to be compiled to know that, and
 * most writes are of this kind. */
static bool is_plain_write(const json_t *stmt)
{
    static const struct text words[] = {
        {"INSERT ", 7}, {"UPDATE ", 7}, {"DELETE ", 7}, {"REPLACE ", 8}};
    const json_t *sql = json_object_get(stmt, "sql");
    struct text text = {json_string_value(sql), json_string_length(sql)};
    for (size_t i = 0; text.data != NULL && i < sizeof words / sizeof words[0];
         i++)
        if (text.length > words[i].length &&
            text_equal_nocase((struct text){text.data, words[i].length},
                              words[i]))
            return true;
    return false;
}

/* True if all parts of a pipeline are such statements; the last part may also
 * be "close". */
static bool only_plain_writes(const struct sql_request *request)
{
    const json_t *requests = json_object_get(request->body, "requests");
    size_t count = json_array_size(requests);
    for (size_t i = 0; i < count; i++) {
        const json_t *part = json_array_get(requests, i);
        const char *type = json_string_value(json_object_get(part, "type"));
        bool ends = i + 1 == count && i > 0 && strcmp(type, "close") == 0;
        if (!ends && (strcmp(type, "execute") != 0 ||
                      !is_plain_write(json_object_get(part, "stmt"))))
            return false;
    }
    return count > 0;
}

enum sql_need sql_request_need(struct sql_request *request)
{
    struct survey survey = {.request = request};
    struct sql_session session;
    bool fresh = sql_baton_is_free(baton_of(request), &session);
    if (request->exchange->may_write && fresh && only_plain_writes(request))
        return SQL_NEED_GROUP;
    if (survey_stream(request, fresh) < 0)
        /* The baton is not valid, or the database does not exist (yet). In
         * sql_request_run this becomes the error, or creates the database. */
        return fresh ? SQL_NEED_WRITE : SQL_NEED_OWN;
    if (!fresh && request->stream->connection->holds_lock)
        return SQL_NEED_OWN;
    if (fresh && !request->exchange->may_write)
        return SQL_NEED_READ; /* its writes will be refused */
    survey_all(&survey);
    if (!fresh)
        return survey.writes ? SQL_NEED_WRITE : SQL_NEED_OWN;
    if (!survey.writes && !survey.own)
        return SQL_NEED_READ;
    sql_stream_drop(request->stream);
    request->stream = NULL;
    if (!survey.writes)
        return SQL_NEED_OWN;
    return survey.alone ? SQL_NEED_WRITE : SQL_NEED_GROUP;
}
