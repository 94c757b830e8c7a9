/* Settings: each mistake is one line that says where, what, and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mistake.h"
#include "config/settings.h"
#include "tests/unit/settings_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_line(char *const *arguments, const char *line)
{
    struct settings settings;
    char out[2048], expected[2048];
    int result = read_settings(&settings, arguments, out, sizeof out);
    snprintf(expected, sizeof expected, "fivefold-1: %s\n", line);
    assert_string_equal(out, expected);
    assert_int_equal(result, -1);
}

#define ADDRESS_FORM                                                           \
    "write ADDR:PORT, [V6]:PORT or *:PORT, as 127.0.0.1:8080; port 0 takes a " \
    "free one"
#define LONG_TEXT                                                              \
    "0123456789012345678901234567890123456789012345678901234567890123456789"   \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

#define BEHIND_SECTION                                                         \
    "there is more text after the section's name; move it to a line of its "   \
    "own"

static const struct file_mistake file_mistakes[] = {
    {"[server]\nlisten = 8080",
     "t.ini:2: [server] listen: \"8080\" has no port; " ADDRESS_FORM},
    {"[server]\nlisten = 127.0.0.1:65536",
     "t.ini:2: [server] listen: \"65536\" is not a port; write a number from 0 "
     "to "
     "65535"},
    {"[server]\nlisten = example.org:80",
     "t.ini:2: [server] listen: \"example.org\" is not a numeric "
     "address; " ADDRESS_FORM},
    {"[server]\nlisten = ::1:80", "t.ini:2: [server] listen: \"::1\" is not a "
                                  "numeric address; " ADDRESS_FORM},
    {"[server]\nlisten = [::1", "t.ini:2: [server] listen: \"[::1\" is not a "
                                "numeric address; " ADDRESS_FORM},
    {"[server]\ngroup = daemon",
     "t.ini:2: [server] group: without [server] user nothing changes to it; "
     "name a user too"},
    {"[server]\nlisten =", "t.ini:2: [server] listen: empty; give a value"},
    {"[server]\n\n# x\nbacklog = many", "t.ini:4: [server] backlog: \"many\" "
                                        "is not a whole number; write a number "
                                        "from 1 to 65535"},
    {"[server]\nbacklog = -1",
     "t.ini:2: [server] backlog: \"-1\" is not a whole number; write a number "
     "from 1 to 65535"},
    {"[server]\nbacklog = 1K",
     "t.ini:2: [server] backlog: \"1K\" is not a whole number; write a number "
     "from 1 to 65535"},
    {"[server]\nbacklog = 0",
     "t.ini:2: [server] backlog: 0 is out of range; write 1 to 65535"},
    {"[server]\nbacklog = 99999999999999999999999",
     "t.ini:2: [server] backlog: 99999999999999999999999 is out of range; "
     "write 1 to 65535"},
    {"[server]\nbacklog = 1\nbacklog = 1",
     "t.ini:3: [server] backlog: given twice; remove one of the two lines"},
    {"[server]\nbaclog = 1",
     "t.ini:2: no setting baclog in [server]; backlog may be meant"},
    {"[server]\nroot = /",
     "t.ini:2: no setting root in [server]; it belongs to [files]"},
    {"[server]\ncolour = red",
     "t.ini:2: no setting colour in [server]; --example shows all that there "
     "are"},
    {"[sever]\n", "t.ini:1: no section [sever]; [server] may be meant"},
    {"\n[zzz]\n",
     "t.ini:2: no section [zzz]; --example shows all that there are"},
    {"backlog = 1", "t.ini:1: is before the first [section]; move it into one"},
    {"[server]\nnonsense",
     "t.ini:2: neither [section] nor KEY = VALUE nor a comment (# or ;)"},
    {"[server\n", "t.ini:1: a section is written [name]"},
    /* Were taken, and the setting, or the whole file, was not. */
    {"\n[server] backlog = 1\n", "t.ini:2: " BEHIND_SECTION},
    {"[server]\rbacklog = 1\r[files]\rrule = deny * /\r",
     "t.ini:1: " BEHIND_SECTION},
    {"[limits]\nbody_bytes = 8X", "t.ini:2: [limits] body_bytes: \"8X\" is not "
                                  "a size (as 4096, 16K, 8M, 1G); "
                                  "write a number from 0 to 2G"},
    {"[limits]\nbody_bytes = K", "t.ini:2: [limits] body_bytes: \"K\" is not a "
                                 "size (as 4096, 16K, 8M, 1G); "
                                 "write a number from 0 to 2G"},
    {"[limits]\nbody_bytes = 3G",
     "t.ini:2: [limits] body_bytes: 3G is out of range; write 0 to 2G"},
    {"[limits]\nbody_bytes = 18446744073709551615T",
     "t.ini:2: [limits] body_bytes: 18446744073709551615T is out of range; "
     "write 0 to 2G"},
    {"[limits]\nhead_bytes = 1K",
     "t.ini:2: [limits] head_bytes: less than request_line_bytes, which it "
     "includes; raise it to 8192"},
    {"[limits]\nmemory_bytes = 32M",
     "t.ini:2: [limits] memory_bytes: less than four times body_bytes or "
     "response_bytes; raise it to 67108864, or lower those"},
    {"[limits]\nbody_bytes = 1G",
     "t.ini:2: [limits] body_bytes: more than a quarter of [limits] "
     "memory_bytes; set that to 4294967296 too, or lower this"},
    {"[sqlite]\nresponse_bytes = 1G",
     "t.ini:2: [sqlite] response_bytes: more than a quarter of [limits] "
     "memory_bytes; set that to 4294967296 too, or lower this"},
    {"[limits]\nmemory_bytes = 64M\n[sqlite other]\n"
     "directory = /\nprefix = /other/\nresponse_bytes = 17M",
     "t.ini:2: [limits] memory_bytes: less than four times body_bytes or "
     "response_bytes; raise it to 71303168, or lower those"},
    {"[files]\nlisting = maybe",
     "t.ini:2: [files] listing: \"maybe\" is neither on nor off"},
    {"[files]\nroot = /no/such",
     "t.ini:2: [files] root: no directory /no/such; create it or name "
     "another"},
    {"[files]\nroot = /etc/passwd",
     "t.ini:2: [files] root: /etc/passwd is not a directory; name one that "
     "is"},
    {"[files]\nroot =",
     "t.ini:2: [files] root: empty; give a value or remove the line"},
    {"[files]\nindex = a/b", "t.ini:2: [files] index: \"a/b\" is not a plain "
                             "file name; write one without "
                             "/ and without . at its start"},
    {"[files]\ncache_control = \"x\"",
     "t.ini:2: [files] cache_control: a quote, a backslash or a control "
     "character cannot be sent; leave it out"},
    {"[sqlite]\ndirectory = /no/such",
     "t.ini:2: [sqlite] directory: no directory /no/such; create it or name "
     "another"},
    {"[sqlite]\nsql_bytes = 1000001",
     "t.ini:2: [sqlite] sql_bytes: 1000001 is out of range; write 1 to "
     "1000000"},
    {"[sqlite]\ncors = example.org", "t.ini:2: [sqlite] cors: \"example.org\" "
                                     "is not an origin; write *, none, or "
                                     "one as https://example.org"},
    {"[sqlite]\ncors = https://a\x01",
     "t.ini:2: [sqlite] cors: a quote, a backslash or a control character "
     "cannot be sent; leave it out"},
    /* Was taken, and made each 401 a 500. */
    {"[users]\nrealm = " LONG_TEXT LONG_TEXT,
     "t.ini:2: [users] realm: longer than 256 bytes; shorten it"},
    {"[users]\nhtpasswd = /no/such",
     "t.ini:2: [users] htpasswd: cannot read /no/such: No such file or "
     "directory; write one with htpasswd -B -c"},
};

