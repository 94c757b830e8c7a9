/* wal.c - keeps the write-ahead log (WAL) of a database short.
 *
 * write done -> NAME.db-wal longer than settings->sqlite_wal_bytes?
 *   -> checkpoint that truncates -> busy -> the oldest reader that waits for
 *      its client is ended -> checkpoint again ... -> wait for those that run;
 *      at twice the length, interrupt them
 * idle -> no write for a while -> the same, but no reader is ended
 *
 * SQLite copies the WAL into the database after each commit that finds 1000
 * pages in it. It starts the WAL over when no connection reads from it any
 * more. Readers that overlap, each with a snapshot for as long as it likes,
 * could keep it from ever doing so. A checkpoint with TRUNCATE keeps the
 * writers waiting meanwhile. Readers that start then need only the database
 * file, so the checkpoint ends once the earlier readers have ended. */
#include "sql/wal.h"

#include "base/clock.h"
#include "config/settings.h"
#include "sql/error.h"
#include "sql/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    WAL_REST_MS = 1000, /* pause after a try that failed, as while a backup is
                           made or another process reads; until it ends, no
                           write waits for a new try */
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

/* Empties the WAL. Returns false if a connection reads from it, or writes. */
static bool truncate_wal(struct sql_connection *connection, bool wait)
{
    bool no_wait = connection->no_wait;
    connection->no_wait = no_wait || !wait;
    int rc = sqlite3_wal_checkpoint_v2(connection->handle, "main",
                                       SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    connection->no_wait = no_wait;
    return rc != SQLITE_BUSY; /* the next commit reports an error of the disk */
}

/* Returns false if another connection has the write lock. That one checks the
 * WAL itself when its transaction has ended. */
static bool nobody_writes(struct sql_connection *connection)
{
    return sqlite3_exec(connection->handle, "BEGIN IMMEDIATE; ROLLBACK", NULL,
                        NULL, NULL) == SQLITE_OK;
}

static void rest(struct sql_database *database)
{
    atomic_store(&database->wal_rest_ms, clock_ms() + WAL_REST_MS);
}

/* Overlapping statements that read have kept the WAL from being emptied while
 * it grew to twice its limit. Interrupts those that run, for as long as a lock
 * is waited for. A short statement ends before it notices. */
static bool interrupt_readers(struct sql_connection *connection)
{
    struct sql_database *database = connection->database;
    atomic_store(&database->wal_overflows, true);
    bool done = truncate_wal(connection, true);
    atomic_store(&database->wal_overflows, false);
    return done;
}

/* Ends a transaction whose client is away, or else a streamed answer. Returns
 * false if there is neither. */
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
    /* Streams and cursors that are in use now will end as soon as they wait for
     * their client. So only statements that run must be waited for. */
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
    /* One thread at a time. A stream that shrink ends gives its connection
     * back, and so calls this function too. */
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
