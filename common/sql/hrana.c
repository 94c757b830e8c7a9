/* hrana.c - the requests of a stream, and the pipeline that carries them.
 *
 * body (JSON) -> checked as a whole -> stream -> each request in turn
 *   -> {"baton","base_url","results"}
 *
 * A stream is a client's connection to a database that may last for several
 * HTTP requests. The baton is the token with which the next request names it.
 * The baton comes before the results, but is known only after them: room is
 * left for it. A request that fails does not stop the others. */
#include "sql/hrana.h"

#include "base/clock.h"
#include "base/json.h"
#include "sql/cache.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/names.h"
#include "sql/run.h"
#include "sql/stmt.h"
#include "sql/stream.h"
#include "sql/text.h"
#include "sql/time_left.h"
#include "sql/value.h"

#include <stdlib.h>

/* ---- requests ---- */

struct request_kind {
    const char *type;
    unsigned version; /* the first that has it */
    int (*check)(const json_t *request, unsigned version,
                 struct sql_error *error);
    /* Appends the members of "response" that follow the type, with a leading
     * comma. Returns 0, or -1 with error: then the caller cuts off what was
     * appended. */
    int (*run)(struct sql_stream *stream, const json_t *request,
               struct message_buffer *out, struct sql_error *error);
};

static int check_execute(const json_t *request, unsigned version,
                         struct sql_error *error)
{
    (void)version;
    return sql_stmt_check(json_object_get(request, "stmt"), error);
}

static int run_execute(struct sql_stream *stream, const json_t *request,
                       struct message_buffer *out, struct sql_error *error)
{
    json_append_key(out, "result");
    return sql_stmt_execute(stream, json_object_get(request, "stmt"), out,
                            error);
}

static int check_batch(const json_t *request, unsigned version,
                       struct sql_error *error)
{
    return sql_batch_check(json_object_get(request, "batch"), version, error);
}

void sql_answer_goes_on(const struct sql_stream *stream,
                        struct message_buffer *out)
{
    if (stream->counted || stream->connection->wrote)
        out->failed = false;
}

/* Appends {"step_results":[...],"step_errors":[...]}. */
static int batch_execute(struct sql_stream *stream, const json_t *batch,
                         struct message_buffer *out, struct sql_error *error)
{
    const json_t *steps = json_object_get(batch, "steps");
    size_t count = json_array_size(steps);
    enum sql_outcome *outcomes = calloc(count + 1, sizeof *outcomes);
    if (outcomes == NULL)
        return sql_fail(error, 500, "INTERNAL", "out of memory");
    struct message_buffer errors = {.budget = out->budget};
    json_append_open(out, '{');
    json_append_key(out, "step_results");
    json_append_open(out, '[');
    for (size_t i = 0; i < count && !out->failed; i++) {
        const json_t *step = json_array_get(steps, i);
        struct sql_error failure;
        if (sql_condition_holds(json_object_get(step, "condition"), outcomes,
                                stream))
            outcomes[i] =
                sql_stmt_execute(stream, json_object_get(step, "stmt"), out,
                                 &failure) == 0
                    ? STEP_OK
                    : STEP_FAILED;
        if (outcomes[i] == STEP_FAILED)
            sql_answer_goes_on(stream, out);
        if (outcomes[i] != STEP_OK)
            json_append_null(out);
        if (outcomes[i] == STEP_FAILED)
            sql_append_error(&errors, &failure);
        else
            json_append_null(&errors);
    }
    json_append_close(out, ']');
    json_append_key(out, "step_errors");
    json_append_open(out, '[');
    buffer_append_text(out, buffer_text(&errors));
    json_append_close(out, ']');
    json_append_close(out, '}');
    out->failed = out->failed || errors.failed;
    buffer_release(&errors);
    free(outcomes);
    return 0;
}

static int run_batch(struct sql_stream *stream, const json_t *request,
                     struct message_buffer *out, struct sql_error *error)
{
    json_append_key(out, "result");
    return batch_execute(stream, json_object_get(request, "batch"), out, error);
}

static int check_text(const json_t *request, unsigned version,
                      struct sql_error *error)
{
    (void)version;
    return sql_text_check(request, error);
}

