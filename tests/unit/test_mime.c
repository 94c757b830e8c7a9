/* test_mime.c - types by name. */
#include "mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

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
        struct text type = mime_type(text_of(rows[i].path));
        if (!text_equal(type, text_of(rows[i].type)))
            fail_msg("%s: %.*s", rows[i].path, (int)type.length, type.data);
    }
}

static void every_type_is_found(void **state)
{
    /* A row out of order is a row that the search never reaches. */
    static const char *const names[] = {
#define ROW(extension, type) extension,
#include "mime_rows.h"
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[32];
        snprintf(path, sizeof path, "/a.%s", names[i]);
        if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
            fail_msg("%s stands behind %s", names[i], names[i - 1]);
        assert_non_null(mime_type(text_of(path)).data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_go_by_the_last_dot),
        cmocka_unit_test(every_type_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
