/* test_conditions.c - If-Match and its kin, in the order of RFC 9110
 * section 13.2.2, for readers and writers. */
#include "tests/unit/files_fixture.h"

#include "base/clock.h"
#include "http/date.h"

/* In a row's fields "T" stands for the file's tag with its quotes, "W" for the
 * weak form of it. */
#define OTHER "\"x\""
#define OLDER "Tue, 14 Nov 2023 22:13:19 GMT"
#define NEWER "Tue, 14 Nov 2023 22:13:21 GMT"
#define SAME  FIXTURE_DATE

static const struct {
    const char *method, *fields;
    unsigned status;
} rows[] = {
    /* One condition. */
    {"GET", "", 200},
    {"GET", "If-Match: T", 200},
    {"GET", "If-Match: *", 200},
    {"GET", "If-Match: " OTHER, 412},
    {"GET", "If-Match: W", 412}, /* strong comparison */
    {"GET", "If-Match: " OTHER ", T", 200},
    {"GET", "If-Match: " OTHER "|If-Match: T", 200},
    {"GET", "If-Match: " OTHER "|If-Match: \"y\"", 412},
    {"GET", "If-Match: rubbish", 412},
    {"GET", "If-Match:", 412},
    {"HEAD", "If-Match: " OTHER, 412},
    {"GET", "If-None-Match: T", 304},
    {"GET", "If-None-Match: W", 304}, /* weak comparison */
    {"GET", "If-None-Match: *", 304},
    {"HEAD", "If-None-Match: T", 304},
    {"GET", "If-None-Match: " OTHER, 200},
    {"GET", "If-None-Match: " OTHER ",,T", 304},
    {"GET", "If-None-Match: " OTHER "|If-None-Match: W", 304},
    {"GET", "If-None-Match: \"a,b\", T", 304}, /* a comma in a tag */
    {"GET", "If-None-Match: \"T", 200},
    {"GET", "If-None-Match: rubbish", 200},
    {"GET", "If-None-Match: rubbish, T", 200}, /* not read past it */
    {"GET", "If-None-Match: w/T", 200},        /* W is upper case */
    {"GET", "If-None-Match: \"*\"", 200},
    {"GET", "If-Modified-Since: " SAME, 304},
    {"GET", "If-Modified-Since: " NEWER, 304},
    {"GET", "If-Modified-Since: " OLDER, 200},
    {"HEAD", "If-Modified-Since: " SAME, 304},
    {"GET", "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT", 304},
    {"GET", "If-Modified-Since: Tue Nov 14 22:13:20 2023", 304},
    {"GET", "If-Modified-Since: yesterday", 200},
    {"GET", "If-Modified-Since: " SAME "|If-Modified-Since: " SAME, 200},
    {"GET", "If-Unmodified-Since: " SAME, 200},
    {"GET", "If-Unmodified-Since: " NEWER, 200},
    {"GET", "If-Unmodified-Since: " OLDER, 412},
    {"GET", "If-Unmodified-Since: rubbish", 200},
    {"GET", "If-Unmodified-Since: " OLDER "|If-Unmodified-Since: " OLDER, 200},
    /* Case of names. */
    {"GET", "if-none-match: T", 304},
    {"GET", "IF-NONE-MATCH: T", 304},
    {"GET", "If-Nothing: T", 200},
    /* The order: a tag decides before a date. */
    {"GET", "If-Match: T|If-Unmodified-Since: " OLDER, 200},
    {"GET", "If-Match: " OTHER "|If-Unmodified-Since: " SAME, 412},
    {"GET", "If-None-Match: " OTHER "|If-Modified-Since: " SAME, 200},
    {"GET", "If-None-Match: T|If-Modified-Since: " OLDER, 304},
    {"GET", "If-Match: " OTHER "|If-None-Match: T", 412},
    {"GET", "If-Match: T|If-None-Match: T", 304},
    {"GET", "If-Match: T|If-Modified-Since: " SAME, 304},
    {"GET", "If-Unmodified-Since: " OLDER "|If-None-Match: T", 412},
    {"GET", "If-Unmodified-Since: " SAME "|If-None-Match: T", 304},
    /* Before ranges. */
    {"GET", "If-None-Match: T|Range: bytes=0-0", 304},
    {"GET", "If-Match: " OTHER "|Range: bytes=0-0", 412},
    {"GET", "If-None-Match: T|Range: bytes=99-", 304},
    /* If-Range. */
    {"GET", "Range: bytes=0-0|If-Range: T", 206},
    {"GET", "Range: bytes=0-0|If-Range: W", 200},
    {"GET", "Range: bytes=0-0|If-Range: " OTHER, 200},
    {"GET", "Range: bytes=99-|If-Range: " OTHER, 200},
    {"GET", "Range: bytes=99-|If-Range: T", 416},
    /* Its inode was changed later: the date may have been set back. */
    {"GET", "Range: bytes=0-0|If-Range: " SAME, 200},
    {"GET", "Range: bytes=0-0|If-Range: " OLDER, 200},
    {"GET", "Range: bytes=0-0|If-Range: " NEWER, 200},
    {"GET", "Range: bytes=0-0|If-Range: *", 200},
    {"GET", "Range: bytes=0-0|If-Range: rubbish", 200},
    {"GET", "Range: bytes=0-0|If-Range:", 200},
    {"GET", "If-Range: T", 200},
    {"HEAD", "Range: bytes=0-0|If-Range: T", 200},
    /* Writers; 0: the body is asked for. */
    {"PUT", "If-Match: T", 0},
    {"PUT", "If-Match: *", 0},
    {"PUT", "If-Match: " OTHER, 412},
    {"PUT", "If-Match: W", 412},
    {"PUT", "If-None-Match: *", 412},
    {"PUT", "If-None-Match: T", 412},
    {"PUT", "If-None-Match: " OTHER, 0},
    {"PUT", "If-Unmodified-Since: " OLDER, 412},
    {"PUT", "If-Unmodified-Since: " SAME, 0},
    {"PUT", "If-Modified-Since: " SAME, 0}, /* for readers only */
    {"DELETE", "If-Match: " OTHER, 412},
    {"DELETE", "If-None-Match: *", 412},
    {"DELETE", "If-Unmodified-Since: " OLDER, 412},
    {"DELETE", "If-Match: T", 204},
};

