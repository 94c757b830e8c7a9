/* static_file_server.c - the module for files: what a front cannot do without
 * waiting.
 *
 * front (not in memory, a write, a listing, a password) -> strand of the path
 *   -> worker: conn_work, conn_stream, conn_step -> front
 *
 * Writes of one path are done one at a time. Reads of it run side by side, with
 * each other and with a write: a PUT makes a new file and renames it, so a
 * reader has opened the old one or the new one, and the one it has does not
 * change. */
#include "module.h"
#include "conn/work.h"

#include "file_cache.h"
#include "files/files.h"

static struct text key_of(const struct exchange *exchange, bool *alone)
{
    *alone = exchange->request.method == HTTP_PUT ||
             exchange->request.method == HTTP_DELETE;
    return (struct text){exchange->path, exchange->path_length};
}

static bool writes(const struct task *task)
{
    const struct exchange *exchange = conn_exchange(task->conn);
    return task->kind == TASK_WORK && (exchange->request.method == HTTP_PUT ||
                                       exchange->request.method == HTTP_DELETE);
}

static void run(struct module *module, struct task *task)
{
    (void)module;
    bool changes = writes(task);
    module_do(task);
    /* After the rename and before the answer, which only the front sends. */
    if (changes)
        file_cache_written();
    module_answered(task);
}

static size_t workers(const struct settings *settings)
{
    return settings->files_workers;
}

const struct module_kind static_file_server = {
    .name = "static_file_server",
    .handler = &files_handler,
    .key = key_of,
    .run = run,
    .workers = workers,
};
