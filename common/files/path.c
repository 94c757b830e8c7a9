/* path.c - see path.h.
 *
 * target -> path_from_target (one pass: decode, merge, refuse) -> path
 * -> path_open -> openat2(RESOLVE_BENEATH) -> descriptor
 *                 \-> open_by_steps where there is no openat2
 *
 * Two guards stand behind each other. The first refuses what no honest client
 * sends; the second is the kernel, which resolves in one go, so that nobody
 * can move a directory between our check and our use. */
#include "files/path_internal.h"

#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel gives up with EAGAIN when a rename happened while it followed a
 * "..": it cannot know any more whether it is still beneath the root. */
enum { OPEN_TRIES = 8 };

/* Takes one character of raw at *at, decoded. Returns it (0-255), or -1 when
 * it must not stand in a path. An encoded slash is refused because it would
 * turn into a separator that rules and logs have not seen. */
static int next_decoded(struct text raw, size_t *at)
{
    char c = raw.data[(*at)++];
    if (c == '\0')
        return -1;
    if (c != '%')
        return (unsigned char)c;
    if (raw.length - *at < 2)
        return -1;
    int high = text_hex_value(raw.data[*at]);
    int low = text_hex_value(raw.data[*at + 1]);
    *at += 2;
    int value = high * 16 + low;
    return high < 0 || low < 0 || value == 0 || value == '/' ? -1 : value;
}

/* Ends the segment that starts behind the slash at out[start - 1]: drops it if
 * it is ".", refuses "..". Returns the new length or -1. It sees decoded
 * bytes, so "%2e%2E" is ".." here. */
static ssize_t end_segment(const char *out, size_t start, size_t length)
{
    size_t bytes = length - start;
    if (bytes == 1 && out[start] == '.')
        return (ssize_t)start;
    if (bytes == 2 && out[start] == '.' && out[start + 1] == '.')
        return -1;
    return (ssize_t)length;
}

ssize_t path_from_target(struct text raw, char *out, size_t size)
{
    size_t length = 0, start = 0; /* start: of the segment, behind its slash */
    if (size < 2) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (raw.length > 0 && raw.data[0] != '/')
        goto invalid;
    out[length++] = '/';
    start = 1;
    for (size_t at = 1; at < raw.length;) {
        bool slash = raw.data[at] == '/';
        int c = next_decoded(raw, &at);
        if (c < 0)
            goto invalid;
        if (slash) {
            ssize_t kept = end_segment(out, start, length);
            if (kept < 0)
                goto invalid;
            length = (size_t)kept;
            if (out[length - 1] == '/') /* "//", or a "." that went away */
                continue;
        }
        if (length + 1 >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        out[length++] = (char)c;
        if (slash)
            start = length;
    }
    ssize_t kept = end_segment(out, start, length);
    if (kept < 0)
        goto invalid;
    out[kept] = '\0';
    return kept;
invalid:
    errno = EINVAL;
    return -1;
}

/* The last step. A link that is opened with O_PATH | O_NOFOLLOW gives a
 * descriptor of the link itself, which nobody here has asked for. */
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

/* Opens the directory that name (length bytes) is in `from`. */
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
    /* With O_DIRECTORY a link is ENOTDIR, not the link itself. */
    return open_last(from, component, O_PATH | O_DIRECTORY, 0);
}

int path_open_by_steps(int root_fd, const char *path, int flags, mode_t mode)
{
    int directory = root_fd;
    for (;;) {
        int fd = -1;
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';
        if (last && length == 0) {
            /* The root itself, or a slash behind a directory's name. */
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

/* The kernel does not change under us: asked once, never again. */
static atomic_bool lacks_openat2;

/* EINVAL: a kernel before 5.12, which does not know the flag. */
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

int path_open(int root_fd, const char *path, int flags, mode_t mode)
{
    bool at_once = (flags & PATH_AT_ONCE) != 0;
    struct open_how how = {
        .flags = (unsigned)((flags & ~PATH_AT_ONCE) | O_CLOEXEC),
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
            return path_open_by_steps(root_fd, path, flags, mode);
        long fd = syscall(SYS_openat2, root_fd, beneath, &how, sizeof how);
        stats_add(STAT_sys_open, 1);
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS)
            atomic_store(&lacks_openat2, true);
        else if (errno ==
                 EPERM) /* a container's filter that has not heard of
                           the call, or truly forbidden: then here too */
            return path_open_by_steps(root_fd, path, flags, mode);
        else if (errno != EAGAIN && errno != EINTR)
            return -1;
    }
    return -1;
}
