/* db.c - databases and their pools of connections.
 *
 * name -> fstatat -> database (listed, the one used last first)
 *      -> idle connection (the one given back last) | a fresh one -> caller
 *      -> sql_give -> idle again
 *
 * A pool is a stack, so that few clients keep few connections in use, with warm
 * caches. Connections are opened and closed without the lock, as both may touch
 * the disk. */
#include "sql/db.h"

#include "base/clock.h"
#include "config/settings.h"
#include "sql/cache.h"
#include "sql/create.h"
#include "sql/error.h"
#include "sql/file.h"
#include "sql/guard.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/session.h"
#include "sql/time_left.h"
#include "sql/wal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* SQLite cuts the WAL to this length when it starts it over. It is longer than
 * the length at which SQLite usually does so: 1000 pages of 4096 bytes. */
#define SQL_WAL_KEPT_BYTES "8388608"

enum {
    SQL_IDLE_MAX = 16,        /* connections kept open per pool */
    SQL_IDLE_BYTES = 8 << 20, /* memory of one of them; its page cache has 2
                                 MiB */
    SQL_QUIET_MS = 5000,      /* without a write, before the WAL is emptied */
    SQL_LOOK_MS = 100,        /* a replaced file may still be read so long */
    SQL_OPEN_TRIES = 3,       /* if the file is replaced while it is opened */
};

/* ---- one connection ---- */

static void database_free(struct sql_database *database)
{
    pthread_mutex_destroy(&database->running);
    free(database);
}

/* Called by SQLite while another connection holds a lock. Waits a little, so
 * that SQLite tries again, for wait_ms in all. The thread that holds the lock
 * may need this database's mutex to go on, so the mutex is released during the
 * wait. Returns 0 to give up. */
static int on_busy(void *argument, int tries)
{
    struct sql_connection *connection = argument;
    const struct sql *sql = connection->sql;
    uint64_t now_ms = clock_ms();
    if (connection->no_wait ||
        atomic_load_explicit(&sql->ending, memory_order_relaxed))
        return 0;
    if (tries == 0)
        connection->busy_until_ms = now_ms + sql->wait_ms;
    if (now_ms >= connection->busy_until_ms)
        return 0;
    bool held = connection->holds_mutex;
    if (held)
        pthread_mutex_unlock(&connection->database->running);
    struct timespec pause = {.tv_nsec = tries < 10 ? 200000 : 2000000};
    nanosleep(&pause, NULL);
    if (held)
        pthread_mutex_lock(&connection->database->running);
    return 1;
}

static void connection_close(struct sql_connection *connection)
{
    sql_cache_release(connection);
    /* All statements have been finalized. If one were forgotten, _v2 would hide
     * that. */
    sqlite3_close_v2(connection->handle);
    sql_account_close(connection->account);
    free(connection);
}

static struct sql_connection *connection_open(struct sql *sql,
                                              struct sql_database *database,
                                              bool read_only, int *rc)
{
    struct sql_connection *made = calloc(1, sizeof *made);
    *rc = SQLITE_NOMEM;
    if (made == NULL)
        return NULL;
    made->sql = sql;
    made->database = database;
    made->read_only = read_only;
    made->account = sql_account_open(sql->settings, read_only);
    if (made->account == NULL || sql_cache_open(made) < 0) {
        connection_close(made);
        return NULL;
    }
    sql_time_start(made);
    struct sql_connection *before = sql_enter(made);
    made->handle = sql_open_handle(
        sql, text_of(database->name),
        read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, rc);
    if (made->handle == NULL) {
        sql_leave(before);
        connection_close(made);
        return NULL;
    }
    sqlite3_busy_handler(made->handle, on_busy, made);
    sqlite3_db_config(made->handle, SQLITE_DBCONFIG_ENABLE_FKEY,
                      sql->settings->sqlite_foreign_keys ? 1 : 0, NULL);
    /* What fails here (a lock, a file that is not a database) fails again, with
     * its proper error, at the client's statement. A locked database keeps its
     * journal mode until the next connection is opened. */
    sqlite3_exec(made->handle,
                 read_only ? "PRAGMA temp_store=MEMORY"
                           : "PRAGMA temp_store=MEMORY;"
                             "PRAGMA synchronous=FULL;"
                             "PRAGMA journal_mode=WAL;"
                             "PRAGMA journal_size_limit=" SQL_WAL_KEPT_BYTES,
                 NULL, NULL, NULL);
    *rc = sql_guard(made);
    sql_leave(before);
    if (*rc == SQLITE_OK)
        return made;
    connection_close(made);
    return NULL;
}

