/* test_memory.c - what one statement may take: stack, memory, time.
 *
 * a form that nests -> as deep as it goes, on a stack of its own -> how much of
 * that has been touched */
#include "tests/unit/sql_fixture.h"

#include "base/buffer.h"
#include "sql/cache.h"
#include "sql/compile.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/memory.h"
#include "sql/names.h"
#include "sql/text.h"
#include "sql/value.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
    LEVELS = 8000, /* of a WITH; some forms take 1 KB of stack for each */
    CHAIN = 2000,  /* of views, triggers, foreign keys */
};

/* ---- statements that nest ---- */

/* Each level of a WITH names the one before. */
static void append_with(struct message_buffer *out, const char *level, int n)
{
    buffer_append_text(out, TEXT("WITH c0(a) AS (SELECT 1)"));
    for (int i = 1; i < n; i++) {
        buffer_printf(out, ",c%d(a) AS (", i);
        for (const char *c = level; *c != '\0'; c++)
            if (*c == '#')
                buffer_printf(out, "c%d", i - 1);
            else
                buffer_append_char(out, *c);
        buffer_append_char(out, ')');
    }
    buffer_printf(out, " SELECT * FROM c%d", n - 1);
}

static void append_nested(struct message_buffer *out, const char *open,
                          const char *close, int n)
{
    for (int i = 0; i < n; i++)
        buffer_append_text(out, text_of(open));
    buffer_append_text(out, TEXT("SELECT 1"));
    for (int i = 0; i < n; i++)
        buffer_append_text(out, text_of(close));
}

static void append_repeated(struct message_buffer *out, const char *first,
                            const char *more, int n)
{
    buffer_append_text(out, text_of(first));
    for (int i = 0; i < n; i++)
        buffer_append_text(out, text_of(more));
}

static const struct form {
    const char *name;
    const char *level; /* of a WITH, # is the level before; or */
    const char *chain; /* what names the last of a chain */
    bool may_pass;     /* its depth is only met as it runs, or is none */
} forms[] = {
    {"WITH", "SELECT a FROM #", NULL, false},
    {"WITH ... UNION", "SELECT a FROM # UNION SELECT a FROM #", NULL, false},
    {"WITH ... UNION 1", "SELECT a FROM # UNION SELECT 1", NULL, false},
    {"WITH ... EXISTS", "SELECT 1 WHERE EXISTS(SELECT 1 FROM #)", NULL, false},
    {"WITH ... OVER",
     "SELECT sum(a) OVER (PARTITION BY a) FROM # GROUP BY a LIMIT 9", NULL,
     false},
    {"views", NULL, "SELECT * FROM v%d", true},
    {"triggers", NULL, "INSERT INTO p0 VALUES(1, 1) -- %d", false},
    {"foreign keys", NULL, "DELETE FROM f0 -- %d", false},
};

/* Each named by the next. */
static void make_chains(sqlite3 *handle, int n)
{
    char sql[512];
    sqlite3_exec(handle,
                 "BEGIN; CREATE VIEW v0 AS SELECT 1 a;"
                 "CREATE TABLE p0(id INTEGER PRIMARY KEY, a);"
                 "CREATE TABLE f0(id INTEGER PRIMARY KEY);",
                 NULL, NULL, NULL);
    for (int i = 1; i < n; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE VIEW v%d AS SELECT a FROM v%d;"
                 "CREATE TABLE p%d(id INTEGER PRIMARY KEY, a);"
                 "CREATE TRIGGER r%d AFTER INSERT ON p%d BEGIN"
                 " INSERT INTO p%d VALUES(new.id, new.a); END;"
                 "CREATE TABLE f%d(id INTEGER PRIMARY KEY REFERENCES f%d(id)"
                 " ON DELETE CASCADE)",
                 i, i - 1, i, i, i - 1, i, i, i - 1);
        assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL),
                         SQLITE_OK);
    }
    assert_int_equal(sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL),
                     SQLITE_OK);
}

