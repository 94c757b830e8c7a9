/* faults.c - a library that stands between the server and the C library
 * (LD_PRELOAD) and makes chosen calls fail; and that records, in order, what
 * was written, what was synced and what was answered.
 *
 * server, SQLite -> pwrite, fsync, rename, sendmsg ... here -> libc
 *
 * SQLite calls libc through a table of its own, by these names, so it is
 * reached as well. faults.h has the rule and the form of the log. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024 };
#define NOWHERE UINT64_MAX

static struct faults *shared; /* NULL: nobody asked for us */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
/* Bytes sent to the client of a descriptor. One thread at a time sends on it.
 */
static struct {
    uint64_t port, sent;
} sockets[DESCRIPTORS_MAX];

/* The next definition of a function: libc's. */
#define REAL(name)                                                             \
    static __typeof__(&name) real;                                             \
    if (!real)                                                                 \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void faults_open(void)
{
    const char *number = getenv("FAULTS");
    if (!number)
        return;
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED, atoi(number), 0);
    if (memory == MAP_FAILED) {
        perror("faults.so");
        _exit(126);
    }
    shared = memory;
    close(atoi(number));
}

/* ---- which file ---- */

static bool begins_with(const char *path, const char *directory)
{
    size_t n = strlen(directory);
    return n > 0 && strncmp(path, directory, n) == 0 &&
           (path[n] == '/' || path[n] == '\0');
}

static unsigned target_of_database(const char *path)
{
    static const struct {
        const char *end;
        unsigned target;
    } ends[] = {{".db", TARGET_DATABASE},
                {".db-wal", TARGET_WAL},
                {".db-shm", TARGET_SHM},
                {".db-journal", TARGET_JOURNAL}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i].end);
        if (length > n && strcmp(path + length - n, ends[i].end) == 0)
            return ends[i].target;
    }
    return 0;
}

