/* guard.c - what a client's SQL may not do.
 *
 * A statement passes the authorizer when it is compiled, which sees each
 * table, function and pragma in it, and the progress handler while it runs.
 * Refused is what reaches outside of the one database file (ATTACH, loading
 * code, naming a tokenizer by address) or changes what the server relies on
 * (journal_mode, synchronous, locking_mode, writable_schema). */
#include "sql/internal.h"

#include "base/client.h"
#include "base/clock.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

enum {
    /* Instructions of SQLite's machine between two looks at the clock: some
     * 10 us, which is neither felt in the cost nor in the limit. */
    SQL_PROGRESS_STEPS = 1000,
    SQL_PROGRESS_OFTEN = 20, /* where one may be a LIKE of a large value */
    /* SQLite's parser has a limit of its own of about 100 in Debian 12, and
     * none in Debian 13. */
    SQL_BRACKETS = 1000,
    SQL_PARAMETERS = 32766,
    /* Comparing takes the length of the pattern times that of the text, and
     * the clock is not looked at within one function. */
    SQL_PATTERN_BYTES = 128,
    SQL_FUNCTION_WEIGHT = 32,
    SQL_ENDED_NS = 1000000000,
};

/* ---- pragmas ---- */

enum pragma_rule {
    PRAGMA_READ,     /* without a value */
    PRAGMA_ARGUMENT, /* the value only says what is asked for */
    PRAGMA_ANALYZE,  /* the same, and something may be written */
    PRAGMA_WRITE,    /* a value is kept in the file */
    PRAGMA_SETTING,  /* a value changes this connection */
    PRAGMA_WAL,      /* the value may be what is so already */
    PRAGMA_CHECK,    /* reads the whole file in one instruction */
};

static const struct {
    const char *name;
    enum pragma_rule rule;
} pragmas[] = {
    {"application_id", PRAGMA_WRITE},
    {"auto_vacuum", PRAGMA_READ},
    {"automatic_index", PRAGMA_READ},
    {"busy_timeout", PRAGMA_READ},
    {"cache_size", PRAGMA_READ},
    {"cache_spill", PRAGMA_READ},
    {"cell_size_check", PRAGMA_READ},
    {"checkpoint_fullfsync", PRAGMA_READ},
    {"collation_list", PRAGMA_READ},
    {"compile_options", PRAGMA_READ},
    {"data_version", PRAGMA_READ},
    {"defer_foreign_keys", PRAGMA_SETTING},
    {"encoding", PRAGMA_READ},
    {"foreign_key_check", PRAGMA_ARGUMENT},
    {"foreign_key_list", PRAGMA_ARGUMENT},
    {"foreign_keys", PRAGMA_SETTING},
    {"freelist_count", PRAGMA_READ},
    {"fullfsync", PRAGMA_READ},
    {"function_list", PRAGMA_READ},
    {"ignore_check_constraints", PRAGMA_READ},
    {"index_info", PRAGMA_ARGUMENT},
    {"index_list", PRAGMA_ARGUMENT},
    {"index_xinfo", PRAGMA_ARGUMENT},
    {"integrity_check", PRAGMA_CHECK},
    {"journal_mode", PRAGMA_WAL},
    {"journal_size_limit", PRAGMA_READ},
    {"legacy_alter_table", PRAGMA_SETTING},
    {"locking_mode", PRAGMA_READ},
    {"max_page_count", PRAGMA_READ},
    {"mmap_size", PRAGMA_READ},
    {"module_list", PRAGMA_READ},
    {"optimize", PRAGMA_ANALYZE},
    {"page_count", PRAGMA_READ},
    {"page_size", PRAGMA_READ},
    {"pragma_list", PRAGMA_READ},
    {"query_only", PRAGMA_READ},
    {"quick_check", PRAGMA_CHECK},
    {"read_uncommitted", PRAGMA_SETTING},
    {"recursive_triggers", PRAGMA_SETTING},
    {"reverse_unordered_selects", PRAGMA_READ},
    {"schema_version", PRAGMA_READ},
    {"secure_delete", PRAGMA_READ},
    {"synchronous", PRAGMA_READ},
    {"table_info", PRAGMA_ARGUMENT},
    {"table_list", PRAGMA_ARGUMENT},
    {"table_xinfo", PRAGMA_ARGUMENT},
    {"temp_store", PRAGMA_READ},
    {"trusted_schema", PRAGMA_READ},
    {"user_version", PRAGMA_WRITE},
    {"wal_autocheckpoint", PRAGMA_READ},
    {"writable_schema", PRAGMA_READ},
};

