/* tables.c - GET /db/NAME/: what is in a database.
 *
 * sqlite_schema and its pragmas -> one sorted stream of facts (a table, its
 * columns, indexes, foreign keys) -> JSON, or an HTML page with a query box.
 *
 * The box is a form whose answer goes to a frame of the same page, so it needs
 * no script. */
#include "sql/tables.h"

#include "base/escape.h"
#include "base/json.h"
#include "sql/cache.h"
#include "sql/compile.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/page.h"
#include "sql/result.h"
#include "sql/run.h"
#include "sql/value.h"

enum {
    TABLES_COUNT_MAX = 100000, /* more rows in a table are not counted */
    TABLES_COUNT_ALL = 500000, /* rows counted for one page; then no more */
};

/* Each row is a fact, and the facts of a table follow each other. The columns:
 * the table's name, the section (enum section), the number within the section,
 * then up to five values. */
static const char facts_sql[] =
    "WITH t AS (SELECT name, type FROM sqlite_schema"
    " WHERE type IN ('table', 'view')"
    " AND substr(name, 1, 7) <> 'sqlite_')"
    " SELECT name, 0, 0, type, NULL, NULL, NULL, NULL FROM t"
    " UNION ALL SELECT t.name, 2, i.seq, i.name, i.\"unique\","
    " (SELECT group_concat(coalesce(x.name, '(expression)'), ', ')"
    " FROM pragma_index_info(i.name) AS x), i.partial, NULL"
    " FROM t, pragma_index_list(t.name) AS i WHERE t.type = 'table'"
    " UNION ALL SELECT t.name, 3, f.id * 1000 + f.seq, f.\"from\","
    " f.\"table\", f.\"to\", f.on_update, f.on_delete"
    " FROM t, pragma_foreign_key_list(t.name) AS f WHERE t.type = 'table'"
    " ORDER BY 1, 2, 3";

/* The columns of a table, as rows of the same form. It is run for one table at
 * a time: for a view whose table is gone SQLite fails, and that would end a
 * statement for all tables. */
static const char columns_sql[] =
    "SELECT ?1, 1, cid, name, type, \"notnull\", pk, dflt_value"
    " FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";

enum section {
    SECTION_TABLE,
    SECTION_COLUMN,
    SECTION_INDEX,
    SECTION_FOREIGN_KEY,
    SECTION_COUNT
};

struct tables {
    struct message_buffer *out;
    struct sql_connection *connection;
    sqlite3_stmt *fact;    /* its current row is the fact; borrowed */
    sqlite3_stmt *columns; /* owned */
    int rc;                /* SQLite's result code, if columns has failed */
    enum sql_format format;
    int section;      /* of the last fact; -1 before the first table */
    int64_t to_count; /* rows that may still be counted */
};

static struct text fact_text(const struct tables *tables, int column)
{
    return sql_column_bytes(tables->fact, column, false);
}

/* Returns the number of rows, or -1 if there are too many to count for a page,
 * or if the count failed. */
static int64_t count_rows(struct tables *tables, const char *name)
{
    int64_t limit = tables->to_count < TABLES_COUNT_MAX ? tables->to_count
                                                        : TABLES_COUNT_MAX;
    int64_t count = -1;
    sqlite3_stmt *counter = NULL;
    /* Not by sql_prepare: these texts would push more useful ones out of its
     * cache. A name cannot be bound, so %w writes it, with quotes doubled. */
    char *sql = sqlite3_mprintf(
        "SELECT count(*) FROM (SELECT 1 FROM \"%w\" LIMIT %lld)", name,
        (long long)limit + 1);
    if (sql != NULL &&
        sql_sqlite_prepare(tables->connection, sql, -1, &counter, NULL) ==
            SQLITE_OK &&
        sqlite3_step(counter) == SQLITE_ROW)
        count = sqlite3_column_int64(counter, 0);
    sqlite3_finalize(counter);
    sqlite3_free(sql);
    tables->to_count -= count > 0 ? count : 0;
    if (tables->to_count < 0)
        tables->to_count = 0;
    return count > limit ? -1 : count;
}

/* ---- JSON ---- */

static void fact_member(const struct tables *tables, const char *name,
                        int column)
{
    json_append_key(tables->out, name);
    sql_append_plain(tables->out, tables->fact, column);
}

static void fact_flag(const struct tables *tables, const char *name, int column)
{
    json_append_key(tables->out, name);
    json_append_bool(tables->out,
                     sqlite3_column_int(tables->fact, column) != 0);
}