static void append_form(struct message_buffer *out, const struct form *form)
{
    if (form->level != NULL)
        append_with(out, form->level, LEVELS);
    else
        buffer_printf(out, form->chain, CHAIN - 1);
    buffer_append_char(out, '\0');
}

/* ---- on a stack of its own ---- */

struct compiling {
    struct sql_connection *connection;
    const char *sql;
    int rc;
    enum sql_refusal refused;
};

static void *compile(void *argument)
{
    struct compiling *compiling = argument;
    sqlite3_stmt *made = NULL;
    compiling->rc = sql_sqlite_prepare(compiling->connection, compiling->sql,
                                       -1, &made, NULL);
    compiling->refused = compiling->connection->refused;
    sqlite3_finalize(made);
    return NULL;
}

/* Bytes of stack that compiling took: the kernel gives a page when it is first
 * touched, and tells which it has given. */
static size_t stack_taken(struct compiling *compiling, size_t size)
{
    enum { PAGE = 4096 };
    static unsigned char given[SQL_THREAD_BYTES / PAGE];
    pthread_attr_t attributes;
    pthread_t thread;
    void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(stack != MAP_FAILED && size / PAGE == sizeof given);
    madvise(stack, size, MADV_NOHUGEPAGE);
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, size), 0);
    assert_int_equal(pthread_create(&thread, &attributes, compile, compiling),
                     0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_int_equal(mincore(stack, size, given), 0);
    munmap(stack, size);
    size_t clean = 0;
    while (clean < sizeof given && (given[clean] & 1) == 0)
        clean++;
    return size - clean * PAGE;
}

static struct sql_connection *take(struct fixture *f, enum sql_purpose purpose)
{
    struct sql_error error;
    struct sql_connection *taken =
        sql_take(f->sql, TEXT("one"), purpose, &error);
    if (taken == NULL)
        fail_msg("%s", error.message);
    return taken;
}

static void no_statement_uses_up_the_stack(void **state)
{
    /* Bug: SQLite calls itself for each level until the stack ends. */
    struct fixture *f = *state;
    struct sql_connection *connection = take(f, SQL_CREATE);
    make_chains(connection->handle, CHAIN);
    size_t size = SQL_THREAD_BYTES;
    f->settings.sqlite_query_ms =
        1000; /* some take long before they are deep */
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct message_buffer sql = {0};
        append_form(&sql, &forms[i]);
        struct compiling compiling = {.connection = connection,
                                      .sql = buffer_start(&sql)};
        size_t taken = stack_taken(&compiling, size);
        if (taken > size / 2)
            fail_msg("%s: %zu bytes of a stack of %zu", forms[i].name, taken,
                     size);
        if (compiling.rc == SQLITE_OK && !forms[i].may_pass)
            fail_msg("%s: compiled, and nothing was tried", forms[i].name);
        buffer_release(&sql);
    }
    sql_give(connection);
}

