/* table.c - calls that fail: each fault with each kind of write, then all
 * faults at random under load.
 *
 * write -> fault on -> write: the error that the table says -> fault off
 *   -> write -> SIGKILL or SIGTERM -> SQLite here -> ledger */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 120, ATTEMPTS = 3, GROW_TIMES = 11, PUTTER = 7 };

/* What the client is told: a code of SQL or a status; "" : it is done. */
static const struct fault_case {
    const char *name;
    struct fault_rule rule;
    const char *sql; /* insert, batch, interactive */
    const char *put;
    bool grows; /* large rows come first, so that each commit is followed by a
                   checkpoint */
} cases[] = {
    /* The database. */
    {"a write to the WAL fails",
     {TARGET_WAL, CALL_WRITE, FAULT_ERROR, EIO, 0, 0},
     "SQLITE_IOERR",
     "",
     false},
    {"the disk is full for the WAL",
     {TARGET_WAL, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
     "SQLITE_FULL",
     "",
     false},
    {"the disk is full in the middle of a transaction",
     {TARGET_WAL, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 1},
     "SQLITE_FULL",
     "",
     false},
    {"writes to the WAL are short",
     {TARGET_WAL, CALL_WRITE, FAULT_SHORT, 0, 0, 0},
     "",
     "",
     false},
    {"a write to the WAL is short, then the disk is full",
     {TARGET_WAL, CALL_WRITE, FAULT_TORN, ENOSPC, 0, 0},
     "SQLITE_FULL",
     "",
     false},
    {"a write to the WAL is short, then fails",
     {TARGET_WAL, CALL_WRITE, FAULT_TORN, EIO, 0, 0},
     "SQLITE_IOERR",
     "",
     false},
    {"fsync of the WAL fails",
     {TARGET_WAL, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
     "SQLITE_IOERR",
     "",
     false},
    {"fsync of the WAL finds the disk full",
     {TARGET_WAL, CALL_SYNC, FAULT_ERROR, ENOSPC, 0, 0},
     "SQLITE_IOERR",
     "",
     false},
    /* A checkpoint: what was committed is in the WAL and stays there. */
    {"a write of the checkpoint fails",
     {TARGET_DATABASE, CALL_WRITE, FAULT_ERROR, EIO, 0, 0},
     "",
     "",
     true},
    {"the disk is full for the checkpoint",
     {TARGET_DATABASE, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
     "",
     "",
     true},
    {"writes of the checkpoint are short",
     {TARGET_DATABASE, CALL_WRITE, FAULT_SHORT, 0, 0, 0},
     "",
     "",
     true},
    {"fsync of the checkpoint fails",
     {TARGET_DATABASE, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
     "",
     "",
     true},
    /* Files. */
    {"a write of the upload fails",
     {TARGET_UPLOAD, CALL_WRITE, FAULT_ERROR, EIO, 0, 0},
     "",
     "500",
     false},
    {"the disk is full for the upload",
     {TARGET_UPLOAD, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
     "",
     "507",
     false},
    {"the quota is used up by the upload",
     {TARGET_UPLOAD, CALL_WRITE, FAULT_ERROR, EDQUOT, 0, 0},
     "",
     "507",
     false},
    {"writes of the upload are short",
     {TARGET_UPLOAD, CALL_WRITE, FAULT_SHORT, 0, 0, 0},
     "",
     "",
     false},
    {"a write of the upload is short, then the disk is full",
     {TARGET_UPLOAD, CALL_WRITE, FAULT_TORN, ENOSPC, 0, 0},
     "",
     "507",
     false},
    {"fsync of the upload fails",
     {TARGET_UPLOAD, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
     "",
     "500",
     false},
    {"fsync of the upload finds the disk full",
     {TARGET_UPLOAD, CALL_SYNC, FAULT_ERROR, ENOSPC, 0, 0},
     "",
     "507",
     false},
    {"the upload gets no name",
     {TARGET_DIRECTORY, CALL_LINK, FAULT_ERROR, ENOSPC, 0, 0},
     "",
     "507",
     false},
    {"the rename of the upload fails",
     {TARGET_DIRECTORY, CALL_RENAME, FAULT_ERROR, EIO, 0, 0},
     "",
     "500",
     false},
    {"fsync of the directory fails",
     {TARGET_DIRECTORY, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
     "",
     "500",
     false},
};

static const struct kind {
    const char *name;
    load_operation *operation;
    bool is_put;
} kinds[] = {
    {"insert", load_insert, false},
    {"batch", load_batch, false},
    {"interactive transaction", load_interactive, false},
    {"PUT", load_put, true},
};

struct fault_test {
    const struct fault_case *fault;
    const struct kind *kind;
    char name[NAME_BYTES];
};

static struct scene scene;
static struct load load;
static struct load_client client;

static int close_scene(void **state)
{
    (void)state;
    load_client_close(&client);
    scene_close(&scene);
    return 0;
}

static void check_client(bool good)
{
    if (client.problem[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)run.seed, client.problem);
    assert_true(good);
}

/* One write, that must end so. */
static void expect(const struct kind *kind, const char *code)
{
    char got[CODE_BYTES] = "";
    check_client(kind->operation(&client, got));
    if (strcmp(got, code) != 0)
        fail_msg("%s: '%s' instead of '%s'", kind->name, got, code);
}

/* The WAL becomes longer than what SQLite checkpoints by itself. */
static void grow(void)
{
    for (unsigned i = 0; i < GROW_TIMES; i++) {
        char got[CODE_BYTES] = "";
        check_client(load_grow(&client, got));
        assert_string_equal(got, "");
    }
}

/* Reading costs the disk nothing, so it must go on. */
static void expect_reading(void)
{
    assert_int_equal(wire_ask(&client.wire, "GET",
                              "/db/t/query?sql=SELECT+count(*)+FROM+entry",
                              NULL, 0),
                     WIRE_ANSWER);
    assert_int_equal(client.wire.status, 200);
}

/* Some writes that must all end so. An interactive transaction may be one that
 * is rolled back on purpose; that tells nothing. */
static void attempt(const struct kind *kind, const char *code)
{
    unsigned writes = 0;
    for (unsigned i = 0; writes < ATTEMPTS && i < 20 * ATTEMPTS; i++) {
        char got[CODE_BYTES] = "";
        size_t before = client.done;
        check_client(kind->operation(&client, got));
        if (got[0] == '\0' && client.done == before)
            continue;
        writes++;
        if (strcmp(got, code) != 0)
            fail_msg("%s: '%s' instead of '%s'", kind->name, got, code);
    }
    assert_int_equal(writes, ATTEMPTS);
}

static void begin(void)
{
    scene_open(&scene);
    faults_reset(&scene, run_random(), false);
    scene_start(&scene, true);
    scene_client(&scene, &load, &client, PUTTER);
}

static void expect_all(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        expect(&kinds[i], "");
}

/* As a kill would leave it, and after an orderly end. */
static void end(void)
{
    scene_check(&scene);
    scene_stop(&scene);
    scene_check(&scene);
}

/* Must the fault meet this kind of write? */
static bool is_met(const struct fault_case *fault, const struct kind *kind)
{
    if (fault->grows)
        return true;
    bool of_files = fault->rule.targets & (TARGET_UPLOAD | TARGET_DIRECTORY);
    return of_files == kind->is_put;
}

/* Guards against an error that is not told, or not as what it is; against one
 * that outlives its cause; and against the loss of what others have. */
static void test_fault(void **state)
{
    const struct fault_test *test = *state;
    const struct fault_case *fault = test->fault;
    begin();
    expect_all();
    if (fault->grows)
        grow();
    /* Behind the rename the new file is there, whatever happens then. */
    bool renamed =
        fault->rule.targets & TARGET_DIRECTORY && fault->rule.calls & CALL_SYNC;
    load.failed = renamed ? FATE_OPEN : FATE_GONE;
    atomic_store(&load.faulty, true);
    faults_on(fault->rule);
    attempt(test->kind, test->kind->is_put ? fault->put : fault->sql);
    expect_reading();
    if (fault->grows)
        grow();
    if (is_met(fault, test->kind))
        assert_int_not_equal(atomic_load(&run.faults->hits), 0);
    faults_off();
    atomic_store(&load.faulty, false);
    expect_all();
    end();
}

/* ---- all of them, under load ---- */

static const struct fault_rule storm[] = {
    {TARGET_ALL, CALL_WRITE, FAULT_ERROR, EIO, 60, 0},
    {TARGET_ALL, CALL_SYNC, FAULT_ERROR, EIO, 200, 0},
    {TARGET_ALL, CALL_WRITE, FAULT_TORN, ENOSPC, 60, 0},
    {TARGET_ALL, CALL_WRITE, FAULT_SHORT, 0, 300, 0},
    {TARGET_ALL, CALL_LINK | CALL_RENAME | CALL_TRUNCATE, FAULT_ERROR, EIO, 300,
     0},
    {TARGET_ALL, CALL_WRITE | CALL_SYNC, FAULT_ERROR, ENOSPC, 100, 0},
};

/* What must hold of a load that has ended. */
static void check_load(void)
{
    load_stop(&load);
    if (load_problem(&load))
        fail_msg("seed %llu: %s", (unsigned long long)run.seed,
                 load_problem(&load));
}

/* Guards against an error that is told to the wrong client when many share a
 * transaction, or to none. */
static void test_storm(void **state)
{
    enum { TURNS = 2, STORM_MS = 150, CALM_MS = 400 };
    unsigned hits = 0;
    bool lives = true;
    (void)state;
    scene_open(&scene);
    faults_reset(&scene, run_random(), false);
    scene_start(&scene, true);
    load_start(&load, &scene.ledger, scene.server->port, run.stage == 1,
               run_random(), 100000);
    atomic_store(&load.faulty, true);
    for (size_t i = 0; lives && i < TURNS * COUNT(storm); i++) {
        faults_on(storm[i % COUNT(storm)]);
        lives = scene_lives(&scene, STORM_MS);
        faults_off();
        hits += atomic_load(&run.faults->hits);
    }
    atomic_store(&load.faulty, false);
    lives = lives && scene_lives(&scene, CALM_MS);
    check_load();
    assert_true(lives);
    printf("%u calls failed; %zu writes acknowledged, %zu errors\n", hits,
           load_done(&load), load_failed(&load));
    assert_int_not_equal(hits, 0);
    scene_kill(&scene);
    scene_check(&scene);
}

static int close_storm(void **state)
{
    (void)state;
    scene_close(&scene);
    return 0;
}

int run_faults(void)
{
    size_t count = COUNT(cases) * COUNT(kinds);
    struct fault_test *all = calloc(count, sizeof *all);
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (!all || !tests)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct fault_test *test = &all[i];
        test->fault = &cases[i / COUNT(kinds)];
        test->kind = &kinds[i % COUNT(kinds)];
        snprintf(test->name, sizeof test->name, "%s: %s", test->fault->name,
                 test->kind->name);
        tests[i] = (struct CMUnitTest){.name = test->name,
                                       .test_func = test_fault,
                                       .teardown_func = close_scene,
                                       .initial_state = test};
    }
    int failed = run_group("faults", tests, count, NULL);
    free(tests);
    free(all);
    const struct CMUnitTest under_load[] = {{"all faults at random, under load",
                                             test_storm, NULL, close_storm,
                                             NULL}};
    return failed + run_group("faults", under_load, 1, NULL);
}
