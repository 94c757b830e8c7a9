/* The access log and the error log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/access_log.h"
#include "report/log.h"
#include "config/settings.h"
#include "http/parser.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], access_path[128], error_path[128];

static struct log *open_log_at(const char *access, const char *error)
{
    struct settings settings = {.access_log = (char *)access,
                                .error_log = (char *)error,
                                .program = "fivefold-1"};
    return log_open(&settings);
}

static void read_back(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    if (result != 0)
        fail_msg("%s\ndoes not match %s", text, pattern);
}

static void log_one(struct log *log, const char *head, const char *user)
{
    static struct exchange exchange; /* large */
    struct http_parser parser;
    memset(&exchange, 0, sizeof exchange);
    http_parser_start(&parser, (struct http_limits){1024, 4096},
                      &exchange.request);
    if (head != NULL)
        assert_int_equal(
            http_parse_head(&parser, head, strlen(head), &exchange.request),
            HTTP_PARSE_DONE);
    exchange.peer.address.v4.sin_family = AF_INET;
    exchange.peer.address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    exchange.response.status = head != NULL ? 200 : 400;
    strcpy(exchange.user, user);
    access_log_write(log, &exchange, 2326);
}

/* A quote in the agent ended the field, and the rest was read as another. */
static void a_client_cannot_write_fields_or_lines_of_its_own(void **state)
{
    (void)state;
    char out[4096];
    struct log *log = open_log_at(access_path, "-");
    assert_non_null(log);
    log_one(log,
            "GET /x HTTP/1.1\r\nHost: x\r\nReferer: http://a/\r\n"
            "User-Agent: a\"b\\c\td\xc3\xa9\r\n\r\n",
            "al ice");
    log_one(log, NULL, "");
    log_close(log);
    read_back(access_path, out, sizeof out);
    assert_matches(
        out, "^127\\.0\\.0\\.1 - al\\\\x20ice "
             "\\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\\] "
             "\"GET /x HTTP/1\\.1\" 200 2326 \"http://a/\" "
             "\"a\\\\x22b\\\\x5Cc\\\\x09d\\\\xC3\\\\xA9\"\n"
             "127\\.0\\.0\\.1 - - \\[[^]]*\\] \"-\" 400 2326 \"-\" \"-\"\n$");
}

/* Lines waited for ever on a quiet server. */
static void a_tick_writes_what_has_gathered(void **state)
{
    (void)state;
    char out[4096];
    struct log *log = open_log_at(access_path, "-");
    log_one(log, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "");
    read_back(access_path, out, sizeof out);
    assert_string_equal(out, "");
    log_tick(log);
    read_back(access_path, out, sizeof out);
    assert_matches(out, "\"GET / HTTP/1\\.1\" 200");
    log_close(log);
}

/* A full disk stopped the server, or filled the error log with one line a
 * request. */
static void a_full_disk_is_told_once_and_survived(void **state)
{
    (void)state;
    char out[4096];
    struct log *log = open_log_at("/dev/full", error_path);
    assert_non_null(log);
    for (int i = 0; i < 3; i++) {
        log_one(log, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "");
        log_tick(log);
    }
    log_close(log);
    read_back(error_path, out, sizeof out);
    assert_matches(out, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z access log "
                        "/dev/full: No space left on device; [^\n]*\n$");
}

/* After logrotate lines went on into the file that had been moved away. */
static void reopening_follows_the_name(void **state)
{
    (void)state;
    char moved[160], out[4096];
    struct log *log = open_log_at(access_path, error_path);
    log_error(log, "one\ntwo");
    snprintf(moved, sizeof moved, "%s.1", error_path);
    assert_int_equal(rename(error_path, moved), 0);
    assert_int_equal(log_reopen(log, false), 0);
    log_error(log, "three");
    read_back(moved, out, sizeof out);
    assert_matches(out, "Z one\\?two\n$");
    read_back(error_path, out, sizeof out);
    assert_matches(out, "^[^ ]*Z three\n$");
    /* What cannot be opened again is told, not called reopened. */
    assert_int_equal(rename(error_path, moved), 0);
    assert_int_equal(mkdir(error_path, 0700), 0);
    assert_int_equal(log_reopen(log, false), -1);
    log_close(log);
    rmdir(error_path);
    unlink(moved);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/fivefold-log-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(access_path, sizeof access_path, "%s/access", directory);
    snprintf(error_path, sizeof error_path, "%s/error", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(access_path);
    unlink(error_path);
    return rmdir(directory);
}

int main(void)
{
#define IN_DIRECTORY(test)                                                     \
    cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(a_client_cannot_write_fields_or_lines_of_its_own),
        IN_DIRECTORY(a_tick_writes_what_has_gathered),
        IN_DIRECTORY(a_full_disk_is_told_once_and_survived),
        IN_DIRECTORY(reopening_follows_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
