/* durability.c - what was acknowledged is there, whatever happens.
 *
 *     durability [--stage N] [--rounds N] [--seed N] [--servers DIR]
 * [FILTER...]
 *
 * Without --stage: the highest that was built. --rounds: how often the server
 * is killed at a random moment. A filter is a part of "group: name". The seed
 * is printed; what the disk and the scheduler do is not in it, so the same seed
 * makes the same requests and not the same run. */
#include "scene.h"

#include "../behaviour/client.h"
#include "../behaviour/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAGE_MAX = 9, ROUNDS = 12 };

struct suite suite;
struct run run = {.rounds = ROUNDS};

uint64_t suite_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t run_random(void)
{
    static uint64_t drawn;
    return ledger_mix(run.seed + drawn++);
}

static bool wanted(const char *group, const char *name)
{
    char whole[300];
    snprintf(whole, sizeof whole, "%s: %s", group, name);
    for (size_t i = 0; i < suite.filter_count; i++)
        if (strstr(whole, suite.filters[i]))
            return true;
    return suite.filter_count == 0;
}

int run_group(const char *group, const struct CMUnitTest *tests, size_t count,
              int (*teardown)(void **))
{
    struct CMUnitTest *chosen = calloc(count + 1, sizeof *chosen);
    size_t n = 0;
    if (!chosen)
        abort();
    for (size_t i = 0; i < count; i++)
        if (wanted(group, tests[i].name))
            chosen[n++] = tests[i];
    int failed = 0;
    if (n > 0)
        failed = _cmocka_run_group_tests(group, chosen, n, NULL, teardown);
    free(chosen);
    server_kill_all();
    return failed;
}

/* This binary is BUILD/tests/durability/durability, the servers are in BUILD.
 */
static void find_places(const char *program)
{
    char *slash;
    snprintf(suite.servers, sizeof suite.servers, "%s", program);
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            snprintf(run.library, sizeof run.library, "%s/faults.so",
                     suite.servers);
        slash = strrchr(suite.servers, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(suite.servers, sizeof suite.servers, ".");
    }
}

static int highest_stage(void)
{
    for (int stage = STAGE_MAX; stage > 0; stage--) {
        char binary[700];
        snprintf(binary, sizeof binary, "%s/fivefold-%d", suite.servers, stage);
        if (access(binary, X_OK) == 0)
            return stage;
    }
    return 0;
}

static int read_arguments(int argc, char **argv)
{
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--stage") == 0)
            run.stage = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--rounds") == 0)
            run.rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            run.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--servers") == 0)
            snprintf(suite.servers, sizeof suite.servers, "%s", argv[i + 1]);
        else
            return -1;
    }
    if (i < argc && strncmp(argv[i], "--", 2) == 0)
        return -1;
    suite.filters = argv + i;
    suite.filter_count = (size_t)(argc - i);
    if (run.stage == 0)
        run.stage = highest_stage();
    char binary[700];
    snprintf(binary, sizeof binary, "%s/fivefold-%d", suite.servers, run.stage);
    return run.rounds > 0 && access(binary, X_OK) == 0 ? 0 : -1;
}

static void make_work(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(suite.work, sizeof suite.work, "%s/fivefold-durability-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(suite.work)) {
        perror(suite.work);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    uint32_t drawn = 1;
    (void)!getrandom(&drawn, sizeof drawn, 0);
    run.seed = drawn;
    find_places(argv[0]);
    if (read_arguments(argc, argv) != 0) {
        fprintf(stderr, "durability [--stage N] [--rounds N] [--seed N] "
                        "[--servers DIR] [FILTER...]\n"
                        "no server to test, or no number of rounds: make one "
                        "first, or say where it is\n");
        return 2;
    }
    make_work();
    faults_open();
    printf("stage %d, seed %llu\n", run.stage, (unsigned long long)run.seed);
    int failed = run_kill() + run_faults() + run_rare() + run_power();
    fixture_remove();
    printf("durability: %s\n", failed ? "FAILED" : "passed");
    return failed != 0;
}
