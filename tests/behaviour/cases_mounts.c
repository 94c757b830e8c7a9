/* cases_mounts.c - several directories of files and of databases, each under
 * its own prefix: the longest prefix decides, links fit, rules are its own. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The main [files] has no listing and a deny; docs has what is said in
 * suite_run_mounts. */
static const struct behaviour_case mounts[] = {
    {.name = "a file beneath a further prefix comes from its own root",
     .steps = {{GET("/docs/small.txt"), IS("small of docs\n"),
                FIELDS("Cache-Control: max-age=7")},
               {GET("/small.txt"), IS("hello\n"), FIELDS("!Cache-Control")}}},
    {.name = "what users upload can be kept from acting in the server's name",
     .steps = {{GET("/docs/small.txt"), WITH("Range: bytes=0-1\r\n"),
                STATUS(206),
                FIELDS("Content-Security-Policy: sandbox; default-src "
                       "'self'\nX-Content-Type-Options: nosniff")},
               {GET("/docs/part/"),
                FIELDS("Content-Security-Policy: sandbox; default-src "
                       "'self'")},
               {GET("/small.txt"), FIELDS("!Content-Security-Policy")}}},
    {.name = "pages of the server's own run nothing from elsewhere",
     .steps = {{GET("/-/"),
                FIELDS("Content-Security-Policy: default-src 'none'; "
                       "style-src 'unsafe-inline'; script-src "
                       "'unsafe-inline'; connect-src 'self'; img-src data:; "
                       "base-uri 'none'; form-action 'none'; frame-ancestors "
                       "'self'")},
               {GET("/docs/bare/"),
                FIELDS("Content-Security-Policy: default-src 'none'; "
                       "style-src 'unsafe-inline'; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'self'")},
               {GET("/db/"), WITH("Accept: text/html\r\n"),
                FIELDS("Content-Security-Policy: default-src 'none'; "
                       "style-src 'unsafe-inline'; form-action 'self'; "
                       "base-uri 'none'; frame-src 'self'; frame-ancestors "
                       "'self'\nX-Content-Type-Options: nosniff")},
               {GET("/nothing"), STATUS(404),
                FIELDS("Content-Type: text/plain; charset=utf-8\n"
                       "X-Content-Type-Options: nosniff")},
               {RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), STATUS(400),
                FIELDS("X-Content-Type-Options: nosniff"), CLOSES}},
     .whole_only = true /* the figures */},
    {.name = "the main root does not show through a further prefix",
     .steps = {{GET("/docs/letters.txt"), STATUS(404)}}},
    {.name = "a name that starts as a prefix does is the main root's",
     .steps = {{GET("/docsmall.txt"), STATUS(404)},
               {GET("/docs.txt"), STATUS(404)}}},
    {.name = "the longest prefix decides",
     .steps = {{GET("/docs/old/small.txt"), IS("small of old\n")},
               {GET("/docs/older.txt"), IS("older\n")}}},
    {.name = "a prefix without its slash is told so",
     .steps = {{GET("/docs"), STATUS(301), FIELDS("Location: /docs/")},
               {GET("/docs/old?a=%3C"), STATUS(301),
                FIELDS("Location: /docs/old/?a=%3C")},
               {HEAD("/docs"), STATUS(301), FIELDS("Location: /docs/")}}},
    {.name = "a prefix without its slash cannot be written",
     .steps = {{PUT("/docs", "x"), STATUS(409)},
               {DELETE("/docs"), STATUS(409)},
               {GET("/docs"), STATUS(301)}}},
    {.name = "a directory beneath a prefix redirects beneath it",
     .steps = {{GET("/docs/part"), STATUS(301),
                FIELDS("Location: /docs/part/")}}},
    {.name = "an index of its own",
     .steps = {{GET("/docs/part/"), IS("start of part\n")}}},
    {.name = "a listing beneath a prefix leads to its entries",
     .steps = {{GET("/docs/"), HAS("<a href=\"part/\">part/</a>"),
                ALSO("<title>/docs/</title>")},
               {GET("/docs/"), LACKS("../")},
               {GET("/docs/bare/"), HAS("<a href=\"x%20y.txt\">x y.txt</a>"),
                ALSO("<a href=\"../\">../</a>")},
               {GET("/docs/bare/x%20y.txt"), IS("x y\n")}}},
    {.name = "a link in a listing is looked up beneath its own root",
     .steps = {{GET("/docs/bare/"), HAS("<a href=\"link\">link</a>")},
               {GET("/docs/bare/link"), IS("small of docs\n")}},
     .not_valgrind = "it knows no openat2, and without that links are refused"},
    {.name = "a listing that one mount has is not the others'",
     .steps = {{GET("/bare/"), STATUS(403)}}},
    {.name = "nothing leads out of a further prefix",
     .steps = {{GET("/docs/../small.txt"), STATUS(400)},
               {GET("/docs/%2e%2e/small.txt"), STATUS(400)},
               {GET("/docs//small.txt"), IS("small of docs\n")}}},
    {.name = "hidden names are hidden beneath every prefix",
     .steps = {{GET("/docs/.hidden"), STATUS(404)},
               {PUT("/docs/up/.x", "x"), STATUS(403)}}},
    {.name = "what is put beneath a prefix is there, and at that address",
     .steps = {{PUT("/docs/up/new.txt", "new\n"), STATUS(201),
                FIELDS("Location: /docs/up/new.txt")},
               {GET("/docs/up/new.txt"), IS("new\n")},
               {GET("/up/new.txt"), STATUS(404)},
               {DELETE("/docs/up/new.txt"), STATUS(204)}},
     .mask = "ETag\nLast-Modified"},
    {.name = "a rule of one mount allows nothing in another",
     .steps = {{PUT("/put/new.txt", "x"), STATUS(403)},
               {PUT("/docs/old/new.txt", "x"), STATUS(403)}}},
    {.name = "a mount's own rules come before those of all files",
     .steps = {{GET("/docs/half/open.txt"), IS("open\n")},
               {GET("/docs/half/shut.txt"), STATUS(403)}}},
    {.name = "a rule of all files holds beneath every prefix",
     .steps = {{GET("/docs/half/"), STATUS(403)}}},
    {.name = "an encoded prefix is the same prefix",
     .steps = {{GET("/%64ocs/half/shut.txt"), STATUS(403)},
               {GET("/%64ocs/small.txt"), IS("small of docs\n")}}},

    {.name = "the databases of each mount are listed",
     .steps = {{GET("/archive/"), HAS("\"name\":\"older\"")},
               {GET("/archive/"), LACKS("other")},
               {GET("/archive/"), LACKS("past") /* denied */},
               {GET("/db/"), LACKS("past")}}},
    {.name = "databases of one name are two",
     .steps = {{GET("/archive/t/query?sql=SELECT+name+FROM+city"),
                HAS("Troja")},
               {GET("/db/t/query?sql=SELECT+name+FROM+city"), HAS("Brno")}}},
    {.name = "a mount of databases without its slash is told so",
     .steps = {{GET("/archive"), STATUS(301), FIELDS("Location: /archive/")},
               {GET("/archive/t?a=b"), STATUS(301),
                FIELDS("Location: /archive/t/?a=b")}}},
    {.name = "pages of databases have no link out of their mount",
     .steps = {{GET("/archive/"), WITH("Accept: text/html\r\n"),
                HAS("<a href=\"older/\">")},
               {GET("/archive/t/"), WITH("Accept: text/html\r\n"),
                LACKS("/db/")}}},
    {.name = "the protocol is spoken beneath every prefix",
     .steps = {{POST("/archive/t/v2/pipeline",
                     PIPE_BODY(EXECUTE("SELECT name FROM city"))),
                HAS(TEXT_VALUE("Troja"))},
               {GET("/archive/t/v3"), HAS("version supported")}}},
    {.name = "a baton of one mount is none in another",
     .steps = {{POST(V2, PIPE_BODY(EXECUTE("BEGIN"))), HAS("\"baton\":\"")},
               {POST("/archive/t/v2/pipeline",
                     "{\"baton\":\"{{baton}}\",\"requests\":[]}"),
                STATUS(400), HAS("INVALID_BATON")},
               {WITH_BATON(CLOSE_STREAM)}}},
    {.name = "the alias is one of the main databases only",
     .steps = {{GET("/dev/t/query?sql=SELECT+name+FROM+city"), HAS("Brno")},
               {GET("/dev/past/"), STATUS(404)}}},
    {.name = "who may read from other pages is each mount's own",
     .steps = {{GET("/archive/"), FIELDS("!Access-Control-Allow-Origin")},
               {GET("/db/"), FIELDS("Access-Control-Allow-Origin: *")}}},
    {.name = "rules of one mount's databases are its own",
     .steps = {{GET("/archive/past/"), STATUS(403)},
               {GET("/db/other/"), STATUS(200)}}},
    {.name = "a page that is not there names the right list",
     .steps = {{GET("/archive/t/x"), STATUS(404), HAS("GET /archive/ lists")},
               {GET("/db/t/x"), STATUS(404), HAS("GET /db/ lists")}}},
};

