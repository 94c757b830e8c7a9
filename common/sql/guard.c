/* guard.c - what a client's SQL may not do.
 *
 * SQLite calls the authorizer when it compiles a statement, with each table,
 * function and pragma in it. It calls the progress handler while the statement
 * runs. Statements are refused that reach outside of the one database file
 * (ATTACH, loading code, naming a tokenizer by address), and those that change
 * what the server relies on (journal_mode, synchronous, locking_mode,
 * writable_schema). */
#include "sql/guard.h"

#include "base/client.h"
#include "base/clock.h"
#include "config/settings.h"
#include "sql/functions.h"
#include "sql/internal.h"
#include "sql/pragma.h"
#include "sql/session.h"
#include "sql/time_left.h"

#include <limits.h>
#include <strings.h>

enum {
    /* Instructions of SQLite's machine between two checks of the clock: some 10
     * us. That is so short that neither the cost nor the delay matters. */
    SQL_PROGRESS_STEPS = 1000,
    SQL_PROGRESS_OFTEN = 20, /* if one may be a LIKE of a large value */
    SQL_PARAMETERS = 32766,
    /* Comparing takes the length of the pattern times that of the text, and the
     * clock is not checked within one function. */
    SQL_PATTERN_BYTES = 128,
    SQL_FUNCTION_WEIGHT = 32,
    SQL_ENDED_NS = 1000000000,
};

/* True if the setting has that value already: then the client changes nothing.
 * The value is known only while the client has changed nothing. */
static bool is_as_it_is(const struct sql_connection *connection,
                        const char *name, const char *value)
{
    static const char *const on[] = {"1", "on", "yes", "true"};
    static const char *const off[] = {"0", "off", "no", "false"};
    bool foreign_keys = strcasecmp(name, "foreign_keys") == 0;
    bool is_on = foreign_keys && connection->sql->settings->sqlite_foreign_keys;
    for (size_t i = 0; !connection->has_state && i < 4; i++)
        if (strcasecmp(value, is_on ? on[i] : off[i]) == 0)
            return true;
    return false;
}

static bool is_temp(const char *database)
{
    return database != NULL && strcasecmp(database, "temp") == 0;
}

static int guard_pragma(struct sql_connection *connection, const char *name,
                        const char *value, const char *database)
{
    switch (sql_pragma_rule(text_of(name))) {
    case PRAGMA_READ:
        return value == NULL ? SQLITE_OK : SQLITE_DENY;
    case PRAGMA_WAL:
        return value == NULL || strcasecmp(value, "wal") == 0 ? SQLITE_OK
                                                              : SQLITE_DENY;
    case PRAGMA_SETTING:
        /* Compiling sets the value, unless it is ignored here. */
        if (value != NULL && (connection->describes || connection->lost))
            return SQLITE_IGNORE;
        if (value != NULL && !is_as_it_is(connection, name, value))
            sql_mark_state(connection);
        return SQLITE_OK;
    case PRAGMA_WRITE:
        if (is_temp(database))
            connection->makes_state = true;
        return SQLITE_OK;
    case PRAGMA_ARGUMENT:
    case PRAGMA_ANALYZE:
        return SQLITE_OK;
    case PRAGMA_CHECK:
        return connection->read_only ? SQLITE_DENY : SQLITE_OK;
    case PRAGMA_REFUSED:
        break;
    }
    return SQLITE_DENY;
}

/* ---- functions ---- */

/* Functions that load code or take an address, or that read and write files in
 * some builds of SQLite. */
static const char *const denied_functions[] = {
    "load_extension", "fts3_tokenizer", "readfile", "writefile",
    "edit",           "fsdir",          "lsmode",   "sqlite_dbpage",
};

/* One call may take long, and SQLite may not check the clock between calls that
 * follow each other. So a statement may have only so many. */
static const struct {
    const char *name;
    unsigned weight;
} long_functions[] = {
    {"like", 1},
    {"glob", 1},
    {"json_patch", SQL_FUNCTION_WEIGHT / 2},
    {"snippet", SQL_FUNCTION_WEIGHT / 2},
    {"highlight", SQL_FUNCTION_WEIGHT / 2},
    {"matchinfo", SQL_FUNCTION_WEIGHT / 2},
    {"offsets", SQL_FUNCTION_WEIGHT / 2},
};

bool sql_has_long_functions(const struct sql_connection *connection)
{
    return connection->weight > SQL_FUNCTION_WEIGHT;
}

static int guard_function(struct sql_connection *connection, const char *name)
{
    size_t count = sizeof denied_functions / sizeof denied_functions[0];
    for (size_t i = 0; name != NULL && i < count; i++)
        if (strcasecmp(name, denied_functions[i]) == 0)
            return SQLITE_DENY;
    count = sizeof long_functions / sizeof long_functions[0];
    for (size_t i = 0; name != NULL && i < count; i++)
        if (strcasecmp(name, long_functions[i].name) == 0)
            connection->weight += long_functions[i].weight;
    return sql_has_long_functions(connection) ? SQLITE_DENY : SQLITE_OK;
}

/* Temporary tables are memory that a stream keeps between requests. So only
 * clients that may write get them. */
static int guard_temporary(struct sql_connection *connection)
{
    if (connection->read_only)
        return SQLITE_DENY;
    connection->makes_state = true;
    return SQLITE_OK;
}

