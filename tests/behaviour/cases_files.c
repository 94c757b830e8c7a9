/* cases_files.c - reading files: types, paths, conditions, ranges, listings,
 * precompressed files. Writing them is in cases_write.c.
 *
 * Pitfall 13 (paths that leave the root) is the table of paths, pitfall 14
 * (edge files) that of sizes. */
#include "cases.h"
#include "suite.h"

#define DATE_OF_FILES "Thu, 02 Jan 2020 03:04:05 GMT"
#define BEFORE        "Thu, 02 Jan 2020 03:04:04 GMT"
#define LETTERS       "abcdefghijklmnopqrstuvwxyz"

#define NO_OPENAT2 "it knows no openat2, and without that links are refused"

#define TYPE(file, type)                                                       \
    {                                                                          \
        .name = "type of " file, .steps = {                                    \
            {GET("/" file), FIELDS("Content-Type: " type), IS_FILE(file)}      \
        }                                                                      \
    }
#define PATH(what, path, code)                                                 \
    {                                                                          \
        .name = what, .steps = { {GET(path), STATUS(code), LACKS("outside")} } \
    }
#define SERVES(what, path, file)                                               \
    {                                                                          \
        .name = what, .steps = { {GET(path), IS_FILE(file)} }                  \
    }
/* A condition or range on letters.txt, whose tag the first step fetches. */
#define ASK(what, lines, code, ...)                                            \
    {                                                                          \
        .name = what, .steps = {                                               \
            {HEAD("/letters.txt")},                                            \
            {GET("/letters.txt"), WITH(lines), STATUS(code), __VA_ARGS__}      \
        }                                                                      \
    }
#define RANGE(what, value, code, ...)                                          \
    ASK(what, "Range: " value "\r\n", code, __VA_ARGS__)

static const char *const arguments[] = {
    "--rule", "allow * /",
    "--set",  "files.listing=on",
    "--set",  "files.precompressed=on",
    "--set",  "server.access_log=off",
    NULL,
};