/* Closes and opens lists until the one of `section` is open. */
static void json_sections(struct tables *tables, int section)
{
    static const char *const names[SECTION_COUNT] = {NULL, "columns", "indexes",
                                                     "foreign_keys"};
    for (int i = tables->section + 1; i <= section; i++) {
        if (i > 1)
            json_append_close(tables->out, ']');
        json_append_key(tables->out, names[i]);
        json_append_open(tables->out, '[');
    }
}

static void json_table(struct tables *tables, struct text name, int64_t rows)
{
    if (tables->section >= 0) {
        json_sections(tables, SECTION_FOREIGN_KEY);
        json_append_close(tables->out, ']');
        json_append_close(tables->out, '}');
    }
    json_append_open(tables->out, '{');
    json_member_text(tables->out, "name", name);
    fact_member(tables, "kind", 3);
    json_append_key(tables->out, "rows");
    if (rows >= 0)
        json_append_integer(tables->out, rows);
    else
        json_append_null(tables->out);
}

static void json_fact(struct tables *tables, int section)
{
    if (section != tables->section)
        json_sections(tables, section);
    json_append_open(tables->out, '{');
    fact_member(tables, section == SECTION_FOREIGN_KEY ? "from" : "name", 3);
    if (section == SECTION_COLUMN) {
        fact_member(tables, "type", 4);
        fact_flag(tables, "notnull", 5);
        fact_member(tables, "pk", 6);
        fact_member(tables, "default", 7);
    } else if (section == SECTION_INDEX) {
        fact_flag(tables, "unique", 4);
        fact_member(tables, "columns", 5);
        fact_flag(tables, "partial", 6);
    } else {
        fact_member(tables, "table", 4);
        fact_member(tables, "to", 5);
        fact_member(tables, "on_update", 6);
        fact_member(tables, "on_delete", 7);
    }
    json_append_close(tables->out, '}');
}

/* ---- HTML ---- */

static void html_box(struct message_buffer *out)
{
    buffer_append_text(
        out, TEXT("<form action=\"query\" target=\"result\">\n"
                  "<textarea name=\"sql\" autofocus "
                  "aria-label=\"SQL\">SELECT name, type FROM sqlite_schema"
                  "</textarea>\n"
                  "<p><select name=\"format\" aria-label=\"format\">"
                  "<option>html<option>json<option>csv</select>\n"
                  "<button>Ask</button>\n"
                  "</form>\n"
                  "<iframe name=\"result\" title=\"result\" "
                  "src=\"query?sql=SELECT+name,type+FROM+sqlite_schema"
                  "&amp;format=html\"></iframe>\n"));
}

static void html_table(struct tables *tables, struct text name, int64_t rows)
{
    struct message_buffer *out = tables->out;
    if (tables->section >= 0)
        buffer_append_text(out, TEXT("</table>\n"));
    buffer_append_text(out, TEXT("<h2>"));
    html_append_text(out, name);
    buffer_append_text(out, TEXT(" <small>"));
    html_append_text(out, fact_text(tables, 3));
    if (rows >= 0)
        buffer_printf(out, ", %lld rows", (long long)rows);
    buffer_append_text(out, TEXT("</small></h2>\n<table>"
                                 "<tr><th>column<th>type<th>constraints\n"));
}

static void html_column(const struct tables *tables)
{
    struct message_buffer *out = tables->out;
    html_append_text(out, fact_text(tables, 3));
    buffer_append_text(out, TEXT("<td>"));
    html_append_text(out, fact_text(tables, 4));
    buffer_append_text(out, TEXT("<td>"));
    if (sqlite3_column_int(tables->fact, 6))
        buffer_append_text(out, TEXT("primary key "));
    if (sqlite3_column_int(tables->fact, 5))
        buffer_append_text(out, TEXT("not null "));
    if (sqlite3_column_type(tables->fact, 7) != SQLITE_NULL) {
        buffer_append_text(out, TEXT("default "));
        html_append_text(out, fact_text(tables, 7));
    }
}

static void html_fact(const struct tables *tables, int section)
{
    struct message_buffer *out = tables->out;
    buffer_append_text(out, TEXT("<tr><td>"));
    if (section == SECTION_COLUMN) {
        html_column(tables);
    } else if (section == SECTION_INDEX) {
        html_append_text(out, fact_text(tables, 3));
        buffer_append_text(out, sqlite3_column_int(tables->fact, 4)
                                    ? TEXT("<td>unique index<td>")
                                    : TEXT("<td>index<td>"));
        html_append_text(out, fact_text(tables, 5));
    } else {
        html_append_text(out, fact_text(tables, 3));
        buffer_append_text(out, TEXT("<td>foreign key<td>"));
        html_append_text(out, fact_text(tables, 4));
        if (sqlite3_column_type(tables->fact, 5) != SQLITE_NULL) {
            buffer_append_text(out, TEXT(" ("));
            html_append_text(out, fact_text(tables, 5));
            buffer_append_char(out, ')');
        }
    }
    buffer_append_char(out, '\n');
}

