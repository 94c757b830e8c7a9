/* static_file_server.c - the module for files: what a front (front.h) cannot do
 * without waiting.
 *
 * front (not in memory, a write, a listing, a password) -> strand of the path
 *   -> worker: conn_work, conn_stream, conn_step -> front
 *
 * Writes of one path are done one at a time. Reads of it run at the same time
 * as other reads and as a write. A PUT makes a new file and renames it, so a
 * reader has opened either the old file or the new one. The file that it has
 * opened does not change. */
#include "file_cache.h"
#include "module.h"

#include "conn/work.h"
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
    /* After the rename and before the answer: the front sends that later. */
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