/* What the descriptor is to us; 0: nothing. Sets *inode. */
static unsigned target_of(int fd, uint64_t *inode)
{
    struct stat st;
    char link[64], path[FAULT_PATH_BYTES];
    if (!shared || fstat(fd, &st) != 0 ||
        !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return 0;
    *inode = st.st_ino;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    bool data = begins_with(path, shared->databases);
    if (!data && !begins_with(path, shared->root))
        return 0;
    if (S_ISDIR(st.st_mode))
        return data ? TARGET_DATABASES : TARGET_DIRECTORY;
    return data ? target_of_database(path) : TARGET_UPLOAD;
}

/* ---- the rule ---- */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

enum effect { EFFECT_NONE, EFFECT_FAIL, EFFECT_HALF, EFFECT_DIE };

/* Decides on one call; sets errno if it is to fail. */
static enum effect judge(unsigned target, unsigned call)
{
    if (target == 0 || !atomic_load(&shared->on))
        return EFFECT_NONE;
    const struct fault_rule *rule = &shared->rule;
    if (!(rule->targets & target) || !(rule->calls & call))
        return EFFECT_NONE;
    unsigned number = atomic_fetch_add(&shared->passed, 1);
    if (number < rule->skip)
        return EFFECT_NONE;
    if (rule->chance && mix(shared->seed + number) % 1000 >= rule->chance)
        return EFFECT_NONE;
    unsigned hit = atomic_fetch_add(&shared->hits, 1);
    if (rule->kind == FAULT_ONCE && hit > 0)
        return EFFECT_NONE;
    errno = rule->error;
    switch (rule->kind) {
    case FAULT_SHORT:
        return EFFECT_HALF;
    case FAULT_TORN:
        return hit % 2 == 0 ? EFFECT_HALF : EFFECT_FAIL;
    case FAULT_DIE:
        return EFFECT_DIE;
    case FAULT_ERROR:
    case FAULT_ONCE:
        break;
    }
    return EFFECT_FAIL;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* For calls that are done or not. True if it has failed. */
static bool fails(unsigned target, unsigned call)
{
    switch (judge(target, call)) {
    case EFFECT_FAIL:
        return true;
    case EFFECT_DIE:
        die();
        return true;
    case EFFECT_HALF:
    case EFFECT_NONE:
        break;
    }
    return false;
}

/* ---- the log ---- */

/* Appends an entry and says where it is: NOWHERE if it is not recorded. */
static uint64_t record(struct log_entry *entry, const void *data)
{
    if (!atomic_load(&shared->recording))
        return NOWHERE;
    uint64_t size = (sizeof *entry + entry->length + 7) / 8 * 8;
    entry->size = (uint32_t)size;
    pthread_mutex_lock(&log_lock);
    uint64_t place = atomic_load(&shared->used);
    if (place + size > FAULT_LOG_BYTES) {
        atomic_store(&shared->full, true);
        pthread_mutex_unlock(&log_lock);
        return NOWHERE;
    }
    memcpy(shared->log + place, entry, sizeof *entry);
    if (data)
        memcpy(shared->log + place + sizeof *entry, data, entry->length);
    atomic_store(&shared->used, place + size);
    pthread_mutex_unlock(&log_lock);
    return place;
}

static uint64_t inode_of(int directory_fd)
{
    struct stat st;
    return fstat(directory_fd, &st) == 0 ? st.st_ino : 0;
}

/* A file was opened that may be new: empty, or without a name. */
static void record_open(int fd, int directory_fd, const char *path, int flags)
{
    uint64_t inode;
    struct stat st, parent;
    char directory[FAULT_PATH_BYTES];
    int error = errno;
    if (fd < 0 || !(flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) ||
        target_of(fd, &inode) == 0 || fstat(fd, &st) != 0 || st.st_size > 0) {
        errno = error;
        return;
    }
    const char *name = "", *slash = strrchr(path, '/');
    uint64_t parent_inode = inode_of(directory_fd);
    if (flags & O_CREAT)
        name = slash ? slash + 1 : path;
    if (slash) {
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path),
                 path);
        if (fstatat(directory_fd, directory, &parent, 0) == 0)
            parent_inode = parent.st_ino;
    }
    record(&(struct log_entry){.kind = LOG_CREATE,
                               .file = inode,
                               .at = parent_inode,
                               .length = strlen(name)},
           name);
    errno = error;
}

/* ---- what is interposed ---- */

static ssize_t finish_write(uint64_t inode, unsigned target, off_t offset,
                            const void *data, ssize_t n)
{
    if (n > 0 && target && target != TARGET_SHM)
        record(&(struct log_entry){.kind = LOG_WRITE,
                                   .file = inode,
                                   .at = (uint64_t)offset,
                                   .length = (uint64_t)n},
               data);
    return n;
}

/* How many of n bytes to write, -1: fail. */
static ssize_t judge_write(unsigned target, size_t n, bool *dies)
{
    enum effect effect = judge(target, CALL_WRITE);
    *dies = effect == EFFECT_DIE;
    if (effect == EFFECT_FAIL)
        return -1;
    return (ssize_t)(effect == EFFECT_NONE || n < 2 ? n : n / 2);
}

static ssize_t write_at(int fd, const void *data, size_t n, off_t offset)
{
    REAL(pwrite64);
    uint64_t inode = 0;
    bool dies;
    unsigned target = target_of(fd, &inode);
    ssize_t some = judge_write(target, n, &dies);
    if (some < 0)
        return -1;
    ssize_t done = real(fd, data, (size_t)some, offset);
    if (dies)
        die();
    return finish_write(inode, target, offset, data, done);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
    return write_at(fd, data, n, offset);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
    return write_at(fd, data, n, offset);
}

