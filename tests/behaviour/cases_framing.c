/* cases_framing.c - where a request starts and ends (RFC 9112), and what is
 * refused because two parsers could read it in two ways.
 *
 * Pitfall 12 (lengths, names and numbers that are trusted) is the table of bad
 * requests; pitfall 10 (a full buffer taken for the end of the stream) the
 * limits, each met exactly and passed by one byte. */
#include "cases.h"
#include "suite.h"

#define HOST         "Host: a\r\n"
#define GET_SMALL    "GET /small.txt HTTP/1.1\r\n" HOST
#define PIPE         "POST /db/t/v2/pipeline HTTP/1.1\r\n" HOST
#define NOTHING      "{\"requests\":[]}" /* 15 bytes, f in hexadecimal */
#define EMPTY_RESULT "{\"baton\":null,\"base_url\":null,\"results\":[]}"
#define CHUNKED      PIPE "Transfer-Encoding: chunked\r\n\r\n"

/* Refused with a status, and the connection closed. */
#define REFUSED(what, code, bytes)                                             \
    {                                                                          \
        .name = what, .steps = {                                               \
            {RAW(bytes), STATUS(code), FIELDS("Connection: close"), CLOSES}    \
        }                                                                      \
    }
#define BAD(what, bytes) REFUSED(what, 400, bytes)
#define FINE(what, bytes)                                                      \
    {                                                                          \
        .name = what, .steps = {                                               \
            {RAW(bytes),                                                       \
             FIELDS("Content-Length: 6\nContent-Type: "                        \
                    "text/plain; charset=utf-8\nDate"),                        \
             IS("hello\n")}                                                    \
        }                                                                      \
    }
#define FINE_BODY(what, bytes)                                                 \
    {                                                                          \
        .name = what, .steps = { {RAW(bytes), IS(EMPTY_RESULT)} }              \
    }

static const char *const arguments[] = {
    "--rule", "allow * /",
    "--set",  "limits.request_line_bytes=2000",
    "--set",  "limits.head_bytes=6000",
    "--set",  "limits.body_bytes=10000",
    "--set",  "server.access_log=off",
    NULL,
};

