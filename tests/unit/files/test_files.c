/* test_files.c - GET, HEAD, OPTIONS and what is refused. */
#include "tests/unit/files_fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static void small_file_is_answered_from_memory(void **state)
{
    /* A small body whose file stays open would double the descriptors that a
     * busy server needs. */
    struct fixture *f = *state;
    write_file(f, "a.txt", "hello");
    assert_int_equal(ask(f, "GET", "/a.txt", ""), 200);
    assert_string_equal(f->body, "hello");
    assert_int_equal(f->exchange.response.file_fd, -1);
    assert_field(f, "Content-Type", "text/plain; charset=utf-8");
    assert_field(f, "Last-Modified", FIXTURE_DATE);
    assert_field(f, "Accept-Ranges", "bytes");
    assert_non_null(field(f, "ETag"));
    assert_null(field(f, "Vary"));
}

static void small_file_costs_one_open_and_one_read(void **state)
{
    /* The way that the benchmark measures; conn does not know of more. */
    struct fixture *f = *state;
    write_file(f, "a.txt", "hello");
    /* The first of all may find out that there is no openat2. */
    close(beneath_open(f->root_fd, "/a.txt", O_RDONLY, 0));
    uint64_t before = counted(STAT_sys_open);
    uint64_t reads = counted(STAT_sys_read);
    close(beneath_open(f->root_fd, "/a.txt", O_RDONLY, 0));
    uint64_t opening = counted(STAT_sys_open) - before; /* more by steps */
    assert_int_equal(ask(f, "GET", "/a.txt", ""), 200);
    assert_int_equal(counted(STAT_sys_open) - before, 2 * opening);
    assert_int_equal(counted(STAT_sys_read) - reads, 1);
    f->settings.files_precompressed = true;
    reopen(f);
    assert_int_equal(ask(f, "GET", "/a.txt", "Accept-Encoding: zstd\r\n"), 200);
    assert_int_equal(counted(STAT_sys_open) - before, 3 * opening);
}

static void sizes_around_the_sendfile_border_are_whole(void **state)
{
    /* Pitfall 14: a file of exactly the border's size. */
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 999, 1000, 1001, 5000};
    char bytes[5000];
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_bytes(f, "a.bin", bytes, sizes[i]);
        assert_int_equal(ask(f, "GET", "/a.bin", ""), 200);
        assert_int_equal(f->body_length, sizes[i]);
        assert_memory_equal(f->body, bytes, sizes[i]);
        assert_int_equal(f->exchange.response.file_fd >= 0, sizes[i] >= 1000);
    }
}

static void head_has_the_fields_of_get_and_reads_nothing(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.txt", "hello");
    assert_int_equal(ask(f, "GET", "/a.txt", ""), 200);
    char fields[1024];
    struct text got = buffer_text(&f->exchange.response.fields);
    memcpy(fields, got.data, got.length);
    size_t length = got.length;
    assert_int_equal(ask(f, "HEAD", "/a.txt", "Range: bytes=0-1\r\n"), 200);
    assert_int_equal(response_length(&f->exchange.response), 5);
    assert_int_equal(buffer_length(&f->exchange.response.memory), 0);
    got = buffer_text(&f->exchange.response.fields);
    assert_int_equal(got.length, length);
    assert_memory_equal(got.data, fields, length);
}

static void tag_changes_with_time_size_and_inode(void **state)
{
    /* A file replaced by one of the same size and date (cp -p) is another. */
    struct fixture *f = *state;
    char first[1024], second[1024]; /* as field() */
    write_file(f, "a", "one");
    ask(f, "GET", "/a", "");
    snprintf(first, sizeof first, "%s", field(f, "ETag"));
    write_file(f, "b", "two");
    assert_int_equal(renameat(f->root_fd, "b", f->root_fd, "a"), 0);
    ask(f, "GET", "/a", "");
    snprintf(second, sizeof second, "%s", field(f, "ETag"));
    assert_string_not_equal(first, second);
    set_time(f, "a", FIXTURE_TIME + 1);
    ask(f, "GET", "/a", "");
    assert_string_not_equal(second, field(f, "ETag"));
    assert_int_equal(first[0], '"');
}

