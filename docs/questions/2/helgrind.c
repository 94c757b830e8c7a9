/* helgrind.c - question 2: the same ways under helgrind.
 *
 * measure starts itself under valgrind as "measure load WAY FAULT CONNECTIONS":
 * right, with a lock that is forgotten now and then (or a connection that is
 * touched after it has been put back), or with two connections locked in both
 * orders. Counted: what is reported, the CPU time, the memory. */
#include "ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOAD_STEPS = 10000, /* of each of two threads */
    FAULT_EVERY = 100,
    PAIRS = 500,
};

enum fault { RIGHT, FORGOTTEN, ORDERS, FAULT_COUNT };

static const char *const fault_names[FAULT_COUNT] = {
    "right",
    "forgotten",
    "orders",
};

/* As run_steps; now and then without the lock, or with a connection that has
 * been given away already. */
static void load_step(uint32_t at, bool forget)
{
    struct connection *conn = &connections[order[at]];
    if (way == OWNER) {
        conn = take();
        step(conn);
        put(conn);
        if (forget)
            step(conn);
        return;
    }
    if (!forget)
        pthread_mutex_lock(lock_of(conn));
    step(conn);
    if (!forget)
        pthread_mutex_unlock(lock_of(conn));
}

static void *load_thread(void *argument)
{
    struct runner *runner = argument;
    run_begin(runner);
    for (uint32_t i = 0; i < LOAD_STEPS; i++)
        load_step((runner->first + i) % count,
                  runner->forgets && i % FAULT_EVERY == 0);
    runner->end_ns = now_ns(CLOCK_MONOTONIC);
    return NULL;
}

/* Two connections at once, a before b. */
static void load_pair(struct connection *a, struct connection *b)
{
    if (way == OWNER) {
        a = take();
        b = take();
    } else {
        pthread_mutex_lock(lock_of(a));
        if (lock_of(a) != lock_of(b))
            pthread_mutex_lock(lock_of(b));
    }
    step(a);
    step(b);
    if (way == OWNER) {
        put(b);
        put(a);
    } else {
        if (lock_of(a) != lock_of(b))
            pthread_mutex_unlock(lock_of(b));
        pthread_mutex_unlock(lock_of(a));
    }
}

static void *pairs_up(void *argument)
{
    for (uint32_t i = 0; i + 1 < PAIRS && i + 1 < count; i++)
        load_pair(&connections[i], &connections[i + 1]);
    return argument;
}

static void *pairs_down(void *argument)
{
    for (uint32_t i = 0; i + 1 < PAIRS && i + 1 < count; i++)
        load_pair(&connections[i + 1], &connections[i]);
    return argument;
}

static double resident_max_mib(void)
{
    char line[200];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (double)kib / 1024;
}

/* measure load WAY FAULT CONNECTIONS: prints the CPU time of a step in
 * ns, and MiB. */
int load(char **argv)
{
    struct runner all[2] = {0};
    pthread_t pairs;
    way = (enum way)atoi(argv[2]);
    enum fault fault = (enum fault)atoi(argv[3]);
    allocate();
    prepare((uint32_t)atoi(argv[4]));
    all[0].forgets = fault == FORGOTTEN;
    all[1].first = count / 2;
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    run_together(load_thread, all, 2);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%f", (double)cpu / 2 / LOAD_STEPS);
    /* One thread after the other: there is no deadlock, only the danger. */
    if (fault == ORDERS) {
        pthread_create(&pairs, NULL, pairs_up, NULL);
        pthread_join(pairs, NULL);
        pthread_create(&pairs, NULL, pairs_down, NULL);
        pthread_join(pairs, NULL);
    }
    printf(" %f\n", resident_max_mib());
    return 0;
}

static int lines_with(const char *path, const char *words)
{
    char line[400];
    int n = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        n += strstr(line, words) != NULL;
    if (file != NULL)
        fclose(file);
    return n;
}

struct verdict {
    bool ran;
    int races, orders; /* kinds that were reported */
    double step_ns, mib;
};

static struct verdict run_helgrind(enum fault fault, size_t n)
{
    struct verdict verdict = {0};
    char log[] = "/tmp/question2.XXXXXX", self[300], command[700];
    close(mkstemp(log));
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length < 0 ? 0 : length] = '\0';
    snprintf(command, sizeof command,
             "valgrind --tool=helgrind --fair-sched=yes --log-file=%s %s load "
             "%d %d %zu",
             log, self, (int)way, (int)fault, n);
    FILE *pipe = popen(command, "r");
    if (pipe != NULL) {
        verdict.ran =
            fscanf(pipe, "%lf %lf", &verdict.step_ns, &verdict.mib) == 2;
        pclose(pipe);
    }
    verdict.races = lines_with(log, "Possible data race");
    verdict.orders = lines_with(log, "lock order \"");
    unlink(log);
    return verdict;
}

/* In how many of RUNS runs it was seen. A mistake is made, or not, in each. */
static void measure_helgrind(enum fault fault, size_t n)
{
    int races = 0, orders = 0;
    char what[60];
    struct verdict verdict = {0};
    for (int i = 0; i < RUNS; i++) {
        verdict = run_helgrind(fault, n);
        if (!verdict.ran)
            return;
        races += verdict.races > 0;
        orders += verdict.orders > 0;
    }
    snprintf(what, sizeof what, "helgrind_%s_races", fault_names[fault]);
    row(what, n, 2, races);
    snprintf(what, sizeof what, "helgrind_%s_orders", fault_names[fault]);
    row(what, n, 2, orders);
    if (fault == RIGHT) {
        row("helgrind_step_ns", n, 2, verdict.step_ns);
        row("helgrind_mib", n, 2, verdict.mib);
    }
}

void measure_all_helgrind(void)
{
    const enum way ways[] = {EACH, STRIPED, ONE, OWNER};
    if (system("valgrind --version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "question 2: no valgrind, so without its rows; get it "
                        "by: make setup-all\n");
        return;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        way = ways[i];
        for (enum fault fault = RIGHT; fault < FAULT_COUNT; fault++) {
            measure_helgrind(fault, HOT);
            measure_helgrind(fault, 10000);
        }
        measure_helgrind(FORGOTTEN, 1); /* all meet at one */
    }
}
