/* test_file_cache.c - stage 5's answers that are kept: what is, for how long,
 * for whom, and what goes first when there is no more room. Time is a number
 * here, and the answers are the files handler's. */
#include "tests/unit/files_fixture.h"

#include "access/access.h"
#include "stage5_modules/file_cache.h"

enum {
    NOW = 5000, /* ms; when things are learnt, if nothing else is said */
    LARGE = 100000,
    ROOM = 1 << 20,
};

struct asked {
    struct exchange exchange;
    char head[1024], path[256];
};

static struct file_cache *cache;

/* The rule for all, until the next one. */
static struct settings settings;

static void set_rule(struct fixture *f, const char *rule)
{
    static char *argv[] = {(char *)"fivefold-5", (char *)"--rule", NULL, NULL};
    access_close(f->server.access);
    settings_release(&settings);
    argv[2] = (char *)rule;
    assert_int_equal(settings_read(&settings, 3, argv), 0);
    f->server.access = access_open(&settings);
    assert_non_null(f->server.access);
}

static int open_cached(void **state)
{
    if (fixture_open(state) != 0)
        return -1;
    struct fixture *f = *state;
    f->settings.files_sendfile_bytes = ROOM;
    f->settings.files_precompressed = true;
    reopen(f);
    set_rule(f, "allow GET /");
    cache = file_cache_open(ROOM, ROOM);
    return cache != NULL ? 0 : -1;
}

static int close_cached(void **state)
{
    file_cache_close(cache);
    settings_release(&settings);
    return fixture_close(state);
}

static void reopen_cache(uint64_t bytes, uint64_t file_bytes)
{
    file_cache_close(cache);
    cache = file_cache_open(bytes, file_bytes);
    assert_non_null(cache);
}

/* A file of that many bytes, all of them the first of its name. */
static void write_large(struct fixture *f, const char *name, size_t bytes)
{
    char *body = malloc(bytes);
    assert_non_null(body);
    memset(body, name[0], bytes);
    write_bytes(f, name, body, bytes);
    free(body);
}

/* The handler answers, and the cache looks on. Returns the status. */
static unsigned learn_at(struct fixture *f, const char *method,
                         const char *path, const char *fields, uint64_t now_ms)
{
    uint64_t epoch = file_cache_epoch();
    unsigned status = ask(f, method, path, fields);
    file_cache_learn(cache, &f->exchange, now_ms, epoch);
    return status;
}

static void learn(struct fixture *f, const char *path)
{
    assert_int_equal(learn_at(f, "GET", path, "", NOW), 200);
}

