/* backup.c - POST /db/NAME/backup: a copy of a database, while others go on
 * writing to it.
 *
 * begin -> a read transaction, a file without a name
 *   -> go_on, a few ms a time: pages -> the file is whole -> 200, by sendfile
 *
 * The state that the read transaction sees is copied. What is committed
 * meanwhile goes to the WAL after that state, so the copy need never start
 * again. The transaction ends when the copy is complete, before the first byte
 * is sent: a client that reads slowly holds a file, not the database. */
#include "sql/backup.h"

#include "access/access.h"
#include "base/clock.h"
#include "core/server.h"
#include "sql/compile.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/file.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/page.h"
#include "sql/result.h"
#include "sql/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    BACKUP_PAGES = 64,             /* between two looks at the clock */
    BACKUP_TURN_NS = 10000000,     /* then other requests have a turn */
    BACKUP_SPARE_BYTES = 16 << 20, /* left for writes to the databases */
};

/* This is exchange->state from begin until the last byte has been sent. (An
 * exchange is one request and its answer.) */
struct sql_backup {
    struct sql *sql; /* borrowed; counted in its backups */
    char name[SQL_NAME_MAX + 1];
    struct sql_connection *source; /* in a read transaction; owned */
    sqlite3 *copy;                 /* owned */
    sqlite3_backup *run;           /* from source to copy; owned */
    int fd;                        /* the copy's file; owned; -1: no longer */
};

/* Ends the copying: nothing of the database is held any more. Returns SQLite's
 * result. */
static int backup_end(struct sql_backup *backup)
{
    int rc = sqlite3_backup_finish(backup->run);
    int closed = sqlite3_close(backup->copy);
    backup->run = NULL;
    backup->copy = NULL;
    if (backup->source != NULL)
        atomic_fetch_sub(&backup->source->database->backups, 1);
    sql_give(backup->source);
    backup->source = NULL;
    return rc != SQLITE_OK ? rc : closed;
}

void sql_backup_release(struct exchange *exchange)
{
    struct sql_backup *backup = exchange->state;
    exchange->state = NULL;
    backup_end(backup);
    if (backup->fd >= 0)
        close(backup->fd);
    atomic_fetch_sub(&backup->sql->backups, 1);
    free(backup);
}

/* ---- errors ---- */

static int fail_room(struct sql_error *error)
{
    return sql_fail(error, 507, "NO_ROOM", "There is no room for the copy");
}