static void what_is_no_file_is_not_found(void **state)
{
    /* Opening a FIFO without O_NONBLOCK would stop the whole server. */
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", f->root);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    assert_int_equal(mkfifoat(f->root_fd, "fifo", 0644), 0);
    assert_int_equal(symlinkat("gone", f->root_fd, "dangling"), 0);
    assert_int_equal(symlinkat("loop", f->root_fd, "loop"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->root_fd, "out"), 0);
    assert_int_equal(symlinkat("../..", f->root_fd, "up"), 0);
    write_file(f, "file", "x");
    static const char *const targets[] = {
        "/nothing", "/fifo",  "/socket",     "/dangling", "/loop", "/out",
        "/up/etc",  "/file/", "/file/below", "/nothing/", "/up/",  "/no/where",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        assert_int_equal(ask(f, "GET", targets[i], ""), 404);
    char longest[400] = "/";
    memset(longest + 1, 'n', 300);
    assert_int_equal(ask(f, "GET", longest, ""), 404);
}

static void names_with_a_dot_in_front_are_hidden(void **state)
{
    /* .git and .htpasswd lie in many a root; their own rules are forgotten. */
    struct fixture *f = *state;
    make_directory(f, ".git");
    make_directory(f, ".well-known");
    make_directory(f, "d");
    write_file(f, ".git/config", "x");
    write_file(f, ".htpasswd", "x");
    write_file(f, ".well-known/security.txt", "x");
    write_file(f, ".well-known/.secret", "x");
    write_file(f, "d/.env", "x");
    write_file(f, "d/a.b", "x");
    assert_int_equal(ask(f, "GET", "/.git/config", ""), 404);
    assert_int_equal(ask(f, "GET", "/.git", ""), 404);
    assert_int_equal(ask(f, "GET", "/.htpasswd", ""), 404);
    assert_int_equal(ask(f, "GET", "/%2ehtpasswd", ""), 404);
    assert_int_equal(ask(f, "HEAD", "/d/.env", ""), 404);
    assert_int_equal(ask(f, "GET", "/d/a.b", ""), 200);
    assert_int_equal(ask(f, "GET", "/.well-known/security.txt", ""), 200);
    assert_int_equal(ask(f, "GET", "/.well-known/.secret", ""), 404);
    assert_int_equal(ask(f, "PUT", "/.htpasswd", "Content-Length: 1\r\n"), 403);
    assert_int_equal(ask(f, "DELETE", "/.htpasswd", ""), 403);
    assert_int_equal(faccessat(f->root_fd, ".htpasswd", F_OK, 0), 0);
}

static void links_inside_the_root_are_followed(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a.txt", "linked");
    assert_int_equal(symlinkat("d/a.txt", f->root_fd, "l"), 0);
    assert_int_equal(symlinkat("../d", f->root_fd, "d/self"), 0);
    if (ask(f, "GET", "/l", "") == 404) /* no openat2 here: links refused */
        skip();
    assert_string_equal(f->body, "linked");
    assert_int_equal(ask(f, "GET", "/d/self/a.txt", ""), 200);
}

static void directory_without_slash_is_redirected_with_its_query(void **state)
{
    /* "//host" or "/\host" in Location would send a browser elsewhere. */
    struct fixture *f = *state;
    make_directory(f, "docs");
    make_directory(f, "a b\\c");
    make_directory(f, "\\evil.example");
    assert_int_equal(ask(f, "GET", "/docs", ""), 301);
    assert_field(f, "Location", "/docs/");
    assert_int_equal(ask(f, "GET", "/docs?a=1&b=%20", ""), 301);
    assert_field(f, "Location", "/docs/?a=1&b=%20");
    assert_int_equal(ask(f, "HEAD", "/a%20b%5Cc", ""), 301);
    assert_field(f, "Location", "/a%20b%5Cc/");
    assert_int_equal(ask(f, "GET", "//docs", ""), 301);
    assert_field(f, "Location", "/docs/");
    assert_int_equal(ask(f, "GET", "/%5Cevil.example", ""), 301);
    assert_field(f, "Location", "/%5Cevil.example/");
}

static void directory_gives_its_index_page(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    assert_int_equal(ask(f, "GET", "/d/", ""), 403);
    write_file(f, "d/index.html", "page");
    assert_int_equal(ask(f, "GET", "/d/", ""), 200);
    assert_string_equal(f->body, "page");
    assert_field(f, "Content-Type", "text/html; charset=utf-8");
    assert_int_equal(ask(f, "GET", "/d/", "If-None-Match: *\r\n"), 304);
    write_file(f, "index.html", "top");
    assert_int_equal(ask(f, "GET", "/", ""), 200);
    assert_string_equal(f->body, "top");
    /* Not a page: a directory of that name. */
    make_directory(f, "e");
    make_directory(f, "e/index.html");
    assert_int_equal(ask(f, "GET", "/e/", ""), 403);
    f->settings.files_index = NULL;
    reopen(f);
    assert_int_equal(ask(f, "GET", "/d/", ""), 403);
}

static void listing_shows_what_can_be_got_and_escapes_it(void **state)
{
    struct fixture *f = *state;
    f->settings.files_listing = true;
    reopen(f);
    make_directory(f, "d");
    make_directory(f, "d/zoo");
    write_file(f, "d/<b>&\"'.txt", "12345");
    write_file(f, "d/a:b%20.txt", "1");
    write_file(f, "d/.hidden", "1");
    assert_int_equal(symlinkat("/etc/passwd", f->root_fd, "d/out"), 0);
    assert_int_equal(mkfifoat(f->root_fd, "d/fifo", 0644), 0);
    assert_int_equal(ask(f, "GET", "/d/", "Accept: text/html, */*\r\n"), 200);
    assert_field(f, "Content-Type", "text/html; charset=utf-8");
    assert_field(f, "Vary", "Accept");
    assert_null(strstr(f->body, "<b>"));
    assert_null(strstr(f->body, "hidden"));
    assert_null(strstr(f->body, "fifo"));
    assert_null(strstr(f->body, ">out<"));
    assert_non_null(strstr(f->body, "href=\"%3Cb%3E%26%22%27.txt\""));
    assert_non_null(strstr(f->body, "href=\"a%3Ab%2520.txt\""));
    assert_non_null(strstr(f->body, "href=\"../\""));
    assert_non_null(strstr(f->body, "2023-11-14 22:13"));
    assert_true(strstr(f->body, "zoo/") < strstr(f->body, "%3Cb"));
    assert_int_equal(ask(f, "GET", "/", ""), 200);
    assert_null(strstr(f->body, "../"));
}

static void listing_is_json_for_who_asks(void **state)
{
    struct fixture *f = *state;
    f->settings.files_listing = true;
    reopen(f);
    make_directory(f, "zoo");
    set_time(f, "zoo", FIXTURE_TIME);
    write_file(f, "b\".txt", "12345");
    write_file(f, "a.txt", "");
    write_file(f, "\xE4", ""); /* what old file systems have */
    assert_int_equal(ask(f, "GET", "/", "Accept: application/json\r\n"), 200);
    assert_field(f, "Content-Type", "application/json");
    assert_string_equal(
        f->body,
        "[\n{\"name\":\"zoo\",\"href\":\"zoo/"
        "\",\"type\":\"directory\",\"mtime\":"
        "\"" FIXTURE_DATE "\"},\n"
        "{\"name\":\"a.txt\",\"href\":\"a.txt\",\"type\":\"file\",\"mtime\":"
        "\"" FIXTURE_DATE "\",\"size\":0},\n"
        "{\"name\":\"b\\\".txt\",\"href\":\"b%22.txt\",\"type\":\"file\","
        "\"mtime\":"
        "\"" FIXTURE_DATE "\",\"size\":5},\n"
        "{\"name\":\"\xEF\xBF\xBD\",\"href\":\"%E4\",\"type\":\"file\","
        "\"mtime\":"
        "\"" FIXTURE_DATE "\",\"size\":0}\n]\n");
    ask(f, "GET", "/", "Accept: text/html, application/json;q=0.9\r\n");
    assert_field(f, "Content-Type", "text/html; charset=utf-8");
    ask(f, "GET", "/", "Accept: application/json;q=0\r\n");
    assert_field(f, "Content-Type", "text/html; charset=utf-8");
}

static void listing_shows_sizes_for_people(void **state)
{
    struct fixture *f = *state;
    static const struct {
        off_t size;
        const char *shown;
    } sizes[] = {
        {0, ">0 B<"},
        {1023, ">1023 B<"},
        {1024, ">1.0 KiB<"},
        {1536, ">1.5 KiB<"},
        {(off_t)5 << 20, ">5.0 MiB<"},
        {(off_t)3 << 40, ">3.0 TiB<"},
    };
    f->settings.files_listing = true;
    reopen(f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_file(f, "a", "");
        int fd = openat(f->root_fd, "a", O_WRONLY);
        assert_int_equal(ftruncate(fd, sizes[i].size), 0);
        close(fd);
        assert_int_equal(ask(f, "GET", "/", ""), 200);
        assert_non_null(strstr(f->body, sizes[i].shown));
    }
}

static void missing_root_is_told_by_errno(void **state)
{
    struct fixture *f = *state;
    struct settings settings = f->settings;
    settings.files_root = (char *)"/nothing/here";
    assert_null(files_open(&settings));
    assert_int_equal(errno, ENOENT);
    write_file(f, "file", "x");
    char path[128];
    snprintf(path, sizeof path, "%s/file", f->root);
    settings.files_root = path;
    assert_null(files_open(&settings));
    assert_int_equal(errno, ENOTDIR);
}

static void directory_with_too_many_entries_is_not_listed(void **state)
{
    /* A page of a million rows would hold up everyone else. */
    struct fixture *f = *state;
    char name[32];
    f->settings.files_listing = true;
    reopen(f);
    make_directory(f, "d");
    write_file(f, "d/0", "x");
    for (int i = 1; i < 10000; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        assert_int_equal(linkat(f->root_fd, "d/0", f->root_fd, name, 0), 0);
    }
    assert_int_equal(ask(f, "GET", "/d/", ""), 200);
    assert_int_equal(linkat(f->root_fd, "d/0", f->root_fd, "d/10000", 0), 0);
    assert_int_equal(ask(f, "GET", "/d/", ""), 403);
    assert_int_equal(ask(f, "GET", "/d/10000", ""), 200);
}

static void unreadable_file_is_forbidden(void **state)
{
    struct fixture *f = *state;
    write_file(f, "secret", "x");
    assert_int_equal(fchmodat(f->root_fd, "secret", 0, 0), 0);
    assert_int_equal(fchmod(f->root_fd, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    unsigned status = ask(f, "GET", "/secret", "");
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, 403);
}

static void no_descriptor_left_is_503_with_retry(void **state)
{
    /* Pitfall 15: the system's shortage is not the client's mistake. */
    struct fixture *f = *state;
    write_file(f, "a", "x");
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0; /* what is open stays open */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    unsigned status = ask(f, "GET", "/a", "");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(status, 503);
    assert_field(f, "Retry-After", "1");
    assert_int_equal(ask(f, "GET", "/a", ""), 200);
}

static void listing_without_descriptors_is_not_half_a_listing(void **state)
{
    /* Links were left out, and the answer was 200. */
    struct fixture *f = *state;
    struct rlimit old, one;
    f->settings.files_listing = true;
    reopen(f);
    make_directory(f, "d");
    assert_int_equal(symlinkat("../d", f->root_fd, "d/link"), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    one = old;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    one.rlim_cur = (rlim_t)next + 1; /* for the directory */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one), 0);
    unsigned status = ask(f, "GET", "/d/", "");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(status, 503);
    assert_int_equal(ask(f, "GET", "/d/", ""), 200);
}

static void file_that_shrinks_is_not_sent_short(void **state)
{
    /* A sysfs file states 4096 bytes and gives fewer: just what a file that
     * was cut between fstat and pread does. */
    struct fixture *f = *state;
    f->settings.files_root = (char *)"/sys/kernel/mm/transparent_hugepage";
    f->settings.files_sendfile_bytes = 1 << 20;
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) < 0)
        skip();
    reopen(f);
    assert_int_equal(ask(f, "GET", "/enabled", ""), 500);
    assert_null(field(f, "ETag"));
}