/* Turns "A: T|B: W" into lines, with the file's tag put in. */
static void write_fields(const char *fields, const char *tag, char *out,
                         size_t size)
{
    size_t n = 0;
    for (const char *at = fields; *at != '\0'; at++) {
        bool letter = at > fields && strchr(" \"/,", at[-1]) != NULL &&
                      (at[1] == '\0' || strchr("|,", at[1]) != NULL);
        if (*at == '|')
            n += (size_t)snprintf(out + n, size - n, "\r\n");
        else if (letter && (*at == 'T' || *at == 'W'))
            n += (size_t)snprintf(out + n, size - n, "%s%s",
                                  *at == 'W' ? "W/" : "", tag);
        else
            out[n++] = *at;
        assert_true(n + 3 < size);
    }
    snprintf(out + n, size - n, "%s", n > 0 ? "\r\n" : "");
}

static void conditions_hold_in_the_order_of_the_rfc(void **state)
{
    /* A date asked before a tag sends a stale page, or loses an update. */
    struct fixture *f = *state;
    char tag[1024], fields[2048];
    write_file(f, "a.txt", "hello");
    ask(f, "GET", "/a.txt", "");
    strcpy(tag, field(f, "ETag"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_fields(rows[i].fields, tag, fields, sizeof fields);
        unsigned status = ask(f, rows[i].method, "/a.txt", fields);
        if (status != rows[i].status)
            fail_msg("%s %s: %u", rows[i].method, fields, status);
    }
}

static void not_modified_carries_what_a_cache_updates(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.txt", "hello");
    assert_int_equal(ask(f, "GET", "/a.txt", "If-None-Match: *\r\n"), 304);
    assert_non_null(field(f, "ETag"));
    assert_field(f, "Last-Modified", FIXTURE_DATE);
    assert_null(field(f, "Content-Type"));
    assert_int_equal(f->body_length, 0);
    assert_int_equal(f->exchange.response.file_fd, -1);
}

static void what_is_missing_is_404_whatever_is_asked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/no", "If-None-Match: *\r\n"), 404);
    assert_int_equal(ask(f, "GET", "/no", "If-Match: *\r\n"), 404);
    assert_int_equal(ask(f, "DELETE", "/no", "If-Match: *\r\n"), 404);
    assert_int_equal(ask(f, "PUT", "/no", "If-Match: *\r\n"), 412);
    assert_int_equal(ask(f, "PUT", "/no", "If-Match: \"x\"\r\n"), 412);
    assert_int_equal(ask(f, "PUT", "/no", "If-Unmodified-Since: " OLDER "\r\n"),
                     0);
    assert_int_equal(ask(f, "PUT", "/no", "If-None-Match: *\r\n"), 0);
}

