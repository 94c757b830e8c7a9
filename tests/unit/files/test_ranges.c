/* test_ranges.c - which bytes a Range asks for, and how they come. */
#include "tests/unit/files_fixture.h"

/* What files_ranges_read makes of value for size bytes: "first+length" of
 * each, "ignored" or "416". */
static const struct {
    const char *value;
    uint64_t size;
    const char *want;
} rows[] = {
    /* One. */
    {"bytes=0-0", 10, "0+1"},
    {"bytes=0-9", 10, "0+10"},
    {"bytes=0-99", 10, "0+10"},
    {"bytes=9-9", 10, "9+1"},
    {"bytes=9-10", 10, "9+1"},
    {"bytes=5-", 10, "5+5"},
    {"bytes=0-", 10, "0+10"},
    {"bytes=-1", 10, "9+1"},
    {"bytes=-10", 10, "0+10"},
    {"bytes=-11", 10, "0+10"},
    {"bytes=00-01", 10, "0+2"},
    {"BYTES=0-1", 10, "0+2"},
    {"bytes=0-1 ", 10, "0+2"},
    {"bytes= 0-1", 10, "0+2"},
    /* None of it there. */
    {"bytes=10-", 10, "416"},
    {"bytes=10-20", 10, "416"},
    {"bytes=-0", 10, "416"},
    {"bytes=10-,-0,11-12", 10, "416"},
    {"bytes=0-", 0, "416"},
    {"bytes=0-0", 0, "416"},
    {"bytes=-5", 0, "ignored"},
    /* Too large for any number. */
    {"bytes=18446744073709551615-", 10, "416"},
    {"bytes=18446744073709551616-", 10, "416"},
    {"bytes=99999999999999999999999-", 10, "416"},
    {"bytes=0-18446744073709551615", 10, "0+10"},
    {"bytes=0-99999999999999999999999", 10, "0+10"},
    {"bytes=-99999999999999999999999", 10, "0+10"},
    {"bytes=4-5", UINT64_C(1) << 62, "4+2"},
    {"bytes=4611686018427387903-", UINT64_C(1) << 62, "4611686018427387903+1"},
    /* Not understood: as if it were not there. */
    {"", 10, "ignored"},
    {"bytes", 10, "ignored"},
    {"bytes=", 10, "ignored"},
    {"bytes=,", 10, "ignored"},
    {"bytes=-", 10, "ignored"},
    {"bytes=--1", 10, "ignored"},
    {"bytes=1", 10, "ignored"},
    {"bytes=2-1", 10, "ignored"},
    {"bytes=0-1,3-2", 10, "ignored"},
    {"bytes=0-1,x", 10, "ignored"},
    {"bytes=a-b", 10, "ignored"},
    {"bytes=0x0-1", 10, "ignored"},
    {"bytes=+0-1", 10, "ignored"},
    {"bytes=0 - 1", 10, "ignored"},
    {"bytes=0-1-2", 10, "ignored"},
    {"bytes=0-1;4-5", 10, "ignored"},
    {"bytes =0-1", 10, "ignored"},
    {"bytes:0-1", 10, "ignored"},
    {"lines=0-1", 10, "ignored"},
    {"none", 10, "ignored"},
    {"0-1", 10, "ignored"},
    /* Several. */
    {"bytes=0-0,2-2", 10, "0+1 2+1"},
    {"bytes=2-2,0-0", 10, "2+1 0+1"},
    {"bytes=0-0 , 2-2", 10, "0+1 2+1"},
    {"bytes=,0-0,,2-2,", 10, "0+1 2+1"},
    {"bytes=0-0,-1", 10, "0+1 9+1"},
    {"bytes=0-0,10-,4-4", 10, "0+1 4+1"},
    {"bytes=0-4,5-9", 10, "0+5 5+5"}, /* side by side is not twice */
    {"bytes=0-4,4-9", 10, "0+10"},
    {"bytes=0-9,2-3", 10, "0+10"},
    {"bytes=2-3,0-9", 10, "0+10"},
    {"bytes=0-,0-,0-", 10, "0+10"},
    {"bytes=0-0,2-2,4-4,0-4", 10, "0+5"},
    {"bytes=0-1,4-5,1-4,8-8", 10, "0+6 8+1"},
    {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
     "24-24,26-26,28-28,30-30",
     99,
     "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 "
     "30+1"},
    {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
     "24-24,26-26,28-28,30-30,32-32",
     99, "ignored"},
    {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
     "24-24,26-26,28-28,30-30,32-32",
     99999,
     "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 "
     "30+1 32+1"},
    {"bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", 99, "0+99"},
};

static void ranges_are_read_as_the_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct range ranges[RANGES_MAX];
        size_t count = 0, n = 0;
        char got[512] = "";
        enum range_verdict verdict = files_ranges_read(
            text_of(rows[i].value), rows[i].size, ranges, &count);
        if (verdict != RANGE_SOME)
            strcpy(got, verdict == RANGE_NONE ? "ignored" : "416");
        for (size_t r = 0; verdict == RANGE_SOME && r < count; r++)
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%llu+%llu",
                                  r > 0 ? " " : "",
                                  (unsigned long long)ranges[r].first,
                                  (unsigned long long)ranges[r].length);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s of %llu: %s", rows[i].value,
                     (unsigned long long)rows[i].size, got);
    }
}

