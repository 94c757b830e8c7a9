/* life_backup.c - copies of a database that is in use: each is a state that
 * there was, others go on meanwhile, and who reads slowly holds up nobody. */
#include "life.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Copied in several turns, and more than sockets hold. */
enum { BALLAST_ROWS = 480, BALLAST_BYTES = 100000 };

#define BACKUP                                                                 \
    "POST /db/live/backup HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

struct backed {
    struct server *server;
    char directory[640], database[660];
};

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", path, message ? message : "cannot open");
    sqlite3_close(db);
}

/* The number that sql gives, run in that file; -1 when it fails. */
static sqlite3_int64 number_in(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 number = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static struct backed start(const struct stage_differences *stage,
                           unsigned long file_bytes, const char *backups)
{
    struct backed backed;
    char sql[400], name[64], set[64];
    snprintf(name, sizeof name, "backup-%d/live.db", stage->number);
    fixture_path(name, backed.database, sizeof backed.database);
    snprintf(backed.directory, sizeof backed.directory, "%s/backup-%d",
             suite.work, stage->number);
    unlink(backed.database);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
             "CREATE TABLE a(n); CREATE TABLE b(n); CREATE TABLE ballast(x);"
             "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL"
             " SELECT i + 1 FROM g WHERE i < %d)"
             "INSERT INTO ballast SELECT randomblob(%d) FROM g",
             BALLAST_ROWS, BALLAST_BYTES);
    run_sql(backed.database, sql);
    snprintf(set, sizeof set, "sqlite.backups=%s", backups);
    const char *const arguments[] = {"--set", set, "--set",
                                     "connection.send_buffer_bytes=64K", NULL};
    backed.server =
        life_start(stage,
                   &(struct server_options){.databases = backed.directory,
                                            .file_bytes = file_bytes},
                   arguments);
    return backed;
}

