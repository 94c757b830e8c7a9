/* stmt.c - a statement as a request contains it: checked, bound, run.
 *
 * json_t -> sql_stmt_check (all of a request, before any of it runs)
 *        -> text -> sql_prepare -> bind -> rows -> StmtResult in the answer
 *
 * A request that cannot be understood must change nothing. So the shape of the
 * whole request is checked first. */
#include "sql/stmt.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "sql/cache.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/names.h"
#include "sql/result.h"
#include "sql/run.h"
#include "sql/stream.h"
#include "sql/value.h"

#include <stdlib.h>

enum {
    STMT_ROOM_BYTES = 1024, /* for the shortest result, or an error */
    SQL_CONDITION_DEPTH = 32,
    SQL_STEPS_MAX = 10000, /* of one batch */
};

static int bad(struct sql_error *error, const char *what)
{
    return sql_fail(error, 400, "BAD_REQUEST", "%s", what);
}

static struct text text_of_json(const json_t *string)
{
    return (struct text){json_string_value(string), json_string_length(string)};
}

/* ---- shape ---- */

int sql_text_check(const json_t *object, struct sql_error *error)
{
    const json_t *sql = json_object_get(object, "sql");
    const json_t *id = json_object_get(object, "sql_id");
    bool has_sql = sql != NULL && !json_is_null(sql);
    bool has_id = id != NULL && !json_is_null(id);
    if (has_sql == has_id)
        return bad(error, "exactly one of sql and sql_id must be given");
    if (has_sql ? !json_is_string(sql) : !json_is_integer(id))
        return bad(error, "sql must be a string, sql_id a whole number");
    return 0;
}

/* Returns what is wrong with a value, or NULL. */
static const char *value_fault(const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *content = json_object_get(value, "value");
    if (type == NULL)
        return "a value must have a type";
    if (strcmp(type, "null") == 0)
        return NULL;
    if (strcmp(type, "text") == 0)
        return json_is_string(content) ? NULL : "text must be a string";
    if (strcmp(type, "float") == 0)
        return json_is_number(content)
                   ? NULL
                   : "float must be a number within the range of a double";
    if (strcmp(type, "integer") == 0) {
        int64_t number;
        if (json_is_integer(content) ||
            (json_is_string(content) &&
             text_to_int64(text_of_json(content), &number) == 0))
            return NULL;
        return "integer must be a string with a 64-bit number";
    }
    if (strcmp(type, "blob") == 0)
        return json_is_string(json_object_get(value, "base64"))
                   ? NULL
                   : "blob must have base64";
    return "unknown type of value";
}

static int args_check(const json_t *args, struct sql_error *error)
{
    for (size_t i = 0; i < json_array_size(args); i++) {
        const char *fault = value_fault(json_array_get(args, i));
        if (fault != NULL)
            return sql_fail(error, 400, "BAD_REQUEST", "argument %zu: %s",
                            i + 1, fault);
    }
    return 0;
}

static int named_args_check(const json_t *named, struct sql_error *error)
{
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *pair = json_array_get(named, i);
        const char *name = json_string_value(json_object_get(pair, "name"));
        if (name == NULL)
            return bad(error, "a named argument must have a name");
        const char *fault = value_fault(json_object_get(pair, "value"));
        if (fault != NULL)
            return sql_fail(error, 400, "BAD_REQUEST", "argument %.100s: %s",
                            name, fault);
    }
    return 0;
}

int sql_stmt_check(const json_t *stmt, struct sql_error *error)
{
    if (!json_is_object(stmt))
        return bad(error, "stmt must be an object");
    if (sql_text_check(stmt, error) < 0)
        return -1;
    const json_t *args = json_object_get(stmt, "args");
    const json_t *named = json_object_get(stmt, "named_args");
    const json_t *want = json_object_get(stmt, "want_rows");
    if ((args && !json_is_array(args) && !json_is_null(args)) ||
        (named && !json_is_array(named) && !json_is_null(named)))
        return bad(error, "args and named_args must be arrays");
    if (want && !json_is_boolean(want) && !json_is_null(want))
        return bad(error, "want_rows must be true or false");
    return args_check(args, error) < 0 ? -1 : named_args_check(named, error);
}