static void connections_free(struct sql_connections *list)
{
    while (!SLIST_EMPTY(list)) {
        struct sql_connection *first = SLIST_FIRST(list);
        SLIST_REMOVE_HEAD(list, idle);
        connection_close(first);
    }
}

/* ---- the list of databases ---- */

/* The pool keeps the connection: its thread must not touch it any more. */
static void idle_push_locked(struct sql_connection *connection)
{
    struct sql_database *database = connection->database;
    int kind = connection->read_only ? 1 : 0;
    assert(!connection->is_idle); /* given back once */
    connection->is_idle = true;
    SLIST_INSERT_HEAD(&database->idle[kind], connection, idle);
    database->idle_count[kind]++;
}

/* The caller holds the connection now; NULL: none is idle. kind is 1 for those
 * that only read, else 0. */
static struct sql_connection *idle_pop_locked(struct sql_database *database,
                                              int kind)
{
    struct sql_connection *first = SLIST_FIRST(&database->idle[kind]);
    if (first == NULL)
        return NULL;
    assert(first->is_idle);
    SLIST_REMOVE_HEAD(&database->idle[kind], idle);
    database->idle_count[kind]--;
    first->is_idle = false;
    return first;
}

/* Moves all idle connections to *closing. Writers are put in first and so
 * closed last: the last connection to be closed cleans up the WAL, which a
 * reader cannot. */
static void take_idle_locked(struct sql_database *database,
                             struct sql_connections *closing)
{
    struct sql_connection *one;
    for (int kind = 0; kind < 2; kind++)
        while ((one = idle_pop_locked(database, kind)) != NULL) {
            SLIST_INSERT_HEAD(closing, one, idle);
            database->connections--;
        }
}

/* Takes the database out of the list. Its idle connections go to *closing;
 * those in use are closed by sql_give. Frees it if it has no connections. */
static void database_retire_locked(struct sql *sql,
                                   struct sql_database *database,
                                   struct sql_connections *closing)
{
    TAILQ_REMOVE(&sql->databases, database, by_use);
    sql->database_count--;
    database->gone = true;
    take_idle_locked(database, closing);
    if (database->connections == 0)
        database_free(database);
}

static bool database_in_use(const struct sql_database *database)
{
    return database->connections >
           database->idle_count[0] + database->idle_count[1];
}

/* Makes room in the list. Returns 0, or -1 if all databases are in use. */
static int database_evict_locked(struct sql *sql,
                                 struct sql_connections *closing)
{
    size_t max = sql->settings->sqlite_databases;
    while (sql->database_count > 0 && sql->database_count >= max) {
        struct sql_database *oldest;
        TAILQ_FOREACH_REVERSE(oldest, &sql->databases, sql_databases, by_use)
            if (!database_in_use(oldest))
                break;
        if (oldest == NULL)
            return -1;
        database_retire_locked(sql, oldest, closing);
    }
    return 0;
}

/* Returns the database of that name if it is in the list, and moves it to the
 * front. */
static struct sql_database *database_listed_locked(struct sql *sql,
                                                   struct text name)
{
    struct sql_database *found;
    TAILQ_FOREACH(found, &sql->databases, by_use)
        if (text_equal(text_of(found->name), name))
            break;
    if (found == NULL)
        return NULL;
    TAILQ_REMOVE(&sql->databases, found, by_use);
    TAILQ_INSERT_HEAD(&sql->databases, found, by_use);
    return found;
}

/* Returns the database that this file belongs to, moved to the front; adds it
 * to the list if necessary. Returns NULL without memory, or if there is no
 * room. */
static struct sql_database *
database_find_locked(struct sql *sql, struct text name, const struct stat *file,
                     struct sql_connections *closing)
{
    struct sql_database *found = database_listed_locked(sql, name);
    if (found != NULL &&
        (found->inode != file->st_ino || found->device != file->st_dev)) {
        database_retire_locked(sql, found, closing);
        found = NULL;
    }
    if (found != NULL)
        return found;
    if (database_evict_locked(sql, closing) < 0)
        return NULL;
    found = calloc(1, sizeof *found);
    if (found == NULL)
        return NULL;
    pthread_mutex_init(&found->running, NULL);
    memcpy(found->name, name.data, name.length);
    found->device = file->st_dev;
    found->inode = file->st_ino;
    sql->database_count++;
    TAILQ_INSERT_HEAD(&sql->databases, found, by_use);
    return found;
}

/* ---- take and give ---- */