/* A client that makes sure of what is so already has changed nothing. What the
 * value is now is only known while nothing has been changed. */
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
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++) {
        if (strcasecmp(name, pragmas[i].name) != 0)
            continue;
        switch (pragmas[i].rule) {
        case PRAGMA_READ:
            return value == NULL ? SQLITE_OK : SQLITE_DENY;
        case PRAGMA_WAL:
            return value == NULL || strcasecmp(value, "wal") == 0 ? SQLITE_OK
                                                                  : SQLITE_DENY;
        case PRAGMA_SETTING:
            /* The value is set by compiling: an ignored one is not. */
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
        }
    }
    return SQLITE_DENY;
}

/* ---- functions ---- */

/* Names of functions that load code or take an address, or that a build of
 * SQLite may have to read and write files. */
static const char *const denied_functions[] = {
    "load_extension", "fts3_tokenizer", "readfile", "writefile",
    "edit",           "fsdir",          "lsmode",   "sqlite_dbpage",
};

/* One call may take long, and calls in a row are one after the other before
 * SQLite looks at the clock again: so there is an end to how many a statement
 * has. */
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

/* Temporary tables are memory that a stream keeps between requests: only for
 * those who may write. */
static int guard_temporary(struct sql_connection *connection)
{
    if (connection->read_only)
        return SQLITE_DENY;
    connection->makes_state = true;
    return SQLITE_OK;
}

/* Marks as changed what the next client of a pooled connection must not find.
 * Here, not when the statement runs: a pragma like foreign_keys takes effect as
 * it is compiled, even to be described or refused. */
static int guard_authorize(void *context, int action, const char *first,
                           const char *second, const char *database,
                           const char *trigger)
{
    struct sql_connection *connection = context;
    (void)trigger;
    /* A thread that must not wait never compiles: another client has changed
     * the schema, and SQLite is about to compile the statement again. */
    if (connection->at_once > 0)
        return SQLITE_DENY;
    switch (action) {
    case SQLITE_ATTACH:
        /* VACUUM attaches a nameless database to copy into; VACUUM INTO
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
    /* CREATE TABLE temp.x is told as this, and not as a temporary table. */
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_VTABLE:
        return is_temp(database) ? guard_temporary(connection) : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}

/* ---- limits ---- */

/* A client that is killed ends its side like one that has said all and waits:
 * that one is given a second. */
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

/* Called by SQLite every SQL_PROGRESS_STEPS instructions; not 0 interrupts. */
static int guard_progress(void *context)
{
    struct sql_connection *connection = context;
    if (connection->at_once > 0 && --connection->at_once == 0)
        return 1;
    /* A write waits for the snapshots to end. */
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
    /* It is also called once behind the last instruction. What the statement
     * has written stays by then, and its client must not hear of an error. */
    if (connection->running != NULL && !sqlite3_stmt_busy(connection->running))
        return 0;
    if (gone) {
        connection->refused = SQL_CLIENT_GONE;
        connection->gone = true;
    }
    connection->late = !ending && !gone;
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

/* One instruction searches a whole row for all words that are asked for. */
static const char *const full_text[] = {"fts3", "fts4", "fts5"};

int sql_guard(struct sql_connection *connection)
{
    const struct settings *settings = connection->sql->settings;
    sqlite3 *handle = connection->handle;
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Functions and virtual tables may stand in a schema, as in any other
     * SQLite: what they may reach is decided above, when a statement that uses
     * them is compiled. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH,
                  limit_of(settings->sqlite_value_bytes));
    sqlite3_limit(handle, SQLITE_LIMIT_VARIABLE_NUMBER, SQL_PARAMETERS);
    /* Length of a text, columns and depth of an expression are left as SQLite
     * has them: its parser reads the schema too, and a table that is too wide
     * for a limit would make the whole file "malformed". */
    sqlite3_limit(handle, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SQL_PATTERN_BYTES);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM's */
    sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0);
    /* The table of all prepared statements: other clients' texts. */
    sqlite3_create_module_v2(handle, "sqlite_stmt", NULL, NULL, NULL);
    if (connection->read_only && !settings->sqlite_full_text)
        for (size_t i = 0; i < sizeof full_text / sizeof full_text[0]; i++)
            sqlite3_create_module_v2(handle, full_text[i], NULL, NULL, NULL);
    sqlite3_set_authorizer(handle, guard_authorize, connection);
    sql_guard_look_often(connection, false);
    int rc = sql_functions_add(handle);
    return rc == SQLITE_OK ? sql_session_functions(connection) : rc;
}