static int condition_check(const json_t *condition, size_t step,
                           unsigned version, int depth, struct sql_error *error)
{
    const char *type = json_string_value(json_object_get(condition, "type"));
    if (type == NULL || depth == 0)
        return bad(error,
                   "a condition must have a type, and at most 32 levels");
    if (strcmp(type, "ok") == 0 || strcmp(type, "error") == 0) {
        const json_t *at = json_object_get(condition, "step");
        json_int_t index = json_integer_value(at);
        if (!json_is_integer(at) || index < 0 || (size_t)index >= step)
            return bad(error, "a condition must name an earlier step");
        return 0;
    }
    if (strcmp(type, "not") == 0)
        return condition_check(json_object_get(condition, "cond"), step,
                               version, depth - 1, error);
    if (strcmp(type, "and") == 0 || strcmp(type, "or") == 0) {
        const json_t *conds = json_object_get(condition, "conds");
        if (!json_is_array(conds))
            return bad(error, "conds must be an array");
        for (size_t i = 0; i < json_array_size(conds); i++)
            if (condition_check(json_array_get(conds, i), step, version,
                                depth - 1, error) < 0)
                return -1;
        return 0;
    }
    if (strcmp(type, "is_autocommit") == 0 && version >= 3)
        return 0;
    return bad(error, "unknown type of condition");
}

int sql_batch_check(const json_t *batch, unsigned version,
                    struct sql_error *error)
{
    const json_t *steps = json_object_get(batch, "steps");
    if (!json_is_array(steps) || json_array_size(steps) > SQL_STEPS_MAX)
        return bad(error, "a batch must have steps, and at most 10000");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const json_t *condition = json_object_get(step, "condition");
        if (condition != NULL && !json_is_null(condition) &&
            condition_check(condition, i, version, SQL_CONDITION_DEPTH, error) <
                0)
            return -1;
        if (sql_stmt_check(json_object_get(step, "stmt"), error) < 0)
            return -1;
    }
    return 0;
}

bool sql_condition_holds(const json_t *condition,
                         const enum sql_outcome *outcomes,
                         const struct sql_stream *stream)
{
    if (condition == NULL || json_is_null(condition))
        return true;
    const char *type = json_string_value(json_object_get(condition, "type"));
    json_int_t step = json_integer_value(json_object_get(condition, "step"));
    if (strcmp(type, "ok") == 0)
        return outcomes[step] == STEP_OK;
    if (strcmp(type, "error") == 0)
        return outcomes[step] == STEP_FAILED;
    if (strcmp(type, "not") == 0)
        return !sql_condition_holds(json_object_get(condition, "cond"),
                                    outcomes, stream);
    if (strcmp(type, "is_autocommit") == 0)
        return sql_is_autocommit(stream->connection);
    bool all = strcmp(type, "and") == 0;
    const json_t *conds = json_object_get(condition, "conds");
    for (size_t i = 0; i < json_array_size(conds); i++)
        if (sql_condition_holds(json_array_get(conds, i), outcomes, stream) !=
            all)
            return !all;
    return all;
}

/* ---- text and values ---- */

int sql_text_of(struct sql_stream *stream, const json_t *object,
                struct text *sql, struct sql_error *error)
{
    const json_t *given = json_object_get(object, "sql");
    if (json_is_string(given)) {
        *sql = text_of_json(given);
        return 0;
    }
    json_int_t id = json_integer_value(json_object_get(object, "sql_id"));
    struct sql_stored *at;
    SLIST_FOREACH(at, &stream->stored, link) {
        if (at->id != id)
            continue;
        *sql = (struct text){at->text, at->length};
        return 0;
    }
    return sql_fail(error, 400, "SQL_NOT_FOUND", "SQL text %lld is not stored",
                    (long long)id);
}