static const struct behaviour_case cases[] = {
    /* -- heads that are right ------------------------------------------- */
    {.name = "a plain request is answered",
     .steps = {{RAW(GET_SMALL "\r\n"), IS("hello\n")}},
     .every_split = true},
    {.name = "absolute-form names the same file",
     .steps = {{RAW("GET http://a/small.txt HTTP/1.1\r\n" HOST "\r\n"),
                IS("hello\n")}},
     .every_split = true},
    FINE("the host of an absolute-form counts, not the field",
         "GET http://b:80/small.txt HTTP/1.1\r\nHost: other\r\n\r\n"),
    FINE("one empty line before the request line is skipped",
         "\r\n" GET_SMALL "\r\n"),
    FINE("a field name has no case",
         "GET /small.txt HTTP/1.1\r\nhOsT: a\r\n\r\n"),
    FINE("an empty Host is allowed",
         "GET /small.txt HTTP/1.1\r\nHost:\r\n\r\n"),
    FINE("a Host may be an IPv6 address with a port",
         "GET /small.txt HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
    FINE("blanks around a value are not part of it",
         GET_SMALL "Connection: \t keep-alive \t\r\n\r\n"),
    FINE("a tab inside a value is allowed", GET_SMALL "X: a\tb\r\n\r\n"),
    FINE("bytes from 0x80 in a value are allowed",
         GET_SMALL "X: \xff\x80\r\n\r\n"),
    FINE("an empty value is allowed", GET_SMALL "X:\r\n\r\n"),
    FINE("every token byte may stand in a name",
         GET_SMALL "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"),
    FINE("a later minor version is read as 1.1",
         "GET /small.txt HTTP/1.2\r\n" HOST "\r\n"),
    FINE("an upgrade that nobody knows is ignored",
         GET_SMALL "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    FINE("a query is no part of a file's name",
         "GET /small.txt?a=b%00&c HTTP/1.1\r\n" HOST "\r\n"),
    FINE("a hundred fields are read", GET_SMALL "{{99*F: v\r\n}}\r\n"),
    REFUSED("one field more than a hundred", 431,
            GET_SMALL "{{100*F: v\r\n}}\r\n"),

    /* -- request lines that are not ------------------------------------- */
    BAD("GET alone", "GET\r\n\r\n"),
    BAD("a request line without a version", "GET /\r\n\r\n"),
    BAD("a request line without a target", "GET  HTTP/1.1\r\n" HOST "\r\n"),
    BAD("two blanks in the request line", "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a blank before the method", " GET / HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a blank behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    BAD("a tab in the request line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    BAD("two empty lines before the request line",
        "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a method with a byte that no token has",
        "G<T / HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a lower case version", "GET / http/1.1\r\n" HOST "\r\n"),
    BAD("a version with a digit too many", "GET / HTTP/1.10\r\n" HOST "\r\n"),
    BAD("a version without a point", "GET / HTTP/11\r\n" HOST "\r\n"),
    REFUSED("HTTP/2.0", 505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    REFUSED("the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    REFUSED("HTTP/0.9 with a version", 505, "GET / HTTP/0.9\r\n\r\n"),
    REFUSED("a method that nobody knows", 501,
            "BREW / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED("a method in lower case is another one", 501,
            "get / HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED("CONNECT", 501, "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"),
    BAD("an authority is no target of GET",
        "GET a:80 HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a target that starts with no slash",
        "GET small.txt HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a star is no target of GET", "GET * HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a fragment in the target", "GET /#a HTTP/1.1\r\n" HOST "\r\n"),
    BAD("NUL in the target", "GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a byte above ASCII in the target",
        "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    BAD("another scheme", "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
    BAD("absolute-form without a host",
        "GET http:///x HTTP/1.1\r\n" HOST "\r\n"),

    /* -- fields that are not -------------------------------------------- */
    BAD("no Host in HTTP/1.1", "GET / HTTP/1.1\r\n\r\n"),
    BAD("two Hosts", "GET / HTTP/1.1\r\n" HOST "Host: b\r\n\r\n"),
    /* Was served by the first of them. */
    BAD("two Authorizations",
        "GET / HTTP/1.1\r\n" HOST "Authorization: Bearer a"
        "\r\nauthorization: Bearer a\r\n\r\n"),
    BAD("two equal Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
    BAD("a blank in a Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    BAD("a path in a Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BAD("a port that is no number", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"),
    BAD("a bare LF behind the request line", "GET / HTTP/1.1\n" HOST "\r\n"),
    BAD("a bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    BAD("a bare LF as the empty line", "GET / HTTP/1.1\r\n" HOST "\n"),
    BAD("a bare CR in a value", GET_SMALL "X: a\rb\r\n\r\n"),
    BAD("CR CR LF", "GET / HTTP/1.1\r\r\n" HOST "\r\n"),
    BAD("a folded line", GET_SMALL "X: a\r\n b\r\n\r\n"),
    BAD("a line folded with a tab", GET_SMALL "X: a\r\n\tb\r\n\r\n"),
    BAD("a blank line start right behind the request line",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    BAD("a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    BAD("a field without a colon", GET_SMALL "novalue\r\n\r\n"),
    BAD("a field without a name", GET_SMALL ": v\r\n\r\n"),
    BAD("a name with a byte that no token has", GET_SMALL "a(b): v\r\n\r\n"),
    BAD("a name above ASCII", GET_SMALL "\xc3\xa9: v\r\n\r\n"),
    BAD("NUL in a value", GET_SMALL "X: a\0b\r\n\r\n"),
    BAD("a control byte in a value", GET_SMALL "X: a\x01\r\n\r\n"),
    BAD("DEL in a value", GET_SMALL "X: a\x7f\r\n\r\n"),
    REFUSED("an expectation that nobody knows", 417,
            GET_SMALL "Expect: miracles\r\n\r\n"),

    /* -- lengths and codings: smuggling --------------------------------- */
    REFUSED("POST without a length", 411, PIPE "\r\n"),
    REFUSED("PUT without a length", 411, "PUT /put/x HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a length and a coding",
        PIPE "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n"
             "0\r\n\r\nGET /small.txt HTTP/1.1\r\n" HOST "\r\n"),
    BAD("a coding and a length",
        PIPE "Transfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n"
             "0\r\n\r\n"),
    BAD("two different lengths",
        PIPE "Content-Length: 15\r\nContent-Length: 0\r\n\r\n" NOTHING),
    BAD("two equal lengths",
        PIPE "Content-Length: 15\r\nContent-Length: 15\r\n\r\n" NOTHING),
    BAD("a list of equal lengths",
        PIPE "Content-Length: 15, 15\r\n\r\n" NOTHING),
    BAD("a negative length", PIPE "Content-Length: -1\r\n\r\n"),
    BAD("a length with a plus", PIPE "Content-Length: +15\r\n\r\n" NOTHING),
    BAD("a hexadecimal length", PIPE "Content-Length: 0xf\r\n\r\n" NOTHING),
    BAD("a length with a blank inside",
        PIPE "Content-Length: 1 5\r\n\r\n" NOTHING),
    BAD("a length with a letter", PIPE "Content-Length: 15a\r\n\r\n" NOTHING),
    BAD("an empty length", PIPE "Content-Length:\r\n\r\n"),
    BAD("a length beyond 64 bits",
        PIPE "Content-Length: 99999999999999999999\r\n\r\n"),
    BAD("a length that is 2 to the 64 and 15",
        PIPE "Content-Length: 18446744073709551631\r\n\r\n" NOTHING),
    BAD("a length that is 2 to the 63",
        PIPE "Content-Length: 9223372036854775808\r\n\r\n"),
    REFUSED("another coding before chunked", 501,
            PIPE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    BAD("chunked is not last",
        PIPE "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    BAD("chunked twice",
        PIPE "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    BAD("two codings in two fields",
        PIPE "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
             "\r\n0\r\n\r\n"),
    BAD("a coding that is nearly chunked",
        PIPE "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    BAD("identity", PIPE "Transfer-Encoding: identity\r\n\r\n"),
    BAD("an empty coding", PIPE "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    BAD("a coding behind a vertical tab", PIPE "Transfer-Encoding: \x0b"
                                               "chunked\r\n\r\n0\r\n\r\n"),
    BAD("a blank before the colon of a coding",
        PIPE "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    BAD("a coding in HTTP/1.0", "POST /db/t/v2/pipeline HTTP/1.0\r\n" HOST
                                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    {.name = "the body of a GET is not a request",
     .steps = {{RAW(GET_SMALL
                    "Content-Length: 44\r\n\r\n"
                    "GET /secret HTTP/1.1\r\nHost: a\r\nX: abcdef\r\n\r\n"),
                IS("hello\n")}},
     .every_split = true},
    {.name = "the chunked body of a GET is not a request",
     .steps = {{RAW(GET_SMALL "Transfer-Encoding: chunked\r\n\r\n"
                              "13\r\nGET /x HTTP/1.1\r\n\r\n\r\n0\r\n\r\n"),
                FIELDS("Connection: close"), IS("hello\n"), CLOSES}},
     .every_split = true},

    /* -- bodies ---------------------------------------------------------- */
    {.name = "a body of a length",
     .steps = {{RAW(PIPE "Content-Length: 15\r\n\r\n" NOTHING),
                IS(EMPTY_RESULT)}},
     .every_split = true},
    FINE_BODY("a length with zeros before it",
              PIPE "Content-Length: 00015\r\n\r\n" NOTHING),
    {.name = "a body in chunks",
     .steps = {{RAW(CHUNKED "5\r\n{\"req\r\nA\r\nuests\":[]}\r\n0\r\n\r\n"),
                IS(EMPTY_RESULT)}},
     .every_split = true},
    {.name = "an extension whose quotes never end",
     .steps = {{RAW(CHUNKED "f;a=b;c=\"d;\\\"\r\n" NOTHING "\r\n0;x\r\n"
                            "Trailer: y\r\nAnother: z\r\n\r\n"),
                STATUS(400), CLOSES}}},
    {.name = "chunks with extensions and trailers",
     .steps = {{RAW(CHUNKED "f;a=b;c=\"d;\\\"\"\r\n" NOTHING "\r\n0;x\r\n"
                            "Trailer: y\r\nAnother: z\r\n\r\n"),
                IS(EMPTY_RESULT)}},
     .every_split = true},
    FINE_BODY("a chunk size with zeros before it",
              CHUNKED "000f\r\n" NOTHING "\r\n000\r\n\r\n"),
    FINE_BODY("a chunk size in upper case",
              CHUNKED "F\r\n" NOTHING "\r\n0\r\n\r\n"),
    FINE_BODY("chunked in another case",
              PIPE "Transfer-Encoding: ChunKed\r\n\r\nf\r\n" NOTHING
                   "\r\n0\r\n\r\n"),
    FINE_BODY("chunks of one byte",
              CHUNKED "1\r\n{\r\n1\r\n\"\r\n8\r\nrequests\r\n5\r\n\":[]}\r\n"
                      "0\r\n\r\n"),
    BAD("an empty chunk size", CHUNKED "\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a chunk size with a sign", CHUNKED "+f\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a negative chunk size", CHUNKED "-1\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a chunk size with 0x", CHUNKED "0xf\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a blank before a chunk size",
        CHUNKED " f\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a blank behind a chunk size",
        CHUNKED "f \r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a chunk size beyond 64 bits",
        CHUNKED "1000000000000000f\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a chunk size of all bits", CHUNKED "ffffffffffffffff\r\n" NOTHING),
    BAD("a bare LF behind a chunk size", CHUNKED "f\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a chunk longer than its size",
        CHUNKED "e\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a bare LF behind a chunk", CHUNKED "f\r\n" NOTHING "\n0\r\n\r\n"),
    BAD("a bare LF in an extension",
        CHUNKED "f;a\nb\r\n" NOTHING "\r\n0\r\n\r\n"),
    BAD("a bad trailer", CHUNKED "f\r\n" NOTHING "\r\n0\r\nno colon\r\n\r\n"),
    BAD("a folded trailer",
        CHUNKED "f\r\n" NOTHING "\r\n0\r\nA: b\r\n c\r\n\r\n"),
    BAD("an endless chunk line", CHUNKED "f;{{2000*a}}"),
    REFUSED("endless trailers", 431,
            CHUNKED "f\r\n" NOTHING "\r\n0\r\n{{1000*A: bcdefgh\r\n}}"),

    /* -- limits, pitfall 10 --------------------------------------------- */
    {.name = "a request line of exactly the limit",
     .steps = {{RAW("GET /{{1986*a}} HTTP/1.1\r\n" HOST "\r\n"), STATUS(404)}}},
    REFUSED("a request line one byte longer", 414,
            "GET /{{1987*a}} HTTP/1.1\r\n" HOST "\r\n"),
    REFUSED("a request line that never ends", 414, "GET /{{3000*a}}"),
    {.name = "a head of exactly the limit",
     .steps = {{RAW(GET_SMALL "X: {{5959*x}}\r\n\r\n"), IS("hello\n")}}},
    REFUSED("a head one byte longer", 431, GET_SMALL "X: {{5960*x}}\r\n\r\n"),
    REFUSED("a head that never ends", 431, GET_SMALL "X: {{7000*x}}"),
    {.name = "a body of exactly the limit",
     .steps = {{POST("/db/t/v2/pipeline", "{\"requests\":[]{{9985* }}}"),
                IS(EMPTY_RESULT)}}},
    {.name = "a body one byte longer",
     .steps = {{POST("/db/t/v2/pipeline", "{\"requests\":[]{{9986* }}}"),
                STATUS(413), CLOSES}}},
    {.name = "chunks that grow beyond the limit",
     .steps = {{RAW(CHUNKED "{{11*3e8\r\n{{1000* }}\r\n}}0\r\n\r\n"),
                STATUS(413), CLOSES}}},
    REFUSED("a body announced far beyond the limit", 413,
            PIPE "Content-Length: 9000000000000000000\r\n\r\n"),

    /* -- connections ----------------------------------------------------- */
    {.name = "close is answered with close",
     .steps = {{RAW(GET_SMALL "Connection: close\r\n\r\n"),
                FIELDS("Connection: close"), CLOSES}}},
    {.name = "close in a list in any case",
     .steps = {{RAW(GET_SMALL "Connection: x, ClosE\r\n\r\n"),
                FIELDS("Connection: close"), CLOSES}}},
    {.name = "HTTP/1.0 closes",
     .steps = {{RAW("GET /small.txt HTTP/1.0\r\n\r\n"), IS("hello\n"), CLOSES}},
     .every_split = true},
    {.name = "HTTP/1.0 can be asked to stay",
     .steps =
         {{RAW("GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
           FIELDS("Connection: keep-alive"), IS("hello\n")}}},
    {.name = "two requests in one write are answered in order",
     .steps = {{RAW(GET_SMALL "\r\nGET /none HTTP/1.1\r\n" HOST "\r\n"),
                STATUS(200, 404)}},
     .every_split = true},
    {.name = "four requests in one write",
     .steps = {{RAW(GET_SMALL "\r\n" PIPE
                              "Content-Length: 15\r\n\r\n" NOTHING CHUNKED
                              "f\r\n" NOTHING "\r\n0\r\n\r\n" GET_SMALL "\r\n"),
                STATUS(200, 200, 200, 200), IS("hello\n")}},
     .every_split = true},
    {.name = "behind a bad request nothing is answered",
     .steps = {{RAW(GET_SMALL "\r\nGET / HTTP/1.1\r\n\r\n" GET_SMALL "\r\n"),
                STATUS(200, 400), CLOSES}}},
    {.name = "behind close nothing is answered",
     .steps = {{RAW(GET_SMALL "Connection: close\r\n\r\n" GET_SMALL "\r\n"),
                IS("hello\n"), CLOSES}}},
    {.name = "an error of the path keeps the connection",
     .steps = {{GET("/none"), STATUS(404), FIELDS("!Connection")},
               {GET("/small.txt"), IS("hello\n")}}},

    /* -- methods ---------------------------------------------------------- */
    {.name = "HEAD has the fields of GET and no body",
     .steps = {{HEAD("/small.txt"),
                FIELDS("Content-Length: 6\nETag\nLast-Modified"), IS("")}},
     .every_split = true},
    {.name = "OPTIONS of the server",
     .steps = {{RAW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), STATUS(204),
                FIELDS("Allow")}}},
    {.name = "TRACE is not served",
     .steps = {{RAW("TRACE /small.txt HTTP/1.1\r\n" HOST "\r\n"), STATUS(405),
                FIELDS("Allow")}}},
    {.name = "PATCH is not served",
     .steps = {{RAW("PATCH /small.txt HTTP/1.1\r\n" HOST
                    "Content-Length: 1\r\n\r\nx"),
                STATUS(405), FIELDS("Allow")}}},
    {.name = "POST of a file is not served",
     .steps = {{POST("/small.txt", "x"), STATUS(405), FIELDS("Allow")}}},
};

int suite_run_framing(void)
{
    return cases_run("framing", cases, sizeof cases / sizeof *cases, arguments,
                     true);
}
