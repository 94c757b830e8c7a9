/* test_path.c - from a target to a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/path.h"

#include <errno.h>
#include <string.h>

struct target_row {
    struct text raw;
    const char *path; /* NULL: EINVAL */
};

static const struct target_row targets[] = {
    {TEXT("/"), "/"},
    {TEXT(""), "/"},
    {TEXT("/a"), "/a"},
    {TEXT("/a/"), "/a/"},
    {TEXT("/a/b.c"), "/a/b.c"},
    {TEXT("//"), "/"},
    {TEXT("//a"), "/a"},
    {TEXT("///a///b///"), "/a/b/"},
    {TEXT("/."), "/"},
    {TEXT("/./"), "/"},
    {TEXT("/a/."), "/a/"},
    {TEXT("/a/./b"), "/a/b"},
    {TEXT("/././/./a"), "/a"},
    {TEXT("/%2e/a"), "/a"},
    {TEXT("/a%2Fb"), NULL},
    {TEXT("/a%2fb"), NULL},
    {TEXT("/a%5Cb"), "/a\\b"},
    {TEXT("/.a"), "/.a"},
    {TEXT("/a."), "/a."},
    {TEXT("/..."), "/..."},
    {TEXT("/a..b"), "/a..b"},
    {TEXT("/..a"), "/..a"},
    {TEXT("/a.."), "/a.."},
    {TEXT("/.."), NULL},
    {TEXT("/../"), NULL},
    {TEXT("/../etc/passwd"), NULL},
    {TEXT("/a/.."), NULL},
    {TEXT("/a/../b"), NULL},
    {TEXT("/a/%2e%2e/b"), NULL},
    {TEXT("/%2E."), NULL},
    {TEXT("/.%2e/"), NULL},
    {TEXT("//..//"), NULL},
    {TEXT("/./.."), NULL},
    {TEXT("/%252e%252e/a"), "/%2e%2e/a"},
    {TEXT("/%25"), "/%"},
    {TEXT("/%252F"), "/%2F"},
    {TEXT("/%20%41%7a"), "/ Az"},
    {TEXT("/a+b"), "/a+b"},
    {TEXT("/%C3%A4"), "/\xC3\xA4"},
    {TEXT("/%ff"), "/\xff"},
    {TEXT("/%00"), NULL},
    {TEXT("/a%00.html"), NULL},
    {TEXT("/a\0b"), NULL},
    {TEXT("/%"), NULL},
    {TEXT("/%4"), NULL},
    {TEXT("/%4g"), NULL},
    {TEXT("/%g4"), NULL},
    {TEXT("/%%41"), NULL},
    {TEXT("/% 4"), NULL},
    {TEXT("/%+4"), NULL},
    {TEXT("/%-1"), NULL},
    {TEXT("a"), NULL},
    {TEXT("*"), NULL},
    {TEXT("%2F"), NULL},
    {TEXT("../a"), NULL},
};

static void targets_are_decoded_once_and_merged(void **state)
{
    /* Pitfall 13: ".." in all its spellings; and "%252e", which a server that
     * decodes twice would follow. */
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const struct target_row *row = &targets[i];
        char out[64] = "untouched";
        errno = 0;
        ssize_t n = path_from_target(row->raw, out, sizeof out);
        if (row->path == NULL) {
            if (n != -1 || errno != EINVAL)
                fail_msg("row %zu: %s gave %s", i, row->raw.data, out);
            continue;
        }
        assert_int_equal(n, strlen(row->path));
        assert_string_equal(out, row->path);
    }
}

static void path_that_just_fits_is_taken_and_one_more_is_not(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(path_from_target(TEXT("/123456"), out, 8), 7);
    assert_string_equal(out, "/123456");
    assert_int_equal(path_from_target(TEXT("/1234567"), out, 8), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    /* What goes away again takes no room. */
    assert_int_equal(path_from_target(TEXT("/%31///./2/./////3"), out, 8), 6);
    assert_int_equal(path_from_target(TEXT("/"), out, 2), 1);
    assert_int_equal(path_from_target(TEXT("/"), out, 1), -1);
}

static void alias_is_only_what_is_beneath_dev(void **state)
{
    /* Bug: "/develop/" or the directory "/dev" is taken for a database. */
    (void)state;
    assert_true(path_is_alias("/dev/"));
    assert_true(path_is_alias("/dev/a/b"));
    assert_false(path_is_alias("/dev"));
    assert_false(path_is_alias("/develop/"));
    assert_false(path_is_alias("/a/dev/"));
    char path[] = "/dev/sample/x";
    assert_int_equal(path_resolve_alias(path, strlen(path)), 12);
    assert_string_equal(path, "/db/sample/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_decoded_once_and_merged),
        cmocka_unit_test(path_that_just_fits_is_taken_and_one_more_is_not),
        cmocka_unit_test(alias_is_only_what_is_beneath_dev),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
