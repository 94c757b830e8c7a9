/* life_at_once.c - stage 5: a short query is answered by the thread that has
 * the connection, and whatever is not short is not. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROWS = 20000 }; /* of the table many: more than fits into few pages */

#define BY_KEY "sql=SELECT+id,name,price+FROM+many+WHERE+id=:id&id="

static void make_database(const char *directory, const char *name, int price)
{
    char path[700], sql[400];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s.db", directory, name);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL;"
             "CREATE TABLE many(id INTEGER PRIMARY KEY, name, price);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n"
             " WHERE i<%d) INSERT INTO many SELECT i, 'name '||i, %d FROM n;"
             "CREATE TABLE large(id INTEGER PRIMARY KEY, v);"
             "INSERT INTO large VALUES(1, 'x'), (2, hex(zeroblob(40000)));",
             ROWS, price);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A server with such a database, "m". */
static struct server *start(const struct stage_differences *stage,
                            char *directory)
{
    static unsigned count;
    snprintf(directory, 640, "%s/db-at-once-%u", suite.work, count++);
    fixture_database(directory);
    make_database(directory, "m", 5);
    return life_start(stage, &(struct server_options){.databases = directory},
                      (const char *const[]){NULL});
}

static json_int_t at_once(const struct server *server)
{
    return figures_counter(server, "sql", "at_once");
}

static void query(const struct server *server, const char *what,
                  struct answer *answer)
{
    char path[600];
    snprintf(path, sizeof path, "/db/m/query?%s", what);
    assert_int_equal(client_get(server->port, path, answer), 200);
}

/* Asks until it is answered at once. */
static void warm(const struct server *server, const char *what)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    json_int_t before = at_once(server);
    while (at_once(server) == before) {
        struct answer answer = {0};
        query(server, what, &answer);
        answer_free(&answer);
        if (suite_now_ms() > limit)
            fail_msg("%s: never answered at once", what);
    }
}

/* Asks once: what came, and whether it came at once. Given. */
static bool ask(const struct server *server, const char *what,
                struct answer *answer)
{
    json_int_t before = at_once(server);
    query(server, what, answer);
    return at_once(server) > before;
}

/* Bug: what the front answered had another form than what a worker answers. */
static void same_answer(const struct stage_differences *stage)
{
    static const char *const ends[] = {"7", "7&format=csv", "7&format=html",
                                       "0", "1e3"};
    char directory[640], what[200];
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct answer first = {0}, later = {0};
        /* A text of its own: the first one is compiled, by a worker. */
        snprintf(what, sizeof what,
                 "sql=SELECT+%zu,*+FROM+many+WHERE+id=:id"
                 "&id=%s",
                 i, ends[i]);
        assert_false(ask(server, what, &first));
        warm(server, what);
        assert_true(ask(server, what, &later));
        assert_int_equal(first.body.length, later.body.length);
        assert_memory_equal(first.body.data, later.body.data,
                            first.body.length);
        answer_free(&first);
        answer_free(&later);
    }
    server_stop(server);
}

/* Bug: a row was answered at once as it had been before somebody changed it, or
 * its table. */
static void after_a_write(const struct stage_differences *stage)
{
    enum { ROUNDS = 50 };
    char directory[640], update[100], price[40];
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    warm(server, BY_KEY "7");
    for (int i = 0; i < ROUNDS; i++) {
        struct answer answer = {0};
        snprintf(update, sizeof update,
                 EXECUTE("UPDATE many SET price=%d WHERE id=7"), 1000 + i);
        snprintf(price, sizeof price, ",%d]]", 1000 + i);
        sql_do(server, "m", NULL, update);
        query(server, BY_KEY "7", &answer);
        assert_non_null(strstr(answer.body.data, price));
        answer_free(&answer);
    }
    struct answer answer = {0};
    warm(server, "sql=SELECT+*+FROM+large+WHERE+id=1");
    sql_do(server, "m", NULL, EXECUTE("ALTER TABLE large ADD w DEFAULT 9"));
    /* SQLite has to compile it again, which is nothing for a front. */
    assert_false(ask(server, "sql=SELECT+*+FROM+large+WHERE+id=1", &answer));
    assert_non_null(strstr(answer.body.data, "[1,\"x\",9]"));
    answer_free(&answer);
    server_stop(server);
}

/* Bug: a query that was short the last time held up all clients of its front
 * when it was asked for more: rows to look at, rows to give, a large value. */
