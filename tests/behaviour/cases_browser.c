/* cases_browser.c - what the page of another origin may make a browser do here:
 * 403, 415, and 421 for a name that is not ours.
 *
 * The fields are those that browsers send; tests/interop/foreign.sh does the same
 * with a real one. A row that refuses a write looks whether it was written. */
#include "cases.h"
#include "sql_macros.h"
#include "suite.h"

#define JSON     "Content-Type: application/json\r\n"
#define PLAIN    "Content-Type: text/plain;charset=UTF-8\r\n"
#define FORM     "Content-Type: application/x-www-form-urlencoded\r\n"
#define PARTS    "Content-Type: multipart/form-data; boundary=b\r\n"
#define EVIL     "Origin: http://evil.example\r\n"
#define OURS     "Origin: http://a\r\n"
#define APP      "Origin: https://app.example\r\n"
#define OPAQUE   "Origin: null\r\n"
#define SITE(of) "Sec-Fetch-Site: " of "\r\n"
#define TOKEN    "Authorization: Bearer robot-token-1\r\n"
#define BASIC    "Authorization: Basic YWRhbTpzZWNyZXQ=\r\n"

#define INSERT PIPELINE(EXECUTE("INSERT INTO scratch(v) VALUES(1)"))
#define DID    HAS("\"affected_row_count\":1")
#define CLEAR                                                                  \
    {                                                                          \
        PIPELINE(SEQUENCE("DELETE FROM scratch"))                              \
    }
#define FOREIGN  STATUS(403), HAS("\"code\":\"FORBIDDEN\""), ALSO("set cors in")
#define NOT_JSON STATUS(415), HAS("\"code\":\"UNSUPPORTED_MEDIA_TYPE\"")
#define NOTHING_NEW                                                            \
    {                                                                          \
        PIPELINE(EXECUTE("SELECT count(*) FROM scratch")),                     \
            HAS("\"rows\":[[" INTEGER("0") "]]")                               \
    }

/* A write with these fields is made. */
#define WRITES(what, lines)                                                    \
    {                                                                          \
        .name = what, .steps = { {INSERT, WITH(lines), DID}, CLEAR }           \
    }
/* A write with these fields is refused so. */
#define REFUSES(what, lines, ...)                                              \
    {                                                                          \
        .name = what, .steps = {                                               \
            {INSERT, WITH(lines), __VA_ARGS__},                                \
            NOTHING_NEW                                                        \
        }                                                                      \
    }

