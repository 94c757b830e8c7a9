/* files.c - opens and closes the files of one root, and has what all parts of
 * the handler share.
 *
 * The object does not change after files_open. Everything about a request is in
 * its exchange. */
#include "files/files.h"

#include "core/mount.h"
#include "core/server.h"
#include "files/beneath.h"
#include "files/internal.h"
#include "files/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct files *files_of(const struct exchange *exchange)
{
    return exchange->mount->object;
}

/* Makes the header fields that do not depend on the file, once for all. */
static void append_common_fields(struct files *files)
{
    struct message_buffer *out = &files->fields;
    buffer_append_text(out, TEXT("Accept-Ranges: bytes\r\n"));
    /* Also in an answer that is not encoded. Otherwise a cache could give that
     * answer to a client that would get the encoded one, or the other way
     * round. */
    if (files->settings->files_precompressed)
        buffer_append_text(out, TEXT("Vary: Accept-Encoding\r\n"));
    if (files->settings->files_cache_control != NULL)
        buffer_printf(out, "Cache-Control: %s\r\n",
                      files->settings->files_cache_control);
    if (files->settings->files_policy != NULL)
        buffer_printf(out, "Content-Security-Policy: %s\r\n",
                      files->settings->files_policy);
}

struct files *files_open(const struct settings *settings)
{
    struct files *files = calloc(1, sizeof *files);
    if (files == NULL)
        return NULL;
    files->settings = settings;
    files->root_fd =
        open(settings->files_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->root_fd < 0)
        goto fail;
    files->types =
        mime_open(settings->files_mime_types, settings->files_charset);
    if (files->types == NULL) {
        int error = errno;
        close(files->root_fd);
        errno = error;
        goto fail;
    }
    files->have_proc = access("/proc/self/fd", X_OK) == 0;
    append_common_fields(files);
    if (files->fields.failed)
        goto fail_fields;
    return files;
fail_fields:
    buffer_release(&files->fields);
    mime_close(files->types);
    close(files->root_fd);
    errno = ENOMEM;
fail:
    free(files);
    return NULL;
}

void files_close(struct files *files)
{
    if (files == NULL)
        return;
    buffer_release(&files->fields);
    mime_close(files->types);
    close(files->root_fd);
    free(files);
}

void files_error(struct response *response, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:        /* do not tell what exists outside the root */
    case ENAMETOOLONG: /* a name that long cannot exist */
    case ENXIO:        /* a socket, or a device without a driver */
        response_error(response, 404, "There is no such file.");
        return;
    case EACCES:
    case EPERM:
    case EROFS:
        response_error(response, 403, "The file's permissions forbid it.");
        return;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        response_error(response, 507, "There is no room for the file.");
        return;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: /* the tree kept changing during the search */
        response_error(response, 503, "Too much is going on; try again.");
        return;
    default:
        response_error(response, 500, "The file could not be used.");
    }
}

enum access_verdict files_judge(const struct exchange *exchange,
                                const char *added, const char *suffix)
{
    char path[PATH_MAX_BYTES + 2 * NAME_MAX];
    int length =
        snprintf(path, sizeof path, "%s%s%s", exchange->path,
                 added != NULL ? added : "", suffix != NULL ? suffix : "");
    if (length < 0 || (size_t)length >= sizeof path)
        return ACCESS_DENIED;
    return access_check_path(exchange->server->access, exchange,
                             (struct text){path, (size_t)length});
}

bool files_allowed(const struct exchange *exchange, const char *index,
                   const char *suffix)
{
    return (index == NULL ||
            files_judge(exchange, index, NULL) == ACCESS_ALLOWED) &&
           (suffix == NULL ||
            files_judge(exchange, index, suffix) == ACCESS_ALLOWED);
}

int files_open_path(const struct files *files, const char *path, int flags,
                    struct stat *st)
{
    int fd = beneath_open(files->root_fd, path, flags, 0);
    if (fd >= 0 && fstat(fd, st) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int files_read_flags(const struct exchange *exchange)
{
    return FILES_READ_FLAGS | (exchange->at_once ? BENEATH_AT_ONCE : 0);
}
