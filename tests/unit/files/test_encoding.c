/* test_encoding.c - compressed files beside the ones that are asked
 * for. */
#include "tests/unit/files_fixture.h"

/* A page with both neighbours; each says in its bytes which it is. */
static int open_encoded(void **state)
{
    if (fixture_open(state) != 0)
        return -1;
    struct fixture *f = *state;
    f->settings.files_precompressed = true;
    reopen(f);
    write_file(f, "a.html", "plain");
    write_file(f, "a.html.br", "br");
    write_file(f, "a.html.gz", "gzip");
    return 0;
}

static const struct {
    const char *accept, *want;
} rows[] = {
    {"gzip", "gzip"},
    {"br", "br"},
    {"gzip, deflate, br, zstd", "br"},
    {"gzip,br", "br"},
    {"GZip", "gzip"},
    {"deflate", "plain"},
    {"", "plain"},
    {"identity", "plain"},
    {"*", "br"},
    {"*;q=0", "plain"},
    {"gzip, *;q=0", "gzip"},
    {"br;q=0, *", "gzip"},
    {"br;q=0", "plain"},
    {"br;q=0, gzip;q=0", "plain"},
    {"br;q=0.0, gzip", "gzip"},
    {"br;q=0.000, gzip;q=0.001", "gzip"},
    {"br;q=0.5, gzip", "gzip"},
    {"br;q=0.5, gzip;q=0.4", "br"},
    {"gzip;q=0.9, identity", "plain"},
    {"gzip;q=1.0, identity;q=0.5", "gzip"},
    {"gzip ; q=1", "gzip"},
    {"gzip;Q=0", "plain"},
    {"gzip;q=", "plain"},
    {"gzip;q=2", "plain"},
    {"gzip;q=1.5", "plain"},
    {"gzip;q=1.000", "gzip"},
    {"gzip;q=0.1234", "plain"},
    {"gzip;q=x", "plain"},
    {"gzip;level=9", "gzip"},
    {"xgzip", "plain"},
    {"gzipx", "plain"},
};

static void weights_choose_the_coding(void **state)
{
    /* "gzip;q=0" contains "gzip": a search for the word sends what the client
     * has said that it cannot read. */
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "Accept-Encoding: %s\r\n",
                 rows[i].accept);
        assert_int_equal(ask(f, "GET", "/a.html", fields), 200);
        if (strcmp(f->body, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].accept, f->body);
        const char *coding = field(f, "Content-Encoding");
        assert_string_equal(coding ? coding : "plain", rows[i].want);
        assert_field(f, "Vary", "Accept-Encoding");
        assert_field(f, "Content-Type", "text/html; charset=utf-8");
    }
    assert_int_equal(ask(f, "GET", "/a.html",
                         "Accept-Encoding: deflate\r\n"
                         "Accept-Encoding: gzip\r\n"),
                     200);
    assert_string_equal(f->body, "gzip");
}

static void each_coding_has_a_tag_of_its_own(void **state)
{
    /* One tag for both would let a cache join half of each. */
    struct fixture *f = *state;
    char plain[1024], gzip[1024], fields[2300];
    ask(f, "GET", "/a.html", "");
    strcpy(plain, field(f, "ETag"));
    ask(f, "GET", "/a.html", "Accept-Encoding: gzip\r\n");
    strcpy(gzip, field(f, "ETag"));
    assert_string_not_equal(plain, gzip);
    assert_non_null(strstr(gzip, "-gzip\""));
    snprintf(fields, sizeof fields,
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", plain);
    assert_int_equal(ask(f, "GET", "/a.html", fields), 200);
    snprintf(fields, sizeof fields,
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", gzip);
    assert_int_equal(ask(f, "GET", "/a.html", fields), 304);
    assert_field(f, "Vary", "Accept-Encoding");
}

static void ranges_count_the_encoded_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/a.html",
                         "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n"),
                     206);
    assert_string_equal(f->body, "zi");
    assert_field(f, "Content-Range", "bytes 1-2/4");
    assert_field(f, "Content-Encoding", "gzip");
}

