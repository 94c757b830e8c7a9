/* beneath.c - see beneath.h.
 *
 * path -> beneath_open -> openat2(RESOLVE_BENEATH) -> descriptor
 *                     \-> beneath_open_by_steps where there is no openat2
 *
 * Paths that no honest client sends have been refused before (http/path.h).
 * Here the kernel resolves the path in one call, so that nobody can move a
 * directory between our check and our use. */
#include "files/beneath_internal.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel fails with EAGAIN if a rename happens while it follows a "..": it
 * no longer knows whether it is still beneath the root. Then we try again. */
enum { OPEN_TRIES = 8 };

/* Opens the last component. For a link, O_PATH | O_NOFOLLOW opens the link
 * itself, which no caller wants: that becomes ELOOP. */
static int open_last(int directory, const char *name, int flags, mode_t mode)
{
    int fd = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    stats_add(STAT_sys_open, 1);
    struct stat st;
    if (fd < 0 || !(flags & O_PATH))
        return fd;
    if (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode))
        return fd;
    close(fd);
    errno = ELOOP;
    return -1;
}

/* Opens the directory called name (length bytes) in the directory `from`. */
static int open_step(int from, const char *name, size_t length)
{
    char component[NAME_MAX + 1];
    if (length > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (length == 2 && memcmp(name, "..", 2) == 0) {
        errno = EXDEV;
        return -1;
    }
    memcpy(component, name, length);
    component[length] = '\0';
    /* With O_DIRECTORY, a link fails with ENOTDIR instead of being opened. */
    return open_last(from, component, O_PATH | O_DIRECTORY, 0);
}

int beneath_open_by_steps(int root_fd, const char *path, int flags, mode_t mode)
{
    int directory = root_fd;
    for (;;) {
        int fd = -1;
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';
        if (last && length == 0) {
            /* The root itself, or a slash after a directory's name. */
            fd = open_last(directory, ".", flags, mode);
        } else if (last && strcmp(path, "..") == 0) {
            errno = EXDEV;
        } else if (last) {
            fd = open_last(directory, path, flags, mode);
        } else {
            fd = open_step(directory, path, length);
        }
        int error = errno;
        if (directory != root_fd)
            close(directory);
        errno = error;
        if (last || fd < 0)
            return fd;
        directory = fd;
        path += length;
    }
}

/* The kernel does not change while we run, so it is asked only once. */
static atomic_bool lacks_openat2;

/* Opens without waiting for the disk. Every error except ENOENT and ENOTDIR
 * becomes EAGAIN, also the EINVAL of a kernel before 5.12, which does not know
 * the flag. */
static int open_at_once(int root_fd, const char *beneath, struct open_how *how)
{
    how->resolve |= RESOLVE_CACHED;
    if (atomic_load_explicit(&lacks_openat2, memory_order_relaxed)) {
        errno = EAGAIN;
        return -1;
    }
    long fd = syscall(SYS_openat2, root_fd, beneath, how, sizeof *how);
    stats_add(STAT_sys_open, 1);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        errno = EAGAIN;
    return (int)fd;
}

int beneath_open(int root_fd, const char *path, int flags, mode_t mode)
{
    bool at_once = (flags & BENEATH_AT_ONCE) != 0;
    struct open_how how = {
        .flags = (unsigned)((flags & ~BENEATH_AT_ONCE) | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    const char *beneath = path + strspn(path, "/");
    if (*beneath == '\0')
        beneath = ".";
    if (at_once)
        return open_at_once(root_fd, beneath, &how);
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        if (atomic_load_explicit(&lacks_openat2, memory_order_relaxed))
            return beneath_open_by_steps(root_fd, path, flags, mode);
        long fd = syscall(SYS_openat2, root_fd, beneath, &how, sizeof how);
        stats_add(STAT_sys_open, 1);
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS)
            atomic_store(&lacks_openat2, true);
        else if (errno == EPERM) /* a container's filter does not know the call,
                                    and the steps will work; or the file is
                                    truly forbidden, and they fail too */
            return beneath_open_by_steps(root_fd, path, flags, mode);
        else if (errno != EAGAIN && errno != EINTR)
            return -1;
    }
    return -1;
}
