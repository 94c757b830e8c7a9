/* life_privileges.c - a server that is started as root, and what is left of
 * root in it when it serves. Who runs the suite must be root himself. */
#include "life.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER "nobody"

/* Can this be tested here? Says so if not. */
static bool may_drop(void)
{
    bool can = geteuid() == 0 && getpwnam(USER) != NULL;
    if (!can)
        print_message("not root, or no user " USER ": skipped\n");
    return can;
}

static const char *path_in_work(char out[700], const char *name,
                                const struct stage_differences *stage)
{
    snprintf(out, 700, "%s/%s-%d", suite.work, name, stage->number);
    return out;
}

static void give_to_user(const char *path)
{
    const struct passwd *user = getpwnam(USER);
    assert_int_equal(chown(path, user->pw_uid, user->pw_gid), 0);
}

/* The line of /proc/PID/status that starts so. */
static void status_line(const struct server *server, const char *key,
                        char out[200])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(out, 200, file))
        if (strncmp(out, key, strlen(key)) == 0) {
            fclose(file);
            return;
        }
    fclose(file);
    fail_msg("no %s in %s", key, path);
}

static void expect_status(const struct server *server, const char *key,
                          const char *format, unsigned id)
{
    char line[200], wanted[200];
    status_line(server, key, line);
    int n = snprintf(wanted, sizeof wanted, "%s", key);
    snprintf(wanted + n, sizeof wanted - (size_t)n, format, id, id, id, id);
    if (strncmp(line, wanted, strlen(wanted)) != 0)
        fail_msg("%s instead of %s", line, wanted);
}

/* The groups of root stayed, or the saved user id did: enough to get all
 * back. */
static void gives_up_root(const struct stage_differences *stage)
{
    if (!may_drop())
        return;
    const struct passwd *user = getpwnam(USER);
    struct server *server = LIFE_START(stage, "--set", "server.user=" USER);
    expect_status(server, "Uid:", "\t%u\t%u\t%u\t%u", user->pw_uid);
    expect_status(server, "Gid:", "\t%u\t%u\t%u\t%u", user->pw_gid);
    expect_status(server, "Groups:", "\t%u \n", user->pw_gid);
    expect_status(server, "CapEff:", "\t%016x", 0);
    expect_status(server, "CapPrm:", "\t%016x", 0);
    expect_status(server, "NoNewPrivs:", "\t%u", 1);
    life_answers(server);
    server_stop(server);
}

static void takes_a_group(const struct stage_differences *stage)
{
    const struct group *group = getgrnam("daemon");
    if (!may_drop() || group == NULL)
        return;
    gid_t id = group->gr_gid;
    struct server *server = LIFE_START(stage, "--set", "server.user=" USER,
                                       "--set", "server.group=daemon");
    expect_status(server, "Gid:", "\t%u\t%u\t%u\t%u", id);
    server_stop(server);
}

/* What it writes is the user's: files, databases, and logs, which it must be
 * able to open again when they have been moved. */
static void works_as_the_user(const struct stage_differences *stage)
{
    char logs[700], databases[700], log[720], moved[740], setting[760];
    struct stat status;
    if (!may_drop())
        return;
    const struct passwd *user = getpwnam(USER);
    mkdir(path_in_work(logs, "user-logs", stage), 0755);
    mkdir(path_in_work(databases, "user-db", stage), 0755);
    give_to_user(logs);
    give_to_user(databases);
    snprintf(log, sizeof log, "%s/log", logs);
    snprintf(moved, sizeof moved, "%s.1", log);
    snprintf(setting, sizeof setting, "server.access_log=%s", log);
    struct server *server = life_start(
        stage, &(struct server_options){.databases = databases},
        (const char *const[]){"--set", "server.user=" USER, "--set", setting,
                              "--set", "sqlite.create=on", NULL});
    struct client *client =
        life_say(server, "PUT /db/own/ HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 0\r\n\r\n");
    life_expect(client, 201);
    client_close(client);
    snprintf(setting, sizeof setting, "%s/own.db", databases);
    assert_int_equal(stat(setting, &status), 0);
    assert_int_equal(status.st_uid, user->pw_uid);

    assert_int_equal(rename(log, moved), 0);
    kill(server->pid, SIGHUP);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (stat(log, &status) != 0) {
        life_answers(server);
        if (suite_now_ms() > limit)
            fail_msg("the log is not opened again");
    }
    assert_int_equal(status.st_uid, user->pw_uid);
    assert_int_equal(status.st_gid, user->pw_gid);
    server_stop(server);
}

