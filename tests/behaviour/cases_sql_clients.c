/* cases_sql_clients.c - what clients that nobody here wrote have stumbled on:
 * the schemas that they make, the numbers that they send, and what a connection
 * remembers between two of their requests.
 *
 * Databases of their own, as some cases leave a schema behind. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

/* 1024 of them. */
#define ZEROS_64                                                               \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_256 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64
#define ZEROS     ZEROS_256 ZEROS_256 ZEROS_256 ZEROS_256

#define SHOP            "/db/shop/v2/pipeline"
#define SHOP_PIPE(what) POST(SHOP, PIPE_BODY(what))
#define SHOP_GO_ON(what)                                                       \
    POST(SHOP, "{\"baton\":\"{{baton}}\",\"requests\":[" what "]}")
#define FLOAT(digits) "{\"type\":\"float\",\"value\":" digits "}"
#define ARG(value)    "\"args\":[" value "]"
#define ROW(value)    "\"rows\":[[" value "]]"
#define ENDLESS                                                                \
    "INSERT INTO kept WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "  \
    "FROM n) SELECT max(i) FROM n"
#define COUNT_ONCE  EXECUTE("SELECT count(*) FROM once")
#define TRIGGERS    EXECUTE("PRAGMA recursive_triggers")
#define TRIGGERS_ON "PRAGMA recursive_triggers=ON"
#define CHANGES     EXECUTE("SELECT changes()")
#define LOST        "the transaction was rolled back by an earlier error"

/* Each statement goes well, and the last one gives the row. */
#define SCHEMA(what, script, ask, row)                                         \
    {                                                                          \
        .name = what, .steps = {                                               \
            {SHOP_PIPE(SEQUENCE(script) "," EXECUTE(ask) "," CLOSE_STREAM),    \
             HAS(ROW(row)), ALSO("\"type\":\"sequence\"")}                     \
        }                                                                      \
    }

