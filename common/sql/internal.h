/* internal.h - what the parts of SQL share; nobody else includes it.
 *
 * sql.c (routes) -> db.c (database, connection of a pool)
 *   -> cache.c (prepared statement) -> guard.c (authorizer, limits)
 *   -> run.c (bind, step) -> value.c (JSON) -> response
 * with request.c (a request in steps), hrana.c (the requests of a
 * stream), stream.c (batons), cursor.c (row by row) and pages.c
 * (for people) on top.
 *
 * A connection belongs to one request at a time, so nothing in it is locked.
 * The lock of struct sql guards the databases and their pools, the lock of
 * the streams theirs; neither is held while SQLite works. */
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
    SQL_MESSAGE_BYTES = 512, /* of an error; longer ones are cut */
};

struct sql_streams;

TAILQ_HEAD(sql_databases, sql_database);
TAILQ_HEAD(sql_cursors, sql_cursor);
TAILQ_HEAD(sql_statements, sql_statement);
SLIST_HEAD(sql_connections, sql_connection);

struct sql {
    /* Fixed after sql_open. */
    const struct settings *settings; /* borrowed */
    unsigned wait_ms;                /* for a locked database */
    char *directory;  /* real path at the start, for messages; owned */
    int directory_fd; /* owned */
    char beneath[sizeof "/proc/self/fd/-2147483648/"]; /* that directory; what
                                                          SQLite opens */
    struct sql_streams *streams;                       /* locks itself; owned */
    bool one_at_a_time; /* a database's mutex is used */
    bool at_once;       /* a short query need not be handed over */

    /* Under lock. */
    pthread_mutex_t lock;
    struct sql_databases databases; /* the one used last first */
    size_t database_count;
    size_t occupied_count; /* databases that sql_occupy keeps open */

    sql_lock_function *on_lock; /* NULL: nobody wants to know */
    void *on_lock_context;      /* borrowed */

    atomic_bool ending; /* sql_interrupt */

    /* Counted by anyone. */
    atomic_uint cursors; /* answers that are streamed, each with a connection */

    /* Under cursors_lock. */
    pthread_mutex_t cursors_lock;
    struct sql_cursors cursors_by_age; /* the first is the oldest */

    /* Who may keep a WAL from being emptied, and is not at work: ends the
     * oldest of that database. False: there is none. */
    bool (*end_oldest_stream)(struct sql *sql,
                              const struct sql_database *database);
    bool (*end_oldest_cursor)(struct sql *sql,
                              const struct sql_database *database);

    atomic_uint backups; /* copies that are made or sent */

    struct log *log;          /* borrowed; NULL: nobody is told */
    _Atomic uint64_t told_ms; /* when sql_tell has written; 0: never */
    atomic_uint untold;       /* what it has not written since */
};

/* The handler's object for this exchange. */
static inline struct sql *sql_of(const struct exchange *exchange)
{
    return exchange->mount->object;
}

/* ---- errors (error.c) ---- */

struct sql_error {
    unsigned status;  /* of HTTP, where the request as a whole has failed */
    const char *code; /* "SQLITE_CONSTRAINT"; a literal */
    char message[SQL_MESSAGE_BYTES];
};

