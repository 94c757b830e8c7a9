/* life_process.c - starting, signals, logs, and files that change or cannot be
 * read. Pitfalls 14 and 15. */
#include "life.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* SIGTERM lets what is under way finish. */
static void stop_finishes(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096", "--set",
                   "server.stop_seconds=600");
    struct client *client = life_stalled_download(server);
    kill(server->pid, SIGTERM);
    life_expect_big(client);
    life_expect_close(client);
    assert_int_equal(server_wait(server), 0);
}

/* Clients were let into the kernel's queue, to wait there for nothing, and a
 * new server could not have the address until the old one had gone. */
static void stop_refuses(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096", "--set",
                   "server.stop_seconds=600");
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", server->port);
    struct client *client = life_stalled_download(server);
    kill(server->pid, SIGTERM);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    bool refused = false;
    while (!refused) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        refused = connect(fd, (struct sockaddr *)&to, sizeof to) < 0;
        close(fd);
        if (suite_now_ms() > limit)
            fail_msg("clients are still let in");
    }
    struct server *next = server_start(
        stage->number, &(struct server_options){.listen = address});
    life_answers(next);
    server_stop(next);
    life_expect_big(client);
    life_expect_close(client);
    assert_int_equal(server_wait(server), 0);
}

/* What lies in a socket when the signal comes is answered, not reset. */
static void stop_answers_all(const struct stage_differences *stage)
{
    enum { CLIENTS = 50 };
    struct client *clients[CLIENTS];
    size_t count = stage->answers_others ? CLIENTS : 1;
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=600");
    for (size_t i = 0; i < count; i++) {
        clients[i] = life_say(server, HELLO);
        life_expect_hello(clients[i]);
    }
    for (size_t i = 0; i < count; i++)
        client_say(clients[i], HELLO);
    kill(server->pid, SIGTERM);
    for (size_t i = 0; i < count; i++) {
        life_expect_hello(clients[i]);
        life_expect_close(clients[i]);
        client_close(clients[i]);
    }
    assert_int_equal(server_wait(server), 0);
}

/* Several acceptors, of whom one at a time waits in accept; a stop has to reach
 * those who wait for the mutex too. */
static void acceptors_share_a_mutex(const struct stage_differences *stage)
{
    if (!stage->databases_side_by_side)
        return;
    struct server *server = LIFE_START(stage, "--set", "pool.acceptors=3",
                                       "--set", "pool.accept_mutex=on");
    for (int i = 0; i < 20; i++)
        life_answers(server);
    server_stop(server);
}

