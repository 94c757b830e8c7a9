/* mounts.c - see mounts.h. */
#include "process/mounts.h"

#include "files/files.h"
#include "sql/sql.h"
#include "status/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_one(struct server *server, const struct handler *handler,
                    struct mount mount)
{
    struct mount *added = &server->mounts[server->mount_count];
    *added = mount;
    added->handler = handler;
    if (handler->open(added, server) < 0)
        return -1;
    server->mount_count++;
    return 0;
}

static int compare_prefixes(const void *a, const void *b)
{
    size_t left = ((const struct mount *)a)->prefix_length;
    size_t right = ((const struct mount *)b)->prefix_length;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* The longest prefix first, as mount_find takes the first that fits. */
static void sort_mounts(struct server *server)
{
    for (size_t i = 0; i < server->mount_count; i++)
        server->mounts[i].prefix_length = strlen(server->mounts[i].prefix);
    qsort(server->mounts, server->mount_count, sizeof *server->mounts,
          compare_prefixes);
}

/* All handlers. A section of a mount, [files NAME], has its handler's name. */
static const struct handler *const handlers[] = {&files_handler, &sql_handler,
                                                 &status_handler};
enum { HANDLER_COUNT = sizeof handlers / sizeof handlers[0] };

/* Returns true if the settings of the main sections ask for that handler. */
static bool is_served(const struct settings *settings,
                      const struct handler *handler)
{
    if (handler == &files_handler)
        return settings->files_root != NULL;
    if (handler == &sql_handler)
        return settings->sqlite_directory != NULL;
    return settings->internals;
}

static const struct handler *handler_named(const char *section)
{
    size_t i = 0;
    while (strcmp(handlers[i]->name, section) != 0)
        i++; /* config/mounts.c has refused any other name */
    return handlers[i];
}

int mounts_open(struct server *server)
{
    const struct settings *settings = server->settings;
    server->mounts =
        calloc(settings->mount_count + HANDLER_COUNT, sizeof *server->mounts);
    if (server->mounts == NULL) {
        fprintf(stderr, "%s: out of memory\n", settings->program);
        return -1;
    }
    struct mount main = {.name = "", .settings = settings};
    for (size_t i = 0; i < HANDLER_COUNT; i++)
        if (is_served(settings, handlers[i]) &&
            open_one(server, handlers[i], main) < 0)
            return -1;
    for (size_t i = 0; i < settings->mount_count; i++) {
        const struct settings_mount *own = &settings->mounts[i];
        struct mount mount = {
            .name = own->name, .settings = own->settings, .rules = i + 1};
        if (open_one(server, handler_named(own->section), mount) < 0)
            return -1;
    }
    sort_mounts(server);
    server->dev_alias = settings_have_alias(settings);
    return 0;
}

int mounts_add(struct server *server, struct mount mount)
{
    size_t size = (server->mount_count + 1) * sizeof *server->mounts;
    for (size_t i = 0; i < server->mount_count; i++)
        if (strcmp(server->mounts[i].prefix, mount.prefix) == 0) {
            errno = EEXIST;
            return -1;
        }
    struct mount *grown = realloc(server->mounts, size);
    if (grown == NULL)
        return -1;
    grown[server->mount_count++] = mount;
    server->mounts = grown;
    sort_mounts(server);
    return 0;
}

void mounts_close(struct server *server)
{
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        if (mount->handler->close != NULL)
            mount->handler->close(mount->object);
    }
    free(server->mounts);
    server->mounts = NULL;
    server->mount_count = 0;
}

void mounts_interrupt(struct server *server)
{
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        if (mount->handler->interrupt != NULL)
            mount->handler->interrupt(mount->object);
    }
}

void mounts_tick(struct server *server, uint64_t now_ms)
{
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        if (mount->handler->tick != NULL)
            mount->handler->tick(mount->object, now_ms);
    }
}
