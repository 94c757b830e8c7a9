/* module_skeleton.c - a whole module, as small as possible, to be copied.
 *
 * GET PREFIX/NAME -> front -> strand of NAME's counter -> worker
 *   -> "Hello, NAME: visit 3"
 *
 * It counts visits and locks nothing. Each counter has a strand (a queue, see
 * strand.h) that is alone: only one worker at a time does its tasks, so no two
 * threads ever use the same counter. And the module's lock, which is taken when
 * a task enters or leaves a strand, makes each worker see what the one before
 * it wrote. The module is switched on by [modules] skeleton = /hello/.
 *
 * To make a module of your own: 1. Copy this file. 2. Change begin, which makes
 * the answer, and key_of: while it sets *alone, requests with the same key are
 * never answered at the same time. 3. Declare the module in module.h, and add
 * it in server.c: to kinds, and in add_mounts with its prefix. */
#include "module.h"

enum { COUNTERS = 256 }; /* NAMEs with the same hash share one */

static uint64_t visits[COUNTERS];

/* Returns NAME, the rest of the path after the prefix. */
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
    /* With at_once the caller is a front, outside of the strand. Only a worker
     * in the strand may count. */
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

/* ---- which strand, how many workers ---- */

/* The key of a counter's strand: one task at a time for each counter. */
static struct text key_of(const struct exchange *exchange, bool *alone)
{
    static char numbers[COUNTERS]; /* all zero: only the key's length differs */
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