static const struct behaviour_case default_cors[] = {
    WRITES("a program says JSON", JSON),
    WRITES("a program says JSON with a charset, in capitals",
           "content-type: Application/JSON; charset=utf-8\r\n"),
    WRITES("a program that says nothing of the type", ""),
    WRITES("a program that fetches as node does",
           JSON "Sec-Fetch-Mode: cors\r\n"),
    REFUSES("a form's type", FORM, NOT_JSON,
            FIELDS("Content-Type: application/json\nAccept: "
                   "application/json")),
    WRITES("a program that calls it a text, as older libraries do", PLAIN),
    REFUSES("a type that only begins like JSON",
            "Content-Type: application/jsonx\r\n", NOT_JSON),
    REFUSES("a type that names JSON as a parameter",
            "Content-Type: text/html; application/json\r\n", NOT_JSON),
    REFUSES("an empty type", "Content-Type:\r\n", NOT_JSON),
    {.name = "the type is asked for by every call of the protocol",
     .steps = {{POST(V3, PIPE_BODY("")), WITH(FORM), NOT_JSON},
               {POST(CURSOR, "{}"), WITH(FORM), NOT_JSON},
               {POST("/db/t/v1/execute", "{}"), WITH(FORM), NOT_JSON},
               {POST("/db/t/v1/batch", "{}"), WITH(FORM), NOT_JSON},
               {POST("/dev/t/v2/pipeline", "{}"), WITH(FORM), NOT_JSON}}},

    REFUSES("two origins, ours and a foreign one", OURS EVIL JSON, FOREIGN),
    REFUSES("a foreign page with a text", EVIL PLAIN, FOREIGN),
    REFUSES("a foreign page with a form", EVIL FORM, FOREIGN),
    REFUSES("a foreign page with a form of parts", EVIL PARTS, FOREIGN),
    REFUSES("a foreign page with a blob of no type", EVIL, FOREIGN),
    REFUSES("a foreign page with JSON", EVIL JSON, FOREIGN),
    REFUSES("a page of nowhere", OPAQUE JSON, FOREIGN),
    REFUSES("a page of another site, whatever its origin",
            OURS SITE("cross-site") JSON, FOREIGN),
    REFUSES("a page of another port of this machine",
            "Origin: http://a:3000\r\n" SITE("same-site") JSON, FOREIGN),
    REFUSES("a page of another port, in an old browser",
            "Origin: http://a:3000\r\n" JSON, FOREIGN),
    REFUSES("a page of a name that begins like ours",
            "Origin: http://a.evil.example\r\n" JSON, FOREIGN),
    REFUSES("a page of a name that ends like ours",
            "Origin: http://evil-a\r\n" JSON, FOREIGN),
    REFUSES("a browser that hides the origin", SITE("cross-site") JSON,
            FOREIGN),
    REFUSES("a foreign page with the password that the browser knows",
            EVIL JSON BASIC, FOREIGN),
    REFUSES("a page that is no page of HTTP",
            "Origin: moz-extension://a\r\n" JSON, FOREIGN),
    REFUSES("a page of ours that does not say JSON", OURS, NOT_JSON),
    REFUSES("a page of ours that calls it a text", OURS PLAIN, NOT_JSON),
    WRITES("a foreign page with a token, which takes a preflight",
           EVIL JSON TOKEN),
    WRITES("a page of ours", OURS JSON),
    WRITES("a page of ours, with the browser's word",
           OURS SITE("same-origin") JSON),
    WRITES("a page of ours behind a proxy that ends TLS",
           "Origin: https://A:443\r\n" JSON),
    WRITES("a page of ours behind a proxy that renames us",
           "Origin: http://b\r\n" SITE("same-origin") JSON),
    WRITES("a page of ours that sends no referrer",
           OPAQUE SITE("same-origin") JSON),
    {.name = "reading is not refused",
     .steps = {{GET("/db/t/query?sql=SELECT+5"), WITH(EVIL SITE("cross-site")),
                FIELDS("!Access-Control-Allow-Origin"), HAS("5")},
               {HEAD("/small.txt"), WITH(SITE("cross-site"))}}},
    {.name = "a preflight is answered, and allows nothing",
     .steps = {{RAW("OPTIONS /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n" EVIL
                    "Access-Control-Request-Method: POST\r\n\r\n"),
                STATUS(204),
                FIELDS("!Access-Control-Allow-Origin\n"
                       "!Access-Control-Allow-Methods")}}},
    {.name = "a foreign page takes no copy and makes no database",
     .steps = {{POST("/db/t/backup", ""), WITH(EVIL), FOREIGN},
               {PUT("/db/evil/", ""), WITH(EVIL), FOREIGN},
               {GET("/db/evil/"), STATUS(404)}}},
    {.name = "a foreign page puts and deletes no file",
     .steps = {{PUT("/put/evil.txt", "x"), WITH(EVIL), STATUS(403),
                HAS("another origin"), ALSO("[users] token")},
               {GET("/put/evil.txt"), STATUS(404)},
               {DELETE("/put/keep.txt"), WITH(SITE("same-site")), STATUS(403)},
               {POST("/put/keep.txt", "x"), WITH(EVIL), STATUS(403)},
               {GET("/put/keep.txt"), IS("keep\n")}}},
    {.name = "a page of ours puts and deletes files",
     .steps = {{PUT("/put/own.txt", "x"), WITH(OURS), STATUS(201)},
               {DELETE("/put/own.txt"), WITH(SITE("same-origin")),
                STATUS(204)}},
     .mask = "ETag\nLast-Modified"},
};

