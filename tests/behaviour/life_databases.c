/* life_databases.c - the files of databases while a server has them open:
 * their directory, and the WAL beside them. */
#include "figures.h"
#include "life.h"
#include "sql_client.h"
#include "sql_macros.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole number that a SELECT gives in that file. */
static long long number_in(const char *directory, const char *name,
                           const char *select)
{
    char path[700];
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    snprintf(path, sizeof path, "%s/%s.db", directory, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, select, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    long long number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* ---- another directory in its place ---- */

static unsigned put_database(const struct server *server, const char *name)
{
    char request[200];
    struct answer answer = {0};
    snprintf(request, sizeof request,
             "PUT /db/%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             name);
    struct client *client = life_say(server, request);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    unsigned status = answer.status;
    answer_free(&answer);
    return status;
}

static void expect_copy(const struct server *server)
{
    struct answer answer = {0};
    struct client *client =
        life_say(server, "POST /db/t/backup HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 0\r\n\r\n");
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    assert_int_equal(answer.status, 200);
    assert_true(bytes_find(answer.body.data, answer.body.length, "written-on",
                           10) >= 0);
    answer_free(&answer);
}

static bool exists_in(const char *directory, const char *file)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    return access(path, F_OK) == 0;
}

/* Bug: databases were looked for in the directory that was held, and opened in
 * the one that had its name by then: a write went into the new one, was answered
 * and could not be read. */
static void replaced_directory(const struct stage_differences *stage)
{
    char directory[640], moved[660], baton[BATON_BYTES] = "";
    const char *const count = "SELECT count(*) FROM scratch";
    struct server *server =
        LIFE_START_SQL(stage, "replaced", "--set", "sqlite.create=on");
    snprintf(directory, sizeof directory, "%s/db-replaced-%d", suite.work,
             stage->number);
    snprintf(moved, sizeof moved, "%s.moved", directory);
    /* Connections are open, to read and to write... */
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO scratch VALUES(1, 1)"));
    assert_int_equal(sql_number(server, "t", count), 1);
    assert_int_equal(rename(directory, moved), 0);
    fixture_database(directory);
    sql_do(server, "t", NULL,
           EXECUTE("INSERT INTO scratch VALUES(2, 'written-on')"));
    /* ...and one more is opened, as this stream keeps the one that writes. */
    sql_do(server, "t", baton, EXECUTE("BEGIN"));
    sql_do(server, "t", NULL, EXECUTE("INSERT INTO scratch VALUES(3, 1)"));
    sql_end(server, "t", baton, "ROLLBACK");
    sql_do(server, "other", NULL, EXECUTE("INSERT INTO o VALUES(8)"));
    assert_int_equal(sql_number(server, "t", count), 3);
    assert_int_equal(put_database(server, "made"), 201);
    expect_copy(server);
    assert_true(exists_in(moved, "made.db"));
    assert_false(exists_in(directory, "made.db"));
    assert_false(exists_in(directory, "t.db-wal"));
    server_stop(server);
    assert_int_equal(number_in(moved, "t", count), 3);
    assert_int_equal(number_in(moved, "other", "SELECT sum(x) FROM o"), 15);
    assert_int_equal(number_in(directory, "t", count), 0);
    assert_int_equal(number_in(directory, "other", "SELECT sum(x) FROM o"), 7);
}

const struct life life_databases[] = {
    {"a directory of databases that is replaced goes on being served",
     replaced_directory},
    {NULL, NULL},
};
