/* test_conn.c - the connection as a state machine, over a socket pair.
 *
 * The answers come from this file (the answer_ functions are defined
 * here, so that the library's are not linked): what is tested is what conn
 * does with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conn/internal.h"
#include "conn/answer.h"
#include "core/access_log.h"
#include "report/log.h"
#include "core/server.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    struct settings settings;
    struct server server;
    struct conn *conn; /* NULL once closed */
    int client;        /* the other end; non-blocking */
    int file;          /* of /file: FILE_BYTES */
    unsigned sources_closed;
    uint64_t logged_bytes;
};

static struct fixture *the;

enum { FILE_BYTES = 300000, SOURCE_PIECES = 3 };

/* What the library would call. */

static int source_more(void *state, struct message_buffer *out)
{
    int *left = state;
    if (*left == 0)
        return -1;
    (*left)--;
    buffer_printf(out, "piece %d;", *left);
    return *left > 0;
}

static void source_close(void *state)
{
    free(state);
    the->sources_closed++;
}

static const struct response_source source = {source_more, source_close};

bool answer_route(struct exchange *exchange)
{
    (void)exchange;
    return false;
}

enum answer_next answer_begin(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    struct text path = http_text(&exchange->request, exchange->request.path);
    response->status = 200;
    if (text_equal(path, TEXT("/echo"))) {
        exchange->body_max = 100000;
        return ANSWER_WANT_BODY;
    }
    if (text_equal(path, TEXT("/file"))) {
        response->file_fd = dup(the->file);
        buffer_append_text(&response->memory, TEXT("<>"));
        response_segment(response, (struct segment){false, 0, 1});
        response_segment(response, (struct segment){true, 0, FILE_BYTES});
        response_segment(response, (struct segment){false, 1, 1});
    } else if (text_equal(path, TEXT("/source")) ||
               text_equal(path, TEXT("/broken"))) {
        int *left = malloc(sizeof *left);
        *left = path.data[1] == 's' ? SOURCE_PIECES : 0;
        response->source = &source;
        response->source_state = left;
    } else {
        buffer_printf(&response->memory, "path %.*s", (int)path.length,
                      path.data);
    }
    return ANSWER_READY;
}

void answer_finish(struct exchange *exchange)
{
    exchange->response.status = 200;
    buffer_append_text(&exchange->response.memory, exchange->body);
}

void answer_error(struct exchange *exchange, unsigned status,
                  const char *detail)
{
    response_error(&exchange->response, status, detail);
}

void access_log_write(struct log *log, const struct exchange *exchange,
                      uint64_t body_bytes)
{
    (void)log;
    (void)exchange;
    the->logged_bytes = body_bytes;
}

void log_error(struct log *log, const char *format, ...)
{
    (void)log;
    (void)format;
}

/* The fixture. */

static int set_up(void **state)
{
    the = calloc(1, sizeof *the);
    the->settings = (struct settings){
        .keepalive_seconds = 15,
        .keepalive_requests = 1000,
        .head_seconds = 10,
        .body_seconds = 20,
        .send_seconds = 20,
        .linger_seconds = 2,
        .rate_min_bytes = 1024,
        .request_line_bytes = 8192,
        .head_bytes = 16384,
    };
    the->server.settings = &the->settings;
    char name[] = "/tmp/fivefold-conn-XXXXXX";
    the->file = mkstemp(name);
    unlink(name);
    char block[1000];
    memset(block, 'f', sizeof block);
    for (int i = 0; i < FILE_BYTES / 1000; i++)
        assert_int_equal(write(the->file, block, sizeof block), 1000);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
                     0);
    the->client = pair[1];
    struct peer peer = {0};
    the->conn = conn_open(&the->server, pair[0], &peer);
    *state = the;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->conn != NULL)
        conn_close(f->conn);
    close(f->client);
    close(f->file);
    free(f);
    stats_close();
    return 0;
}

static void say(struct fixture *f, const char *bytes)
{
    size_t length = strlen(bytes);
    assert_int_equal(send(f->client, bytes, length, MSG_NOSIGNAL), length);
}

