/* files_fixture.h - a tree on disk and one exchange at a time with the files
 * handler, without a connection around it.
 *
 *     struct fixture *f = *state;
 *     write_file(f, "a.txt", "hello");
 *     ask(f, "GET", "/a.txt", "If-None-Match: *\r\n");
 *     assert_int_equal(f->exchange.response.status, 304);
 *
 * The names of what ask() gives back stay valid until the next one. */
#ifndef FIVEFOLD_TESTS_FILES_FIXTURE_H
#define FIVEFOLD_TESTS_FILES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files/files.h"
#include "files/internal.h"
#include "core/mount.h"
#include "files/beneath.h"
#include "http/parser.h"
#include "http/path.h"
#include "core/server.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A block of our own: report/stats.c shows the whole server's state, and would
 * have all of the server linked to these tests. */
__attribute__((weak)) _Thread_local struct stats_block *stats_mine;
__attribute__((weak)) struct stats_block *stats_register(void)
{
    static _Thread_local struct stats_block block;
    return stats_mine = &block;
}

static inline uint64_t counted(enum stats_counter counter)
{
    return atomic_load(&stats_block()->counters[counter]);
}

enum { FIXTURE_TIME = 1700000000 }; /* of write_file's files */
#define FIXTURE_DATE "Tue, 14 Nov 2023 22:13:20 GMT"

struct fixture {
    char root[64];
    int root_fd;
    struct settings settings;
    struct server server;
    struct mount mount;
    struct files *files; /* the mount's */
    struct exchange exchange;
    bool begun;
    enum answer_next next;
    char head[8192];
    char path[PATH_MAX_BYTES];
    char *body; /* of the answer, with a NUL behind it; owned */
    size_t body_length;
    int open_fds; /* before the test */
};

static inline int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static inline void forget_exchange(struct fixture *f)
{
    if (!f->begun)
        return;
    if (f->exchange.state != NULL || f->exchange.spool_fd >= 0)
        files_handler.release(&f->exchange);
    response_release(&f->exchange.response);
    free(f->body);
    f->body = NULL;
    f->begun = false;
}

/* Opens the handler anew, after settings have been changed. */
static inline void reopen(struct fixture *f)
{
    forget_exchange(f);
    files_close(f->files);
    f->mount.object = f->files = files_open(&f->settings);
    assert_non_null(f->files);
}

static inline int fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *directory = getenv("TMPDIR");
    assert_non_null(f);
    f->open_fds = count_fds();
    snprintf(f->root, sizeof f->root, "%.40s/fivefold-test-XXXXXX",
             directory ? directory : "/tmp");
    assert_non_null(mkdtemp(f->root));
    f->root_fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->settings.files_root = f->root;
    f->settings.files_charset = (char *)"utf-8";
    f->settings.files_index = (char *)"index.html";
    f->settings.files_sendfile_bytes = 1000;
    f->settings.upload_bytes = 1 << 20;
    f->server.settings = &f->settings;
    f->server.access = access_open(&f->settings);
    assert_non_null(f->server.access);
    f->mount = (struct mount){.prefix = "/", .prefix_length = 1};
    reopen(f);
    *state = f;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *st,
                               int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    forget_exchange(f);
    files_close(f->files);
    access_close(f->server.access);
    close(f->root_fd);
    nftw(f->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    int leaked = count_fds() - f->open_fds;
    free(f);
    return leaked == 0 ? 0 : -1;
}

static inline void set_time(struct fixture *f, const char *name, time_t time)
{
    struct timespec at = {.tv_sec = time};
    assert_int_equal(
        utimensat(f->root_fd, name, (struct timespec[]){at, at}, 0), 0);
}

static inline void write_bytes(struct fixture *f, const char *name,
                               const void *bytes, size_t length)
{
    int fd = openat(f->root_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
    set_time(f, name, FIXTURE_TIME);
}

static inline void write_file(struct fixture *f, const char *name,
                              const char *text)
{
    write_bytes(f, name, text, strlen(text));
}

static inline void make_directory(struct fixture *f, const char *name)
{
    assert_int_equal(mkdirat(f->root_fd, name, 0755), 0);
}

static inline void collect_body(struct fixture *f)
{
    struct response *r = &f->exchange.response;
    f->body_length = (size_t)response_length(r);
    f->body = calloc(1, f->body_length + 1);
    assert_non_null(f->body);
    if (r->segments == NULL && f->body_length > 0)
        memcpy(f->body, buffer_start(&r->memory), f->body_length);
    size_t at = 0;
    for (size_t i = 0; i < r->segment_count; i++) {
        struct segment s = r->segments[i];
        if (s.in_file)
            assert_int_equal(
                pread(r->file_fd, f->body + at, s.length, s.offset), s.length);
        else
            memcpy(f->body + at, r->memory.data + s.offset, s.length);
        at += s.length;
    }
}

/* Sends the head; fields are whole lines. Returns the status, or 0 when the
 * handler wants the body. */
static inline unsigned ask(struct fixture *f, const char *method,
                           const char *target, const char *fields)
{
    struct http_parser parser;
    struct exchange *x = &f->exchange;
    forget_exchange(f);
    *x = (struct exchange){.server = &f->server, .spool_fd = -1};
    response_init(&x->response);
    /* A PUT must say how long it is; send_body sends what it likes. */
    bool add = strcmp(method, "PUT") == 0 && !strstr(fields, "Content-Length");
    int length =
        snprintf(f->head, sizeof f->head,
                 "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", method,
                 target, add ? "Content-Length: 1\r\n" : "", fields);
    assert_true(length > 0 && (size_t)length < sizeof f->head);
    http_parser_start(&parser, (struct http_limits){4096, 8192}, &x->request);
    assert_int_equal(
        http_parse_head(&parser, f->head, (size_t)length, &x->request),
        HTTP_PARSE_DONE);
    ssize_t n = path_from_target(http_text(&x->request, x->request.path),
                                 f->path, sizeof f->path);
    assert_true(n > 0);
    x->path = f->path;
    x->path_length = (size_t)n;
    x->handler = &files_handler;
    x->mount = &f->mount;
    x->beneath = mount_beneath(x->mount, (struct text){f->path, (size_t)n});
    x->may_write = true;
    f->begun = true;
    f->next = files_handler.begin(x);
    if (f->next == ANSWER_WANT_BODY)
        return 0;
    collect_body(f);
    return x->response.status;
}

/* Sends a body that was asked for. Returns the status. */
static inline unsigned send_body(struct fixture *f, const char *bytes)
{
    struct exchange *x = &f->exchange;
    assert_int_equal(f->next, ANSWER_WANT_BODY);
    assert_int_equal(write(x->spool_fd, bytes, strlen(bytes)), strlen(bytes));
    files_handler.finish(x);
    collect_body(f);
    return x->response.status;
}

/* The value of a field of the answer, or NULL; until the next call. */
static inline const char *field(struct fixture *f, const char *name)
{
    static _Thread_local char value[1024];
    struct text rest = buffer_text(&f->exchange.response.fields);
    while (rest.length > 0) {
        struct text line = text_split(&rest, '\n');
        struct text key = text_split(&line, ':');
        if (!text_equal_nocase(key, text_of(name)))
            continue;
        line.length--; /* the CR */
        line = text_trim(line);
        snprintf(value, sizeof value, "%.*s", (int)line.length, line.data);
        return value;
    }
    return NULL;
}

static inline void assert_field(struct fixture *f, const char *name,
                                const char *expected)
{
    const char *value = field(f, name);
    if (value == NULL)
        fail_msg("no field %s", name);
    assert_string_equal(value, expected);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

#endif
