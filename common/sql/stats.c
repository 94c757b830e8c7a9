/* stats.c - what /-/stats and /-/metrics show of databases.
 *
 * mounts -> their databases, under each one's lock -> JSON or Prometheus lines
 *
 * A mount is a URL prefix and what serves it. A server can have several mounts
 * of databases. */
#include "base/json.h"
#include "base/metrics.h"
#include "core/mount.h"
#include "core/server.h"
#include "sql/internal.h"
#include "sql/sql.h"
#include "sql/wal.h"

/* Returns the struct sql of a mount of databases; NULL for any other mount. */
static struct sql *sql_of_mount(const struct mount *mount)
{
    return mount->handler == &sql_handler ? mount->object : NULL;
}

/* True if the mount must be named: two mounts may have databases of the same
 * name. */
static bool mounts_are_told(const struct server *server)
{
    size_t count = 0;
    for (size_t i = 0; i < server->mount_count; i++)
        count += sql_of_mount(&server->mounts[i]) != NULL;
    return count > 1;
}

static void database_json(struct message_buffer *out, const struct sql *sql,
                          const char *mount,
                          const struct sql_database *database)
{
    json_append_open(out, '{');
    json_member_text(out, "name", text_of(database->name));
    if (mount != NULL)
        json_member_text(out, "mount", text_of(mount));
    json_member_number(out, "connections", database->connections);
    json_member_number(out, "idle",
                       database->idle_count[0] + database->idle_count[1]);
    json_member_number(out, "streams", atomic_load(&database->streams));
    json_member_number(out, "requests", atomic_load(&database->requests));
    json_member_number(out, "prepared", atomic_load(&database->prepared));
    json_member_number(out, "hits", atomic_load(&database->hits));
    json_member_number(out, "wal_bytes", sql_wal_bytes(sql, database->name));
    if (atomic_load(&database->backups) > 0)
        json_member_number(out, "backup_pages_left",
                           atomic_load(&database->backup_left));
    json_append_close(out, '}');
}

void sql_stats_json(const struct server *server, struct message_buffer *out)
{
    struct sql_memory_figures memory = sql_memory_figures();
    json_append_key(out, "sqlite_memory");
    json_append_open(out, '{');
    json_member_number(out, "used", memory.used);
    json_member_number(out, "limit", memory.limit);
    json_member_number(out, "refused", memory.refused);
    json_append_close(out, '}');
    bool told = mounts_are_told(server);
    json_append_key(out, "databases");
    json_append_open(out, '[');
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        struct sql *sql = sql_of_mount(mount);
        if (sql == NULL)
            continue;
        pthread_mutex_lock(&sql->lock);
        struct sql_database *at;
        TAILQ_FOREACH(at, &sql->databases, by_use)
            database_json(out, sql, told ? mount->name : NULL, at);
        pthread_mutex_unlock(&sql->lock);
    }
    json_append_close(out, ']');
}

static uint64_t database_figure(const struct sql *sql,
                                const struct sql_database *database,
                                size_t which)
{
    switch (which) {
    case 0:
        return database->connections;
    case 1:
        return atomic_load(&database->streams);
    case 2:
        return atomic_load(&database->requests);
    case 3:
        return atomic_load(&database->prepared);
    case 4:
        return atomic_load(&database->hits);
    default:
        return sql_wal_bytes(sql, database->name);
    }
}

static const struct {
    const char *family, *type, *help;
} figures[] = {
    {"fivefold_sql_connections", "gauge", "Open connections to the database."},
    {"fivefold_sql_streams", "gauge",
     "Streams that are kept between two requests."},
    {"fivefold_sql_requests_total", "counter", "Requests for the database."},
    {"fivefold_sql_prepared_total", "counter", "Statements compiled."},
    {"fivefold_sql_cache_hits_total", "counter",
     "Statements that were compiled already."},
    {"fivefold_sql_wal_bytes", "gauge", "Length of the write-ahead log."},
};

/* Appends the lines of one figure for the databases of one mount. */
static void mount_metrics(struct message_buffer *out, const struct mount *mount,
                          struct sql *sql, bool told, size_t which)
{
    pthread_mutex_lock(&sql->lock);
    struct sql_database *at;
    TAILQ_FOREACH(at, &sql->databases, by_use) {
        const struct metrics_label labels[] = {{"database", at->name},
                                               {"mount", mount->name}};
        metrics_labelled(out, figures[which].family, labels, told ? 2 : 1,
                         database_figure(sql, at, which));
    }
    pthread_mutex_unlock(&sql->lock);
}

/* All lines of one figure must follow each other. */
static void databases_metrics(struct message_buffer *out,
                              const struct server *server, size_t which)
{
    bool told = mounts_are_told(server), headed = false;
    for (size_t i = 0; i < server->mount_count; i++) {
        const struct mount *mount = &server->mounts[i];
        struct sql *sql = sql_of_mount(mount);
        if (sql == NULL)
            continue;
        if (!headed)
            metrics_family(out, figures[which].family, figures[which].type,
                           figures[which].help);
        headed = true;
        mount_metrics(out, mount, sql, told, which);
    }
}

void sql_stats_metrics(const struct server *server, struct message_buffer *out)
{
    struct sql_memory_figures memory = sql_memory_figures();
    metrics_one(out, "fivefold_sqlite_memory_bytes", "gauge",
                "What SQLite has allocated.", memory.used);
    metrics_one(out, "fivefold_sqlite_memory_refused_total", "counter",
                "Allocations beyond a limit.", memory.refused);
    for (size_t which = 0; which < sizeof figures / sizeof figures[0]; which++)
        databases_metrics(out, server, which);
}
