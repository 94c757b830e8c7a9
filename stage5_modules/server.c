/* server.c - stage 5: fronts and modules, and the master that starts them.
 *
 * client -> front -> [module: strand of the file or the database -> worker]
 *   -> front -> client
 *
 * A front is a thread that owns connections and does what cannot block
 * (front.c). A module does what can block, with its own queues and threads
 * (module.c, the same code for all modules). What each module does is in
 * static_file_server.c, sqlite_database.c and module_skeleton.c. Here is the
 * master of the server, the thread that main runs in. It starts and ends the
 * others, takes the signals, and calls server_tick. */
#include "front.h"

#include "access/access.h"
#include "base/clock.h"
#include "conn/listen.h"
#include "process/mounts.h"
#include "process/signals.h"
#include "process/stage.h"
#include "report/stats.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1000, /* the master's longest wait: server_tick is due */
    MASTER_FDS = 2, /* signals; the end of the last front */
};

const struct stage_facts stage_facts = {
    .number = 5,
    .name = "modules",
    .one_thread = false,
    .blocking = false,
};

static const struct module_kind *const kinds[] = {
    &static_file_server,
    &sqlite_database,
    &module_skeleton,
};

static const struct module_kind *kind_of(const struct mount *mount)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i]->handler == mount->handler)
            return kinds[i];
    return NULL;
}

/* Adds the mount that only this stage has, if the settings ask for it. No other
 * mount has its prefix: that has been checked. */
static int add_mounts(struct server *server)
{
    const struct settings *settings = server->settings;
    if (settings->module_skeleton == NULL)
        return 0;
    return mounts_add(server, (struct mount){
                                  .name = "",
                                  .prefix = settings->module_skeleton,
                                  .handler = module_skeleton.handler,
                                  .settings = settings,
                              });
}

static int open_modules(struct stage *stage)
{
    const struct server *server = stage->server;
    stage->modules = calloc(server->mount_count + 1, sizeof *stage->modules);
    if (stage->modules == NULL)
        return -1;
    stage->module_count = stage->any_module = server->mount_count;
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        const struct module_kind *kind = kind_of(mount);
        if (kind == NULL)
            continue; /* /-/ */
        struct module *module = module_open(kind, stage->server, mount);
        if (module == NULL)
            return -1;
        stage->modules[i] = module;
        stage->any_module = i;
        if (module->worker_count < fewest)
            fewest = module->worker_count;
    }
    /* The size of the smallest module, because any module may have to check
     * passwords. So they take at most half of a module's workers; but the only
     * worker of a module may check them too. */
    if (fewest != SIZE_MAX)
        access_threads(server->access, fewest);
    return 0;
}

static int open_fronts(struct stage *stage)
{
    size_t count = stage->server->settings->pool_fronts;
    stage->fronts = calloc(count, sizeof *stage->fronts);
    if (stage->fronts == NULL)
        return -1;
    while (stage->front_count < count) {
        struct front *front = &stage->fronts[stage->front_count];
        if (front_open(front, stage) < 0)
            return -1;
        stage->front_count++;
        stats_place_add(&(struct stats_place){
            .name = "front",
            .connections = &front->listed,
            .taken = &front->taken,
            .stale = &front->stale,
        });
    }
    return 0;
}

/* The fronts start with signals blocked: only the master takes signals. */
static int start_fronts(struct stage *stage)
{
    sigset_t all, before;
    int result = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; result == 0 && i < stage->front_count; i++) {
        atomic_fetch_add(&stage->running, 1);
        result = front_start(&stage->fronts[i]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

struct stage *stage_open(struct server *server)
{
    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL)
        return NULL;
    stage->server = server;
    stage->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stage->gone_fd >= 0 && add_mounts(server) == 0 &&
        open_modules(stage) == 0 && open_fronts(stage) == 0 &&
        start_fronts(stage) == 0)
        return stage;
    int saved = errno;
    stage_close(stage);
    errno = saved;
    return NULL;
}

void stage_stop(struct stage *stage)
{
    uint64_t seconds = stage->server->settings->stop_seconds;
    if (atomic_load(&stage->stopping))
        return;
    atomic_store(&stage->stop_ms, clock_ms() + seconds * 1000);
    atomic_store(&stage->stopping, true);
    listen_stop(stage->server);
    for (size_t i = 0; i < stage->front_count; i++)
        inbox_wake(&stage->fronts[i].inbox);
}

int stage_run(struct stage *stage)
{
    struct pollfd fds[MASTER_FDS] = {
        {.fd = server_signal_fd(), .events = POLLIN},
        {.fd = stage->gone_fd, .events = POLLIN},
    };
    while (atomic_load(&stage->running) > 0) {
        int n = poll(fds, MASTER_FDS, TICK_MS);
        stats_add(STAT_sys_wait, 1);
        if (n < 0 && errno != EINTR)
            return -1;
        if (server_signals(stage->server))
            stage_stop(stage);
        server_tick(stage->server);
    }
    return 0;
}

/* The order matters. First the fronts end, so that no task is added. Then the
 * modules end, so that no worker has a connection. Then all connections are
 * closed. */
void stage_close(struct stage *stage)
{
    atomic_store(&stage->stop_ms, 0);
    atomic_store(&stage->stopping, true);
    for (size_t i = 0; i < stage->front_count; i++) {
        if (!stage->fronts[i].started)
            continue;
        inbox_wake(&stage->fronts[i].inbox);
        pthread_join(stage->fronts[i].thread, NULL);
    }
    mounts_interrupt(stage->server);
    for (size_t i = 0; i < stage->module_count; i++)
        if (stage->modules[i] != NULL)
            module_close(stage->modules[i]);
    for (size_t i = 0; i < stage->front_count; i++)
        front_close(&stage->fronts[i]);
    free(stage->modules);
    free(stage->fronts);
    if (stage->gone_fd >= 0)
        close(stage->gone_fd);
    free(stage);
}
