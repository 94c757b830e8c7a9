/* kill.c - the server is killed while many clients write: at a random moment,
 * and at each kind of call that changes what is on disk.
 *
 * start -> load -> SIGKILL -> copy of the files -> SQLite here -> ledger
 *   -> start on the same files -> ...
 *
 * This is the death of a process: what it has written, the kernel still has.
 * For the loss of power see power.c. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A database sees so many kills; then comes a new one, which is small. */
enum { ROUNDS_PER_LIFE = 8, LOAD_MS_MIN = 20, LOAD_MS_MAX = 700 };
enum { PUT_BYTES_MAX = 300000, NAME_BYTES = 80, ROUNDS_OF_POINTS = 12 };

static struct life {
    struct scene scene;
    bool open;
    bool sound;      /* the last round has found nothing wrong */
    unsigned rounds; /* in this scene */
} life;

static struct {
    size_t kills;
    struct ledger_sum sum;
} total;

static void end_life(void)
{
    if (!life.open)
        return;
    struct ledger_sum sum = ledger_sum(&life.scene.ledger);
    total.sum.kept += sum.kept;
    total.sum.open += sum.open;
    total.sum.gone += sum.gone;
    total.sum.puts += sum.puts;
    life.open = false;
    scene_close(&life.scene);
}

/* A server on what the last round has left, or on something new. */
static void round_start(bool preload)
{
    if (!life.sound || life.rounds == ROUNDS_PER_LIFE)
        end_life();
    if (!life.open) {
        scene_open(&life.scene);
        life.open = true;
        life.rounds = 0;
    }
    life.rounds++;
    life.sound = false;
    faults_reset(&life.scene, run_random(), false);
    scene_start(&life.scene, preload);
    scene_check_names(&life.scene);
}

/* The server is dead; killed says that it was meant to be. */
static void round_check(struct load *load, bool killed)
{
    load_stop(load);
    if (!killed)
        fail_msg("the server has ended by itself, or not at all");
    total.kills++;
    if (load_problem(load))
        fail_msg("seed %llu: %s", (unsigned long long)run.seed,
                 load_problem(load));
    scene_check(&life.scene);
    life.sound = true;
}

/* Guards against an answer that is sent before what it says is written, against
 * half of a batch, and against a torn file. */
static void test_random_moment(void **state)
{
    static struct load load;
    (void)state;
    round_start(false);
    load_start(&load, &life.scene.ledger, life.scene.server->port,
               run.stage == 1, run_random(), PUT_BYTES_MAX);
    uint64_t ms = LOAD_MS_MIN + run_random() % (LOAD_MS_MAX - LOAD_MS_MIN);
    bool lives = scene_lives(&life.scene, (int)ms);
    atomic_store(&load.may_be_lost, lives);
    scene_kill(&life.scene);
    round_check(&load, lives);
}

/* Where a random moment hardly ever falls. A write is done by half. */
static const struct point {
    const char *name;
    unsigned targets, calls;
    unsigned skip_max; /* which call it is, is drawn */
} points[] = {
    {"killed in a write to the WAL", TARGET_WAL, CALL_WRITE, 400},
    {"killed at an fsync of the WAL", TARGET_WAL, CALL_SYNC, 100},
    {"killed in a write of a checkpoint", TARGET_DATABASE, CALL_WRITE, 100},
    {"killed at the fsync of a checkpoint", TARGET_DATABASE, CALL_SYNC, 1},
    {"killed in a write of an upload", TARGET_UPLOAD, CALL_WRITE, 40},
    {"killed at the fsync of an upload", TARGET_UPLOAD, CALL_SYNC, 20},
    {"killed before an upload has a name", TARGET_DIRECTORY, CALL_LINK, 20},
    {"killed before the rename of an upload", TARGET_DIRECTORY, CALL_RENAME,
     20},
    {"killed behind the rename of an upload", TARGET_DIRECTORY, CALL_SYNC, 20},
};

/* Guards against an order of steps that is right only if all of them happen. */
static void test_point(void **state)
{
    static struct load load;
    const struct point *point = *state;
    round_start(true);
    load_start(&load, &life.scene.ledger, life.scene.server->port,
               run.stage == 1, run_random(), PUT_BYTES_MAX);
    atomic_store(&load.may_be_lost, true);
    faults_on((struct fault_rule){
        .targets = point->targets,
        .calls = point->calls,
        .kind = FAULT_DIE,
        .skip = (unsigned)(run_random() % point->skip_max)});
    bool killed = scene_wait(&life.scene) == 128 + SIGKILL;
    round_check(&load, killed);
}

static int report(void **state)
{
    (void)state;
    end_life();
    printf("%zu kills: %zu writes and %zu files acknowledged, all there; %zu "
           "refused or rolled back, none there; %zu without an answer, whole "
           "or not there\n",
           total.kills, total.sum.kept, total.sum.puts, total.sum.gone,
           total.sum.open);
    return 0;
}

int run_kill(void)
{
    unsigned turns = (run.rounds + ROUNDS_OF_POINTS - 1) / ROUNDS_OF_POINTS;
    size_t count = run.rounds + turns * COUNT(points), n = 0;
    struct CMUnitTest *tests = calloc(count + 1, sizeof *tests);
    char(*names)[NAME_BYTES] = calloc(run.rounds + 1, sizeof *names);
    if (!tests || !names)
        abort();
    for (unsigned i = 0; i < run.rounds; i++) {
        snprintf(names[i], sizeof names[i],
                 "killed at a random moment, %u of %u", i + 1, run.rounds);
        tests[n++] = (struct CMUnitTest){.name = names[i],
                                         .test_func = test_random_moment};
    }
    for (size_t i = 0; i < turns * COUNT(points); i++) {
        const struct point *point = &points[i % COUNT(points)];
        tests[n++] =
            (struct CMUnitTest){.name = point->name,
                                .test_func = test_point,
                                .initial_state = (void *)(uintptr_t)point};
    }
    int failed = run_group("kill", tests, n, report);
    free(tests);
    free(names);
    return failed;
}
