/* scene.h - a directory with a database and a tree, a server on it, and the
 * ledger of what was promised there.
 *
 * scene_open -> scene_start -> load -> scene_kill -> scene_check -> start ...
 *
 * All of these fail the test when something is not as it must be. */
#ifndef DURABILITY_SCENE_H
#define DURABILITY_SCENE_H

#include "faults.h"
#include "ledger.h"
#include "load.h"
#include "../behaviour/server.h"
#include "../behaviour/suite.h"

/* The run as a whole. */
struct run {
    int stage;
    unsigned rounds; /* of kill -9 */
    uint64_t seed;
    char library[600]; /* faults.so */
    struct faults *faults;
    int faults_fd;
};
extern struct run run;

struct scene {
    char directory[512];
    char root[560], databases[560], scratch[560];
    struct ledger ledger;
    struct server *server; /* NULL: not running */
};

void scene_open(struct scene *scene);
/* Kills what runs and removes everything. */
void scene_close(struct scene *scene);

/* preload: with faults.so, which then obeys run.faults. */
void scene_start(struct scene *scene, bool preload);
/* SIGKILL, and waits for the end. */
void scene_kill(struct scene *scene);
/* Waits until the server ends by itself: its exit status, or 128 + signal. -1:
 * the limit has passed; then it is killed. */
int scene_wait(struct scene *scene);
/* SIGTERM; the exit status must be 0. */
void scene_stop(struct scene *scene);
/* Lives for so long; false if the server ends before. */
bool scene_lives(const struct scene *scene, int ms);

/* A single client of load, not yet in use. */
void scene_client(struct scene *scene, struct load *load,
                  struct load_client *client, size_t number);

/* While no server runs: the files as they are are copied and opened by SQLite
 * here, so that the server too finds them as it left them. */
void scene_check(struct scene *scene);
/* What a killed PUT has left must not be seen by clients. */
void scene_check_names(const struct scene *scene);

/* Makes run.faults. */
void faults_open(void);
/* Forgets everything; recording says whether the log is kept. */
void faults_reset(const struct scene *scene, uint64_t seed, bool recording);
/* From now on calls fail so, until faults_off. */
void faults_on(struct fault_rule rule);
void faults_off(void);

/* A number for this test, from the seed of the run. */
uint64_t run_random(void);

/* The whole content of a file; false if there is none. */
bool file_read(const char *path, struct bytes *out);

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the tests; each gives how many failed ---- */

int run_group(const char *group, const struct CMUnitTest *tests, size_t count,
              int (*teardown)(void **));
int run_kill(void);
int run_faults(void);
int run_rare(void);
int run_power(void);

#endif