static const struct behaviour_case one_origin[] = {
    WRITES("a page of the origin that is allowed", APP SITE("cross-site") JSON),
    REFUSES("a page of another", EVIL SITE("cross-site") JSON, FOREIGN),
    REFUSES("the origin's name without TLS",
            "Origin: http://app.example\r\n" JSON, FOREIGN),
    REFUSES("the allowed origin without JSON", APP PLAIN, NOT_JSON),
    REFUSES("the allowed origin without a type", APP, NOT_JSON),
    {.name = "the preflight of the origin that is allowed",
     .steps = {{RAW("OPTIONS /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n" APP
                    "Access-Control-Request-Method: POST\r\n\r\n"),
                STATUS(204),
                FIELDS("Access-Control-Allow-Origin: https://app.example\n"
                       "Access-Control-Allow-Methods: POST, OPTIONS\n"
                       "Access-Control-Allow-Headers: authorization, "
                       "content-type\nVary: Origin")}}},
    {.name = "the allowed origin is told why a type is refused",
     .steps = {{INSERT, WITH(APP PLAIN), NOT_JSON,
                FIELDS("Access-Control-Allow-Origin: https://app.example")}}},
    {.name = "what is allowed for databases is not for files",
     .steps = {{PUT("/put/app.txt", "x"), WITH(APP), STATUS(403)},
               {GET("/put/app.txt"), STATUS(404)}}},
};

static const struct behaviour_case every_origin[] = {
    WRITES("any page that asks first", EVIL SITE("cross-site") JSON),
    REFUSES("no page that does not ask first", EVIL PLAIN, STATUS(403),
            HAS("With cors = *")),
    REFUSES("no page that sends no type", EVIL, STATUS(403),
            HAS("With cors = *")),
    {.name = "a copy takes a question first too",
     .steps = {{POST("/db/t/backup", ""), WITH(EVIL), STATUS(403)},
               {POST("/db/t/backup", ""), WITH(EVIL JSON),
                HAS("SQLite format 3")}}},
};

/* -- names ------------------------------------------------------------ */

#define ASK(host) "GET /small.txt HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define KNOWN(host)                                                            \
    {                                                                          \
        .name = "known: " host, .steps = { {RAW(ASK(host)), IS("hello\n")} }   \
    }
#define STRANGE(host)                                                          \
    {                                                                          \
        .name = "strange: " host, .steps = {                                   \
            {RAW(ASK(host)), STATUS(421),                                      \
             FIELDS("Content-Type: text/plain; charset=utf-8"),                \
             HAS("421 Misdirected Request\nNo name of this server's: "),       \
             ALSO("Set names in [server]")}                                    \
        }                                                                      \
    }

