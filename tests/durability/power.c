/* power.c - the power fails: what was not synced by then may be lost.
 *
 * load -> log of writes, syncs and answers -> at many answers: the files as
 *   they would be -> SQLite here -> ledger: is all there that had been
 * answered?
 *
 * This is how it is seen that every answer comes behind its fsync. */
#include "replay.h"
#include "scene.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOMENTS = 50, LOAD_MS = 1500, PUT_BYTES_MAX = 40000 };

static struct scene scene;
static struct load load;
static struct replay *replay;

/* What had been answered at the moment of the replay. */
static bool answered(const struct due *due, const struct receipt *receipt)
{
    (void)due;
    return replay_has_sent(replay, receipt);
}
static const struct due by_now = {answered};

static int close_all(void **state)
{
    (void)state;
    if (replay)
        replay_close(replay);
    replay = NULL;
    scene_close(&scene);
    return 0;
}

/* A server whose every call goes to the log. */
static void begin(void)
{
    scene_open(&scene);
    faults_reset(&scene, run_random(), true);
    replay = replay_open(run.faults);
    replay_add(replay, scene.databases, "t.db");
    scene_start(&scene, true);
}

/* Makes the file as it would be found after the crash. */
static void make_file(const char *name, enum replay_luck luck, uint64_t seed)
{
    char path[640];
    struct bytes image = {0};
    snprintf(path, sizeof path, "%s/%s", scene.scratch, name);
    if (replay_image(replay, scene.databases, name, luck, seed, &image))
        fixture_write(path, image.data, image.length);
    else
        unlink(path);
    bytes_free(&image);
}

static bool check_database(enum replay_luck luck, uint64_t seed,
                           char problem[PROBLEM_BYTES])
{
    char path[640];
    make_file("t.db", luck, seed);
    make_file("t.db-wal", luck, seed);
    make_file("t.db-journal", luck, seed);
    snprintf(path, sizeof path, "%s/t.db", scene.scratch);
    return ledger_check(&scene.ledger, path, &by_now, problem);
}

static bool check_files(enum replay_luck luck, uint64_t seed,
                        char problem[PROBLEM_BYTES])
{
    char directory[640];
    bool good = true;
    snprintf(directory, sizeof directory, "%s/put", scene.root);
    for (size_t i = 0; good && i < LOAD_FILES; i++) {
        char name[16];
        struct bytes image = {0};
        snprintf(name, sizeof name, "f%zu", i);
        bool there = replay_image(replay, directory, name, luck, seed, &image);
        good =
            ledger_check_file(&scene.ledger, i, &by_now,
                              there ? image.data : NULL, image.length, problem);
        bytes_free(&image);
    }
    return good;
}

static void check_moment(size_t send, enum replay_luck luck)
{
    char problem[PROBLEM_BYTES];
    uint64_t seed = run_random();
    replay_to(replay, send);
    if (!check_database(luck, seed, problem) ||
        !check_files(luck, seed, problem))
        fail_msg("seed %llu: no power when answer %zu was on its way%s: %s",
                 (unsigned long long)run.seed, send,
                 luck == LUCK_SOME ? ", some of the unsynced written" : "",
                 problem);
}

/* Looks at moments that are spread over the log, each with and without luck. */
static void check_moments(void)
{
    assert_false(atomic_load(&run.faults->full));
    size_t sends = replay_start(replay);
    assert_true(sends > MOMENTS);
    for (size_t i = 0; i < MOMENTS; i++) {
        size_t send = sends / MOMENTS * i;
        send += (size_t)(run_random() % (sends / MOMENTS));
        check_moment(send, LUCK_NONE);
        check_moment(send, LUCK_SOME);
    }
    struct ledger_sum sum = ledger_sum(&scene.ledger);
    printf("%u moments twice; %zu writes and %zu files acknowledged\n",
           (unsigned)MOMENTS, sum.kept, sum.puts);
}

