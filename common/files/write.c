/* write.c - PUT and DELETE: a reader sees the old file or the new one, whole,
 * and when we have answered, the change is on disk.
 *
 * PUT: checks -> a file without a name in the target's directory
 *      -> [conn writes the body to it] -> fsync -> a name of its own
 *      -> checks again -> rename over the target -> fsync of the directory
 *
 * The name comes only at the end, because a file without a name disappears by
 * itself if the process dies. A link is replaced; we do not write to the file
 * that it points to. If-Match is checked twice: first so that no client sends a
 * gigabyte in vain, then under the lock, so that it still holds at the
 * rename. */
#include "base/escape.h"
#include "files/beneath.h"
#include "files/internal.h"
#include "files/mime.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { UPLOAD_MODE = 0644 };  /* minus the umask */
enum { TEMPORARY_TRIES = 8 }; /* names that may be taken already */

#define FD_LINK "/proc/self/fd/%d"
enum { FD_LINK_BYTES = sizeof "/proc/self/fd/-2147483648" };

/* Held from the last check of If-Match to the rename or unlink that the check
 * is for. So of two writers that saw the same tag, one is refused. Never held
 * during an fsync. There is one lock for all mounts, because their roots may
 * share files. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

struct upload {
    int parent_fd;    /* owned: the directory of the target */
    const char *name; /* in exchange->beneath */
    bool replaces;    /* there is a file already: target */
    struct stat target;
    bool has_acl;       /* that file has one besides its mode */
    bool has_temporary; /* temporary is in the directory and must be removed */
    char temporary[sizeof ".fivefold-0123456789abcdef"];
};

/* Opens the directory that path is in, and sets *name to where the last name
 * starts. Returns a descriptor, or -1 with errno. It is readable, because fsync
 * requires that. */
static int open_parent(const struct files *files, const char *path,
                       const char **name)
{
    char parent[PATH_MAX_BYTES];
    size_t length = (size_t)(strrchr(path, '/') + 1 - path);
    memcpy(parent, path, length);
    parent[length] = '\0';
    *name = path + length;
    return beneath_open(files->root_fd, parent, O_RDONLY | O_DIRECTORY, 0);
}

static int sync_fd(int fd)
{
    stats_add(STAT_sys_fsync, 1);
    return fsync(fd);
}

/* Returns true if the conditions of the request hold for the file (st == NULL:
 * there is no file). Otherwise answers 412 and returns false. */
static bool check_conditions(struct exchange *exchange, const struct stat *st)
{
    char tag[ETAG_BYTES];
    struct validators validators = {st, {tag, 0}};
    if (st != NULL)
        validators.etag.length =
            files_etag(st, mime_coding(text_of(exchange->beneath)), tag);
    if (files_conditions(&exchange->request, validators) == 0)
        return true;
    response_error(&exchange->response, 412,
                   "A condition of the request (If-*) is not met.");
    return false;
}

static bool has_acl(int fd)
{
    char link[FD_LINK_BYTES];
    snprintf(link, sizeof link, FD_LINK, fd);
    return getxattr(link, "system.posix_acl_access", NULL, 0) > 0;
}

/* Looks at what a PUT would replace. Sets target, replaces and has_acl and
 * returns true, or answers and returns false. */
static bool check_target(struct exchange *exchange, struct upload *upload)
{
    struct stat *st = &upload->target;
    int fd = files_open_path(files_of(exchange), exchange->beneath, O_PATH, st);
    upload->has_acl = fd >= 0 && has_acl(fd);
    if (fd >= 0)
        close(fd);
    upload->replaces = fd >= 0;
    if (fd >= 0 && !S_ISREG(st->st_mode)) {
        response_error(&exchange->response, 409,
                       "A directory or a device has that name.");
        return false;
    }
    if (fd < 0 && (errno == EXDEV || errno == ELOOP)) {
        response_error(&exchange->response, 403,
                       "The name is a link that cannot be followed.");
        return false;
    }
    if (fd < 0 && errno == ENAMETOOLONG) {
        response_error(&exchange->response, 409, "The name is too long.");
        return false;
    }
    if (fd < 0 && errno != ENOENT) {
        files_error(&exchange->response, errno);
        return false;
    }
    return check_conditions(exchange, upload->replaces ? st : NULL);
}

/* Returns true if the request is a PUT of a whole file. Otherwise answers and
 * returns false. */
static bool check_put(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    const struct http_request *request = &exchange->request;
    if (exchange->path[exchange->path_length - 1] == '/') {
        response_error(response, 409, "A directory cannot be put.");
    } else if (http_field(request, TEXT("Content-Range")).data != NULL) {
        /* RFC 9110 section 14.5: a part must not replace the whole. */
        response_error(response, 400, "PUT takes a whole file, not a part.");
    } else if (http_is_coded(request)) {
        response_error(response, 415, "Send the file without a coding.");
        response_field(response, "Accept-Encoding", "identity");
    } else {
        return true;
    }
    return false;
}

