/* cases_sql_more.c - batches and their conditions, transactions by batons,
 * cursors, the old version, and the pages for people. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

#define ADD_ONE "INSERT INTO scratch VALUES(1,1)"
#define COUNT   EXECUTE("SELECT count(*) FROM scratch")
#define TIDY    "," SEQUENCE("DELETE FROM scratch") "," CLOSE_STREAM

#define MISTAKE(what, where, json)                                             \
    {                                                                          \
        .name = what, .steps = {                                               \
            {POST(where, json), STATUS(400), HAS("\"message\":\""),            \
             ALSO("\"code\":\"")}                                              \
        }                                                                      \
    }
#define QUERY(what, query, ...)                                                \
    {                                                                          \
        .name = what, .steps = { {GET("/db/t/query?" query), __VA_ARGS__} }    \
    }

static const struct behaviour_case cases[] = {
    /* -- batches ---------------------------------------------------------- */
    {.name = "a batch runs its steps in order",
     .steps =
         {{PIPELINE(BATCH(STEP("SELECT 1") "," STEP("SELECT 2"))),
           HAS("{\"type\":\"batch\",\"result\":{\"step_results\":[{\"cols\":["
               "{\"name\":\"1\",\"decltype\":null}],\"rows\":[[" INTEGER(
                   "1") "]]"),
           ALSO("\"step_errors\":[null,null]")}}},
    {.name = "an empty batch",
     .steps = {{PIPELINE(BATCH("")),
                HAS("\"step_results\":[],\"step_errors\":[]")}}},
    {.name = "a failed step does not stop a batch",
     .steps = {{PIPELINE(BATCH(STEP("SELEC") "," STEP("SELECT 2"))),
                HAS("\"step_results\":[null,{"), ALSO("SQL_INPUT_ERROR")}}},
    {.name = "a write batch whose step fails rolls back",
     .steps = {{PIPELINE(BATCH5(
                    STEP("BEGIN IMMEDIATE"), STEP_IF(IF_OK("0"), ADD_ONE),
                    STEP_IF(IF_OK("1"), ADD_ONE), STEP_IF(IF_OK("2"), "COMMIT"),
                    STEP_IF(IF_NOT(IF_OK("3")), "ROLLBACK")) "," COUNT
                                                             "," CLOSE_STREAM),
                HAS("\"step_errors\":[null,null,{\"message\":\"SQLite error: "
                    "UNIQUE constraint failed: scratch.id\","
                    "\"code\":\"SQLITE_CONSTRAINT\"},null,null]"),
                ALSO("\"rows\":[[" INTEGER("0") "]]")}}},
    {.name = "a write batch that goes well commits",
     .steps = {{PIPELINE(BATCH4(
                    STEP("BEGIN IMMEDIATE"), STEP_IF(IF_OK("0"), ADD_ONE),
                    STEP_IF(IF_OK("1"), "COMMIT"),
                    STEP_IF(IF_NOT(IF_OK("2")), "ROLLBACK")) "," COUNT TIDY),
                HAS("\"step_errors\":[null,null,null,null]"),
                ALSO("\"rows\":[[" INTEGER("1") "]]")}}},
    {.name = "of a skipped step neither ok nor error is true",
     .steps =
         {{PIPELINE(BATCH4(STEP("SELECT 1"), STEP_IF(IF_ERROR("0"), "SELECT 2"),
                           STEP_IF(IF_OK("1"), "SELECT 3"),
                           STEP_IF(IF_ERROR("1"), "SELECT 4"))),
           HAS(",null,null,null],\"step_errors\":[null,null,null,null]")}}},
    {.name = "and, or, not",
     .steps =
         {{PIPELINE(BATCH5(
               STEP("SELECT 1"), STEP("SELEC"),
               STEP_IF(IF_AND(IF_OK("0") "," IF_ERROR("1")), "SELECT 'both'"),
               STEP_IF(IF_AND(IF_OK("0") "," IF_OK("1")), "SELECT 'no'"),
               STEP_IF(IF_OR(IF_OK("1") "," IF_OK("0")), "SELECT 'either'"))),
           HAS(TEXT_VALUE("both")), ALSO(TEXT_VALUE("either"))}}},
    {.name = "and of nothing is true, or of nothing is not",
     .steps = {{PIPELINE(BATCH2(STEP_IF(IF_AND(""), "SELECT 'and'"),
                                STEP_IF(IF_OR(""), "SELECT 'or'"))),
                HAS(TEXT_VALUE("and")), ALSO(",null],\"step_errors\"")}}},
    {.name = "is_autocommit",
     .steps = {{PIPELINE3(BATCH4(
                    STEP("BEGIN"), STEP_IF(IF_AUTOCOMMIT, "SELECT 'auto'"),
                    STEP("COMMIT"), STEP_IF(IF_AUTOCOMMIT, "SELECT 'again'"))),
                HAS(TEXT_VALUE("again")),
                ALSO("null,{\"cols\":[],\"rows\":[]")}}},
    {.name = "rows of a batch step that are not wanted",
     .steps = {{PIPELINE(BATCH("{\"stmt\":{\"sql\":\"SELECT * FROM city\","
                               "\"want_rows\":false}}")),
                HAS("\"rows\":[],\"affected_row_count\":0")}}},
    MISTAKE(
        "a condition on a later step", V2,
        PIPE_BODY(BATCH(STEP_IF(IF_OK("1"), "SELECT 1") "," STEP("SELECT 2")))),
    MISTAKE("a condition on itself", V2,
            PIPE_BODY(BATCH(STEP_IF(IF_OK("0"), "SELECT 1")))),
    MISTAKE("a condition on a negative step", V2,
            PIPE_BODY(
                BATCH(STEP("SELECT 1") "," STEP_IF(IF_OK("-1"), "SELECT 1")))),
    MISTAKE("a condition that nobody knows", V2,
            PIPE_BODY(BATCH(STEP_IF("{\"type\":\"maybe\"}", "SELECT 1")))),
    MISTAKE("a batch without steps", V2,
            PIPE_BODY("{\"type\":\"batch\",\"batch\":{}}")),

    /* -- transactions by batons
       ------------------------------------------------- */
    {.name = "a transaction over three requests commits",
     .steps = {{PIPELINE(EXECUTE("BEGIN IMMEDIATE")), HAS("\"baton\":\"")},
               {WITH_BATON(EXECUTE("INSERT INTO scratch VALUES(1,'kept')")),
                HAS("\"baton\":\"")},
               {WITH_BATON(EXECUTE("COMMIT") "," CLOSE_STREAM),
                HAS("\"baton\":null")},
               {PIPELINE(EXECUTE("SELECT v FROM scratch") TIDY),
                HAS(TEXT_VALUE("kept"))}}},
    {.name = "close rolls back",
     .steps = {{PIPELINE(EXECUTE("BEGIN") "," EXECUTE(
                   "INSERT INTO scratch VALUES(1,'lost')"))},
               {WITH_BATON(CLOSE_STREAM), HAS("\"baton\":null")},
               {PIPELINE(COUNT), HAS("\"rows\":[[" INTEGER("0") "]]")}}},
    {.name = "others do not see what is not committed",
     .steps = {{PIPELINE(EXECUTE("BEGIN") "," EXECUTE(
                   "INSERT INTO scratch VALUES(1,'x')"))},
               {PIPELINE(COUNT), HAS("\"rows\":[[" INTEGER("0") "]]")},
               {WITH_BATON(CLOSE_STREAM)}}},
    {.name = "the stream goes on where it was and sees its own writes",
     .steps = {{PIPELINE(EXECUTE("BEGIN") "," EXECUTE(
                   "INSERT INTO scratch VALUES(1,'mine')"))},
               {WITH_BATON(EXECUTE("SELECT v FROM scratch")),
                HAS(TEXT_VALUE("mine"))},
               {WITH_BATON(EXECUTE("ROLLBACK") "," CLOSE_STREAM),
                HAS("\"baton\":null")}}},
    {.name = "stored SQL lives as long as its stream",
     .steps =
         {{PIPELINE(
               "{\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 6\"}"),
           HAS("\"baton\":\"")},
          {WITH_BATON("{\"type\":\"execute\",\"stmt\":{\"sql_id\":1}},"
                      "{\"type\":\"close_sql\",\"sql_id\":1}"),
           HAS("\"value\":\"6\""), ALSO("\"baton\":null")}}},
    {.name = "without state no stream is kept",
     .steps = {{PIPELINE(EXECUTE("SELECT 1")), HAS("\"baton\":null")}}},
    {.name = "what others lock is answered SQLITE_BUSY and does not block",
     .steps = {{PIPELINE(EXECUTE("BEGIN IMMEDIATE"))},
               {PIPELINE(EXECUTE("INSERT INTO scratch VALUES(1,1)")),
                HAS("SQLITE_BUSY")},
               {WITH_BATON(CLOSE_STREAM)}}},
    {.name = "a reader is not locked out by a writer",
     .steps = {{PIPELINE(EXECUTE("BEGIN IMMEDIATE"))},
               {PIPELINE(EXECUTE("SELECT count(*) FROM city")),
                HAS(INTEGER("3"))},
               {WITH_BATON(CLOSE_STREAM)}}},
    {.name = "READONLY is kept to",
     .steps =
         {{PIPELINE(BATCH(STEP("BEGIN TRANSACTION READONLY") "," STEP(
               "INSERT INTO "
               "scratch "
               "VALUES(1,1)") "," STEP("COMMIT")) "," EXECUTE("INSERT INTO "
                                                              "scratch "
                                                              "VALUES(2,2)")
                        TIDY),
           HAS("\"code\":\"SQLITE_READONLY\""),
           ALSO("\"last_insert_rowid\":\"2\"")}}},
    {.name = "a pragma does not outlive its request",
     .steps = {{PIPELINE(EXECUTE("PRAGMA foreign_keys=off"))},
               {PIPELINE(EXECUTE("PRAGMA foreign_keys")), HAS(INTEGER("1"))}}},
    {.name = "a temporary table does not outlive its request",
     .steps = {{PIPELINE(EXECUTE("CREATE TEMP TABLE gone(x)"))},
               {PIPELINE(EXECUTE("SELECT * FROM gone")),
                HAS("no such table")}}},
    {.name = "a baton is good once",
     .steps = {{PIPELINE(EXECUTE("BEGIN")), HAS("\"baton\":\"")},
               {PIPELINE(EXECUTE("SELECT 1"))},
               {POST(V2, "{\"baton\":\"{{baton}}\",\"requests\":[{\"type\":"
                         "\"close\"}]}")},
               {POST(V2, "{\"baton\":\"{{baton}}\",\"requests\":[]}"),
                STATUS(400), HAS("baton")}}},
    {.name = "a baton is bound to its database",
     .steps = {{PIPELINE(EXECUTE("BEGIN"))},
               {POST("/db/other/v2/pipeline",
                     "{\"baton\":\"{{baton}}\",\"requests\":[]}"),
                STATUS(400)},
               {WITH_BATON(CLOSE_STREAM)}}},
    MISTAKE("a baton that nobody gave", V2,
            "{\"baton\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"requests\":[]}"),
    MISTAKE("a baton that is no text", V2, "{\"baton\":5,\"requests\":[]}"),
    {.name = "a baton of null is none",
     .steps = {{POST(V2,
                     "{\"baton\":null,\"requests\":[" EXECUTE("SELECT 5") "]}"),
                HAS("\"value\":\"5\"")}}},

    /* -- cursors
       -------------------------------------------------------------------- */
    {.name = "a cursor sends a line for each row",
     .steps =
         {{POST(CURSOR,
                "{\"batch\":{\"steps\":[" STEP("SELECT id, name FROM city "
                                               "WHERE id<3") "]}}"),
           FIELDS("Content-Type: text/plain"),
           IS("{\"baton\":null,\"base_url\":null}\n"
              "{\"type\":\"step_begin\",\"step\":0,\"cols\":[{\"name\":\"id\","
              "\"decltype\":\"INTEGER\"},{\"name\":\"name\",\"decltype\":"
              "\"TEXT\"}]}\n"
              "{\"type\":\"row\",\"row\":[" INTEGER("1") "," TEXT_VALUE(
                  "Brno") "]}\n"
                          "{\"type\":\"row\",\"row\":[" INTEGER(
                              "2") "," TEXT_VALUE("Praha") "]}\n"
                                                           "{\"type\":\"step_"
                                                           "end\",\"affected_"
                                                           "row_count\":0,"
                                                           "\"last_insert_"
                                                           "rowid\":null}\n")}},
     .every_split = true},
    {.name = "a cursor skips and fails by steps",
     .steps = {{POST(CURSOR,
                     "{\"batch\":{\"steps\":[" STEP("SELEC") "," STEP_IF(
                         IF_OK("0"), "SELECT 1") "," STEP_IF(IF_ERROR("0"),
                                                             "SELECT 2") "]}}"),
                HAS("{\"type\":\"step_error\",\"step\":0,\"error\":{"),
                ALSO("{\"type\":\"step_begin\",\"step\":2,")}}},
    {.name = "a cursor writes",
     .steps = {{POST(CURSOR, "{\"batch\":{\"steps\":[" STEP(
                                 "INSERT INTO scratch VALUES(5,5)") "]}}"),
                HAS("\"affected_row_count\":1,\"last_insert_rowid\":\"5\"")},
               {PIPELINE(SEQUENCE("DELETE FROM scratch"))}}},
    {.name = "a long cursor is sent in chunks",
     .steps = {{POST(
                    CURSOR,
                    "{\"batch\":{\"steps\":[" STEP(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                        "FROM n "
                        "LIMIT 900) SELECT i, hex(zeroblob(50)) FROM n") "]}}"),
                FIELDS("!Content-Length\nTransfer-Encoding: chunked"),
                HAS(INTEGER("900")), ALSO("step_end")}}},
    {.name = "HTTP/1.0 gets a cursor up to the close",
     .steps =
         {{RAW("POST /db/t/v3/cursor HTTP/1.0\r\nContent-Length: 49\r\n\r\n"
               "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"SELECT 5\"}}]}}"),
           FIELDS("!Transfer-Encoding\n!Content-Length"), HAS("step_end"),
           CLOSES}}},
    MISTAKE("a cursor without a batch", CURSOR, "{}"),

    /* -- version 1
       -------------------------------------------------------------------- */
    {.name = "v1 execute",
     .steps = {{POST("/db/t/v1/execute", "{\"stmt\":" STMT("SELECT 5") "}"),
                HAS("{\"result\":{\"cols\":[{\"name\":\"5\""),
                ALSO(INTEGER("5"))}}},
    {.name = "v1 batch",
     .steps = {{POST("/db/t/v1/batch",
                     "{\"batch\":{\"steps\":[" STEP("SELECT 5") "]}}"),
                HAS("{\"result\":{\"step_results\":[")}}},
    MISTAKE("v1 answers an error with 400", "/db/t/v1/execute",
            "{\"stmt\":" STMT("SELEC") "}"),

    /* -- paths and methods
       ------------------------------------------------------------ */
    {.name = "a database that is not there",
     .steps = {{GET("/db/none/"), STATUS(404)},
               {GET("/db/none/query?sql=SELECT+1"), STATUS(404)}}},
    {.name = "a name with a dot is none",
     .steps = {{POST("/db/t.db/v2/pipeline", PIPE_BODY("")), STATUS(404)}}},
    {.name = "the base without its slash is told so",
     .steps = {{POST("/db/v2/pipeline", PIPE_BODY("")), STATUS(404),
                HAS("/")}}},
    {.name = "an unknown path of a database",
     .steps = {{POST("/db/t/v9/pipeline", PIPE_BODY("")), STATUS(404),
                FIELDS("Content-Type: application/json"),
                HAS("\"code\":\"NOT_FOUND\"")}}},
    {.name = "GET of a pipeline",
     .steps = {{GET(V2), STATUS(405), FIELDS("Allow")}}},
    {.name = "POST of a query",
     .steps = {{POST("/db/t/query", "sql=SELECT+1"), STATUS(405),
                FIELDS("Allow: GET, HEAD, OPTIONS")},
               {RAW("OPTIONS /db/t/query HTTP/1.1\r\nHost: a\r\n\r\n"),
                STATUS(204), FIELDS("Allow: GET, HEAD, OPTIONS")}}},
    {.name = "a file that is no database is told as such",
     .steps = {{POST("/db/broken/v2/pipeline",
                     PIPE_BODY(EXECUTE("SELECT * FROM x"))),
                HAS("SQLITE_NOTADB")}}},
    {.name = "OPTIONS for browsers",
     .steps = {{RAW("OPTIONS /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
                    "Origin: http://b\r\nAccess-Control-Request-Method: "
                    "POST\r\n\r\n"),
                STATUS(204),
                FIELDS("Access-Control-Allow-Origin\n"
                       "Access-Control-Allow-Headers")}}},
    {.name = "PUT makes a database, POST fills it",
     .steps = {{PUT("/db/fresh/", ""), STATUS(201)},
               {POST("/db/fresh/v2/pipeline",
                     PIPE_BODY(SEQUENCE("CREATE TABLE a(x); DROP TABLE a"))),
                HAS("\"type\":\"ok\"")}},
     .whole_only = true /* a database cannot be removed again */},

    /* -- pages for people
       ----------------------------------------------------------------- */
    {.name = "the databases are listed",
     .steps = {{GET("/db/"), WITH("Accept: application/json\r\n"),
                FIELDS("Content-Type: application/json"), HAS("\"t\""),
                ALSO("\"other\"")}},
     .whole_only = true /* sizes and new databases */},
    {.name = "the tables are described",
     .steps = {{GET("/db/t/"), WITH("Accept: application/json\r\n"),
                HAS("\"city\""), ALSO("\"river\"")}}},
    {.name = "the tables are described as a page",
     .steps = {{GET("/db/t/"), WITH("Accept: text/html\r\n"),
                FIELDS("Content-Type: text/html; charset=utf-8"),
                HAS("city")}}},
    QUERY("a query with parameters",
          "sql=SELECT+name+FROM+city+WHERE+id%3D:id&id=2",
          FIELDS("Content-Type: application/json"), HAS("Praha")),
    QUERY("a query as CSV", "sql=SELECT+id,name,area,seal+FROM+city&format=csv",
          FIELDS("Content-Type: text/csv; charset=utf-8; header=present"),
          HAS("id,name,area,seal\r\n1,Brno,230.18,")),
    {.name = "a query as CSV by Accept",
     .steps = {{GET("/db/t/query?sql=SELECT+1+AS+a"),
                WITH("Accept: text/csv\r\n"), IS("a\r\n1\r\n")}}},
    QUERY("CSV quotes what it must",
          "sql=SELECT+'a,b','say+%22x%22'&format=csv",
          HAS("\"a,b\",\"say \"\"x\"\"\"\r\n")),
    QUERY("a parameter is never SQL",
          "sql=SELECT+:a+AS+a&a=';+DROP+TABLE+city;+--&format=csv",
          IS("a\r\n'; DROP TABLE city; --\r\n")),
    QUERY("a query cannot write", "sql=DELETE+FROM+city", STATUS(403)),
    QUERY("a query cannot begin", "sql=BEGIN", STATUS(400)),
    QUERY("a query with an error", "sql=SELEC", STATUS(400),
          HAS("syntax error")),
    QUERY("a query of two statements", "sql=SELECT+1;SELECT+2", STATUS(400)),
    QUERY("no query", "x=1", STATUS(400)),
    QUERY("a query with a bad percent", "sql=%zz", STATUS(400)),
    QUERY("a parameter that is missing", "sql=SELECT+:a", STATUS(400)),
    {.name = "HEAD of a query",
     .steps = {{HEAD("/db/t/query?sql=SELECT+1"), IS("")}}},
};

int suite_run_sql_more(const char *const *options);

int suite_run_sql_more(const char *const *options)
{
    return cases_run("hrana", cases, sizeof cases / sizeof *cases, options,
                     true);
}
