/* text.c - what the text of a statement says before it is compiled.
 *
 * text -> blanks, comments and quotes skipped as SQLite's tokenizer does ->
 * first words */
#include "sql/text.h"

#include "config/settings.h"
#include "sql/cache.h"
#include "sql/error.h"
#include "sql/pragma.h"

#include <ctype.h>

enum {
    /* SQLite's parser has its own limit of about 100 in Debian 12, and none in
     * Debian 13. */
    SQL_BRACKETS = 1000,
};

/* Returns the end of what begins at `at`: one character, a quoted text, or a
 * comment, as SQLite's tokenizer reads it. A bracket in a quoted text or a
 * comment does not count. To SQLite, a quote without an end is an error. */
static size_t skip_quoted(struct text text, size_t at)
{
    const char *start = text.data + at;
    size_t rest = text.length - at;
    const char *end = NULL;
    switch (*start) {
    case '\'':
    case '"':
    case '`':
        /* A doubled quote ends one quoted text and begins the next one. */
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

/* Returns the next word of letters, and moves *rest after it. */
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

/* SQLite too skips empty statements before the first. */
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

/* Reads NAME or SCHEMA.NAME, and moves *rest after it. Returns NAME. */
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

/* A PRAGMA whose name is unknown, or in quotes, is taken to write. */
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
    enum sql_pragma_rule rule = sql_pragma_rule(name);
    bool sets = rest.length > 0 && rest.data[0] != ';';
    *writes = rule == PRAGMA_REFUSED || rule == PRAGMA_ANALYZE ||
              (rule == PRAGMA_WRITE && sets);
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

/* Returns the name of a savepoint as a number, without its quotes and in one
 * case; 0 if it is longer than those that we compare. */
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

/* Finds out what the statement does to a transaction; rest follows its first
 * word. */
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
