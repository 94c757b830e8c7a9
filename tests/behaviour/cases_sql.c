/* cases_sql.c - the Hrana protocol: values to the last bit, arguments, errors,
 * every kind of request. Batches, batons, cursors and the pages for people are
 * in cases_sql_more.c, the habits of real clients in cases_sql_clients.c.
 *
 * Pitfall 13 (pasted SQL): a value with quotes and DROP stays a value. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

static const char *const arguments[] = {
    "--rule", "allow * /",
    "--set",  "sqlite.create=on",
    "--set",  "sqlite.cors=*",
    "--set",  "sqlite.foreign_keys=on",
    "--set",  "sqlite.rows_max=1000",
    "--set",  "sqlite.response_bytes=200000",
    "--set",  "sqlite.sql_bytes=20000",
    "--set",  "sqlite.query_ms=1000",
    "--set",  "server.access_log=off",
    NULL,
};

/* SELECT of one expression gives that value. */
#define VALUE(what, expression, json)                                          \
    {                                                                          \
        .name = what, .steps = {                                               \
            {PIPELINE(EXECUTE("SELECT " expression)),                          \
             HAS("\"rows\":[[" json "]]")}                                     \
        }                                                                      \
    }
/* An argument comes back as it was. */
#define ROUND(what, json)                                                      \
    {                                                                          \
        .name = what, .steps = {                                               \
            {PIPELINE(EXECUTE_WITH("SELECT ?", "\"args\":[" json "]")),        \
             HAS("\"rows\":[[" json "]]")}                                     \
        }                                                                      \
    }
#define BOUND(what, sql, arguments_json, json)                                 \
    {                                                                          \
        .name = what, .steps = {                                               \
            {PIPELINE(EXECUTE_WITH(sql, arguments_json)), HAS(json)}           \
        }                                                                      \
    }
#define FAILS(what, sql, code, message)                                        \
    {                                                                          \
        .name = what, .steps = {                                               \
            {PIPELINE(EXECUTE(sql)), HAS("\"code\":\"" code "\""),             \
             ALSO(message)}                                                    \
        }                                                                      \
    }
#define MISTAKE(what, json)                                                    \
    {                                                                          \
        .name = what, .steps = {                                               \
            {POST(V2, json), STATUS(400),                                      \
             FIELDS("Content-Type: application/json"), HAS("\"message\":\""),  \
             ALSO("\"code\":\"")}                                              \
        }                                                                      \
    }

#define ADD_TWO EXECUTE("INSERT INTO scratch(v) VALUES('a'),('b')")
#define CHANGE  EXECUTE("UPDATE scratch SET v='c'")
#define EMPTY   EXECUTE("DELETE FROM scratch")

