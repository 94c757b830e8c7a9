/* test_buffer.c - buffers: cursors, growth, memory given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

/* A partial read must leave the rest where the next read finds it. */
static void partial_take_leaves_the_rest(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    buffer_append_text(&buffer, TEXT("abcdef"));
    buffer_taken(&buffer, 4);
    assert_int_equal(buffer_length(&buffer), 2);
    assert_memory_equal(buffer_start(&buffer), "ef", 2);
    buffer_append_text(&buffer, TEXT("gh"));
    assert_memory_equal(buffer_start(&buffer), "efgh", 4);
    buffer_release(&buffer);
}

/* An emptied buffer must use its memory again, not grow for ever. */
static void emptied_buffer_starts_at_the_front(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    for (int i = 0; i < 100000; i++) {
        buffer_append_text(&buffer, TEXT("0123456789"));
        buffer_taken(&buffer, 10);
    }
    assert_int_equal(buffer.cursor, 0);
    assert_true(buffer.capacity <= 256);
    buffer_release(&buffer);
}

/* A reader that is always one message behind: moving the rest to the front
 * must keep the memory bounded. */
static void memory_is_bounded_by_what_waits(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    buffer_append_text(&buffer, TEXT("0123456789"));
    for (int i = 0; i < 100000; i++) {
        buffer_append_text(&buffer, TEXT("0123456789"));
        buffer_taken(&buffer, 10);
        assert_memory_equal(buffer_start(&buffer), "0123456789", 10);
    }
    assert_true(buffer.capacity <= 512);
    buffer_release(&buffer);
}

/* Growth must move the bytes and keep the offsets from the cursor. */
static void growth_keeps_the_content(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    buffer_append_text(&buffer, TEXT("xxhead"));
    buffer_taken(&buffer, 2);
    assert_int_equal(buffer_reserve(&buffer, 100000), 0);
    assert_true(buffer_space(&buffer) >= 100000);
    assert_memory_equal(buffer_start(&buffer), "head", 4);
    buffer_release(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

/* One check at a writer's end must be enough: nothing is added behind a gap. */
static void append_after_failure_does_nothing(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    buffer_append_text(&buffer, TEXT("a"));
    buffer.failed = true;
    assert_int_equal(buffer_append_text(&buffer, TEXT("b")), -1);
    assert_int_equal(buffer_printf(&buffer, "%d", 1), -1);
    assert_int_equal(buffer_length(&buffer), 1);
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    buffer_release(&buffer);
}

/* A size that cannot be had must be refused, not wrap around. */
static void impossible_size_is_refused(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX - 10), -1);
    assert_true(buffer.failed);
    buffer_release(&buffer);
}

/* Every number of digits up to 2^64 - 1. */
static void numbers_are_written_as_printf_does(void **state)
{
    (void)state;
    uint64_t number = 0;
    for (int i = 0; i < 65; i++) {
        struct message_buffer ours = {0}, theirs = {0};
        buffer_append_number(&ours, number);
        buffer_printf(&theirs, "%llu", (unsigned long long)number);
        assert_true(text_equal(buffer_text(&ours), buffer_text(&theirs)));
        buffer_release(&ours);
        buffer_release(&theirs);
        number = number * 2 + 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_take_leaves_the_rest),
        cmocka_unit_test(emptied_buffer_starts_at_the_front),
        cmocka_unit_test(memory_is_bounded_by_what_waits),
        cmocka_unit_test(growth_keeps_the_content),
        cmocka_unit_test(append_after_failure_does_nothing),
        cmocka_unit_test(impossible_size_is_refused),
        cmocka_unit_test(numbers_are_written_as_printf_does),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