static int run_sequence(struct sql_stream *stream, const json_t *request,
                        struct message_buffer *out, struct sql_error *error)
{
    (void)out;
    struct text sql;
    if (sql_text_of(stream, request, &sql, error) < 0 ||
        sql_check_text(stream->connection->sql->settings, sql, error) < 0)
        return -1;
    for (;;) {
        struct sql_statement *statement =
            sql_compile(stream->connection, &sql, error);
        if (statement == NULL)
            return strcmp(error->code, "SQL_NO_STATEMENT") == 0 ? 0 : -1;
        struct sql_run run;
        int more = sql_run_start(&run, stream->connection, statement, error);
        if (more == 0)
            do
                more = sql_run_step(&run, false, error);
            while (more > 0);
        sql_run_finish(&run);
        sql_statement_free(statement);
        if (more < 0)
            return -1;
    }
}

static void append_parameters(struct message_buffer *out,
                              struct sql_statement *statement)
{
    int count = sqlite3_bind_parameter_count(statement->handle);
    for (int i = 1; i <= count; i++) {
        struct text name = sql_parameter_name(statement, i);
        json_append_open(out, '{');
        json_append_key(out, "name");
        if (name.data != NULL)
            json_append_text(out, name);
        else
            json_append_null(out);
        json_append_close(out, '}');
    }
}

static int run_describe(struct sql_stream *stream, const json_t *request,
                        struct message_buffer *out, struct sql_error *error)
{
    struct text sql;
    if (sql_check_bytes(stream->connection->sql, buffer_length(out), error) <
            0 ||
        sql_text_of(stream, request, &sql, error) < 0)
        return -1;
    stream->connection->describes = true;
    struct sql_statement *statement =
        sql_prepare(stream->connection, sql, error);
    stream->connection->describes = false;
    if (statement == NULL)
        return -1;
    json_append_key(out, "result");
    json_append_open(out, '{');
    json_append_key(out, "params");
    json_append_open(out, '[');
    uint64_t start_ns = clock_ns();
    append_parameters(out, statement);
    sql_time_spend(stream->connection, start_ns);
    json_append_close(out, ']');
    json_append_key(out, "cols");
    sql_append_columns(out, statement);
    json_append_key(out, "is_explain");
    json_append_bool(out, sqlite3_stmt_isexplain(statement->handle) != 0);
    json_append_key(out, "is_readonly");
    json_append_bool(out, statement->read_only);
    json_append_close(out, '}');
    return 0;
}

static int check_store(const json_t *request, unsigned version,
                       struct sql_error *error)
{
    (void)version;
    if (json_is_integer(json_object_get(request, "sql_id")) &&
        json_is_string(json_object_get(request, "sql")))
        return 0;
    return sql_fail(error, 400, "BAD_REQUEST",
                    "store_sql must have sql_id and sql");
}

static struct sql_stored *stored_find(struct sql_stream *stream, int64_t id)
{
    struct sql_stored *at;
    SLIST_FOREACH(at, &stream->stored, link)
        if (at->id == id)
            break;
    return at;
}

static int run_store(struct sql_stream *stream, const json_t *request,
                     struct message_buffer *out, struct sql_error *error)
{
    (void)out;
    int64_t id = json_integer_value(json_object_get(request, "sql_id"));
    const json_t *sql = json_object_get(request, "sql");
    size_t length = json_string_length(sql);
    if (stored_find(stream, id) != NULL)
        return sql_fail(error, 400, "SQL_STORE_EXISTS",
                        "SQL text %lld is already stored", (long long)id);
    if (stream->stored_count >= SQL_STORED_MAX)
        return sql_fail(error, 400, "SQL_STORE_TOO_MANY",
                        "at most %d SQL texts are stored", SQL_STORED_MAX);
    if (length > SQL_STORED_BYTES)
        return sql_fail(error, 400, "SQL_STORE_TOO_LARGE",
                        "a stored SQL text has at most %d bytes",
                        SQL_STORED_BYTES);
    struct sql_stored *made = malloc(sizeof *made);
    char *text = malloc(length + 1);
    if (made == NULL || text == NULL) {
        free(made);
        free(text);
        return sql_fail(error, 500, "INTERNAL", "out of memory");
    }
    memcpy(text, json_string_value(sql), length + 1);
    *made = (struct sql_stored){.id = id, .text = text, .length = length};
    SLIST_INSERT_HEAD(&stream->stored, made, link);
    stream->stored_count++;
    return 0;
}

