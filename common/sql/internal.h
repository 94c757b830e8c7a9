/* internal.h - what the parts of SQL share. Other directories must not include
 * it; stage 5 alone gets it, through hrana.h.
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

#include "core/mount.h"
#include "base/table.h"
#include "core/server.h"
#include "config/settings.h"
#include "sql/sql.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/queue.h>

enum {
    SQL_NAME_MAX = 64,       /* bytes of a database's name */
    SQL_MESSAGE_BYTES = 512, /* of an error message; a longer one is cut */
};

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

/* ---- errors (error.c) ---- */

struct sql_error {
    unsigned status;  /* of HTTP, if the request as a whole has failed */
    const char *code; /* such as "SQLITE_CONSTRAINT"; a literal */
    char message[SQL_MESSAGE_BYTES];
};

/* Fills error; the message is made as by printf(3), and cut if it is too long.
 * code is borrowed: a literal. Always returns -1, so that a caller can write
 * "return sql_fail(...)". */
int sql_fail(struct sql_error *error, unsigned status, const char *code,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes to the error log what is wrong with the database of that name (its
 * disk, its file). Writes the first message at once, then at most one in ten
 * seconds, with the number of those that it left out. */
void sql_tell(struct sql *sql, struct text name, const char *what);

/* Appends {"message":...,"code":...} to out. */
void sql_append_error(struct message_buffer *out,
                      const struct sql_error *error);

/* Makes error the whole answer of the exchange, with error->status. */
void sql_answer_error(struct exchange *exchange, const struct sql_error *error);

/* ---- routes (route.c) ---- */

struct sql_route {
    struct text name; /* of the database, borrowed from exchange->path; empty
                         for /db/ itself */
    struct text rest; /* what follows "/db/NAME/", borrowed too; data is NULL
                         for "/db/NAME" */
};

/* Splits exchange->path. Here and below, /db/ means the prefix of the mount.
 * Returns 0. Returns -1 if the path is "/db", or if NAME has other characters
 * than [A-Za-z0-9_-], or none, or more than 64. */
int sql_route_read(const struct exchange *exchange, struct sql_route *route);

/* Answers every GET, HEAD and PUT that handler.c does not answer itself (the
 * protocol's paths such as GET /db/NAME/v2, backups), and any method of
 * /db/NAME/query but OPTIONS. Also answers when sql_route_read fails. The
 * answer is a page, a 404, or a 405 with Allow. A page that is streamed keeps
 * its state in response.source_state. handler.c adds the CORS fields
 * afterwards. With exchange->at_once it may return ANSWER_WOULD_BLOCK;
 * otherwise it returns ANSWER_READY. */
enum answer_next sql_pages_begin(struct exchange *exchange);

/* ---- backup (backup.c) ---- */

/* POST /db/NAME/backup. Begin either answers with an error, or sets
 * exchange->state and leaves response.status 0. Then go_on copies for some 10
 * ms a call, until it sets the status. Release closes and frees
 * exchange->state. All three may block. */
void sql_backup_begin(struct exchange *exchange, struct text name);
void sql_backup_go_on(struct exchange *exchange);
void sql_backup_release(struct exchange *exchange);

/* ---- where SQLite finds its files (vfs.c) ---- */

#define SQL_VFS "fivefold"

/* Fills sql->beneath. SQLite's VFS (its layer for files) of the name SQL_VFS
 * opens paths that begin with it. Called by sql_open. Returns 0, or -1 with
 * errno: it does not work without /proc. */
int sql_vfs_open(struct sql *sql);

/* ---- names and files (file.c) ---- */

struct stat;

/* True if name may be a database's name: 1 to 64 of [A-Za-z0-9_-]. */
bool sql_name_is_valid(struct text name);

/* Opens NAME.db in the directory, with SQLite's open flags. Returns a handle
 * that the caller owns (sqlite3_close). On failure it returns NULL, *rc is
 * SQLite's result code, and errno is the kernel's error if it was one. May
 * block. */
sqlite3 *sql_open_handle(struct sql *sql, struct text name, int flags, int *rc);

/* Fills *found if NAME.db is a regular file now. The file is not opened:
 * closing a descriptor of it would drop the locks that SQLite holds on it in
 * this process (fcntl(2)). Returns 0, or -1 with errno. */
int sql_file_stat(struct sql *sql, struct text name, struct stat *found);
/* True if NAME.db is such a file. False also if name is not valid. */
bool sql_exists(struct sql *sql, struct text name);

/* Calls each(context, name, length of the file in bytes) for every database in
 * the directory, sorted by name, until it returns false. Returns 0, or -1 with
 * errno as opendir(3). May block. */
int sql_list(struct sql *sql,
             bool (*each)(void *context, const char *name, uint64_t bytes),
             void *context);

/* ---- a new database (create.c) ---- */

/* Makes an empty database and returns when it is on disk. If two threads make
 * the same one, both succeed. Returns 0, or -1 with error: 507 (the disk is
 * full) or 500. May block. */
int sql_create_database(struct sql *sql, struct text name,
                        struct sql_error *error);

/* ---- databases and connections (db.c) ---- */

struct sql_statement;

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

enum sql_purpose {
    SQL_READ,   /* a connection of the read-only pool */
    SQL_WRITE,  /* it may write; the file must exist */
    SQL_CREATE, /* it may write; the file is made if it is missing */
};

/* Returns a connection to the database of that name, from its pool or a new
 * one. The caller must give it back by sql_give. On failure returns NULL with
 * error: 404 NOT_FOUND; 503 if too many databases are in use, or memory or
 * descriptors have run out; the error of sql_create_database; 500 otherwise. A
 * file that is not a database is no error yet: its first statement fails. May
 * block. */
struct sql_connection *sql_take(struct sql *sql, struct text name,
                                enum sql_purpose purpose,
                                struct sql_error *error);

/* As sql_take, for a thread that must not wait. Returns an idle connection that
 * reads; database->requests does not count this use yet. Returns NULL if there
 * is none. */
struct sql_connection *sql_take_idle(struct sql *sql, struct text name);

/* Gives the connection back: rolls back an open transaction, then puts the
 * connection into the pool. Closes it instead if it has been changed, if its
 * file has been replaced, or if the pool is full. NULL is allowed. May block.
 */
void sql_give(struct sql_connection *connection);

/* Says whether the connection has the write lock while its client is away.
 * Calls sql->on_lock if that has changed. */
void sql_hold_lock(struct sql_connection *connection, bool holds);

/* Called before a client that may only read holds the connection for as long as
 * it likes, until sql_give. Such clients may hold half of the databases that
 * can be open; otherwise they could keep every other database closed. Returns
 * false if they hold half already and this would be one more. Calling it again
 * for the same connection changes nothing. */
bool sql_occupy(struct sql_connection *connection);

/* Closes idle connections while memory is short. Empties the WAL of a database
 * that has not been written to for a while. Call it about once a second, with
 * monotonic time; it may wait for the disk. */
void sql_databases_tick(struct sql *sql, uint64_t now_ms);

/* Closes all databases; none may be in use. For sql_close. */
void sql_databases_close(struct sql *sql);

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

/* ---- the write-ahead log (wal.c) ---- */

/* Returns the length of NAME.db-wal in bytes; 0 if there is none. */
uint64_t sql_wal_bytes(const struct sql *sql, const char *name);

/* Called when the connection may have written and has no transaction open. If
 * the WAL is longer than settings->sqlite_wal_bytes, empties it. For that it
 * ends transactions that only read and whose client is away, the oldest first,
 * and then streamed answers. May block, as long as for a lock. */
void sql_wal_look(struct sql_connection *connection);

/* Empties the WAL if no connection reads from it or writes. Waits for no lock,
 * but for the disk. */
void sql_wal_empty(struct sql_connection *connection);

/* ---- memory, stack and time (memory.c) ---- */

/* Makes an account: it counts the bytes that SQLite has allocated for one
 * connection. A connection that only reads gets a limit of
 * settings->sqlite_memory_bytes. Returns NULL without memory. The caller owns
 * it (sql_account_close). */
struct sql_account *sql_account_open(const struct settings *settings,
                                     bool read_only);

/* Closes the account. It is freed later, with the last memory that is counted
 * in it, if some is still allocated. */
void sql_account_close(struct sql_account *account);

/* Returns the bytes that are allocated now. */
size_t sql_account_bytes(const struct sql_account *account);

/* From now on, what SQLite allocates in this thread is counted for the
 * connection, and fails beyond its limits. Call it before SQLite compiles or
 * runs something. Returns what sql_leave must be given; calls may nest.
 * Afterwards connection->refused says why an allocation failed. */
struct sql_connection *sql_enter(struct sql_connection *connection);
void sql_leave(struct sql_connection *before);

/* After sql_enter: until sql_leave, SQLite may take at most
 * settings->sqlite_memory_bytes more for the connection, also if it may write.
 * 0: no limit. */
void sql_enter_compiling(struct sql_connection *connection);

/* Returns memory that is counted for the connection, like what SQLite
 * allocates; NULL beyond its limits. The caller frees it by sqlite3_free. */
void *sql_memory_take(struct sql_connection *connection, size_t size);

/* For a function that SQLite calls and that may take long. Returns true if the
 * time of the statement that this thread runs is up; the function must then
 * fail with SQLITE_INTERRUPT. */
bool sql_time_is_up(void);

/* True while more than half of settings->sqlite_bytes is allocated. */
bool sql_memory_is_short(void);

/* Makes SQLite allocate its memory by memory.c. Call it before SQLite is used
 * at all; later calls only set the limit again. Returns 0, or -1 with errno
 * EBUSY. */
int sql_memory_open(const struct settings *settings);

/* Returns free memory to the kernel if there is much of it. Call it about once
 * a second. */
void sql_memory_tick(void);

/* ---- the time of a request (budget.c) ---- */

/* All statements of a request together, with the time to compile them, may take
 * settings->sqlite_transaction_seconds. Otherwise a body of a few MB could keep
 * a thread for hours. Start gives the request that time. Spend subtracts the
 * time since since_ns (clock_ns). Check returns 0, or -1 with error
 * SQLITE_INTERRUPT if no time is left, the client has gone, or the server ends.
 */
void sql_request_start(struct sql_connection *connection);

/* From now on, until sql_give or the next call, statements are interrupted when
 * the client of the socket fd has gone. fd 0: do not check. */
enum { SQL_LOOK_NS = 100000000 }; /* between two checks of the socket */
void sql_request_watch(struct sql_connection *connection, int fd);
int sql_request_check(const struct sql_connection *connection,
                      struct sql_error *error);
void sql_request_spend(struct sql_connection *connection, uint64_t since_ns);

/* Returns the time (clock_ns) by which a statement must end that begins at
 * now_ns and may take left_ns (0: no limit of its own). The limits of the
 * request and of its transaction are taken into account. */
uint64_t sql_deadline_ns(const struct sql_connection *connection,
                         uint64_t now_ns, uint64_t left_ns);

/* ---- what SQLite's result codes mean (result.c) ---- */

/* Fills error from the connection's last error, which had SQLite's result code
 * rc. Returns -1. */
int sql_fail_sqlite(struct sql_error *error, struct sql_connection *connection,
                    int rc);

/* ---- the compiler (compile.c) ---- */

/* Compiles the first statement of text, as sqlite3_prepare_v3 does, within the
 * connection's limits of memory, stack and time. length is in bytes and
 * includes the NUL; -1: up to the NUL. The caller owns *made
 * (sqlite3_finalize). *tail is set to what follows the statement. Returns
 * SQLite's result code. Afterwards connection->calls says how often SQLite has
 * allocated. */
int sql_sqlite_prepare(struct sql_connection *connection, const char *text,
                       int length, sqlite3_stmt **made, const char **tail);

/* ---- PRAGMAs (pragma.c) ---- */

enum sql_pragma_rule {
    PRAGMA_REFUSED,
    PRAGMA_READ,     /* allowed without a value */
    PRAGMA_ARGUMENT, /* allowed; a value only says what is asked for */
    PRAGMA_ANALYZE,  /* the same, and it may write */
    PRAGMA_WRITE,    /* a value is written to the file */
    PRAGMA_SETTING,  /* a value changes this connection */
    PRAGMA_WAL,      /* the only value allowed is "wal", which is set already */
    PRAGMA_CHECK,    /* reads the whole file in one instruction, so only for
                        connections that may write */
};

/* Returns the rule for the PRAGMA of that name; an unknown one is
 * PRAGMA_REFUSED. */
enum sql_pragma_rule sql_pragma_rule(struct text name);

/* ---- what a text says (text.c) ---- */

/* Checks that a client's text is no longer than settings->sqlite_sql_bytes, and
 * that its brackets are not nested too deep for SQLite to free the parsed tree.
 * Returns 0, or -1 with error SQLITE_TOOBIG or SQL_TOO_COMPLEX. */
int sql_check_text(const struct settings *settings, struct text sql,
                   struct sql_error *error);

/* Fills is_vacuum, is_pragma, begins_read_only, is_transaction, counts, ends
 * and savepoint of the statement, from the first words of the text that it was
 * compiled from. read_only must be set already. */
void sql_classify(struct sql_statement *statement, struct text text);

/* True if sql has only blanks, comments and semicolons, and no U+0000. */
bool sql_text_is_empty(struct text sql);

/* True if the first statement is a PRAGMA. Many PRAGMAs take effect when they
 * are compiled, and many results are part of the compiled statement. So a
 * PRAGMA must be compiled when its turn comes, and again each time. If true,
 * *writes says whether it can write to the file. */
bool sql_text_is_pragma(struct text sql, bool *writes);

/* Returns the statement to compile instead of sql, if sql would tell where the
 * file is: a literal. Returns NULL if sql can be compiled as it is. */
const char *sql_stand_in(struct text sql);

/* ---- the guard (guard.c) ---- */

/* Sets the authorizer, limits, progress handler and functions of a new handle.
 * SQLite borrows connection until the handle is closed. Returns SQLite's result
 * code. */
int sql_guard(struct sql_connection *connection);

/* Makes SQLite check the clock more often, for a statement with functions that
 * may take long; with often false, as usual again. */
void sql_guard_look_often(struct sql_connection *connection, bool often);

/* True if the statement compiled last was refused because it has too many
 * functions that may take long. */
bool sql_has_long_functions(const struct sql_connection *connection);

/* ---- the session (session.c) ---- */

enum { SQL_SESSION_BYTES = 80 }; /* longest baton that holds a session */

/* Replaces changes() and total_changes() by our own. Returns SQLite's result
 * code. */
int sql_session_functions(struct sql_connection *connection);

/* From now on the connection works for another client. session says what that
 * client has written before. */
void sql_session_start(struct sql_connection *connection,
                       struct sql_session session);

/* Reads the session that a baton holds. Returns false if it holds none; do not
 * use *session then. */
bool sql_session_read(struct text baton, struct sql_session *session);

/* Writes the connection's session as a baton, or "" if there is nothing to
 * remember. */
void sql_session_write(const struct sql_connection *connection,
                       char baton[SQL_SESSION_BYTES + 1]);

/* ---- functions (functions.c) ---- */

/* Replaces instr, replace, trim, ltrim and rtrim by our own: they do the same,
 * but in linear time. Returns SQLite's result code. */
int sql_functions_add(sqlite3 *handle);

/* ---- prepared statements (cache.c) ---- */

struct sql_names;

/* How a statement ends the client's transaction. ROLLBACK TO does not end it.
 * RELEASE does only if its savepoint has begun it. */
enum sql_ends {
    SQL_ENDS_NOTHING,
    SQL_ENDS_COMMIT,
    SQL_ENDS_ROLLBACK,
    SQL_ENDS_SAVEPOINT,
};

/* Its memory is counted for the connection (sql_memory_take). */
struct sql_statement {
    struct sql_connection *connection; /* that compiled it; borrowed */
    sqlite3_stmt *handle;              /* owned */
    char *text;                        /* owned; the key in the cache; NULL if
                                          it is not in the cache */
    size_t text_length;
    unsigned weight;       /* of its functions that may take long */
    bool makes_state;      /* see sql_connection.has_state */
    bool read_only;        /* sqlite3_stmt_readonly */
    bool is_vacuum;        /* see sql_connection.vacuum */
    bool begins_read_only; /* BEGIN TRANSACTION READONLY */
    bool is_transaction;   /* BEGIN, COMMIT, SAVEPOINT... */
    bool is_pragma;        /* a PRAGMA, or EXPLAIN of one */
    bool counts;           /* a write that changes() counts */
    enum sql_ends ends;    /* how it ends the client's transaction */
    uint64_t savepoint;    /* the name in SAVEPOINT or RELEASE, as a number;
                              else 0 */
    bool used_again;       /* it was found in the cache at least once */
    bool judged, is_short; /* sql_at_once_judge */
    int judged_reprepared; /* as columns_reprepared, for is_short */
    unsigned rest;         /* it is left to workers so many times, before it is
                              tried without one again */
    struct sql_names *names; /* names.c; owned */
    char *columns; /* "[{"name":...}...]", made at the first use; owned */
    size_t columns_length;
    int columns_reprepared; /* how often SQLite had compiled the statement again
                               when columns was made */
    struct table_link by_text;
    TAILQ_ENTRY(sql_statement) by_use;
};

/* Returns the statement from the connection's cache, or compiles it. It belongs
 * to the cache: borrowed until the next sql_prepare on this connection, and it
 * must not be running then. sql must have exactly one statement. Returns NULL
 * with error (SQL_MANY_STATEMENTS, SQL_NO_STATEMENT, SQL_INPUT_ERROR...). */
struct sql_statement *sql_prepare(struct sql_connection *connection,
                                  struct text sql, struct sql_error *error);

/* Returns the statement if it is in the cache, borrowed in the same way;
 * otherwise NULL. */
struct sql_statement *sql_prepared(struct sql_connection *connection,
                                   struct text sql);

/* Compiles the first statement of a script without the cache, and moves *sql to
 * the rest of the script. A NUL must follow the script. It is not copied, as a
 * copy for each statement would take the square of its length. The caller owns
 * the statement (sql_statement_free). Returns NULL with error: SQL_NO_STATEMENT
 * if only blanks and comments are left. */
struct sql_statement *sql_compile(struct sql_connection *connection,
                                  struct text *sql, struct sql_error *error);
void sql_statement_free(struct sql_statement *statement); /* NULL is allowed */

/* For db.c. Open makes an empty cache; it returns 0, or -1 with errno ENOMEM.
 * Release frees the cache and all its statements. */
int sql_cache_open(struct sql_connection *connection);
void sql_cache_release(struct sql_connection *connection);

/* Frees all statements of the cache; none may be running. */
void sql_cache_clear(struct sql_connection *connection);

/* ---- parameters and their names (names.c) ---- */

/* Returns the name of the parameter of that number (the first is 1), with its
 * first character (":id"). data is NULL if it has no name. Borrowed until the
 * statement is used again. The first call for a statement takes at most as long
 * as compiling it. */
struct text sql_parameter_name(struct sql_statement *statement, int number);

/* Returns the number of the parameter of that name, or 0 if there is none.
 * Looks for the name as it is, then with ':', '@' and '$' before it. */
int sql_parameter_find(struct sql_statement *statement, struct text name);

void sql_names_free(struct sql_names *names); /* NULL is allowed */

/* ---- queries that need not be handed over (at_once.c) ---- */

/* For a worker that is about to run the statement. Finds out whether each of
 * its instructions is short. Does so once, and only for a statement that has
 * been used again. May block. */
void sql_at_once_judge(struct sql_connection *connection,
                       struct sql_statement *statement);

/* From start to end, in this thread, the statement fails if it takes long or
 * needs a page that is not in memory. Start returns false if the statement is
 * not fit for that; then end must not be called. answered: it did not fail. */
bool sql_at_once_start(struct sql_connection *connection,
                       const struct sql_statement *statement);
void sql_at_once_end(struct sql_connection *connection,
                     struct sql_statement *statement, bool answered);

/* ---- running (run.c) ---- */

/* One execution of a statement, with its limits. First start, then bind; step
 * to the end or as far as wanted; then finish. */
struct sql_run {
    struct sql_connection *connection;
    struct sql_statement *statement;
    int64_t changes_before;
    uint64_t rows;      /* rows so far */
    uint64_t left_ns;   /* time left for the statement when it started, or after
                           a pause; 0: no limit */
    uint64_t armed_ns;  /* when it began to run (clock_ns) */
    int64_t affected;   /* after the end: rows written, or 0 */
    int64_t last_rowid; /* after the end; valid only if wrote */
    bool wrote;
    bool armed; /* the statement runs: its time counts */
    bool looks_often;
    bool in_transaction; /* the client had a transaction open when it began */
    bool done;
};

/* Prepares run for the statement, which has no bindings yet. Borrows connection
 * and statement until sql_run_finish. Returns 0, or -1 with error (such as a
 * write in a read-only transaction). In both cases call sql_run_finish at the
 * end. */
int sql_run_start(struct sql_run *run, struct sql_connection *connection,
                  struct sql_statement *statement, struct sql_error *error);

/* Before the first step: counts the time since since_ns (clock_ns) as the
 * statement's. Returns 0, or -1 with error SQLITE_INTERRUPT if the time of the
 * statement or of the request is up. */
int sql_run_spend(struct sql_run *run, uint64_t since_ns,
                  struct sql_error *error);

/* Binds text to the parameter of that number (the first is 1); data NULL binds
 * NULL. The text is copied. Returns 0, or -1 with error. */
int sql_bind_text(struct sql_run *run, int parameter, struct text text,
                  struct sql_error *error);

/* Returns 1 with a row, 0 at the end, -1 with error. The error is SQLite's, or
 * that of a time limit (SQLITE_INTERRUPT, TRANSACTION_TIMEOUT). With want_rows
 * it is RESPONSE_TOO_LARGE at more rows than settings->sqlite_rows_max. May
 * block. */
int sql_run_step(struct sql_run *run, bool want_rows, struct sql_error *error);

/* Returns 0, or -1 with error RESPONSE_TOO_LARGE if bytes exceeds
 * settings->sqlite_response_bytes. */
int sql_check_bytes(struct sql *sql, uint64_t bytes, struct sql_error *error);

/* Returns 0, or -1 with error SQLITE_NOMEM if out has failed: there was no
 * memory, or no room in the server's budget of memory. The status is 503 if the
 * request can be sent again, and 500 if it has written something. */
int sql_check_room(const struct sql_connection *connection,
                   const struct message_buffer *out, struct sql_error *error);

/* Stops the time of the statement, between two pieces of a cursor's answer: the
 * client's time must not count. The next sql_run_step starts it again. */
void sql_run_pause(struct sql_run *run);

/* Resets the statement and clears its bindings. May be called twice. */
void sql_run_finish(struct sql_run *run);

/* ---- values (value.c) ---- */

/* Returns the bytes of a cell, as a blob or otherwise as UTF-8; empty for NULL.
 * Borrowed until the next step. */
struct text sql_column_bytes(sqlite3_stmt *row, int column, bool blob);

/* Append a cell of the current row. Value writes it as Hrana does
 * ({"type":"integer","value":"1"}). Plain writes it for people (1, 1.5, "text",
 * null, {"base64":"..."}); an integer is a number, however large. */
void sql_append_value(struct message_buffer *out, sqlite3_stmt *row,
                      int column);
void sql_append_plain(struct message_buffer *out, sqlite3_stmt *row,
                      int column);

/* Appends [{"name":...,"decltype":...}...], the statement's columns. */
void sql_append_columns(struct message_buffer *out,
                        struct sql_statement *statement);

/* Removes all of out after its first length bytes, such as a result that failed
 * half-way. */
void sql_cut(struct message_buffer *out, size_t length);

#endif