/* ---- what a text says ---- */

/* Returns where what begins at `at` ends: one character, or what is quoted, or
 * a comment, as SQLite's tokenizer reads it. A bracket in there is none. To
 * SQLite a quote without an end is an error. */
static size_t skip_quoted(struct text text, size_t at)
{
    const char *start = text.data + at;
    size_t rest = text.length - at;
    const char *end = NULL;
    switch (*start) {
    case '\'':
    case '"':
    case '`':
        /* A quote that is doubled begins again at once. */
        end = memchr(start + 1, *start, rest - 1);
        break;
    case '[':
        end = memchr(start, ']', rest);
        break;
    case '-':
        if (rest < 2 || start[1] != '-')
            return at + 1;
        end = memchr(start, '\n', rest);
        break;
    case '/':
        if (rest < 3 || start[1] != '*')
            return at + 1;
        end = memmem(start + 2, rest - 2, "*/", 2);
        if (end != NULL)
            end++;
        break;
    default:
        return at + 1;
    }
    return end != NULL ? (size_t)(end - text.data) + 1 : text.length;
}

int sql_check_text(const struct settings *settings, struct text sql,
                   struct sql_error *error)
{
    int depth = 0;
    if (sql.length > settings->sqlite_sql_bytes)
        return sql_fail(error, 400, "SQLITE_TOOBIG",
                        "SQLite error: the statement is longer than %llu bytes "
                        "(sqlite.sql_bytes)",
                        (unsigned long long)settings->sqlite_sql_bytes);
    for (size_t at = 0; at < sql.length; at = skip_quoted(sql, at)) {
        if (sql.data[at] == ')' && depth > 0)
            depth--;
        if (sql.data[at] == '(' && ++depth > SQL_BRACKETS)
            return sql_fail(error, 400, "SQL_TOO_COMPLEX",
                            "SQLite error: brackets are nested deeper than %d",
                            SQL_BRACKETS);
    }
    return 0;
}

/* Skips blanks and comments. */
static struct text skip_blank(struct text text)
{
    while (text.length > 0) {
        size_t skip = 0;
        if (isspace((unsigned char)text.data[0])) {
            skip = 1;
        } else if (text_starts_with(text, TEXT("\xef\xbb\xbf"))) {
            skip = 3; /* a byte order mark is a blank to SQLite */
        } else if (text_starts_with(text, TEXT("--"))) {
            const char *end = memchr(text.data, '\n', text.length);
            skip = end ? (size_t)(end - text.data) : text.length;
        } else if (text_starts_with(text, TEXT("/*"))) {
            const char *end = memmem(text.data + 2, text.length - 2, "*/", 2);
            skip = end ? (size_t)(end - text.data) + 2 : text.length;
        } else {
            break;
        }
        text.data += skip;
        text.length -= skip;
    }
    return text;
}

/* Takes the next word of letters. */
static struct text next_word(struct text *rest)
{
    *rest = skip_blank(*rest);
    size_t n = 0;
    while (n < rest->length && isalpha((unsigned char)rest->data[n]))
        n++;
    struct text word = {rest->data, n};
    rest->data += n;
    rest->length -= n;
    return word;
}

/* SQLite skips empty statements in front too. */
static struct text skip_empty(struct text text)
{
    struct text rest = skip_blank(text);
    while (rest.length > 0 && rest.data[0] == ';') {
        rest.data++;
        rest.length--;
        rest = skip_blank(rest);
    }
    return rest;
}

bool sql_text_is_empty(struct text sql)
{
    return memchr(sql.data, '\0', sql.length) == NULL &&
           skip_empty(sql).length == 0;
}

/* Takes NAME or SCHEMA.NAME; gives NAME. */
static struct text next_name(struct text *rest)
{
    struct text name = {NULL, 0};
    do {
        *rest = skip_blank(*rest);
        size_t n = 0;
        while (n < rest->length &&
               (isalnum((unsigned char)rest->data[n]) || rest->data[n] == '_'))
            n++;
        name = (struct text){rest->data, n};
        rest->data += n;
        rest->length -= n;
        *rest = skip_blank(*rest);
        if (rest->length == 0 || rest->data[0] != '.')
            return name;
        rest->data++;
        rest->length--;
    } while (true);
}