static void asked_make(struct fixture *f, struct asked *asked,
                       const char *method, const char *path, const char *fields)
{
    struct http_parser parser;
    struct exchange *x = &asked->exchange;
    *x = (struct exchange){.server = &f->server, .spool_fd = -1};
    response_init(&x->response);
    int length =
        snprintf(asked->head, sizeof asked->head,
                 "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, fields);
    http_parser_start(&parser, (struct http_limits){512, 512}, &x->request);
    assert_int_equal(
        http_parse_head(&parser, asked->head, (size_t)length, &x->request),
        HTTP_PARSE_DONE);
    snprintf(asked->path, sizeof asked->path, "%s", path);
    x->path = asked->path;
    x->path_length = strlen(path);
    x->handler = &files_handler;
    x->mount = &f->mount;
}

/* Is there an answer to that? Its body's first byte, or 0. */
static char given(struct fixture *f, const char *method, const char *path,
                  const char *fields, uint64_t now_ms)
{
    static struct asked asked;
    asked_make(f, &asked, method, path, fields);
    struct response *response = &asked.exchange.response;
    bool found = file_cache_answer(cache, &asked.exchange, now_ms);
    assert_int_equal(response->status, found ? 200 : 0);
    assert_true(found || buffer_length(&response->memory) == 0);
    char first = found ? *buffer_start(&response->memory) : 0;
    response_release(response);
    return first;
}

static char kept(struct fixture *f, const char *path)
{
    return given(f, "GET", path, "", NOW);
}

static void what_is_learnt_is_given_whole(void **state)
{
    struct fixture *f = *state;
    static struct asked asked;
    write_file(f, "a.html", "a page");
    assert_int_equal(kept(f, "/a.html"), 0);
    learn(f, "/a.html");
    for (int i = 0; i < 2; i++) {
        asked_make(f, &asked, "GET", "/a.html", "");
        assert_true(file_cache_answer(cache, &asked.exchange, NOW));
        const struct response *was = &f->exchange.response,
                              *is = &asked.exchange.response;
        assert_int_equal(is->status, 200);
        assert_true(
            text_equal(buffer_text(&is->fields), buffer_text(&was->fields)));
        assert_true(text_equal(buffer_text(&is->memory), TEXT("a page")));
        response_release(&asked.exchange.response);
    }
    assert_int_equal(kept(f, "/a.htm"), 0);
}

static void an_answer_is_kept_for_a_second(void **state)
{
    /* Who asks all the time does not make it younger. */
    struct fixture *f = *state;
    write_file(f, "a", "a");
    learn(f, "/a");
    assert_int_equal(given(f, "GET", "/a", "", NOW + 500), 'a');
    assert_int_equal(given(f, "GET", "/a", "", NOW + 999), 'a');
    assert_int_equal(given(f, "GET", "/a", "", NOW + 1000), 0);
    learn_at(f, "GET", "/a", "", NOW + 1000);
    assert_int_equal(given(f, "GET", "/a", "", NOW + 1999), 'a');
}

static void a_write_ends_all_that_is_kept(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a", "a");
    write_file(f, "b", "b");
    learn(f, "/a");
    learn(f, "/b");
    file_cache_written();
    assert_int_equal(kept(f, "/a"), 0);
    assert_int_equal(kept(f, "/b"), 0);
    learn(f, "/a");
    assert_int_equal(kept(f, "/a"), 'a');
}

static void what_was_opened_before_a_write_is_not_given(void **state)
{
    /* The file that was opened may be the one from before the rename. */
    struct fixture *f = *state;
    write_file(f, "a", "a");
    uint64_t epoch = file_cache_epoch();
    assert_int_equal(ask(f, "GET", "/a", ""), 200);
    file_cache_written();
    file_cache_learn(cache, &f->exchange, NOW, epoch);
    assert_int_equal(kept(f, "/a"), 0);
}

static void what_was_asked_for_last_stays_longest(void **state)
{
    struct fixture *f = *state;
    reopen_cache(LARGE * 7 / 2, LARGE); /* three of them */
    for (const char *name = "a\0b\0c\0d\0e\0"; *name != '\0'; name += 2)
        write_large(f, name, LARGE);
    learn(f, "/a");
    learn(f, "/b");
    learn(f, "/c");
    assert_int_equal(kept(f, "/a"), 'a');
    learn(f, "/d"); /* b goes: a has been asked for */
    assert_int_equal(kept(f, "/b"), 0);
    assert_int_equal(kept(f, "/c"), 'c');
    assert_int_equal(kept(f, "/a"), 'a');
    learn(f, "/e"); /* now it is d */
    assert_int_equal(kept(f, "/d"), 0);
    assert_int_equal(kept(f, "/a"), 'a');
    assert_int_equal(kept(f, "/c"), 'c');
    assert_int_equal(kept(f, "/e"), 'e');
}

static void what_is_replaced_or_dropped_gives_its_room_back(void **state)
{
    struct fixture *f = *state;
    reopen_cache(LARGE * 5 / 2, LARGE); /* two of them */
    write_large(f, "a", LARGE);
    write_large(f, "b", LARGE);
    learn(f, "/a");
    for (int i = 0; i < 10; i++) {
        learn(f, "/b"); /* replaced */
        assert_int_equal(given(f, "GET", "/b", "", NOW + 1000), 0);
        learn(f, "/b"); /* in the place of one that was too old */
    }
    assert_int_equal(kept(f, "/a"), 'a');
    assert_int_equal(kept(f, "/b"), 'b');
}

static void large_files_are_not_kept_and_cost_nobody_his_place(void **state)
{
    struct fixture *f = *state;
    write_file(f, "small", "s");
    write_large(f, "at_limit", 1000);
    write_large(f, "over", 1001);
    reopen_cache(ROOM, 1000);
    learn(f, "/small");
    learn(f, "/over");
    learn(f, "/at_limit");
    assert_int_equal(kept(f, "/over"), 0);
    assert_int_equal(kept(f, "/at_limit"), 'a');
    reopen_cache(LARGE, ROOM);
    write_large(f, "whole", LARGE); /* its fields do not fit beside it */
    learn(f, "/small");
    learn(f, "/whole");
    assert_int_equal(kept(f, "/whole"), 0);
    assert_int_equal(kept(f, "/small"), 's');
}

static void each_accept_encoding_has_its_own(void **state)
{
    /* Bug: who cannot read gzip was given what another had asked for. */
    struct fixture *f = *state;
    static const char gzip[] = "Accept-Encoding: gzip\r\n",
                      br[] = "accept-encoding: br\r\n",
                      none[] = "Accept-Encoding: gzip;q=0\r\n",
                      two[] = "Accept-Encoding: br\r\n"
                              "Accept-Encoding: gzip\r\n";
    write_file(f, "a", "plain");
    write_file(f, "a.gz", "gzip");
    write_file(f, "a.br", "br");
    learn(f, "/a");
    assert_int_equal(given(f, "GET", "/a", gzip, NOW), 0);
    learn_at(f, "GET", "/a", gzip, NOW);
    learn_at(f, "GET", "/a", br, NOW);
    learn_at(f, "GET", "/a", none, NOW);
    learn_at(f, "GET", "/a", two, NOW);
    assert_int_equal(kept(f, "/a"), 'p');
    assert_int_equal(given(f, "GET", "/a", gzip, NOW), 'g');
    assert_int_equal(given(f, "GET", "/a", br, NOW), 'b');
    assert_int_equal(given(f, "GET", "/a", none, NOW), 'p');
    assert_int_equal(given(f, "GET", "/a", two, NOW), 0);
}

static void each_mount_has_its_own(void **state)
{
    struct fixture *f = *state;
    static struct asked asked;
    struct mount other = f->mount;
    write_file(f, "a", "a");
    learn(f, "/a");
    asked_make(f, &asked, "GET", "/a", "");
    asked.exchange.mount = &other;
    assert_false(file_cache_answer(cache, &asked.exchange, NOW));
    asked_make(f, &asked, "GET", "/a", "");
    asked.exchange.handler = &(struct handler){.name = "another"};
    assert_false(file_cache_answer(cache, &asked.exchange, NOW));
}

static void rules_are_asked_for_what_was_opened(void **state)
{
    /* Bug: an index page or a compressed file was given from memory to who may
     * not have it, as the path that was asked for is allowed. */
    struct fixture *f = *state;
    static const char gzip[] = "Accept-Encoding: gzip\r\n";
    write_file(f, "a", "plain");
    write_file(f, "a.gz", "gzip");
    make_directory(f, "d");
    write_file(f, "d/index.html", "index");
    write_file(f, "d/index.html.gz", "zipped");
    learn_at(f, "GET", "/a", gzip, NOW);
    learn_at(f, "GET", "/d/", gzip, NOW);
    learn(f, "/d/");
    assert_int_equal(given(f, "GET", "/a", gzip, NOW), 'g');
    assert_int_equal(given(f, "GET", "/d/", gzip, NOW), 'z');
    set_rule(f, "deny GET /a.gz");
    assert_int_equal(given(f, "GET", "/a", gzip, NOW), 0);
    set_rule(f, "deny GET /d/index.html.gz");
    assert_int_equal(given(f, "GET", "/a", gzip, NOW), 'g');
    assert_int_equal(given(f, "GET", "/d/", gzip, NOW), 0);
    assert_int_equal(kept(f, "/d/"), 'i');
    set_rule(f, "deny GET /d/index.html");
    assert_int_equal(given(f, "GET", "/d/", gzip, NOW), 0);
    assert_int_equal(kept(f, "/d/"), 0);
    set_rule(f, "deny GET /b");
    assert_int_equal(given(f, "GET", "/d/", gzip, NOW), 'z');
    /* A client that may have more is not given less. */
    set_rule(f, "deny GET /d/index.html.gz");
    learn_at(f, "GET", "/d/", gzip, NOW);
    set_rule(f, "deny GET /b");
    assert_int_equal(given(f, "GET", "/d/", gzip, NOW), 'z');
    assert_int_equal(kept(f, "/d/"), 'i');
}

/* Requests whose answer is their own, of a file that there is. */
static const struct {
    const char *method, *fields;
} own[] = {
    {"HEAD", ""},
    {"OPTIONS", ""},
    {"DELETE", "If-Match: \"none\"\r\n"},
    {"GET", "Range: bytes=0-0\r\n"},
    {"GET", "range: bytes=0-99\r\n"},
    {"GET", "If-None-Match: \"none\"\r\n"},
    {"GET", "If-Match: *\r\n"},
    {"GET", "if-modified-since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"},
    {"GET", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"},
    {"GET", "If-Range: \"none\"\r\n"},
    {"GET", "Authorization: Bearer x\r\n"},
    {"GET", "authorization: Basic dTpw\r\n"},
    {"GET", "Accept: */*\r\nAUTHORIZATION: Basic dTpw\r\n"},
    {"GET", "Content-Length: 1\r\n"},
    {"GET", "Transfer-Encoding: chunked\r\n"},
};
enum { OWN = sizeof own / sizeof *own };

static void what_is_one_clients_own_is_not_kept(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a", "a");
    for (size_t i = 0; i < OWN; i++) {
        learn_at(f, own[i].method, "/a", own[i].fields, NOW);
        if (kept(f, "/a") != 0)
            fail_msg("kept: %s %s", own[i].method, own[i].fields);
    }
}

static void what_is_one_clients_own_is_not_given_from_it(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a", "a");
    learn(f, "/a");
    for (size_t i = 0; i < OWN; i++)
        if (given(f, own[i].method, "/a", own[i].fields, NOW) != 0)
            fail_msg("given: %s %s", own[i].method, own[i].fields);
    /* And these are what most clients send. */
    assert_int_equal(given(f, "GET", "/a",
                           "Referer: http://a/\r\nUser-Agent: b\r\n"
                           "Accept: text/html\r\nAccept-Language: de\r\n"
                           "Cookie: c\r\nIf: d\r\nX: e\r\n",
                           NOW),
                     'a');
}

static void what_is_no_small_file_is_not_kept(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(learn_at(f, "GET", "/none", "", NOW), 404);
    assert_int_equal(kept(f, "/none"), 0);
    make_directory(f, "d");
    assert_int_equal(learn_at(f, "GET", "/d", "", NOW), 301);
    assert_int_equal(kept(f, "/d"), 0);
    f->settings.files_sendfile_bytes = 10;
    reopen(f);
    write_file(f, "sent", "by the kernel");
    learn(f, "/sent");
    assert_true(f->exchange.response.file_fd >= 0);
    assert_int_equal(kept(f, "/sent"), 0);
    /* The last one before the server ends: it closes. */
    write_file(f, "a", "a");
    assert_int_equal(ask(f, "GET", "/a", ""), 200);
    f->exchange.response.close = true;
    file_cache_learn(cache, &f->exchange, NOW, file_cache_epoch());
    assert_int_equal(kept(f, "/a"), 0);
}

static void who_may_not_have_it_is_not_given_it(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a", "a");
    learn(f, "/a");
    set_rule(f, "deny * /");
    assert_int_equal(kept(f, "/a"), 0);
    set_rule(f, "allow GET /");
    assert_int_equal(kept(f, "/a"), 'a');
}

static void many_are_told_apart(void **state)
{
    /* Several a bucket, and those behind one that is taken out stay. */
    enum { FILES = 3000 };
    struct fixture *f = *state;
    char path[16];
    reopen_cache(64 << 20, ROOM);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/%d", i);
        write_file(f, path + 1, (char[]){(char)('a' + i % 26), '\0'});
        learn(f, path);
    }
    for (int i = 0; i < FILES; i += 2) { /* these are too old, and go */
        snprintf(path, sizeof path, "/%d", i);
        assert_int_equal(given(f, "GET", path, "", NOW + 1000), 0);
    }
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/%d", i);
        assert_int_equal(kept(f, path), i % 2 == 0 ? 0 : 'a' + i % 26);
    }
}

static void no_room_is_no_cache(void **state)
{
    (void)state;
    assert_null(file_cache_open(0, ROOM));
    file_cache_close(NULL);
}

#undef TEST
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_cached, close_cached)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_learnt_is_given_whole),
        TEST(an_answer_is_kept_for_a_second),
        TEST(a_write_ends_all_that_is_kept),
        TEST(what_was_opened_before_a_write_is_not_given),
        TEST(what_was_asked_for_last_stays_longest),
        TEST(what_is_replaced_or_dropped_gives_its_room_back),
        TEST(large_files_are_not_kept_and_cost_nobody_his_place),
        TEST(rules_are_asked_for_what_was_opened),
        TEST(each_accept_encoding_has_its_own),
        TEST(each_mount_has_its_own),
        TEST(what_is_one_clients_own_is_not_kept),
        TEST(what_is_one_clients_own_is_not_given_from_it),
        TEST(what_is_no_small_file_is_not_kept),
        TEST(who_may_not_have_it_is_not_given_it),
        TEST(many_are_told_apart),
        TEST(no_room_is_no_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