static void what_is_nested_in_brackets_is_bounded_too(void **state)
{
    /* Bug: a parser without a depth of its own, and a tree that is freed by
     * calls within calls. */
    struct fixture *f = *state;
    struct sql_connection *connection = take(f, SQL_CREATE);
    static const struct {
        const char *open, *close, *more;
    } shapes[] = {
        {"SELECT*FROM(", ")", NULL}, {"SELECT*FROM(t,(", "))", NULL},
        {"SELECT(", ")", NULL},      {"WITH a AS(", ")SELECT 1", NULL},
        {"SELECT 1", NULL, "+1"},    {"SELECT 1", NULL, " UNION SELECT 1"},
        {"SELECT 1", NULL, ",(1)"},  {"SELECT 1 WHERE 1", NULL, " IN (1)"},
        {"SELECT ", NULL, "NOT "},   {"SELECT CASE ", NULL, "CASE "},
        {"VALUES(1)", NULL, ",(1)"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct message_buffer sql = {0};
        struct sql_error error;
        /* As deep as may be asked, or as many as there may be. */
        if (shapes[i].more != NULL)
            append_repeated(&sql, shapes[i].open, shapes[i].more, 60000);
        else
            append_nested(&sql, shapes[i].open, shapes[i].close, 500);
        assert_int_equal(
            sql_check_text(&f->settings, buffer_text(&sql), &error), 0);
        buffer_append_char(&sql, '\0');
        struct compiling compiling = {.connection = connection,
                                      .sql = buffer_start(&sql)};
        size_t taken = stack_taken(&compiling, SQL_THREAD_BYTES);
        if (taken > SQL_THREAD_BYTES / 2)
            fail_msg("%s: %zu bytes of a stack of %d", shapes[i].open, taken,
                     SQL_THREAD_BYTES);
        buffer_release(&sql);
    }
    sql_give(connection);
}

static void brackets_are_counted_as_sqlite_reads_them(void **state)
{
    /* Bug: a bracket that SQLite reads is hidden by what is no quote. */
    struct fixture *f = *state;
    static const struct {
        const char *piece;
        bool deep;
    } pieces[] = {
        {"(", true},          {"(')'", true},    {"(\")\"", true},
        {"([)]", true},       {"(`)`", true},    {"(--)\n", true},
        {"(/*)*/", true},     {"(''", true},     {"(')''('", true},
        {"'('", false},       {"\"(\"", false},  {"[(]", false},
        {"--(\n", false},     {"/*(*/", false},  {"(-)", false},
        {"(/)", false},       {"'(''('", false}, {"/*/(*/", false},
        {"(x'28'", true},     {"-(", true},      {"/(", true},
        {"\"''\"(", true},    {"'\"'(", true},   {"--'\n(", true},
        {"(''''')'''", true}, {"(/**/)", false}, {"(/**/", true},
    };
    struct sql_error error;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct message_buffer sql = {0};
        append_repeated(&sql, "SELECT ", pieces[i].piece, 1001);
        int result = sql_check_text(&f->settings, buffer_text(&sql), &error);
        if ((result < 0) != pieces[i].deep)
            fail_msg("%s: %d", pieces[i].piece, result);
        buffer_release(&sql);
    }
}

static void what_nests_too_deep_is_told_so(void **state)
{
    /* Bug: "out of memory", which sends the operator looking for memory. */
    struct fixture *f = *state;
    struct message_buffer body = {0};
    buffer_append_text(
        &body, TEXT("{\"requests\":[{\"type\":\"describe\",\"sql\":\""));
    append_with(&body, "SELECT a FROM # UNION SELECT 1", 4000);
    buffer_append_text(&body, TEXT("\"}]}"));
    buffer_append_char(&body, '\0');
    f->may_write = true;
    post(f, "/db/one/v2/pipeline", buffer_start(&body));
    assert_in_body(f, "\"code\":\"SQL_TOO_COMPLEX\"");
    run(f, "SELECT 1");
    assert_in_body(f, "\"type\":\"ok\"");
    buffer_release(&body);
}

/* ---- memory ---- */

static void compiling_takes_no_more_than_memory_bytes(void **state)
{
    /* Bug: each level named twice: 2^n copies of a tree. */
    struct fixture *f = *state;
    f->settings.sqlite_memory_bytes = 8 << 20;
    run(f, "CREATE TABLE t(a)");
    for (int writes = 0; writes < 2; writes++) {
        struct sql_connection *connection =
            take(f, writes ? SQL_WRITE : SQL_READ);
        struct message_buffer sql = {0};
        append_with(&sql, "SELECT a FROM # UNION SELECT a FROM #", 24);
        struct sql_error error;
        assert_null(sql_prepare(connection, buffer_text(&sql), &error));
        assert_string_equal(error.code, "SQLITE_NOMEM");
        /* And gives it back. */
        assert_true(sql_account_bytes(connection->account) < 4 << 20);
        assert_non_null(sql_prepare(connection, TEXT("SELECT 1"), &error));
        buffer_release(&sql);
        sql_give(connection);
    }
}