/* Marks a connection as changed if the next client must not find it so in the
 * pool. This is done here and not when the statement runs: a pragma like
 * foreign_keys takes effect when it is compiled, even if only to be described
 * or refused. */
static int guard_authorize(void *context, int action, const char *first,
                           const char *second, const char *database,
                           const char *trigger)
{
    struct sql_connection *connection = context;
    (void)trigger;
    /* A thread that must not wait must not compile either. It comes here if
     * another client has changed the schema, and SQLite is about to compile the
     * statement again. */
    if (connection->at_once > 0)
        return SQLITE_DENY;
    switch (action) {
    case SQLITE_ATTACH:
        /* VACUUM attaches a database without a name to copy into; VACUUM INTO
         * gives it the name of a file. */
        return connection->vacuum && first != NULL && first[0] == '\0'
                   ? SQLITE_OK
                   : SQLITE_DENY;
    case SQLITE_DETACH:
        return SQLITE_DENY;
    case SQLITE_PRAGMA:
        return guard_pragma(connection, first, second, database);
    case SQLITE_FUNCTION:
        return guard_function(connection, second);
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_INDEX:
        return guard_temporary(connection);
    /* SQLite reports CREATE TABLE temp.x as this, and not as a temporary table.
     */
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_VTABLE:
        return is_temp(database) ? guard_temporary(connection) : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}

/* ---- limits ---- */

/* When a client is killed, its socket looks as if it had ended its side and
 * waited for the answer. So such a client counts as gone after one second. */
static bool client_is_gone(struct sql_connection *connection, uint64_t now_ns)
{
    if (connection->client_fd == 0 || now_ns < connection->look_ns)
        return false;
    connection->look_ns = now_ns + SQL_LOOK_NS;
    enum client client = client_look(connection->client_fd);
    return client == CLIENT_GONE ||
           (client == CLIENT_ENDED &&
            now_ns - connection->waits_ns >= SQL_ENDED_NS);
}

/* Called by SQLite every SQL_PROGRESS_STEPS instructions; a result other than 0
 * interrupts the statement. */
static int guard_progress(void *context)
{
    struct sql_connection *connection = context;
    if (connection->at_once > 0 && --connection->at_once == 0)
        return 1;
    /* A write waits until no snapshot uses the WAL. */
    if (connection->running != NULL &&
        atomic_load_explicit(&connection->database->wal_overflows,
                             memory_order_relaxed) &&
        sqlite3_stmt_readonly(connection->running)) {
        connection->refused = SQL_WAL_TOO_LONG;
        return 1;
    }
    bool ending =
        atomic_load_explicit(&connection->sql->ending, memory_order_relaxed);
    if (connection->deadline_ns == 0)
        return 0;
    uint64_t now_ns = clock_ns();
    bool gone = client_is_gone(connection, now_ns);
    if (!gone && !ending && now_ns < connection->deadline_ns)
        return 0;
    /* SQLite also calls this once after the last instruction. What the
     * statement has written then stays, so its client must not get an error. */
    if (connection->running != NULL && !sqlite3_stmt_busy(connection->running))
        return 0;
    if (gone) {
        connection->refused = SQL_CLIENT_GONE;
        connection->gone = true;
    }
    connection->timed_out = !ending && !gone;
    return 1;
}

void sql_guard_look_often(struct sql_connection *connection, bool often)
{
    sqlite3_progress_handler(connection->handle,
                             often ? SQL_PROGRESS_OFTEN : SQL_PROGRESS_STEPS,
                             guard_progress, connection);
}

static int limit_of(uint64_t setting)
{
    return setting > INT_MAX ? INT_MAX : (int)setting;
}

/* One instruction searches a whole row for all the words of the query. */
static const char *const full_text[] = {"fts3", "fts4", "fts5"};

int sql_guard(struct sql_connection *connection)
{
    const struct settings *settings = connection->sql->settings;
    sqlite3 *handle = connection->handle;
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* A schema may use functions and virtual tables, as in any other SQLite.
     * What they may reach is decided above, when a statement that uses them is
     * compiled. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH,
                  limit_of(settings->sqlite_value_bytes));
    sqlite3_limit(handle, SQLITE_LIMIT_VARIABLE_NUMBER, SQL_PARAMETERS);
    /* The limits for the length of a text, for columns and for the depth of an
     * expression stay as SQLite has them. Its parser reads the schema too, and
     * a table that is too wide for a limit would make the whole file
     * "malformed". */
    sqlite3_limit(handle, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SQL_PATTERN_BYTES);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM's */
    sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0);
    /* The table of all prepared statements would show other clients' texts. */
    sqlite3_create_module_v2(handle, "sqlite_stmt", NULL, NULL, NULL);
    if (connection->read_only && !settings->sqlite_full_text)
        for (size_t i = 0; i < sizeof full_text / sizeof full_text[0]; i++)
            sqlite3_create_module_v2(handle, full_text[i], NULL, NULL, NULL);
    sqlite3_set_authorizer(handle, guard_authorize, connection);
    sql_guard_look_often(connection, false);
    int rc = sql_functions_add(handle);
    return rc == SQLITE_OK ? sql_session_functions(connection) : rc;
}
