/* internal.h - what the parts of SQL share: the databases of one directory, one
 * database, one connection. What a part does is declared in the header of its
 * own name. Other directories must not include any of them but sql.h. Stage 5
 * alone includes more, as it runs several requests in one transaction.
 *
 * handler.c (routes) -> db.c (database, connection of a pool)
 *   -> cache.c (prepared statement) -> guard.c (authorizer, limits)
 *   -> run.c (bind, step) -> value.c (JSON) -> response
 * with request.c (a request in steps), hrana.c (the requests of a
 * stream), stream.c (batons), cursor.c (row by row) and pages.c
 * (for people) on top.
 *
 * A connection belongs to one request at a time, so nothing in it is locked.
 * The lock of struct sql guards the databases and their pools. The streams have
 * a lock of their own. Neither lock is held while SQLite works.
 *
 * Terms. Exchange: one HTTP request and its answer. Mount: a URL prefix and
 * what serves it. Hrana: the protocol, SQL as JSON over HTTP. Stream: a
 * connection with what Hrana keeps on it for one client. Baton: the string by
 * which the client's next request names its stream. Cursor: an answer whose
 * rows are sent while they are found. WAL: SQLite's write-ahead log,
 * NAME.db-wal. Worker: a thread that may wait, while the thread that receives
 * requests (in stage 5, a front) must not. */
#ifndef FIVEFOLD_SQL_INTERNAL_H
#define FIVEFOLD_SQL_INTERNAL_H

#include "base/table.h"
#include "core/mount.h"
#include "sql/sql.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/queue.h>

enum { SQL_NAME_MAX = 64 }; /* bytes of a database's name */

struct sql_streams;

TAILQ_HEAD(sql_databases, sql_database);
TAILQ_HEAD(sql_cursors, sql_cursor);
TAILQ_HEAD(sql_statements, sql_statement);
SLIST_HEAD(sql_connections, sql_connection);

struct sql {
    /* Fixed after sql_open. */
    const struct settings *settings; /* borrowed */
    unsigned wait_ms;                /* at most, for a locked database */
    char *directory;  /* real path when opened, for messages; owned */
    int directory_fd; /* owned */
    char beneath[sizeof "/proc/self/fd/-2147483648/"]; /* that directory, as
                                                          SQLite opens it */
    struct sql_streams *streams;                       /* locks itself; owned */
    bool one_at_a_time;                                /* see sql_use_mutex */
    bool at_once; /* a short query needs no worker (at_once.c) */

    /* Under lock. */
    pthread_mutex_t lock;
    struct sql_databases databases; /* most recently used first */
    size_t database_count;
    size_t occupied_count; /* databases that sql_occupy keeps open */

    sql_lock_function *on_lock; /* NULL: not called */
    void *on_lock_context;      /* borrowed */

    atomic_bool ending; /* set by sql_interrupt */

    /* Atomic: any thread counts here. */
    atomic_uint cursors; /* streamed answers; each has a connection */

    /* Under cursors_lock. */
    pthread_mutex_t cursors_lock;
    struct sql_cursors cursors_by_age; /* the first is the oldest */

    /* A stream or a cursor that reads keeps the WAL from being emptied. Each of
     * these ends the oldest one of that database that waits for its client.
     * Returns false if there is none to end. */
    bool (*end_oldest_stream)(struct sql *sql,
                              const struct sql_database *database);
    bool (*end_oldest_cursor)(struct sql *sql,
                              const struct sql_database *database);

    atomic_uint backups; /* copies that are being made or sent */

    struct log *log;          /* borrowed; NULL: nothing is logged */
    _Atomic uint64_t told_ms; /* when sql_tell last wrote; 0: never */
    atomic_uint untold;       /* messages that it has left out since */
};

/* The struct sql of the mount that this exchange belongs to; borrowed. */
static inline struct sql *sql_of(const struct exchange *exchange)
{
    return exchange->mount->object;
}

struct sql_database {
    /* Fixed while it is in sql->databases. */
    char name[SQL_NAME_MAX + 1];
    dev_t device; /* with inode: identifies the file */
    ino_t inode;

    /* Under sql->lock. */
    struct sql_connections idle[2]; /* [0] write, [1] read only; last used
                                       first */
    unsigned idle_count[2];
    unsigned connections; /* idle, in use, and those being opened */
    bool gone;            /* not in the list any more: freed when its last
                             connection is closed */
    unsigned occupants;   /* connections that sql_occupy counted */
    uint64_t looked_ms;   /* when sql_take_idle last checked the file */
    TAILQ_ENTRY(sql_database) by_use;

    /* With one_at_a_time: held by the thread that runs a statement. */
    pthread_mutex_t running;

    /* Atomic: any thread counts here. */
    atomic_uint_fast64_t requests, prepared, hits;
    atomic_uint streams;
    _Atomic uint64_t wrote_ms;    /* when it was last written to; 0: the WAL has
                                     been emptied since */
    atomic_bool wal_shrinks;      /* a thread is emptying the WAL (wal.c) */
    _Atomic uint64_t wal_rest_ms; /* it could not be emptied: no new try before
                                     that time */
    atomic_bool wal_is_full;      /* it is too long, and readers keep it so: a
                                     transaction or cursor that only reads ends
                                     as soon as it waits for its client */
    atomic_bool wal_overflows;    /* it is twice too long: every statement that
                                     only reads is interrupted */
    atomic_uint backups;     /* copies being made, without those being sent */
    atomic_uint backup_left; /* pages left, of the copy that last went on */
};

