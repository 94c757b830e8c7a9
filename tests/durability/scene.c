/* scene.c - a database, a tree, and the server on them. */
#include "scene.h"

#include "../behaviour/client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned scene_count;

/* ---- files ---- */

bool file_read(const char *path, struct bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    if (fd < 0)
        return false;
    while ((n = read(fd, bytes_room(out, 65536), 65536)) > 0)
        out->length += (size_t)n;
    close(fd);
    bytes_add(out, "", 0);
    return true;
}

/* Copies a file, or removes the copy of one that is not there. */
static void copy(const char *from, const char *to)
{
    struct bytes content = {0};
    if (file_read(from, &content))
        fixture_write(to, content.data, content.length);
    else
        unlink(to);
    bytes_free(&content);
}

static int remove_one(const char *path, const struct stat *facts, int type,
                      struct FTW *walk)
{
    (void)facts, (void)type, (void)walk;
    return remove(path);
}

static void make_database(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, ledger_schema, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
}

void scene_open(struct scene *scene)
{
    char path[640];
    *scene = (struct scene){.server = NULL};
    snprintf(scene->directory, sizeof scene->directory, "%.480s/scene-%u",
             suite.work, scene_count++);
    snprintf(scene->root, sizeof scene->root, "%s/root", scene->directory);
    snprintf(scene->databases, sizeof scene->databases, "%s/db",
             scene->directory);
    snprintf(scene->scratch, sizeof scene->scratch, "%s/scratch",
             scene->directory);
    mkdir(scene->directory, 0755);
    mkdir(scene->root, 0755);
    mkdir(scene->databases, 0755);
    mkdir(scene->scratch, 0755);
    snprintf(path, sizeof path, "%s/put", scene->root);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/t.db", scene->databases);
    make_database(path);
    ledger_init(&scene->ledger, LOAD_FILES);
}

void scene_close(struct scene *scene)
{
    if (scene->server)
        scene_kill(scene);
    ledger_free(&scene->ledger);
    nftw(scene->directory, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

/* ---- the server ---- */

void scene_start(struct scene *scene, bool preload)
{
    /* Up to stage 4 who waits for a lock keeps a worker waiting; when all of
     * them wait, nobody is left for the transaction that holds it. */
    const char *busy =
        run.stage < 5 ? "sqlite.busy_ms=10" : "sqlite.busy_ms=2000";
    const char *const arguments[] = {"--rule", "allow * /",
                                     "--set",  "files.listing=on",
                                     "--set",  "pool.work=40",
                                     "--set",  busy,
                                     "--set",  "sqlite.foreign_keys=on",
                                     NULL};
    struct server_options options = {.arguments = arguments,
                                     .root = scene->root,
                                     .databases = scene->databases};
    char wrap[700];
    snprintf(wrap, sizeof wrap, "env LD_PRELOAD=%s FAULTS=%d", run.library,
             run.faults_fd);
    if (preload)
        setenv("WRAP", wrap, 1);
    scene->server = server_start(run.stage, &options);
    unsetenv("WRAP");
}

bool scene_lives(const struct scene *scene, int ms)
{
    struct pollfd watch = {.fd = scene->server->pidfd, .events = POLLIN};
    return poll(&watch, 1, ms) == 0;
}

int scene_wait(struct scene *scene)
{
    struct server *server = scene->server;
    bool ends = !scene_lives(scene, client_limit_ms());
    struct bytes output = {0};
    scene->server = NULL;
    if (!ends)
        kill(server->pid, SIGKILL);
    server_output(server, &output);
    int status = server_wait(server);
    if (status != 128 + SIGKILL)
        bytes_show("the server printed", output.data, output.length);
    bytes_free(&output);
    return ends ? status : -1;
}

void scene_kill(struct scene *scene)
{
    kill(scene->server->pid, SIGKILL);
    scene_wait(scene);
}

void scene_stop(struct scene *scene)
{
    struct server *server = scene->server;
    scene->server = NULL;
    server_stop(server);
}

void scene_client(struct scene *scene, struct load *load,
                  struct load_client *client, size_t number)
{
    *load = (struct load){.ledger = &scene->ledger,
                          .seed = run_random(),
                          .put_bytes_max = 100000};
    load_client_open(load, client, number, scene->server->port, run.stage == 1);
}

/* ---- checks ---- */

static void check_database(struct scene *scene)
{
    static const char *const ends[] = {"", "-wal", "-journal"};
    char from[640], to[640], problem[PROBLEM_BYTES];
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(from, sizeof from, "%s/t.db%s", scene->databases, ends[i]);
        snprintf(to, sizeof to, "%s/t.db%s", scene->scratch, ends[i]);
        copy(from, to);
    }
    snprintf(to, sizeof to, "%s/t.db", scene->scratch);
    if (!ledger_check(&scene->ledger, to, NULL, problem))
        fail_msg("seed %llu: %s", (unsigned long long)run.seed, problem);
}

void scene_check(struct scene *scene)
{
    check_database(scene);
    for (size_t i = 0; i < LOAD_FILES; i++) {
        char path[640], problem[PROBLEM_BYTES];
        struct bytes content = {0};
        snprintf(path, sizeof path, "%s/put/f%zu", scene->root, i);
        bool there = file_read(path, &content);
        bool good = ledger_check_file(&scene->ledger, i, NULL,
                                      there ? content.data : NULL,
                                      content.length, problem);
        bytes_free(&content);
        if (!good)
            fail_msg("seed %llu: %s", (unsigned long long)run.seed, problem);
    }
}

void scene_check_names(const struct scene *scene)
{
    char path[640];
    struct answer answer = {0};
    snprintf(path, sizeof path, "%s/put", scene->root);
    DIR *directory = opendir(path);
    struct dirent *entry;
    assert_non_null(directory);
    assert_int_equal(client_get(scene->server->port, "/put/", &answer), 200);
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == 'f' || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        assert_null(strstr(answer.body.data, entry->d_name));
        snprintf(path, sizeof path, "/put/%s", entry->d_name);
        assert_int_equal(client_get(scene->server->port, path, &answer), 404);
        assert_int_equal(client_get(scene->server->port, "/put/", &answer),
                         200);
    }
    closedir(directory);
    answer_free(&answer);
}

/* ---- faults ---- */

void faults_open(void)
{
    /* Without MFD_CLOEXEC: the server inherits it. */
    run.faults_fd = memfd_create("faults", 0);
    if (run.faults_fd < 0 ||
        ftruncate(run.faults_fd, sizeof *run.faults) != 0 ||
        (run.faults = mmap(NULL, sizeof *run.faults, PROT_READ | PROT_WRITE,
                           MAP_SHARED, run.faults_fd, 0)) == MAP_FAILED) {
        perror("faults");
        exit(2);
    }
}

void faults_reset(const struct scene *scene, uint64_t seed, bool recording)
{
    struct faults *faults = run.faults;
    snprintf(faults->root, sizeof faults->root, "%s", scene->root);
    snprintf(faults->databases, sizeof faults->databases, "%s",
             scene->databases);
    faults->seed = seed;
    atomic_store(&faults->on, false);
    atomic_store(&faults->recording, recording);
    atomic_store(&faults->full, false);
    atomic_store(&faults->used, 0);
}

void faults_on(struct fault_rule rule)
{
    run.faults->rule = rule;
    atomic_store(&run.faults->passed, 0);
    atomic_store(&run.faults->hits, 0);
    atomic_store(&run.faults->on, true);
}

void faults_off(void)
{
    atomic_store(&run.faults->on, false);
}
