/* at_once.c - short queries that a front answers itself.
 *
 * A front is a thread that has the clients' connections. A worker is a thread
 * that may block; a front hands requests over to it.
 *
 * worker: compiled -> used again -> judged by EXPLAIN: is each step short?
 * front:  judged, and a connection is idle -> start -> bind, step -> answered
 *                                                      |
 *                      too long, too large, not in memory -> a worker
 *
 * A hand-over costs more than reading a row by its key. But a query must not
 * hold up a front, which has other clients. So such a run has bounds that
 * SQLite and the kernel enforce: the number of instructions (the progress
 * handler), the length of values, and only pages that are in memory (preadv2
 * with RWF_NOWAIT). If the run fails in any way, a worker runs the query again,
 * with the usual time limit. That is safe, as the query only reads. */
#include "sql/at_once.h"

#include "report/stats.h"
#include "sql/cache.h"
#include "sql/compile.h"
#include "sql/internal.h"
#include "sql/sql.h"

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    AT_ONCE_VALUE_BYTES = 16 * 1024,
    AT_ONCE_COMPILE_CALLS = 1000, /* allocations; about a millisecond */
    AT_ONCE_REST = 64, /* runs by workers after a run that had to be repeated */
    AT_ONCE_HANDLER_CALLS = 2, /* the first may come at any time, as SQLite does
                                  not restart its count with a run */
};

/* ---- pages that are in memory ---- */

typedef ssize_t pread_function(int fd, void *to, size_t n, off64_t offset);

static pread_function *plain_pread; /* fixed before the first request */
static _Thread_local bool reads_at_once;

/* SQLite calls this for every read. It turns an error into SQLITE_IOERR for
 * this one statement. */
static ssize_t pread_or_not(int fd, void *to, size_t n, off64_t offset)
{
    struct iovec part = {to, n};
    if (!reads_at_once)
        return plain_pread(fd, to, n, offset);
    /* If only a part is in memory, SQLite asks for the rest by another call. */
    return preadv2(fd, &part, 1, offset, RWF_NOWAIT);
}

static void hook_reads(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (plain_pread != NULL || vfs == NULL || vfs->iVersion < 3)
        return;
    sqlite3_syscall_ptr found = vfs->xGetSystemCall(vfs, "pread64");
    if (found == NULL)
        return; /* this SQLite reads in another way */
    plain_pread = (pread_function *)found;
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)pread_or_not);
}

void sql_use_at_once(struct sql *sql)
{
    hook_reads();
    sql->at_once = plain_pread != NULL;
}

/* ---- statements whose instructions are short ---- */

/* Some instructions may take any time: functions, aggregates, a count of all
 * rows, virtual tables. */
static bool is_short(const char *opcode)
{
    static const char *const prefixes[] = {"Function", "PureFunc", "Agg",
                                           "Count"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(opcode, prefixes[i], strlen(prefixes[i])) == 0)
            return false;
    return opcode[0] != 'V' || strcmp(opcode, "Variable") == 0;
}

static bool all_short(struct sql_connection *connection, const char *text)
{
    char *explain = sqlite3_mprintf("EXPLAIN %s", text);
    sqlite3_stmt *program = NULL;
    int rc = SQLITE_NOMEM;
    bool each = true;
    if (explain != NULL)
        rc = sql_sqlite_prepare(connection, explain, -1, &program, NULL);
    sqlite3_free(explain);
    /* A statement that takes long to compile is not short. After a change of
     * the schema a front would compile it again. (There it is refused, but only
     * after the compiler has begun.) */
    if (rc != SQLITE_OK || sqlite3_column_count(program) < 2 ||
        connection->calls > AT_ONCE_COMPILE_CALLS)
        each = false;
    while (each && (rc = sqlite3_step(program)) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(program, 1);
        each = opcode != NULL && is_short(opcode);
    }
    sqlite3_finalize(program);
    return each && rc == SQLITE_DONE;
}

static int reprepared(const struct sql_statement *statement)
{
    return sqlite3_stmt_status(statement->handle, SQLITE_STMTSTATUS_REPREPARE,
                               0);
}

void sql_at_once_judge(struct sql_connection *connection,
                       struct sql_statement *statement)
{
    /* A statement that is used only once is not worth it. After a change of the
     * schema SQLite compiles it again, perhaps to other instructions: then it
     * is judged again. */
    if (!connection->sql->at_once || !statement->used_again)
        return;
    if (statement->rest > 0)
        statement->rest--;
    if (statement->judged &&
        statement->judged_reprepared == reprepared(statement))
        return;
    statement->judged = true;
    statement->judged_reprepared = reprepared(statement);
    statement->is_short = statement->read_only && !statement->is_transaction &&
                          !statement->is_pragma &&
                          all_short(connection, statement->text);
}

/* ---- a run ---- */

bool sql_at_once_start(struct sql_connection *connection,
                       const struct sql_statement *statement)
{
    if (!statement->judged || !statement->is_short || statement->rest > 0 ||
        statement->judged_reprepared != reprepared(statement))
        return false;
    connection->tries_at_once = true;
    connection->at_once = AT_ONCE_HANDLER_CALLS;
    connection->no_wait = true;
    connection->value_bytes = sqlite3_limit(
        connection->handle, SQLITE_LIMIT_LENGTH, AT_ONCE_VALUE_BYTES);
    reads_at_once = true;
    return true;
}

void sql_at_once_end(struct sql_connection *connection,
                     struct sql_statement *statement, bool answered)
{
    reads_at_once = false;
    connection->tries_at_once = false;
    connection->at_once = 0;
    connection->no_wait = false;
    sqlite3_limit(connection->handle, SQLITE_LIMIT_LENGTH,
                  connection->value_bytes);
    if (!answered) {
        statement->rest = AT_ONCE_REST;
        return;
    }
    stats_add(STAT_sql_at_once, 1);
    atomic_fetch_add_explicit(&connection->database->requests, 1,
                              memory_order_relaxed);
}