/* Why an allocation of SQLite's failed, or why a statement was interrupted. */
enum sql_refusal {
    SQL_GRANTED,      /* neither has happened */
    SQL_NO_MEMORY,    /* the limit is reached, or memory is out */
    SQL_TOO_DEEP,     /* the statement nests so deep that the stack could
                         overflow */
    SQL_TOO_LATE,     /* the statement's time is up, or the server ends */
    SQL_CLIENT_GONE,  /* the client has gone */
    SQL_WAL_TOO_LONG, /* a snapshot keeps the WAL from being emptied */
    SQL_NOT_SHORT,    /* it ran without a worker (at_once.c), and takes too long
                         for that */
};

/* What SQL functions can ask about a client's writes (session.c). */
struct sql_session {
    int64_t rowid;   /* last_insert_rowid() */
    int64_t changes; /* changes() */
    int64_t total;   /* total_changes() */
};

struct sql_connection {
    /* Fixed while it is open. */
    struct sql *sql;
    struct sql_database *database; /* counted in its connections */
    sqlite3 *handle;               /* owned */
    bool read_only;                /* opened with SQLITE_OPEN_READONLY */
    bool occupies;                 /* true from sql_occupy to sql_give */

    /* Used only by the thread that holds the connection. */
    struct sql_account *account; /* what SQLite has allocated for it; owned */
    char *stack_end;             /* after sql_enter: the stack must not grow
                                    below this address, ... */
    size_t most;                 /* ... nor SQLite hold more bytes than this */
    unsigned calls;              /* allocations since sql_enter */
    unsigned weight;             /* of the long functions (guard.c) that were
                                    compiled since sql_enter */
    bool makes_state;         /* what was compiled since then makes state when
                                 it runs */
    enum sql_refusal refused; /* why the last refused allocation since then was
                                 refused, or why it was interrupted */
    struct table by_text;     /* prepared statements by their text; owned */
    struct sql_statements by_use; /* least recently used first */
    size_t statement_count;
    uint64_t deadline_ns; /* of the statement that runs; 0: no limit */
    uint64_t
        transaction_deadline_ns; /* of a stream's transaction; 0: no limit */
    uint64_t request_left_ns; /* time left for this request; 0: it is used up;
                                 UINT64_MAX: no limit */
    int client_fd;            /* the client's socket; 0: not checked */
    uint64_t waits_ns;        /* since when the client waits */
    uint64_t look_ns;         /* no check of client_fd before that time */
    bool wrote;             /* this request began a statement that may write */
    uint64_t busy_until_ms; /* how long it waits for another's lock */
    bool committed;         /* a statement of this request may be on disk: the
                                 request must not be answered as failed any
                                 more */
    bool holds_mutex;       /* it has locked database->running */
    bool holds_lock; /* a stream keeps it with the database's write lock */
    bool no_wait;    /* SQLITE_BUSY at once if the database is locked */
    bool shared;     /* its transaction is shared by several requests, and each
                        must see a connection without one */
    bool timed_out;  /* the statement was interrupted, as its time was up */
    sqlite3_stmt *running; /* the statement that deadline_ns is for; borrowed */
    bool vacuum;           /* VACUUM runs: it attaches '' by itself */
    bool read_transaction; /* after BEGIN TRANSACTION READONLY */
    bool changed;   /* close it instead of putting it back into the pool: it has
                       state, or cannot write but should */
    bool has_state; /* its client changed settings, or made temporary tables */
    bool describes; /* a statement is compiled for describe only, and must have
                       no effect */
    bool gone;      /* the client of this request has gone: no further statement
                       is begun */
    bool lost;      /* SQLite has rolled back the client's transaction, and the
                       client has not ended it yet; an empty transaction
                       replaces it (run.c) */
    uint64_t savepoint;         /* the savepoint that began the transaction, as
                                   a number; 0: BEGIN did */
    struct sql_session carried; /* what the client's baton said */
    bool counted;               /* this client has written, or tried to */
    int64_t total_before;       /* sqlite3_total_changes64 when this client
                                   began */
    unsigned at_once;   /* the statement is interrupted after so many calls of
                           the progress handler; 0: not for that (at_once.c) */
    bool tries_at_once; /* an error of this run may not be the statement's: a
                           worker runs it again */
    int value_bytes;    /* the usual limit of a value, while another is set */

    /* Under sql->lock. While it is in the pool, no thread holds it. */
    bool is_idle; /* it is in the pool */
    SLIST_ENTRY(sql_connection) idle;
};

/* The name of the connection's database; borrowed from the connection. */
static inline struct text
sql_database_name(const struct sql_connection *connection)
{
    return text_of(connection->database->name);
}

/* True if no transaction is open, as far as the client can tell. */
static inline bool sql_is_autocommit(const struct sql_connection *connection)
{
    return connection->shared ||
           (!connection->lost && sqlite3_get_autocommit(connection->handle));
}

/* Marks the connection as one with state, such as a setting: this client must
 * find it again at its next request, and no other client may. */
static inline void sql_mark_state(struct sql_connection *connection)
{
    connection->changed = connection->has_state = true;
}

#endif