/* Fills an error; printf. Returns -1 so that a caller can return it on. */
int sql_fail(struct sql_error *error, unsigned status, const char *code,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Tells the error log what is wrong with a database (its disk, its file), at
 * once, then at most every ten seconds. */
void sql_tell(struct sql *sql, struct text name, const char *what);

/* Appends {"message":...,"code":...}. */
void sql_append_error(struct message_buffer *out,
                      const struct sql_error *error);

/* Answers exchange with error->status as a whole. */
void sql_answer_error(struct exchange *exchange, const struct sql_error *error);

/* ---- routes (route.c) ---- */

struct sql_route {
    struct text name; /* of the database; empty for /db/ itself; borrowed from
                         exchange->path */
    struct text rest; /* behind "/db/NAME/"; data NULL for "/db/NAME" */
};

/* Takes exchange->path apart; /db/ stands for the mount's prefix here and
 * below. Returns 0, or -1 when it is "/db", or when NAME holds other characters
 * than [A-Za-z0-9_-] or more than 64 of them. */
int sql_route_read(const struct exchange *exchange, struct sql_route *route);

/* Gets every request whose method is GET, HEAD or PUT and that is not one of
 * the protocol's paths (GET /db/NAME/v2, v3); also those for which
 * sql_route_read fails. Answers at once: a 404, a 405 with Allow, a page.
 * A page that is streamed keeps its state in response.source_state. The CORS
 * fields are added by handler.c afterwards. */
enum answer_next sql_pages_begin(struct exchange *exchange);

/* ---- backup (backup.c) ---- */

/* POST /db/NAME/backup. Answers an error, or leaves the status 0 and goes on,
 * some 10 ms a call, until there is one. exchange->state is in use then, and
 * goes by release. */
void sql_backup_begin(struct exchange *exchange, struct text name);
void sql_backup_go_on(struct exchange *exchange);
void sql_backup_release(struct exchange *exchange);

/* ---- where SQLite finds its files (vfs.c) ---- */

#define SQL_VFS "fivefold"

/* Fills sql->beneath; SQL_VFS opens names that begin with it. For sql_open.
 * Returns 0, or -1 with errno: without /proc it cannot be done. */
int sql_vfs_open(struct sql *sql);

/* ---- names and files (file.c) ---- */

struct stat;

/* True if NAME may be a database's name. */
bool sql_name_is_valid(struct text name);

/* NAME.db in the directory, opened by SQLite as the flags say; given. NULL with
 * *rc, and errno if it was the kernel's. May block. */
sqlite3 *sql_open_handle(struct sql *sql, struct text name, int flags, int *rc);

/* Looks whether NAME is a regular file now, without opening it: closing a
 * descriptor of a database's file would drop the locks that SQLite holds on it
 * in this process (fcntl(2)). Returns 0, or -1 with errno. */
int sql_file_stat(struct sql *sql, struct text name, struct stat *found);
/* The same as a question; false for what is no name too. */
bool sql_exists(struct sql *sql, struct text name);

/* Calls each(context, name, length of the file) for every database in the
 * directory, in the order of their names, until it returns false. Returns 0,
 * or -1 with errno as opendir(3). May block. */
int sql_list(struct sql *sql,
             bool (*each)(void *context, const char *name, uint64_t bytes),
             void *context);

/* ---- a new database (create.c) ---- */

/* Makes an empty database, which is on disk then. Of two who
 * try, both succeed. Returns 0, or -1 with error: 507 or 500. May block. */
int sql_create_database(struct sql *sql, struct text name,
                        struct sql_error *error);

/* ---- databases and connections (db.c) ---- */

struct sql_statement;

struct sql_database {
    /* Fixed while it is listed. */
    char name[SQL_NAME_MAX + 1];
    dev_t device; /* with inode: which file it is */
    ino_t inode;

    /* Under sql->lock. */
    struct sql_connections idle[2]; /* write, read only; last used first */
    unsigned idle_count[2];
    unsigned connections; /* idle, in use, and being opened */
    bool gone;            /* no more listed: freed with the last connection */
    unsigned occupants;   /* connections of sql_occupy */
    uint64_t looked_ms;   /* when sql_take_idle last looked at the file */
    TAILQ_ENTRY(sql_database) by_use;

    /* With one_at_a_time: held by whoever runs a statement. */
    pthread_mutex_t running;

    /* Counted by anyone. */
    atomic_uint_fast64_t requests, prepared, hits;
    atomic_uint streams;
    _Atomic uint64_t wrote_ms;    /* when it was last written to; 0: the WAL
                                     has been emptied since */
    atomic_bool wal_shrinks;      /* a thread is emptying it (wal.c) */
    _Atomic uint64_t wal_rest_ms; /* it could not be: not before that time */
    atomic_bool wal_is_full;      /* too long, and readers keep it so: no
                                     transaction that only reads is kept */
    atomic_bool wal_overflows;    /* twice too long: no statement that only
                                     reads goes on */
    atomic_uint backups;     /* copies that are made, not those being sent */
    atomic_uint backup_left; /* pages, of the one that went on last */
};

/* Why SQLite did not get memory. */
enum sql_refusal {
    SQL_GRANTED,      /* it got it */
    SQL_NO_MEMORY,    /* it has what it may have, or there is none */
    SQL_TOO_DEEP,     /* a statement nests so deep that the stack could end */
    SQL_TOO_LATE,     /* its time is up, or the server ends */
    SQL_CLIENT_GONE,  /* nobody will read the answer */
    SQL_WAL_TOO_LONG, /* its snapshot keeps the WAL from being emptied */
    SQL_NOT_SHORT,    /* tried at once (at_once.c), it takes too long */
};

/* What SQL can ask about a client's writes so far (session.c). */
struct sql_session {
    int64_t rowid;   /* last_insert_rowid() */
    int64_t changes; /* changes() */
    int64_t total;   /* total_changes() */
};

struct sql_connection {
    /* Fixed while it is open. */
    struct sql *sql;
    struct sql_database *database; /* counted */
    sqlite3 *handle;               /* owned */
    bool read_only;                /* opened with SQLITE_OPEN_READONLY */
    bool occupies;                 /* from sql_occupy to sql_give */

    /* The holder's. */
    struct sql_account *account; /* what SQLite has allocated for it; owned */
    char *stack_end;             /* sql_enter: SQLite must not go below, ... */
    size_t most;                 /* ... nor have more bytes than that */
    unsigned calls;              /* allocations since sql_enter */
    unsigned weight;             /* of functions compiled since sql_enter */
    bool makes_state;         /* what was compiled since then does, once run */
    enum sql_refusal refused; /* why one failed since, if one did */
    struct table by_text;     /* prepared statements; owned */
    struct sql_statements by_use; /* the first least recently */
    size_t statement_count;
    uint64_t deadline_ns;             /* of the statement that runs; 0: none */
    uint64_t transaction_deadline_ns; /* of a stream's transaction; 0: none */
    uint64_t request_left_ns; /* of the time of this request; 0: none left */
    int client_fd;            /* who waits for the statement; 0: nobody looks */
    uint64_t waits_ns;        /* since when */
    uint64_t look_ns;         /* not before that time again */
    bool wrote;               /* this request has begun a statement that may */
    uint64_t busy_until_ms;   /* another's lock is waited for until then */
    bool committed;           /* a statement of this request may be on disk: the
                                 request as a whole is not called failed any more */
    bool holds_mutex;         /* database->running */
    bool holds_lock; /* kept by a stream with the database's write lock */
    bool no_wait;    /* a locked database is SQLITE_BUSY at once */
    bool shared;     /* its transaction is that of several requests, each of
                        which is to see a connection without one */
    bool late;       /* the progress handler has interrupted */
    sqlite3_stmt *running; /* while deadline_ns is its; borrowed */
    bool vacuum;           /* VACUUM runs: it attaches '' by itself */
    bool read_transaction; /* after BEGIN TRANSACTION READONLY */
    bool changed;   /* it has state, or cannot write and should: not for the
                       pool */
    bool has_state; /* its client has changed settings, or made temp tables */
    bool describes; /* a statement that is compiled must have no effect */
    bool gone;      /* the client of this request: nothing more is begun */
    bool lost;      /* the client's transaction has been rolled back under it,
                       and it has not said yet that it ends; an empty one
                       stands in its place */
    uint64_t savepoint;         /* that has begun the transaction; 0: BEGIN */
    struct sql_session carried; /* by the baton */
    bool counted;               /* this client has written: or tried to */
    int64_t total_before;       /* sqlite3_total_changes64 when it began */
    unsigned at_once;   /* calls of the progress handler until it interrupts; 0:
                           nobody is held up (at_once.c) */
    bool tries_at_once; /* no error of this run is the statement's */
    int value_bytes;    /* the limit that holds otherwise */

    SLIST_ENTRY(sql_connection) idle; /* in the pool, under sql->lock */
};

enum sql_purpose {
    SQL_READ,   /* connection of the read-only pool */
    SQL_WRITE,  /* the file must be there */
    SQL_CREATE, /* the file is made when it is missing */
};

/* Gives a connection to the database of that name, from its pool or fresh; it
 * must go back by sql_give. NULL with error: 404 NOT_FOUND, 503 when too
 * many databases are open and in use, 500 otherwise (also: not a database).
 * May block. */
struct sql_connection *sql_take(struct sql *sql, struct text name,
                                enum sql_purpose purpose,
                                struct sql_error *error);

/* The same for a thread that must not wait: an idle connection that reads,
 * whose use is not counted yet. NULL: none is there. */
struct sql_connection *sql_take_idle(struct sql *sql, struct text name);

/* Takes the connection back: rolls back what is open; closes it when it has
 * been changed or its file has been replaced. NULL is allowed. */
void sql_give(struct sql_connection *connection);

/* The connection has, or has no more, the write lock while its client is away:
 * tells sql->on_lock if that is new. */
void sql_hold_lock(struct sql_connection *connection, bool holds);

/* A client that may only read is about to hold the connection until sql_give,
 * for as long as it likes. False: such clients hold half of the databases that
 * may be open already, and this is another one. They must not hold all, or
 * nobody could open one of the others. Asked again for the same connection it
 * changes nothing. */
bool sql_occupy(struct sql_connection *connection);

/* Closes idle connections while memory is short, and empties the WAL of a
 * database that nobody has written to for a while. About once a second; may
 * wait for the disk. */
void sql_databases_tick(struct sql *sql, uint64_t now_ms);

/* Closes all; none may be in use. For sql_close. */
void sql_databases_close(struct sql *sql);

/* The name of the connection's database; borrowed from the connection. */
static inline struct text
sql_database_name(const struct sql_connection *connection)
{
    return text_of(connection->database->name);
}

/* No transaction is open, as far as the client can tell. */
static inline bool sql_is_autocommit(const struct sql_connection *connection)
{
    return connection->shared ||
           (!connection->lost && sqlite3_get_autocommit(connection->handle));
}

/* From now on it has what the next client must not find, and this one must find
 * again at its next request. */
static inline void sql_mark_state(struct sql_connection *connection)
{
    connection->changed = connection->has_state = true;
}

/* ---- the write-ahead log (wal.c) ---- */

/* Bytes of NAME.db-wal; 0: there is none. */
uint64_t sql_wal_bytes(const struct sql *sql, const char *name);

/* The connection may have written, and has no transaction open: if the WAL is
 * longer than settings->sqlite_wal_bytes it is emptied. For that, transactions
 * that only read and whose client is away are ended, the oldest first, and then
 * streamed answers. May block, for as long as for a lock. */
void sql_wal_look(struct sql_connection *connection);

/* Empties the WAL if nobody reads from it or writes. Waits for no lock, but for
 * the disk. */
void sql_wal_empty(struct sql_connection *connection);

/* ---- memory, stack and time (memory.c) ---- */

/* Counts what SQLite has allocated for one connection. NULL without memory. */
struct sql_account *sql_account_open(const struct settings *settings,
                                     bool read_only);

/* What is still allocated is freed with its owner. */
void sql_account_close(struct sql_account *account);

/* Bytes allocated now. */
size_t sql_account_bytes(const struct sql_account *account);

/* This thread compiles or runs something for the connection from now on: what
 * SQLite allocates is the connection's, and fails beyond its bounds. Returns
 * what is to be given to sql_leave; calls nest. connection->refused says
 * afterwards why an allocation failed. */
struct sql_connection *sql_enter(struct sql_connection *connection);
void sql_leave(struct sql_connection *before);

/* After sql_enter: until sql_leave no more than settings->sqlite_memory_bytes
 * are taken, whoever compiles. */
void sql_enter_compiling(struct sql_connection *connection);

/* Memory that is counted as the connection's, like what SQLite allocates for
 * it; NULL beyond its bounds. Freed by sqlite3_free. */
void *sql_memory_take(struct sql_connection *connection, size_t size);

/* For a function that is called by SQLite and takes long: is the time of the
 * statement up that this thread runs, so that it is to fail with
 * SQLITE_INTERRUPT? */
bool sql_is_late(void);

/* True while more than half of settings->sqlite_bytes is allocated. */
bool sql_memory_is_short(void);

/* Has SQLite allocate here. Call before SQLite is used at all; later calls only
 * set the limit anew. Returns 0, or -1 with errno EBUSY. */
int sql_memory_open(const struct settings *settings);

/* Gives memory that is free back to the kernel, when it is much. About once a
 * second. */
void sql_memory_tick(void);

/* ---- the time of a request (budget.c) ---- */

/* All statements of a request together, compiling them included, may take
 * settings->sqlite_transaction_seconds: else a body of a few MB would keep a
 * thread for hours. Start gives that time; check returns 0, or -1 with
 * SQLITE_INTERRUPT when none is left; spend takes off what has passed since. */
void sql_request_start(struct sql_connection *connection);

/* Statements are interrupted from now on when the client of that socket has
 * gone, until sql_give or another call; 0: nobody is looked for. */
enum { SQL_LOOK_NS = 100000000 }; /* between two looks at the client */
void sql_request_watch(struct sql_connection *connection, int fd);
int sql_request_check(const struct sql_connection *connection,
                      struct sql_error *error);
void sql_request_spend(struct sql_connection *connection, uint64_t since_ns);

/* When what begins at now_ns and may take left_ns (0: no limit of its own) must
 * have ended, by the time of the request and of the transaction too. */
uint64_t sql_deadline_ns(const struct sql_connection *connection,
                         uint64_t now_ns, uint64_t left_ns);

/* ---- what SQLite's result codes mean (result.c) ---- */

/* Fills error from the connection's last error, which had result code rc. */
int sql_fail_sqlite(struct sql_error *error, struct sql_connection *connection,
                    int rc);

/* ---- the compiler (compile.c) ---- */

/* Has SQLite compile the first statement of text, of length bytes with its NUL
 * or -1, as sqlite3_prepare_v3 does, within the connection's bounds of memory,
 * stack and time. Returns SQLite's result code; after it connection->calls says
 * how often SQLite has allocated. */
int sql_sqlite_prepare(struct sql_connection *connection, const char *text,
                       int length, sqlite3_stmt **made, const char **tail);

/* ---- PRAGMAs (pragma.c) ---- */

enum sql_pragma_rule {
    PRAGMA_REFUSED,
    PRAGMA_READ,     /* without a value */
    PRAGMA_ARGUMENT, /* the value only says what is asked for */
    PRAGMA_ANALYZE,  /* the same, and something may be written */
    PRAGMA_WRITE,    /* a value is kept in the file */
    PRAGMA_SETTING,  /* a value changes this connection */
    PRAGMA_WAL,      /* the value may be what is so already */
    PRAGMA_CHECK,    /* reads the whole file in one instruction */
};

enum sql_pragma_rule sql_pragma_rule(struct text name);

/* ---- what a text says (text.c) ---- */

/* Is a client's text no longer than settings->sqlite_sql_bytes, and are its
 * brackets nested no deeper than SQLite may be asked to free? Returns 0, or -1
 * with error SQLITE_TOOBIG or SQL_TOO_COMPLEX. */
int sql_check_text(const struct settings *settings, struct text sql,
                   struct sql_error *error);

/* What the text in front says about the statement compiled from it: fills
 * is_vacuum, is_pragma, begins_read_only, is_transaction, counts, ends and
 * savepoint. read_only is known already. */
void sql_classify(struct sql_statement *statement, struct text text);

/* Is there nothing but blanks, comments and semicolons, and no U+0000? */
bool sql_text_is_empty(struct text sql);

/* Is the first statement a PRAGMA? Many take effect as they are compiled, and
 * many results stand in the compiled statement: it must be compiled when its
 * turn comes, and each time. *writes is false if it cannot write to the file.
 */
bool sql_text_is_pragma(struct text sql, bool *writes);

/* What is compiled in the place of a text that would tell where the file is; a
 * literal, or NULL. */
const char *sql_stand_in(struct text sql);

/* ---- the guard (guard.c) ---- */

/* Sets authorizer, limits, progress handler and functions on a fresh handle;
 * borrows connection until it is closed. Returns SQLite's result code. */
int sql_guard(struct sql_connection *connection);

/* Has SQLite look at the clock more often, for a statement with functions that
 * may take long, or again as usual. */
void sql_guard_look_often(struct sql_connection *connection, bool often);

/* Was a statement refused as it has too many functions that take long? */
bool sql_has_long_functions(const struct sql_connection *connection);

/* ---- the session (session.c) ---- */

enum { SQL_SESSION_BYTES = 80 }; /* of a baton that is one */

/* Puts ours in the place of changes and total_changes. Returns SQLite's result
 * code. */
int sql_session_functions(struct sql_connection *connection);

/* The connection is another client's from now on, who has done so much before.
 */
void sql_session_start(struct sql_connection *connection,
                       struct sql_session session);

/* Reads a baton that is a session; false: it is none, and *session is zero. */
bool sql_session_read(struct text baton, struct sql_session *session);

/* The session as a baton; "" if there is nothing to remember. */
void sql_session_write(const struct sql_connection *connection,
                       char baton[SQL_SESSION_BYTES + 1]);

/* ---- functions (functions.c) ---- */

/* Puts ours in the place of instr, replace, trim, ltrim and rtrim: the same,
 * but in linear time. Returns SQLite's result code. */
int sql_functions_add(sqlite3 *handle);

/* ---- prepared statements (cache.c) ---- */

struct sql_names;

/* What ends a transaction, of what a client says. ROLLBACK TO does not, and
 * RELEASE only if its savepoint has begun it. */
enum sql_ends {
    SQL_ENDS_NOTHING,
    SQL_ENDS_COMMIT,
    SQL_ENDS_ROLLBACK,
    SQL_ENDS_SAVEPOINT,
};

/* Its memory is counted as the connection's (sql_memory_take). */
struct sql_statement {
    struct sql_connection *connection; /* that has compiled it */
    sqlite3_stmt *handle;              /* owned */
    char *text;                        /* owned; the key; NULL past the cache */
    size_t text_length;
    unsigned weight;       /* of its functions that may take long */
    bool makes_state;      /* see sql_connection.has_state */
    bool read_only;        /* sqlite3_stmt_readonly */
    bool is_vacuum;        /* see sql_connection.vacuum */
    bool begins_read_only; /* BEGIN TRANSACTION READONLY */
    bool is_transaction;   /* BEGIN, COMMIT, SAVEPOINT... */
    bool is_pragma;        /* or EXPLAIN of one */
    bool counts;           /* a write that changes() is about */
    enum sql_ends ends;    /* the client's transaction */
    uint64_t savepoint;    /* of SAVEPOINT and RELEASE, the name; else 0 */
    bool used_again;       /* found in the cache */
    bool judged, is_short; /* sql_at_once_judge */
    int judged_reprepared; /* as columns_reprepared */
    unsigned rest;         /* runs by workers until it is tried at once again */
    struct sql_names *names; /* names.c; owned */
    char *columns; /* "[{"name":...}...]", made when first asked for; owned */
    size_t columns_length;
    int columns_reprepared; /* how often SQLite had compiled it anew then */
    struct table_link by_text;
    TAILQ_ENTRY(sql_statement) by_use;
};

/* Gives the statement from the connection's cache, or compiles it. It is the
 * cache's: borrowed until the next sql_prepare on this connection, and must
 * not be running then. Exactly one statement must be in sql. NULL with error
 * (SQL_MANY_STATEMENTS, SQL_NO_STATEMENT, SQL_INPUT_ERROR...). */
struct sql_statement *sql_prepare(struct sql_connection *connection,
                                  struct text sql, struct sql_error *error);

/* The same, if it has been compiled; else NULL. */
struct sql_statement *sql_prepared(struct sql_connection *connection,
                                   struct text sql);

/* Compiles the first statement of a script, past the cache, and moves *sql
 * behind it; a NUL must stand behind the script, which is not copied: it is
 * as long again for each of its statements. The statement is the caller's
 * (sql_statement_free). NULL with error; SQL_NO_STATEMENT when only blanks and
 * comments are left. */
struct sql_statement *sql_compile(struct sql_connection *connection,
                                  struct text *sql, struct sql_error *error);
void sql_statement_free(struct sql_statement *statement); /* NULL is allowed */

/* For db.c: an empty cache (0, or -1 with errno ENOMEM); the end of all
 * its statements. */
int sql_cache_open(struct sql_connection *connection);
void sql_cache_release(struct sql_connection *connection);

/* Drops all statements; none may be running. */
void sql_cache_clear(struct sql_connection *connection);

/* ---- parameters and their names (names.c) ---- */

/* The name of a parameter by its number from 1, with what stands in front of it
 * (":id"); data NULL: it has none. Borrowed until the statement is used again.
 * The first call for a statement takes as long as its compilation at most. */
struct text sql_parameter_name(struct sql_statement *statement, int number);

/* The number of a parameter by its name: as it is, then with ':', '@', '$' in
 * front; 0 when there is no such parameter. */
int sql_parameter_find(struct sql_statement *statement, struct text name);

void sql_names_free(struct sql_names *names); /* NULL is allowed */

/* ---- queries that need not be handed over (at_once.c) ---- */

/* A worker is about to run the statement: finds out, once and if it is used
 * again, whether each of its instructions is short. May block. */
void sql_at_once_judge(struct sql_connection *connection,
                       struct sql_statement *statement);

/* Until end, in this thread: what takes long, or is not in memory, fails.
 * False: the statement is not for that. */
bool sql_at_once_start(struct sql_connection *connection,
                       const struct sql_statement *statement);
void sql_at_once_end(struct sql_connection *connection,
                     struct sql_statement *statement, bool answered);

/* ---- running (run.c) ---- */

/* One execution of a statement, with its limits. Start (then bind), step to
 * the end or as far as wanted, finish. */
struct sql_run {
    struct sql_connection *connection;
    struct sql_statement *statement;
    int64_t changes_before;
    uint64_t rows;      /* stepped so far */
    uint64_t left_ns;   /* of the time limit, between steps of a cursor */
    uint64_t armed_ns;  /* since when it runs */
    int64_t affected;   /* after the end: rows written, or 0 */
    int64_t last_rowid; /* after the end; only if wrote */
    bool wrote;
    bool armed; /* the time limit runs */
    bool looks_often;
    bool in_transaction; /* the client's, when it began */
    bool done;
};

/* Readies the statement; it has no bindings yet. Returns 0, or -1 with error
 * (a write in a read-only transaction). sql_run_finish is due in any case. */
int sql_run_start(struct sql_run *run, struct sql_connection *connection,
                  struct sql_statement *statement, struct sql_error *error);

/* Before the first step: what has been done since since_ns (clock_ns) counts as
 * the statement's. Returns 0, or -1 with error SQLITE_INTERRUPT when its time,
 * or the request's, is up. */
int sql_run_spend(struct sql_run *run, uint64_t since_ns,
                  struct sql_error *error);

/* Binds text, or NULL, by number from 1; copied. */
int sql_bind_text(struct sql_run *run, int parameter, struct text text,
                  struct sql_error *error);

/* Returns 1 with a row, 0 at the end, -1 with error: SQLite's, or the time
 * limit (SQLITE_INTERRUPT, TRANSACTION_TIMEOUT), or with want_rows more rows
 * than settings->sqlite_rows_max (RESPONSE_TOO_LARGE). */
int sql_run_step(struct sql_run *run, bool want_rows, struct sql_error *error);

/* 0, or -1 with RESPONSE_TOO_LARGE when bytes exceed
 * settings->sqlite_response_bytes. */
int sql_check_bytes(struct sql *sql, uint64_t bytes, struct sql_error *error);

/* 0, or -1 with SQLITE_NOMEM when out has found no memory, or no room in the
 * budget. The status is 503 if the request can be sent again, and 500 if it has
 * written something. */
int sql_check_room(const struct sql_connection *connection,
                   const struct message_buffer *out, struct sql_error *error);

/* A cursor pauses between pieces of its answer: the client's time is not the
 * statement's. sql_run_step goes on by itself. */
void sql_run_pause(struct sql_run *run);

/* Resets the statement and clears its bindings. May be called twice. */
void sql_run_finish(struct sql_run *run);

/* ---- values (value.c) ---- */

/* The bytes of a cell, as a blob or else as UTF-8; empty for NULL. Borrowed
 * until the next step. */
struct text sql_column_bytes(sqlite3_stmt *row, int column, bool blob);

/* Appends the cell of the current row: as Hrana writes it
 * ({"type":"integer","value":"1"}), or plain for people (1, 1.5, "text", null,
 * {"base64":"..."}; integers as numbers of any size). */
void sql_append_value(struct message_buffer *out, sqlite3_stmt *row,
                      int column);
void sql_append_plain(struct message_buffer *out, sqlite3_stmt *row,
                      int column);

/* Appends [{"name":...,"decltype":...}...]. */
void sql_append_columns(struct message_buffer *out,
                        struct sql_statement *statement);

/* Forgets what was appended behind the first length bytes: a result that
 * failed half-way. */
void sql_cut(struct message_buffer *out, size_t length);

#endif
