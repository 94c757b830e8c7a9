/* test_mistakes.c - what can be wrong with rules, tokens and passwords: each
 * mistake is one line that says where, what, and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access/access.h"
#include "base/mistake.h"
#include "tests/unit/settings_fixture.h"

#include <sys/resource.h>

/* The settings are well; who uses them says the line. */
static void expect_line(char *const *arguments, const char *line)
{
    struct settings settings;
    char out[2048], expected[2048];
    assert_int_equal(read_settings(&settings, arguments, out, sizeof out), 0);
    struct caught caught = catch_start();
    struct access *access = access_open(&settings);
    catch_end(&caught, out, sizeof out);
    settings_release(&settings);
    snprintf(expected, sizeof expected, "fivefold-1: %s\n", line);
    assert_string_equal(out, expected);
    assert_null(access);
}

#define RULE_FORM "allow|deny METHODS PATH [from CIDR] [user NAME|*]"

static const struct file_mistake file_mistakes[] = {
    {"[files]\nrule = permit * /",
     "t.ini:2: [files] rule: a rule starts with allow or deny, not \"permit\"; "
     "write " RULE_FORM},
    {"[files]\nrule = allow",
     "t.ini:2: [files] rule: the rule names no methods; write " RULE_FORM},
    {"[files]\nrule = allow PATCH /",
     "t.ini:2: [files] rule: \"PATCH\" is not a method; use *, read, write, or "
     "GET,HEAD,POST,PUT,DELETE,OPTIONS"},
    {"[files]\nrule = allow GET, /",
     "t.ini:2: [files] rule: \"\" is not a method; use *, read, write, or "
     "GET,HEAD,POST,PUT,DELETE,OPTIONS"},
    {"[files]\nrule = allow * upload",
     "t.ini:2: [files] rule: \"upload\" is not a path; it starts with /, as "
     "in " RULE_FORM},
    {"[files]\nrule = allow * /a/../b",
     "t.ini:2: [files] rule: no request has the path /a/../b; write it as in a "
     "URL, without .. and ?, and a % as %25"},
    {"[files]\nrule = deny * /x?y",
     "t.ini:2: [files] rule: no request has the path /x?y; write it as in a "
     "URL, without .. and ?, and a % as %25"},
    {"[sqlite]\nrule = allow * / from 10.0.0.0/33",
     "t.ini:2: [sqlite] rule: \"10.0.0.0/33\" is not an address; write from "
     "192.0.2.1, from 10.0.0.0/8 or from 2001:db8::/32"},
    {"[sqlite]\nrule = allow * / from here",
     "t.ini:2: [sqlite] rule: \"here\" is not an address; write from "
     "192.0.2.1, "
     "from 10.0.0.0/8 or from 2001:db8::/32"},
    /* Was taken, and matched nobody. */
    {"[sqlite]\nrule = deny * / from ::ffff:10.0.0.0/104",
     "t.ini:2: [sqlite] rule: \"::ffff:10.0.0.0/104\" is not an address; write "
     "from 192.0.2.1, from 10.0.0.0/8 or from 2001:db8::/32"},
    {"[sqlite]\nrule = allow * / user",
     "t.ini:2: [sqlite] rule: after user comes a name of at most 64 bytes, or "
     "* for anybody who has signed in"},
    {"[internals]\nrule = allow * / for bob",
     "t.ini:2: [internals] rule: \"for\" is not expected after the path; "
     "write " RULE_FORM},
    {"[users]\ntoken = abc",
     "t.ini:2: [users] token: a token is written NAME:TOKEN; both are needed"},
    {"[users]\ntoken = a:",
     "t.ini:2: [users] token: a token is written NAME:TOKEN; both are needed"},
    {"[users]\ntoken = *:abc",
     "t.ini:2: [users] token: a name is 1 to 64 bytes without blanks, and not "
     "*"},
    {"[users]\ntoken = a:b c",
     "t.ini:2: [users] token: the token of a holds a blank or a character that "
     "a header cannot carry; choose another"},
};

