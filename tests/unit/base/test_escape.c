/* test_escape.c - text inside JSON, HTML, URLs and CSV. */
#include "base/escape.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef void append_function(struct message_buffer *, struct text);

static void expect(append_function *append, struct text in, const char *want)
{
    struct message_buffer out = {0};
    append(&out, in);
    if (!text_equal(buffer_text(&out), text_of(want)))
        fail_msg("%.*s instead of %s", (int)buffer_length(&out),
                 buffer_start(&out), want);
    buffer_release(&out);
}

static void json_text_cannot_leave_its_quotes(void **state)
{
    /* Bug: a NUL or a control byte in a row makes the answer no JSON. */
    (void)state;
    expect(json_append_text, TEXT(""), "\"\"");
    expect(json_append_text, (struct text){NULL, 0}, "\"\"");
    expect(json_append_text, TEXT("plain"), "\"plain\"");
    expect(json_append_text, TEXT("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
    expect(json_append_text, TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    expect(json_append_text, TEXT("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\x7f\"");
    expect(json_append_text, TEXT("\xC3\xA4\xF0\x9F\x98\x80"),
           "\"\xC3\xA4\xF0\x9F\x98\x80\"");
}

static void json_text_is_always_utf8(void **state)
{
    /* Bug: Latin-1 in a database breaks every client's parser. */
    (void)state;
    expect(json_append_text, TEXT("a\xE4z"), "\"a\xEF\xBF\xBDz\"");
    expect(json_append_text, TEXT("\xE2\x82\""), "\"\xEF\xBF\xBD\\\"\"");
    expect(json_append_text, TEXT("\xF0\x9F\x98"), "\"\xEF\xBF\xBD\"");
    expect(json_append_text, TEXT("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    expect(json_append_text, TEXT("\xC3\xA4\xE4\xC3\xA4"),
           "\"\xC3\xA4\xEF\xBF\xBD\xC3\xA4\"");
}

static void html_text_cannot_open_a_tag_or_end_an_attribute(void **state)
{
    /* Bug: a file named <script> runs in the listing. */
    (void)state;
    expect(html_append_text, TEXT("<a href=\"x\">&'"),
           "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    expect(html_append_text, TEXT("plain"), "plain");
    expect(html_append_text, TEXT("\xC3\xA4<\xE4"), "\xC3\xA4&lt;\xEF\xBF\xBD");
    expect(html_append_text, TEXT(""), "");
}

static void url_path_carries_every_byte(void **state)
{
    /* Bug: a file named a?b or 100% cannot be reached from the listing. */
    (void)state;
    expect(url_append_path, TEXT("/a b/\xC3\xA4?#%+&:"),
           "/a%20b/%C3%A4%3F%23%25%2B%26%3A");
    expect(url_append_path, TEXT("/AZaz09-._~"), "/AZaz09-._~");
    expect(url_append_path, TEXT("\0\xFF"), "%00%FF");
}

static void csv_field_stays_one_field(void **state)
{
    /* Bug: a comma or a line's end inside a value makes a column or a row. */
    (void)state;
    expect(csv_append_text, TEXT("plain text"), "plain text");
    expect(csv_append_text, TEXT(""), "");
    expect(csv_append_text, TEXT("a,b"), "\"a,b\"");
    expect(csv_append_text, TEXT("say \"hi\""), "\"say \"\"hi\"\"\"");
    expect(csv_append_text, TEXT("\""), "\"\"\"\"");
    expect(csv_append_text, TEXT("a\r\nb"), "\"a\r\nb\"");
    expect(csv_append_text, TEXT("a\rb"), "\"a\rb\"");
    expect(csv_append_text, TEXT("a\nb"), "\"a\nb\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_text_cannot_leave_its_quotes),
        cmocka_unit_test(json_text_is_always_utf8),
        cmocka_unit_test(html_text_cannot_open_a_tag_or_end_an_attribute),
        cmocka_unit_test(url_path_carries_every_byte),
        cmocka_unit_test(csv_field_stays_one_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
