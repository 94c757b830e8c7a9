/* sql_fixture.h - drives sql_handler with hand-made requests against databases
 * in a directory of their own; no socket is involved.
 *
 * text -> http_parse_head -> begin -> finish -> source drained -> answer */
#ifndef FIVEFOLD_SQL_FIXTURE_H
#define FIVEFOLD_SQL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access/access.h"
#include "base/clock.h"
#include "core/mount.h"
#include "core/server.h"
#include "http/parser.h"
#include "sql/sql.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIXTURE_QUERY_MS = 60000 };

struct fixture {
    char directory[64];
    struct settings settings;
    struct server server;
    struct mount mount;
    struct sql *sql;     /* the mount's */
    unsigned status;     /* of the last answer */
    char *fields, *body; /* of the last answer; owned */
    size_t body_length;
    unsigned pieces; /* that its source made */
    char user[USER_MAX + 1];
    bool may_write;
};

static void fixture_reopen(struct fixture *f, unsigned wait_ms)
{
    if (f->sql != NULL)
        sql_close(f->sql);
    f->mount.object = f->sql = sql_open(&f->settings, wait_ms);
    assert_non_null(f->sql);
}

static int fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->directory, "/tmp/fivefold_sql_XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->settings = (struct settings){
        .sqlite_directory = f->directory,
        .sqlite_prefix = (char *)"/db/",
        .sqlite_create = true,
        .sqlite_foreign_keys = true,
        .sqlite_full_text = true,
        /* Long enough under valgrind on a busy machine: a test that wants a
         * statement to be cut off sets it. */
        .sqlite_query_ms = FIXTURE_QUERY_MS,
        .sqlite_rows_max = 100000,
        .sqlite_response_bytes = 8 << 20,
        .sqlite_sql_bytes = 1 << 20,
        .sqlite_value_bytes = 8 << 20,
        .sqlite_statements = 64,
        .sqlite_databases = 8,
        .sqlite_streams = 8,
        .sqlite_stream_idle_seconds = 10,
        .sqlite_transaction_seconds = 300,
        .sqlite_cors = (char *)"*",
        .body_bytes = 4 << 20,
    };
    f->server.settings = &f->settings;
    f->server.access = access_open(&f->settings);
    assert_non_null(f->server.access);
    f->server.mounts = &f->mount;
    f->server.mount_count = 1;
    f->mount = (struct mount){.name = "",
                              .prefix = "/db/",
                              .prefix_length = 4,
                              .handler = &sql_handler,
                              .cors = "*"};
    f->may_write = true;
    fixture_reopen(f, 0);
    *state = f;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *f = *state;
    sql_close(f->sql);
    access_close(f->server.access);
    DIR *directory = opendir(f->directory);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(f->directory);
    free(f->fields);
    free(f->body);
    free(f);
    return 0;
}

static char *text_copy(struct text text)
{
    char *copy = malloc(text.length + 1);
    assert_non_null(copy);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

/* Keeps the answer for the test; ask as conn does until the source ends. */
static void fixture_keep(struct fixture *f, struct exchange *exchange)
{
    struct response *response = &exchange->response;
    struct message_buffer body = {0};
    buffer_append_text(&body, buffer_text(&response->memory));
    int more = response->source != NULL;
    for (f->pieces = 0; more > 0; f->pieces++) {
        struct message_buffer piece = {0};
        more = response->source->more(response->source_state, &piece);
        buffer_append_text(&body, buffer_text(&piece));
        buffer_release(&piece);
    }
    assert_int_equal(more, 0);
    free(f->fields);
    free(f->body);
    f->status = response->status;
    f->fields = text_copy(buffer_text(&response->fields));
    f->body = text_copy(buffer_text(&body));
    f->body_length = buffer_length(&body);
    buffer_release(&body);
}

static void exchange_make(struct fixture *f, struct exchange *exchange,
                          const char *head, char *path)
{
    *exchange = (struct exchange){.server = &f->server,
                                  .may_write = f->may_write,
                                  .handler = &sql_handler,
                                  .mount = &f->mount,
                                  .spool_fd = -1};
    struct http_parser parser;
    http_parser_start(&parser, (struct http_limits){8192, 32768},
                      &exchange->request);
    assert_int_equal(
        http_parse_head(&parser, head, strlen(head), &exchange->request),
        HTTP_PARSE_DONE);
    response_init(&exchange->response);
    struct text raw = http_text(&exchange->request, exchange->request.path);
    memcpy(path, raw.data, raw.length);
    path[raw.length] = '\0';
    exchange->path = path;
    exchange->path_length = raw.length;
    strcpy(exchange->user, f->user);
}

/* Any request; body NULL for none. */
static void ask(struct fixture *f, const char *method, const char *target,
                const char *body)
{
    char head[1024], path[1024];
    /* The parser asks for a length where the method has a body. */
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", method,
             target, body != NULL ? strlen(body) : 0);
    struct exchange *exchange = malloc(sizeof *exchange);
    assert_non_null(exchange);
    exchange_make(f, exchange, head, path);
    if (sql_handler.begin(exchange) == ANSWER_WANT_BODY) {
        exchange->body = text_of(body != NULL ? body : "");
        sql_handler.finish(exchange);
    }
    fixture_keep(f, exchange);
    response_release(&exchange->response);
    free(exchange);
}

static void post(struct fixture *f, const char *target, const char *body)
{
    ask(f, "POST", target, body);
}

/* One statement by /v2/pipeline; its StmtResult or error is in the body. */
static void run_in(struct fixture *f, const char *name, const char *sql)
{
    char target[128], body[8192];
    snprintf(target, sizeof target, "/db/%s/v2/pipeline", name);
    snprintf(body, sizeof body,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}"
             "]}",
             sql);
    post(f, target, body);
}

static void run(struct fixture *f, const char *sql)
{
    run_in(f, "one", sql);
}

#define assert_in_body(f, part)                                                \
    do {                                                                       \
        if (strstr((f)->body, part) == NULL)                                   \
            fail_msg("%u: %s\nlacks %s", (f)->status, (f)->body, part);        \
    } while (0)

/* Copies the answer's baton; "" for null. */
static inline void baton_of(struct fixture *f, char baton[64])
{
    baton[0] = '\0';
    const char *at = strstr(f->body, "\"baton\":\"");
    if (at != NULL)
        sscanf(at + 9, "%63[^\"]", baton);
}

#endif
