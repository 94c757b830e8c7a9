/* Whose path it is, and what is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mount.h"
#include "core/server.h"

#include <stdlib.h>
#include <string.h>

#define MOUNT(text)                                                            \
    {                                                                          \
        .prefix = (text), .prefix_length = sizeof(text) - 1                    \
    }

/* The longest first, as mounts_open leaves them. */
static struct mount mounts[] = {MOUNT("/docs/old/"), MOUNT("/docs/"),
                                MOUNT("/db/"), MOUNT("/")};

static const struct {
    const char *path, *prefix, *beneath;
} rows[] = {
    {"/", "/", "/"},
    {"/a", "/", "/a"},
    {"/d", "/", "/d"},
    {"/db", "/db/", "/"},
    {"/db/", "/db/", "/"},
    {"/db/x", "/db/", "/x"},
    {"/dbx", "/", "/dbx"},
    {"/docs", "/docs/", "/"},
    {"/docs/", "/docs/", "/"},
    {"/docs/a/b", "/docs/", "/a/b"},
    {"/docs.", "/", "/docs."},
    {"/docsx/", "/", "/docsx/"},
    {"/docs/old", "/docs/old/", "/"},
    {"/docs/ol", "/docs/", "/ol"},
    {"/docs/older", "/docs/", "/older"},
    {"/docs/old/a", "/docs/old/", "/a"},
    {"/Docs/a", "/", "/Docs/a"},
};

/* A path went to a mount whose prefix is only the start of a name, or to the
 * shorter of two prefixes, past the rules of the longer. */
static void each_path_is_of_the_longest_prefix(void **state)
{
    (void)state;
    struct server server = {.mounts = mounts,
                            .mount_count = sizeof mounts / sizeof mounts[0]};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* In memory of its very size, for the sanitizers. */
        char *path = strdup(rows[i].path);
        struct text text = {path, strlen(path)};
        const struct mount *mount = mount_find(&server, text);
        assert_non_null(mount);
        assert_string_equal(mount->prefix, rows[i].prefix);
        assert_string_equal(mount_beneath(mount, text), rows[i].beneath);
        free(path);
    }
}

static void without_a_mount_at_the_top_a_path_may_be_nobodys(void **state)
{
    (void)state;
    struct server server = {.mounts = mounts, .mount_count = 3};
    assert_null(mount_find(&server, TEXT("/a")));
    assert_null(mount_find(&server, TEXT("/")));
    assert_null(mount_find(&(struct server){0}, TEXT("/")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_of_the_longest_prefix),
        cmocka_unit_test(without_a_mount_at_the_top_a_path_may_be_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