static const struct behaviour_case cases[] = {
    /* -- schemas ---------------------------------------------------------- */
    SCHEMA("a generated column from JSON",
           "DROP TABLE IF EXISTS g;"
           "CREATE TABLE g(d, n AS (json_extract(d,'$.n')));"
           "INSERT INTO g(d) VALUES('{\\\"n\\\":7}')",
           "SELECT n FROM g", INTEGER("7")),
    SCHEMA("a CHECK of JSON",
           "DROP TABLE IF EXISTS c;"
           "CREATE TABLE c(d CHECK(json_valid(d)));"
           "INSERT INTO c VALUES('[]')",
           "SELECT d FROM c", TEXT_VALUE("[]")),
    {.name = "a CHECK of JSON refuses what is none",
     .steps = {{SHOP_PIPE(
                    SEQUENCE("DROP TABLE IF EXISTS c2;"
                             "CREATE TABLE c2(d CHECK(json_valid(d)));"
                             "INSERT INTO c2 VALUES('[')") "," CLOSE_STREAM),
                HAS("CHECK constraint failed")}}},
    SCHEMA("an index on what ->> gives",
           "DROP TABLE IF EXISTS x;"
           "CREATE TABLE x(d); CREATE INDEX xi ON x(d->>'$.n');"
           "INSERT INTO x VALUES('{\\\"n\\\":8}')",
           "SELECT count(*) FROM x WHERE d->>'$.n'=8", INTEGER("1")),
    SCHEMA("a DEFAULT that is a JSON object",
           "DROP TABLE IF EXISTS o;"
           "CREATE TABLE o(id, d DEFAULT (json_object()));"
           "INSERT INTO o(id) VALUES(1)",
           "SELECT d FROM o", TEXT_VALUE("{}")),
    SCHEMA("a view with a JSON array",
           "DROP VIEW IF EXISTS v;"
           "CREATE VIEW v AS SELECT json_array(1,2) AS a",
           "SELECT a FROM v", TEXT_VALUE("[1,2]")),
    SCHEMA("a view with the time",
           "DROP VIEW IF EXISTS now;"
           "CREATE VIEW now AS SELECT typeof(strftime('%s','now')) AS t",
           "SELECT t FROM now", TEXT_VALUE("text")),
    SCHEMA("full-text search with external content and its triggers",
           "DROP TABLE IF EXISTS p;DROP TABLE IF EXISTS f;"
           "CREATE TABLE p(id INTEGER PRIMARY KEY, t);"
           "CREATE VIRTUAL TABLE f USING fts5(t, content='p', "
           "content_rowid='id');"
           "CREATE TRIGGER pi AFTER INSERT ON p BEGIN"
           " INSERT INTO f(rowid, t) VALUES(new.id, new.t); END;"
           "CREATE TRIGGER pd AFTER DELETE ON p BEGIN"
           " INSERT INTO f(f, rowid, t) VALUES('delete', old.id, old.t); END;"
           "INSERT INTO p(t) VALUES('red apple'),('green pear');"
           "DELETE FROM p WHERE t LIKE 'green%'",
           "SELECT count(*) FROM f WHERE f MATCH 'apple OR pear'",
           INTEGER("1")),
    SCHEMA("an R*Tree that a trigger fills",
           "DROP TABLE IF EXISTS place;DROP TABLE IF EXISTS box;"
           "CREATE TABLE place(id INTEGER PRIMARY KEY, x, y);"
           "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1);"
           "CREATE TRIGGER bi AFTER INSERT ON place BEGIN"
           " INSERT INTO box VALUES(new.id, new.x, new.x, new.y, new.y); END;"
           "INSERT INTO place(x, y) VALUES(1, 2)",
           "SELECT count(*) FROM box WHERE x0>=1", INTEGER("1")),
    SCHEMA("FTS4 that a trigger fills",
           "DROP TABLE IF EXISTS n;DROP TABLE IF EXISTS n4;"
           "CREATE TABLE n(t); CREATE VIRTUAL TABLE n4 USING fts4(t);"
           "CREATE TRIGGER ni AFTER INSERT ON n BEGIN"
           " INSERT INTO n4(t) VALUES(new.t); END;"
           "INSERT INTO n VALUES('old'),('new')",
           "SELECT count(*) FROM n4 WHERE n4 MATCH 'old'", INTEGER("1")),
    {.name = "what clients may not call they may not call by a view",
     .steps = {{SHOP_PIPE(SEQUENCE(
                    "DROP VIEW IF EXISTS evil;"
                    "CREATE VIEW evil AS SELECT load_extension('x') AS "
                    "a") ","
                         "" EXECUTE("SELECT a FROM evil") "," CLOSE_STREAM),
                LACKS("\"rows\":[[")}}},

    /* -- numbers ---------------------------------------------------------- */
    {.name = "a whole float beyond 64 bits",
     .steps = {{PIPELINE(EXECUTE_WITH("SELECT ?, typeof(?1)",
                                      ARG(FLOAT("10000000000000000000")))),
                HAS(ROW(FLOAT("1e+19") "," TEXT_VALUE("real")))}}},
    {.name = "the first whole float that is beyond",
     .steps = {{PIPELINE(EXECUTE_WITH("SELECT ?=9223372036854775808.0",
                                      ARG(FLOAT("9223372036854775808")))),
                HAS(ROW(INTEGER("1")))}}},
    {.name = "a whole float below the least integer",
     .steps = {{PIPELINE(EXECUTE_WITH("SELECT ?",
                                      ARG(FLOAT("-100000000000000000000000")))),
                HAS(ROW(FLOAT("-1e+23")))}}},
    {.name = "a large float leaves digits in a text as they are",
     .steps = {{PIPELINE(EXECUTE_WITH(
                    "SELECT ?2",
                    ARG(FLOAT("10000000000000000000") "," TEXT_VALUE(
                        "a\\\"10000000000000000000")))),
                HAS(ROW(TEXT_VALUE("a\\\"10000000000000000000")))}}},
    {.name = "a float beyond a double is told by its place",
     .steps = {{PIPELINE(EXECUTE_WITH("SELECT ?, ?",
                                      ARG(FLOAT("1") "," FLOAT("1e999")))),
                STATUS(400), HAS("argument 2: float must be a number"),
                ALSO("\"code\":\"BAD_REQUEST\"")}}},
    {.name = "a float beyond a double is told by its name",
     .steps = {{PIPELINE(EXECUTE_WITH(
                    "SELECT :x", "\"named_args\":[{\"name\":\"x\",\"value\":"
                                 "" FLOAT("-1e400") "}]")),
                STATUS(400), HAS("argument x: float must be a number")}}},
    {.name = "an infinite result is NULL",
     .steps = {{PIPELINE(EXECUTE("SELECT 9e999, -9e999, 1")),
                HAS("\"rows\":[[{\"type\":\"null\"},{\"type\":\"null\"},"
                    "" INTEGER("1"))}}},

    /* -- what a connection remembers -------------------------------------- */
    {.name = "foreign keys that are off stay off for the stream",
     .steps =
         {{SHOP_PIPE(
              SEQUENCE("DROP TABLE IF EXISTS child;DROP TABLE IF EXISTS parent;"
                       "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
                       "CREATE TABLE child(p REFERENCES parent(id)"
                       " ON DELETE CASCADE);"
                       "INSERT INTO parent VALUES(1);"
                       "INSERT INTO child VALUES(1)") "," CLOSE_STREAM)},
          {SHOP_PIPE(EXECUTE("PRAGMA foreign_keys=OFF")), HAS("\"baton\":\"")},
          {SHOP_GO_ON(EXECUTE("DROP TABLE parent")), HAS("\"baton\":\"")},
          {SHOP_GO_ON(EXECUTE("SELECT count(*) FROM child")),
           HAS(ROW(INTEGER("1")))},
          {SHOP_GO_ON(CLOSE_STREAM), HAS("\"baton\":null")},
          {SHOP_PIPE(EXECUTE("PRAGMA foreign_keys")), HAS(ROW(INTEGER("1")))}}},
    {.name = "to make sure of what is so already keeps no stream",
     .steps = {{SHOP_PIPE(EXECUTE("PRAGMA foreign_keys=ON")),
                HAS("\"baton\":null")}}},
    {.name = "a temporary table lives as long as its stream",
     .steps = {{SHOP_PIPE(EXECUTE("CREATE TEMP TABLE mine AS SELECT 5 AS v")),
                HAS("\"baton\":\"")},
               {SHOP_GO_ON(EXECUTE("SELECT v FROM mine") "," CLOSE_STREAM),
                HAS(ROW(INTEGER("5")))},
               {SHOP_PIPE(EXECUTE("SELECT v FROM mine")),
                HAS("no such table: mine")}}},
    {.name = "a client is told what it has written, at its next request",
     .steps =
         {{SHOP_PIPE(SEQUENCE(
               "DROP TABLE IF EXISTS w;"
               "CREATE TABLE w(id INTEGER PRIMARY KEY)") "," EXECUTE("INSERT "
                                                                     "INTO w "
                                                                     "VALUES("
                                                                     "41),"
                                                                     "(42)")),
           HAS("\"baton\":\"")},
          {SHOP_GO_ON(EXECUTE("SELECT last_insert_rowid(), changes(), "
                              "total_changes()")),
           HAS(ROW(INTEGER("42") "," INTEGER("2") "," INTEGER("2")))},
          {SHOP_GO_ON(EXECUTE("UPDATE w SET id=id WHERE id=41")),
           HAS("\"baton\":\"")},
          {SHOP_GO_ON(EXECUTE("SELECT last_insert_rowid(), changes(), "
                              "total_changes()") "," CLOSE_STREAM),
           HAS(ROW(INTEGER("42") "," INTEGER("1") "," INTEGER("3")))}}},
    {.name = "nobody is told what another has written",
     .steps =
         {{SHOP_PIPE(
              SEQUENCE("DROP TABLE IF EXISTS s;"
                       "CREATE TABLE s(a)") "," EXECUTE("INSERT INTO s "
                                                        "VALUES(1),(2),(3)"))},
          {SHOP_PIPE(EXECUTE(
               "SELECT last_insert_rowid(), changes(), "
               "total_changes()") "," EXECUTE("INSERT INTO "
                                              "s SELECT "
                                              "changes()") "," EXECUTE("SELECT "
                                                                       "a FROM "
                                                                       "s "
                                                                       "WHERE "
                                                                       "rowid="
                                                                       "4") "," CLOSE_STREAM),
           HAS(ROW(INTEGER("0") "," INTEGER("0") "," INTEGER("0"))),
           ALSO(ROW(INTEGER("0")))}}},
    {.name = "a trigger sees what its own statements have changed",
     .steps = {{SHOP_PIPE(SEQUENCE(
                   "DROP TABLE IF EXISTS ta;DROP TABLE IF EXISTS tb;DROP TABLE "
                   "IF EXISTS tc;"
                   "CREATE TABLE ta(a); CREATE TABLE tb(b); CREATE TABLE "
                   "tc(c);"
                   "INSERT INTO tb VALUES(1),(2);"
                   "CREATE TRIGGER tt AFTER INSERT ON ta BEGIN"
                   " UPDATE tb SET b=0; INSERT INTO tc SELECT changes(); "
                   "END") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("INSERT INTO ta VALUES(1)") "," EXECUTE(
                    "SELECT c FROM tc") "," CLOSE_STREAM),
                HAS(ROW(INTEGER("2")))}}},
    {.name = "what a described PRAGMA does is seen by nobody else",
     .steps = {{SHOP_PIPE("{\"type\":\"describe\",\"sql\":\"PRAGMA "
                          "foreign_keys=OFF\"}," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("PRAGMA foreign_keys")),
                HAS(ROW(INTEGER("1")))}}},

    /* -- each statement in its turn ---------------------------------------- */
    {.name = "a PRAGMA behind COMMIT takes effect",
     .steps =
         {{SHOP_PIPE(SEQUENCE(
              "DROP TABLE IF EXISTS down;DROP TABLE IF EXISTS up;"
              "CREATE TABLE up(id INTEGER PRIMARY KEY);"
              "CREATE TABLE down(u REFERENCES up(id))") "," CLOSE_STREAM)},
          {SHOP_PIPE(EXECUTE("PRAGMA foreign_keys=OFF") "," EXECUTE(
               "BEGIN") "," EXECUTE("SELECT 1")),
           HAS("\"baton\":\"")},
          {SHOP_GO_ON(
               EXECUTE("COMMIT") "," EXECUTE("PRAGMA foreign_keys=ON") "," EXECUTE(
                   "INSERT INTO down "
                   "VALUES(99)") "," CLOSE_STREAM),
           HAS("FOREIGN KEY constraint failed")},
          {SHOP_PIPE(EXECUTE("SELECT count(*) FROM down")),
           HAS(ROW(INTEGER("0")))}}},
    {.name = "a PRAGMA does not act before its turn",
     .steps =
         {{SHOP_PIPE(SEQUENCE(
              "DROP TABLE IF EXISTS low;"
              "DROP TABLE IF EXISTS high;"
              "CREATE TABLE high(id INTEGER PRIMARY KEY);"
              "CREATE TABLE low(h REFERENCES high(id))") "," CLOSE_STREAM)},
          {SHOP_PIPE(EXECUTE("CREATE TEMP TABLE keeps(a)")),
           HAS("\"baton\":\"")},
          {SHOP_GO_ON(SEQUENCE("INSERT INTO low VALUES(99)") "," EXECUTE(
               "PRAGMA foreign_keys=OFF") "," CLOSE_STREAM),
           HAS("FOREIGN KEY constraint failed")}}},
    {.name = "a PRAGMA that was described in a transaction acts behind it",
     .steps =
         {{SHOP_PIPE(EXECUTE(
               "BEGIN") ",{\"type\":\"describe\",\"sql\":"
                        "\"PRAGMA foreign_keys=OFF\"}," EXECUTE("COMMIT") "," EXECUTE(
                            "PRAGMA foreign_keys=OFF") "," EXECUTE("PRAGMA "
                                                                   "foreign_"
                                                                   "keys") "," CLOSE_STREAM),
           HAS(ROW(INTEGER("0")))}}},
    {.name = "a cursor asks a PRAGMA when its step comes",
     .steps =
         {{POST("/db/shop/v3/cursor",
                "{\"batch\":{\"steps\":[" STEP(
                    "PRAGMA foreign_keys=OFF") ","
                                               "" STEP("PRAGMA foreign_keys") "," STEP(
                                                   "PRAGMA "
                                                   "foreign_keys=ON") "," STEP("PRAGMA foreign_keys") "]}}"),
           HAS("\"row\":[" INTEGER("0") "]}"),
           ALSO("\"row\":[" INTEGER("1") "]}")}}},

    {.name = "a second statement is refused and has no effect",
     .steps = {{SHOP_PIPE(EXECUTE("SELECT 1; " TRIGGERS_ON) "," TRIGGERS),
                HAS("SQL_MANY_STATEMENTS"), ALSO(ROW(INTEGER("0")))}}},
    {.name = "nor behind a write, which others may share",
     .steps = {{SHOP_PIPE(SEQUENCE(
                   "CREATE TABLE IF NOT EXISTS two(a)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("INSERT INTO two VALUES(1); "
                                  "CREATE TEMP TABLE t2(a)")),
                HAS("SQL_MANY_STATEMENTS"), ALSO("\"baton\":null")},
               {SHOP_PIPE(EXECUTE("INSERT INTO two VALUES(1); " TRIGGERS_ON)),
                HAS("SQL_MANY_STATEMENTS"), ALSO("\"baton\":null")}}},
    {.name = "a PRAGMA in a sequence does not act before its turn",
     .steps = {{SHOP_PIPE(SEQUENCE(
                   "DROP TABLE IF EXISTS kid;DROP TABLE IF EXISTS dad;"
                   "CREATE TABLE dad(id INTEGER PRIMARY KEY);"
                   "CREATE TABLE kid(d REFERENCES dad(id) ON DELETE CASCADE);"
                   "INSERT INTO dad VALUES(1);"
                   "INSERT INTO kid VALUES(1)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("CREATE TEMP TABLE keeps(a)")),
                HAS("\"baton\":\"")},
               {SHOP_GO_ON(SEQUENCE("DELETE FROM dad;PRAGMA foreign_keys=OFF")),
                ALSO("\"type\":\"sequence\"")},
               {SHOP_PIPE(EXECUTE("SELECT count(*) FROM kid")),
                HAS(ROW(INTEGER("0")))}}},
    {.name = "a PRAGMA that is described sets nothing",
     .steps = {{SHOP_PIPE("{\"type\":\"describe\",\"sql\":\"" TRIGGERS_ON
                          "\"}," TRIGGERS),
                HAS("\"cols\":[]"), ALSO(ROW(INTEGER("0")))}}},
    {.name = "what is only described keeps no stream",
     .steps = {{SHOP_PIPE("{\"type\":\"describe\",\"sql\":"
                          "\"CREATE TEMP TABLE described(a)\"}"),
                HAS("{\"baton\":null,\"base_url\":null,\"results\":"
                    "[{\"type\":\"ok\"")},
               {SHOP_PIPE("{\"type\":\"describe\",\"sql\":"
                          "\"PRAGMA integrity_check\"}"),
                HAS("\"cols\":[{\"name\":\"integrity_check\"")},
               {SHOP_PIPE("{\"type\":\"describe\",\"sql\":\"CREATE TEMP TABLE "
                          "made(a)\"}," EXECUTE("CREATE TEMP TABLE made(a)")),
                HAS("\"baton\":\"")}}},
    {.name = "nor one that is refused in a lost transaction",
     .steps =
         {{SHOP_PIPE(SEQUENCE(
              "DROP TABLE IF EXISTS once;CREATE TABLE once(a UNIQUE);"
              "INSERT INTO once VALUES(1)") "," CLOSE_STREAM)},
          {SHOP_PIPE(EXECUTE("BEGIN") "," EXECUTE(
               "INSERT OR ROLLBACK INTO once "
               "VALUES(1)") "," EXECUTE(TRIGGERS_ON) "," EXECUTE("ROLLBAC"
                                                                 "K") "," TRIGGERS),
           HAS(LOST), ALSO(ROW(INTEGER("0")))}}},
    {.name = "a write that could not be compiled anew has changed nothing",
     .steps = {{SHOP_PIPE(SEQUENCE("DROP TABLE IF EXISTS brief;"
                                   "CREATE TABLE brief(a)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE(
                   "INSERT INTO brief VALUES(1),(2)") "," EXECUTE("SELECT 1"))},
               {SHOP_PIPE(EXECUTE("DROP TABLE brief"))},
               {SHOP_PIPE(EXECUTE("SELECT 1") "," EXECUTE(
                    "INSERT INTO brief VALUES(1),(2)") "," CHANGES),
                HAS("no such table"), ALSO(ROW(INTEGER("0")))}}},
    {.name = "what is no number is no JSON, however large",
     .steps = {{POST(SHOP, "{\"x\":1e999-,\"requests\":[]}"), STATUS(400)},
               {POST(SHOP, "{\"x\":1e999.5,\"requests\":[]}"), STATUS(400)},
               {POST(SHOP, "{\"x\":[1e999,01e999],\"requests\":[]}"),
                STATUS(400)},
               {POST(SHOP, "{\"x\":-1.5e+999,\"requests\":[]}"), STATUS(200)}}},
    {.name = "zeros before a number that is too large are numbers themselves",
     .steps = {{POST(SHOP, "{\"x\":[1e999," ZEROS ZEROS ZEROS ZEROS
                           "1e999],\"requests\":[]}"),
                STATUS(400)},
               {SHOP_PIPE(CLOSE_STREAM), STATUS(200)}}},
    {.name = "a baton that somebody has made up is none",
     .steps = {{POST(SHOP, "{\"baton\":\"session.1.2.3.\",\"requests\":[]}"),
                STATUS(400)},
               {POST(SHOP, "{\"baton\":\"session.1.2.9223372036854775807\","
                           "\"requests\":[]}"),
                STATUS(400)}}},

    /* -- a transaction that is rolled back under its client -----------------
     */
    {.name = "behind a statement that took too long nothing is kept",
     .steps = {{SHOP_PIPE(SEQUENCE("DROP TABLE IF EXISTS kept;"
                                   "CREATE TABLE kept(a)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("BEGIN IMMEDIATE") "," EXECUTE(
                    "INSERT INTO kept VALUES('before')") "," EXECUTE(ENDLESS)),
                HAS("SQLITE_INTERRUPT"), ALSO("\"baton\":\"")},
               {SHOP_GO_ON(EXECUTE("INSERT INTO kept VALUES('after')")),
                HAS(LOST), ALSO("\"code\":\"SQLITE_ABORT\"")},
               {SHOP_GO_ON(EXECUTE("SELECT 1") "," SEQUENCE(
                    "INSERT INTO kept VALUES('after')")),
                LACKS("\"type\":\"ok\"")},
               {SHOP_GO_ON(EXECUTE("ROLLBACK") "," EXECUTE(
                    "SELECT count(*) FROM kept")),
                HAS(ROW(INTEGER("0"))), ALSO("\"type\":\"ok\"")}}},
    {.name = "COMMIT of what was rolled back is an error, and the end of it",
     .steps = {{SHOP_PIPE(SEQUENCE("DROP TABLE IF EXISTS once;"
                                   "CREATE TABLE once(a UNIQUE); INSERT INTO "
                                   "once VALUES(1)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("BEGIN") "," EXECUTE(
                    "INSERT INTO once "
                    "VALUES(2)") "," EXECUTE("INSERT OR "
                                             "ROLLBACK INTO once VALUES(1)")),
                HAS("UNIQUE constraint failed"), ALSO("\"baton\":\"")},
               {SHOP_GO_ON(EXECUTE("COMMIT") "," COUNT_ONCE), HAS(LOST),
                ALSO(ROW(INTEGER("1")))},
               {SHOP_PIPE(EXECUTE("SELECT count(*) FROM once")),
                HAS(ROW(INTEGER("1")))}}},
    {.name = "RELEASE ends what its SAVEPOINT has begun, and no other",
     .steps = {{SHOP_PIPE(SEQUENCE("DROP TABLE IF EXISTS once;"
                                   "CREATE TABLE once(a UNIQUE); INSERT INTO "
                                   "once VALUES(1)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE("SAVEPOINT a") "," EXECUTE(
                    "SAVEPOINT b") "," EXECUTE("INSERT OR ROLLBACK INTO once "
                                               "VALUES(1)")),
                HAS("UNIQUE constraint failed"), ALSO("\"baton\":\"")},
               {SHOP_GO_ON(EXECUTE("ROLLBACK TO b") "," EXECUTE(
                    "RELEASE b") "," COUNT_ONCE),
                LACKS("\"type\":\"ok\"")},
               {SHOP_GO_ON(EXECUTE("RELEASE SAVEPOINT [A]") "," COUNT_ONCE),
                HAS(LOST), ALSO(ROW(INTEGER("1")))}}},
    {.name = "a batch that goes on behind its lost transaction changes nothing",
     .steps = {{SHOP_PIPE(
                   SEQUENCE("DROP TABLE IF EXISTS more;"
                            "CREATE TABLE more(a UNIQUE);"
                            "INSERT INTO more VALUES(1)") "," CLOSE_STREAM)},
               {SHOP_PIPE(BATCH5(
                    STEP("BEGIN"),
                    STEP("INSERT OR ROLLBACK INTO "
                         "more VALUES(1)"),
                    STEP("INSERT INTO more VALUES(2)"),
                    STEP_IF(IF_OK("2"), "COMMIT"),
                    STEP_IF(IF_NOT(IF_OK("3")),
                            "ROLLBACK")) "," EXECUTE("SELECT count(*) FROM "
                                                     "more") "," CLOSE_STREAM),
                HAS(LOST), ALSO(ROW(INTEGER("1")))}}},
    {.name = "is_autocommit is false until the client ends what was lost",
     .steps =
         {{POST("/db/shop/v3/pipeline",
                PIPE_BODY(SEQUENCE(
                    "DROP TABLE IF EXISTS au;"
                    "CREATE TABLE au(a UNIQUE);"
                    "INSERT INTO au VALUES(1)") "," EXECUTE("BEGIN") "," EXECUTE("INSERT OR ROLLBACK INTO au "
                                                                                 "VALUES(1)") ",{\"type\":\"get_"
                                                                                              "autocommit\"}," EXECUTE(
                                                                                                  "ROLLBACK") ",{\"type\":\"get_autocommit\"}," CLOSE_STREAM)),
           HAS("\"is_autocommit\":false"), ALSO("\"is_autocommit\":true")}}},

    /* -- the end of a stream ------------------------------------------------
     */
    {.name = "close must be the last request, and nothing runs otherwise",
     .steps = {{SHOP_PIPE(SEQUENCE("DROP TABLE IF EXISTS last;"
                                   "CREATE TABLE last(a)") "," CLOSE_STREAM)},
               {SHOP_PIPE(EXECUTE(
                    "INSERT INTO last VALUES(1)") "," CLOSE_STREAM
                                                  "," EXECUTE(
                                                      "INSERT INTO last "
                                                      "VALUES(2)")),
                STATUS(400), HAS("close must be the last request")},
               {SHOP_PIPE(EXECUTE("SELECT count(*) FROM last")),
                HAS(ROW(INTEGER("0")))}}},

    /* -- what tools ask when they connect -----------------------------------
     */
    {.name = "PRAGMAs that tell nothing about the machine",
     .steps =
         {{SHOP_PIPE(EXECUTE("PRAGMA read_uncommitted") "," EXECUTE(
               "PRAGMA "
               "legacy_"
               "alter_"
               "table") "," EXECUTE("PRAGMA "
                                    "cache_size") "," EXECUTE("PRAGMA "
                                                              "auto_vacuum") "," EXECUTE("PRA"
                                                                                         "GMA"
                                                                                         " te"
                                                                                         "mp_"
                                                                                         "sto"
                                                                                         "re") "," EXECUTE("PRAGMA "
                                                                                                           "locking_mode") "," EXECUTE("PRAGMA main.database_list")),
           LACKS("\"type\":\"error\"")}}},
    {.name = "the list of databases names no file",
     .steps = {{SHOP_PIPE(EXECUTE("PRAGMA database_list;")),
                HAS("\"cols\":[{\"name\":\"seq\",\"decltype\":null},{\"name\":"
                    "\"name\",\"decltype\":null},{\"name\":\"file\","),
                ALSO(ROW(
                    INTEGER("0") "," TEXT_VALUE("main") "," TEXT_VALUE("")))}}},
    {.name = "nor does it as a table",
     .steps = {{SHOP_PIPE(EXECUTE("SELECT * FROM pragma_database_list")),
                HAS("\"type\":\"error\"")}}},
    {.name = "a locking mode that shuts others out is refused",
     .steps = {{SHOP_PIPE(EXECUTE("PRAGMA locking_mode=EXCLUSIVE")),
                HAS("SQLITE_AUTH")}}},
    {.name = "memory for pages is not the client's to choose",
     .steps = {{SHOP_PIPE(EXECUTE("PRAGMA cache_size=-1000000")),
                HAS("SQLITE_AUTH")}}},

    /* -- around the protocol ------------------------------------------------
     */
    {.name = "a coded body is refused as such",
     .steps = {{SHOP_PIPE(EXECUTE("SELECT 1")),
                WITH("Content-Encoding: gzip\r\n"), STATUS(415),
                FIELDS("Accept-Encoding: identity"), HAS("Content-Encoding")},
               {SHOP_PIPE(EXECUTE("SELECT 1")),
                WITH("Content-Encoding: identity\r\n"
                     "Content-Encoding: gzip\r\n"),
                STATUS(415)}}},
    {.name = "a page may send the fields that its library asks for",
     .steps = {{.method = "OPTIONS",
                .path = SHOP,
                WITH("Origin: http://app.example\r\n"
                     "Access-Control-Request-Method: POST\r\n"
                     "Access-Control-Request-Headers: authorization,"
                     "content-type,x-turso-encryption-key\r\n"),
                STATUS(204),
                FIELDS("Access-Control-Allow-Headers: authorization,"
                       "content-type,x-turso-encryption-key")}}},
    {.name = "the last row number is told as what it is",
     .steps = {{SHOP_PIPE(SEQUENCE(
                    "DROP TABLE IF EXISTS top;"
                    "CREATE TABLE top(id INTEGER PRIMARY KEY AUTOINCREMENT);"
                    "INSERT INTO top VALUES(9223372036854775807);"
                    "INSERT INTO top DEFAULT VALUES") "," CLOSE_STREAM),
                HAS("has used its last row number"),
                ALSO("\"code\":\"SQLITE_FULL\"")}}},
};

int suite_run_sql_clients(const char *const *options);

int suite_run_sql_clients(const char *const *options)
{
    return cases_run("sql clients", cases, sizeof cases / sizeof *cases,
                     options, true);
}