/* One wake-up: what a single-threaded stage would do, which comes back without
 * an event for a turn that took long, as each does where all is slow. */
static enum conn_wish turn(struct fixture *f)
{
    enum conn_wish wish;
    do
        wish = conn_serve(f->conn);
    while (wish == CONN_WANT_TURN);
    if (wish == CONN_CLOSE) {
        conn_close(f->conn);
        f->conn = NULL;
    }
    return wish;
}

/* All that has arrived; the caller frees. */
static char *hear(struct fixture *f)
{
    size_t length = 0, room = 1024 * 1024;
    char *bytes = malloc(room);
    ssize_t n;
    while ((n = recv(f->client, bytes + length, room - length - 1, 0)) > 0)
        length += (size_t)n;
    bytes[length] = '\0';
    return bytes;
}

static void expect(struct fixture *f, const char *start, const char *end)
{
    char *got = hear(f);
    if (strncmp(got, start, strlen(start)) != 0)
        fail_msg("expected an answer with %s, got: %s", start, got);
    size_t length = strlen(got), tail = strlen(end);
    if (length < tail || strcmp(got + length - tail, end) != 0)
        fail_msg("expected an answer ending in %s, got: %s", end, got);
    free(got);
}

/* The tests. */

/* Pitfall 1: half a head must not hold the loop. */
static void half_a_head_gives_the_thread_back(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /a HTT");
    assert_int_equal(turn(f), CONN_WANT_READ);
    assert_int_equal(f->conn->deadline, DEADLINE_HEAD);
    say(f, "P/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    expect(f, "HTTP/1.1 200 OK\r\n", "\r\n\r\npath /a");
}

/* An idle connection must not keep the buffers of its last request. */
static void idle_connection_owns_no_buffers(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    assert_null(f->conn->turn);
    assert_null(f->conn->in.data);
    assert_null(f->conn->out.data);
    assert_int_equal(f->conn->deadline, DEADLINE_IDLE);
    assert_true(sizeof(struct conn) < 1024);
}

/* Requests that came together are answered in order, from one wake-up: the
 * kernel will not wake us again for bytes that we have read already. */
static void pipelined_requests_need_one_wakeup(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    char *got = hear(f);
    char *first = strstr(got, "path /1"), *second = strstr(got, "path /2"),
         *third = strstr(got, "path /3");
    assert_non_null(first);
    assert_true(first < second && second < third);
    free(got);
}

/* Pitfall 4: every byte of a large answer, through a reader that takes little
 * by little. */
static void reply_survives_reader_who_pauses(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    char *all = malloc(FILE_BYTES * 2);
    size_t length = 0;
    assert_int_equal(turn(f), CONN_WANT_WRITE);
    assert_int_equal(f->conn->state, WAITING_TO_SEND_BODY);
    while (f->conn->turn != NULL) {
        ssize_t n = recv(f->client, all + length, 5000, 0);
        if (n > 0)
            length += (size_t)n;
        turn(f);
        assert_non_null(f->conn);
    }
    ssize_t n;
    while ((n = recv(f->client, all + length, 5000, 0)) > 0)
        length += (size_t)n;
    all[length] = '\0';
    char *body = strstr(all, "\r\n\r\n") + 4;
    assert_int_equal(all + length - body, FILE_BYTES + 2);
    assert_int_equal(body[0], '<');
    assert_int_equal(body[FILE_BYTES + 1], '>');
    for (size_t i = 1; i <= FILE_BYTES; i++)
        assert_int_equal(body[i], 'f');
    assert_int_equal(f->logged_bytes, FILE_BYTES + 2);
    free(all);
}

/* Pitfall 14: a file that shrinks while it is sent. The promised length
 * cannot be kept, so the connection must end. */
static void shrunk_file_cuts_the_answer_off(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ftruncate(f->file, 1000), 0);
    say(f, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_CLOSE);
}

