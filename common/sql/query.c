/* query.c - GET /db/NAME/query?sql=SELECT...&name=value
 *
 * query string -> pairs (decoded once, into one block) -> cached statement
 *   -> values bound by name -> rows -> JSON, CSV or HTML in response.memory
 *
 * A value is bound, and never becomes part of the SQL text. This is the
 * shortest way from a request to a row, and benchmarks measure it. So with a
 * short query string, only the answer is allocated here. */
#include "sql/query.h"

#include "base/base64.h"
#include "base/escape.h"
#include "base/json.h"
#include "sql/at_once.h"
#include "sql/cache.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/names.h"
#include "sql/page.h"
#include "sql/result.h"
#include "sql/run.h"
#include "sql/time_left.h"
#include "sql/value.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    QUERY_PAIRS_MAX = 100,           /* names in the query string */
    QUERY_SHORT_BYTES = 2048,        /* up to this it is on the stack */
    QUERY_DECIMAL_BYTES = 400,       /* a longer number stays a text */
    QUERY_AT_ONCE_BYTES = 64 * 1024, /* of an answer that is made at once */
};

struct pair {
    struct text name, value;
    bool used;
};

struct query {
    struct text sql; /* data NULL: not given */
    struct text format;
    size_t count;
    struct pair pairs[QUERY_PAIRS_MAX]; /* count are filled */
};

/* ---- the query string ---- */

/* Decodes one half of a pair (its name or its value) to *to, and moves *to
 * after the result. Returns 0, or -1 with error 400. */
static int decode(struct text raw, char **to, struct text *decoded,
                  struct sql_error *error)
{
    ssize_t length = text_percent_decode(raw, true, *to);
    if (length < 0)
        return sql_fail(error, 400, "BAD_REQUEST",
                        "The query string has a %% that is not followed by "
                        "two hexadecimal digits");
    *decoded = (struct text){*to, (size_t)length};
    *to += length;
    return 0;
}

/* Stores a pair in query. Returns 0, or -1 with error 400, as when a name is
 * given twice. */
static int keep_pair(struct query *query, struct text name, struct text value,
                     struct sql_error *error)
{
    bool is_sql = text_equal(name, TEXT("sql"));
    if (is_sql || text_equal(name, TEXT("format"))) {
        struct text *place = is_sql ? &query->sql : &query->format;
        if (place->data != NULL)
            return sql_fail(error, 400, "BAD_REQUEST", "%s is given twice",
                            is_sql ? "sql" : "format");
        *place = value;
        return 0;
    }
    for (size_t i = 0; i < query->count; i++)
        if (text_equal(query->pairs[i].name, name))
            return sql_fail(error, 400, "ARGS_INVALID",
                            "The parameter %.*s is given twice",
                            (int)name.length, name.data);
    if (query->count == QUERY_PAIRS_MAX)
        return sql_fail(error, 400, "ARGS_INVALID",
                        "More than %d parameters; use POST for more",
                        QUERY_PAIRS_MAX);
    query->pairs[query->count++] = (struct pair){.name = name, .value = value};
    return 0;
}

/* Decodes raw into space, which has room for raw.length bytes; query points
 * into it. Returns 0, or -1 with error 400. */
static int query_read(struct query *query, struct text raw, char *space,
                      struct sql_error *error)
{
    query->sql = query->format = (struct text){NULL, 0};
    query->count = 0;
    while (raw.data != NULL) {
        struct text value = text_split(&raw, '&');
        if (value.length == 0)
            continue;
        struct text name = text_split(&value, '=');
        if (decode(name, &space, &name, error) != 0 ||
            decode(value, &space, &value, error) != 0 ||
            keep_pair(query, name, value, error) != 0)
            return -1;
    }
    if (query->sql.data == NULL)
        return sql_fail(error, 400, "BAD_REQUEST",
                        "sql is missing; for example query?sql=SELECT+1");
    return 0;
}

static int query_format(const struct query *query,
                        const struct exchange *exchange,
                        enum sql_format *format, struct sql_error *error)
{
    if (query->format.data == NULL)
        *format = sql_format_wanted(&exchange->request, ~0u);
    else if (text_equal(query->format, TEXT("json")))
        *format = SQL_JSON;
    else if (text_equal(query->format, TEXT("csv")))
        *format = SQL_CSV;
    else if (text_equal(query->format, TEXT("html")))
        *format = SQL_HTML;
    else
        return sql_fail(error, 400, "BAD_REQUEST",
                        "format is json, csv or html");
    return 0;
}