static void older_or_odd_neighbours_are_passed_over(void **state)
{
    /* A page that was edited without compressing it again. */
    struct fixture *f = *state;
    static const char both[] = "Accept-Encoding: br, gzip\r\n";
    set_time(f, "a.html.br", FIXTURE_TIME - 1);
    ask(f, "GET", "/a.html", both);
    assert_string_equal(f->body, "gzip");
    assert_int_equal(unlinkat(f->root_fd, "a.html.gz", 0), 0);
    make_directory(f, "a.html.gz");
    ask(f, "GET", "/a.html", both);
    assert_string_equal(f->body, "plain");
    assert_int_equal(unlinkat(f->root_fd, "a.html", 0), 0);
    set_time(f, "a.html.br", FIXTURE_TIME);
    assert_int_equal(ask(f, "GET", "/a.html", both), 404);
    assert_int_equal(ask(f, "GET", "/a.html.br", ""), 200);
    assert_field(f, "Content-Type", "application/octet-stream");
}

static void time_that_was_cut_to_seconds_is_not_older(void **state)
{
    /* Bug: what pigz -k or brotli -k has made is never served. */
    struct fixture *f = *state;
    struct timespec at[] = {{FIXTURE_TIME, 500000000}, {FIXTURE_TIME, 500}};
    assert_int_equal(utimensat(f->root_fd, "a.html", at, 0), 0);
    ask(f, "GET", "/a.html", "Accept-Encoding: gzip\r\n");
    assert_string_equal(f->body, "gzip");
    at[1].tv_nsec = 499;
    assert_int_equal(utimensat(f->root_fd, "a.html.gz", at, 0), 0);
    ask(f, "GET", "/a.html", "Accept-Encoding: gzip\r\n");
    assert_string_equal(f->body, "plain");
}

static void not_modified_says_nothing_of_the_coding(void **state)
{
    struct fixture *f = *state;
    char fields[1200];
    ask(f, "GET", "/a.html", "Accept-Encoding: gzip\r\n");
    snprintf(fields, sizeof fields,
             "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n",
             field(f, "ETag"));
    assert_int_equal(ask(f, "GET", "/a.html", fields), 304);
    assert_null(field(f, "Content-Encoding"));
    assert_non_null(field(f, "ETag"));
}

static void several_ranges_of_an_encoded_file_are_the_whole(void **state)
{
    /* Bug: parts of a compressed file, each called compressed: no client can
     * undo that. */
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/a.html",
                         "Accept-Encoding: gzip\r\nRange: bytes=0-0,2-2\r\n"),
                     200);
    assert_string_equal(f->body, "gzip");
    assert_field(f, "Content-Encoding", "gzip");
    assert_int_equal(ask(f, "GET", "/a.html", "Range: bytes=0-0,2-2\r\n"), 206);
    assert_null(field(f, "Content-Encoding"));
}

static void svgz_is_a_coded_svg(void **state)
{
    struct fixture *f = *state;
    write_file(f, "p.svgz", "coded");
    assert_int_equal(ask(f, "GET", "/p.svgz", ""), 200);
    assert_field(f, "Content-Type", "image/svg+xml");
    assert_field(f, "Content-Encoding", "gzip");
}

static void index_page_is_encoded_too(void **state)
{
    struct fixture *f = *state;
    write_file(f, "index.html", "plain");
    write_file(f, "index.html.gz", "gzip");
    assert_int_equal(ask(f, "GET", "/", "Accept-Encoding: gzip\r\n"), 200);
    assert_string_equal(f->body, "gzip");
    assert_field(f, "Content-Type", "text/html; charset=utf-8");
}

static void nothing_is_encoded_unless_set(void **state)
{
    struct fixture *f = *state;
    f->settings.files_precompressed = false;
    reopen(f);
    ask(f, "GET", "/a.html", "Accept-Encoding: gzip\r\n");
    assert_string_equal(f->body, "plain");
    assert_null(field(f, "Vary"));
}

#define ENCODED(name)                                                          \
    cmocka_unit_test_setup_teardown(name, open_encoded, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCODED(weights_choose_the_coding),
        ENCODED(each_coding_has_a_tag_of_its_own),
        ENCODED(ranges_count_the_encoded_bytes),
        ENCODED(older_or_odd_neighbours_are_passed_over),
        ENCODED(time_that_was_cut_to_seconds_is_not_older),
        ENCODED(not_modified_says_nothing_of_the_coding),
        ENCODED(several_ranges_of_an_encoded_file_are_the_whole),
        ENCODED(svgz_is_a_coded_svg),
        ENCODED(index_page_is_encoded_too),
        ENCODED(nothing_is_encoded_unless_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