/* The source's pieces as chunks, and no chunk of length 0 but the last. */
static void source_is_sent_in_chunks(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /source HTTP/1.1\r\nHost: x\r\n\r\n");
    while (turn(f) == CONN_WANT_WRITE)
        ;
    expect(f, "HTTP/1.1 200 OK\r\n",
           "\r\n\r\n8\r\npiece 2;\r\n8\r\npiece 1;\r\n8\r\npiece 0;\r\n"
           "0\r\n\r\n");
    assert_int_equal(f->sources_closed, 1);
    assert_non_null(f->conn);
}

/* A request behind a source was parsed with the source's last piece, and then
 * nobody answered it: it hung, and its deadline was off. */
static void request_behind_a_source_is_answered(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /source HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /source HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    enum conn_wish wish;
    while ((wish = turn(f)) == CONN_WANT_WRITE)
        ;
    assert_int_equal(wish, CONN_WANT_READ);
    expect(f, "HTTP/1.1 200 OK\r\n", "\r\n\r\npath /a");
    assert_int_equal(f->sources_closed, 2);
}

/* HTTP/1.0 knows no chunks: the end of the connection is the end. */
static void source_for_old_client_ends_with_the_connection(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /source HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    enum conn_wish wish;
    while ((wish = turn(f)) == CONN_WANT_WRITE)
        ;
    assert_int_equal(wish, CONN_WANT_READ); /* lingers */
    assert_int_equal(f->conn->state, LINGERING);
    expect(f, "HTTP/1.1 200 OK\r\n", "\r\n\r\npiece 2;piece 1;piece 0;");
}

/* A source that fails must not look like one that has ended. */
static void failed_source_sends_no_last_chunk(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_CLOSE);
    char *got = hear(f);
    assert_null(strstr(got, "0\r\n\r\n"));
    free(got);
    assert_int_equal(f->sources_closed, 1);
}