ssize_t write(int fd, const void *data, size_t n)
{
    REAL(write);
    uint64_t inode = 0;
    bool dies;
    unsigned target = target_of(fd, &inode);
    if (target == 0)
        return real(fd, data, n);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t some = judge_write(target, n, &dies);
    if (some < 0)
        return -1;
    ssize_t done = real(fd, data, (size_t)some);
    if (dies)
        die();
    return finish_write(inode, target, offset, data, done);
}

static int sync_by(int (*real)(int), int fd)
{
    uint64_t inode = 0;
    unsigned target = target_of(fd, &inode);
    if (target == 0)
        return real(fd);
    uint64_t start = record(
        &(struct log_entry){.kind = LOG_SYNC_START, .file = inode}, NULL);
    int result = fails(target, CALL_SYNC) ? -1 : real(fd);
    int error = errno;
    record(&(struct log_entry){.kind = result == 0 ? LOG_SYNC_DONE
                                                   : LOG_SYNC_FAILED,
                               .file = inode,
                               .at = start},
           NULL);
    errno = error;
    return result;
}

int fsync(int fd)
{
    REAL(fsync);
    return sync_by(real, fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return sync_by(real, fd);
}

static int truncate_by(int (*real)(int, off64_t), int fd, off64_t length)
{
    uint64_t inode = 0;
    unsigned target = target_of(fd, &inode);
    if (fails(target, CALL_TRUNCATE))
        return -1;
    int result = real(fd, length);
    if (result == 0 && target && target != TARGET_SHM)
        record(&(struct log_entry){.kind = LOG_TRUNCATE,
                                   .file = inode,
                                   .at = (uint64_t)length},
               NULL);
    return result;
}

int ftruncate64(int fd, off64_t length)
{
    REAL(ftruncate64);
    return truncate_by(real, fd, length);
}

int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    return truncate_by(real, fd, length);
}

/* The third argument of open, if it has one. */
#define MODE_OF(flags, mode)                                                   \
    mode_t mode = 0;                                                           \
    if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) {                 \
        va_list arguments;                                                     \
        va_start(arguments, flags);                                            \
        mode = va_arg(arguments, mode_t);                                      \
        va_end(arguments);                                                     \
    }

#define INTERPOSE_OPEN(name)                                                   \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        REAL(name);                                                            \
        MODE_OF(flags, mode)                                                   \
        int fd = real(path, flags, mode);                                      \
        record_open(fd, AT_FDCWD, path, flags);                                \
        return fd;                                                             \
    }

#define INTERPOSE_OPENAT(name)                                                 \
    int name(int directory_fd, const char *path, int flags, ...)               \
    {                                                                          \
        REAL(name);                                                            \
        MODE_OF(flags, mode)                                                   \
        int fd = real(directory_fd, path, flags, mode);                        \
        record_open(fd, directory_fd, path, flags);                            \
        return fd;                                                             \
    }

INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)
INTERPOSE_OPENAT(openat)
INTERPOSE_OPENAT(openat64)

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    REAL(linkat);
    uint64_t directory;
    struct stat st;
    unsigned target = target_of(to_fd, &directory);
    if (fails(target, CALL_LINK))
        return -1;
    int result = real(from_fd, from, to_fd, to, flags);
    if (result == 0 && target && fstatat(to_fd, to, &st, 0) == 0)
        record(&(struct log_entry){.kind = LOG_LINK,
                                   .file = directory,
                                   .at = st.st_ino,
                                   .length = strlen(to)},
               to);
    return result;
}

static void record_rename(uint64_t directory, const char *from, const char *to)
{
    char names[2 * FAULT_PATH_BYTES];
    int n = snprintf(names, sizeof names, "%s%c%s", from, '\0', to);
    record(&(struct log_entry){.kind = LOG_RENAME,
                               .file = directory,
                               .length = (uint64_t)n},
           names);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    REAL(renameat);
    uint64_t directory;
    unsigned target = target_of(to_fd, &directory);
    if (fails(target, CALL_RENAME))
        return -1;
    int result = real(from_fd, from, to_fd, to);
    if (result == 0 && target)
        record_rename(directory, from, to);
    return result;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to,
              unsigned flags)
{
    REAL(renameat2);
    uint64_t directory;
    unsigned target = target_of(to_fd, &directory);
    if (fails(target, CALL_RENAME))
        return -1;
    int result = real(from_fd, from, to_fd, to, flags);
    if (result == 0 && target)
        record_rename(directory, from, to);
    return result;
}