/* ---- values ---- */

static size_t count_digits(struct text text, size_t at)
{
    size_t n = 0;
    while (at + n < text.length && text.data[at + n] >= '0' &&
           text.data[at + n] <= '9')
        n++;
    return n;
}

enum look { LOOKS_INTEGER, LOOKS_DECIMAL, LOOKS_TEXT };

/* Follows JSON's grammar of numbers: no plus sign and no needless zero at the
 * front. So a telephone number or a postal code stays a text. */
static enum look look_at(struct text text)
{
    size_t at = text.length > 0 && text.data[0] == '-';
    size_t digits = count_digits(text, at);
    if (digits == 0 || (digits > 1 && text.data[at] == '0'))
        return LOOKS_TEXT;
    bool minus_zero = at == 1 && text.data[at] == '0';
    at += digits;
    if (at == text.length)
        return minus_zero ? LOOKS_TEXT : LOOKS_INTEGER;
    if (text.data[at] == '.') {
        digits = count_digits(text, ++at);
        if (digits == 0)
            return LOOKS_TEXT;
        at += digits;
    }
    if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.length && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        digits = count_digits(text, at);
        if (digits == 0)
            return LOOKS_TEXT;
        at += digits;
    }
    return at == text.length ? LOOKS_DECIMAL : LOOKS_TEXT;
}

static int bind_value(struct sql_run *run, int parameter, struct text value,
                      struct sql_error *error)
{
    sqlite3_stmt *handle = run->statement->handle;
    enum look look = look_at(value);
    int64_t integer;
    if (look == LOOKS_INTEGER && text_to_int64(value, &integer) == 0) {
        int rc = sqlite3_bind_int64(handle, parameter, integer);
        return rc == SQLITE_OK ? 0
                               : sql_fail_sqlite(error, run->connection, rc);
    }
    if (look == LOOKS_DECIMAL && value.length < QUERY_DECIMAL_BYTES) {
        char digits[QUERY_DECIMAL_BYTES];
        memcpy(digits, value.data, value.length);
        digits[value.length] = '\0';
        int rc = sqlite3_bind_double(handle, parameter, strtod(digits, NULL));
        return rc == SQLITE_OK ? 0
                               : sql_fail_sqlite(error, run->connection, rc);
    }
    return sql_bind_text(run, parameter, value, error);
}

static struct pair *find_pair(struct query *query, struct text name)
{
    for (size_t i = 0; i < query->count; i++)
        if (text_equal(query->pairs[i].name, name))
            return &query->pairs[i];
    return NULL;
}

/* Binds parameter number i. The value of :name is that of the pair called
 * "name" or ":name". For ? and ?7 the pair is called by the number. */
static int bind_parameter(struct query *query, struct sql_run *run, int i,
                          struct sql_error *error)
{
    struct text marked = sql_parameter_name(run->statement, i);
    char number[16];
    struct text name;
    if (marked.data != NULL) {
        name = (struct text){marked.data + 1, marked.length - 1};
    } else {
        int n = snprintf(number, sizeof number, "%d", i);
        marked = name = (struct text){number, (size_t)n};
    }
    struct pair *pair = find_pair(query, name);
    if (pair == NULL)
        pair = find_pair(query, marked);
    if (pair != NULL) {
        pair->used = true;
        return bind_value(run, i, pair->value, error);
    }
    if (text_equal(name, TEXT("sql")) || text_equal(name, TEXT("format")))
        return sql_fail(error, 400, "ARGS_INVALID",
                        "The parameter %.*s cannot be set, as %.*s has a "
                        "meaning of its own here; name it differently",
                        (int)marked.length, marked.data, (int)name.length,
                        name.data);
    return sql_fail(error, 400, "ARGS_INVALID",
                    "The parameter %.*s is not given; add &%.*s=...",
                    (int)marked.length, marked.data, (int)name.length,
                    name.data);
}

static int bind_all(struct query *query, struct sql_run *run,
                    struct sql_error *error)
{
    int count = sqlite3_bind_parameter_count(run->statement->handle);
    for (int i = 1; i <= count; i++)
        if (bind_parameter(query, run, i, error) != 0)
            return -1;
    for (size_t i = 0; i < query->count; i++)
        if (!query->pairs[i].used)
            return sql_fail(error, 400, "ARGS_INVALID",
                            "The statement has no parameter %.*s",
                            (int)query->pairs[i].name.length,
                            query->pairs[i].name.data);
    return 0;
}