#define SERVED        "[files]\nroot = /usr/share\n[sqlite]\ndirectory = /usr/lib\n"
#define DOCS(more)    SERVED "[files docs]\n" more
#define ARCHIVE(more) SERVED "[sqlite archive]\n" more

/* Line 5 is the section's. */
static const struct file_mistake mount_mistakes[] = {
    {DOCS(""),
     "t.ini:5: [files docs]: has no root; write one, as root = /srv/www"},
    {DOCS("root = /usr/include"),
     "t.ini:5: [files docs]: has no prefix; write one, as prefix = /docs/"},
    {ARCHIVE("prefix = /archive/"),
     "t.ini:5: [sqlite archive]: has no directory; write one, as directory = "
     "/var/lib/fivefold"},
    {DOCS("prefix = docs/"),
     "t.ini:6: [files docs] prefix: \"docs/\" is not a prefix; it starts and "
     "ends with /, as /docs/"},
    {DOCS("prefix = /docs"),
     "t.ini:6: [files docs] prefix: \"/docs\" is not a prefix; it starts and "
     "ends with /, as /docs/"},
    {DOCS("prefix = /a/../docs/"),
     "t.ini:6: [files docs] prefix: \"/a/../docs/\" is not a prefix; it starts "
     "and ends with /, as /docs/"},
    {DOCS("prefix = /.docs/"),
     "t.ini:6: [files docs] prefix: /.docs/ has a name that starts with a dot, "
     "which is never shown; choose another"},
    {DOCS("prefix = /\nroot = /usr/include"),
     "t.ini:6: [files docs] prefix: / is the prefix of [files] too; choose "
     "another"},
    {DOCS("prefix = /docs/\nroot = /usr/include\n"
          "[files more]\nprefix = /d%6fcs/\nroot = /usr/include"),
     "t.ini:9: [files more] prefix: /docs/ is the prefix of [files docs] too; "
     "choose another"},
    {SERVED "[files]\nprefix = /db/",
     "t.ini:6: [files] prefix: /db/ is the prefix of [sqlite] too; choose "
     "another"},
    {SERVED "[modules]\nskeleton = /db/",
     "t.ini:6: [modules] skeleton: /db/ is the prefix of [sqlite] too; choose "
     "another"},
    {SERVED "[files]\nprefix = /hi/\n[modules]\nskeleton = /hi/",
     "t.ini:8: [modules] skeleton: /hi/ is the prefix of [files] too; choose "
     "another"},
    {DOCS("prefix = /-/docs/\nroot = /usr/include"),
     "t.ini:6: [files docs] prefix: /-/docs/ is taken: beneath /-/ the server "
     "shows its own figures; choose another prefix"},
    {DOCS("prefix = /dev/\nroot = /usr/include"),
     "t.ini:6: [files docs] prefix: /dev/ is taken: /dev/ is another name of "
     "/db/; choose another prefix"},
    {ARCHIVE("prefix = /archive/\ndirectory = /usr/share/doc"),
     "t.ini:7: [sqlite archive] directory: the database directory "
     "/usr/share/doc lies within the root /usr/share; move one of them, as a "
     "database's file must not be served as a file"},
    {DOCS("prefix = /docs/\nroot = /usr"),
     "t.ini:4: [sqlite] directory: the database directory /usr/lib lies within "
     "the root /usr; move one of them, as a database's file must not be served "
     "as a file"},
    {ARCHIVE("prefix = /archive/\ndirectory = /usr/./lib"),
     "t.ini:7: [sqlite archive] directory: /usr/./lib is the directory of "
     "[sqlite] too; choose another"},
    {DOCS("prefix = /docs/\nroot = /no/such"),
     "t.ini:7: [files docs] root: no directory /no/such; create it or name "
     "another"},
    {DOCS("root = /usr/include\n[files docs]\nroot = /usr/include"),
     "t.ini:8: [files docs] root: given twice; remove one of the two lines"},
    {DOCS("directory = /usr"),
     "t.ini:6: no setting directory in [files]; it belongs to [sqlite]"},
    {"[files a.b]\n",
     "t.ini:1: \"a.b\" cannot be the name of a [files ...]; write 1 to 32 "
     "letters, digits, - and _"},
    {"[pool two]\n",
     "t.ini:1: [pool] has no name; only [files NAME] and [sqlite NAME] have"},
    {"[fies docs]\n", "t.ini:1: no section [fies]; [files] may be meant"},
};

