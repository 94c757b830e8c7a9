/* test_pages.c - the databases' pages for people, by hand-made exchanges.
 *
 * request text -> parser -> sql_pages_begin -> status, fields, body. */
#include "access/access.h"
#include "core/mount.h"
#include "core/server.h"
#include "http/path.h"
#include "http/parser.h"
#include "sql/pages.h"
#include "sql/sql.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char directory[32];
    struct settings settings;
    struct server server;
    struct mount mount;
    struct sql *sql; /* the mount's */
    struct exchange exchange;
    char head[8192], path[PATH_MAX_BYTES];
    char *body; /* of the last answer, NUL-terminated; owned */
};

static void clear(struct fixture *f)
{
    response_release(&f->exchange.response);
    free(f->body);
    f->body = NULL;
}

/* Asks for target and gives the status; extra is whole field lines. */
static unsigned ask(struct fixture *f, const char *method, const char *target,
                    const char *extra)
{
    clear(f);
    memset(&f->exchange, 0, sizeof f->exchange);
    response_init(&f->exchange.response);
    f->exchange.server = &f->server;
    f->exchange.mount = &f->mount;
    f->exchange.handler = &sql_handler;
    f->exchange.may_write = true;
    int length =
        snprintf(f->head, sizeof f->head,
                 "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n%s\r\n",
                 method, target, extra);
    assert_true(length > 0 && (size_t)length < sizeof f->head);
    struct http_parser parser;
    http_parser_start(&parser, (struct http_limits){8000, 8000},
                      &f->exchange.request);
    assert_int_equal(
        http_parse_head(&parser, f->head, (size_t)length, &f->exchange.request),
        HTTP_PARSE_DONE);
    ssize_t n = path_from_target(
        http_text(&f->exchange.request, f->exchange.request.path), f->path,
        sizeof f->path);
    assert_true(n > 0);
    f->exchange.path = f->path;
    f->exchange.path_length = (size_t)n;
    assert_int_equal(sql_pages_begin(&f->exchange), ANSWER_READY);
    struct text body = buffer_text(&f->exchange.response.memory);
    f->body = strndup(body.data, body.length);
    return f->exchange.response.status;
}

static bool has_field(struct fixture *f, const char *line)
{
    struct text fields = buffer_text(&f->exchange.response.fields);
    return memmem(fields.data, fields.length, line, strlen(line)) != NULL;
}

static bool says(struct fixture *f, const char *part)
{
    return strstr(f->body, part) != NULL;
}

#define QUERY "/db/one/query?sql="

/* ---- lists and redirects ---- */

static void list_is_sorted_and_json_for_curl(void **state)
{
    /* readdir gives names in any order. */
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/db/", "Accept: */*\r\n"), 200);
    assert_true(has_field(f, "Content-Type: application/json\r\n"));
    assert_true(strncmp(f->body, "{\"databases\":[{\"name\":\"one\",", 28) ==
                0);
    assert_true(strstr(f->body, "\"one\"") < strstr(f->body, "\"two\""));
}

static void browser_gets_html_by_weight(void **state)
{
    /* Taking the first type of the list, or ignoring q. */
    struct fixture *f = *state;
    static const struct {
        const char *accept, *type;
    } rows[] = {
        {"text/html,application/xml;q=0.9,*/*;q=0.8", "text/html"},
        {"text/html;q=0.5, application/json", "application/json"},
        {"application/json;q=0.1, text/html; q=0.2", "text/html"},
        {"text/*", "text/html"},
        {"*/*;q=1, text/html;q=0", "application/json"},
        {"image/png", "application/json"},
        {";;,,q=", "application/json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char field[200], type[100];
        snprintf(field, sizeof field, "Accept: %s\r\n", rows[i].accept);
        snprintf(type, sizeof type, "Content-Type: %s", rows[i].type);
        assert_int_equal(ask(f, "GET", "/db/", field), 200);
        assert_true(has_field(f, type));
        assert_true(has_field(f, "Vary: Accept\r\n"));
    }
}

static void missing_slash_is_redirected_with_its_query(void **state)
{
    /* Relative links of the page would lose the last segment. */
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/db", ""), 301);
    assert_true(has_field(f, "Location: /db/\r\n"));
    assert_int_equal(ask(f, "GET", "/db/one?a=%3C", ""), 301);
    assert_true(has_field(f, "Location: /db/one/?a=%3C\r\n"));
}

static void unknown_pages_and_methods_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/db/one/x", ""), 404);
    assert_int_equal(ask(f, "GET", "/db/no/", ""), 404);
    assert_int_equal(ask(f, "GET", "/db/a.b/", ""), 404);
    assert_int_equal(ask(f, "GET", "/db/no/query?sql=SELECT+1", ""), 404);
    assert_int_equal(ask(f, "PUT", "/db/", ""), 405);
    assert_true(has_field(f, "Allow: GET, HEAD, OPTIONS\r\n"));
    assert_int_equal(ask(f, "PUT", "/db/one/query", ""), 405);
}