int unlink(const char *path)
{
    REAL(unlink);
    struct stat st;
    const char *slash = strrchr(path, '/');
    char directory[FAULT_PATH_BYTES], named[PATH_MAX];
    int result = real(path);
    if (result != 0 || !shared || !slash)
        return result;
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    /* Databases are opened by /proc/self/fd/N/NAME.db. */
    if (realpath(directory, named) && begins_with(named, shared->databases) &&
        stat(directory, &st) == 0)
        record(&(struct log_entry){.kind = LOG_UNLINK,
                                   .file = st.st_ino,
                                   .length = strlen(slash + 1)},
               slash + 1);
    return result;
}

int unlinkat(int directory_fd, const char *name, int flags)
{
    REAL(unlinkat);
    uint64_t directory;
    int result = real(directory_fd, name, flags);
    int error = errno;
    if (result == 0 && target_of(directory_fd, &directory))
        record(&(struct log_entry){.kind = LOG_UNLINK,
                                   .file = directory,
                                   .length = strlen(name)},
               name);
    errno = error;
    return result;
}

/* ---- memory ---- */

/* What glibc calls its own: dlsym would need memory itself. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *data, size_t n);

static bool memory_fails(void)
{
    return shared && fails(TARGET_MEMORY, CALL_MEMORY);
}

void *malloc(size_t n)
{
    return memory_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    return memory_fails() ? NULL : __libc_calloc(count, n);
}

void *realloc(void *data, size_t n)
{
    return memory_fails() ? NULL : __libc_realloc(data, n);
}

/* ---- answers ---- */

static struct log_entry *sent_at(uint64_t place)
{
    return (void *)(shared->log + place);
}

/* Which client's; starts its count anew if the descriptor is another's. */
static bool socket_find(int fd)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    if (!shared || !atomic_load(&shared->recording) || fd < 0 ||
        fd >= DESCRIPTORS_MAX ||
        getpeername(fd, (struct sockaddr *)&peer, &size) != 0 ||
        peer.sin_family != AF_INET)
        return false;
    uint64_t port = ntohs(peer.sin_port);
    if (sockets[fd].port != port)
        sockets[fd].sent = 0;
    sockets[fd].port = port;
    return true;
}

/* Stands in the log before the client can have anything of it. How much that is
 * will be known afterwards; until then, and should we be killed, all of it. */
static uint64_t send_start(int fd, size_t n)
{
    if (!socket_find(fd))
        return NOWHERE;
    uint64_t place = record(
        &(struct log_entry){.kind = LOG_SEND, .at = sockets[fd].port}, NULL);
    if (place != NOWHERE)
        sent_at(place)->length = sockets[fd].sent + n;
    return place;
}

static ssize_t send_done(int fd, uint64_t place, ssize_t n)
{
    if (place == NOWHERE)
        return n;
    if (n > 0)
        sockets[fd].sent += (uint64_t)n;
    sent_at(place)->length = sockets[fd].sent;
    return n;
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
    REAL(send);
    uint64_t place = send_start(fd, n);
    return send_done(fd, place, real(fd, data, n, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    size_t n = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        n += message->msg_iov[i].iov_len;
    uint64_t place = send_start(fd, n);
    return send_done(fd, place, real(fd, message, flags));
}

ssize_t sendfile(int fd, int file_fd, off_t *offset, size_t n)
{
    REAL(sendfile);
    uint64_t place = send_start(fd, n);
    return send_done(fd, place, real(fd, file_fd, offset, n));
}