static void expect_lines(const struct file_mistake *mistakes, size_t count)
{
    char *arguments[] = {"-c", ini_path, NULL};
    for (size_t i = 0; i < count; i++) {
        write_file("t.ini", mistakes[i].content, ini_path);
        expect_line(arguments, mistakes[i].line);
    }
}

/* A mistake without its place sends people through the whole file; two lines
 * for one mistake hide which is meant. */
static void each_mistake_in_the_file_is_one_line_with_its_place(void **state)
{
    (void)state;
    expect_lines(file_mistakes, sizeof file_mistakes / sizeof file_mistakes[0]);
}

static void each_mistake_with_mounts_is_one_line_with_its_place(void **state)
{
    (void)state;
    expect_lines(mount_mistakes,
                 sizeof mount_mistakes / sizeof mount_mistakes[0]);
    expect_line((char *[]){"--set", "files docs.root=/usr", NULL},
                "--set files docs.root: has no prefix; write one, as prefix = "
                "/docs/");
}

/* The command line went through another, laxer way of reading. */
static void each_mistake_on_the_command_line_is_one_line(void **state)
{
    (void)state;
    char directory_line[128], number[16], line[128];
    int read_only = open("/dev/null", O_RDONLY);
    snprintf(directory_line, sizeof directory_line,
             "-c: %s is a directory; name a file in it", directory);
    expect_line((char *[]){"--lisen", "x", NULL},
                "--lisen: no such option; --listen may be meant");
    expect_line((char *[]){"--root", NULL},
                "--root: a value must follow; --help shows which");
    expect_line((char *[]){"--check=1", NULL}, "--check=1: takes no value");
    expect_line((char *[]){"-x", NULL},
                "-x: no such option; --help shows all that there are");
    expect_line((char *[]){"/srv", NULL},
                "/srv: not an option; --help shows what there is (a directory "
                "of files is --root DIR)");
    expect_line((char *[]){"--root", "/no/such", NULL},
                "--root: no directory /no/such; create it or name another");
    expect_line((char *[]){"--set", "backlog=1", NULL},
                "--set: \"backlog=1\" is not SECTION.KEY=VALUE, as "
                "server.backlog=64");
    expect_line((char *[]){"--set", "server.baclog=1", NULL},
                "--set: no setting baclog in [server]; backlog may be meant");
    expect_line((char *[]){"--set", "server.backlog=0", NULL},
                "--set server.backlog: 0 is out of range; write 1 to 65535");
    expect_line((char *[]){"--ready-fd", "x", NULL},
                "--ready-fd: \"x\" is not a descriptor; give its number");
    expect_line((char *[]){"--ready-fd", "987", NULL},
                "--ready-fd: descriptor 987 is not open; open it before the "
                "start");
    expect_line((char *[]){"-c", "/no/such.ini", NULL},
                "-c: cannot read /no/such.ini: No such file or directory; "
                "--example prints one to start from");
    /* Was "t.ini:1: cannot be read". */
    expect_line((char *[]){"-c", directory, NULL}, directory_line);
    expect_line((char *[]){"-c", "", NULL}, "-c: empty; name a file");
    expect_line((char *[]){"--trace", "", NULL}, "--trace: empty; name a file");
    /* The first one's rules were gone without a word. */
    expect_line((char *[]){"-c", "a.ini", "-c", "b.ini", NULL},
                "-c: given twice, as a.ini and b.ini; name one file");
    /* Whoever waited for the byte waited for ever. */
    snprintf(number, sizeof number, "%d", read_only);
    snprintf(line, sizeof line,
             "--ready-fd: descriptor %s can only be read; open it for writing",
             number);
    expect_line((char *[]){"--ready-fd", number, NULL}, line);
    close(read_only);
}