/* Root could open it, the user cannot: that came out with the first request, or
 * with the first SIGHUP. */
static void what_the_user_may_not(const struct stage_differences *stage)
{
    char closed[700], log[740], config[700];
    if (!may_drop())
        return;
    mkdir(path_in_work(closed, "roots-own", stage), 0700);
    snprintf(log, sizeof log, "server.access_log=%s/log", closed);
    path_in_work(config, "roots-own.ini", stage);
    fixture_write(config, "[files]\nlisting = on\n", 21);
    chmod(config, 0600);
    const char *const cases[][3] = {
        {"--root", closed, closed},
        {"--db", closed, closed},
        {"--set", log, closed},
        {"-c", config, config},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const arguments[] = {
            "--listen",  "127.0.0.1:0", "--set", "server.user=" USER,
            cases[i][0], cases[i][1],   NULL};
        life_expect_mistake(stage,
                            &(struct server_options){.arguments = arguments},
                            cases[i][2]);
    }
}

static void no_such_account(const struct stage_differences *stage)
{
    static const char *const settings[] = {"server.user=no-such-user",
                                           "server.group=no-such-group"};
    for (size_t i = 0; i < 2; i++) {
        const char *const arguments[] = {"--set", settings[i], NULL};
        life_expect_mistake(stage,
                            &(struct server_options){.arguments = arguments},
                            strchr(settings[i], '=') + 1);
    }
}

/* What the log says of the user, with these settings. */
static void expect_said(const struct stage_differences *stage,
                        const struct server_options *options,
                        const char *const *arguments, const char *words,
                        bool said)
{
    struct bytes output = {0};
    struct server *server = life_start(stage, options, arguments);
    life_answers(server);
    server_output(server, &output);
    if ((strstr(output.data, words) != NULL) != said) {
        bytes_show("printed", output.data, output.length);
        fail_msg("%s: %s", words, said ? "not said" : "said");
    }
    bytes_free(&output);
    server_stop(server);
}

static void says_who_serves(const struct stage_differences *stage)
{
    char databases[700];
    if (!may_drop())
        return;
    static const struct server_options none;
    mkdir(path_in_work(databases, "root-db", stage), 0755);
    expect_said(stage, &none, (const char *const[]){NULL}, "serves as root",
                true);
    expect_said(stage, &none,
                (const char *const[]){"--set", "server.user=root", NULL},
                "serves as root", false);
    expect_said(stage, &(struct server_options){.databases = databases},
                (const char *const[]){"--set", "server.user=" USER, NULL},
                "may not write in", true);
    /* Was said only to whom [server] user had made one. */
    expect_said(
        stage,
        &(struct server_options){.databases = databases, .as_nobody = true},
        (const char *const[]){NULL}, "may not write in", true);
    expect_said(stage, &(struct server_options){.as_nobody = true},
                (const char *const[]){"--set", "server.user=daemon", NULL},
                "has no effect", true);
}

/* Threads that were started before the filter had none. */
static void every_thread_is_filtered(const struct stage_differences *stage)
{
    pid_t threads[THREADS_MAX];
    if (suite.slow) /* what watches a server makes calls of its own */
        return;
    struct server *server = LIFE_START(stage, "--set", "server.seccomp=on");
    life_answers(server);
    size_t count = server_threads(server, threads);
    for (size_t i = 0; i < count; i++) {
        char line[200];
        const struct server thread = {.pid = threads[i]};
        status_line(&thread, "Seccomp:", line);
        assert_string_equal(line, "Seccomp:\t2\n");
    }
    server_stop(server);
}

const struct life life_privileges[] = {
    {"started as root it becomes the user for good", gives_up_root},
    {"it takes the group that is named", takes_a_group},
    {"what it writes as a user is that user's", works_as_the_user},
    {"what the user may not open is one line", what_the_user_may_not},
    {"a user that does not exist is one line", no_such_account},
    {"it says when it serves as root", says_who_serves},
    {"the filter of system calls is every thread's", every_thread_is_filtered},
    {NULL, NULL},
};