static void put_creates_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "PUT", "/db/fresh/", ""), 201);
    assert_int_equal(ask(f, "PUT", "/db/fresh/", ""), 204);
    assert_int_equal(ask(f, "GET", "/db/fresh/", ""), 200);
    assert_string_equal(f->body, "{\"name\":\"fresh\",\"tables\":[]}\n");
}

/* ---- tables ---- */

static void tables_are_described(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/db/two/", ""), 200);
    assert_string_equal(
        f->body,
        "{\"name\":\"two\",\"tables\":["
        "{\"name\":\"a\",\"kind\":\"table\",\"rows\":2,\"columns\":["
        "{\"name\":\"id\",\"type\":\"INTEGER\",\"notnull\":false,\"pk\":1,"
        "\"default\":null},"
        "{\"name\":\"b\",\"type\":\"INT\",\"notnull\":true,\"pk\":0,"
        "\"default\":\"7\"}],\"indexes\":["
        "{\"name\":\"i\",\"unique\":true,\"columns\":\"b, (expression)\","
        "\"partial\":false}],\"foreign_keys\":["
        "{\"from\":\"b\",\"table\":\"a\",\"to\":\"id\","
        "\"on_update\":\"NO ACTION\",\"on_delete\":\"CASCADE\"}]},"
        "{\"name\":\"v\",\"kind\":\"view\",\"rows\":null,\"columns\":["
        "{\"name\":\"id\",\"type\":\"INTEGER\",\"notnull\":false,\"pk\":0,"
        "\"default\":null}],\"indexes\":[],\"foreign_keys\":[]}]}\n");
}

static void broken_view_does_not_hide_the_tables(void **state)
{
    /* Bug: a view whose table was dropped ends the whole page with 400. */
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof path, "%s/two.db", f->directory);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "CREATE TABLE x (y);"
                                  "CREATE VIEW b AS SELECT * FROM x;"
                                  "DROP TABLE x",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(ask(f, "GET", "/db/two/", ""), 200);
    assert_true(says(f, "{\"name\":\"b\",\"kind\":\"view\",\"rows\":null,"
                        "\"columns\":[],"));
    assert_true(says(f, "{\"name\":\"a\",\"kind\":\"table\",\"rows\":2,"
                        "\"columns\":[{\"name\":\"id\""));
    assert_true(says(f, "{\"name\":\"v\",\"kind\":\"view\""));
}