static void read_well(struct settings *settings, char *const *arguments)
{
    char out[1024];
    int result = read_settings(settings, arguments, out, sizeof out);
    assert_string_equal(out, "");
    assert_int_equal(result, 0);
}

/* The file won over an option that had been given for this one start. */
static void the_command_line_overrides_the_file(void **state)
{
    (void)state;
    struct settings settings;
    write_file("t.ini",
               "[files]\nroot = /no/such ; overridden\nrule = allow * /f\n"
               "[server]\nlisten = [::1]:1\nbacklog = 7\n"
               "[limits]\nbody_bytes = 2M\n",
               ini_path);
    read_well(&settings,
              (char *[]){"--root", "/tmp", "--set", "server.backlog=9",
                         "--rule", "deny * /", "-c", ini_path, NULL});
    assert_string_equal(settings.files_root, "/tmp");
    assert_int_equal(settings.backlog, 9);
    assert_string_equal(settings.listen, "[::1]:1");
    assert_int_equal(settings.body_bytes, 2 << 20);
    assert_int_equal(settings.files_rules.count, 1);
    assert_int_equal(settings.rules.count, 1);
    assert_string_equal(settings.rules.items[0].where, "--rule");
    settings_release(&settings);
}

/* SIGHUP took a broken file for a new one. */
static void rereading_reports_a_mistake_and_follows_the_file(void **state)
{
    (void)state;
    struct settings old, fresh;
    struct mistake mistake = {0};
    char *argv[] = {"fivefold-1", "-c", ini_path, NULL};
    write_file("t.ini", "[users]\ntoken = a:1\n", ini_path);
    assert_int_equal(settings_read(&old, 3, argv), 0);
    write_file("t.ini", "[users]\ntoken = a:1\ntoken = b:2\n", ini_path);
    assert_int_equal(settings_reread(&fresh, &old, &mistake), 0);
    assert_int_equal(fresh.tokens.count, 2);
    settings_release(&fresh);
    write_file("t.ini", "[users]\ntoken\n", ini_path);
    assert_int_equal(settings_reread(&fresh, &old, &mistake), -1);
    assert_string_equal(mistake.line, "t.ini:2: neither [section] nor KEY = "
                                      "VALUE nor a comment (# or ;)");
    settings_release(&old);
}

