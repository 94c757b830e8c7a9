/* handler.c - what a method does with a file.
 *
 * begin -> method -> files_get (everything is answered there)
 *                 -> files_put_begin -> [body to spool_fd] -> files_put_finish
 *                 -> files_delete */
#include "core/mount.h"
#include "core/server.h"
#include "files/files.h"
#include "files/internal.h"
#include "http/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The methods that this kind of resource has. The rules may allow fewer. */
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
    if (path_is_hidden(exchange->path)) {
        refuse_hidden(exchange);
        return ANSWER_READY;
    }
    switch (exchange->request.method) {
    case HTTP_GET:
    case HTTP_HEAD:
        next = files_get(exchange);
        /* The file is not in memory (the kernel's page cache), or
         * descriptors or memory are short. A thread that may block can wait.
         */
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

static int files_mount(struct mount *mount, const struct server *server)
{
    (void)server;
    const struct settings *settings = mount->settings;
    mount->prefix = settings->files_prefix;
    mount->object = files_open(settings);
    if (mount->object != NULL)
        return 0;
    fprintf(stderr, "%s: cannot serve files from %s: %s\n", settings->program,
            settings->files_root, strerror(errno));
    return -1;
}

static void files_unmount(void *object)
{
    files_close(object);
}

const struct handler files_handler = {
    .name = "files",
    .open = files_mount,
    .close = files_unmount,
    .begin = files_begin,
    .finish = files_put_finish,
    .release = files_put_release,
};