/* Pitfall 15: a second SIGTERM does not wait for anybody. */
static void second_stop(const struct stage_differences *stage)
{
    /* It joins no thread either, on purpose. */
    setenv("TSAN_OPTIONS", "report_thread_leaks=0", 1);
    struct server *server = LIFE_START(
        stage, "--set", "connection.send_buffer_bytes=4096", "--set",
        "connection.send_seconds=600", "--set", "server.stop_seconds=600");
    unsetenv("TSAN_OPTIONS");
    life_stalled_download(server);
    kill(server->pid, SIGTERM);
    kill(server->pid, SIGTERM);
    /* Two that are pending at once are one: send until it has gone. */
    siginfo_t gone = {0};
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (waitid(P_PID, (id_t)server->pid, &gone,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
           gone.si_pid == 0) {
        if (suite_now_ms() > limit)
            fail_msg("a second SIGTERM does not end it");
        kill(server->pid, SIGTERM);
    }
    assert_int_not_equal(server_wait(server), 0);
}

/* After stop_seconds it ends, whoever is still there. */
static void stop_has_an_end(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(
        stage, "--set", "connection.send_buffer_bytes=4096", "--set",
        "connection.send_seconds=600", "--set", "server.stop_seconds=1");
    life_stalled_download(server);
    kill(server->pid, SIGTERM);
    assert_int_equal(server_wait(server), 0);
}

/* Idle connections do not hold a stop up. */
static void stop_with_idle_clients(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START(stage, "--set", "connection.keepalive_seconds=600", "--set",
                   "server.stop_seconds=600");
    struct client *client = life_say(server, HELLO);
    life_expect_hello(client);
    client_open(server->port);
    server_stop(server);
    life_expect_close(client);
}

static void expect_mistake(const struct stage_differences *stage,
                           const char *const *arguments, const char *has)
{
    life_expect_mistake(stage, &(struct server_options){.arguments = arguments},
                        has);
}

static void mistakes(const struct stage_differences *stage)
{
    expect_mistake(stage, (const char *const[]){"--root", "/no/such", NULL},
                   "/no/such");
    expect_mistake(stage, (const char *const[]){"--db", "/no/such", NULL},
                   "/no/such");
    expect_mistake(stage, (const char *const[]){"-c", "/no/such.ini", NULL},
                   "/no/such.ini");
    expect_mistake(stage, (const char *const[]){"--nonsense", NULL},
                   "--nonsense");
    expect_mistake(stage,
                   (const char *const[]){"--set", "files.nonsense=1", NULL},
                   "nonsense");
    expect_mistake(stage,
                   (const char *const[]){"--set", "limits.head_bytes=-1", NULL},
                   "head_bytes");
    expect_mistake(stage, (const char *const[]){"--rule", "perhaps * /", NULL},
                   "perhaps");
    expect_mistake(stage, (const char *const[]){"--listen", "nowhere", NULL},
                   "nowhere");
    /* Whoever was named last was taken to be the sender. */
    expect_mistake(stage,
                   (const char *const[]){"--token", "bob:abc", "--token",
                                         "eve:abc", "--check", NULL},
                   "--token: the token of eve is that of bob too");
    expect_mistake(stage, (const char *const[]){"-c", "/tmp", NULL},
                   "-c: /tmp is a directory; name a file");
    expect_mistake(stage,
                   (const char *const[]){"--trace", "/no/such", "--listen",
                                         "127.0.0.1:0", NULL},
                   "--trace: cannot write /no/such: No such file or directory; "
                   "name another");
}

static void port_in_use(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(stage, "--set", "server.access_log=off");
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", server->port);
    expect_mistake(
        stage,
        (const char *const[]){"--listen", address, "--root", suite.root, NULL},
        address);
    life_answers(server);
    server_stop(server);
}

static void checks_and_help(const struct stage_differences *stage)
{
    char path[640], bad[640], where[32];
    snprintf(path, sizeof path, "%s/right.ini", suite.work);
    snprintf(bad, sizeof bad, "%s/wrong.ini", suite.work);
    snprintf(where, sizeof where, "wrong.ini:3:");
    fixture_write(path, "[files]\nlisting = on\n", 21);
    fixture_write(bad, "[files]\nlisting = on\nlisten = 1\n", 32);
    struct bytes output = {0};
    assert_int_equal(
        server_run_once(stage->number,
                        (const char *const[]){"-c", path, "--check", NULL},
                        &output),
        0);
    assert_int_equal(life_lines(&output), 1);
    expect_mistake(stage, (const char *const[]){"-c", bad, "--check", NULL},
                   where);
    bytes_free(&output);
    assert_int_equal(server_run_once(stage->number,
                                     (const char *const[]){"--help", NULL},
                                     &output),
                     0);
    assert_non_null(strstr(output.data, "--listen"));
    bytes_free(&output);
    assert_int_equal(server_run_once(stage->number,
                                     (const char *const[]){"--version", NULL},
                                     &output),
                     0);
    assert_int_equal(life_lines(&output), 1);
    bytes_free(&output);
}

/* Whoever forgot --root got 404 for everything, and no word why. */
static void says_that_it_has_nothing(const struct stage_differences *stage)
{
    struct bytes output = {0};
    struct server *server =
        server_start(stage->number, &(struct server_options){.root = ""});
    server_output(server, &output);
    assert_non_null(strstr(output.data, "serves neither files nor databases"));
    bytes_free(&output);
    server_stop(server);
}

static void read_whole(const char *path, struct bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && (n = read(fd, bytes_room(out, 4096), 4096)) > 0)
        out->length += (size_t)n;
    if (fd >= 0)
        close(fd);
    bytes_add(out, "", 0);
}