static void date_of_this_second_does_not_join_ranges(void **state)
{
    /* A file written twice within a second would be glued together from two
     * versions (RFC 9110 section 8.8.2.2). */
    struct fixture *f = *state;
    char fields[256];
    write_file(f, "a.txt", "hello");
    /* The next second: so that the clock cannot run past it meanwhile. */
    set_time(f, "a.txt", clock_wall() + 1);
    ask(f, "GET", "/a.txt", "");
    snprintf(fields, sizeof fields, "Range: bytes=0-1\r\nIf-Range: %.40s\r\n",
             field(f, "Last-Modified"));
    assert_int_equal(ask(f, "GET", "/a.txt", fields), 200);
}

/* Other content of the same length in the same inode, with the old date, as
 * "cp -p" and "tar x" leave it. The clock of the inode ticks a few hundred
 * times a second: until it has. */
static void put_back_in_time(struct fixture *f, const char *name,
                             const char *text)
{
    struct stat before, after;
    assert_int_equal(fstatat(f->root_fd, name, &before, 0), 0);
    do {
        write_file(f, name, text);
        assert_int_equal(fstatat(f->root_fd, name, &after, 0), 0);
    } while (before.st_ctim.tv_sec == after.st_ctim.tv_sec &&
             before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
}

static void what_a_deployment_sets_back_has_another_tag(void **state)
{
    /* Bug: 304 for ever, halves of two files joined, an update lost. */
    struct fixture *f = *state;
    char tag[1024], fields[1200];
    write_file(f, "a.txt", "v1");
    ask(f, "GET", "/a.txt", "");
    strcpy(tag, field(f, "ETag"));
    put_back_in_time(f, "a.txt", "v2");
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", tag);
    assert_int_equal(ask(f, "GET", "/a.txt", fields), 200);
    assert_string_equal(f->body, "v2");
    snprintf(fields, sizeof fields, "Range: bytes=1-1\r\nIf-Range: %s\r\n",
             tag);
    assert_int_equal(ask(f, "GET", "/a.txt", fields), 200);
    snprintf(fields, sizeof fields, "If-Match: %s\r\n", tag);
    assert_int_equal(ask(f, "PUT", "/a.txt", fields), 412);
    assert_int_equal(ask(f, "DELETE", "/a.txt", fields), 412);
}

static void no_date_is_in_the_future(void **state)
{
    /* RFC 9110 section 8.8.2.1. */
    struct fixture *f = *state;
    time_t said;
    write_file(f, "a.txt", "later");
    set_time(f, "a.txt", time(NULL) + 86400);
    assert_int_equal(ask(f, "GET", "/a.txt", ""), 200);
    char date[64];
    snprintf(date, sizeof date, "%.29s", field(f, "Last-Modified"));
    assert_int_equal(http_date_parse(text_of(date), &said), 0);
    assert_true(said <= time(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(conditions_hold_in_the_order_of_the_rfc),
        TEST(what_a_deployment_sets_back_has_another_tag),
        TEST(no_date_is_in_the_future),
        TEST(not_modified_carries_what_a_cache_updates),
        TEST(what_is_missing_is_404_whatever_is_asked),
        TEST(date_of_this_second_does_not_join_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