static void run_load(const struct fault_rule *rule)
{
    begin();
    load_start(&load, &scene.ledger, scene.server->port, run.stage == 1,
               run_random(), PUT_BYTES_MAX);
    atomic_store(&load.faulty, rule != NULL);
    if (rule)
        faults_on(*rule);
    bool lives = scene_lives(&scene, LOAD_MS);
    load_stop(&load);
    faults_off();
    if (load_problem(&load))
        fail_msg("seed %llu: %s", (unsigned long long)run.seed,
                 load_problem(&load));
    assert_true(lives);
    scene_kill(&scene);
    check_moments();
}

/* Guards against an answer before its fsync, a file that is synced and its
 * directory not, and what a checkpoint overwrites too early. */
static void test_power(void **state)
{
    (void)state;
    run_load(NULL);
}

/* Guards against an fsync that failed and is tried again as if nothing were:
 * what it did not write is gone. */
static void test_power_after_failed_sync(void **state)
{
    (void)state;
    run_load(&(struct fault_rule){TARGET_DATABASE | TARGET_WAL | TARGET_UPLOAD |
                                      TARGET_DIRECTORY,
                                  CALL_SYNC, FAULT_ERROR, EIO, 150, 0});
    assert_int_not_equal(atomic_load(&run.faults->hits), 0);
}

/* ---- a new database ---- */

/* One request, which must have that status. Gives its receipt. */
static struct receipt must_ask(struct wire *wire, const char *method,
                               const char *path, const char *body,
                               unsigned status)
{
    assert_int_equal(wire_ask(wire, method, path, body, strlen(body)),
                     WIRE_ANSWER);
    assert_int_equal(wire->status, status);
    assert_null(strstr(wire->body, "\"type\":\"error\""));
    return (struct receipt){wire->own_port, wire->received};
}

static int note_count(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    *(int *)context = atoi(values[0]);
    return 0;
}

/* How many rows the table has in made.db as it would be found; -1: none. */
static int count_made(enum replay_luck luck)
{
    char path[640];
    int count = -1;
    sqlite3 *db = NULL;
    uint64_t seed = run_random();
    make_file("made.db", luck, seed);
    make_file("made.db-wal", luck, seed);
    make_file("made.db-journal", luck, seed);
    snprintf(path, sizeof path, "%s/made.db", scene.scratch);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
        sqlite3_exec(db, "SELECT count(*) FROM note", note_count, &count, NULL);
    sqlite3_close(db);
    return count;
}

/* Guards against a database whose bytes are on disk and whose name is not. */
static void test_new_database(void **state)
{
    static const char create[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":"
        "{\"sql\":\"CREATE TABLE note(x)\"}}]}";
    static const char insert[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":"
        "{\"sql\":\"INSERT INTO note VALUES(1)\"}}]}";
    struct wire wire;
    (void)state;
    begin();
    wire_init(&wire, scene.server->port, run.stage == 1);
    must_ask(&wire, "PUT", "/db/made/", "", 201);
    struct receipt created =
        must_ask(&wire, "POST", "/db/made/v2/pipeline", create, 200);
    struct receipt inserted =
        must_ask(&wire, "POST", "/db/made/v2/pipeline", insert, 200);
    wire_free(&wire);
    scene_kill(&scene);
    replay_start(replay);
    assert_true(replay_to_answer(replay, &created));
    assert_int_equal(count_made(LUCK_NONE), 0);
    assert_int_equal(count_made(LUCK_SOME), 0);
    assert_true(replay_to_answer(replay, &inserted));
    assert_int_equal(count_made(LUCK_NONE), 1);
    assert_int_equal(count_made(LUCK_SOME), 1);
}

int run_power(void)
{
    const struct CMUnitTest tests[] = {
        {"each answer comes behind its fsync", test_power, NULL, close_all,
         NULL},
        {"a failed fsync costs nothing that was acknowledged",
         test_power_after_failed_sync, NULL, close_all, NULL},
        {"a new database is there with what was written to it",
         test_new_database, NULL, close_all, NULL},
    };
    return run_group("power", tests, COUNT(tests), NULL);
}
