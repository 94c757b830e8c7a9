/* cache.h - prepared statements: compiled once, kept for each connection. */
#ifndef FIVEFOLD_SQL_CACHE_H
#define FIVEFOLD_SQL_CACHE_H

#include "base/table.h"
#include "base/text.h"

#include <sqlite3.h>
#include <sys/queue.h>

struct sql_connection;
struct sql_error;
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

#endif