static int bind_blob(sqlite3_stmt *handle, int parameter, struct text base64)
{
    unsigned char *bytes = malloc(base64.length / 4 * 3 + 3);
    if (bytes == NULL)
        return SQLITE_NOMEM;
    ssize_t length = base64_decode(base64, bytes);
    if (length > 0)
        return sqlite3_bind_blob64(handle, parameter, bytes, (uint64_t)length,
                                   free);
    free(bytes);
    /* A NULL pointer would bind NULL, not an empty blob. */
    return length == 0 ? sqlite3_bind_zeroblob(handle, parameter, 0)
                       : SQLITE_FORMAT; /* nothing else here returns that */
}

static int bind_value(struct sql_run *run, int parameter, const json_t *value,
                      struct sql_error *error)
{
    sqlite3_stmt *handle = run->statement->handle;
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *content = json_object_get(value, "value");
    struct text text = text_of_json(content);
    int rc = SQLITE_OK;
    switch (type[0]) { /* checked: null, integer, float, text, blob */
    case 'n':
        rc = sqlite3_bind_null(handle, parameter);
        break;
    case 'i': {
        int64_t number = json_integer_value(content);
        if (json_is_string(content))
            text_to_int64(text, &number);
        rc = sqlite3_bind_int64(handle, parameter, number);
        break;
    }
    case 'f':
        rc = sqlite3_bind_double(handle, parameter, json_number_value(content));
        break;
    case 't':
        /* The request's JSON tree outlives the run. */
        rc = sqlite3_bind_text64(handle, parameter, text.data, text.length,
                                 SQLITE_STATIC, SQLITE_UTF8);
        break;
    default:
        rc = bind_blob(handle, parameter,
                       text_of_json(json_object_get(value, "base64")));
    }
    if (rc == SQLITE_FORMAT)
        return sql_fail(error, 400, "ARGS_INVALID",
                        "Arguments do not match SQL parameters: "
                        "not base64");
    return rc == SQLITE_OK ? 0 : sql_fail_sqlite(error, run->connection, rc);
}

static const char bind_prefix[] = "Arguments do not match SQL parameters";

/* Binds the named values, after the `given` positional ones. seen has a byte
 * for each parameter, and *bound is how many have a value. Learning the names
 * of thousands of parameters takes time, which counts as the statement's. */
static int bind_named(struct sql_run *run, const json_t *named, size_t given,
                      unsigned char *seen, size_t *bound,
                      struct sql_error *error)
{
    size_t count = (size_t)sqlite3_bind_parameter_count(run->statement->handle);
    uint64_t start_ns = clock_ns();
    sql_parameter_name(run->statement, 1); /* learns all names */
    if (sql_run_spend(run, start_ns, error) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *pair = json_array_get(named, i);
        struct text name = text_of_json(json_object_get(pair, "name"));
        int at = sql_parameter_find(run->statement, name);
        if (at == 0)
            return sql_fail(error, 400, "ARGS_INVALID",
                            "%s: there is no parameter %.*s", bind_prefix,
                            name.length > 100 ? 100 : (int)name.length,
                            name.data);
        *bound += (size_t)at > given && !seen[at];
        seen[at] = 1;
        if (bind_value(run, at, json_object_get(pair, "value"), error) < 0)
            return -1;
    }
    /* The numbers may have gaps (?3 alone makes three parameters). If names are
     * used, a parameter in a gap, which has no name, needs no value. */
    for (size_t i = given + 1; *bound < count && i <= count; i++)
        if (!seen[i] && sql_parameter_name(run->statement, (int)i).data == NULL)
            ++*bound;
    return 0;
}