/* ---- rows ---- */

static struct text column_name(sqlite3_stmt *row, int column)
{
    const char *name = sqlite3_column_name(row, column);
    return name != NULL ? text_of(name) : TEXT("");
}

static void append_blob(struct message_buffer *out, sqlite3_stmt *row,
                        int column)
{
    struct text bytes = sql_column_bytes(row, column, true);
    base64_append(out, bytes.data, bytes.length, true);
}

/* NULL becomes an empty field, and an empty text becomes "". Many programs that
 * read CSV tell the two apart. */
static void append_csv(struct message_buffer *out, sqlite3_stmt *row,
                       int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        return;
    case SQLITE_BLOB:
        append_blob(out, row, column);
        return;
    case SQLITE_TEXT:
        if (sqlite3_column_bytes(row, column) == 0)
            buffer_append_text(out, TEXT("\"\""));
        else
            csv_append_text(out, sql_column_bytes(row, column, false));
        return;
    default:
        sql_append_plain(out, row, column);
    }
}

static void append_html(struct message_buffer *out, sqlite3_stmt *row,
                        int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        buffer_append_text(out, TEXT("<td class=\"null\">NULL"));
        return;
    case SQLITE_BLOB:
        buffer_append_text(out, TEXT("<td>"));
        append_blob(out, row, column);
        return;
    case SQLITE_TEXT:
        buffer_append_text(out, TEXT("<td>"));
        html_append_text(out, sql_column_bytes(row, column, false));
        return;
    default:
        buffer_append_text(out, TEXT("<td class=\"number\">"));
        sql_append_plain(out, row, column);
    }
}

static void append_head(struct message_buffer *out, enum sql_format format,
                        sqlite3_stmt *row)
{
    int count = sqlite3_column_count(row);
    if (format == SQL_HTML) {
        sql_html_begin(out, TEXT("Result"));
        buffer_append_text(out, TEXT("<table><tr>"));
    } else if (format == SQL_JSON) {
        json_append_open(out, '{');
        json_append_key(out, "columns");
        json_append_open(out, '[');
    }
    for (int i = 0; i < count; i++) {
        if (format == SQL_HTML)
            buffer_append_text(out, TEXT("<th>"));
        else if (i > 0 && format == SQL_CSV)
            buffer_append_char(out, ',');
        if (format == SQL_HTML)
            html_append_text(out, column_name(row, i));
        else if (format == SQL_CSV)
            csv_append_text(out, column_name(row, i));
        else
            json_append_text(out, column_name(row, i));
    }
    if (format != SQL_JSON) {
        buffer_append_text(out, format == SQL_CSV ? TEXT("\r\n") : TEXT("\n"));
        return;
    }
    json_append_close(out, ']');
    json_append_key(out, "rows");
    json_append_open(out, '[');
}

static int append_row(struct message_buffer *out, enum sql_format format,
                      const struct sql_run *run, struct sql_error *error)
{
    sqlite3_stmt *row = run->statement->handle;
    int count = sqlite3_column_count(row);
    if (format == SQL_JSON)
        json_append_open(out, '[');
    else if (format == SQL_HTML)
        buffer_append_text(out, TEXT("<tr>"));
    for (int i = 0; i < count; i++) {
        if (i > 0 && format == SQL_CSV)
            buffer_append_char(out, ',');
        if (format == SQL_JSON)
            sql_append_plain(out, row, i);
        else if (format == SQL_CSV)
            append_csv(out, row, i);
        else
            append_html(out, row, i);
        /* Checked after each value, not only after the row: a row may hold many
         * large values. */
        if (sql_check_bytes(run->connection->sql, buffer_length(out), error) <
                0 ||
            sql_check_room(run->connection, out, error) < 0)
            return -1;
        if (run->connection->at_once > 0 &&
            buffer_length(out) > QUERY_AT_ONCE_BYTES)
            return -1; /* a worker runs the query again */
    }
    if (format == SQL_JSON)
        buffer_append_char(out, ']');
    else
        buffer_append_text(out, format == SQL_CSV ? TEXT("\r\n") : TEXT("\n"));
    return 0;
}