static void hostile_names_stay_text_in_html(void **state)
{
    /* A table, a column or a value that is markup would run in the browser
     * of whoever looks at it. */
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/db/one/", "Accept: text/html\r\n"), 200);
    assert_false(says(f, "<script"));
    assert_false(says(f, "<img"));
    assert_true(says(f, "&lt;script&gt;"));
    assert_true(says(f, "<form action=\"query\""));
    assert_true(has_field(f, "Content-Security-Policy: default-src 'none'"));
    assert_int_equal(ask(f, "GET",
                         QUERY "SELECT+*,1+AS+%22%3Cb%3E%22+FROM+%22%3C"
                               "script%3E%22&format=html",
                         ""),
                     200);
    assert_false(says(f, "<script"));
    assert_false(says(f, "<img"));
    assert_false(says(f, "<b>"));
    assert_true(says(f, "<td class=\"null\">NULL"));
    assert_int_equal(ask(f, "GET", "/db/one/", ""), 200);
    assert_true(says(f, "\"rows\":1,"));
}

/* ---- query ---- */

static void values_are_bound_by_their_look(void **state)
{
    /* 007 as a number would find another agent. */
    struct fixture *f = *state;
    static const struct {
        const char *value, *type;
    } rows[] = {
        {"0", "integer"},
        {"-7", "integer"},
        {"9223372036854775807", "integer"},
        {"-9223372036854775808", "integer"},
        {"9223372036854775808", "text"},
        {"-0", "text"},
        {"007", "text"},
        {"%2B1", "text"},
        {"+1", "text"},
        {"1.", "text"},
        {".5", "text"},
        {"1.5", "real"},
        {"-0.0", "real"},
        {"1e5", "real"},
        {"1e", "text"},
        {"1e999", "real"},
        {"0x10", "text"},
        {"nan", "text"},
        {"", "text"},
        {"-", "text"},
        {"1%00", "text"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char target[200], want[100];
        snprintf(target, sizeof target, QUERY "SELECT+typeof(:v)&v=%s",
                 rows[i].value);
        snprintf(want, sizeof want,
                 "{\"columns\":[\"typeof(:v)\"],\"rows\":[[\"%s\"]]}\n",
                 rows[i].type);
        assert_int_equal(ask(f, "GET", target, ""), 200);
        assert_string_equal(f->body, want);
    }
}

static void parameters_are_found_by_name_and_number(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        ask(f, "GET", QUERY "SELECT+:a,@b,$c,:a&a=1&b=x+y&%24c=%26", ""), 200);
    assert_true(says(f, "\"rows\":[[1,\"x y\",\"&\",1]]"));
    assert_int_equal(ask(f, "GET", QUERY "SELECT+?,?2&2=b&1=a", ""), 200);
    assert_true(says(f, "\"rows\":[[\"a\",\"b\"]]"));
}

static void injection_is_a_value_like_any_other(void **state)
{
    /* Pitfall 13: pasted SQL. */
    struct fixture *f = *state;
    assert_int_equal(
        ask(f, "GET", QUERY "SELECT+:v&v=%27%3B+DROP+TABLE+t%3B+--", ""), 200);
    assert_true(says(f, "[[\"'; DROP TABLE t; --\"]]"));
    assert_int_equal(ask(f, "GET", QUERY "SELECT+1%3B+DROP+TABLE+t", ""), 400);
    assert_true(says(f, "\"code\":\"SQL_MANY_STATEMENTS\""));
    assert_int_equal(ask(f, "GET", QUERY "SELECT+count(*)+FROM+t", ""), 200);
}