#define SERVED     "[files]\nroot = /usr/share\n[sqlite]\ndirectory = /usr/lib\n"
#define DOCS(more) SERVED "[files docs]\n" more

static const struct file_mistake mount_mistakes[] = {
    {DOCS("prefix = /docs/\nroot = /usr/include\nrule = deny * /private"),
     "t.ini:8: [files docs] rule: covers nothing beneath /docs/, which is all "
     "that [files docs] serves; write the whole path, as /docs/PATH"},
    {DOCS("prefix = /docs/\nroot = /usr/include\nrule = deny * /doc"),
     "t.ini:8: [files docs] rule: covers nothing beneath /docs/, which is all "
     "that [files docs] serves; write the whole path, as /docs/PATH"},
};

static void expect_lines(const struct file_mistake *mistakes, size_t count)
{
    char *arguments[] = {"-c", ini_path, NULL};
    for (size_t i = 0; i < count; i++) {
        write_file("t.ini", mistakes[i].content, ini_path);
        expect_line(arguments, mistakes[i].line);
    }
}

static void each_mistake_is_one_line_with_its_place(void **state)
{
    (void)state;
    expect_lines(file_mistakes, sizeof file_mistakes / sizeof file_mistakes[0]);
    expect_line((char *[]){"--rule", "a\nb", NULL},
                "--rule: a rule starts with allow or deny, not \"a?b\"; "
                "write " RULE_FORM);
}

static void a_rule_that_guards_nothing_is_a_mistake(void **state)
{
    (void)state;
    expect_lines(mount_mistakes,
                 sizeof mount_mistakes / sizeof mount_mistakes[0]);
}

/* A plain password in the htpasswd file looked like a hash that never fits. */
static void unfit_htpasswd_lines_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"bob", "no colon; a line is NAME:HASH, as htpasswd -B writes it"},
        {"bob:secret", "user bob: this kind of hash is not accepted; use "
                       "htpasswd -B"},
        {"bob:$apr1$a$b", "user bob: this kind of hash is not accepted; "
                          "use htpasswd -B"},
        {"bob:$2y$05$short", "user bob: this kind of hash is not "
                             "accepted; use htpasswd -B"},
        {"*:$1$a$b", "a name is 1 to 64 bytes without blanks, and not *"},
    };
    char path[128], content[256], line[512];
    char *arguments[] = {"-c", ini_path, NULL};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(content, sizeof content, "# users\n%s\n", lines[i][0]);
        write_file("users", content, path);
        snprintf(content, sizeof content, "[users]\nhtpasswd = %s\n", path);
        write_file("t.ini", content, ini_path);
        snprintf(line, sizeof line, "%s:2: %s", path, lines[i][1]);
        expect_line(arguments, line);
    }
}

/* Bug: without descriptors the users were wrong, and were not read again when
 * there were some. */
static void what_time_can_mend_is_no_mistake_of_the_user(void **state)
{
    (void)state;
    struct settings settings;
    struct mistake mistake = {0};
    struct rlimit limit, none;
    char users[128], htpasswd[160], out[256];
    write_file("users", "", users);
    snprintf(htpasswd, sizeof htpasswd, "users.htpasswd=%s", users);
    char *arguments[] = {"--set", htpasswd, NULL};
    char *argv[] = {"./build/fivefold-1", "--set", htpasswd, NULL};
    assert_int_equal(read_settings(&settings, arguments, out, sizeof out), 0);
    settings.argv = argv; /* it is read again */
    struct access *access = access_open(&settings);
    assert_non_null(access);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int result = access_reload(access, &settings, NULL, &mistake);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (result != -1 || !mistake.may_pass)
        fail_msg("%s", mistake.line);
    access_close(access);
    settings_release(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_one_line_with_its_place),
        cmocka_unit_test(a_rule_that_guards_nothing_is_a_mistake),
        cmocka_unit_test(unfit_htpasswd_lines_are_refused_with_their_place),
        cmocka_unit_test(what_time_can_mend_is_no_mistake_of_the_user),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
