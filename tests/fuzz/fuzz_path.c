/* fuzz_path.c - libFuzzer harness for the way from a target to a file.
 *
 * input = target. What path_from_target lets through must be plain; what
 * beneath_open opens, in either of its two ways, must lie beneath the root, by
 * the kernel's own word (/proc/self/fd). The tree has a link of every kind
 * that leads out.
 *
 * clang -fsanitize=fuzzer,address,undefined -Icommon tests/fuzz/fuzz_path.c
 *     with the objects of common/ built likewise; run with
 * tests/fuzz/corpus/path. */
#include "check.h"
#include "files/beneath_internal.h"
#include "http/path.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[PATH_MAX];
static int root_fd;

static int remove_entry(const char *path, const struct stat *st, int kind,
                        struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static void remove_tree(void)
{
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_file(const char *name)
{
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT, 0644);
    CHECK(fd >= 0);
    close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    /* name -> where it leads; names of one letter are found soon. */
    static const char *const links[][2] = {
        {"l", "a"},
        {"d/l", "../a"},
        {"d/e/l", "../../d"},
        {"u", ".."},
        {"d/u", "../.."},
        {"s", "/"},
        {"p", "/etc/passwd"},
        {"d/p", "/proc"},
        {"m", "/proc/self/root"},
        {"c", "/proc/self/cwd"},
        {"o", "o"},
        {"x", "d/u"},
        {"y", "d/e/l/u"},
        {"d/e/z", "../../../"},
    };
    (void)argc, (void)argv;
    const char *directory = getenv("TMPDIR");
    char name[256];
    snprintf(name, sizeof name, "%.200s/fivefold-fuzz-XXXXXX",
             directory ? directory : "/tmp");
    CHECK(mkdtemp(name) != NULL && realpath(name, root) != NULL);
    atexit(remove_tree);
    root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(root_fd >= 0);
    CHECK(mkdirat(root_fd, "d", 0755) == 0);
    CHECK(mkdirat(root_fd, "d/e", 0755) == 0);
    make_file("a");
    make_file("d/b");
    make_file("d/e/f");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        CHECK(symlinkat(links[i][1], root_fd, links[i][0]) == 0);
    return 0;
}

static void check_plain(const char *path, size_t length)
{
    CHECK(strlen(path) == length);
    CHECK(path[0] == '/');
    CHECK(strstr(path, "//") == NULL);
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at++;
        size_t segment = strcspn(at, "/");
        CHECK(!(segment == 1 && at[0] == '.'));
        CHECK(!(segment == 2 && at[0] == '.' && at[1] == '.'));
    }
}

static void check_beneath(int fd)
{
    char link[64], target[PATH_MAX];
    size_t length = strlen(root);
    if (fd < 0)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    CHECK(n > 0);
    target[n] = '\0';
    close(fd);
    CHECK(strncmp(target, root, length) == 0);
    CHECK(target[length] == '\0' || target[length] == '/');
}

/* O_PATH: so that nothing is waited for or changed, whatever it is. */
static void check_opened(const char *path)
{
    check_beneath(beneath_open(root_fd, path, O_PATH, 0));
    check_beneath(beneath_open_by_steps(root_fd, path, O_PATH, 0));
    check_beneath(
        beneath_open_by_steps(root_fd, path, O_PATH | O_DIRECTORY, 0));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char out[512];
    /* The first byte says how much room there is. */
    size_t room = size > 0 ? 2 + 2 * (size_t)data[0] : sizeof out;
    struct text raw = {(const char *)data + (size > 0), size - (size > 0)};
    ssize_t length = path_from_target(raw, out, room);
    if (length >= 0) {
        CHECK((size_t)length < room);
        check_plain(out, (size_t)length);
        check_opened(out);
    }
    /* The second guard must hold without the first. */
    if (raw.length < sizeof out) {
        memcpy(out, raw.data, raw.length);
        out[raw.length] = '\0';
        check_opened(out);
    }
    return 0;
}