static void write_tree(void)
{
    static const struct {
        const char *path, *content;
    } files[] = {
        {"docs/small.txt", "small of docs\n"},
        {"docs/older.txt", "older\n"},
        {"docs/.hidden", "hidden\n"},
        {"docs/part/start.html", "start of part\n"},
        {"docs/bare/x y.txt", "x y\n"},
        {"docs/up/keep", ""},
        {"docs/half/open.txt", "open\n"},
        {"docs/half/shut.txt", "shut\n"},
        {"old/small.txt", "small of old\n"},
    };
    char path[700];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        fixture_path(files[i].path, path, sizeof path);
        fixture_write(path, files[i].content, strlen(files[i].content));
    }
    snprintf(path, sizeof path, "%s/docs/bare/link", suite.work);
    if (symlink("../small.txt", path) != 0)
        perror(path);
    fixture_sql("archive/t.db", "PRAGMA journal_mode=WAL;"
                                "CREATE TABLE city(name);"
                                "INSERT INTO city VALUES('Troja');");
    fixture_sql("archive/older.db", "PRAGMA journal_mode=WAL;"
                                    "CREATE TABLE o(x);");
    fixture_sql("archive/past.db", "PRAGMA journal_mode=WAL;"
                                   "CREATE TABLE p(x);");
}

