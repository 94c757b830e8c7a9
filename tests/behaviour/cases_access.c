/* cases_access.c - rules (first match wins), users, tokens: 200, 401 or 403.
 *
 * The second table runs without any rule: reads are allowed, writes are not. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* adam:secret, adam:wrong, eva:para:dise, nobody:secret */
#define ADAM        "Authorization: Basic YWRhbTpzZWNyZXQ=\r\n"
#define ADAM_WRONG  "Authorization: Basic YWRhbTp3cm9uZw==\r\n"
#define EVA         "Authorization: Basic ZXZhOnBhcmE6ZGlzZQ==\r\n"
#define NOBODY      "Authorization: Basic bm9ib2R5OnNlY3JldA==\r\n"
#define ROBOT       "Authorization: Bearer robot-token-1\r\n"
#define ROBOT_WRONG "Authorization: Bearer robot-token-2\r\n"

#define CHALLENGE FIELDS("WWW-Authenticate")
#define READ(what, path, lines, code, ...)                                     \
    {                                                                          \
        .name = what, .steps = {                                               \
            {GET(path), WITH(lines), STATUS(code), __VA_ARGS__}                \
        }                                                                      \
    }

static const struct behaviour_case with_rules[] = {
    READ("what all may read needs no user", "/small.txt", "", 200,
         IS("hello\n")),
    READ("what nobody may read is 403", "/sub/deep/file.txt", "", 403,
         LACKS("deep\n")),
    READ("and is 403 for a user too", "/sub/deep/file.txt", ADAM, 403),
    READ("a rule for a directory is one for what is in it", "/sub/", "", 403),
    READ("a rule is not fooled by doubled slashes", "//sub//deep/file.txt", "",
         403),
    READ("a rule is not fooled by dots", "/./sub/./deep/file.txt", "", 403),
    READ("a rule is not fooled by encoding", "/%73ub/deep/file.txt", "", 403),
    READ("a longer name is another path", "/subx", "", 404),
    READ("what users may read asks who it is", "/private/a.txt", "", 401,
         CHALLENGE, LACKS("private")),
    READ("a user with the right word", "/private/a.txt", ADAM, 200,
         IS("private\n")),
    READ("another user", "/private/a.txt", EVA, 200, IS("private\n")),
    READ("a user with the wrong word", "/private/a.txt", ADAM_WRONG, 401,
         CHALLENGE),
    READ("a user that nobody knows", "/private/a.txt", NOBODY, 401, CHALLENGE),
    READ("a token", "/private/a.txt", ROBOT, 200, IS("private\n")),
    READ("a wrong token", "/private/a.txt", ROBOT_WRONG, 401, CHALLENGE),
    READ("the beginning of a token", "/private/a.txt",
         "Authorization: Bearer robot-token-\r\n", 401),
    READ("a scheme has no case", "/private/a.txt",
         "Authorization: bAsIc YWRhbTpzZWNyZXQ=\r\n", 200),
    READ("a scheme that nobody knows", "/private/a.txt",
         "Authorization: Digest x\r\n", 401, CHALLENGE),
    READ("Basic that is no base64", "/private/a.txt",
         "Authorization: Basic ***\r\n", 401),
    READ("Basic without a colon", "/private/a.txt",
         "Authorization: Basic YWRhbQ==\r\n", 401),
    READ("an empty Authorization", "/private/a.txt", "Authorization:\r\n", 401),
    READ("a token with more behind it", "/private/a.txt",
         "Authorization: Bearer robot-token-1 x\r\n", 401),
    {.name = "HEAD is a read",
     .steps = {{HEAD("/private/a.txt"), STATUS(401)},
               {HEAD("/private/a.txt"), WITH(ADAM)}}},
    {.name = "a user may write where the rules say so",
     .steps = {{PUT("/put/user.txt", "x"), WITH(ADAM), STATUS(201)},
               {DELETE("/put/user.txt"), WITH(ADAM), STATUS(204)}},
     .mask = "ETag\nLast-Modified"},
    {.name = "another user may not",
     .steps = {{PUT("/put/user.txt", "x"), WITH(EVA), STATUS(403)}}},
    {.name = "nobody may not, and is asked who it is",
     .steps = {{PUT("/put/user.txt", "x"), STATUS(401), CHALLENGE}}},
    {.name = "first match wins",
     .steps = {{GET("/put/keep.txt"), IS("keep\n")},
               {DELETE("/put/keep.txt"), WITH(EVA), STATUS(403)}}},
    {.name = "a refused body is not taken for a request",
     .steps = {{PUT("/put/user.txt",
                    "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
                STATUS(401)}}},
    {.name = "databases may be read by all",
     .steps = {{GET("/db/t/query?sql=SELECT+5"), HAS("5")}}},
    {.name = "a POST of one who may only read reads",
     .steps = {{PIPELINE(EXECUTE("SELECT 5")), HAS(INTEGER("5"))}}},
    {.name = "a POST of one who may only read does not write",
     .steps = {{PIPELINE(EXECUTE("INSERT INTO scratch VALUES(1,1)") "," EXECUTE(
                    "SELECT count(*) FROM scratch")),
                HAS("SQLITE_READONLY"),
                ALSO("\"rows\":[[" INTEGER("0") "]]")}}},
    {.name = "a token may write to a database",
     .steps = {{PIPELINE(
                    EXECUTE("INSERT INTO scratch VALUES(1,1)") "," SEQUENCE(
                        "DELETE FROM scratch")),
                WITH(ROBOT), HAS("\"affected_row_count\":1")}}},
    {.name = "who may take copies need not be able to write",
     .steps = {{POST("/db/t/backup", ""), WITH(ADAM), HAS("SQLite format 3"),
                FIELDS("Content-Type: application/vnd.sqlite3\n"
                       "Content-Disposition: attachment; filename=\"t.db\"\n"
                       "Access-Control-Allow-Origin: *")},
               {PIPELINE(EXECUTE("DELETE FROM scratch")), WITH(ADAM),
                HAS("SQLITE_READONLY")}}},
    {.name = "who may write may take copies",
     .steps = {{POST("/db/t/backup", ""), WITH(ROBOT),
                HAS("SQLite format 3")}}},
    {.name = "who may only read may not take copies",
     .steps = {{POST("/db/t/backup", ""), WITH(EVA), STATUS(403),
                HAS("\"code\":\"FORBIDDEN\"")},
               /* Was 403: nobody knew that signing in would help. */
               {POST("/db/t/backup", ""), STATUS(401),
                FIELDS("WWW-Authenticate\nAccess-Control-Allow-Origin: *"),
                HAS("\"code\":\"AUTH_FAILED\"")}}},
    {.name = "a copy is not got by GET",
     .steps = {{GET("/db/t/backup"), WITH(ROBOT), STATUS(405),
                FIELDS("Allow: POST, OPTIONS")},
               {HEAD("/db/t/backup"), WITH(ROBOT), STATUS(405),
                FIELDS("Allow: POST, OPTIONS")},
               {PUT("/db/t/backup", ""), WITH(ROBOT), STATUS(405)}}},
    {.name = "a copy of what is not there, or no database",
     .steps = {{POST("/db/nothing/backup", ""), WITH(ROBOT), STATUS(404)},
               {POST("/db/broken/backup", ""), WITH(ROBOT), STATUS(500),
                HAS("SQLITE_NOTADB")},
               {POST("/db/t/backups", ""), WITH(ROBOT), STATUS(404)}}},
    {.name = "a copy of a database that is denied",
     .steps = {{POST("/db/other/backup", ""), WITH(ROBOT), STATUS(403)},
               {POST("/dev/other/backup", ""), WITH(ROBOT), STATUS(403)}}},
    {.name = "a database that is denied",
     .steps = {{POST("/db/other/v2/pipeline", PIPE_BODY(EXECUTE("SELECT 5"))),
                STATUS(403), FIELDS("Content-Type: application/json"),
                HAS("\"message\":")}}},
    {.name = "the alias is no way around a rule",
     .steps = {{POST("/dev/other/v2/pipeline", PIPE_BODY(EXECUTE("SELECT 5"))),
                STATUS(403)}}},
    {.name = "a wrong token at a database is told in JSON",
     .steps = {{PIPELINE(EXECUTE("SELECT 5")), WITH(ROBOT_WRONG), STATUS(401),
                FIELDS("Content-Type: application/json\n"
                       "Access-Control-Allow-Origin: *"),
                HAS("\"code\":\"AUTH_FAILED\"")}}},
    {.name = "a body that is too long for a database is told in JSON",
     .steps = {{RAW("POST /db/t/v2/pipeline HTTP/1.1\r\nHost: x\r\n"
                    "Content-Length: 999999999\r\n\r\n"),
                STATUS(413), CLOSES, FIELDS("Content-Type: application/json"),
                HAS("\"code\":\"TOO_LARGE\"")}}},
    {.name = "an address that is denied",
     .steps = {{GET("/script.js"), STATUS(403)}}},
    {.name = "an address that is another",
     .steps = {{GET("/style.css"), IS("p{}\n")}}},
};

#define GZIP "Accept-Encoding: gzip\r\n"
#define BOTH "Accept-Encoding: gzip, br\r\n"

/* Bug: rules were asked for the path alone, and passed by wherever something
 * else is opened or shown for it. */
static const struct behaviour_case opened[] = {
    READ("an index page that is denied", "/sub/index.html", "", 403),
    READ("an index page that is denied, for its directory", "/sub/", "", 403,
         LACKS("<p>sub")),
    READ("an index page that is denied, by doubled slashes", "//sub//", "",
         403),
    READ("an index page that is denied, by a dot", "/sub/./", "", 403),
    READ("an index page that is denied, to a user", "/sub/", ADAM, 403),
    {.name = "an index page that is denied, by HEAD",
     .steps = {{HEAD("/sub/"), STATUS(403)}}},
    READ("the way to a directory is no index page", "/sub", "", 301,
         FIELDS("Location: /sub/")),
    READ("an index page for users asks who it is", "/", "", 401, CHALLENGE,
         LACKS("home")),
    READ("an index page for users, to one", "/", ADAM, 200, HAS("home")),
    {.name = "a link has rules of its own",
     .not_valgrind = "it knows no openat2, and without that links are refused",
     .steps = {{GET("/link_directory/"), STATUS(200), HAS("<p>sub")}}},
    READ("an encoded file that is denied is not sent", "/zipped.js",
         "Accept-Encoding: br\r\n", 200, FIELDS("!Content-Encoding"),
         IS_FILE("zipped.js")),
    READ("an encoded file for users is not sent to others", "/zipped.js", BOTH,
         200, FIELDS("!Content-Encoding"), IS_FILE("zipped.js")),
    READ("an encoded file for users is sent to one", "/zipped.js", BOTH ADAM,
         200, FIELDS("Content-Encoding: gzip"), IS("GZIP BYTES")),
    READ("the encoded file is denied itself", "/zipped.js.gz", GZIP, 401),
    {.name = "a listing shows what the client may have",
     .steps = {{GET("/bare/"), LACKS("a.txt")},
               {GET("/bare/"), LACKS("inner")},
               {GET("/bare/"), WITH("Accept: application/json\r\n"),
                LACKS("a.txt")},
               {GET("/bare/"), WITH(ADAM), HAS("inner"), ALSO("&lt;c")}}},
    {.name = "the databases that the client may read are listed",
     .steps = {{GET("/db/"), HAS("\"t\"")},
               {GET("/db/"), LACKS("other")},
               {GET("/dev/"), LACKS("other")},
               {GET("/db/"), WITH("Accept: text/html\r\n"), LACKS("broken")},
               {GET("/db/"), WITH(ADAM), HAS("\"broken\""), ALSO("\"t\"")}}},
    {.name = "an encoded file that is denied is not written",
     .steps = {{PUT("/put/x.gz", "x"), WITH(ADAM), STATUS(403)},
               {DELETE("/put/x.gz"), WITH(ADAM), STATUS(403)},
               {PUT("/put/x", "x"), WITH(ADAM), STATUS(201)},
               {DELETE("/put/x"), WITH(ADAM), STATUS(204)}},
     .mask = "ETag\nLast-Modified"},
};

static const struct behaviour_case without_rules[] = {
    {.name = "reads are allowed",
     .steps = {{GET("/small.txt"), IS("hello\n")}}},
    {.name = "PUT is not",
     .steps = {{PUT("/put/x.txt", "x"), STATUS(403)},
               {GET("/put/x.txt"), STATUS(404)}}},
    {.name = "DELETE is not",
     .steps = {{DELETE("/put/keep.txt"), STATUS(403)},
               {GET("/put/keep.txt"), IS("keep\n")}}},
    {.name = "SQL reads",
     .steps = {{PIPELINE(EXECUTE("SELECT 5")), HAS(INTEGER("5"))}}},
    {.name = "SQL does not write",
     .steps = {{PIPELINE(EXECUTE("DELETE FROM city") "," EXECUTE(
                    "SELECT count(*) FROM city")),
                HAS("SQLITE_READONLY"),
                ALSO("\"rows\":[[" INTEGER("3") "]]")}}},
    {.name = "SQL does not write by a cursor",
     .steps = {{POST(CURSOR,
                     "{\"batch\":{\"steps\":[" STEP("DELETE FROM city") "]}}"),
                HAS("SQLITE_READONLY")}}},
    {.name = "SQL does not write by a sequence",
     .steps = {{PIPELINE(SEQUENCE("DELETE FROM city")),
                HAS("SQLITE_READONLY")}}},
    {.name = "SQL does not write by switching query_only off",
     .steps = {{PIPELINE(EXECUTE("PRAGMA query_only=0") "," EXECUTE(
                    "DELETE FROM city")),
                LACKS("\"affected_row_count\":3")}}},
    {.name = "no copies are taken",
     .steps = {{POST("/db/t/backup", ""), STATUS(403)}}},
    {.name = "no database is made",
     .steps = {{PUT("/db/made/", ""), STATUS(403)},
               {GET("/db/made/"), STATUS(404)}}},
};

int suite_run_access(void)
{
    char htpasswd[700];
    snprintf(htpasswd, sizeof htpasswd, "users.htpasswd=%s/htpasswd",
             suite.work);
    /* SHA-512 of "secret", SHA-256 of "para:dise". */
    static const char users[] = "adam:$6$rounds=1000$saltsalt$"
                                "LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
                                "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/\n"
                                "# a comment\n\n"
                                "eva:$5$rounds=1000$pepper$"
                                "yQSSjBuW46wV9ThcUwRtZHot6SUchya1LUIAEYX7gE7\n";
    fixture_write(strchr(htpasswd, '=') + 1, users, sizeof users - 1);
    const char *const arguments[] = {
        "--set",   htpasswd,
        "--token", "robot:robot-token-1",
        "--rule",  "deny * /sub",
        "--rule",  "deny GET,HEAD /script.js from 127.0.0.0/8",
        "--rule",  "deny * /style.css from 10.0.0.0/8",
        "--rule",  "allow GET,HEAD /private user *",
        "--rule",  "deny * /private",
        "--rule",  "allow * /put user adam",
        "--rule",  "deny * /db/other",
        "--rule",  "allow * /db user robot",
        "--rule",  "allow POST /db/t/backup user adam",
        "--rule",  "allow GET,HEAD /",
        "--set",   "sqlite.cors=*",
        "--set",   "server.access_log=off",
        "--set",   "limits.password_percent=100",
        NULL,
    };
    const char *const of_what_is_opened[] = {
        "--set",  htpasswd,
        "--rule", "deny * /sub/index.html",
        "--rule", "allow read /index.html user adam",
        "--rule", "deny * /index.html",
        "--rule", "deny * /zipped.js.br",
        "--rule", "allow read /zipped.js.gz user *",
        "--rule", "deny * /zipped.js.gz",
        "--rule", "deny * /bare/a.txt",
        "--rule", "allow read /bare/inner user adam",
        "--rule", "deny * /bare/inner",
        "--rule", "deny * /db/other",
        "--rule", "allow read /db/broken user adam",
        "--rule", "deny * /db/broken",
        "--rule", "deny * /put/x.gz",
        "--rule", "allow * /put user adam",
        "--set",  "files.listing=on",
        "--set",  "server.access_log=off",
        NULL,
    };
    static const char *const quiet[] = {"--set", "server.access_log=off", NULL};
    return cases_run("access", with_rules,
                     sizeof with_rules / sizeof *with_rules, arguments, true) +
           cases_run("rules of what is opened", opened,
                     sizeof opened / sizeof *opened, of_what_is_opened, true) +
           cases_run("no rules", without_rules,
                     sizeof without_rules / sizeof *without_rules, quiet, true);
}
