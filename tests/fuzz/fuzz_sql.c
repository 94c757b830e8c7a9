/* fuzz_sql.c - libFuzzer harness for the body of a pipeline or a cursor.
 *
 * input = KIND, body. The body is answered as a request to a database of a
 * few rows in a directory of its own. Whatever it says, the answer must have a
 * status of the contract, be JSON throughout (a cursor line by line), and end
 * with a server that still answers.
 *
 * Built with the objects of common/; run with tests/fuzz/corpus/sql. */
#include "check.h"
#include "core/mount.h"
#include "core/server.h"
#include "sql/sql.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MAX = 1 << 16 };

static char directory[] = "/tmp/fivefold_fuzz_XXXXXX";
static struct settings settings = {
    .sqlite_directory = directory,
    .sqlite_create = true,
    .sqlite_query_ms = 20,
    .sqlite_rows_max = 1000,
    .sqlite_response_bytes = 1 << 20,
    .sqlite_sql_bytes = 1 << 16,
    .sqlite_value_bytes = 1 << 20,
    .sqlite_statements = 16,
    .sqlite_databases = 2,
    .sqlite_streams = 4,
    .sqlite_stream_idle_seconds = 10,
    .sqlite_transaction_seconds = 10,
    .sqlite_cors = (char *)"*",
    .body_bytes = BODY_MAX,
};
static struct server server = {.settings = &settings};
static struct mount mount = {
    .name = "", .prefix = "/db/", .prefix_length = 4, .settings = &settings};

static void empty_directory(void)
{
    DIR *open = opendir(directory);
    struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL)
        unlinkat(dirfd(open), entry->d_name, 0);
    if (open != NULL)
        closedir(open);
}

static void tidy(void)
{
    sql_close(mount.object);
    empty_directory();
    rmdir(directory);
}

/* Numbers out of a double's range (1e999) are the contract's, not jansson's:
 * such an answer is only looked at up to there. */
static void check_json(const char *bytes, size_t length)
{
    json_error_t error;
    json_t *tree = json_loadb(bytes, length, JSON_ALLOW_NUL, &error);
    if (tree == NULL && memmem(bytes, length, "1e999", 5) == NULL)
        CHECK(!"an answer is not JSON");
    json_decref(tree);
}

static void check_answer(struct text answer, bool lines)
{
    while (lines && answer.length > 0) {
        struct text line = text_split(&answer, '\n');
        if (line.length > 0)
            check_json(line.data, line.length);
    }
    if (!lines)
        check_json(answer.data, answer.length);
}

static void ask(const char *path, struct text body)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    CHECK(exchange);
    exchange->server = &server;
    exchange->mount = &mount;
    exchange->may_write = true;
    exchange->request.method = HTTP_POST;
    exchange->path = (char *)path;
    exchange->path_length = strlen(path);
    exchange->body = body;
    struct response *response = &exchange->response;
    response_init(response);
    CHECK(sql_handler.begin(exchange) == ANSWER_WANT_BODY);
    sql_handler.finish(exchange);
    unsigned status = response->status;
    CHECK(status == 200 || status == 400 || status == 429);
    struct message_buffer out = {0};
    buffer_append_text(&out, buffer_text(&response->memory));
    int more = response->source != NULL;
    while (more > 0)
        more = response->source->more(response->source_state, &out);
    CHECK(more == 0);
    check_answer(buffer_text(&out),
                 status == 200 && strstr(path, "cursor") != NULL);
    buffer_release(&out);
    response_release(response);
    free(exchange);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    CHECK(mkdtemp(directory) != NULL);
    atexit(tidy);
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t length)
{
    static const char *const paths[] = {
        "/db/f/v3/cursor", "/db/f/v2/pipeline", "/db/f/v1/execute",
        "/db/f/v1/batch",  "/db/f/v3/pipeline",
    };
    if (length < 1 || length > BODY_MAX)
        return -1;
    if (mount.object == NULL)
        CHECK(mount.object = sql_open(&settings, 0));
    struct text body = {(const char *)input + 1, length - 1};
    ask(paths[input[0] % 5], body);
    sql_tick(mount.object, UINT64_MAX); /* no stream holds up the next input */
    static unsigned turn;
    if (++turn % 256 == 0) { /* what it has inserted */
        sql_close(mount.object);
        mount.object = NULL;
        empty_directory();
    }
    return 0;
}