static const struct behaviour_case cases[] = {
    /* -- types ------------------------------------------------------------ */
    TYPE("page.html", "text/html; charset=utf-8"),
    TYPE("page.htm", "text/html; charset=utf-8"),
    TYPE("UPPER.HTML", "text/html; charset=utf-8"),
    TYPE("small.txt", "text/plain; charset=utf-8"),
    TYPE("style.css", "text/css; charset=utf-8"),
    TYPE("script.js", "text/javascript; charset=utf-8"),
    TYPE("module.mjs", "text/javascript; charset=utf-8"),
    TYPE("data.json", "application/json"),
    TYPE("picture.png", "image/png"),
    TYPE("picture.jpg", "image/jpeg"),
    TYPE("picture.gif", "image/gif"),
    TYPE("picture.svg", "image/svg+xml"),
    TYPE("picture.webp", "image/webp"),
    TYPE("font.woff2", "font/woff2"),
    TYPE("paper.pdf", "application/pdf"),
    TYPE("code.wasm", "application/wasm"),
    TYPE("film.mp4", "video/mp4"),
    TYPE("what.unknown", "application/octet-stream"),
    TYPE("noextension", "application/octet-stream"),

    /* -- sizes, pitfall 14 ------------------------------------------------ */
    {.name = "an empty file",
     .steps = {{GET("/empty.txt"), FIELDS("Content-Length: 0\nETag"), IS("")}}},
    {.name = "a file of one byte",
     .steps = {{GET("/one.txt"), FIELDS("Content-Length: 1"), IS("1")}}},
    SERVES("a file as long as a buffer", "/exact.bin", "exact.bin"),
    SERVES("a file one byte shorter than a buffer", "/under.bin", "under.bin"),
    SERVES("a file one byte longer than a buffer", "/over.bin", "over.bin"),
    SERVES("a file of many buffers", "/middle.bin", "middle.bin"),
    {.name = "HEAD of a long file",
     .steps = {{HEAD("/middle.bin"), FIELDS("Content-Length: 300000"),
                IS("")}}},

    /* -- paths, pitfall 13 ------------------------------------------------ */
    SERVES("the root is its index page", "/", "index.html"),
    SERVES("a directory is its index page", "/sub/", "sub/index.html"),
    {.name = "a directory without its slash is elsewhere",
     .steps = {{GET("/sub?a=b"), STATUS(301), FIELDS("Location: /sub/?a=b")}}},
    {.name = "the redirect of a doubled slash names no other host",
     .steps = {{GET("//sub"), STATUS(301), FIELDS("Location: /sub/")}}},
    PATH("a file that is not there", "/none.txt", 404),
    PATH("a file taken for a directory", "/small.txt/", 404),
    PATH("a path beneath a file", "/small.txt/x", 404),
    SERVES("a blank as %20", "/with%20space.txt", "with space.txt"),
    SERVES("UTF-8 as %XX", "/%C5%BElu%c5%a5.txt", "\xc5\xbelu\xc5\xa5.txt"),
    SERVES("a plus is a plus", "/plus+plus.txt", "plus+plus.txt"),
    SERVES("a semicolon is part of a name", "/semi;colon.txt",
           "semi;colon.txt"),
    SERVES("a path is decoded once", "/percent%2541.txt", "percent%41.txt"),
    PATH("a path is not decoded twice", "/percent%41.txt", 404),
    SERVES("an encoded letter is the letter", "/%73mall.txt", "small.txt"),
    SERVES("doubled slashes are one", "//sub///deep//file.txt",
           "sub/deep/file.txt"),
    SERVES("a single dot is nothing", "/./sub/./deep/file.txt",
           "sub/deep/file.txt"),
    SERVES("dots inside a name are part of it", "/dots..txt", "dots..txt"),
    PATH("dot dot", "/../secret.txt", 400),
    PATH("dot dot that stays beneath the root", "/sub/../small.txt", 400),
    PATH("dot dot at the end", "/sub/..", 400),
    PATH("encoded dot dot", "/%2e%2e/secret.txt", 400),
    PATH("half encoded dot dot", "/.%2E/secret.txt", 400),
    PATH("dot dot behind an encoded slash", "/..%2fsecret.txt", 400),
    PATH("an encoded slash", "/sub%2Findex.html", 400),
    PATH("dot dot behind doubled slashes", "//..//secret.txt", 400),
    PATH("doubly encoded dot dot is only a name", "/%252e%252e/secret.txt",
         404),
    PATH("overlong UTF-8 dots are only a name", "/%c0%ae%c0%ae/secret.txt",
         404),
    PATH("a backslash is only a name", "/..%5csecret.txt", 404),
    PATH("encoded NUL", "/small.txt%00.html", 400),
    PATH("a percent alone", "/small%", 400),
    PATH("a percent with one digit", "/small%4", 400),
    PATH("a percent with no digits", "/small%zz.txt", 400),
    {.name = "absolute-form with dot dot",
     .steps = {{RAW("GET http://a/../secret.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
                STATUS(400)}}},
    {.name = "a link inside the root",
     .steps = {{GET("/link_in"), IS_FILE("small.txt")}},
     .not_valgrind = NO_OPENAT2},
    {.name = "a linked directory inside the root",
     .steps = {{GET("/link_directory/deep/file.txt"),
                IS_FILE("sub/deep/file.txt")}},
     .not_valgrind = NO_OPENAT2},
    PATH("an absolute link out of the root", "/link_out", 404),
    PATH("a relative link out of the root", "/link_up", 404),
    PATH("a linked directory above the root", "/link_parent/secret.txt", 404),
    PATH("a link to the root of all", "/link_root/etc/hostname", 404),
    PATH("a link to itself", "/link_loop", 404),
    PATH("a link into proc", "/link_magic", 404),
    PATH("a link to nothing", "/link_dangling", 404),
    PATH("a FIFO is no file and blocks nobody", "/fifo", 404),
    PATH("a hidden file", "/.hidden", 404),
    PATH("a hidden file by its encoded dot", "/%2ehidden", 404),
    PATH("a hidden file in a directory", "/bare/.secret", 404),
    PATH("a name of three dots is hidden like the others", "/...", 404),
    PATH("a component longer than names can be", "/{{300*a}}", 404),
    {.name = "a path longer than paths can be",
     .steps = {{GET("/{{4200*a}}"), STATUS(414)}}},
    /* A name of 255 bytes that are no ASCII, five deep, was too long encoded.
     */
    {.name = "a path is measured decoded",
     .steps = {{GET("/{{1500*%41}}"), STATUS(404)},
               {GET("/{{4094*a}}/"), STATUS(414)},
               {GET("/{{4094*a}}"), STATUS(404)}}},

    /* -- conditions, RFC 9110 section 13.2.2 in its order ------------------ */
    ASK("If-None-Match with the tag", "If-None-Match: {{etag}}\r\n", 304,
        FIELDS("ETag\n!Content-Type"), IS("")),
    ASK("If-None-Match with the weak tag", "If-None-Match: W/{{etag}}\r\n", 304,
        IS("")),
    ASK("If-None-Match with a list", "If-None-Match: \"a,b\", {{etag}}\r\n",
        304, IS("")),
    ASK("If-None-Match in two fields",
        "If-None-Match: \"a\"\r\nIf-None-Match: {{etag}}\r\n", 304, IS("")),
    ASK("If-None-Match with a star", "If-None-Match: *\r\n", 304, IS("")),
    ASK("If-None-Match with another tag", "If-None-Match: \"x\"\r\n", 200,
        IS(LETTERS)),
    ASK("If-Modified-Since the file's date",
        "If-Modified-Since: " DATE_OF_FILES "\r\n", 304,
        FIELDS("Last-Modified: " DATE_OF_FILES), IS("")),
    ASK("If-Modified-Since a second before",
        "If-Modified-Since: " BEFORE "\r\n", 200, IS(LETTERS)),
    ASK("If-Modified-Since in the form of RFC 850",
        "If-Modified-Since: Thursday, 02-Jan-20 03:04:05 GMT\r\n", 304, IS("")),
    ASK("If-Modified-Since in the form of asctime",
        "If-Modified-Since: Thu Jan  2 03:04:05 2020\r\n", 304, IS("")),
    ASK("If-Modified-Since no date", "If-Modified-Since: yesterday\r\n", 200,
        IS(LETTERS)),
    ASK("If-None-Match goes before If-Modified-Since",
        "If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE_OF_FILES "\r\n", 200,
        IS(LETTERS)),
    ASK("If-Match with the tag", "If-Match: {{etag}}\r\n", 200, IS(LETTERS)),
    ASK("If-Match with a star", "If-Match: *\r\n", 200, IS(LETTERS)),
    ASK("If-Match with another tag", "If-Match: \"x\"\r\n", 412),
    ASK("If-Match takes no weak tag", "If-Match: W/{{etag}}\r\n", 412),
    ASK("If-Unmodified-Since the file's date",
        "If-Unmodified-Since: " DATE_OF_FILES "\r\n", 200, IS(LETTERS)),
    ASK("If-Unmodified-Since before", "If-Unmodified-Since: " BEFORE "\r\n",
        412),
    ASK("If-Match goes before If-Unmodified-Since",
        "If-Match: {{etag}}\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200,
        IS(LETTERS)),
    ASK("If-Match and If-None-Match that both hold for the tag",
        "If-Match: {{etag}}\r\nIf-None-Match: {{etag}}\r\n", 304, IS("")),
    ASK("412 goes before 304", "If-Match: \"x\"\r\nIf-None-Match: {{etag}}\r\n",
        412),
    {.name = "HEAD asks conditions too",
     .steps = {{HEAD("/letters.txt")},
               {HEAD("/letters.txt"), WITH("If-None-Match: {{etag}}\r\n"),
                STATUS(304)}}},
    {.name = "a condition on what is not there is not asked",
     .steps = {{GET("/none.txt"), WITH("If-None-Match: *\r\n"), STATUS(404)}}},

    /* -- ranges ------------------------------------------------------------ */
    RANGE("the first bytes", "bytes=0-4", 206,
          FIELDS("Content-Range: bytes 0-4/26\nContent-Length: 5\n"
                 "Content-Type: text/plain; charset=utf-8\nETag"),
          IS("abcde")),
    RANGE("from a byte on", "bytes=23-", 206,
          FIELDS("Content-Range: bytes 23-25/26"), IS("xyz")),
    RANGE("the last bytes", "bytes=-2", 206,
          FIELDS("Content-Range: bytes 24-25/26"), IS("yz")),
    RANGE("one byte", "bytes=0-0", 206, IS("a")),
    RANGE("the last byte", "bytes=25-25", 206, IS("z")),
    RANGE("an end behind the end", "bytes=20-1000", 206,
          FIELDS("Content-Range: bytes 20-25/26"), IS("uvwxyz")),
    RANGE("an end beyond 64 bits", "bytes=24-99999999999999999999", 206,
          IS("yz")),
    RANGE("more last bytes than there are", "bytes=-100", 206,
          FIELDS("Content-Range: bytes 0-25/26"), IS(LETTERS)),
    RANGE("a start behind the end", "bytes=26-", 416,
          FIELDS("Content-Range: bytes */26")),
    RANGE("no last byte", "bytes=-0", 416, FIELDS("Content-Range: bytes */26")),
    RANGE("a start beyond 64 bits", "bytes=99999999999999999999-", 416),
    RANGE("backwards is no range", "bytes=5-4", 200, IS(LETTERS)),
    RANGE("another unit", "letters=0-4", 200, IS(LETTERS)),
    RANGE("a range with a sign", "bytes=+1-4", 200, IS(LETTERS)),
    RANGE("a range without numbers", "bytes=-", 200, IS(LETTERS)),
    RANGE("a range with letters", "bytes=a-b", 200, IS(LETTERS)),
    RANGE("two parts", "bytes=0-1,24-25", 206,
          HAS("Content-Range: bytes 0-1/26\r\n\r\nab\r\n--"),
          ALSO("Content-Range: bytes 24-25/26\r\n\r\nyz\r\n--")),
    RANGE("overlapping parts are one", "bytes=0-4,3-6", 206,
          FIELDS("Content-Range: bytes 0-6/26"), IS("abcdefg")),
    RANGE("of two parts one is there", "bytes=100-,0-1", 206, IS("ab")),
    RANGE("the whole file many times is sent once", "bytes=0-,0-,0-,0-,0-", 206,
          IS(LETTERS)),
    RANGE("too many parts are no range", "bytes={{200*0-0,2-2,}}", 200,
          IS(LETTERS)),
    {.name = "ranges of a long file",
     .steps = {{GET("/middle.bin"),
                WITH("Range: bytes=0-0,100000-100001,-1\r\n"), STATUS(206),
                HAS("Content-Range: bytes 299999-299999/300000")}}},
    {.name = "a range of an empty file",
     .steps = {{GET("/empty.txt"), WITH("Range: bytes=0-0\r\n"), STATUS(416),
                FIELDS("Content-Range: bytes */0")}}},
    ASK("If-Range with the tag", "Range: bytes=0-1\r\nIf-Range: {{etag}}\r\n",
        206, IS("ab")),
    ASK("If-Range with another tag", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n",
        200, IS(LETTERS)),
    ASK("two If-Ranges are none",
        "Range: bytes=0-1\r\nIf-Range: {{etag}}\r\nIf-Range: \"x\"\r\n", 200,
        IS(LETTERS)),
    ASK("If-Range takes no weak tag",
        "Range: bytes=0-1\r\nIf-Range: W/{{etag}}\r\n", 200, IS(LETTERS)),
    ASK("If-Range with a date that was set back, as the inode says",
        "Range: bytes=0-1\r\nIf-Range: " DATE_OF_FILES "\r\n", 200,
        IS(LETTERS)),
    ASK("If-Range with another date",
        "Range: bytes=0-1\r\nIf-Range: " BEFORE "\r\n", 200, IS(LETTERS)),
    ASK("304 goes before a range",
        "Range: bytes=0-1\r\nIf-None-Match: {{etag}}\r\n", 304, IS("")),
    {.name = "HEAD has no ranges",
     .steps = {{HEAD("/letters.txt"), WITH("Range: bytes=0-1\r\n"), STATUS(200),
                FIELDS("Content-Length: 26")}}},

    /* -- precompressed ------------------------------------------------------
     */
    {.name = "brotli before gzip",
     .steps = {{GET("/zipped.js"), WITH("Accept-Encoding: gzip, br\r\n"),
                FIELDS("Content-Encoding: br\nVary: Accept-Encoding\n"
                       "Content-Type: text/javascript; charset=utf-8"),
                IS("BROTLI BYTES")}}},
    {.name = "gzip when brotli is not taken",
     .steps = {{GET("/zipped.js"), WITH("Accept-Encoding: gzip\r\n"),
                FIELDS("Content-Encoding: gzip"), IS("GZIP BYTES")}}},
    {.name = "gzip when it is liked better",
     .steps = {{GET("/zipped.js"), WITH("Accept-Encoding: br;q=0.5, gzip\r\n"),
                IS("GZIP BYTES")}}},
    {.name = "gzip when there is no brotli",
     .steps = {{GET("/gzonly.css"), WITH("Accept-Encoding: br, gzip\r\n"),
                FIELDS("Content-Encoding: gzip"), IS("GZIP STYLE")}}},
    {.name = "a weight of nothing forbids",
     .steps = {{GET("/zipped.js"),
                WITH("Accept-Encoding: br;q=0, gzip;q=0.0\r\n"),
                FIELDS("!Content-Encoding\nVary: Accept-Encoding"),
                IS_FILE("zipped.js")}}},
    {.name = "a star takes what is there",
     .steps = {{GET("/zipped.js"), WITH("Accept-Encoding: *\r\n"),
                FIELDS("Content-Encoding: br")}}},
    {.name = "no Accept-Encoding, no encoding",
     .steps = {{GET("/zipped.js"), FIELDS("!Content-Encoding"),
                IS_FILE("zipped.js")}}},
    {.name = "the tag of an encoded file is another one",
     .steps = {{HEAD("/zipped.js")},
               {GET("/zipped.js"),
                WITH("Accept-Encoding: br\r\nIf-None-Match: {{etag}}\r\n"),
                IS("BROTLI BYTES")}}},

    /* -- listings ------------------------------------------------------------
     */
    {.name = "a listing is HTML with names made safe",
     .steps = {{GET("/bare/"), FIELDS("Content-Type: text/html; charset=utf-8"),
                HAS("b&amp;&lt;c&gt;&quot;.txt"), ALSO("a.txt")}}},
    {.name = "a listing shows nothing hidden",
     .steps = {{GET("/bare/"), LACKS(".secret")}}},
    {.name = "a listing is JSON if asked",
     .steps = {{GET("/bare/"), WITH("Accept: application/json\r\n"),
                FIELDS("Content-Type: application/json"),
                HAS("\"b&<c>\\\".txt\""), ALSO("\"inner\"")}}},
    {.name = "HEAD of a listing",
     .steps = {{HEAD("/bare/"), FIELDS("Content-Length")}}},
};

int suite_run_files_write(void);

int suite_run_files(void)
{
    return cases_run("files", cases, sizeof cases / sizeof *cases, arguments,
                     false) +
           suite_run_files_write();
}