/* ---- both ---- */

static void append_fact(struct tables *tables);

static void append_columns(struct tables *tables, struct text name)
{
    sqlite3_stmt *facts = tables->fact;
    int rc = sqlite3_bind_text64(tables->columns, 1, name.data, name.length,
                                 SQLITE_STATIC, SQLITE_UTF8);
    tables->fact = tables->columns;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        if (rc == SQLITE_ROW)
            append_fact(tables);
        struct sql_connection *before = sql_enter(tables->connection);
        rc = sqlite3_step(tables->columns);
        sql_leave(before);
    }
    tables->fact = facts;
    sqlite3_reset(tables->columns);
    /* A view is shown without columns if SQLite cannot list them, or if it
     * nests too deep. */
    bool deep =
        rc == SQLITE_NOMEM && tables->connection->refused == SQL_TOO_DEEP;
    if (rc != SQLITE_DONE && rc != SQLITE_ERROR && !deep)
        tables->rc = rc;
}

static void append_fact(struct tables *tables)
{
    int section = sqlite3_column_int(tables->fact, 1);
    if (section == SECTION_TABLE) {
        struct text name = fact_text(tables, 0);
        bool counted = text_equal(fact_text(tables, 3), TEXT("table"));
        int64_t rows = counted ? count_rows(tables, name.data) : -1;
        if (tables->format == SQL_HTML)
            html_table(tables, name, rows);
        else
            json_table(tables, name, rows);
        tables->section = section;
        append_columns(tables, name);
        return;
    } else if (tables->format == SQL_HTML) {
        html_fact(tables, section);
    } else {
        json_fact(tables, section);
    }
    tables->section = section;
}

static void append_end(struct tables *tables)
{
    struct message_buffer *out = tables->out;
    if (tables->format == SQL_HTML) {
        buffer_append_text(out, tables->section >= 0
                                    ? TEXT("</table>\n")
                                    : TEXT("<p>No tables yet.\n"));
        sql_html_end(out);
        return;
    }
    if (tables->section >= 0) {
        json_sections(tables, SECTION_FOREIGN_KEY);
        buffer_append_text(out, TEXT("]}"));
    }
    buffer_append_text(out, TEXT("]}\n"));
}

static int describe(struct exchange *exchange, struct tables *tables,
                    struct text name, struct sql_error *error)
{
    struct sql_statement *statement =
        sql_prepare(tables->connection,
                    (struct text){facts_sql, sizeof facts_sql - 1}, error);
    if (statement == NULL)
        return -1;
    tables->fact = statement->handle;
    tables->rc = sql_sqlite_prepare(tables->connection, columns_sql,
                                    sizeof columns_sql, &tables->columns, NULL);
    if (tables->rc != SQLITE_OK)
        return sql_fail_sqlite(error, tables->connection, tables->rc);
    sql_page_start(exchange, tables->format);
    if (tables->format == SQL_HTML) {
        sql_html_begin(tables->out, name);
        html_box(tables->out);
    } else {
        json_append_open(tables->out, '{');
        json_member_text(tables->out, "name", name);
        json_append_key(tables->out, "tables");
        json_append_open(tables->out, '[');
    }
    struct sql_run run;
    int more = sql_run_start(&run, tables->connection, statement, error);
    if (more == 0)
        while ((more = sql_run_step(&run, true, error)) == 1) {
            append_fact(tables);
            if (tables->rc != SQLITE_OK) {
                more = sql_fail_sqlite(error, tables->connection, tables->rc);
                break;
            }
            if (sql_check_bytes(tables->connection->sql,
                                buffer_length(tables->out), error) != 0 ||
                sql_check_room(tables->connection, tables->out, error) != 0) {
                more = -1;
                break;
            }
        }
    sql_run_finish(&run);
    if (more == 0)
        append_end(tables);
    return more;
}

void sql_tables_answer(struct exchange *exchange, struct text name)
{
    struct sql_error error = {0};
    struct tables tables = {
        .out = &exchange->response.memory,
        .format = sql_format_wanted(&exchange->request,
                                    1u << SQL_JSON | 1u << SQL_HTML),
        .section = -1,
        .to_count = TABLES_COUNT_ALL,
    };
    tables.connection = sql_take(sql_of(exchange), name, SQL_READ, &error);
    if (tables.connection == NULL) {
        sql_page_error(exchange, &error);
        return;
    }
    int result = describe(exchange, &tables, name, &error);
    sqlite3_finalize(tables.columns);
    sql_give(tables.connection);
    if (result != 0)
        sql_page_error(exchange, &error);
}
