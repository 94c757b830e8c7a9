/* life_passwords.c - what checking passwords may take of a server, and what it
 * remembers. */
#include "figures.h"
#include "life.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* SHA-512 of "right": some 25 ms of one core. */
#define SOME_MS                                                                \
    "u:$6$rounds=100000$saltsalt$Eht6kFoEapisZc1YzR5WjWSnWlWIi6D1zT1Q7UQurzi6" \
    "o4MRBZbfJt5TCZ75XiVLl7sbkQKh/hv20fm4IMGPx0\n"
/* Nobody's password; a check of it takes minutes. */
#define ENDLESS                                                                \
    "u:$6$rounds=999999999$saltsalt$Eht6kFoEapisZc1YzR5WjWSnWlWIi6D1zT1Q7UQu"  \
    "rzi6o4MRBZbfJt5TCZ75XiVLl7sbkQKh/hv20fm4IMGPx0\n"

#define RIGHT                                                                  \
    "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"              \
    "Authorization: Basic dTpyaWdodA==\r\n\r\n"
#define WRONG                                                                  \
    "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"              \
    "Authorization: Basic dTp3cm9uZw==\r\n\r\n"

static struct server *start(const struct stage_differences *stage,
                            const char *users, const char *more,
                            const char *more2)
{
    char htpasswd[700];
    snprintf(htpasswd, sizeof htpasswd, "users.htpasswd=%s/passwords",
             suite.work);
    fixture_write(strchr(htpasswd, '=') + 1, users, strlen(users));
    return LIFE_START(stage, "--set", htpasswd, "--token", "t:a-token", "--set",
                      more, "--set", more2);
}

/* Takes client. */
static unsigned status_of(struct client *client)
{
    struct answer answer = {0};
    char after[20];
    assert_int_equal(client_read(client, false, &answer), GOT_ANSWER);
    unsigned status = answer.status;
    if (status == 503 || status == 429)
        assert_true(answer_field(&answer, "Retry-After", after, sizeof after));
    answer_free(&answer);
    client_close(client);
    return status;
}

/* Bug: each was checked, whoever asked and whatever it took. Here they would
 * take a second of one core, which is what an address may have in sixteen. */
static void wrong_ones_are_bounded(const struct stage_differences *stage)
{
    enum { ASKED = 40 };
    struct client *clients[ASKED];
    json_int_t wrong = 0, refused = 0;
    struct server *server =
        start(stage, SOME_MS, "pool.work=1", "files.workers=1");
    assert_int_equal(status_of(life_say(server, RIGHT)), 200);
    for (size_t i = 0; i < ASKED; i++)
        clients[i] = life_say(server, WRONG);
    for (size_t i = 0; i < ASKED; i++) {
        unsigned status = status_of(clients[i]);
        if (status == 401)
            wrong++;
        else if (status == 429 || status == 503)
            refused++;
        else
            fail_msg("%u", status);
    }
    assert_true(wrong > 0);
    assert_true(refused > 0);
    /* The right one is known, and who needs no password is asked for none. */
    assert_int_equal(status_of(life_say(server, RIGHT)), 200);
    life_answers(server);
    assert_int_equal(figures_counter(server, "passwords", "checked"),
                     wrong + 1);
    assert_int_equal(figures_counter(server, "passwords", "wrong"), wrong);
    assert_int_equal(figures_counter(server, "passwords", "refused") +
                         figures_counter(server, "passwords", "limited"),
                     refused);
    server_stop(server);
}

/* Bug: wrong passwords had all threads that answer, and others waited. Here
 * one check has no end, so that the order in which requests come to the
 * threads, and their speed, say nothing. */
static void some_threads_are_left(const struct stage_differences *stage)
{
    enum { ASKED = 4 };
    struct client *clients[ASKED];
    struct pollfd watch[ASKED];
    if (!stage->databases_side_by_side)
        return; /* one thread: it checks one, see above */
    struct server *server =
        start(stage, ENDLESS, "pool.work=2", "files.workers=2");
    for (size_t i = 0; i < ASKED; i++) {
        char request[200];
        snprintf(request, sizeof request,
                 "GET /%zu HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                 "Authorization: Basic dTp3cm9uZw==\r\n\r\n",
                 i);
        clients[i] = life_say(server, request);
        watch[i] = (struct pollfd){.fd = clients[i]->fd, .events = POLLIN};
    }
    for (size_t refused = 0; refused < ASKED - 1;) {
        assert_true(poll(watch, ASKED, client_limit_ms()) > 0);
        for (size_t i = 0; i < ASKED; i++)
            if (watch[i].revents != 0) {
                assert_int_equal(status_of(clients[i]), 503);
                watch[i].fd = -1;
                refused++;
            }
    }
    /* Credentials go to the same threads, even those that cost nothing. */
    life_expect_hello(life_say(server,
                               "GET /small.txt HTTP/1.1\r\nHost: a\r\n"
                               "Authorization: Bearer a-token\r\n\r\n"));
    /* One of the two threads is at it still. */
    assert_int_equal(poll(watch, ASKED, 0), 0);
    kill(server->pid, SIGKILL);
    assert_int_equal(server_wait(server), 128 + SIGKILL);
}

/* Who sends a password with each request pays for it once. */
static void right_ones_are_remembered(const struct stage_differences *stage)
{
    struct server *server = start(stage, SOME_MS, "limits.password_percent=100",
                                  "server.access_log=off");
    for (json_int_t i = 0; i < 3; i++) {
        assert_int_equal(status_of(life_say(server, RIGHT)), 200);
        assert_int_equal(figures_counter(server, "passwords", "remembered"), i);
    }
    assert_int_equal(figures_counter(server, "passwords", "checked"), 1);
    assert_int_equal(status_of(life_say(server, WRONG)), 401);
    /* What is new after SIGHUP is not known from before. */
    kill(server->pid, SIGHUP);
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (figures_counter(server, "passwords", "checked") < 3) {
        if (suite_now_ms() > limit)
            fail_msg("SIGHUP has forgotten nothing");
        assert_int_equal(status_of(life_say(server, RIGHT)), 200);
    }
    server_stop(server);
}

const struct life life_passwords[] = {
    {"wrong passwords take a share of the time", wrong_ones_are_bounded},
    {"wrong passwords leave some threads to others", some_threads_are_left},
    {"a right password is checked once, until SIGHUP",
     right_ones_are_remembered},
    {NULL, NULL},
};