/* A client that leaves in the middle: the source must be closed, once. */
static void source_is_closed_when_the_client_goes(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /source HTTP/1.1\r\nHost: x\r\n\r\n");
    close(f->client);
    while (turn(f) != CONN_CLOSE)
        ;
    assert_int_equal(f->sources_closed, 1);
    f->client = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* HEAD has the length of GET and not a byte more. */
static void head_has_no_body(void **state)
{
    struct fixture *f = *state;
    say(f, "HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    expect(f, "HTTP/1.1 200 OK\r\n", "Content-Length: 300002\r\n\r\n");
}

/* Cut anywhere, in a head or in a chunk, a body comes out the same. */
static void body_is_the_same_wherever_it_is_cut(void **state)
{
    struct fixture *f = *state;
    const char *whole = "POST /echo HTTP/1.1\r\nHost: x\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "4\r\nwiki\r\n5;a=b\r\npedia\r\n0\r\nT: x\r\n\r\n"
                        "POST /echo HTTP/1.1\r\nHost: x\r\n"
                        "Content-Length: 3\r\n\r\nend";
    for (size_t cut = 1; cut < strlen(whole); cut++) {
        assert_int_equal(send(f->client, whole, cut, MSG_NOSIGNAL), cut);
        turn(f);
        say(f, whole + cut);
        turn(f);
        assert_non_null(f->conn);
        char *got = hear(f);
        assert_non_null(strstr(got, "\r\n\r\nwikipediaHTTP/1.1 200 OK"));
        assert_non_null(strstr(got, "\r\n\r\nend"));
        free(got);
    }
}

/* 100 comes only when the body has not: the client may be waiting for it. */
static void continue_is_said_when_the_client_waits(void **state)
{
    struct fixture *f = *state;
    say(f, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
           "Content-Length: 4\r\n\r\n");
    turn(f);
    expect(f, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
    say(f, "body");
    turn(f);
    expect(f, "HTTP/1.1 200 OK", "\r\n\r\nbody");
    say(f, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
           "Content-Length: 4\r\n\r\nbody");
    turn(f);
    expect(f, "HTTP/1.1 200 OK", "\r\n\r\nbody");
}

/* A body that is too long is refused before it is read, and the bytes that
 * are on their way must not be taken for a request. */
static void too_long_body_is_refused_and_the_connection_ends(void **state)
{
    struct fixture *f = *state;
    say(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n"
           "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    assert_int_equal(f->conn->state, LINGERING);
    char *got = hear(f);
    assert_non_null(strstr(got, "HTTP/1.1 413 "));
    assert_non_null(strstr(got, "Connection: close\r\n"));
    assert_null(strstr(got, "smuggled"));
    free(got);
    close(f->client);
    f->client = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(turn(f), CONN_CLOSE);
}

/* A short body that nobody wanted is read over; the next request counts. */
static void unwanted_body_is_skipped(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
    assert_int_equal(turn(f), CONN_WANT_READ);
    expect(f, "HTTP/1.1 200 OK", "path /a");
    say(f, "56789GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(turn(f), CONN_WANT_READ);
    expect(f, "HTTP/1.1 200 OK", "path /b");
}

/* A late head is owed a word; an idle connection is not. */
static void late_head_gets_408_and_idle_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(conn_expire(f->conn), CONN_CLOSE);
    say(f, "GET /a");
    turn(f);
    assert_int_equal(conn_expire(f->conn), CONN_WANT_READ); /* lingers */
    char *got = hear(f);
    assert_non_null(strstr(got, "HTTP/1.1 408 "));
    free(got);
}

/* A byte now and then must not move the deadline of a body. */
static void trickle_does_not_extend_the_deadline(void **state)
{
    struct fixture *f = *state;
    say(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
    turn(f);
    f->conn->deadline_ms = 42;
    say(f, "x");
    turn(f);
    assert_int_equal(f->conn->deadline_ms, 42);
    char enough[2001];
    memset(enough, 'y', 2000);
    enough[2000] = '\0';
    say(f, enough);
    turn(f);
    assert_int_not_equal(f->conn->deadline_ms, 42);
    assert_int_equal(f->conn->deadline, DEADLINE_BODY);
}

/* Half-closing is a way to say "that was my last": it still gets an answer. */
static void half_closed_client_is_answered(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(f->client, SHUT_WR);
    turn(f);
    expect(f, "HTTP/1.1 200 OK", "path /a");
    assert_int_equal(turn(f), CONN_CLOSE);
}

/* Pitfall 3: the end in the middle of a line is an end, not "nothing yet". */
static void end_in_the_middle_of_a_line_closes(void **state)
{
    struct fixture *f = *state;
    say(f, "GET /a HT");
    shutdown(f->client, SHUT_WR);
    turn(f);
    assert_int_equal(turn(f), CONN_CLOSE);
}

/* While stopping, an answer says that it is the last. */
static void stopping_server_ends_after_the_answer(void **state)
{
    struct fixture *f = *state;
    assert_true(conn_stop(f->conn)); /* idle */
    say(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
    turn(f);
    assert_false(conn_stop(f->conn));
    say(f, "dy");
    turn(f);
    char *got = hear(f);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    assert_non_null(strstr(got, "\r\n\r\nbody"));
    free(got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_a_head_gives_the_thread_back),
        TEST(idle_connection_owns_no_buffers),
        TEST(pipelined_requests_need_one_wakeup),
        TEST(reply_survives_reader_who_pauses),
        TEST(shrunk_file_cuts_the_answer_off),
        TEST(source_is_sent_in_chunks),
        TEST(request_behind_a_source_is_answered),
        TEST(source_for_old_client_ends_with_the_connection),
        TEST(failed_source_sends_no_last_chunk),
        TEST(source_is_closed_when_the_client_goes),
        TEST(head_has_no_body),
        TEST(body_is_the_same_wherever_it_is_cut),
        TEST(continue_is_said_when_the_client_waits),
        TEST(too_long_body_is_refused_and_the_connection_ends),
        TEST(unwanted_body_is_skipped),
        TEST(late_head_gets_408_and_idle_nothing),
        TEST(trickle_does_not_extend_the_deadline),
        TEST(half_closed_client_is_answered),
        TEST(end_in_the_middle_of_a_line_closes),
        TEST(stopping_server_ends_after_the_answer),
    };
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