static int draw_temporary(struct upload *upload)
{
    uint64_t drawn;
    if (getrandom(&drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
        return -1;
    snprintf(upload->temporary, sizeof upload->temporary, ".fivefold-%016llx",
             (unsigned long long)drawn);
    return 0;
}

/* The permissions with which the file is created. For a new file they are
 * final. For one that replaces another, keep_permissions sets the right ones
 * later. */
static mode_t first_mode(const struct upload *upload)
{
    return upload->replaces ? upload->target.st_mode & UPLOAD_MODE
                            : (mode_t)UPLOAD_MODE;
}

/* EINVAL: our user namespace has no such owner. */
static bool is_not_allowed(int error)
{
    return error == EPERM || error == EINVAL;
}

/* Gives the new file the owner, group and permissions of the file that it
 * replaces, as far as we are allowed to: a file for few people must not become
 * one for all. If the group cannot be kept, our group may do no more than
 * everybody may. The same holds if an ACL is lost, because the group's bits of
 * the mode were then the ACL's mask (acl(5)). Returns 0, or -1 with errno. */
static int keep_permissions(const struct upload *upload, int fd)
{
    const struct stat *old = &upload->target;
    struct stat st;
    if (!upload->replaces)
        return 0;
    if (fstat(fd, &st) < 0)
        return -1;
    mode_t mode = old->st_mode & 0777;
    bool group_is_kept = !upload->has_acl;
    if (st.st_uid != old->st_uid && fchown(fd, old->st_uid, (gid_t)-1) < 0 &&
        !is_not_allowed(errno))
        return -1;
    if (st.st_gid != old->st_gid && fchown(fd, (uid_t)-1, old->st_gid) < 0) {
        if (!is_not_allowed(errno))
            return -1;
        group_is_kept = false;
    }
    if (!group_is_kept)
        mode &= ~(mode_t)070 | ((mode & 07) << 3);
    return (st.st_mode & 07777) == mode ? 0 : fchmod(fd, mode);
}

/* For file systems that cannot make a file without a name (NFS, old
 * overlays). */
static int open_named(struct upload *upload)
{
    for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
        if (draw_temporary(upload) < 0)
            return -1;
        int fd = openat(upload->parent_fd, upload->temporary,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        first_mode(upload));
        if (fd >= 0)
            upload->has_temporary = true;
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int open_temporary(const struct files *files, struct upload *upload)
{
    if (files->have_proc) {
        int fd = openat(upload->parent_fd, ".",
                        O_WRONLY | O_TMPFILE | O_CLOEXEC, first_mode(upload));
        /* A kernel without O_TMPFILE fails with EISDIR. */
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
            return fd;
    }
    return open_named(upload);
}

/* Gives the nameless file a temporary name in the target's directory. */
static int name_temporary(struct upload *upload, int fd)
{
    char link[FD_LINK_BYTES];
    snprintf(link, sizeof link, FD_LINK, fd);
    for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
        if (draw_temporary(upload) < 0)
            return -1;
        if (linkat(AT_FDCWD, link, upload->parent_fd, upload->temporary,
                   AT_SYMLINK_FOLLOW) == 0) {
            upload->has_temporary = true;
            return 0;
        }
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Answers if the target's directory cannot be used. If the request conflicts
 * with the tree as it is, a client can resolve that: 409 (RFC 9110 section
 * 9.3.4). */
static void answer_no_parent(struct response *response, int error)
{
    if (error == ENOENT || error == ENOTDIR || error == ELOOP ||
        error == EXDEV || error == ENAMETOOLONG)
        response_error(response, 409, "There is no such directory.");
    else
        files_error(response, error);
}

enum answer_next files_put_begin(struct exchange *exchange)
{
    const struct files *files = files_of(exchange);
    struct response *response = &exchange->response;
    if (!check_put(exchange))
        return ANSWER_READY;
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL) {
        files_error(response, ENOMEM);
        return ANSWER_READY;
    }
    upload->parent_fd = open_parent(files, exchange->beneath, &upload->name);
    if (upload->parent_fd < 0) {
        answer_no_parent(response, errno);
        free(upload);
        return ANSWER_READY;
    }
    exchange->state = upload; /* from here files_put_release cleans up */
    if (!check_target(exchange, upload))
        return ANSWER_READY;
    int fd = open_temporary(files, upload);
    stats_add(STAT_sys_open, 1);
    if (fd < 0) {
        files_error(response, errno);
        return ANSWER_READY;
    }
    exchange->spool_fd = fd;
    exchange->body_max = files->settings->upload_bytes;
    return ANSWER_WANT_BODY;
}

/* Sets the times of the file to the exact time. The kernel would use the time
 * of its last tick, some milliseconds ago, and it reuses inodes. So two PUTs
 * within a tick could get the same tag. */
static int stamp_exactly(int fd)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return futimens(fd, (struct timespec[]){now, now});
}

/* Moves the finished file to its name. must_be_new: the client has asked for
 * that (If-None-Match: *). Then the kernel must check it too, because other
 * processes do not use our lock. */
static int rename_upload(struct upload *upload, bool must_be_new)
{
    int parent = upload->parent_fd;
    int result = -1;
    if (must_be_new)
        result = renameat2(parent, upload->temporary, parent, upload->name,
                           RENAME_NOREPLACE);
    if (!must_be_new || (result < 0 && (errno == EINVAL || errno == ENOSYS)))
        result = renameat(parent, upload->temporary, parent, upload->name);
    if (result == 0)
        upload->has_temporary = false;
    return result;
}

/* Makes the new file visible. Returns true, or answers and returns false. */
static bool replace_target(struct exchange *exchange, struct upload *upload)
{
    struct response *response = &exchange->response;
    bool asks_new =
        http_field(&exchange->request, TEXT("If-None-Match")).data != NULL;
    bool done = false;
    pthread_mutex_lock(&writing);
    /* The old file's permissions may have changed while the body came. */
    if (check_target(exchange, upload)) {
        done = keep_permissions(upload, exchange->spool_fd) == 0 &&
               rename_upload(upload, asks_new && !upload->replaces) == 0;
        if (!done && errno == EEXIST)
            response_error(response, 412, "The name is in use by now.");
        else if (!done && errno == EISDIR)
            response_error(response, 409, "A directory has that name.");
        else if (!done)
            answer_no_parent(response, errno);
    }
    pthread_mutex_unlock(&writing);
    return done;
}

static void answer_put(struct exchange *exchange, bool existed)
{
    struct response *response = &exchange->response;
    char tag[ETAG_BYTES];
    struct stat st;
    response_reset(response, existed ? 204 : 201);
    /* After the rename, because that changes the inode too. */
    if (fstat(exchange->spool_fd, &st) == 0)
        response_field(
            response, "ETag", "%.*s",
            (int)files_etag(&st, mime_coding(text_of(exchange->beneath)), tag),
            tag);
    if (existed)
        return;
    buffer_append_text(&response->fields, TEXT("Location: "));
    url_append_path(&response->fields,
                    (struct text){exchange->path, exchange->path_length});
    buffer_append_text(&response->fields, TEXT("\r\n"));
}

void files_put_finish(struct exchange *exchange)
{
    struct upload *upload = exchange->state;
    struct response *response = &exchange->response;
    int fd = exchange->spool_fd;
    if (stamp_exactly(fd) < 0 || keep_permissions(upload, fd) < 0 ||
        sync_fd(fd) < 0 ||
        (!upload->has_temporary && name_temporary(upload, fd) < 0)) {
        answer_no_parent(response, errno); /* the directory may be gone */
        return;
    }
    if (!replace_target(exchange, upload))
        return;
    /* Until the directory is on disk too, a crash may bring back the old
     * file. */
    if (sync_fd(upload->parent_fd) < 0) {
        files_error(response, errno);
        return;
    }
    answer_put(exchange, upload->replaces);
}

void files_put_release(struct exchange *exchange)
{
    struct upload *upload = exchange->state;
    if (exchange->spool_fd >= 0)
        close(exchange->spool_fd);
    exchange->spool_fd = -1;
    exchange->state = NULL;
    if (upload == NULL)
        return;
    if (upload->has_temporary)
        unlinkat(upload->parent_fd, upload->temporary, 0);
    close(upload->parent_fd);
    free(upload);
}

/* The part of DELETE that needs the lock. Returns true if it removed the name.
 * Otherwise answers and returns false. */
static bool unlink_target(struct exchange *exchange, int parent_fd,
                          const char *name)
{
    struct response *response = &exchange->response;
    struct stat st;
    int fd =
        files_open_path(files_of(exchange), exchange->beneath, O_PATH, &st);
    if (fd < 0) {
        files_error(response, errno);
        return false;
    }
    close(fd);
    if (S_ISDIR(st.st_mode)) {
        response_error(response, 409, "A directory cannot be deleted.");
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        files_error(response, ENOENT); /* as GET answers */
        return false;
    }
    if (!check_conditions(exchange, &st))
        return false;
    if (unlinkat(parent_fd, name, 0) < 0) {
        files_error(response, errno);
        return false;
    }
    return true;
}

void files_delete(struct exchange *exchange)
{
    const struct files *files = files_of(exchange);
    const char *name;
    int parent_fd = open_parent(files, exchange->beneath, &name);
    if (parent_fd < 0) {
        files_error(&exchange->response, errno);
        return;
    }
    pthread_mutex_lock(&writing);
    bool gone = unlink_target(exchange, parent_fd, name);
    pthread_mutex_unlock(&writing);
    if (gone) {
        response_reset(&exchange->response, 204);
        if (sync_fd(parent_fd) < 0)
            files_error(&exchange->response, errno);
    }
    close(parent_fd);
}
