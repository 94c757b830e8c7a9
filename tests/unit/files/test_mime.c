/* test_mime.c - types by name. */
#include "files/mime.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct mime_types *types; /* ours alone */

static const struct {
    const char *path, *type;
} rows[] = {
    {"/index.html", "text/html; charset=utf-8"},
    {"/INDEX.HTML", "text/html; charset=utf-8"},
    {"/a.b.css", "text/css; charset=utf-8"},
    {"/a.js", "text/javascript; charset=utf-8"},
    {"/a.json", "application/json"},
    {"/a.svg", "image/svg+xml"},
    {"/a.7z", "application/x-7z-compressed"},        /* the first row */
    {"/a.zst", "application/zstd"},                  /* the last one */
    {"/a.webmanifest", "application/manifest+json"}, /* the longest */
    {"/a.webmanifests", "application/octet-stream"},
    {"/a.woff2", "font/woff2"},
    {"/README", "application/octet-stream"},
    {"/a.", "application/octet-stream"},
    {"/a.unheard", "application/octet-stream"},
    {"/.html", "application/octet-stream"},
    {"/d.html/a", "application/octet-stream"},
    {"/", "application/octet-stream"},
    {"", "application/octet-stream"},
    {"html", "application/octet-stream"},
    {".html", "application/octet-stream"},
    {"/a.h\xC4\xB0", "application/octet-stream"},
};

static void types_go_by_the_last_dot(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text type = mime_type(types, text_of(rows[i].path));
        if (!text_equal(type, text_of(rows[i].type)))
            fail_msg("%s: %.*s", rows[i].path, (int)type.length, type.data);
    }
}

static void every_type_is_found(void **state)
{
    /* A row out of order is a row that the search never reaches. */
    static const char *const names[] = {
#define ROW(extension, type) extension,
#include "files/mime_rows.h"
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[32];
        snprintf(path, sizeof path, "/a.%s", names[i]);
        if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
            fail_msg("%s stands behind %s", names[i], names[i - 1]);
        assert_non_null(mime_type(types, text_of(path)).data);
    }
}

static void has_type(const struct mime_types *of, const char *path,
                     const char *want)
{
    struct text type = mime_type(of, text_of(path));
    if (!text_equal(type, text_of(want)))
        fail_msg("%s: %.*s", path, (int)type.length, type.data);
}

static void the_systems_table_is_behind_ours(void **state)
{
    (void)state;
    char path[] = "/tmp/mime.XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fprintf(file, "# comment a1\n\ntext/x-odd\tOdd odder # odd1\n"
                  "application/x-nothing\nnotype bad1\n"
                  "video/x-wrong html ts2 a.b.c verylongextension16\n"
                  "text/second odd\n");
    fclose(file);
    struct mime_types *read = mime_open(path, "iso-8859-2");
    remove(path);
    assert_non_null(read);
    has_type(read, "/a.odder", "text/x-odd; charset=iso-8859-2");
    has_type(read, "/a.ODDER", "text/x-odd; charset=iso-8859-2");
    has_type(read, "/a.html", "text/html; charset=iso-8859-2");
    has_type(read, "/a.ts2", "video/x-wrong");
    has_type(read, "/a.json", "application/json");
    has_type(read, "/a.bad1", "application/octet-stream");
    has_type(read, "/a.a1", "application/octet-stream");
    has_type(read, "/a.odd1", "application/octet-stream");
    has_type(read, "/a.verylongextension16", "application/octet-stream");
    mime_close(read);
    read = mime_open("/dev/null", "none");
    has_type(read, "/a.html", "text/html");
    mime_close(read);
    assert_null(mime_open("/no/such", "none"));
    assert_null(mime_open("/", "none"));
    assert_int_equal(errno, EISDIR); /* not ENOMEM */
}

static void a_type_can_have_a_coding(void **state)
{
    (void)state;
    has_type(types, "/a.svgz", "image/svg+xml");
    assert_true(text_equal(mime_coding(TEXT("/a.SVGZ")), TEXT("gzip")));
    assert_int_equal(mime_coding(TEXT("/a.svg")).length, 0);
    assert_int_equal(mime_coding(TEXT("/a.gz")).length, 0);
}

static int open_types(void **state)
{
    (void)state;
    types = mime_open("/dev/null", "utf-8");
    return types != NULL ? 0 : -1;
}

static int close_types(void **state)
{
    (void)state;
    mime_close(types);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_go_by_the_last_dot),
        cmocka_unit_test(every_type_is_found),
        cmocka_unit_test(the_systems_table_is_behind_ours),
        cmocka_unit_test(a_type_can_have_a_coding),
    };
    return cmocka_run_group_tests(tests, open_types, close_types);
}