/* SIGHUP takes new rules and lets go of a log that was moved. */
static void hang_up(const struct stage_differences *stage)
{
    char config[640], log[640], moved[660];
    snprintf(config, sizeof config, "%s/hup-%d.ini", suite.work, stage->number);
    snprintf(log, sizeof log, "%s/hup-%d.log", suite.work, stage->number);
    snprintf(moved, sizeof moved, "%s.1", log);
    struct bytes text = {0};
    bytes_print(&text, "[server]\naccess_log = %s\n", log);
    fixture_write(config, text.data, text.length);
    bytes_print(&text, "[files]\nrule = deny * /letters.txt\n");

    const char *const arguments[] = {"-c", config, NULL};
    struct server *server = server_start(
        stage->number, &(struct server_options){.arguments = arguments});
    struct answer answer = {0};
    /* The end of the connection tells that the line has been made. */
    struct client *client =
        life_say(server, "GET /letters.txt HTTP/1.1\r\nHost: a\r\n"
                         "Connection: close\r\n\r\n");
    life_expect(client, 200);
    life_expect_close(client);
    client_close(client);
    fixture_write(config, text.data, text.length);
    rename(log, moved);
    kill(server->pid, SIGHUP);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (client_get(server->port, "/letters.txt", &answer) != 403)
        if (suite_now_ms() > limit)
            fail_msg("SIGHUP has changed no rule");
    /* A file that is wrong changes nothing. */
    fixture_write(config, "[nonsense]\n", 11);
    kill(server->pid, SIGHUP);
    assert_int_equal(client_get(server->port, "/letters.txt", &answer), 403);
    assert_int_equal(client_get(server->port, "/small.txt", &answer), 200);
    answer_free(&answer);
    server_stop(server);
    bytes_free(&text);
    read_whole(log, &text);
    assert_non_null(strstr(text.data, "\"GET /letters.txt HTTP/1.1\" 403 "));
    bytes_free(&text);
    read_whole(moved, &text);
    assert_non_null(strstr(text.data, "\"GET /letters.txt HTTP/1.1\" 200 26 "));
    bytes_free(&text);
}

/* The combined format; what a client sends cannot forge a line. */
static void access_log(const struct stage_differences *stage)
{
    char log[640], setting[700];
    snprintf(log, sizeof log, "%s/access-%d.log", suite.work, stage->number);
    snprintf(setting, sizeof setting, "server.access_log=%s", log);
    struct server *server =
        LIFE_START(stage, "--set", setting, "--token", "robot:tokentoken");
    struct client *client =
        life_say(server, HELLO
                 "GET /none?x HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\n"
                 "User-Agent: x\" 200 1 \"\r\n\r\n"
                 "HEAD /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n"
                 "Authorization: Bearer tokentoken\r\n\r\n"
                 "BAD\x1b[2J\r\n\r\n");
    client_read_to_end(client);
    server_stop(server);
    struct bytes text = {0};
    read_whole(log, &text);
    assert_int_equal(life_lines(&text), 4);
    assert_int_equal(strncmp(text.data, "127.0.0.1 - - [", 15), 0);
    assert_non_null(
        strstr(text.data, "] \"GET /small.txt HTTP/1.1\" 200 6 \"-\" \"-\"\n"));
    assert_non_null(strstr(text.data, "] \"GET /none?x HTTP/1.1\" 404 "));
    assert_non_null(strstr(text.data, " \"http://r/\" \"x"));
    assert_null(strstr(text.data, "x\" 200 1"));
    assert_non_null(strstr(text.data, "\"HEAD /small.txt HTTP/1.0\" 200 0 "));
    assert_null(strchr(text.data, '\x1b'));
    bytes_free(&text);
}

/* Pitfall 14: a file that shrinks while it is sent. The promise cannot be
 * kept, so the connection ends short. */
static void shrinking_file(const struct stage_differences *stage)
{
    char path[700];
    snprintf(path, sizeof path, "%s/shrinks.bin", suite.root);
    struct bytes data = {0};
    memset(bytes_room(&data, 5000000), 'x', 5000000);
    fixture_write(path, data.data, 5000000);
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096");
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, "GET /shrinks.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    char first;
    assert_int_equal(client_receive(client, &first, 1), 1);
    bytes_add(&client->in, &first, 1);
    assert_int_equal(truncate(path, 100000), 0);
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_BROKEN);
    answer_free(&answer);
    client_close(client);
    life_answers(server);
    server_stop(server);
    unlink(path);
    bytes_free(&data);
}

/* A file that is replaced while it is sent stays the old one. */
static void replaced_file(const struct stage_differences *stage)
{
    char path[700];
    snprintf(path, sizeof path, "%s/put/long.bin", suite.root);
    struct bytes data = {0};
    memset(bytes_room(&data, 3000000), 'o', 3000000);
    fixture_write(path, data.data, 3000000);
    struct server *server =
        LIFE_START(stage, "--set", "connection.send_buffer_bytes=4096");
    struct client *client = client_open_small(server->port, 4096);
    client_say(client, "GET /put/long.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    char first;
    assert_int_equal(client_receive(client, &first, 1), 1);
    bytes_add(&client->in, &first, 1);
    if (stage->answers_others) {
        struct client *writer =
            life_say(server, "PUT /put/long.bin HTTP/1.1\r\nHost: a\r\n"
                             "Content-Length: 3\r\n\r\nnew");
        life_expect(writer, 204);
    }
    struct answer answer = {0};
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.body.length, 3000000);
    assert_null(memchr(answer.body.data, 'n', answer.body.length));
    answer_free(&answer);
    server_stop(server);
    unlink(path);
    bytes_free(&data);
}