static void compiling_takes_no_longer_than_query_ms(void **state)
{
    /* Bug: the progress handler looks at the clock while a statement runs, and
     * nobody while it is compiled. */
    struct fixture *f = *state;
    f->settings.sqlite_query_ms = 1;
    struct sql_connection *connection = take(f, SQL_CREATE);
    struct message_buffer sql = {0};
    append_with(&sql, "SELECT a FROM # UNION SELECT a FROM #", 24);
    struct sql_error error;
    assert_null(sql_prepare(connection, buffer_text(&sql), &error));
    assert_string_equal(error.code, "SQLITE_INTERRUPT");
    buffer_release(&sql);
    sql_give(connection);
}

/* Takes memory for the connection as SQLite would, until there is none. */
static size_t take_all(struct sql_connection *connection, void **chain)
{
    enum { PIECE = 64 << 10 };
    struct sql_connection *before = sql_enter(connection);
    size_t pieces = 0;
    void **made;
    while ((made = sqlite3_malloc(PIECE)) != NULL) {
        *made = *chain;
        *chain = made;
        pieces++;
    }
    sql_leave(before);
    return pieces * PIECE;
}

static void free_all(void *chain)
{
    while (chain != NULL) {
        void *next = *(void **)chain;
        sqlite3_free(chain);
        chain = next;
    }
}

static void one_that_takes_all_it_can_leaves_room_for_the_next(void **state)
{
    /* Bug: one reader has all, and everybody else is told "out of memory". */
    struct fixture *f = *state;
    enum { READERS = 8, ALL = 64 << 20, FOR_LARGE = ALL - ALL / 8 };
    f->settings.sqlite_bytes = ALL;
    fixture_reopen(f, 0);
    run(f, "CREATE TABLE t(a)");
    struct sql_connection *readers[READERS];
    void *chains[READERS] = {NULL};
    size_t left = FOR_LARGE;
    for (int i = 0; i < READERS; i++) {
        readers[i] = take(f, SQL_READ);
        size_t taken = take_all(readers[i], &chains[i]);
        /* Half of what is free, but for what all of them have besides. */
        if (left > 4 << 20)
            assert_in_range(taken, left / 3, left * 2 / 3);
        left -= taken < left ? taken : left;
    }
    run(f, "SELECT count(*) FROM t");
    assert_in_body(f, "\"type\":\"ok\"");
    run_in(f, "two", "CREATE TABLE t(a)");
    assert_in_body(f, "\"type\":\"ok\"");
    for (int i = 0; i < READERS; i++) {
        free_all(chains[i]);
        sql_give(readers[i]);
    }
    run(f, "SELECT count(*) FROM t");
    assert_in_body(f, "\"type\":\"ok\"");
}

static void what_lacks_memory_is_told_so(void **state)
{
    /* Bug: "not an error", as SQLite had not been asked yet. */
    struct fixture *f = *state;
    f->settings.sqlite_memory_bytes = 4 << 20;
    run(f, "CREATE TABLE t(a)");
    struct sql_connection *connection = take(f, SQL_READ);
    struct sql_error error;
    void *chain = NULL;
    assert_non_null(sql_prepare(connection, TEXT("SELECT 1"), &error));
    take_all(connection, &chain);
    struct message_buffer sql = {0};
    append_repeated(&sql, "SELECT 1", ",1", 50000);
    assert_null(sql_prepare(connection, buffer_text(&sql), &error));
    assert_string_equal(error.code, "SQLITE_NOMEM");
    assert_string_equal(error.message, "SQLite error: out of memory");
    buffer_release(&sql);
    free_all(chain);
    sql_give(connection);
}