static int bind_all(struct sql_run *run, const json_t *args,
                    const json_t *named, struct sql_error *error)
{
    int count = sqlite3_bind_parameter_count(run->statement->handle);
    size_t given = json_array_size(args);
    size_t bound = given; /* positional values come first */
    if (given > (size_t)count)
        return sql_fail(error, 400, "ARGS_INVALID",
                        "%s: Too many parameter values were provided",
                        bind_prefix);
    for (size_t i = 0; i < given; i++)
        if (bind_value(run, (int)i + 1, json_array_get(args, i), error) < 0)
            return -1;
    if (json_array_size(named) > 0) {
        unsigned char *seen = calloc((size_t)count + 1, 1);
        if (seen == NULL)
            return sql_fail(error, 500, "INTERNAL", "out of memory");
        int result = bind_named(run, named, given, seen, &bound, error);
        free(seen);
        if (result < 0)
            return -1;
    }
    if (bound < (size_t)count)
        return sql_fail(error, 400, "ARGS_INVALID",
                        "%s: %d values are needed, %zu were provided",
                        bind_prefix, count, bound);
    return 0;
}

/* ---- running ---- */

int sql_stmt_start(struct sql_run *run, struct sql_stream *stream,
                   const json_t *stmt, struct sql_error *error)
{
    struct text sql;
    if (sql_text_of(stream, stmt, &sql, error) < 0)
        return -1;
    struct sql_statement *statement =
        sql_prepare(stream->connection, sql, error);
    if (statement == NULL)
        return -1;
    if (sql_run_start(run, stream->connection, statement, error) == 0 &&
        bind_all(run, json_object_get(stmt, "args"),
                 json_object_get(stmt, "named_args"), error) == 0)
        return 0;
    sql_run_finish(run);
    return -1;
}

bool sql_stmt_wants_rows(const json_t *stmt)
{
    return !json_is_false(json_object_get(stmt, "want_rows"));
}

void sql_append_effect(struct message_buffer *out, const struct sql_run *run)
{
    json_append_key(out, "affected_row_count");
    json_append_integer(out, run->affected);
    json_append_key(out, "last_insert_rowid");
    if (run->wrote)
        json_append_quoted_integer(out, run->last_rowid);
    else
        json_append_null(out);
}

int sql_append_row(struct message_buffer *out, const struct sql_run *run,
                   uint64_t bytes_before, struct sql_error *error)
{
    sqlite3_stmt *row = run->statement->handle;
    int count = sqlite3_data_count(row);
    json_append_open(out, '[');
    for (int i = 0; i < count; i++) {
        sql_append_value(out, row, i);
        /* Checked after each value, as a row may have many large ones. */
        if (sql_check_bytes(run->connection->sql,
                            bytes_before + buffer_length(out), error) < 0 ||
            sql_check_room(run->connection, out, error) < 0)
            return -1;
    }
    json_append_close(out, ']');
    return 0;
}

int sql_stmt_execute(struct sql_stream *stream, const json_t *stmt,
                     struct message_buffer *out, struct sql_error *error)
{
    struct sql *sql = stream->connection->sql;
    struct sql_run run;
    /* Checked before it does anything: a statement that has run must not be
     * reported as too large. There must also be room for the result of a write,
     * or for an error. */
    buffer_reserve(out, STMT_ROOM_BYTES);
    if (sql_check_bytes(sql, buffer_length(out), error) < 0 ||
        sql_check_room(stream->connection, out, error) < 0 ||
        sql_stmt_start(&run, stream, stmt, error) < 0)
        return -1;
    bool want_rows = sql_stmt_wants_rows(stmt);
    size_t start = buffer_length(out);
    int more = sql_run_step(&run, want_rows, error);
    /* After the first step, as that may have compiled the statement again. */
    json_append_open(out, '{');
    json_append_key(out, "cols");
    sql_append_columns(out, run.statement);
    json_append_key(out, "rows");
    json_append_open(out, '[');
    while (more > 0) {
        if (want_rows && sql_append_row(out, &run, 0, error) < 0)
            more = -1;
        else
            more = sql_run_step(&run, want_rows, error);
    }
    if (more == 0) {
        json_append_close(out, ']');
        sql_append_effect(out, &run);
        json_append_close(out, '}');
    } else {
        sql_cut(out, start);
    }
    sql_run_finish(&run);
    return more;
}