/* Can nobody run the servers from where they are? */
static bool nobody_can_run(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char binary[700];
        snprintf(binary, sizeof binary, "%s/fivefold-%d", suite.servers,
                 suite.stages[0]->number);
        if (geteuid() == 0 &&
            (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
            _exit(1);
        _exit(access(binary, X_OK) == 0 ? 0 : 1);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Pitfall 14: what the server may not read is 403, not a crash or a 404. */
static void unreadable(const struct stage_differences *stage)
{
    char file[700], directory[700];
    if (!nobody_can_run()) {
        print_message("the servers lie where nobody may go: skipped\n");
        return;
    }
    snprintf(file, sizeof file, "%s/unreadable.txt", suite.root);
    snprintf(directory, sizeof directory, "%s/closed", suite.root);
    fixture_write(file, "x", 1);
    chmod(file, 0);
    mkdir(directory, 0);
    const char *const arguments[] = {"--set", "files.listing=on", NULL};
    struct server *server = life_start(
        stage, &(struct server_options){.as_nobody = true}, arguments);
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/unreadable.txt", &answer), 403);
    assert_int_equal(client_get(server->port, "/closed/", &answer), 403);
    assert_int_equal(client_get(server->port, "/closed/x", &answer), 403);
    answer_free(&answer);
    struct client *client =
        life_say(server, "PUT /nobody/x HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 1\r\n\r\nx");
    life_expect(client, 403);
    server_stop(server);
    unlink(file);
    rmdir(directory);
}

/* With stderr closed, the first file opened became it: what the server said
 * went into that file, or to a client. */
static void closed_streams(const struct stage_differences *stage)
{
    const char *const arguments[] = {"--set", "server.access_log=off", NULL};
    if (getenv("WRAP")) /* what stands in front wants its streams */
        return;
    struct server *server = life_start(
        stage, &(struct server_options){.closed_streams = true}, arguments);
    for (int fd = 0; fd < 3; fd++) {
        char link[64], target[64] = "";
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)server->pid, fd);
        assert_true(readlink(link, target, sizeof target - 1) > 0);
        assert_string_equal(target, "/dev/null");
    }
    life_answers(server);
    server_stop(server);
}

/* A limit on the size of files is a disk that is full for this one. It was 500.
 */
static void file_too_large(const struct stage_differences *stage)
{
    struct server *server =
        life_start(stage, &(struct server_options){.file_bytes = 100000},
                   (const char *const[]){"--set", "files.listing=on", NULL});
    struct bytes request = {0};
    bytes_print(&request, "PUT /put/large.bin HTTP/1.1\r\nHost: a\r\n"
                          "Content-Length: 200000\r\n\r\n");
    memset(bytes_room(&request, 200000), 'x', 200000);
    request.length += 200000;
    struct client *client = client_open(server->port);
    client_send(client, request.data, request.length);
    life_expect(client, 507);
    client_close(client);
    bytes_free(&request);
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/put/large.bin", &answer), 404);
    answer_free(&answer);
    server_stop(server);
}

/* Bug: "every address" meant those of IPv4. */
static void both_versions(const struct stage_differences *stage)
{
    static const char *const addresses[] = {"*:0", "[::]:0"};
    for (size_t i = 0; i < 2; i++) {
        if (!life_has_v6())
            return;
        const char *const arguments[] = {"--set", "server.access_log=-",
                                         "--set", "server.names=*", NULL};
        struct server *server = life_start(
            stage, &(struct server_options){.listen = addresses[i]}, arguments);
        struct client *client = client_open_v6(server->port);
        assert_non_null(client);
        client_say(client, HELLO_CLOSE);
        life_expect_hello(client);
        /* A client of IPv4 is one, for the log and for rules. The log is
         * written now and then. */
        struct bytes output = {0};
        uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
        do {
            life_answers(server); /* by IPv4 */
            bytes_free(&output);
            server_output(server, &output);
            if (suite_now_ms() > limit)
                fail_msg("%s", output.data);
        } while (strstr(output.data, "\n127.0.0.1 ") == NULL ||
                 strstr(output.data, "\n::1 ") == NULL);
        assert_null(strstr(output.data, "::ffff:"));
        bytes_free(&output);
        server_stop(server);
    }
}

static void version_six(const struct stage_differences *stage)
{
    if (!life_has_v6())
        return;
    const char *const arguments[] = {"--set", "server.access_log=-", NULL};
    struct server *server = life_start(
        stage, &(struct server_options){.listen = "[::1]:0"}, arguments);
    struct client *client = client_open_v6(server->port);
    assert_non_null(client);
    client_say(client, HELLO_CLOSE);
    life_expect_hello(client);
    life_expect_close(client);
    struct bytes output = {0};
    server_output(server, &output);
    assert_non_null(strstr(output.data, "http://[::1]:"));
    bytes_free(&output);
    server_stop(server);
}

/* The server's own figures, and that they add up. */
static void figures(const struct stage_differences *stage)
{
    struct server *server = LIFE_START(stage, "--set", "server.access_log=off");
    for (int i = 0; i < 10; i++)
        life_answers(server);
    struct answer answer = {0};
    assert_int_equal(client_get(server->port, "/-/stats", &answer), 200);
    assert_int_equal(answer.body.data[0], '{');
    assert_non_null(strstr(answer.body.data, "\"accepted\""));
    assert_int_equal(client_get(server->port, "/-/metrics", &answer), 200);
    assert_non_null(strstr(answer.body.data, "# TYPE "));
    assert_int_equal(client_get(server->port, "/-/", &answer), 200);
    answer_free(&answer);
    server_stop(server);
}

/* A stream that is left alone is rolled back, and says so. */
static void stream_expires(const struct stage_differences *stage)
{
    struct server *server =
        LIFE_START_SQL(stage, "idle", "--set", "sqlite.stream_idle_seconds=1");
    static const char begin[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN "
        "IMMEDIATE\"}}]}";
    struct bytes request = {0};
    struct answer answer = {0};
    bytes_print(&request,
                "POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                sizeof begin - 1, begin);
    struct client *client = life_say(server, request.data);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    client_close(client);
    char *baton = strstr(answer.body.data, "\"baton\":\"");
    assert_non_null(baton);
    char value[128];
    snprintf(value, sizeof value, "%.*s", (int)strcspn(baton + 9, "\""),
             baton + 9);
    /* Another writer gets in as soon as it has expired. */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        client = life_say(server, request.data);
        assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
        client_close(client);
        if (suite_now_ms() > limit)
            fail_msg("the stream does not expire");
    } while (strstr(answer.body.data, "SQLITE_BUSY"));
    char body[256];
    int n = snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[]}",
                     value);
    bytes_free(&request);
    bytes_print(&request,
                "POST /db/t/v2/pipeline HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                n, body);
    client = life_say(server, request.data);
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body.data, "STREAM_EXPIRED"));
    answer_free(&answer);
    bytes_free(&request);
    server_stop(server);
}