static void whatever_is_asked_no_byte_comes_twice(void **state)
{
    /* Any small header: parts lie within the file and apart from each other. */
    static const char letters[] = "0123456789,,,---- ";
    uint32_t random = 1;
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char value[48] = "bytes=";
        struct range ranges[RANGES_MAX];
        size_t count;
        uint64_t size = (uint64_t)turn % 20;
        for (size_t i = 6; i < sizeof value - 1; i++) {
            random = random * 1664525 + 1013904223;
            value[i] = letters[(random >> 16) % (sizeof letters - 1)];
        }
        value[7 + turn % 40] = '\0';
        if (files_ranges_read(text_of(value), size, ranges, &count) !=
            RANGE_SOME)
            continue;
        assert_in_range(count, 1, RANGES_MAX);
        for (size_t i = 0; i < count; i++) {
            uint64_t first = ranges[i].first, end = first + ranges[i].length;
            assert_true(first < end && end <= size);
            for (size_t k = 0; k < i; k++)
                assert_true(end <= ranges[k].first ||
                            ranges[k].first + ranges[k].length <= first);
        }
    }
}

static void single_range_comes_alone(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.txt", "0123456789");
    assert_int_equal(ask(f, "GET", "/a.txt", "Range: bytes=2-4\r\n"), 206);
    assert_string_equal(f->body, "234");
    assert_field(f, "Content-Range", "bytes 2-4/10");
    assert_field(f, "Content-Type", "text/plain; charset=utf-8");
    assert_non_null(field(f, "ETag"));
    assert_int_equal(ask(f, "GET", "/a.txt", "Range: bytes=-3\r\n"), 206);
    assert_string_equal(f->body, "789");
    assert_field(f, "Content-Range", "bytes 7-9/10");
}

static void range_of_a_large_file_is_sent_from_it(void **state)
{
    struct fixture *f = *state;
    char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 251);
    write_bytes(f, "a.bin", bytes, sizeof bytes);
    assert_int_equal(ask(f, "GET", "/a.bin", "Range: bytes=100-1999\r\n"), 206);
    assert_true(f->exchange.response.file_fd >= 0);
    assert_int_equal(f->body_length, 1900);
    assert_memory_equal(f->body, bytes + 100, 1900);
    assert_int_equal(ask(f, "GET", "/a.bin", "Range: bytes=4990-\r\n"), 206);
    assert_int_equal(f->exchange.response.file_fd, -1);
    assert_memory_equal(f->body, bytes + 4990, 10);
}

static void unsatisfiable_range_says_how_long_the_file_is(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.txt", "0123456789");
    write_file(f, "empty", "");
    assert_int_equal(ask(f, "GET", "/a.txt", "Range: bytes=10-\r\n"), 416);
    assert_field(f, "Content-Range", "bytes */10");
    assert_int_equal(ask(f, "GET", "/empty", "Range: bytes=0-\r\n"), 416);
    assert_field(f, "Content-Range", "bytes */0");
    assert_int_equal(ask(f, "GET", "/empty", ""), 200);
    assert_int_equal(f->body_length, 0);
    assert_int_equal(ask(f, "HEAD", "/a.txt", "Range: bytes=10-\r\n"), 200);
    assert_int_equal(
        ask(f, "GET", "/a.txt", "Range: bytes=0-0\r\nRange: bytes=1-1\r\n"),
        200);
}

static void several_ranges_come_as_parts(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.txt", "0123456789");
    assert_int_equal(ask(f, "GET", "/a.txt", "Range: bytes=0-1,-2\r\n"), 206);
    const char *type = field(f, "Content-Type");
    static const char before[] = "multipart/byteranges; boundary=";
    assert_memory_equal(type, before, strlen(before));
    char boundary[64], want[1024];
    snprintf(boundary, sizeof boundary, "%.60s", type + strlen(before));
    assert_int_equal(strlen(boundary), 32);
    snprintf(want, sizeof want,
             "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Range: bytes 0-1/10\r\n\r\n01\r\n"
             "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--%s--\r\n",
             boundary, boundary, boundary);
    assert_string_equal(f->body, want);
    assert_null(field(f, "Content-Range"));
    assert_non_null(field(f, "ETag"));
    /* Drawn anew: nobody can put tomorrow's boundary in a file. */
    ask(f, "GET", "/a.txt", "Range: bytes=0-1,-2\r\n");
    assert_null(strstr(field(f, "Content-Type"), boundary));
}

static void range_bomb_costs_no_more_than_the_file(void **state)
{
    /* CVE-2011-3192: a short head asked for the whole file 1 300 times. */
    struct fixture *f = *state;
    char fields[4096], bytes[3000] = {0};
    write_bytes(f, "a.bin", bytes, sizeof bytes);
    size_t n = (size_t)snprintf(fields, sizeof fields, "Range: bytes=0-");
    for (int i = 1; i < 400; i++)
        n += (size_t)snprintf(fields + n, sizeof fields - n, ",%d-", i);
    snprintf(fields + n, sizeof fields - n, "\r\n");
    assert_int_equal(ask(f, "GET", "/a.bin", fields), 200);
    assert_int_equal(f->body_length, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_as_the_rfc_says),
        cmocka_unit_test(whatever_is_asked_no_byte_comes_twice),
        TEST(single_range_comes_alone),
        TEST(range_of_a_large_file_is_sent_from_it),
        TEST(unsatisfiable_range_says_how_long_the_file_is),
        TEST(several_ranges_come_as_parts),
        TEST(range_bomb_costs_no_more_than_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