/* An option that was to hold for one was lost, or held for all. */
static void a_mount_has_settings_of_its_own_and_the_rest(void **state)
{
    (void)state;
    struct settings settings;
    write_file("t.ini",
               "[files docs]\nprefix = /d%6fcs/\nroot = /usr/include\n"
               "listing = off\nrule = deny * /docs\n"
               "[files]\nroot = /usr/share\nlisting = on\nindex = i.html\n"
               "rule = allow * /\n"
               "[sqlite archive]\nprefix = /a/\ndirectory = /usr/lib\n"
               "[limits]\nupload_bytes = 7\n",
               ini_path);
    read_well(&settings,
              (char *[]){"-c", ini_path, "--set", "files docs.root=/usr/bin",
                         "--set", "files docs.listing=on", "--set",
                         "sqlite.create=on", NULL});
    assert_string_equal(settings.files_root, "/usr/share");
    assert_string_equal(settings.files_prefix, "/");
    assert_int_equal(settings.files_rules.count, 1);
    assert_int_equal(settings.mount_count, 2);
    const struct settings_mount *mount = &settings.mounts[0];
    assert_string_equal(mount->section, "files");
    assert_string_equal(mount->name, "docs");
    assert_string_equal(mount->settings->files_prefix, "/docs/");
    assert_string_equal(mount->settings->files_root, "/usr/bin");
    assert_string_equal(mount->settings->files_index, "i.html");
    assert_true(mount->settings->files_listing);
    assert_int_equal(mount->settings->upload_bytes, 7);
    assert_int_equal(mount->settings->files_rules.count, 1);
    assert_string_equal(mount->settings->files_rules.items[0].value,
                        "deny * /docs");
    mount = &settings.mounts[1];
    assert_string_equal(mount->section, "sqlite");
    assert_string_equal(mount->settings->sqlite_prefix, "/a/");
    assert_true(mount->settings->sqlite_create);
    assert_null(settings.sqlite_directory);
    settings_release(&settings);
}

