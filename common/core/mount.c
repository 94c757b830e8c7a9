/* mount.c - see mount.h. */
#include "core/mount.h"

#include "files/files.h"
#include "core/server.h"
#include "sql/sql.h"
#include "process/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_files(struct mount *mount)
{
    const struct settings *settings = mount->settings;
    mount->handler = &files_handler;
    mount->prefix = settings->files_prefix;
    mount->files = files_open(settings);
    if (mount->files != NULL)
        return 0;
    fprintf(stderr, "%s: cannot serve files from %s: %s\n", settings->program,
            settings->files_root, strerror(errno));
    return -1;
}

static int open_sql(struct mount *mount, const struct server *server)
{
    const struct settings *settings = mount->settings;
    const struct stage_facts *facts = server->stage;
    unsigned wait_ms =
        facts->one_thread ? 0 : (unsigned)settings->sqlite_busy_ms;
    mount->handler = &sql_handler;
    mount->prefix = settings->sqlite_prefix;
    mount->sql = sql_open(settings, wait_ms);
    if (mount->sql == NULL) {
        fprintf(stderr, "%s: cannot serve databases from %s: %s\n",
                settings->program, settings->sqlite_directory, strerror(errno));
        return -1;
    }
    sql_use_log(mount->sql, server->log);
    if (facts->database_mutex)
        sql_use_mutex(mount->sql);
    return 0;
}

static int open_one(struct server *server, bool files, struct mount mount)
{
    struct mount *added = &server->mounts[server->mount_count];
    *added = mount;
    if ((files ? open_files(added) : open_sql(added, server)) < 0)
        return -1;
    added->prefix_length = strlen(added->prefix);
    server->mount_count++;
    return 0;
}

static int compare_prefixes(const void *a, const void *b)
{
    size_t left = ((const struct mount *)a)->prefix_length;
    size_t right = ((const struct mount *)b)->prefix_length;
    return left < right ? 1 : left > right ? -1 : 0;
}

int mounts_open(struct server *server)
{
    const struct settings *settings = server->settings;
    server->mounts = calloc(settings->mount_count + 2, sizeof *server->mounts);
    if (server->mounts == NULL) {
        fprintf(stderr, "%s: out of memory\n", settings->program);
        return -1;
    }
    struct mount main = {.name = "", .settings = settings};
    if (settings->files_root != NULL && open_one(server, true, main) < 0)
        return -1;
    if (settings->sqlite_directory != NULL && open_one(server, false, main) < 0)
        return -1;
    for (size_t i = 0; i < settings->mount_count; i++) {
        const struct settings_mount *own = &settings->mounts[i];
        struct mount mount = {
            .name = own->name, .settings = own->settings, .rules = i + 1};
        if (open_one(server, strcmp(own->section, "files") == 0, mount) < 0)
            return -1;
    }
    qsort(server->mounts, server->mount_count, sizeof *server->mounts,
          compare_prefixes);
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
    mount.prefix_length = strlen(mount.prefix);
    grown[server->mount_count++] = mount;
    server->mounts = grown;
    qsort(server->mounts, server->mount_count, sizeof *server->mounts,
          compare_prefixes);
    return 0;
}

void mounts_close(struct server *server)
{
    for (size_t i = 0; i < server->mount_count; i++) {
        sql_close(server->mounts[i].sql);
        files_close(server->mounts[i].files);
    }
    free(server->mounts);
    server->mounts = NULL;
    server->mount_count = 0;
}

void mounts_interrupt(struct server *server)
{
    for (size_t i = 0; i < server->mount_count; i++)
        sql_interrupt(server->mounts[i].sql);
}

void mounts_tick(struct server *server, uint64_t now_ms)
{
    for (size_t i = 0; i < server->mount_count; i++)
        sql_tick(server->mounts[i].sql, now_ms);
}

const struct mount *mount_find(const struct server *server, struct text path)
{
    const struct mount *mount = server->mounts;
    for (size_t i = 0; i < server->mount_count; i++, mount++) {
        size_t length = mount->prefix_length;
        if (path.length + 1 == length)
            length--;
        if (path.length >= length &&
            memcmp(path.data, mount->prefix, length) == 0)
            return mount;
    }
    return NULL;
}

const char *mount_beneath(const struct mount *mount, struct text path)
{
    return path.length < mount->prefix_length
               ? "/"
               : path.data + mount->prefix_length - 1;
}
