/* suite.c - one behaviour suite for all stages.
 *
 *     suite [--stages 1,2,3] [--servers DIR] [--part cases|life] [FILTER...]
 *
 * The cases are asked of all stages in turn, which must answer alike; the tests
 * of a server's life have a server of their own each.
 *
 * Environment: WRAP="valgrind -q ..." stands in front of each server,
 * OPTIONS="--set pool.pipeline=full" behind it, SLOW=20 stretches the limits
 * against hanging. A filter is a part of "group: name". */
#include "suite.h"
#include "client.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct suite suite;

static const struct stage_differences all_stages[] = {
    {.number = 1, .name = "blocking"},
    {.number = 2,
     .name = "select",
     .answers_others = true,
     .clients_max = 1024},
    {.number = 3, .name = "poll", .answers_others = true},
    {.number = 4,
     .name = "epoll and pools",
     .answers_others = true,
     .databases_side_by_side = true,
     .slow_database_starves = true,
     .pipeline = true},
    {.number = 5,
     .name = "modules",
     .answers_others = true,
     .databases_side_by_side = true,
     .modules = true},
};

uint64_t suite_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Tests that the filters have let through so far. */
static size_t chosen_count;

static bool wanted(const char *group, const char *name)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s: %s", group, name);
    for (size_t i = 0; i < suite.filter_count; i++)
        if (strstr(whole, suite.filters[i]))
            return true;
    return suite.filter_count == 0;
}

int suite_run_group(const char *group, const struct CMUnitTest *tests,
                    size_t count, int (*setup)(void **),
                    int (*teardown)(void **))
{
    struct CMUnitTest *chosen = calloc(count + 1, sizeof *chosen);
    if (!chosen)
        abort();
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (wanted(group, tests[i].name))
            chosen[n++] = tests[i];
    int failed = 0;
    chosen_count += n;
    if (n > 0)
        failed = _cmocka_run_group_tests(group, chosen, n, setup, teardown);
    free(chosen);
    server_kill_all();
    return failed;
}

/* "1,3": those stages. All: whose binary is there. */
static int choose_stages(const char *list)
{
    for (size_t i = 0; i < sizeof all_stages / sizeof *all_stages; i++) {
        char binary[700], number[8];
        snprintf(number, sizeof number, "%d", all_stages[i].number);
        snprintf(binary, sizeof binary, "%s/fivefold-%s", suite.servers,
                 number);
        if (list ? strstr(list, number) != NULL : access(binary, X_OK) == 0)
            suite.stages[suite.stage_count++] = &all_stages[i];
    }
    return suite.stage_count > 0 ? 0 : -1;
}

/* This binary is BUILD/tests/behaviour/suite, the servers are in BUILD. */
static void default_servers(const char *program)
{
    snprintf(suite.servers, sizeof suite.servers, "%s", program);
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(suite.servers, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(suite.servers, sizeof suite.servers, ".");
    }
}

static int read_arguments(int argc, char **argv, const char **part)
{
    const char *stages = NULL;
    default_servers(argv[0]);
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (i + 1 == argc)
            return -1;
        if (strcmp(argv[i], "--stages") == 0)
            stages = argv[i + 1];
        else if (strcmp(argv[i], "--servers") == 0)
            snprintf(suite.servers, sizeof suite.servers, "%s", argv[i + 1]);
        else if (strcmp(argv[i], "--part") == 0)
            *part = argv[i + 1];
        else
            return -1;
    }
    suite.filters = argv + i;
    suite.filter_count = (size_t)(argc - i);
    suite.slow = client_limit_ms() >= 50000; /* SLOW=5 or more */
    if (strcmp(*part, "") != 0 && strcmp(*part, "cases") != 0 &&
        strcmp(*part, "life") != 0)
        return -1;
    return choose_stages(stages);
}

/* The test of 1000 idle clients holds 1000 sockets here too. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    const char *part = "";
    if (read_arguments(argc, argv, &part) != 0) {
        fprintf(stderr, "suite [--stages 1,2,3] [--servers DIR] "
                        "[--part cases|life] [FILTER...]\n"
                        "no servers to test: make them first, or say where "
                        "they are\n");
        return 2;
    }
    raise_descriptors();
    fixture_make();
    int failed = 0;
    if (strcmp(part, "life") != 0) {
        failed += suite_run_framing();
        failed += suite_run_files();
        failed += suite_run_sql();
        failed += suite_run_access();
        failed += suite_run_mounts();
        failed += suite_run_browser();
    }
    if (strcmp(part, "cases") != 0)
        failed += suite_run_life();
    fixture_remove();
    if (chosen_count == 0) {
        fprintf(stderr, "suite: no test has these words\n");
        return 2;
    }
    printf("suite: %s\n", failed ? "FAILED" : "passed");
    return failed != 0;
}