/* SIGHUP read a pipe again, found it empty, and dropped every rule. */
static void rereading_a_pipe_is_a_mistake(void **state)
{
    (void)state;
    static const char text[] = "[files]\nrule = deny * /private\n";
    struct settings old, fresh;
    struct mistake mistake = {0};
    int ends[2];
    char path[32], *argv[] = {"fivefold-1", "-c", path, NULL};
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
    close(ends[1]);
    assert_int_equal(settings_read(&old, 3, argv), 0);
    assert_int_equal(old.files_rules.count, 1);
    assert_int_equal(settings_reread(&fresh, &old, &mistake), -1);
    assert_non_null(strstr(mistake.line, "restart instead"));
    settings_release(&old);
    close(ends[0]);
}

/* Bug: without descriptors the file was wrong, and was not read again when
 * there were some. */
static void what_time_can_mend_is_no_mistake_of_the_user(void **state)
{
    (void)state;
    struct settings settings, fresh;
    struct mistake mistake = {0}, other = {0};
    struct rlimit limit, none;
    char *argv[] = {"./build/fivefold-1", "-c", ini_path, NULL};
    write_file("t.ini", "", ini_path);
    assert_int_equal(settings_read(&settings, 3, argv), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int result = settings_reread(&fresh, &settings, &mistake);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (result != -1 || !mistake.may_pass)
        fail_msg("%s", mistake.line);
    assert_int_equal(unlink(ini_path), 0);
    assert_int_equal(settings_reread(&fresh, &settings, &other), -1);
    assert_false(other.may_pass);
    write_file("t.ini", "", ini_path);
    settings_release(&settings);
}

/* A default that its own range refuses stops every server. */
static void the_example_is_current_and_holds_the_defaults(void **state)
{
    (void)state;
    char *printed = NULL, kept[32768];
    size_t size = 0;
    struct settings from_file, defaults;
    FILE *out = open_memstream(&printed, &size);
    settings_print_example(out);
    fclose(out);
    FILE *file = fopen("docs/fivefold.ini.example", "r");
    assert_non_null(file);
    kept[fread(kept, 1, sizeof kept - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(kept, printed);
    free(printed);
    read_well(&defaults, NULL);
    read_well(&from_file, (char *[]){"-c", "docs/fivefold.ini.example", NULL});
    assert_int_equal(from_file.rate_min_bytes, 1024);
    assert_int_equal(from_file.upload_bytes, defaults.upload_bytes);
    assert_string_equal(from_file.realm, defaults.realm);
    assert_null(from_file.files_root);
    assert_true(from_file.internals);
    assert_int_equal(from_file.ready_fd, -1);
    settings_release(&defaults);
    settings_release(&from_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_in_the_file_is_one_line_with_its_place),
        cmocka_unit_test(each_mistake_with_mounts_is_one_line_with_its_place),
        cmocka_unit_test(each_mistake_on_the_command_line_is_one_line),
        cmocka_unit_test(a_mount_has_settings_of_its_own_and_the_rest),
        cmocka_unit_test(the_command_line_overrides_the_file),
        cmocka_unit_test(rereading_reports_a_mistake_and_follows_the_file),
        cmocka_unit_test(rereading_a_pipe_is_a_mistake),
        cmocka_unit_test(what_time_can_mend_is_no_mistake_of_the_user),
        cmocka_unit_test(the_example_is_current_and_holds_the_defaults),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