static void methods_get_405_and_allow(void **state)
{
    struct fixture *f = *state;
    static const char all[] = "GET, HEAD, PUT, DELETE, OPTIONS";
    write_file(f, "a", "x");
    assert_int_equal(ask(f, "POST", "/a", "Content-Length: 0\r\n"), 405);
    assert_field(f, "Allow", all);
    assert_int_equal(ask(f, "PATCH", "/a", "Content-Length: 0\r\n"), 405);
    assert_int_equal(ask(f, "TRACE", "/a", ""), 405);
    assert_int_equal(ask(f, "OPTIONS", "/a", ""), 204);
    assert_field(f, "Allow", all);
    assert_int_equal(ask(f, "OPTIONS", "/", ""), 204);
    assert_field(f, "Allow", "GET, HEAD, OPTIONS");
}

static void cache_control_is_on_answers_that_can_be_kept(void **state)
{
    struct fixture *f = *state;
    f->settings.files_cache_control = (char *)"max-age=60";
    reopen(f);
    write_file(f, "a", "x");
    assert_int_equal(ask(f, "GET", "/a", ""), 200);
    assert_field(f, "Cache-Control", "max-age=60");
    assert_int_equal(ask(f, "GET", "/a", "If-None-Match: *\r\n"), 304);
    assert_field(f, "Cache-Control", "max-age=60");
    assert_true(f->exchange.response.no_length);
    assert_int_equal(f->body_length, 0);
    assert_int_equal(ask(f, "GET", "/b", ""), 404);
    assert_null(field(f, "Cache-Control"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_file_is_answered_from_memory),
        TEST(small_file_costs_one_open_and_one_read),
        TEST(sizes_around_the_sendfile_border_are_whole),
        TEST(head_has_the_fields_of_get_and_reads_nothing),
        TEST(tag_changes_with_time_size_and_inode),
        TEST(what_is_no_file_is_not_found),
        TEST(names_with_a_dot_in_front_are_hidden),
        TEST(links_inside_the_root_are_followed),
        TEST(directory_without_slash_is_redirected_with_its_query),
        TEST(directory_gives_its_index_page),
        TEST(listing_shows_what_can_be_got_and_escapes_it),
        TEST(listing_is_json_for_who_asks),
        TEST(listing_shows_sizes_for_people),
        TEST(listing_without_descriptors_is_not_half_a_listing),
        TEST(missing_root_is_told_by_errno),
        TEST(directory_with_too_many_entries_is_not_listed),
        TEST(unreadable_file_is_forbidden),
        TEST(no_descriptor_left_is_503_with_retry),
        TEST(file_that_shrinks_is_not_sent_short),
        TEST(methods_get_405_and_allow),
        TEST(cache_control_is_on_answers_that_can_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