/* A server with a configuration of its own, which the test changes, a log, and
 * a client that it has for as long as it likes. */
struct reloading {
    char config[640], log[640];
    struct server *server;
    struct client *client;
};

static void reloading_write(const struct reloading *r, const char *rule)
{
    struct bytes text = {0};
    bytes_print(&text,
                "[server]\naccess_log = %s\n[connection]\n"
                "keepalive_seconds = 600\nturn_seconds = 600\n"
                "keepalive_requests = 1000000000\n[files]\n%s",
                r->log, rule);
    fixture_write(r->config, text.data, text.length);
    bytes_free(&text);
}

static unsigned reloading_ask(const struct reloading *r, const char *path)
{
    struct answer answer = {0};
    char request[200];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
             path);
    client_say(r->client, request);
    assert_int_equal(client_read(r->client, false, &answer), GOT_ANSWER);
    unsigned status = answer.status;
    answer_free(&answer);
    return status;
}

static void reloading_start(struct reloading *r,
                            const struct stage_differences *stage)
{
    snprintf(r->config, sizeof r->config, "%s/reload-%d.ini", suite.work,
             stage->number);
    snprintf(r->log, sizeof r->log, "%s/reload-%d.log", suite.work,
             stage->number);
    reloading_write(r, "");
    const char *const arguments[] = {"-c", r->config, NULL};
    r->server = server_start(stage->number,
                             &(struct server_options){.arguments = arguments});
    r->client = client_open(r->server->port);
    assert_int_equal(reloading_ask(r, "/letters.txt"), 200);
}