/* Of names that are not in the table, and those in quotes, nothing is known. */
bool sql_text_is_pragma(struct text sql, bool *writes)
{
    struct text rest = skip_empty(sql);
    struct text word = next_word(&rest);
    if (text_equal_nocase(word, TEXT("EXPLAIN"))) {
        word = next_word(&rest);
        if (text_equal_nocase(word, TEXT("QUERY"))) {
            next_word(&rest); /* PLAN */
            word = next_word(&rest);
        }
    }
    if (!text_equal_nocase(word, TEXT("PRAGMA")))
        return false;
    struct text name = next_name(&rest);
    *writes = true;
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++)
        if (text_equal_nocase(name, text_of(pragmas[i].name)))
            *writes = pragmas[i].rule == PRAGMA_ANALYZE ||
                      (pragmas[i].rule == PRAGMA_WRITE && rest.length > 0 &&
                       rest.data[0] != ';');
    return true;
}

const char *sql_stand_in(struct text sql)
{
    struct text rest = skip_empty(sql);
    if (!text_equal_nocase(next_word(&rest), TEXT("PRAGMA")) ||
        !text_equal_nocase(next_name(&rest), TEXT("database_list")))
        return NULL;
    rest = skip_empty(rest);
    return rest.length == 0 ? "SELECT 0 AS seq, 'main' AS name, '' AS file"
                            : NULL;
}

/* The name of a savepoint as a number, without its quotes and in one case; 0:
 * it is longer than any that we compare. */
static uint64_t savepoint_of(struct text rest)
{
    char name[64];
    size_t n = 0, at = 0;
    rest = skip_blank(rest);
    char end = rest.length > 0 && strchr("\"'`[", rest.data[0]) != NULL
                   ? rest.data[at++]
                   : '\0';
    for (; at < rest.length; at++) {
        char c = rest.data[at];
        if (end != '\0' ? c == (end == '[' ? ']' : end)
                        : isspace((unsigned char)c) || c == ';')
            break;
        if (n == sizeof name)
            return 0;
        name[n++] = (char)tolower((unsigned char)c);
    }
    return text_hash(0, (struct text){name, n}) | 1;
}

/* What the statement does to a transaction; rest is behind its first word. */
static void classify_end(struct sql_statement *statement, struct text word,
                         struct text rest)
{
    struct text behind = rest;
    struct text second = next_word(&behind);
    if (text_equal_nocase(word, TEXT("SAVEPOINT"))) {
        statement->savepoint = savepoint_of(rest);
    } else if (text_equal_nocase(word, TEXT("RELEASE"))) {
        statement->ends = SQL_ENDS_SAVEPOINT;
        statement->savepoint = savepoint_of(
            text_equal_nocase(second, TEXT("SAVEPOINT")) ? behind : rest);
    } else if (text_equal_nocase(word, TEXT("ROLLBACK"))) {
        if (text_equal_nocase(second, TEXT("TRANSACTION")))
            second = next_word(&behind);
        if (!text_equal_nocase(second, TEXT("TO")))
            statement->ends = SQL_ENDS_ROLLBACK;
    } else if (!text_equal_nocase(word, TEXT("BEGIN"))) {
        statement->ends = SQL_ENDS_COMMIT;
    }
}

void sql_classify(struct sql_statement *statement, struct text text)
{
    static const struct text transactions[] = {
        {"BEGIN", 5},    {"COMMIT", 6},    {"END", 3},
        {"ROLLBACK", 8}, {"SAVEPOINT", 9}, {"RELEASE", 7},
    };
    static const struct text counting[] = {
        {"INSERT", 6},  {"UPDATE", 6}, {"DELETE", 6},
        {"REPLACE", 7}, {"WITH", 4},
    };
    struct text rest = skip_empty(text);
    bool writes;
    statement->is_pragma = sql_text_is_pragma(rest, &writes);
    struct text word = next_word(&rest);
    statement->is_vacuum = text_equal_nocase(word, TEXT("VACUUM"));
    for (size_t i = 0; i < sizeof transactions / sizeof transactions[0]; i++)
        if (text_equal_nocase(word, transactions[i]))
            statement->is_transaction = true;
    for (size_t i = 0; i < sizeof counting / sizeof counting[0]; i++)
        if (text_equal_nocase(word, counting[i]))
            statement->counts = !statement->read_only;
    if (statement->is_transaction)
        classify_end(statement, word, rest);
    if (!text_equal_nocase(word, TEXT("BEGIN")))
        return;
    word = next_word(&rest);
    if (text_equal_nocase(word, TEXT("DEFERRED")))
        word = next_word(&rest);
    statement->begins_read_only =
        text_equal_nocase(word, TEXT("TRANSACTION")) &&
        text_equal_nocase(next_word(&rest), TEXT("READONLY"));
}