int suite_run_mounts(void)
{
    char config[640], root[640];
    struct bytes text = {0};
    write_tree();
    snprintf(config, sizeof config, "%s/mounts.ini", suite.work);
    snprintf(root, sizeof root, "files old.root=%s/old", suite.work);
    bytes_print(&text,
                "[files docs]\n"
                "prefix = /docs/\n"
                "root = %s/docs\n"
                "listing = on\n"
                "index = start.html\n"
                "cache_control = max-age=7\n"
                "content_security_policy = sandbox; default-src 'self'\n"
                "rule = allow read /docs/half/open.txt\n"
                "rule = allow write /docs\n"
                "[files]\n"
                "rule = deny * /docs/half\n"
                "[sqlite]\n"
                "cors = *\n"
                "[sqlite archive]\n"
                "prefix = /archive/\n"
                "directory = %s/archive\n"
                "cors = none\n"
                "rule = deny * /archive/past\n",
                suite.work, suite.work);
    fixture_write(config, text.data, text.length);
    bytes_free(&text);
    const char *const arguments[] = {
        "-c",    config, "--set", "files old.prefix=/docs/old/",
        "--set", root,   "--set", "server.access_log=off",
        NULL};
    return cases_run("mounts", mounts, sizeof mounts / sizeof *mounts,
                     arguments, true);
}
