/* test_beneath.c - from a path to a file, and never out of the root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files/beneath_internal.h"

#include "tests/unit/files_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

/* Opens each path both ways; expects errno, or 0 and the content. */
static void expect_open(struct fixture *f, const char *path, int error,
                        int error_by_steps, const char *content)
{
    int (*const ways[])(int, const char *, int,
                        mode_t) = {beneath_open, beneath_open_by_steps};
    for (size_t i = 0; i < 2; i++) {
        int expected = i == 0 ? error : error_by_steps;
        char bytes[64] = "";
        int fd = ways[i](f->root_fd, path, O_RDONLY, 0);
        int got = fd < 0 ? errno : 0;
        /* Without openat2 both ways are the second. */
        if (got != expected && !(i == 0 && got == error_by_steps))
            fail_msg("%s, way %zu: errno %d", path, i, got);
        if (fd < 0)
            continue;
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        if (content != NULL) {
            assert_true(read(fd, bytes, sizeof bytes - 1) >= 0);
            assert_string_equal(bytes, content);
        }
        close(fd);
    }
}

static void nothing_outside_the_root_is_opened(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/e");
    write_file(f, "a", "A");
    write_file(f, "d/e/b", "B");
    assert_int_equal(symlinkat("../a", f->root_fd, "d/in"), 0);
    assert_int_equal(symlinkat("d/e", f->root_fd, "short"), 0);
    assert_int_equal(symlinkat("../../..", f->root_fd, "d/up"), 0);
    assert_int_equal(symlinkat("/", f->root_fd, "top"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->root_fd, "passwd"), 0);
    assert_int_equal(symlinkat("/proc/self/root", f->root_fd, "magic"), 0);
    assert_int_equal(symlinkat("loop", f->root_fd, "loop"), 0);
    expect_open(f, "/a", 0, 0, "A");
    expect_open(f, "/d/e/b", 0, 0, "B");
    expect_open(f, "/", 0, 0, NULL);
    expect_open(f, "/d/", 0, 0, NULL);
    expect_open(f, "/d/in", 0, ELOOP, "A");
    expect_open(f, "/short/b", 0, ENOTDIR, "B");
    expect_open(f, "/d/up", EXDEV, ELOOP, NULL);
    expect_open(f, "/d/up/etc/passwd", EXDEV, ENOTDIR, NULL);
    expect_open(f, "/top", EXDEV, ELOOP, NULL);
    expect_open(f, "/top/etc/passwd", EXDEV, ENOTDIR, NULL);
    expect_open(f, "/passwd", EXDEV, ELOOP, NULL);
    expect_open(f, "/magic/etc/passwd", EXDEV, ENOTDIR, NULL);
    expect_open(f, "/loop", ELOOP, ELOOP, NULL);
    expect_open(f, "/..", EXDEV, EXDEV, NULL);
    expect_open(f, "/../etc/passwd", EXDEV, EXDEV, NULL);
    expect_open(f, "/d/..", 0, EXDEV, NULL);
    expect_open(f, "/d/../..", EXDEV, EXDEV, NULL);
    expect_open(f, "/./..", EXDEV, EXDEV, NULL);
    expect_open(f, "/nothing", ENOENT, ENOENT, NULL);
    expect_open(f, "/a/b", ENOTDIR, ENOTDIR, NULL);
    expect_open(f, "/a/", ENOTDIR, ENOTDIR, NULL);
}

struct swapper {
    int root_fd;
    atomic_bool done;
};

/* Makes "d" a directory and a link to /etc by turns. */
static void *swap_until_done(void *argument)
{
    struct swapper *swapper = argument;
    while (!atomic_load(&swapper->done))
        renameat2(swapper->root_fd, "d", swapper->root_fd, "l",
                  RENAME_EXCHANGE);
    return NULL;
}

static void tree_that_changes_meanwhile_leads_nowhere(void **state)
{
    /* Who checks the path first and opens it then is led astray between. */
    struct fixture *f = *state;
    struct swapper swapper = {.root_fd = f->root_fd};
    pthread_t thread;
    int opened = 0;
    make_directory(f, "d");
    assert_int_equal(symlinkat("/etc", f->root_fd, "l"), 0);
    atomic_init(&swapper.done, false);
    assert_int_equal(pthread_create(&thread, NULL, swap_until_done, &swapper),
                     0);
    for (int i = 0; i < 5000; i++) {
        int fd = beneath_open(f->root_fd, "/d/passwd", O_RDONLY, 0);
        int other = beneath_open_by_steps(f->root_fd, "/d/passwd", O_RDONLY, 0);
        opened += (fd >= 0) + (other >= 0);
    }
    atomic_store(&swapper.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(opened, 0);
}

static void long_names_are_refused_by_the_steps_too(void **state)
{
    struct fixture *f = *state;
    char path[600] = "/";
    memset(path + 1, 'n', 256);
    expect_open(f, path, ENAMETOOLONG, ENAMETOOLONG, NULL);
    strcpy(path + 257, "/a");
    expect_open(f, path, ENAMETOOLONG, ENAMETOOLONG, NULL);
}

static void steps_give_no_descriptor_of_a_link(void **state)
{
    /* O_PATH | O_NOFOLLOW opens the link itself. */
    struct fixture *f = *state;
    assert_int_equal(symlinkat("/etc", f->root_fd, "l"), 0);
    assert_int_equal(beneath_open_by_steps(f->root_fd, "/l", O_PATH, 0), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(
        beneath_open_by_steps(f->root_fd, "/l", O_PATH | O_DIRECTORY, 0), -1);
}

/* Never ENOENT for a file that is there, whatever errno was before: that would
 * be a 404. Where the kernel cannot tell without waiting it is EAGAIN. */
static void at_once_is_the_file_or_try_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        errno = ENOENT;
        int fd =
            beneath_open(f->root_fd, "/at-once", O_RDONLY | BENEATH_AT_ONCE, 0);
        if (fd >= 0)
            close(fd);
        else if (i > 0) /* by then the file is there */
            assert_int_equal(errno, EAGAIN);
        /* The other way finds out, if nothing has, that there is no openat2. */
        fd = beneath_open(f->root_fd, "/at-once", O_RDWR | O_CREAT, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
}

static void new_file_gets_its_mode(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    mode_t mask = umask(0);
    int fd =
        beneath_open(f->root_fd, "/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
    umask(mask);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    close(fd);
    assert_int_equal(
        beneath_open(f->root_fd, "/new", O_WRONLY | O_CREAT | O_EXCL, 0640),
        -1);
    assert_int_equal(errno, EEXIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_outside_the_root_is_opened),
        TEST(tree_that_changes_meanwhile_leads_nowhere),
        TEST(long_names_are_refused_by_the_steps_too),
        TEST(steps_give_no_descriptor_of_a_link),
        TEST(at_once_is_the_file_or_try_again),
        TEST(new_file_gets_its_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