static void not_short(const struct stage_differences *stage)
{
    static const struct {
        const char *what, *little, *much;
        size_t bytes_min;
    } queries[] = {
        {"sql=SELECT+id+FROM+many+WHERE+name=:n+AND+id<:id&n=x&id=", "5",
         "20000", 20},
        {"sql=SELECT+id,name+FROM+many+WHERE+id<:id&id=", "5", "20000", 200000},
        {"sql=SELECT+v+FROM+large+WHERE+id=:id&id=", "1", "2", 80000},
    };
    char directory[640], what[300];
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct answer answer = {0};
        snprintf(what, sizeof what, "%s%s", queries[i].what, queries[i].little);
        warm(server, what);
        snprintf(what, sizeof what, "%s%s", queries[i].what, queries[i].much);
        assert_false(ask(server, what, &answer));
        assert_true(answer.body.length > queries[i].bytes_min);
        answer_free(&answer);
    }
    server_stop(server);
}

/* Bug: what one instruction of SQLite does was taken for little, whatever it
 * was: a function, the count of all rows, a virtual table. */
static void never_short(const struct stage_differences *stage)
{
    static const char *const queries[] = {
        "sql=SELECT+upper(:x)&x=a",
        "sql=SELECT+count(*)+FROM+many",
        "sql=SELECT+value+FROM+json_each('[1]')",
        "sql=SELECT+id+FROM+many+WHERE+id=3+AND+name+LIKE+:x&x=n%25",
    };
    char directory[640];
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        for (int k = 0; k < 10; k++) {
            struct answer answer = {0};
            assert_false(ask(server, queries[i], &answer));
            answer_free(&answer);
        }
    server_stop(server);
}

/* Bug: a statement that takes long to compile was compiled by a front, after a
 * change of the schema: another client's file came seconds late. */
static void long_to_compile(const struct stage_differences *stage)
{
    char directory[640];
    struct bytes what = {0};
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    bytes_print(&what, "sql=WITH+c0(a)+AS+(SELECT+id+FROM+large)");
    for (int i = 1; i < 10; i++)
        bytes_print(&what,
                    ",c%d(a)+AS+(SELECT+a+FROM+c%d+UNION+SELECT+a+FROM+c%d)", i,
                    i - 1, i - 1);
    bytes_print(&what, "+SELECT+price+FROM+many+WHERE+id=7+OR+"
                       "id+IN+(SELECT+a+FROM+c9+WHERE+0)");
    for (int k = 0; k < 10; k++) {
        struct answer answer = {0};
        assert_false(ask(server, what.data, &answer));
        answer_free(&answer);
    }
    bytes_free(&what);
    server_stop(server);
}

/* Takes the file out of the kernel's memory. False: it does not go. */
static bool forget(const char *path)
{
    char byte;
    struct iovec to = {&byte, 1};
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fsync(fd) == 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    bool gone =
        preadv2(fd, &to, 1, 400 * 1024, RWF_NOWAIT) < 0 && errno == EAGAIN;
    close(fd);
    return gone;
}

/* Bug: the front waited for the disk; what it had only tried was told in the
 * error log, as an error of the disk. */
static void not_in_memory(const struct stage_differences *stage)
{
    char directory[640], path[700];
    struct answer answer = {0};
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    warm(server, BY_KEY "7");
    snprintf(path, sizeof path, "%s/m.db", directory);
    if (forget(path)) {
        assert_false(ask(server, BY_KEY "15000", &answer));
        assert_non_null(strstr(answer.body.data, "name 15000"));
        answer_free(&answer);
        struct bytes output = {0};
        server_output(server, &output);
        assert_null(memmem(output.data, output.length, "I/O error", 9));
        bytes_free(&output);
    } else {
        print_message("the file cannot be taken out of memory here\n");
    }
    server_stop(server);
}

/* Bug: the file that a name had stood for was read for ever. */
static void replaced(const struct stage_differences *stage)
{
    char directory[640], from[700], to[700];
    if (!stage->modules)
        return;
    struct server *server = start(stage, directory);
    warm(server, BY_KEY "7");
    make_database(directory, "new", 77);
    snprintf(from, sizeof from, "%s/new.db", directory);
    snprintf(to, sizeof to, "%s/m.db", directory);
    assert_int_equal(rename(from, to), 0);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    for (bool seen = false; !seen;) {
        struct answer answer = {0};
        query(server, BY_KEY "7", &answer);
        seen = strstr(answer.body.data, ",77]]") != NULL;
        answer_free(&answer);
        if (suite_now_ms() > limit)
            fail_msg("the new file is not seen");
    }
    server_stop(server);
}

const struct life life_at_once[] = {
    {"a query that is answered at once has the same answer", same_answer},
    {"a query that is answered at once sees every write", after_a_write},
    {"a query that is not short any more goes to a worker", not_short},
    {"a query that may be long in one instruction goes to a worker",
     never_short},
    {"a query that takes long to compile goes to a worker", long_to_compile},
    {"a query of what is not in memory goes to a worker", not_in_memory},
    {"a database file that is replaced is not read any more", replaced},
    {NULL, NULL},
};