static void stop(struct backed *backed)
{
    server_stop(backed->server);
    /* What is left there is the database alone. */
    DIR *directory = opendir(backed->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            fail_msg("a backup has left %s", entry->d_name);
    closedir(directory);
}

/* One transaction more, in both tables. */
static void write_step(struct client *client, int n)
{
    struct answer answer = {0};
    struct bytes body = {0}, text = {0};
    bytes_print(&body,
                "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"BEGIN;"
                "INSERT INTO a VALUES(%d);INSERT INTO b VALUES(%d);COMMIT\"}]}",
                n, n);
    bytes_print(&text,
                "POST /db/live/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                body.length, (char *)body.data);
    assert_int_equal(client_send(client, text.data, text.length), 0);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 200);
    if (bytes_find(answer.body.data, answer.body.length, "error", 5) >= 0)
        fail_msg("not written: %s", (char *)answer.body.data);
    answer_free(&answer);
    bytes_free(&body);
    bytes_free(&text);
}

/* Is it whole, and a state that there was? Gives how many steps it holds. */
static int check_copy(const struct backed *backed, const struct answer *answer)
{
    char path[700], value[100];
    assert_int_equal(answer->status, 200);
    assert_true(answer_field(answer, "Content-Type", value, sizeof value));
    assert_string_equal(value, "application/vnd.sqlite3");
    assert_true(
        answer_field(answer, "Content-Disposition", value, sizeof value));
    assert_string_equal(value, "attachment; filename=\"live.db\"");
    assert_true(answer_field(answer, "Content-Length", value, sizeof value));
    snprintf(path, sizeof path, "%s.copy", backed->directory);
    fixture_write(path, answer->body.data, answer->body.length);
    assert_int_equal(number_in(path, "SELECT integrity_check = 'ok' "
                                     "FROM pragma_integrity_check"),
                     1);
    assert_int_equal(number_in(path, "SELECT count(*) FROM ballast"),
                     BALLAST_ROWS);
    int a = (int)number_in(path, "SELECT count(*) FROM a");
    assert_int_equal(number_in(path, "SELECT count(*) FROM b"), a);
    assert_int_equal(number_in(path, "SELECT ifnull(max(n), 0) FROM a"), a);
    unlink(path);
    return a;
}

/* Bug: pages of before and of after a commit were in one copy; each commit had
 * the copy started over, so that it never ended. */
static void copies_in_step(const struct stage_differences *stage)
{
    enum { COPIES = 3 };
    struct backed backed = start(stage, 0, "1");
    struct client *writer = client_open(backed.server->port);
    struct answer answer = {0};
    int written = 0, meanwhile = 0;
    for (int i = 0; i < COPIES; i++) {
        if (!stage->answers_others) { /* nor is it kept waiting here */
            client_close(writer);
            writer = client_open(backed.server->port);
        }
        write_step(writer, ++written);
        if (!stage->answers_others)
            client_half_close(writer);
        int before = written;
        struct client *client = life_say(backed.server, BACKUP);
        while (stage->answers_others && !client_has_news(client))
            write_step(writer, ++written);
        meanwhile += written - before;
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        int held = check_copy(&backed, &answer);
        assert_true(held >= before && held <= written);
        client_close(client);
    }
    if (stage->answers_others)
        assert_true(meanwhile > 0);
    answer_free(&answer);
    client_close(writer);
    stop(&backed);
}

/* Bug: others waited until all was copied. */
static void others_have_their_turn(const struct stage_differences *stage)
{
    if (!stage->answers_others) {
        print_message("others wait here anyway\n");
        return;
    }
    struct backed backed = start(stage, 0, "1");
    struct answer answer = {0};
    bool seen = false;
    for (int i = 0; i < 5 && !seen; i++) {
        struct client *client = life_say(backed.server, BACKUP);
        while (!seen && !client_has_news(client)) {
            client_get(backed.server->port, "/-/stats", &answer);
            seen = bytes_find(answer.body.data, answer.body.length,
                              "\"backup_pages_left\":", 20) >= 0;
        }
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        client_close(client);
    }
    assert_true(seen);
    client_get(backed.server->port, "/-/stats", &answer);
    assert_true(bytes_find(answer.body.data, answer.body.length,
                           "backup_pages_left", 17) < 0);
    answer_free(&answer);
    stop(&backed);
}

static unsigned backup(const struct backed *backed, struct answer *answer)
{
    struct client *client = life_say(backed->server, BACKUP);
    assert_int_equal(client_read(client, false, answer), GOT_ANSWER);
    client_close(client);
    return answer->status;
}

/* Bug: a client that had stopped reading held the WAL, which then grew without
 * end, or the place of its copy for ever. */
static void stalled_reader(const struct stage_differences *stage)
{
    struct backed backed = start(stage, 0, "1");
    struct answer answer = {0};
    char value[20], byte;
    size_t descriptors = server_descriptors(backed.server);
    struct client *stalled = client_open_small(backed.server->port, 4096);
    client_say(stalled, BACKUP);
    assert_int_equal(client_receive(stalled, &byte, 1), 1);
    run_sql(backed.database, "INSERT INTO a VALUES(1)");
    assert_int_equal(
        number_in(backed.database, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    if (stage->answers_others) {
        assert_int_equal(backup(&backed, &answer), 503);
        assert_true(answer_field(&answer, "Retry-After", value, sizeof value));
    }
    client_reset(stalled);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (backup(&backed, &answer) != 200)
        assert_true(suite_now_ms() < limit);
    answer_free(&answer);
    /* Those of the database stay open. */
    life_descriptors_settle(backed.server, descriptors + 8);
    stop(&backed);
}

/* Bug: half a copy was sent as a whole one. */
static void no_room(const struct stage_differences *stage)
{
    struct backed backed = start(stage, 8 << 20, "1");
    struct answer answer = {0};
    for (int i = 0; i < 3; i++) { /* its place is given back */
        assert_int_equal(backup(&backed, &answer), 507);
        assert_true(bytes_find(answer.body.data, answer.body.length,
                               "\"code\":\"NO_ROOM\"", 16) >= 0);
    }
    assert_int_equal(client_get(backed.server->port, "/db/live/", &answer),
                     200);
    answer_free(&answer);
    stop(&backed);
}

const struct life life_backup[] = {
    {"copies of a database that is written to are states of it",
     copies_in_step},
    {"while a database is copied others have their turn",
     others_have_their_turn},
    {"who stops reading a copy holds up nobody", stalled_reader},
    {"a copy that there is no room for is refused whole", no_room},
    {NULL, NULL},
};