static int run_rows(struct exchange *exchange, struct sql_run *run,
                    enum sql_format format, struct sql_error *error)
{
    struct message_buffer *out = &exchange->response.memory;
    sqlite3_stmt *row = run->statement->handle;
    bool first = true;
    int more;
    /* If the schema has changed, the first step compiles the statement again,
     * and `SELECT *` may then have other columns. So the head is appended after
     * that step. */
    while ((more = sql_run_step(run, true, error)) == 1) {
        if (first)
            append_head(out, format, row);
        if (append_row(out, format, run, error) < 0)
            return -1;
        first = false;
    }
    if (more < 0)
        return -1;
    if (first)
        append_head(out, format, row);
    if (format == SQL_JSON)
        buffer_append_text(out, TEXT("]}\n"));
    if (format == SQL_HTML) {
        buffer_append_text(out, TEXT("</table>\n"));
        buffer_printf(out, "<p>%llu rows\n", (unsigned long long)run->rows);
        sql_html_end(out);
    }
    return sql_check_room(run->connection, out, error);
}

/* ---- the statement ---- */

static int check_reads(const struct sql_statement *statement,
                       struct sql_error *error)
{
    if (!statement->read_only)
        return sql_fail(error, 403, "SQLITE_READONLY",
                        "GET only reads; send what writes to "
                        "POST /db/NAME/v2/pipeline");
    if (statement->is_transaction ||
        sqlite3_column_count(statement->handle) == 0)
        return sql_fail(error, 400, "BAD_REQUEST",
                        "The statement has no result; ask with SELECT");
    return 0;
}

static int run_statement(struct exchange *exchange,
                         struct sql_connection *connection,
                         struct sql_statement *statement, struct query *query,
                         enum sql_format format, struct sql_error *error)
{
    struct sql_run run;
    int result = -1;
    if (sql_run_start(&run, connection, statement, error) == 0 &&
        bind_all(query, &run, error) == 0) {
        sql_page_start(exchange, format);
        result = run_rows(exchange, &run, format, error);
    }
    sql_run_finish(&run);
    return result;
}

static int run_query(struct exchange *exchange, struct text name,
                     struct query *query, enum sql_format format,
                     struct sql_error *error)
{
    struct sql_connection *connection =
        sql_take(sql_of(exchange), name, SQL_READ, error);
    if (connection == NULL)
        return -1;
    sql_watch_client(connection, exchange->fd);
    struct sql_statement *statement =
        sql_prepare(connection, query->sql, error);
    int result = -1;
    if (statement != NULL && check_reads(statement, error) == 0) {
        sql_at_once_judge(connection, statement);
        result = run_statement(exchange, connection, statement, query, format,
                               error);
    }
    sql_give(connection);
    return result;
}

/* Returns 0 with an answer, or -1: then a worker runs the query. Errors are
 * left to the worker, too. */
static int run_at_once(struct exchange *exchange, struct text name,
                       struct query *query, enum sql_format format)
{
    struct sql_connection *connection = sql_take_idle(sql_of(exchange), name);
    if (connection == NULL)
        return -1;
    struct sql_statement *statement = sql_prepared(connection, query->sql);
    struct sql_error error;
    int result = -1;
    if (statement != NULL && sql_at_once_start(connection, statement)) {
        result = run_statement(exchange, connection, statement, query, format,
                               &error);
        sql_at_once_end(connection, statement, result == 0);
    }
    sql_give(connection);
    return result;
}

static enum answer_next answer_query(struct exchange *exchange,
                                     struct text name, struct text raw,
                                     char *space)
{
    struct query query;
    enum sql_format format = SQL_JSON;
    struct sql_error error = {0};
    int result = -1;
    if (query_read(&query, raw, space, &error) == 0 &&
        query_format(&query, exchange, &format, &error) == 0) {
        if (exchange->at_once)
            return run_at_once(exchange, name, &query, format) == 0
                       ? ANSWER_READY
                       : ANSWER_WOULD_BLOCK;
        result = run_query(exchange, name, &query, format, &error);
    }
    if (result != 0)
        sql_page_error(exchange, &error);
    return ANSWER_READY;
}

enum answer_next sql_query_answer(struct exchange *exchange, struct text name)
{
    struct text raw = http_text(&exchange->request, exchange->request.query);
    char near[QUERY_SHORT_BYTES];
    char *space = raw.length <= sizeof near ? near : malloc(raw.length);
    if (space == NULL) {
        struct sql_error error;
        sql_fail(&error, 503, "SQLITE_NOMEM", "Out of memory");
        sql_page_error(exchange, &error);
        return ANSWER_READY;
    }
    enum answer_next next = answer_query(exchange, name, raw, space);
    if (space != near)
        free(space);
    return next;
}
