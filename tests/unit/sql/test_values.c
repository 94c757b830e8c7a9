/* test_values.c - values there and back, errors and their codes. */
#include "tests/unit/sql_fixture.h"

/* Selects one argument back; expects the answer's row to hold the value. */
static void check_value(struct fixture *f, const char *sent,
                        const char *expected)
{
    char body[1024], row[600];
    snprintf(body, sizeof body,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT "
             "?\",\"args\":[%s]}}]}",
             sent);
    post(f, "/db/one/v2/pipeline", body);
    assert_int_equal(f->status, 200);
    snprintf(row, sizeof row, "\"rows\":[[%s]]", expected);
    assert_in_body(f, row);
}

static void value_comes_back_as_it_was_sent(void **state)
{
    /* Bug: int64 through double, empty blob as NULL, text cut at U+0000. */
    static const char *const same[] = {
        "{\"type\":\"null\"}",
        "{\"type\":\"integer\",\"value\":\"9007199254740993\"}",
        "{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}",
        "{\"type\":\"integer\",\"value\":\"9223372036854775807\"}",
        "{\"type\":\"float\",\"value\":1.5}",
        "{\"type\":\"float\",\"value\":0.1}",
        "{\"type\":\"float\",\"value\":0.30000000000000004}",
        "{\"type\":\"float\",\"value\":1.7976931348623157e+308}",
        "{\"type\":\"float\",\"value\":5e-324}",
        "{\"type\":\"float\",\"value\":-0.0}",
        "{\"type\":\"text\",\"value\":\"\"}",
        "{\"type\":\"text\",\"value\":\"žlutý 🐎\"}",
        "{\"type\":\"text\",\"value\":\"a\\u0000b\"}",
        "{\"type\":\"blob\",\"base64\":\"\"}",
        "{\"type\":\"blob\",\"base64\":\"AP8BAg\"}",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        check_value(*state, same[i],
                    strstr(same[i], "5e-324") ? "{\"type\":\"float\",\"value\":"
                                                "4.94065645841247e-324}"
                                              : same[i]);
}

static void padded_blob_is_accepted(void **state)
{
    /* Bug: only one of the two forms that clients send is read. */
    check_value(*state, "{\"type\":\"blob\",\"base64\":\"AP8BAg==\"}",
                "{\"type\":\"blob\",\"base64\":\"AP8BAg\"}");
}

static void infinity_and_broken_utf8_stay_json(void **state)
{
    /* Bug: "inf" or raw bytes in an answer that then does not parse. */
    struct fixture *f = *state;
    run(f, "SELECT 9e999, -9e999, CAST(x'61FF62' AS TEXT)");
    assert_in_body(f, "{\"type\":\"null\"},{\"type\":\"null\"},"
                      "{\"type\":\"text\",\"value\":\"a\xef\xbf\xbd"
                      "b\"}");
}

static void check_error(struct fixture *f, const char *sql, const char *code,
                        const char *message)
{
    char expected[128];
    run(f, sql);
    assert_int_equal(f->status, 200);
    snprintf(expected, sizeof expected, "\"code\":\"%s\"", code);
    assert_in_body(f, "{\"type\":\"error\",\"error\":{");
    assert_in_body(f, expected);
    assert_in_body(f, message);
}

static void error_of_sql_has_its_code(void **state)
{
    /* Bug: a client sees HTTP 500, or a code that it does not know. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)");
    run(f, "INSERT INTO t (name) VALUES ('b')");
    check_error(f, "SELEC 1", "SQL_INPUT_ERROR", "near \\\"SELEC\\\"");
    check_error(f, "SELECT missing FROM t", "SQL_INPUT_ERROR",
                "no such column");
    check_error(f, "INSERT INTO t (name) VALUES ('b')", "SQLITE_CONSTRAINT",
                "SQLite error: UNIQUE constraint failed: t.name");
    check_error(f, "SELECT 1; SELECT 2", "SQL_MANY_STATEMENTS", "");
    check_error(f, " -- nothing", "SQL_NO_STATEMENT", "");
    check_error(f, "SELECT ?", "ARGS_INVALID", "Arguments do not match");
    check_error(f, "COMMIT", "SQLITE_UNKNOWN", "no transaction is active");
}

static void one_statement_with_tail_of_blanks_is_one(void **state)
{
    /* Bug: a trailing comment counts as a second statement. */
    struct fixture *f = *state;
    run(f, "SELECT 1; ; /* that */ -- was it");
    assert_in_body(f, "\"rows\":[[{\"type\":\"integer\",\"value\":\"1\"}]]");
}

static void named_arguments_find_every_prefix(void **state)
{
    /* Bug: only names with their sign are found. */
    struct fixture *f = *state;
    post(f, "/db/one/v2/pipeline",
         "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT "
         ":a, @b, $c, :a\",\"named_args\":["
         "{\"name\":\"a\",\"value\":{\"type\":\"integer\",\"value\":\"1\"}},"
         "{\"name\":\"@b\",\"value\":{\"type\":\"integer\",\"value\":\"2\"}},"
         "{\"name\":\"c\",\"value\":{\"type\":\"null\"}}]}},"
         "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT :a\",\"named_args\":"
         "[{\"name\":\"z\",\"value\":{\"type\":\"null\"}}]}}]}");
    assert_in_body(f, "\"rows\":[[{\"type\":\"integer\",\"value\":\"1\"},"
                      "{\"type\":\"integer\",\"value\":\"2\"},"
                      "{\"type\":\"null\"},{\"type\":\"integer\",\"value\":"
                      "\"1\"}]]");
    assert_in_body(f, "\"ARGS_INVALID\"");
}

static void columns_follow_a_changed_schema(void **state)
{
    /* Bug: the columns kept with a prepared statement are those of before. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    run(f, "INSERT INTO t VALUES (1)");
    run(f, "SELECT * FROM t");
    assert_in_body(f, "\"cols\":[{\"name\":\"a\",\"decltype\":null}]");
    run(f, "ALTER TABLE t ADD COLUMN b TEXT");
    run(f, "SELECT * FROM t");
    assert_in_body(f, "{\"name\":\"b\",\"decltype\":\"TEXT\"}]");
    assert_in_body(f, "\"rows\":[[{\"type\":\"integer\",\"value\":\"1\"},"
                      "{\"type\":\"null\"}]]");
}

static void bad_request_changes_nothing(void **state)
{
    /* Bug: the first requests run before the last is found to be wrong. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"requests\":1}",
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO "
        "t VALUES (1)\"}},{\"type\":\"nonsense\"}]}",
        "{\"requests\":[{\"type\":\"get_autocommit\"}]}",
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{}}]}",
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 1\","
        "\"sql_id\":1}}]}",
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT ?\","
        "\"args\":[{\"type\":\"integer\",\"value\":\"9223372036854775808\"}]"
        "}}]}",
        "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{"
        "\"condition\""
        ":{\"type\":\"ok\",\"step\":0},\"stmt\":{\"sql\":\"SELECT 1\"}}]}}]}",
        "{\"baton\":\"nonsense\",\"requests\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        post(f, "/db/one/v2/pipeline", bad[i]);
        assert_int_equal(f->status, 400);
        assert_in_body(f, "\"message\":");
        assert_non_null(strstr(f->fields, "Content-Type: application/json\r"));
    }
    run(f, "SELECT count(*) FROM t");
    assert_in_body(f, "\"rows\":[[{\"type\":\"integer\",\"value\":\"0\"}]]");
}

static void routes_answer_as_the_contract_says(void **state)
{
    /* Bug: a client that lost the base's last part is left to guess. */
    struct fixture *f = *state;
    static const struct {
        const char *method, *target;
        unsigned status;
        const char *part;
    } cases[] = {
        {"GET", "/db/one/v2", 200, "version supported"},
        {"GET", "/db/one/v3", 200, "version supported"},
        {"GET", "/db/one/v3-protobuf", 404, "NOT_FOUND"},
        {"POST", "/db/v2/pipeline", 404, "the base URL must end in /"},
        {"POST", "/db/one/v9/pipeline", 404, "NOT_FOUND"},
        {"GET", "/db/one/v2/pipeline", 405, "METHOD_NOT_ALLOWED"},
        {"DELETE", "/db/one/v3/cursor", 405, "METHOD_NOT_ALLOWED"},
        {"OPTIONS", "/db/one/v2/pipeline", 204, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(f, cases[i].method, cases[i].target, NULL);
        assert_int_equal(f->status, cases[i].status);
        assert_in_body(f, cases[i].part);
        assert_non_null(
            strstr(f->fields, "Access-Control-Allow-Origin: *\r\n"));
    }
    assert_non_null(strstr(f->fields, "Access-Control-Allow-Headers: "
                                      "authorization, content-type\r\n"));
}

static void missing_database_is_404_unless_it_may_be_made(void **state)
{
    /* Bug: a reader, or a typing error, leaves empty files behind. */
    struct fixture *f = *state;
    f->may_write = false;
    run_in(f, "none", "SELECT 1");
    assert_int_equal(f->status, 404);
    f->may_write = true;
    f->settings.sqlite_create = false;
    run_in(f, "none", "SELECT 1");
    assert_int_equal(f->status, 404);
    assert_in_body(f, "\"NOT_FOUND\"");
    f->settings.sqlite_create = true;
    run_in(f, "none", "SELECT 1");
    assert_int_equal(f->status, 200);
}

/* "before", then the same text so many times, then "after". Given. */
static char *repeated(const char *before, const char *text, size_t times,
                      const char *after)
{
    size_t length = strlen(text);
    char *made = malloc(strlen(before) + times * length + strlen(after) + 1);
    assert_non_null(made);
    char *at = stpcpy(made, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, text);
    strcpy(at, after);
    return made;
}

static void many_values_are_refused_before_they_take_memory(void **state)
{
    /* Bug: 8 MB of {},{},{} became 600 MB, and anybody who may read could send
     * them. What stands in a text is no value. */
    struct fixture *f = *state;
    size_t too_many = f->settings.body_bytes / 8 + 1;
    char *body = repeated("{\"requests\":[{}", ",{}", too_many / 2, "]}");
    post(f, "/db/one/v3/pipeline", body);
    assert_int_equal(f->status, 413);
    assert_in_body(f, "\"code\":\"TOO_LARGE\"");
    free(body);
    body = repeated("{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
                    "\"SELECT length(?)\",\"args\":[{\"type\":\"text\","
                    "\"value\":\"\\\"",
                    ",", too_many, "\"}]}}]}");
    post(f, "/db/one/v3/pipeline", body);
    assert_int_equal(f->status, 200);
    assert_in_body(f, "\"value\":\"524290\"");
    free(body);
}

static void what_is_no_json_is_told_with_its_place(void **state)
{
    /* Bug: what is no JSON was told as "must be a JSON object". */
    struct fixture *f = *state;
    post(f, "/db/one/v3/pipeline", "{\"requests\":[1e400,]}");
    assert_int_equal(f->status, 400);
    assert_in_body(f,
                   "the body is not JSON: unexpected token near ']' (line 1,");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(value_comes_back_as_it_was_sent),
        TEST(padded_blob_is_accepted),
        TEST(infinity_and_broken_utf8_stay_json),
        TEST(error_of_sql_has_its_code),
        TEST(one_statement_with_tail_of_blanks_is_one),
        TEST(named_arguments_find_every_prefix),
        TEST(columns_follow_a_changed_schema),
        TEST(bad_request_changes_nothing),
        TEST(many_values_are_refused_before_they_take_memory),
        TEST(what_is_no_json_is_told_with_its_place),
        TEST(routes_answer_as_the_contract_says),
        TEST(missing_database_is_404_unless_it_may_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