static void reloading_wait_rule(const struct reloading *r)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (reloading_ask(r, "/letters.txt") != 403)
        if (suite_now_ms() > limit)
            fail_msg("the rule that was there before holds");
}

/* A worker that opens a file for the client may be faster than the reload. */
static void reloading_wait_log(const struct reloading *r)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (access(r->log, F_OK) < 0)
        if (suite_now_ms() > limit)
            fail_msg("the log is not opened again");
}

/* How often the error log has that by now. */
static size_t reloading_said(const struct reloading *r, const char *words)
{
    struct bytes output = {0};
    size_t count = 0;
    server_output(r->server, &output);
    bytes_add(&output, "", 1);
    for (const char *at = output.data; (at = strstr(at, words)); at++)
        count++;
    bytes_free(&output);
    return count;
}

static bool descriptors_are_our_own(void)
{
    if (suite.slow)
        print_message("valgrind keeps descriptors of its own: skipped\n");
    return !suite.slow;
}

/* Bug: clients that held all descriptors kept the rules that were to shut them
 * out. */
static void
hang_up_with_the_last_descriptor(const struct stage_differences *stage)
{
    struct reloading r;
    if (!descriptors_are_our_own())
        return;
    reloading_start(&r, stage);
    reloading_write(&r, "rule = deny * /letters.txt\n");
    unlink(r.log);
    /* A thread may have had one open while we looked. */
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    do {
        assert_true(suite_now_ms() < limit);
        server_limit_descriptors(r.server, server_free_descriptor(r.server));
    } while (reloading_ask(&r, "/style.css") != 503);
    kill(r.server->pid, SIGHUP);
    reloading_wait_rule(&r);
    reloading_wait_log(&r);
    server_limit_descriptors(r.server, 0);
    assert_int_equal(reloading_ask(&r, "/style.css"), 200);
    server_stop(r.server);
}

/* Bug: what SIGHUP could not read just then was not read at all. */
static void hang_up_tries_again(const struct stage_differences *stage)
{
    static const char told[] = "which is tried each second",
                      at_last[] = "rules and users read at last";
    enum { FEW = 5 }; /* nothing can be opened: these are in use */
    struct reloading r;
    if (!descriptors_are_our_own())
        return;
    reloading_start(&r, stage);
    reloading_write(&r, "rule = deny * /letters.txt\n");
    unlink(r.log);
    server_limit_descriptors(r.server, FEW);
    kill(r.server->pid, SIGHUP);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (reloading_said(&r, told) == 0)
        if (suite_now_ms() > limit)
            fail_msg("the error log does not tell");
    assert_int_not_equal(reloading_ask(&r, "/letters.txt"), 403);
    server_limit_descriptors(r.server, 0);
    reloading_wait_rule(&r);
    reloading_wait_log(&r);
    while (reloading_said(&r, at_last) == 0)
        if (suite_now_ms() > limit)
            fail_msg("the error log does not tell that it works");
    assert_int_equal(reloading_said(&r, told), 1);
    assert_int_equal(reloading_said(&r, at_last), 1);
    server_stop(r.server);
}

const struct life life_process[] = {
    {"SIGTERM finishes a download and exits 0", stop_finishes},
    {"a stopping server gives its address up", stop_refuses},
    {"SIGTERM answers every request that has come", stop_answers_all},
    {"acceptors that share a mutex", acceptors_share_a_mutex},
    {"a second SIGTERM exits at once", second_stop},
    {"a graceful stop has an end", stop_has_an_end},
    {"idle clients do not hold a stop up", stop_with_idle_clients},
    {"a mistake in the settings is one line", mistakes},
    {"a port in use is one line", port_in_use},
    {"--check, --help and --version", checks_and_help},
    {"it says when it has nothing to serve", says_that_it_has_nothing},
    {"SIGHUP rereads rules and reopens logs", hang_up},
    {"SIGHUP without descriptors takes the rules",
     hang_up_with_the_last_descriptor},
    {"SIGHUP that could not read tries again", hang_up_tries_again},
    {"the access log has a line for each request", access_log},
    {"a file that shrinks ends the connection short", shrinking_file},
    {"a file that is replaced stays the old one for its reader", replaced_file},
    {"what cannot be read is 403", unreadable},
    {"a closed stderr is not taken by a file", closed_streams},
    {"a file larger than the limit is 507", file_too_large},
    {"it listens on IPv6", version_six},
    {"every address is one of either version", both_versions},
    {"it tells its figures", figures},
    {"a stream left alone expires", stream_expires},
    {NULL, NULL},
};
