/* life_mounts.c - several instances of a module in the life of a server: new
 * rules on connections that stay, databases made, figures. */
#include "life.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories of this stage's own, beneath work. */
struct places {
    char config[640], docs[640], databases[640], archive[640];
};

static void make_places(const struct stage_differences *stage,
                        struct places *places)
{
    char name[64];
    snprintf(name, sizeof name, "mount-%d/docs/a.txt", stage->number);
    fixture_path(name, places->docs, sizeof places->docs);
    fixture_write(places->docs, "a\n", 2);
    *strrchr(places->docs, '/') = '\0';
    snprintf(name, sizeof name, "mount-%d/archive/", stage->number);
    fixture_path(name, places->archive, sizeof places->archive);
    snprintf(name, sizeof name, "mount-%d/db/", stage->number);
    fixture_path(name, places->databases, sizeof places->databases);
    snprintf(places->config, sizeof places->config, "%s/mount-%d.ini",
             suite.work, stage->number);
}

/* Each argument is one more line of its section. */
static void write_config(const struct places *places, const char *docs,
                         const char *archive, const char *users)
{
    struct bytes text = {0};
    bytes_print(&text,
                "[files docs]\nprefix = /docs/\nroot = %s\n%s"
                "[sqlite]\nrule = allow * /db\n"
                "[sqlite archive]\nprefix = /archive/\ndirectory = %s\n%s"
                "[users]\ntoken = eva:old-token\n%s"
                "[connection]\nkeepalive_seconds = 600\n"
                "keepalive_requests = 1000000\nturn_seconds = 600\n",
                places->docs, docs, places->archive, archive, users);
    /* A test that failed may have left a pipe there. */
    unlink(places->config);
    fixture_write(places->config, text.data, text.length);
    bytes_free(&text);
}

static struct server *start(const struct stage_differences *stage,
                            const struct places *places)
{
    const char *const arguments[] = {"-c", places->config, NULL};
    return server_start(stage->number, &(struct server_options){
                                           .arguments = arguments,
                                           .databases = places->databases});
}

static unsigned ask(struct client *client, const char *method, const char *path,
                    const char *fields, struct answer *answer)
{
    struct bytes text = {0};
    bytes_print(&text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path,
                fields);
    assert_int_equal(client_send(client, text.data, text.length), 0);
    bytes_free(&text);
    if (client_read(client, false, answer) != GOT_ANSWER)
        fail_msg("%s: the connection did not stay", path);
    return answer->status;
}

/* On this connection alone: had it been dropped, ask would fail. */
static void wait_for(struct client *client, const char *path,
                     const char *fields, unsigned status)
{
    struct answer answer = {0};
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (ask(client, "GET", path, fields, &answer) != status)
        if (suite_now_ms() > limit)
            fail_msg("%s: SIGHUP has changed no rule", path);
    answer_free(&answer);
}

#define NEW_TOKEN "Authorization: Bearer new-token\r\n"

/* Bug: SIGHUP reread the main sections' rules only, or those of another
 * mount. */
static void hang_up(const struct stage_differences *stage)
{
    struct places places;
    struct answer answer = {0};
    make_places(stage, &places);
    write_config(&places, "", "", "");
    struct server *server = start(stage, &places);
    struct client *client = client_open(server->port);
    wait_for(client, "/docs/a.txt", "", 200);
    wait_for(client, "/archive/", "", 200);

    write_config(&places, "rule = deny * /docs/a.txt\n",
                 "rule = allow * /archive user eva\nrule = deny * /archive\n",
                 "token = eva:new-token\n");
    kill(server->pid, SIGHUP);
    wait_for(client, "/docs/a.txt", "", 403);
    wait_for(client, "/archive/", "", 401);
    wait_for(client, "/archive/", NEW_TOKEN, 200);
    wait_for(client, "/db/", "", 200);

    /* Without its section a mount would be left without its rules. */
    static const char other[] = "[files]\nrule = deny * /small.txt\n";
    static const char why[] = "[files docs] has been removed";
    fixture_write(places.config, other, sizeof other - 1);
    kill(server->pid, SIGHUP);
    struct bytes said = {0};
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        assert_true(suite_now_ms() < limit);
        bytes_free(&said);
        assert_int_equal(ask(client, "GET", "/small.txt", "", &answer), 200);
        server_output(server, &said);
    } while (bytes_find(said.data, said.length, why, sizeof why - 1) < 0);
    bytes_free(&said);
    wait_for(client, "/docs/a.txt", "", 403);

    write_config(&places, "", "", "");
    kill(server->pid, SIGHUP);
    wait_for(client, "/docs/a.txt", "", 200);
    assert_int_equal(ask(client, "GET", "/archive/", NEW_TOKEN, &answer), 401);
    answer_free(&answer);
    client_close(client);
    server_stop(server);
}