static int check_close_sql(const json_t *request, unsigned version,
                           struct sql_error *error)
{
    (void)version;
    if (json_is_integer(json_object_get(request, "sql_id")))
        return 0;
    return sql_fail(error, 400, "BAD_REQUEST", "close_sql must have sql_id");
}

static int run_close_sql(struct sql_stream *stream, const json_t *request,
                         struct message_buffer *out, struct sql_error *error)
{
    (void)out, (void)error;
    int64_t id = json_integer_value(json_object_get(request, "sql_id"));
    struct sql_stored *found = stored_find(stream, id);
    if (found == NULL)
        return 0;
    SLIST_REMOVE(&stream->stored, found, sql_stored, link);
    stream->stored_count--;
    free(found->text);
    free(found);
    return 0;
}

static int run_get_autocommit(struct sql_stream *stream, const json_t *request,
                              struct message_buffer *out,
                              struct sql_error *error)
{
    (void)request, (void)error;
    json_append_key(out, "is_autocommit");
    json_append_bool(out, sql_is_autocommit(stream->connection));
    return 0;
}

static int run_close(struct sql_stream *stream, const json_t *request,
                     struct message_buffer *out, struct sql_error *error)
{
    (void)request, (void)out, (void)error;
    stream->close = true; /* sql_stream_give rolls back */
    return 0;
}

static const struct request_kind kinds[] = {
    {"execute", 2, check_execute, run_execute},
    {"batch", 2, check_batch, run_batch},
    {"sequence", 2, check_text, run_sequence},
    {"describe", 2, check_text, run_describe},
    {"store_sql", 2, check_store, run_store},
    {"close_sql", 2, check_close_sql, run_close_sql},
    {"get_autocommit", 3, NULL, run_get_autocommit},
    {"close", 2, NULL, run_close},
};

static const struct request_kind *kind_of(const json_t *request,
                                          unsigned version)
{
    const char *type = json_string_value(json_object_get(request, "type"));
    for (size_t i = 0; type && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(type, kinds[i].type) == 0 && kinds[i].version <= version)
            return &kinds[i];
    return NULL;
}

/* ---- the pipeline ---- */

static int requests_check(const json_t *requests, unsigned version,
                          struct sql_error *error)
{
    if (!json_is_array(requests))
        return sql_fail(error, 400, "BAD_REQUEST", "requests must be an array");
    for (size_t i = 0; i < json_array_size(requests); i++) {
        const json_t *request = json_array_get(requests, i);
        const struct request_kind *kind = kind_of(request, version);
        if (kind == NULL)
            return sql_fail(error, 400, "BAD_REQUEST",
                            "unknown type of request");
        if (kind->check != NULL && kind->check(request, version, error) < 0)
            return -1;
        if (kind->run == run_close && i + 1 < json_array_size(requests))
            return sql_fail(error, 400, "BAD_REQUEST",
                            "close must be the last request");
    }
    return 0;
}

static void request_answer(struct sql_stream *stream, const json_t *request,
                           struct message_buffer *out)
{
    const struct request_kind *kind = kind_of(request, stream->version);
    struct sql_error error;
    size_t start = buffer_length(out);
    json_append_open(out, '{');
    json_member_text(out, "type", TEXT("ok"));
    json_append_key(out, "response");
    json_append_open(out, '{');
    json_member_text(out, "type", text_of(kind->type));
    if (kind->run(stream, request, out, &error) == 0) {
        json_append_close(out, '}');
        json_append_close(out, '}');
        return;
    }
    sql_cut(out, start);
    sql_answer_goes_on(stream, out);
    json_append_open(out, '{');
    json_member_text(out, "type", TEXT("error"));
    json_append_key(out, "error");
    sql_append_error(out, &error);
    json_append_close(out, '}');
}

/* HEAD_BYTES is the length of what comes before the results, with the longest
 * baton. Only at the end is it known whether there is a baton. */
enum {
    HEAD_BYTES = sizeof "{\"baton\":\"\",\"base_url\":null" - 1 + SQL_BATON_MAX,
    SHORT_BYTES = 512, /* enough for most answers to a write */
    FIELDS_BYTES = 512,
};