/* Finds out which file belongs to the name now. */
static int take_stat(struct sql *sql, struct text name,
                     enum sql_purpose purpose, struct stat *file,
                     struct sql_error *error)
{
    if (sql_name_is_valid(name)) {
        if (sql_file_stat(sql, name, file) == 0)
            return 0;
        if (errno == ENOENT && purpose == SQL_CREATE) {
            if (sql_create_database(sql, name, error) < 0)
                return -1;
            if (sql_file_stat(sql, name, file) == 0)
                return 0;
        }
    }
    return sql_fail(error, 404, "NOT_FOUND",
                    "there is no database of that name");
}

/* Returns an idle connection. Returns NULL with *database set if there is none:
 * a new connection is counted already, and the caller opens it. Returns NULL
 * with *database NULL if there is no room. */
static struct sql_connection *take_idle(struct sql *sql, struct text name,
                                        const struct stat *file, int kind,
                                        struct sql_database **database)
{
    struct sql_connections closing = SLIST_HEAD_INITIALIZER(closing);
    struct sql_connection *taken = NULL;
    pthread_mutex_lock(&sql->lock);
    struct sql_database *found =
        database_find_locked(sql, name, file, &closing);
    if (found != NULL) {
        taken = idle_pop_locked(found, kind);
        if (taken == NULL)
            found->connections++;
        atomic_fetch_add_explicit(&found->requests, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&sql->lock);
    connections_free(&closing);
    *database = found;
    return taken;
}

static void start_for_another(struct sql_connection *connection)
{
    sql_time_start(connection);
    sql_session_start(connection, (struct sql_session){0});
}

struct sql_connection *sql_take_idle(struct sql *sql, struct text name)
{
    struct sql_connection *taken = NULL;
    struct stat file;
    uint64_t now_ms = clock_ms();
    bool look = false;
    pthread_mutex_lock(&sql->lock);
    struct sql_database *found = database_listed_locked(sql, name);
    if (found != NULL && (taken = idle_pop_locked(found, 1)) != NULL) {
        look = now_ms - found->looked_ms >= SQL_LOOK_MS;
        if (look)
            found->looked_ms = now_ms;
    }
    pthread_mutex_unlock(&sql->lock);
    if (taken == NULL)
        return NULL;
    start_for_another(taken);
    /* Has another file been put in its place? The kernel answers without the
     * disk, as it has this open file in memory. */
    if (!look || (sql_file_stat(sql, name, &file) == 0 &&
                  file.st_ino == found->inode && file.st_dev == found->device))
        return taken;
    sql_give(taken);
    return NULL;
}

/* Returns an idle connection that writes, of a database that has not been
 * written to for a while; NULL if there is none. Skips a database whose WAL was
 * emptied after the last write. */
static struct sql_connection *take_unused(struct sql *sql, uint64_t now_ms)
{
    struct sql_connection *taken = NULL;
    pthread_mutex_lock(&sql->lock);
    struct sql_database *at;
    TAILQ_FOREACH(at, &sql->databases, by_use) {
        uint64_t wrote_ms = atomic_load(&at->wrote_ms);
        if (SLIST_EMPTY(&at->idle[0]) || wrote_ms == 0 ||
            now_ms < wrote_ms + SQL_QUIET_MS)
            continue;
        taken = idle_pop_locked(at, 0);
        break;
    }
    pthread_mutex_unlock(&sql->lock);
    return taken;
}

/* Uncounts a connection that has been closed. Frees the database if it was the
 * last one and the database is not in the list any more. */
static void database_leave(struct sql *sql, struct sql_database *database)
{
    pthread_mutex_lock(&sql->lock);
    bool last = --database->connections == 0 && database->gone;
    pthread_mutex_unlock(&sql->lock);
    if (last)
        database_free(database);
}

struct sql_connection *sql_take(struct sql *sql, struct text name,
                                enum sql_purpose purpose,
                                struct sql_error *error)
{
    int kind = purpose == SQL_READ ? 1 : 0;
    for (int i = 0; i < SQL_OPEN_TRIES; i++) {
        struct stat before, after;
        if (take_stat(sql, name, purpose, &before, error) < 0)
            return NULL;
        struct sql_database *database;
        struct sql_connection *taken =
            take_idle(sql, name, &before, kind, &database);
        if (taken != NULL) {
            start_for_another(taken);
            return taken;
        }
        if (database == NULL) {
            sql_fail(error, 503, "TOO_MANY_DATABASES",
                     "too many databases are in use");
            return NULL;
        }
        int rc;
        taken = connection_open(sql, database, kind == 1, &rc);
        if (taken == NULL) {
            bool no_descriptor =
                rc == SQLITE_CANTOPEN && (errno == EMFILE || errno == ENFILE);
            database_leave(sql, database);
            if (no_descriptor || rc == SQLITE_NOMEM) {
                sql_fail(error, 503,
                         no_descriptor ? "SQLITE_CANTOPEN" : "SQLITE_NOMEM",
                         "cannot open database now: no %s left; try again",
                         no_descriptor ? "descriptor is" : "memory is");
                return NULL;
            }
            sql_fail(error, 500, "INTERNAL", "cannot open database: %s",
                     sqlite3_errstr(rc));
            sql_tell(sql, name, error->message);
            return NULL;
        }
        /* SQLite has opened the file by its name: make sure that it is the same
         * file. */
        if (sql_file_stat(sql, name, &after) == 0 &&
            after.st_ino == before.st_ino && after.st_dev == before.st_dev)
            return taken;
        connection_close(taken);
        database_leave(sql, database);
    }
    sql_fail(error, 500, "INTERNAL", "the database keeps being replaced");
    return NULL;
}

void sql_hold_lock(struct sql_connection *connection, bool holds)
{
    struct sql *sql = connection->sql;
    if (connection->holds_lock == holds)
        return;
    connection->holds_lock = holds;
    if (sql->on_lock != NULL)
        sql->on_lock(sql->on_lock_context, sql_database_name(connection),
                     holds);
}

/* An idle connection must hold little memory: no large statements, and nothing
 * if memory is short. */
static void give_memory_back(struct sql_connection *connection)
{
    bool is_short = sql_memory_is_short();
    if (sql_account_bytes(connection->account) > SQL_IDLE_BYTES)
        sql_cache_clear(connection);
    if (is_short)
        sqlite3_db_release_memory(connection->handle);
    if (is_short && sql_account_bytes(connection->account) > SQL_IDLE_BYTES)
        connection->changed = true;
}

bool sql_occupy(struct sql_connection *connection)
{
    struct sql *sql = connection->sql;
    struct sql_database *database = connection->database;
    size_t half = (sql->settings->sqlite_databases + 1) / 2;
    if (connection->occupies)
        return true;
    pthread_mutex_lock(&sql->lock);
    connection->occupies =
        database->occupants > 0 || sql->occupied_count < half;
    if (connection->occupies && database->occupants++ == 0)
        sql->occupied_count++;
    pthread_mutex_unlock(&sql->lock);
    return connection->occupies;
}

void sql_give(struct sql_connection *connection)
{
    if (connection == NULL)
        return;
    struct sql *sql = connection->sql;
    struct sql_database *database = connection->database;
    int kind = connection->read_only ? 1 : 0;
    assert(!connection->is_idle);
    connection->deadline_ns = connection->transaction_deadline_ns = 0;
    connection->read_transaction = false;
    if (!sqlite3_get_autocommit(connection->handle) &&
        sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL) !=
            SQLITE_OK)
        connection->changed = true;
    connection->no_wait = connection->lost = connection->gone = false;
    connection->client_fd = 0;
    sql_hold_lock(connection, false);
    if (!connection->read_only)
        sql_wal_look(connection);
    give_memory_back(connection);
    pthread_mutex_lock(&sql->lock);
    if (connection->occupies && --database->occupants == 0)
        sql->occupied_count--;
    connection->occupies = false;
    bool keep = !connection->changed && !database->gone &&
                database->idle_count[kind] < SQL_IDLE_MAX;
    if (keep)
        idle_push_locked(connection);
    pthread_mutex_unlock(&sql->lock);
    if (keep)
        return;
    connection_close(connection);
    database_leave(sql, database);
}

/* ---- all of them ---- */

static void close_idle(struct sql *sql)
{
    struct sql_connections closing = SLIST_HEAD_INITIALIZER(closing);
    pthread_mutex_lock(&sql->lock);
    struct sql_database *at;
    TAILQ_FOREACH(at, &sql->databases, by_use)
        take_idle_locked(at, &closing);
    pthread_mutex_unlock(&sql->lock);
    connections_free(&closing);
}

void sql_databases_tick(struct sql *sql, uint64_t now_ms)
{
    if (sql_memory_is_short())
        close_idle(sql);
    struct sql_connection *connection = take_unused(sql, now_ms);
    if (connection == NULL)
        return;
    sql_wal_empty(connection);
    sql_give(connection); /* tries again later if the WAL is still there */
}

void sql_databases_close(struct sql *sql)
{
    struct sql_connections closing = SLIST_HEAD_INITIALIZER(closing);
    pthread_mutex_lock(&sql->lock);
    while (!TAILQ_EMPTY(&sql->databases))
        database_retire_locked(sql, TAILQ_FIRST(&sql->databases), &closing);
    pthread_mutex_unlock(&sql->lock);
    connections_free(&closing);
}