static bool means_no_room(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* Most likely it is a write that fails; then SQLite has kept the errno for the
 * copy's file. */
static int fail_copying(const struct sql_backup *backup,
                        struct sql_error *error, int rc)
{
    int reason = 0;
    if (backup->copy != NULL)
        sqlite3_file_control(backup->copy, "main", SQLITE_FCNTL_LAST_ERRNO,
                             &reason);
    if ((rc & 0xff) == SQLITE_FULL ||
        ((rc & 0xff) == SQLITE_IOERR && means_no_room(reason)))
        return fail_room(error);
    return sql_fail(error, 500, "INTERNAL", "The copy failed: %s",
                    sqlite3_errstr(rc));
}

/* Releases the backup first, so that another one may begin before the client
 * has read the error. */
static void answer_failure(struct exchange *exchange, struct sql_error *error)
{
    if (exchange->state != NULL)
        sql_backup_release(exchange);
    sql_page_error(exchange, error);
}

/* ---- what is copied, and where to ---- */

/* Opens the database for writing first, as this puts it into WAL mode. In any
 * other mode writers would wait for the copy. */
static int source_open(struct sql_backup *backup, struct sql_error *error)
{
    struct text name = text_of(backup->name);
    struct sql_connection *writer =
        sql_take(backup->sql, name, SQL_WRITE, error);
    if (writer == NULL)
        return -1;
    sql_give(writer);
    backup->source = sql_take(backup->sql, name, SQL_READ, error);
    if (backup->source == NULL)
        return -1;
    atomic_fetch_add(&backup->source->database->backups, 1);
    /* BEGIN alone reads nothing yet; the snapshot is taken by the SELECT. */
    struct sql_connection *before = sql_enter(backup->source);
    int rc = sqlite3_exec(backup->source->handle,
                          "BEGIN; SELECT count(*) FROM sqlite_schema", NULL,
                          NULL, NULL);
    sql_leave(before);
    return rc == SQLITE_OK ? 0 : sql_fail_sqlite(error, backup->source, rc);
}

/* Makes a file in the directory of the databases. Its name is removed as soon
 * as SQLite has opened it, so the kernel frees the file when its descriptors
 * are closed, even after a crash. It needs no journal, as an incomplete copy is
 * thrown away. */
static int copy_open(struct sql_backup *backup, struct sql_error *error)
{
    char path[sizeof backup->sql->beneath + sizeof ".fivefold-backup-XXXXXX"];
    snprintf(path, sizeof path, "%s.fivefold-backup-XXXXXX",
             backup->sql->beneath);
    backup->fd = mkostemp(path, O_CLOEXEC);
    if (backup->fd < 0)
        return means_no_room(errno) ? fail_room(error)
                                    : sql_fail(error, 500, "INTERNAL",
                                               "Cannot create a file in the "
                                               "directory of the databases");
    int rc = sqlite3_open_v2(path, &backup->copy,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_NOFOLLOW,
                             SQL_VFS);
    unlink(path);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(backup->copy,
                          "PRAGMA locking_mode=EXCLUSIVE;"
                          "PRAGMA journal_mode=OFF;"
                          "PRAGMA synchronous=OFF",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        backup->run = sqlite3_backup_init(backup->copy, "main",
                                          backup->source->handle, "main");
    return backup->run != NULL ? 0 : fail_copying(backup, error, rc);
}

/* Fails now rather than when the copy has filled the disk: then writes to the
 * databases would fail too. */
static int check_room(const struct sql_backup *backup, struct sql_error *error)
{
    struct statvfs disk;
    sqlite3_stmt *size = NULL;
    sqlite3_int64 bytes = 0;
    int rc = sql_sqlite_prepare(
        backup->source,
        "SELECT page_count * page_size FROM pragma_page_count, "
        "pragma_page_size",
        -1, &size, NULL);
    if (rc == SQLITE_OK && sqlite3_step(size) == SQLITE_ROW)
        bytes = sqlite3_column_int64(size, 0);
    sqlite3_finalize(size);
    if (fstatvfs(backup->fd, &disk) < 0)
        return 0;
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    return room < (uint64_t)bytes + BACKUP_SPARE_BYTES ? fail_room(error) : 0;
}

/* ---- the request ---- */

static struct sql_backup *backup_new(struct exchange *exchange,
                                     struct text name, struct sql_error *error)
{
    struct sql *sql = sql_of(exchange);
    if (!sql_exists(sql, name)) {
        sql_fail(error, 404, "NOT_FOUND", "there is no database of that name");
        return NULL;
    }
    struct sql_backup *made = calloc(1, sizeof *made);
    if (made == NULL) {
        sql_fail(error, 503, "SQLITE_NOMEM", "Out of memory");
        return NULL;
    }
    if (atomic_fetch_add(&sql->backups, 1) >= sql->settings->sqlite_backups) {
        atomic_fetch_sub(&sql->backups, 1);
        free(made);
        sql_fail(error, 503, "TOO_MANY_BACKUPS",
                 "Too many backups are being taken; try again");
        return NULL;
    }
    made->sql = sql;
    made->fd = -1;
    memcpy(made->name, name.data, name.length);
    return made;
}

static void answer_not_allowed(struct exchange *exchange)
{
    struct sql_error error = {0};
    bool ask = access_sign_in_may_help(exchange->server->access, exchange);
    if (ask)
        sql_fail(&error, 401, "AUTH_FAILED", "Authentication failed");
    else
        sql_fail(&error, 403, "FORBIDDEN", "You may not take a copy");
    answer_failure(exchange, &error);
    if (ask)
        access_challenge(exchange);
}

void sql_backup_begin(struct exchange *exchange, struct text name)
{
    struct sql_error error = {0};
    if (!exchange->may_write) {
        answer_not_allowed(exchange);
        return;
    }
    struct sql_backup *backup = backup_new(exchange, name, &error);
    exchange->state = backup;
    if (backup == NULL || source_open(backup, &error) < 0 ||
        copy_open(backup, &error) < 0 || check_room(backup, &error) < 0)
        answer_failure(exchange, &error);
}

/* The copy is complete: ends the copying, and answers with the file. */
static void answer_copy(struct exchange *exchange)
{
    struct sql_backup *backup = exchange->state;
    struct response *response = &exchange->response;
    struct sql_error error;
    struct stat file;
    int rc = backup_end(backup);
    if (rc != SQLITE_OK || fstat(backup->fd, &file) < 0) {
        fail_copying(backup, &error, rc);
        answer_failure(exchange, &error);
        return;
    }
    response->status = 200;
    response_field(response, "Content-Type", "application/vnd.sqlite3");
    response_field(response, "Content-Disposition",
                   "attachment; filename=\"%s.db\"", backup->name);
    response_field(response, "Cache-Control", "no-store");
    response->file_fd = backup->fd;
    backup->fd = -1;
    if (response_segment(response,
                         (struct segment){.in_file = true,
                                          .length = (uint64_t)file.st_size}))
        response_error(response, 503, "Out of memory.");
}

void sql_backup_go_on(struct exchange *exchange)
{
    struct sql_backup *backup = exchange->state;
    struct sql_database *database = backup->source->database;
    uint64_t end_ns = clock_ns() + BACKUP_TURN_NS;
    int rc;
    if (backup->sql->one_at_a_time)
        pthread_mutex_lock(&database->running);
    do
        rc = sqlite3_backup_step(backup->run, BACKUP_PAGES);
    while (rc == SQLITE_OK && clock_ns() < end_ns);
    if (backup->sql->one_at_a_time)
        pthread_mutex_unlock(&database->running);
    atomic_store(&database->backup_left,
                 (unsigned)sqlite3_backup_remaining(backup->run));
    if (rc == SQLITE_OK)
        return;
    if (rc == SQLITE_DONE) {
        answer_copy(exchange);
        return;
    }
    struct sql_error error;
    fail_copying(backup, &error, rc);
    answer_failure(exchange, &error);
}