/* Sends SIGHUP and waits until the error log says so; clients are answered
 * meanwhile. */
static void expect_said(const struct server *server, struct client *client,
                        const char *why)
{
    struct answer answer = {0};
    struct bytes said = {0};
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    kill(server->pid, SIGHUP);
    do {
        if (suite_now_ms() > limit)
            fail_msg("not said: %s", why);
        bytes_free(&said);
        assert_int_equal(ask(client, "GET", "/docs/a.txt", "", &answer), 200);
        server_output(server, &said);
    } while (bytes_find(said.data, said.length, why, strlen(why)) < 0);
    bytes_free(&said);
    answer_free(&answer);
}

/* Bug: a changed setting that only a restart can take was passed over, and the
 * reload said that all is well. A configuration that had become a pipe stopped
 * the thread that takes the signals, for good. */
static void hang_up_tells(const struct stage_differences *stage)
{
    struct places places;
    make_places(stage, &places);
    write_config(&places, "", "", "");
    struct server *server = start(stage, &places);
    struct client *client = client_open(server->port);
    write_config(&places, "listing = on\n", "create = on\n",
                 "realm = elsewhere\n");
    expect_said(server, client,
                "these changes need a restart: "
                "users.realm, files docs.listing, sqlite archive.create\n");
    unlink(places.config);
    assert_int_equal(mkfifo(places.config, 0600), 0);
    expect_said(server, client, "not a regular file and cannot be read again");
    client_close(client);
    server_stop(server);
}

static void expect_made(struct client *client, const char *path)
{
    struct answer answer = {0};
    char location[100];
    assert_int_equal(ask(client, "PUT", path, "Content-Length: 0\r\n", &answer),
                     201);
    assert_true(answer_field(&answer, "Location", location, sizeof location));
    assert_string_equal(location, path);
    answer_free(&answer);
}

static void expect_in(struct client *client, const char *path, const char *what)
{
    struct answer answer = {0};
    assert_int_equal(ask(client, "GET", path, "", &answer), 200);
    if (bytes_find(answer.body.data, answer.body.length, what, strlen(what)) <
        0)
        fail_msg("%s lacks %s: %s", path, what, (char *)answer.body.data);
    answer_free(&answer);
}

/* Bug: a database was made in the main directory, at the main address; of two
 * databases of one name the figures could not be told apart. */
static void made_where_asked(const struct stage_differences *stage)
{
    struct places places;
    char file[700];
    make_places(stage, &places);
    write_config(&places, "", "rule = allow * /archive\n", "");
    struct server *server = start(stage, &places);
    struct client *client = client_open(server->port);
    expect_made(client, "/archive/late/");
    snprintf(file, sizeof file, "%s/late.db", places.databases);
    assert_int_equal(access(file, F_OK), -1);
    snprintf(file, sizeof file, "%s/late.db", places.archive);
    assert_int_equal(access(file, F_OK), 0);
    expect_made(client, "/db/late/");
    expect_in(client, "/archive/late/", "");
    expect_in(client, "/db/late/", ""); /* to make one does not open it */
    expect_in(client, "/-/stats", "{\"name\":\"late\",\"mount\":\"archive\",");
    expect_in(client, "/-/stats", "{\"name\":\"late\",\"mount\":\"\",");
    expect_in(client, "/-/metrics",
              "fivefold_sql_requests_total{database=\"late\",mount=\"\"} ");
    expect_in(client, "/-/metrics",
              "fivefold_sql_requests_total{database=\"late\","
              "mount=\"archive\"} ");
    client_close(client);
    server_stop(server);
}

const struct life life_mounts[] = {
    {"SIGHUP tells what it cannot change", hang_up_tells},
    {"SIGHUP rereads rules and users of every mount, connections stay",
     hang_up},
    {"a database is made where it was asked for, its figures are its own",
     made_where_asked},
    {NULL, NULL},
};