static void wrong_requests_say_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target;
        unsigned status;
        const char *says;
    } rows[] = {
        {"/db/one/query", 400, "sql is missing"},
        {"/db/one/query?a=1", 400, "sql is missing"},
        {QUERY, 400, "SQL_NO_STATEMENT"},
        {QUERY "SELEC", 400, "syntax error"},
        {QUERY "SELECT+:a", 400, "parameter :a is not given"},
        {QUERY "SELECT+?", 400, "parameter 1 is not given"},
        {QUERY "SELECT+1&b=2", 400, "no parameter b"},
        {QUERY "SELECT+:a&a=1&a=2", 400, "a is given twice"},
        {QUERY "SELECT+1&sql=SELECT+2", 400, "sql is given twice"},
        {QUERY "SELECT+:sql", 400, "sql cannot be set"},
        {QUERY "SELECT+:format&format=csv", 400, "format cannot be set"},
        {QUERY "SELECT+1&format=xml", 400, "json, csv or html"},
        {QUERY "SELECT+%zz", 400, "hexadecimal"},
        {QUERY "DELETE+FROM+t", 403, "SQLITE_READONLY"},
        {QUERY "INSERT+INTO+t+VALUES(1,2)+RETURNING+*", 403, "SQLITE_READONLY"},
        {QUERY "BEGIN", 400, "no result"},
        {QUERY "ATTACH+%27x%27+AS+x", 403, "SQLITE_AUTH"},
        {QUERY "WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i%2B1+FROM+n)"
               "+SELECT+i+FROM+n",
         422, "RESPONSE_TOO_LARGE"},
        {QUERY "WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i%2B1+FROM+n)"
               "+SELECT+sum(i)+FROM+n",
         503, "SQLITE_INTERRUPT"},
        {QUERY "SELECT+hex(zeroblob(9000))+UNION+ALL+SELECT+1", 422,
         "RESPONSE_TOO_LARGE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned status = ask(f, "GET", rows[i].target, "");
        if (status != rows[i].status || !says(f, rows[i].says))
            fail_msg("%s: %u %s", rows[i].target, status, f->body);
        assert_true(has_field(f, "Content-Type: application/json\r\n"));
        assert_false(has_field(f, "text/html"));
        assert_true(strncmp(f->body, "{\"message\":", 11) == 0);
    }
}

static void locked_database_says_when_to_come_back(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof path, "%s/two.db", f->directory);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    /* In WAL a writer does not disturb readers; exclusive mode does. */
    assert_int_equal(sqlite3_exec(other,
                                  "PRAGMA locking_mode=EXCLUSIVE;"
                                  "BEGIN EXCLUSIVE; DELETE FROM a",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    unsigned status = ask(f, "GET", "/db/two/query?sql=SELECT+*+FROM+a", "");
    sqlite3_close(other);
    assert_int_equal(status, 503);
    assert_true(says(f, "\"code\":\"SQLITE_BUSY\""));
    assert_true(has_field(f, "Retry-After: "));
}

static void json_is_exact(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET",
                         QUERY "SELECT+9007199254740993+AS+i,1.5+AS+r,NULL+AS+"
                               "n,x%2700ff%27+AS+b,%27%22%27+AS+t,1e999+AS+z",
                         ""),
                     200);
    assert_string_equal(
        f->body, "{\"columns\":[\"i\",\"r\",\"n\",\"b\",\"t\",\"z\"],\"rows\":"
                 "[[9007199254740993,1.5,null,{\"base64\":\"AP8=\"},\"\\\"\","
                 "null]]}\n");
    assert_true(has_field(f, "Cache-Control: no-store\r\n"));
    assert_int_equal(ask(f, "GET", QUERY "SELECT+1+AS+x+WHERE+0", ""), 200);
    assert_string_equal(f->body, "{\"columns\":[\"x\"],\"rows\":[]}\n");
}

static void csv_is_quoted_where_it_must_be(void **state)
{
    struct fixture *f = *state;
    const char *want = "\"a,b\",n,e,b,t\r\n1,,\"\",AP8=,\"say \"\"x\"\"\"\r\n";
    const char *sql =
        "SELECT+1+AS+%22a,b%22,NULL+AS+n,%27%27+AS+e,x%2700ff%27+AS+b,"
        "%27say+%22x%22%27+AS+t";
    char target[400];
    snprintf(target, sizeof target, QUERY "%s&format=csv", sql);
    assert_int_equal(ask(f, "GET", target, "Accept: text/html\r\n"), 200);
    assert_string_equal(f->body, want);
    snprintf(target, sizeof target, QUERY "%s", sql);
    assert_int_equal(ask(f, "GET", target, "Accept: text/csv\r\n"), 200);
    assert_string_equal(f->body, want);
    assert_true(has_field(f, "Content-Type: text/csv; charset=utf-8"));
}