/* Nothing has been run yet: the request may be sent again. */
static int fail_at_the_beginning(struct sql_error *error)
{
    return sql_fail(error, 503, "SQLITE_NOMEM",
                    "There is no memory for the answer now; try again");
}

int sql_head_begin(struct response *response, const char *type,
                   struct sql_error *error)
{
    struct message_buffer *out = &response->memory;
    buffer_reserve(&response->fields, FIELDS_BYTES);
    response_field(response, "Content-Type", "%s", type);
    if (buffer_reserve(out, HEAD_BYTES + SHORT_BYTES) == 0)
        buffer_filled(out, HEAD_BYTES);
    return out->failed || response->fields.failed ? fail_at_the_beginning(error)
                                                  : 0;
}

void sql_head_end(struct response *response, const char *baton)
{
    struct message_buffer *out = &response->memory;
    char head[HEAD_BYTES + 1];
    /* A baton needs no escaping, be it a stream's or a session. */
    int length =
        baton[0] == '\0'
            ? snprintf(head, sizeof head, "{\"baton\":null,\"base_url\":null")
            : snprintf(head, sizeof head, "{\"baton\":\"%s\",\"base_url\":null",
                       baton);
    size_t spare = HEAD_BYTES - (size_t)length;
    memcpy(buffer_start(out) + spare, head, (size_t)length);
    buffer_taken(out, spare);
    response->status = 200;
}

void sql_answer_failure(struct exchange *exchange, bool committed,
                        const struct sql_error *error)
{
    struct response *response = &exchange->response;
    if (!committed) {
        sql_answer_error(exchange, error);
        return;
    }
    response->status = 200;
    response->memory.failed = true; /* conn_start_answer closes */
}

int sql_pipeline_check(const json_t *body, unsigned version,
                       struct sql_error *error)
{
    return requests_check(json_object_get(body, "requests"), version, error);
}

void sql_pipeline_answer(struct exchange *exchange, struct sql_stream *stream,
                         const json_t *body)
{
    struct response *response = &exchange->response;
    struct message_buffer *out = &response->memory;
    const json_t *requests = json_object_get(body, "requests");
    struct sql_error error;
    char baton[SQL_BATON_MAX + 1];
    if (sql_head_begin(response, "application/json", &error) < 0) {
        sql_stream_drop(stream);
        sql_answer_error(exchange, &error);
        return;
    }
    /* sql_head_end writes what comes before this. */
    buffer_append_text(out, TEXT(",\"results\":["));
    for (size_t i = 0; i < json_array_size(requests) && !out->failed; i++)
        request_answer(stream, json_array_get(requests, i), out);
    json_append_close(out, ']');
    json_append_close(out, '}');
    bool committed = stream->connection->committed;
    if (sql_check_room(stream->connection, out, &error) < 0) {
        sql_stream_drop(stream);
        sql_answer_failure(exchange, committed, &error);
    } else if (sql_stream_give(stream, baton, &error) < 0) {
        sql_answer_failure(exchange, committed, &error);
    } else {
        sql_head_end(response, baton);
    }
}

int sql_v1_check(const json_t *body, bool batch, struct sql_error *error)
{
    return batch ? check_batch(body, 1, error) : check_execute(body, 1, error);
}

void sql_v1_answer(struct exchange *exchange, struct sql_stream *stream,
                   const json_t *body, bool batch)
{
    struct response *response = &exchange->response;
    struct message_buffer *out = &response->memory;
    struct sql_error error;
    buffer_reserve(out, SHORT_BYTES);
    buffer_reserve(&response->fields, FIELDS_BYTES);
    if (out->failed || response->fields.failed) {
        sql_stream_drop(stream);
        fail_at_the_beginning(&error);
        sql_answer_error(exchange, &error);
        return;
    }
    json_append_open(out, '{');
    json_append_key(out, "result");
    int result = batch ? batch_execute(stream, json_object_get(body, "batch"),
                                       out, &error)
                       : sql_stmt_execute(stream, json_object_get(body, "stmt"),
                                          out, &error);
    json_append_close(out, '}');
    if (result == 0)
        result = sql_check_room(stream->connection, out, &error);
    bool committed = stream->connection->committed;
    sql_stream_drop(stream);
    if (result < 0) {
        sql_answer_failure(exchange, committed, &error);
        return;
    }
    response->status = 200;
    response_field(response, "Content-Type", "application/json");
}
