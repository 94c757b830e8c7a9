/* files.c - see files.h.
 *
 * begin -> method -> files_get (everything is answered there)
 *                 -> files_put_begin -> [body to spool_fd] -> files_put_finish
 *                 -> files_delete
 *
 * The object is read only; everything about a request lives in its exchange. */
#include "files/files.h"

#include "files/internal.h"
#include "files/mime.h"
#include "core/mount.h"
#include "http/path.h"
#include "core/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct files *files_of(const struct exchange *exchange)
{
    return exchange->mount->files;
}

/* The fields that do not depend on the file, made once. */
static void append_common_fields(struct files *files)
{
    struct message_buffer *out = &files->fields;
    buffer_append_text(out, TEXT("Accept-Ranges: bytes\r\n"));
    /* Also on an answer that is not encoded: a cache must not give that to
     * a client that would get the encoded one, nor the other way round. */
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
    case EXDEV:        /* whether something is there outside is not told */
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
    case EAGAIN: /* the tree kept changing while it was walked */
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

/* What the kind of resource takes; rules may allow less. */
static void append_allow(struct exchange *exchange)
{
    size_t length = exchange->path_length;
    bool directory = length > 0 && exchange->path[length - 1] == '/';
    response_field(&exchange->response, "Allow", "%s",
                   directory ? "GET, HEAD, OPTIONS"
                             : "GET, HEAD, PUT, DELETE, OPTIONS");
}

static void refuse_method(struct exchange *exchange)
{
    response_error(&exchange->response, 405,
                   "A file can be read, put and deleted.");
    append_allow(exchange);
}

/* A segment starts with a dot: not shown, not written. The one exception is
 * "/.well-known/" (RFC 8615), which is there to be asked for. */
static bool is_hidden(const char *path)
{
    const struct text open = TEXT("/.well-known/");
    if (strncmp(path, open.data, open.length) == 0)
        path += open.length - 1;
    return strstr(path, "/.") != NULL;
}

static void refuse_hidden(struct exchange *exchange)
{
    bool writes = exchange->request.method == HTTP_PUT ||
                  exchange->request.method == HTTP_DELETE;
    if (writes)
        response_error(&exchange->response, 403,
                       "Names that start with a dot cannot be written.");
    else
        files_error(&exchange->response, ENOENT);
}

static enum answer_next files_begin(struct exchange *exchange)
{
    enum answer_next next;
    if (is_hidden(exchange->path)) {
        refuse_hidden(exchange);
        return ANSWER_READY;
    }
    switch (exchange->request.method) {
    case HTTP_GET:
    case HTTP_HEAD:
        next = files_get(exchange);
        /* Out of the cache, or out of something else: a worker may wait. */
        if (exchange->at_once && exchange->response.status == 503)
            return ANSWER_WOULD_BLOCK;
        return next;
    case HTTP_PUT:
        return files_put_begin(exchange);
    case HTTP_DELETE:
        files_delete(exchange);
        return ANSWER_READY;
    case HTTP_OPTIONS:
        response_reset(&exchange->response, 204);
        append_allow(exchange);
        return ANSWER_READY;
    default:
        refuse_method(exchange);
        return ANSWER_READY;
    }
}

const struct handler files_handler = {
    .name = "files",
    .begin = files_begin,
    .finish = files_put_finish,
    .release = files_put_release,
};
