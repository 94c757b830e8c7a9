/* value.h - values of SQLite as JSON, appended to an answer. */
#ifndef FIVEFOLD_SQL_VALUE_H
#define FIVEFOLD_SQL_VALUE_H

#include "base/text.h"

#include <sqlite3.h>

struct message_buffer;
struct sql_statement;

/* Returns the bytes of a cell, as a blob or otherwise as UTF-8; empty for NULL.
 * Borrowed until the next step. */
struct text sql_column_bytes(sqlite3_stmt *row, int column, bool blob);

/* Append a cell of the current row. Value writes it as Hrana does
 * ({"type":"integer","value":"1"}). Plain writes it for people (1, 1.5, "text",
 * null, {"base64":"..."}); an integer is a number, however large. */
void sql_append_value(struct message_buffer *out, sqlite3_stmt *row,
                      int column);
void sql_append_plain(struct message_buffer *out, sqlite3_stmt *row,
                      int column);

/* Appends [{"name":...,"decltype":...}...], the statement's columns. */
void sql_append_columns(struct message_buffer *out,
                        struct sql_statement *statement);

/* Removes all of out after its first length bytes, such as a result that failed
 * half-way. */
void sql_cut(struct message_buffer *out, size_t length);

#endif
