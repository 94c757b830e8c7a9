/* wal.c - the write-ahead log of a database is kept short.
 *
 * write done -> NAME.db-wal longer than settings->sqlite_wal_bytes?
 *   -> checkpoint that truncates -> busy -> the oldest reader that waits for
 *      its client is ended -> checkpoint again ... -> wait for those that run;
 *      at twice the length, interrupt them
 * idle -> nobody has written for a while -> the same, without ending anybody
 *
 * SQLite copies the WAL into the database after each commit that finds 1000
 * pages in it, and starts it over when nobody reads from it any more. Readers
 * that overlap, each with a snapshot for as long as it likes, keep it from
 * ever doing so. A checkpoint with TRUNCATE holds the writers off meanwhile:
 * readers that come then need the database file only, so it ends once the
 * readers that were there have ended. */
#include "sql/internal.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    WAL_REST_MS = 1000, /* after a try in vain, as while a backup is made or
                           another process reads: no write waits then */
};

uint64_t sql_wal_bytes(const struct sql *sql, const char *name)
{
    char file[SQL_NAME_MAX + sizeof ".db-wal"];
    struct stat found;
    snprintf(file, sizeof file, "%s.db-wal", name);
    if (fstatat(sql->directory_fd, file, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (uint64_t)found.st_size;
}

/* Empties the WAL. False: somebody reads from it, or writes. */
static bool truncate_wal(struct sql_connection *connection, bool wait)
{
    bool no_wait = connection->no_wait;
    connection->no_wait = no_wait || !wait;
    int rc = sqlite3_wal_checkpoint_v2(connection->handle, "main",
                                       SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    connection->no_wait = no_wait;
    return rc != SQLITE_BUSY; /* an error of the disk is the next commit's */
}

/* False: another connection has the write lock. It looks at the WAL itself when
 * its transaction has ended. */
static bool nobody_writes(struct sql_connection *connection)
{
    return sqlite3_exec(connection->handle, "BEGIN IMMEDIATE; ROLLBACK", NULL,
                        NULL, NULL) == SQLITE_OK;
}

static void rest(struct sql_database *database)
{
    atomic_store(&database->wal_rest_ms, clock_ms() + WAL_REST_MS);
}

/* Statements that read, one after the other, have kept it from being emptied
 * while it grew to twice its limit: those that run are interrupted, for as long
 * as a lock is waited for. Short ones never get so far as to notice. */
static bool interrupt_readers(struct sql_connection *connection)
{
    struct sql_database *database = connection->database;
    atomic_store(&database->wal_overflows, true);
    bool done = truncate_wal(connection, true);
    atomic_store(&database->wal_overflows, false);
    return done;
}

/* A transaction whose client is away goes before an answer that is sent. */
static bool end_oldest(struct sql *sql, struct sql_database *database)
{
    return sql->end_oldest_stream(sql, database) ||
           sql->end_oldest_cursor(sql, database);
}

static void shrink(struct sql_connection *connection, bool overflows)
{
    struct sql *sql = connection->sql;
    struct sql_database *database = connection->database;
    unsigned ended = 0;
    bool done;
    if (!nobody_writes(connection)) {
        rest(database);
        return;
    }
    while (!(done = truncate_wal(connection, false)) &&
           end_oldest(sql, database))
        ended++;
    /* Streams and cursors that are in use just now end as they pause, so that
     * only statements that run are waited for. */
    if (!done) {
        atomic_store(&database->wal_is_full, true);
        done = overflows ? interrupt_readers(connection)
                         : truncate_wal(connection, true);
    }
    atomic_store(&database->wal_is_full, !done);
    if (!done)
        rest(database);
    if (ended == 0)
        return;
    char what[SQL_MESSAGE_BYTES];
    snprintf(what, sizeof what,
             "the WAL has grown beyond sqlite.wal_bytes: %u transactions and "
             "answers that read from it were ended",
             ended);
    sql_tell(sql, text_of(database->name), what);
}

void sql_wal_look(struct sql_connection *connection)
{
    struct sql *sql = connection->sql;
    struct sql_database *database = connection->database;
    uint64_t bytes = sql_wal_bytes(sql, database->name);
    uint64_t max = sql->settings->sqlite_wal_bytes;
    atomic_store(&database->wrote_ms, bytes > 0 ? clock_ms() : 0);
    if (max == 0 || bytes <= max) {
        atomic_store(&database->wal_is_full, false);
        return;
    }
    if (clock_ms() < atomic_load(&database->wal_rest_ms))
        return;
    /* One thread at a time. A stream that is ended below gives its connection
     * back and so comes here too. */
    if (atomic_exchange(&database->wal_shrinks, true))
        return;
    shrink(connection, bytes / 2 > max);
    atomic_store(&database->wal_shrinks, false);
}

void sql_wal_empty(struct sql_connection *connection)
{
    if (atomic_exchange(&connection->database->wal_shrinks, true))
        return;
    truncate_wal(connection, false);
    atomic_store(&connection->database->wal_shrinks, false);
}
