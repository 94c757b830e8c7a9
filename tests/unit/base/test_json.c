/* test_json.c - JSON that is written piece by piece is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

static void expect(struct message_buffer *out, const char *wanted)
{
    buffer_append_char(out, '\0');
    assert_string_equal(buffer_start(out), wanted);
    buffer_release(out);
}

static void commas_stand_between_values_only(void **state)
{
    /* Bug: a comma too many, and no client can read the answer. */
    (void)state;
    struct message_buffer out = {0};
    json_append_open(&out, '{');
    json_append_key(&out, "empty");
    json_append_open(&out, '[');
    json_append_close(&out, ']');
    json_append_key(&out, "rows");
    json_append_open(&out, '[');
    json_append_open(&out, '{');
    json_member_text(&out, "a", TEXT("b,{"));
    json_member_number(&out, "n", UINT64_MAX);
    json_append_close(&out, '}');
    json_append_integer(&out, INT64_MIN);
    json_append_bool(&out, true);
    json_append_bool(&out, false);
    json_append_null(&out);
    json_append_real(&out, 1.5, 2);
    json_append_text(&out, TEXT(""));
    json_append_text(&out, TEXT("\n"));
    json_append_close(&out, ']');
    json_append_close(&out, '}');
    expect(&out, "{\"empty\":[],\"rows\":[{\"a\":\"b,{\",\"n\":"
                 "18446744073709551615},-9223372036854775808,true,false,null,"
                 "1.50,\"\",\"\\n\"]}");
}

static void a_line_begins_a_new_text(void **state)
{
    (void)state;
    struct message_buffer out = {0};
    for (int i = 0; i < 2; i++) {
        json_append_open(&out, '{');
        json_append_close(&out, '}');
        buffer_append_char(&out, '\n');
    }
    expect(&out, "{}\n{}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_values_only),
        cmocka_unit_test(a_line_begins_a_new_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