static void a_reader_has_no_more_than_memory_bytes(void **state)
{
    /* Bug: what one sorts or keeps has the whole heap for a limit. */
    struct fixture *f = *state;
    f->settings.sqlite_memory_bytes = 4 << 20;
    run(f, "CREATE TABLE t(a)");
    f->may_write = false;
    static const char big[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 100) SELECT count(*) FROM (SELECT randomblob(100000) b"
        " FROM n ORDER BY b)";
    run(f, big);
    assert_in_body(f, "\"code\":\"SQLITE_NOMEM\"");
    f->may_write = true; /* an index has to be built in memory */
    run(f, big);
    assert_in_body(f, "\"type\":\"ok\"");
}

static void functions_that_take_long_are_counted(void **state)
{
    /* Bug: each is short enough, and hundreds of them in a row are minutes
     * between two looks at the clock. */
    struct fixture *f = *state;
    static const struct {
        const char *term;
        int most;
    } terms[] = {
        {"+('a' LIKE 'b')", 32},
        {"+('a' GLOB 'b')", 32},
        {"+like('a', 'b')", 32},
        {"||json_patch('{}', '{}')", 2},
    };
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
        for (int more = 0; more < 2; more++) {
            struct message_buffer sql = {0};
            buffer_append_text(&sql, TEXT("SELECT 1"));
            for (int k = 0; k < terms[i].most + more; k++)
                buffer_append_text(&sql, text_of(terms[i].term));
            buffer_append_char(&sql, '\0');
            run(f, buffer_start(&sql));
            assert_in_body(f, more ? "\"code\":\"SQL_TOO_COMPLEX\""
                                   : "\"type\":\"ok\"");
            buffer_release(&sql);
        }
}

static void our_functions_look_at_the_clock(void **state)
{
    /* Bug: thousands of calls in a row, which allocate nothing. */
    struct fixture *f = *state;
    struct message_buffer sql = {0};
    f->settings.sqlite_query_ms = 1;
    buffer_append_text(&sql, TEXT("SELECT 1"));
    for (int i = 0; i < 200; i++)
        buffer_append_text(&sql, TEXT("+instr(x, 'b')"));
    buffer_append_text(
        &sql, TEXT(" FROM (SELECT printf('%.*c', 4000000, 'a') x LIMIT 1)"));
    buffer_append_char(&sql, '\0');
    run(f, buffer_start(&sql));
    assert_in_body(f, "\"code\":\"SQLITE_INTERRUPT\"");
    buffer_release(&sql);
}

static void readers_make_no_temporary_objects(void **state)
{
    /* Bug: a reader keeps memory, or a chain of views, in a stream. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t(a)");
    static const char *const statements[] = {
        "CREATE TEMP TABLE x(a)",
        "CREATE TABLE temp.x(a)",
        "CREATE TEMP TABLE x AS SELECT * FROM t",
        "CREATE TEMP VIEW x AS SELECT * FROM t",
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
        "CREATE VIRTUAL TABLE temp.x USING rtree(id, a, b)",
        "PRAGMA integrity_check",
        "PRAGMA quick_check(t)",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        f->may_write = false;
        run(f, statements[i]);
        if (strstr(f->body, "not authorized") == NULL)
            fail_msg("%s: %s", statements[i], f->body);
        f->may_write = true;
        run(f, statements[i]);
        if (strstr(f->body, "\"type\":\"ok\"") == NULL)
            fail_msg("%s: %s", statements[i], f->body);
    }
}

static void an_idle_connection_holds_little(void **state)
{
    /* Bug: a pooled connection keeps the largest statements ever asked. */
    struct fixture *f = *state;
    struct sql_connection *connection = take(f, SQL_CREATE);
    struct message_buffer sql = {0};
    struct sql_error error;
    append_with(&sql, "SELECT a FROM # UNION SELECT a FROM #", 15);
    for (int i = 0; i < 16; i++) {
        buffer_append_char(&sql, ' ');
        assert_non_null(sql_prepare(connection, buffer_text(&sql), &error));
    }
    size_t before = sql_account_bytes(connection->account);
    assert_true(before > 16 << 20);
    sql_give(connection);
    assert_true(sql_memory_figures().used < before / 4);
    assert_ptr_equal(take(f, SQL_WRITE), connection);
    sql_give(connection);
    buffer_release(&sql);
}

static void what_is_kept_of_statements_is_counted(void **state)
{
    /* Bug: texts, and columns whose names are six times as long in JSON, were
     * nobody's memory: gigabytes beyond every limit. */
    struct fixture *f = *state;
    enum { STATEMENTS = 20, BYTES = 100000 };
    struct sql_connection *connection = take(f, SQL_CREATE);
    size_t before = sql_account_bytes(connection->account);
    struct message_buffer columns = {0};
    for (int i = 0; i < STATEMENTS; i++) {
        struct message_buffer sql = {0};
        struct sql_error error;
        buffer_append_text(&sql, TEXT("SELECT 1 AS \""));
        for (int k = 0; k < BYTES; k++)
            buffer_append_char(&sql, '\x01');
        buffer_printf(&sql, "%d\"", i);
        struct sql_statement *statement =
            sql_prepare(connection, buffer_text(&sql), &error);
        assert_non_null(statement);
        sql_append_columns(&columns, statement);
        buffer_release(&sql);
    }
    assert_false(columns.failed);
    buffer_release(&columns);
    size_t held = sql_account_bytes(connection->account) - before;
    assert_true(held > (size_t)STATEMENTS * BYTES * (1 + 6));
    sql_give(connection);
    /* What is idle holds little of it. */
    assert_true(sql_memory_figures().used < held / 2);
}

static void names_of_parameters_are_counted(void **state)
{
    struct fixture *f = *state;
    struct sql_connection *connection = take(f, SQL_CREATE);
    struct message_buffer sql = {0};
    struct sql_error error;
    buffer_append_text(&sql, TEXT("SELECT 0 IN ($first"));
    for (int i = 0; i < 5000; i++)
        buffer_printf(&sql, ",$a_name_of_many_bytes_%d", i);
    buffer_append_char(&sql, ')');
    struct sql_statement *statement =
        sql_prepare(connection, buffer_text(&sql), &error);
    assert_non_null(statement);
    size_t before = sql_account_bytes(connection->account);
    assert_int_equal(sql_parameter_find(statement, TEXT("first")), 1);
    assert_true(sql_account_bytes(connection->account) > before + 5000 * 25);
    buffer_release(&sql);
    sql_give(connection);
}

int main(void)
{
#define SQL_TEST(test)                                                         \
    cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    static const struct CMUnitTest tests[] = {
        SQL_TEST(no_statement_uses_up_the_stack),
        SQL_TEST(what_is_nested_in_brackets_is_bounded_too),
        SQL_TEST(brackets_are_counted_as_sqlite_reads_them),
        SQL_TEST(what_nests_too_deep_is_told_so),
        SQL_TEST(compiling_takes_no_more_than_memory_bytes),
        SQL_TEST(compiling_takes_no_longer_than_query_ms),
        SQL_TEST(one_that_takes_all_it_can_leaves_room_for_the_next),
        SQL_TEST(what_lacks_memory_is_told_so),
        SQL_TEST(a_reader_has_no_more_than_memory_bytes),
        SQL_TEST(functions_that_take_long_are_counted),
        SQL_TEST(our_functions_look_at_the_clock),
        SQL_TEST(readers_make_no_temporary_objects),
        SQL_TEST(an_idle_connection_holds_little),
        SQL_TEST(what_is_kept_of_statements_is_counted),
        SQL_TEST(names_of_parameters_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