static void long_query_strings_and_many_names_are_bounded(void **state)
{
    /* The short way keeps all on the stack; what is longer must not. */
    struct fixture *f = *state;
    char target[7000], values[6000];
    memset(values, 'x', sizeof values - 1);
    values[sizeof values - 1] = '\0';
    snprintf(target, sizeof target, QUERY "SELECT+length(:v)&v=%s", values);
    assert_int_equal(ask(f, "GET", target, ""), 200);
    assert_true(says(f, "[[5999]]"));
    size_t at = (size_t)snprintf(target, sizeof target, QUERY "SELECT+1");
    for (int i = 0; i < 200; i++)
        at += (size_t)snprintf(target + at, sizeof target - at, "&n%d=1", i);
    assert_int_equal(ask(f, "GET", target, ""), 400);
    assert_true(says(f, "More than 100"));
}

/* ---- fixture ---- */

static void make(const struct fixture *f, const char *name, const char *sql)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s.db", f->directory, name);
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->directory, "/tmp/sql_pages.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->settings = (struct settings){
        .sqlite_directory = f->directory,
        .sqlite_prefix = (char *)"/db/",
        .sqlite_create = true,
        .sqlite_query_ms = 1000,
        .sqlite_rows_max = 500,
        .sqlite_response_bytes = 16000,
        .sqlite_sql_bytes = 100000,
        .sqlite_value_bytes = 100000,
        .sqlite_statements = 16,
        .sqlite_databases = 8,
        .sqlite_streams = 8,
        .sqlite_stream_idle_seconds = 10,
        .sqlite_transaction_seconds = 5,
        .sqlite_cors = "none",
    };
    f->server.settings = &f->settings;
    f->server.access = access_open(&f->settings);
    assert_non_null(f->server.access);
    f->mount = (struct mount){.name = "",
                              .prefix = "/db/",
                              .prefix_length = 4,
                              .handler = &sql_handler};
    f->mount.object = f->sql = sql_open(&f->settings, 0);
    assert_non_null(f->sql);
    make(f, "two",
         "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT NOT NULL DEFAULT 7"
         " REFERENCES a (id) ON DELETE CASCADE);"
         "CREATE UNIQUE INDEX i ON a (b, abs(b));"
         "INSERT INTO a VALUES (1, 1), (2, 2);"
         "CREATE VIEW v AS SELECT id FROM a;");
    make(f, "one",
         "CREATE TABLE t (id INTEGER PRIMARY KEY, x);"
         "CREATE TABLE \"<script>\" (\"<img src=x>\" DEFAULT '<img>', y);"
         "INSERT INTO \"<script>\" VALUES ('<script>', NULL);");
    response_init(&f->exchange.response);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    clear(f);
    sql_close(f->sql);
    access_close(f->server.access);
    static const char *const names[] = {"one", "two", "fresh"};
    static const char *const ends[] = {".db", ".db-wal", ".db-shm"};
    for (size_t i = 0; i < 9; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s%s", f->directory, names[i / 3],
                 ends[i % 3]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_is_sorted_and_json_for_curl),
        TEST(browser_gets_html_by_weight),
        TEST(missing_slash_is_redirected_with_its_query),
        TEST(unknown_pages_and_methods_are_refused),
        TEST(put_creates_once),
        TEST(tables_are_described),
        TEST(broken_view_does_not_hide_the_tables),
        TEST(hostile_names_stay_text_in_html),
        TEST(values_are_bound_by_their_look),
        TEST(parameters_are_found_by_name_and_number),
        TEST(injection_is_a_value_like_any_other),
        TEST(wrong_requests_say_what_is_wrong),
        TEST(locked_database_says_when_to_come_back),
        TEST(json_is_exact),
        TEST(csv_is_quoted_where_it_must_be),
        TEST(long_query_strings_and_many_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