static const struct behaviour_case cases[] = {
    /* -- the shape
       ---------------------------------------------------------- */
    {.name = "the whole answer to a SELECT",
     .steps = {{PIPELINE(EXECUTE(
                    "SELECT id, name FROM city WHERE id=1") ",{\"type\":"
                                                            "\"close\"}"),
                FIELDS("Content-Type: application/json\nContent-Length"),
                IS("{\"baton\":null,\"base_url\":null,\"results\":[{\"type\":"
                   "\"ok\","
                   "\"response\":{\"type\":\"execute\",\"result\":{\"cols\":["
                   "{\"name\":\"id\",\"decltype\":\"INTEGER\"},{\"name\":"
                   "\"name\","
                   "\"decltype\":\"TEXT\"}],\"rows\":[[{\"type\":\"integer\","
                   "\"value\":\"1\"},{\"type\":\"text\",\"value\":\"Brno\"}]],"
                   "\"affected_row_count\":0,\"last_insert_rowid\":null}}},"
                   "{\"type\":\"ok\",\"response\":{\"type\":\"close\"}}]}")}},
     .every_split = true},
    {.name = "no requests, no results",
     .steps = {{POST(V2, "{\"requests\":[]}"),
                IS("{\"baton\":null,\"base_url\":null,\"results\":[]}")}}},
    {.name = "the same through /dev/",
     .steps = {{POST("/dev/t/v2/pipeline",
                     "{\"requests\":[" EXECUTE("SELECT 5") "]}"),
                HAS("\"value\":\"5\"")}}},
    {.name = "the same through v3",
     .steps = {{PIPELINE3(EXECUTE("SELECT 5")), HAS("\"value\":\"5\"")}}},
    {.name = "version 2 is supported",
     .steps = {{GET("/db/t/v2"), FIELDS("Content-Type: text/plain")}}},
    {.name = "version 3 is supported", .steps = {{GET("/db/t/v3")}}},
    {.name = "protobuf is not",
     .steps = {{GET("/db/t/v3-protobuf"), STATUS(404)}}},
    {.name = "unknown fields are ignored",
     .steps = {{POST(V2,
                     "{\"x\":1,\"requests\":[{\"type\":\"execute\",\"y\":[],"
                     "\"stmt\":{\"sql\":\"SELECT 5\",\"z\":{}}}]}"),
                HAS("\"value\":\"5\"")}}},
    {.name = "rows that are not wanted are not sent",
     .steps = {{PIPELINE(
                    EXECUTE_WITH("SELECT * FROM city", "\"want_rows\":false")),
                HAS("\"rows\":[]"), ALSO("\"decltype\":\"BLOB\"")}}},
    {.name = "columns are told without rows",
     .steps = {{PIPELINE(EXECUTE("SELECT id, people+1 AS p FROM city WHERE 0")),
                HAS("\"cols\":[{\"name\":\"id\",\"decltype\":\"INTEGER\"},"
                    "{\"name\":\"p\",\"decltype\":null}],\"rows\":[]")}}},

    /* -- values
       ------------------------------------------------------------- */
    VALUE("NULL", "NULL", "{\"type\":\"null\"}"),
    VALUE("the largest integer", "9223372036854775807",
          INTEGER("9223372036854775807")),
    VALUE("the smallest integer", "-9223372036854775807-1",
          INTEGER("-9223372036854775808")),
    VALUE("an integer beyond 2 to the 53", "9007199254740993",
          INTEGER("9007199254740993")),
    VALUE("a real", "1.5", "{\"type\":\"float\",\"value\":1.5}"),
    {.name = "a real with a whole value is a real",
     .steps = {{PIPELINE(EXECUTE("SELECT 1e0")),
                HAS("{\"type\":\"float\",\"value\":1")}}},
    VALUE("a tenth keeps its bits", "0.1+0.2",
          "{\"type\":\"float\",\"value\":0.30000000000000004}"),
    {.name = "the smallest real is not nothing",
     .steps = {{PIPELINE(EXECUTE("SELECT 4.9406564584124654e-324")),
                HAS("\"value\":4.94065645841247")}}},
    {.name = "the largest real",
     .steps = {{PIPELINE(EXECUTE("SELECT 1.7976931348623157e308")),
                HAS("\"value\":1.7976931348623157e")}},
     .not_valgrind = "its long double has 64 bits, SQLite reads with 80"},
    VALUE("a text", "'a'", TEXT_VALUE("a")),
    VALUE("an empty text", "''", TEXT_VALUE("")),
    VALUE("a text beyond ASCII", "'\xc5\xbelu\xc5\xa5 \xf0\x9f\x98\x80'",
          TEXT_VALUE("\xc5\xbelu\xc5\xa5 \xf0\x9f\x98\x80")),
    VALUE("a text with what JSON escapes", "char(34,92,10,9,1)",
          TEXT_VALUE("\\\"\\\\\\n\\t\\u0001")),
    VALUE("a text with U+0000", "'a'||char(0)||'b'", TEXT_VALUE("a\\u0000b")),
    VALUE("a text that is no UTF-8", "CAST(x'61ff62' AS TEXT)",
          TEXT_VALUE("a\xef\xbf\xbd"
                     "b")),
    VALUE("a blob has no padding", "x'00ff10aa'", BLOB("AP8Qqg")),
    VALUE("an empty blob", "x''", BLOB("")),

    /* -- arguments
       ------------------------------------------------------------ */
    ROUND("NULL as an argument", "{\"type\":\"null\"}"),
    ROUND("the largest integer as an argument", INTEGER("9223372036854775807")),
    ROUND("the smallest integer as an argument",
          INTEGER("-9223372036854775808")),
    ROUND("a real as an argument",
          "{\"type\":\"float\",\"value\":0.30000000000000004}"),
    ROUND("a text as an argument", TEXT_VALUE("\xc5\xbelu\xc5\xa5")),
    ROUND("a text with U+0000 as an argument", TEXT_VALUE("a\\u0000b")),
    ROUND("an empty text as an argument", TEXT_VALUE("")),
    ROUND("a blob as an argument", BLOB("AP8Qqg")),
    ROUND("an empty blob as an argument", BLOB("")),
    BOUND("a padded blob", "SELECT hex(?), typeof(?1)",
          "\"args\":[{\"type\":\"blob\",\"base64\":\"AP8Qqg==\"}]",
          TEXT_VALUE("00FF10AA") "," TEXT_VALUE("blob")),
    BOUND("an empty blob is no NULL", "SELECT typeof(?)",
          "\"args\":[" BLOB("") "]", TEXT_VALUE("blob")),
    BOUND("a whole float is a real", "SELECT typeof(?)",
          "\"args\":[{\"type\":\"float\",\"value\":1}]", TEXT_VALUE("real")),
    BOUND("a value is never SQL", "SELECT count(*), ? FROM city",
          "\"args\":[" TEXT_VALUE("'; DROP TABLE city; --") "]",
          INTEGER("3") "," TEXT_VALUE("'; DROP TABLE city; --")),
    BOUND("numbered parameters", "SELECT ?2, ?1",
          "\"args\":[" INTEGER("1") "," INTEGER("2") "]",
          INTEGER("2") "," INTEGER("1")),
    BOUND("names with a colon, an at sign, a dollar", "SELECT :a, @b, $c",
          "\"named_args\":[" NAMED("a", "1") "," NAMED("b", "2") "," NAMED(
              "c", "3") "]",
          INTEGER("1") "," INTEGER("2") "," INTEGER("3")),
    BOUND("names with their sign", "SELECT :a, @b, $c",
          "\"named_args\":[" NAMED(":a", "1") "," NAMED("@b", "2") "," NAMED(
              "$c", "3") "]",
          INTEGER("1") "," INTEGER("2") "," INTEGER("3")),
    BOUND("one name in two places", "SELECT :a, :a+1",
          "\"named_args\":[" NAMED("a", "1") "]",
          INTEGER("1") "," INTEGER("2")),
    BOUND("too few arguments", "SELECT ?, ?", "\"args\":[" INTEGER("1") "]",
          "\"code\":\"ARGS_INVALID\""),
    BOUND("too many arguments", "SELECT ?",
          "\"args\":[" INTEGER("1") "," INTEGER("1") "]",
          "\"code\":\"ARGS_INVALID\""),
    BOUND("a name that is not there", "SELECT :a",
          "\"named_args\":[" NAMED("a", "1") "," NAMED("b", "2") "]",
          "\"code\":\"ARGS_INVALID\""),
    BOUND("no arguments at all", "SELECT ?", "\"args\":[]",
          "\"code\":\"ARGS_INVALID\""),

    /* -- writes ----------------------------------------------------------- */
    {.name = "counts and row numbers of writes",
     .steps = {{PIPELINE(ADD_TWO "," CHANGE "," EXECUTE("SELECT 1") "," EMPTY),
                HAS("\"affected_row_count\":2,\"last_insert_rowid\":\"2\""),
                ALSO("\"affected_row_count\":0,\"last_insert_rowid\":null")}}},
    {.name = "RETURNING gives rows and a count",
     .steps = {{PIPELINE(EXECUTE("INSERT INTO scratch(id,v) VALUES(77,1) "
                                 "RETURNING id, v") "," EMPTY),
                HAS("\"rows\":[[" INTEGER("77") "," INTEGER(
                    "1") "]],"
                         "\"affected_row_count\":1,\"last_insert_rowid\":"
                         "\"77\"")}}},
    {.name = "an int64 stays what it is in a table",
     .steps =
         {{PIPELINE(EXECUTE_WITH(
               "INSERT INTO scratch(id,v) VALUES(1,?)",
               "\"args\":[" INTEGER(
                   "-9223372036854775808") "]") "," EXECUTE("SELECT v FROM "
                                                            "scratch") "," EMPTY),
           HAS("\"rows\":[[" INTEGER("-9223372036854775808") "]]")}}},
    {.name = "a failed request does not stop the next",
     .steps = {{PIPELINE(EXECUTE("SELEC") "," EXECUTE("SELECT 5")),
                HAS("{\"type\":\"error\",\"error\":{\"message\":"),
                ALSO("\"value\":\"5\"")}}},
    {.name = "a failed write leaves nothing behind",
     .steps = {{PIPELINE(
                    EXECUTE("INSERT INTO river(id,name) VALUES(8,'Odra'),"
                            "(9,'Vltava')") "," EXECUTE("SELECT count(*) FROM "
                                                        "river")),
                HAS("UNIQUE constraint failed: river.name"),
                ALSO(INTEGER("2"))}}},

    /* -- errors
       ------------------------------------------------------------------ */
    FAILS("a syntax error", "SELEC", "SQL_INPUT_ERROR",
          "near \\\"SELEC\\\": syntax error"),
    FAILS("no such table", "SELECT * FROM nowhere", "SQLITE_UNKNOWN",
          "no such table: nowhere"),
    FAILS("no such column", "SELECT nowhere FROM city", "SQL_INPUT_ERROR",
          "no such column: nowhere"),
    FAILS("NOT NULL", "INSERT INTO city(name) VALUES(NULL)",
          "SQLITE_CONSTRAINT", "NOT NULL constraint failed: city.name"),
    FAILS("UNIQUE", "INSERT INTO river(name) VALUES('Vltava')",
          "SQLITE_CONSTRAINT", "UNIQUE constraint failed: river.name"),
    FAILS("a foreign key", "INSERT INTO river(name,city) VALUES('Odra',99)",
          "SQLITE_CONSTRAINT", "FOREIGN KEY constraint failed"),
    FAILS("a wrong type", "INSERT INTO city(id,name) VALUES('x','y')",
          "SQLITE_MISMATCH", "datatype mismatch"),
    FAILS("a table that is there", "CREATE TABLE city(x)", "SQL_INPUT_ERROR",
          "already exists"),
    FAILS("an error while running", "SELECT abs(-9223372036854775807-1)",
          "SQLITE_UNKNOWN", "integer overflow"),
    FAILS("two statements", "SELECT 1; SELECT 2", "SQL_MANY_STATEMENTS", ""),
    FAILS("no statement", "", "SQL_NO_STATEMENT", ""),
    FAILS("only a comment", "-- nothing", "SQL_NO_STATEMENT", ""),
    {.name = "blanks and comments behind a statement are fine",
     .steps = {{PIPELINE(EXECUTE("SELECT 5; -- five\\n /* and */ ;")),
                HAS("\"value\":\"5\"")}}},
    FAILS("COMMIT without BEGIN", "COMMIT", "SQLITE_UNKNOWN",
          "no transaction is active"),
    FAILS("more rows than the limit",
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
          "LIMIT 1001) SELECT i FROM n",
          "RESPONSE_TOO_LARGE", ""),
    FAILS("more bytes than the limit", "SELECT hex(zeroblob(150000))",
          "RESPONSE_TOO_LARGE", ""),
    FAILS("a statement longer than the limit", "SELECT '{{20000*a}}'",
          "SQLITE_TOOBIG", ""),
    FAILS("a query that never ends",
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
          "SELECT max(i) FROM n",
          "SQLITE_INTERRUPT", ""),

    /* -- what is not allowed
       ------------------------------------------------------ */
    FAILS("ATTACH", "ATTACH 'other.db' AS o", "SQLITE_AUTH", ""),
    FAILS("ATTACH of memory", "ATTACH ':memory:' AS o", "SQLITE_AUTH", ""),
    FAILS("VACUUM INTO a file", "VACUUM INTO '/tmp/x.db'", "SQLITE_AUTH", ""),
    {.name = "an extension is not loaded",
     .steps = {{PIPELINE(EXECUTE("SELECT load_extension('x')")),
                HAS("{\"type\":\"error\"")}}},
    {.name = "a file is not read",
     .steps = {{PIPELINE(EXECUTE("SELECT readfile('/etc/hostname')")),
                HAS("{\"type\":\"error\"")}}},
    FAILS("a pragma that names a directory",
          "PRAGMA temp_store_directory='/tmp'", "SQLITE_AUTH", ""),
    FAILS("a pragma that makes the schema writable", "PRAGMA writable_schema=1",
          "SQLITE_AUTH", ""),
    FAILS("a journal that is less safe", "PRAGMA journal_mode=OFF",
          "SQLITE_AUTH", ""),
    {.name = "a pragma that tells is allowed",
     .steps = {{PIPELINE(EXECUTE("PRAGMA table_info(river)")),
                HAS("\"name\"")}}},

    /* -- sequence, describe, stored SQL
       ------------------------------------------ */
    {.name = "a sequence runs all",
     .steps =
         {{PIPELINE(SEQUENCE(
               "INSERT INTO scratch(id) VALUES(1); INSERT INTO "
               "scratch(id) VALUES(2); -- end") "," EXECUTE("SELECT "
                                                            "count(*) FROM "
                                                            "scratch") "," SEQUENCE("DELETE FROM scratch")),
           HAS("{\"type\":\"ok\",\"response\":{\"type\":\"sequence\"}}"),
           ALSO(INTEGER("2"))}}},
    {.name = "a sequence stops at an error and keeps what ran",
     .steps =
         {{PIPELINE(SEQUENCE(
               "INSERT INTO scratch(id) VALUES(1); SELEC; INSERT "
               "INTO scratch(id) VALUES(2)") "," EXECUTE("SELECT count(*) "
                                                         "FROM scratch") "," SEQUENCE("DELETE FROM scratch")),
           HAS("syntax error"), ALSO(INTEGER("1"))}}},
    {.name = "an empty sequence is fine",
     .steps = {{PIPELINE(SEQUENCE("")), HAS("{\"type\":\"sequence\"}")}}},
    {.name = "describe",
     .steps =
         {{PIPELINE3("{\"type\":\"describe\",\"sql\":\"SELECT name, :a, ? FROM "
                     "city\"}"),
           HAS("{\"type\":\"describe\",\"result\":{\"params\":[{\"name\":"
               "\":a\"},"
               "{\"name\":null}],\"cols\":[{\"name\":\"name\",\"decltype\":"
               "\"TEXT\"},{\"name\":\":a\",\"decltype\":null},{\"name\":\"?"
               "\","
               "\"decltype\":null}],\"is_explain\":false,\"is_readonly\":"
               "true}}")}}},
    {.name = "describe of a write does not write",
     .steps = {{PIPELINE3("{\"type\":\"describe\",\"sql\":\"DELETE FROM city\"}"
                          "," EXECUTE("SELECT count(*) FROM city")),
                HAS("\"is_readonly\":false"), ALSO(INTEGER("3"))}}},
    {.name = "describe of an EXPLAIN",
     .steps = {{PIPELINE3(
                    "{\"type\":\"describe\",\"sql\":\"EXPLAIN SELECT 1\"}"),
                HAS("\"is_explain\":true")}}},
    {.name = "get_autocommit",
     .steps = {{PIPELINE3("{\"type\":\"get_autocommit\"}," EXECUTE(
                    "BEGIN") ",{\"type\":\"get_autocommit\"}," EXECUTE("COMMI"
                                                                       "T")),
                HAS("{\"type\":\"get_autocommit\",\"is_autocommit\":true}"),
                ALSO(
                    "{\"type\":\"get_autocommit\",\"is_autocommit\":false}")}}},
    {.name = "SQL is stored, used, and forgotten",
     .steps =
         {{PIPELINE(
               "{\"type\":\"store_sql\",\"sql_id\":3,\"sql\":\"SELECT 5\"},"
               "{\"type\":\"execute\",\"stmt\":{\"sql_id\":3}},"
               "{\"type\":\"close_sql\",\"sql_id\":3},"
               "{\"type\":\"close_sql\",\"sql_id\":3},{\"type\":"
               "\"close\"}"),
           HAS("\"value\":\"5\""),
           ALSO("{\"type\":\"ok\",\"response\":{\"type\":\"close_sql\"}},"
                "{\"type\":\"ok\",\"response\":{\"type\":\"close_sql\"}},"
                "{\"type\":\"ok\",\"response\":{\"type\":\"close\"}}]}")}}},
    {.name = "too long a text is not stored",
     .steps = {{PIPELINE(
                    "{\"type\":\"store_sql\",\"sql_id\":0,\"sql\":\"SELECT "
                    "'{{5000*a}}'\"},{\"type\":\"close\"}"),
                HAS("SQL_STORE_TOO_LARGE")}}},

    /* -- mistakes in the protocol
       --------------------------------------------------- */
    MISTAKE("no JSON", "{"),
    MISTAKE("an empty body", ""),
    MISTAKE("an array", "[]"),
    MISTAKE("no requests", "{}"),
    MISTAKE("requests that are no array", "{\"requests\":{}}"),
    MISTAKE("a request that is no object", "{\"requests\":[1]}"),
    MISTAKE("a request without a type", "{\"requests\":[{}]}"),
    MISTAKE("a type that nobody knows",
            "{\"requests\":[{\"type\":\"dance\"}]}"),
    MISTAKE("execute without a statement",
            "{\"requests\":[{\"type\":\"execute\"}]}"),
    MISTAKE("neither sql nor sql_id",
            "{\"requests\":[{\"type\":\"execute\",\"stmt\":{}}]}"),
    MISTAKE("both sql and sql_id",
            "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT "
            "1\",\"sql_id\":1}}]}"),
    MISTAKE("sql that is no text",
            "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":1}}]}"),
    MISTAKE("an integer that is a fraction",
            PIPE_BODY(EXECUTE_WITH("SELECT ?", "\"args\":[{\"type\":"
                                               "\"integer\",\"value\":1.5}]"))),
    MISTAKE(
        "an integer that is no number",
        PIPE_BODY(EXECUTE_WITH("SELECT ?", "\"args\":[" INTEGER("1x") "]"))),
    MISTAKE("an integer beyond 64 bits",
            PIPE_BODY(EXECUTE_WITH(
                "SELECT ?", "\"args\":[" INTEGER("9223372036854775808") "]"))),
    BOUND("base64 that is none", "SELECT ?", "\"args\":[" BLOB("A*") "]",
          "\"code\":\"ARGS_INVALID\""),
    MISTAKE("a value of no type",
            PIPE_BODY(EXECUTE_WITH("SELECT ?", "\"args\":[{}]"))),
    MISTAKE("JSON nested too deep", "{\"requests\":{{5000*[}}"),
    MISTAKE("JSON that is no UTF-8", "{\"requests\":[],\"x\":\"\xff\"}"),
    {.name = "an unknown stored text",
     .steps = {{PIPELINE("{\"type\":\"execute\",\"stmt\":{\"sql_id\":9}},"
                         "{\"type\":\"close\"}"),
                HAS("{\"type\":\"error\"")}}},
};

int suite_run_sql_more(const char *const *options);
int suite_run_sql_clients(const char *const *options);

int suite_run_sql(void)
{
    return cases_run("sql", cases, sizeof cases / sizeof *cases, arguments,
                     true) +
           suite_run_sql_more(arguments) + suite_run_sql_clients(arguments);
}
