/* module_skeleton.c - a whole module, as small as one can be: copy it.
 *
 * GET PREFIX/NAME -> front -> strand of NAME's counter -> worker
 *   -> "Hello, NAME: visit 3"
 *
 * It counts visits, and locks nothing: each counter has a strand for one at a
 * time, so no two threads are ever at the same one, and the lock that a task
 * passes on its way in and out of a strand lets each see what the one before it
 * wrote. Switched on by [modules] skeleton = /hello/.
 *
 * To make a module of your own: 1. copy this file; 2. say in begin what is
 * answered, in key_of what must not happen at the same time; 3. declare it in
 * module.h and name it in server.c: kinds, and add_mounts for its prefix. */
#include "module.h"

enum { COUNTERS = 256 }; /* NAMEs with the same hash share one */

static uint64_t visits[COUNTERS];

/* Which counter: from the last part of the path. */
static struct text name_of(const struct exchange *exchange)
{
    struct text path = {exchange->path, exchange->path_length};
    return text_of(mount_beneath(exchange->mount, path) + 1);
}

static size_t counter_of(struct text name)
{
    return text_hash(0, name) % COUNTERS;
}

/* ---- what is answered: runs on a worker, and may block ---- */

static enum answer_next begin(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    struct text name = name_of(exchange);
    /* A front asks first, and shall not block. Only the strand may count. */
    if (exchange->at_once)
        return ANSWER_WOULD_BLOCK;
    if (exchange->request.method != HTTP_GET &&
        exchange->request.method != HTTP_HEAD) {
        response_error(response, 405, "Greetings can be read.");
        response_field(response, "Allow", "GET, HEAD");
        return ANSWER_READY;
    }
    response->status = 200;
    response_field(response, "Content-Type", "text/plain; charset=utf-8");
    buffer_append_text(&response->memory, TEXT("Hello, "));
    buffer_append_text(&response->memory, name);
    buffer_append_text(&response->memory, TEXT(": visit "));
    buffer_append_number(&response->memory, ++visits[counter_of(name)]);
    buffer_append_char(&response->memory, '\n');
    return ANSWER_READY;
}

static const struct handler handler = {.name = "skeleton", .begin = begin};

/* ---- where and by whom ---- */

/* The strand: one at a time for each counter. */
static struct text key_of(const struct exchange *exchange, bool *alone)
{
    static char numbers[COUNTERS]; /* only their addresses and lengths matter */
    *alone = true;
    return (struct text){numbers, counter_of(name_of(exchange))};
}

static void run(struct module *module, struct task *task)
{
    (void)module;
    module_do(task);
    module_answered(task);
}

static size_t workers(const struct settings *settings)
{
    (void)settings;
    return 2;
}

const struct module_kind module_skeleton = {
    .name = "module_skeleton",
    .handler = &handler,
    .key = key_of,
    .run = run,
    .workers = workers,
};
