/* value.c - values of SQLite as JSON, written straight into the answer.
 *
 * current row -> bytes in out. No tree of JSON values is built, and only the
 * buffer itself is allocated. The other direction, from JSON to bound
 * parameters, is in stmt.c. */
#include "sql/value.h"

#include "base/base64.h"
#include "base/json.h"
#include "sql/cache.h"
#include "sql/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A fast way for numbers with at most two decimals, as most in databases are:
 * what is appended must read back as the same number. Returns false, and
 * appends nothing, for all others. */
static bool append_hundredths(struct message_buffer *out, double number)
{
    double hundredths = number * 100;
    if (!(fabs(hundredths) < 1e15) || number == 0)
        return false;
    int64_t whole = (int64_t)(hundredths + (number < 0 ? -0.5 : 0.5));
    if ((double)whole / 100 != number)
        return false;
    unsigned rest = (unsigned)((whole < 0 ? -whole : whole) % 100);
    if (whole < 0)
        buffer_append_char(out, '-');
    buffer_append_number(out, (uint64_t)(whole < 0 ? -whole : whole) / 100);
    char decimals[3] = {'.', (char)('0' + rest / 10), (char)('0' + rest % 10)};
    buffer_append(out, decimals, rest % 10 == 0 ? 2 : 3);
    return true;
}

/* Appends number as JSON, with 15, 16 or 17 digits: the fewest that read back
 * the same. JSON has no infinity: it becomes null. */
static void append_double(struct message_buffer *out, double number)
{
    if (!isfinite(number)) {
        buffer_append_text(out, TEXT("null"));
        return;
    }
    if (append_hundredths(out, number))
        return;
    char digits[32];
    int n = 0;
    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    buffer_append(out, digits, (size_t)n);
    /* "-0" would come back as the integer zero from some parsers. */
    if (strpbrk(digits, ".e") == NULL)
        buffer_append(out, ".0", 2);
}

struct text sql_column_bytes(sqlite3_stmt *row, int column, bool blob)
{
    /* The pointer first: to ask for the length could convert the value. */
    const char *data = blob ? sqlite3_column_blob(row, column)
                            : (const char *)sqlite3_column_text(row, column);
    int length = sqlite3_column_bytes(row, column);
    /* Without memory the pointer is NULL, but the length may not be 0. The next
     * step fails then. */
    if (data == NULL)
        return TEXT("");
    return (struct text){data, (size_t)length};
}

static void append_blob(struct message_buffer *out, struct text blob,
                        bool padded)
{
    buffer_append_char(out, '"');
    base64_append(out, blob.data, blob.length, padded);
    buffer_append_char(out, '"');
}

static void append_typed(struct message_buffer *out, sqlite3_stmt *row,
                         int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        json_member_text(out, "type", TEXT("integer"));
        json_append_key(out, "value");
        json_append_quoted_integer(out, sqlite3_column_int64(row, column));
        return;
    case SQLITE_FLOAT:
        /* An infinity is sent as null, which every client reads. PROTOCOL.md
         * has {"type":"float","value":null} for it, but with that in an answer
         * @libsql/client refuses the whole answer. */
        if (!isfinite(sqlite3_column_double(row, column)))
            break;
        json_member_text(out, "type", TEXT("float"));
        json_append_key(out, "value");
        append_double(out, sqlite3_column_double(row, column));
        return;
    case SQLITE_TEXT:
        json_member_text(out, "type", TEXT("text"));
        json_member_text(out, "value", sql_column_bytes(row, column, false));
        return;
    case SQLITE_BLOB:
        /* Without '=' at the end: one client reads padded text as empty. */
        json_member_text(out, "type", TEXT("blob"));
        json_append_key(out, "base64");
        append_blob(out, sql_column_bytes(row, column, true), false);
        return;
    default:
        break;
    }
    json_member_text(out, "type", TEXT("null"));
}

void sql_append_value(struct message_buffer *out, sqlite3_stmt *row, int column)
{
    json_append_open(out, '{');
    append_typed(out, row, column);
    json_append_close(out, '}');
}

void sql_append_plain(struct message_buffer *out, sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        json_append_integer(out, sqlite3_column_int64(row, column));
        return;
    case SQLITE_FLOAT:
        json_append_comma(out);
        append_double(out, sqlite3_column_double(row, column));
        return;
    case SQLITE_TEXT:
        json_append_text(out, sql_column_bytes(row, column, false));
        return;
    case SQLITE_BLOB:
        json_append_open(out, '{');
        json_append_key(out, "base64");
        append_blob(out, sql_column_bytes(row, column, true), true);
        json_append_close(out, '}');
        return;
    default:
        json_append_null(out);
        return;
    }
}

static void member_text_or_null(struct message_buffer *out, const char *key,
                                const char *string)
{
    json_append_key(out, key);
    if (string != NULL)
        json_append_text(out, text_of(string));
    else
        json_append_null(out);
}

static void columns_print(struct message_buffer *out, sqlite3_stmt *handle)
{
    int count = sqlite3_column_count(handle);
    json_append_open(out, '[');
    for (int i = 0; i < count; i++) {
        json_append_open(out, '{');
        member_text_or_null(out, "name", sqlite3_column_name(handle, i));
        member_text_or_null(out, "decltype",
                            sqlite3_column_decltype(handle, i));
        json_append_close(out, '}');
    }
    json_append_close(out, ']');
}

void sql_append_columns(struct message_buffer *out,
                        struct sql_statement *statement)
{
    /* After a change of the schema, SQLite compiles the statement again at its
     * first step, perhaps with other columns. */
    int reprepared =
        sqlite3_stmt_status(statement->handle, SQLITE_STMTSTATUS_REPREPARE, 0);
    if (statement->columns != NULL &&
        statement->columns_reprepared == reprepared) {
        buffer_append(out, statement->columns, statement->columns_length);
        return;
    }
    size_t start = buffer_length(out);
    columns_print(out, statement->handle);
    if (out->failed)
        return;
    sqlite3_free(statement->columns);
    statement->columns_length = buffer_length(out) - start;
    statement->columns =
        sql_memory_take(statement->connection, statement->columns_length);
    statement->columns_reprepared = reprepared;
    if (statement->columns != NULL)
        memcpy(statement->columns, buffer_start(out) + start,
               statement->columns_length);
}

void sql_cut(struct message_buffer *out, size_t length)
{
    if (length < buffer_length(out))
        out->end = out->cursor + length;
}
