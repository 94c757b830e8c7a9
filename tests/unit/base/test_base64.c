/* test_base64.c - RFC 4648 section 10's vectors, and what is none. */
#include "base/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void vectors_encode_and_decode(void **state)
{
    /* Bug: the one or two bytes at the end. */
    (void)state;
    static const struct {
        const char *plain, *padded, *bare;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xFB\xEF\xFF", "++//", "++//"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text plain = text_of(cases[i].plain);
        unsigned char out[16];
        struct message_buffer buffer = {0};
        base64_append(&buffer, plain.data, plain.length, true);
        assert_true(text_equal(buffer_text(&buffer), text_of(cases[i].padded)));
        buffer_clear(&buffer);
        base64_append(&buffer, plain.data, plain.length, false);
        assert_true(text_equal(buffer_text(&buffer), text_of(cases[i].bare)));
        buffer_release(&buffer);
        assert_int_equal(base64_decode(text_of(cases[i].padded), out),
                         plain.length);
        assert_memory_equal(out, plain.data, plain.length);
        assert_int_equal(base64_decode(text_of(cases[i].bare), out),
                         plain.length);
        assert_memory_equal(out, plain.data, plain.length);
    }
}

static void every_byte_comes_back(void **state)
{
    /* Bug: signed characters. */
    (void)state;
    unsigned char bytes[256], out[260];
    struct message_buffer buffer = {0};
    for (size_t i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    for (size_t length = 0; length <= 256; length++) {
        buffer_clear(&buffer);
        base64_append(&buffer, bytes, length, length % 2);
        assert_int_equal(base64_decode(buffer_text(&buffer), out), length);
        assert_memory_equal(out, bytes, length);
    }
    buffer_release(&buffer);
}

static void what_no_encoder_writes_is_refused(void **state)
{
    /* Bug: two texts that mean the same bytes. */
    (void)state;
    static const char *const bad[] = {
        "Z",      "Zm9vY",    "Zh==", "Zm9=",  "Zg=",      "Zg===",
        "=",      "====",     "Z===", "Zm9v=", "Z-_v",     "Zm 9v",
        "Zm9v\n", "Zg==Zg==", "Zm=v", "=Zm9",  "Zm9v====", "\xC3\xA4++",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char out[32];
        errno = 0;
        if (base64_decode(text_of(bad[i]), out) != -1 || errno != EINVAL)
            fail_msg("taken: %s", bad[i]);
    }
}

static void buffer_that_failed_stays_as_it_is(void **state)
{
    /* Bug: an answer with a hole in it instead of a cut one. */
    (void)state;
    struct message_buffer buffer = {0};
    buffer_append(&buffer, "x", 1);
    buffer.failed = true;
    base64_append(&buffer, "foo", 3, true);
    assert_int_equal(buffer_length(&buffer), 1);
    buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_encode_and_decode),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(what_no_encoder_writes_is_refused),
        cmocka_unit_test(buffer_that_failed_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