static const struct behaviour_case no_names[] = {
    KNOWN("localhost"),
    KNOWN("LocalHost:8080"),
    KNOWN("localhost."),
    KNOWN("localhost.:80"),
    KNOWN("app.localhost:1"),
    KNOWN("app.LOCALHOST."),
    KNOWN("myhost"),
    KNOWN("127.0.0.1:8080"),
    KNOWN("192.0.2.1"),
    KNOWN("[::1]:8080"),
    KNOWN("[::ffff:127.0.0.1]"),
    KNOWN(""),
    KNOWN(":8080"),
    STRANGE("evil.example"),
    STRANGE("EVIL.example:8080"),
    STRANGE("evil.example."),
    STRANGE("evil%2Eexample"),
    STRANGE("127.0.0.1.evil.example"),
    STRANGE("localhost.evil.example"),
    STRANGE("evillocalhost.example"),
    STRANGE("a.notlocalhost"),
    STRANGE("a.."),
    STRANGE("1.2.3.4x"),
    {.name = "the target's host counts, not Host",
     .steps = {{RAW("GET http://evil.example/small.txt HTTP/1.1\r\nHost: "
                    "localhost\r\n\r\n"),
                STATUS(421)},
               {RAW("GET http://localhost:80/small.txt HTTP/1.1\r\nHost: "
                    "evil.example\r\n\r\n"),
                IS("hello\n")}}},
    {.name = "HTTP/1.0 without a Host",
     .steps = {{RAW("GET /small.txt HTTP/1.0\r\n\r\n"), IS("hello\n"),
                CLOSES}}},
    {.name = "a strange name sees nothing at all",
     .steps = {{RAW("GET /-/stats HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                STATUS(421), LACKS("stage")},
               {RAW("GET /none HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                STATUS(421)},
               {RAW("OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                STATUS(421)},
               {RAW("PUT /put/x HTTP/1.1\r\nHost: evil.example\r\n"
                    "Content-Length: 1\r\n\r\nx"),
                STATUS(421)},
               {RAW("GET /db/t/query?sql=SELECT+5 HTTP/1.1\r\nHost: "
                    "evil.example\r\n\r\n"),
                STATUS(421), FIELDS("Content-Type: application/json"),
                HAS("\"code\":\"MISDIRECTED_REQUEST\"")}}},
    {.name = "a strange name is no origin of ours",
     .steps =
         {{RAW("POST /db/t/v2/pipeline HTTP/1.1\r\nHost: evil.example\r\n" EVIL
                   SITE("same-origin") JSON "Content-Length: 2\r\n\r\n{}"),
           STATUS(421)}}},
    {.name = "what one may have, another name may not a moment later",
     .steps = {{GET("/letters.txt")},
               {GET("/letters.txt")},
               {RAW("GET /letters.txt HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                STATUS(421)},
               {GET("/letters.txt")}}},
    {.name = "nobody is believed who says that a proxy sent it",
     .steps = {{RAW("GET /small.txt HTTP/1.1\r\nHost: evil.example\r\n"
                    "X-Forwarded-For: 192.0.2.1\r\n"
                    "X-Forwarded-Host: localhost\r\n\r\n"),
                STATUS(421)}}},
};

static const struct behaviour_case some_names[] = {
    KNOWN("www.example.org"),
    KNOWN("WWW.Example.org.:8080"),
    KNOWN("db.example.org"),
    KNOWN("127.0.0.1"),
    KNOWN("localhost"),
    STRANGE("example.org"),
    STRANGE("www.example.org.evil.example"),
    STRANGE("evil.www.example.org"),
};

static const struct behaviour_case all_names[] = {
    KNOWN("evil.example"),
    KNOWN("www.example.org:80"),
};

static const struct behaviour_case a_proxy[] = {
    KNOWN("www.example.org"),
    {.name = "a page of the host that the proxy was asked for",
     .steps = {{INSERT,
                WITH("Origin: https://www.example.org\r\n"
                     "X-Forwarded-Proto: https\r\n"
                     "X-Forwarded-Host: www.example.org\r\n" JSON),
                DID},
               CLEAR}},
    REFUSES("a page of it without TLS",
            "Origin: http://www.example.org\r\n"
            "X-Forwarded-Proto: https\r\n"
            "X-Forwarded-Host: www.example.org\r\n" JSON,
            FOREIGN),
    REFUSES("a page of another host",
            EVIL "X-Forwarded-Proto: http\r\n"
                 "X-Forwarded-Host: www.example.org\r\n" JSON,
            FOREIGN),
};

/* The default of a setting that has nothing to do with pages. */
#define DEFAULTS "server.backlog=511"

static int run(const char *group, const struct behaviour_case *rows,
               size_t count, const char *setting)
{
    const char *const arguments[] = {
        "--rule",  "allow * /",
        "--token", "robot:robot-token-1",
        "--set",   "server.access_log=off",
        "--set",   setting,
        NULL,
    };
    return cases_run(group, rows, count, arguments, true);
}

#define RUN(group, rows, setting)                                              \
    run(group, rows, sizeof rows / sizeof *rows, setting)

int suite_run_browser(void)
{
    return RUN("foreign pages", default_cors, DEFAULTS) +
           RUN("foreign pages, one allowed", one_origin,
               "sqlite.cors=https://app.example") +
           RUN("foreign pages, all allowed", every_origin, "sqlite.cors=*") +
           RUN("names", no_names, DEFAULTS) +
           RUN("names, some", some_names,
               "server.names=www.example.org, db.example.org") +
           RUN("names, all", all_names, "server.names=*") +
           RUN("names, a proxy", a_proxy, "server.trust_proxy=127.0.0.1");
}
