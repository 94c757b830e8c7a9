/* cases.c - runs the tables of behaviour.
 *
 * row -> request bytes -> each stage: whole, cut, at every split -> transcript
 * -> checked against the row, then compared byte for byte. */
#include "cases.h"
#include "client.h"
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The servers of the group that runs. */
static struct server *running[STAGES_MAX];
static const char *const *group_arguments;
static bool group_databases;

/* How a request is sent. */
struct cutting {
    size_t at[3];
    size_t count;
};

struct run {
    const struct behaviour_case *row;
    const struct server *server;
    const struct cutting *cutting; /* NULL: each step in one piece */
    size_t split;                  /* >0: the first step, cut there */
    bool checked;                  /* hold the answers against the row */
    struct bytes transcript;
    struct remembered remembered;
};

static void step_request(const struct step *step,
                         const struct remembered *remembered, struct bytes *out)
{
    if (step->raw) {
        bytes_expand(out, step->raw, step->raw_length, remembered);
        return;
    }
    struct bytes plain = {0}, body = {0};
    if (step->body)
        bytes_expand(&body, step->body, step->body_length, remembered);
    bytes_print(&plain, "%s %s HTTP/1.1\r\nHost: a\r\n%s", step->method,
                step->path, step->fields ? step->fields : "");
    if (step->body)
        bytes_print(&plain, "Content-Length: %zu\r\n", body.length);
    bytes_print(&plain, "\r\n");
    bytes_expand(out, plain.data, plain.length, remembered);
    bytes_add(out, body.data ? body.data : "", body.length);
    bytes_free(&plain);
    bytes_free(&body);
}

static void fail_step(const struct run *run, const struct answer *answer,
                      const char *what, const char *wanted, size_t length)
{
    fprintf(stderr, "  stage %d: \"%s\": %s\n", run->server->stage,
            run->row->name, what);
    if (wanted)
        bytes_show("wanted", wanted, length);
    if (answer)
        bytes_show("answer", answer->raw.data ? answer->raw.data : "",
                   answer->raw.length);
    fail();
}

static void check_field(const struct run *run, const struct answer *answer,
                        const char *line, size_t length)
{
    char wanted[512], value[1024];
    snprintf(wanted, sizeof wanted, "%.*s", (int)length, line);
    bool absent = wanted[0] == '!';
    char *colon = absent ? NULL : strstr(wanted, ": ");
    if (colon)
        *colon = '\0';
    bool found = answer_field(answer, wanted + absent, value, sizeof value);
    if (found == absent || (colon && strcmp(colon + 2, value) != 0))
        fail_step(run, answer, absent ? "a field too many" : "field", line,
                  length);
}

static void check_fields(const struct run *run, const struct answer *answer,
                         const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        check_field(run, answer, lines, length);
        lines += length + (lines[length] == '\n');
    }
}

static void read_file(const char *name, struct bytes *out)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", suite.root, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && (n = read(fd, bytes_room(out, 65536), 65536)) > 0)
        out->length += (size_t)n;
    close(fd);
}

static void check_body(const struct run *run, const struct answer *answer,
                       const struct step *step)
{
    const struct bytes *body = &answer->body;
    ptrdiff_t at = step->text ? bytes_find(body->data, body->length, step->text,
                                           step->text_length)
                              : -1;
    if (step->check == BODY_IS &&
        (body->length != step->text_length || (at != 0)))
        fail_step(run, answer, "body is not", step->text, step->text_length);
    if (step->check == BODY_HAS && at < 0)
        fail_step(run, answer, "body lacks", step->text, step->text_length);
    if (step->check == BODY_LACKS && at >= 0)
        fail_step(run, answer, "body has", step->text, step->text_length);
    if (step->text2 && bytes_find(body->data, body->length, step->text2,
                                  strlen(step->text2)) < 0)
        fail_step(run, answer, "body lacks", step->text2, strlen(step->text2));
    if (step->check == BODY_FILE) {
        struct bytes file = {0};
        read_file(step->text, &file);
        bool same = bytes_equal(&file, body);
        bytes_free(&file);
        if (!same)
            fail_step(run, answer, "body is not the file", step->text,
                      strlen(step->text));
    }
}

/* Keeps the baton and the tag of an answer for the next steps. */
static void remember(struct run *run, const struct answer *answer)
{
    char etag[256];
    if (answer_field(answer, "ETag", etag, sizeof etag))
        memcpy(run->remembered.etag, etag, sizeof etag);
    static const char key[] = "\"baton\":\"";
    ptrdiff_t at =
        bytes_find(answer->body.data, answer->body.length, key, sizeof key - 1);
    if (at < 0)
        return;
    const char *from = answer->body.data + at + sizeof key - 1;
    snprintf(run->remembered.baton, sizeof run->remembered.baton, "%.*s",
             (int)strcspn(from, "\""), from);
}

/* Blots out n bytes wherever they stand. */
static void blot(struct bytes *bytes, size_t from, const char *what, size_t n)
{
    ptrdiff_t at;
    while (n > 0 && (at = bytes_find(bytes->data + from, bytes->length - from,
                                     what, n)) >= 0) {
        memset(bytes->data + from + at, '*', n);
        from += (size_t)at + n;
    }
}

/* Adds an answer without what may differ from run to run. */
static void record(struct run *run, const struct answer *answer)
{
    size_t from = run->transcript.length;
    bytes_add(&run->transcript, answer->raw.data, answer->raw.length);
    char value[512], date[sizeof value + 8];
    /* With its name: a file that is as old as the suite has the same date. */
    if (answer_field(answer, "Date", value, sizeof value)) {
        int n = snprintf(date, sizeof date, "\nDate: %s", value);
        blot(&run->transcript, from, date, (size_t)n);
    }
    if (answer_field(answer, "Content-Type", value, sizeof value) &&
        strstr(value, "boundary=")) {
        const char *boundary = strstr(value, "boundary=") + 9;
        blot(&run->transcript, from, boundary, strlen(boundary));
    }
    for (const char *mask = run->row->mask; mask && *mask;) {
        char name[64];
        size_t n = strcspn(mask, "\n");
        snprintf(name, sizeof name, "%.*s", (int)n, mask);
        if (answer_field(answer, name, value, sizeof value))
            blot(&run->transcript, from, value, strlen(value));
        mask += n + (mask[n] == '\n');
    }
    blot(&run->transcript, from, run->remembered.baton,
         strlen(run->remembered.baton));
}

static void send_cut(struct client *client, const struct bytes *request,
                     const size_t *at, size_t count)
{
    size_t from = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] <= from || at[i] >= request->length)
            continue;
        if (client_send(client, request->data + from, at[i] - from) != 0)
            return;
        client_wait_taken(client);
        from = at[i];
    }
    client_send(client, request->data + from, request->length - from);
}

static void send_step(const struct run *run, struct client *client,
                      const struct step *step, bool first)
{
    struct bytes request = {0};
    step_request(step, &run->remembered, &request);
    if (run->split > 0 && first)
        send_cut(client, &request, &run->split, 1);
    else if (run->cutting) {
        size_t n = request.length;
        size_t at[] = {1, n / 3, n / 2, n - 1};
        send_cut(client, &request, at, 4);
    } else
        client_send(client, request.data, request.length);
    bytes_free(&request);
}

/* Behind a connection that stays open one more request is answered and then
 * nothing else comes. */
static void check_goes_on(struct run *run, struct client *client)
{
    struct answer answer = {0};
    client_say(client, "GET /small.txt HTTP/1.1\r\nHost: a\r\n"
                       "Connection: close\r\n\r\n");
    if (client_read(client, false, &answer) != GOT_ANSWER)
        fail_step(run, &answer, "the connection did not stay open", NULL, 0);
    bytes_print(&run->transcript, "goes on: %u\n", answer.status);
    answer_free(&answer);
    client_read_to_end(client);
    if (client->in.length > 0 || client->reset)
        fail_step(run, NULL, "more than the answers", client->in.data,
                  client->in.length);
}

static void check_closed(struct run *run, struct client *client)
{
    client_read_to_end(client);
    if (client->in.length > 0)
        fail_step(run, NULL, "more than the answers", client->in.data,
                  client->in.length);
    if (client->reset)
        fail_step(run, NULL, "reset instead of a close", NULL, 0);
    bytes_print(&run->transcript, "closes\n");
}

static void read_step(struct run *run, struct client *client,
                      const struct step *step)
{
    struct answer answer = {0};
    bool to_head = step->raw ? strncmp(step->raw, "HEAD ", 5) == 0
                             : strcmp(step->method, "HEAD") == 0;
    unsigned wanted = step->status[0] ? step->status[0] : 200;
    for (size_t i = 0; wanted != 0; i++) {
        enum client_got got = client_read(client, to_head, &answer);
        if (got != GOT_ANSWER)
            fail_step(run, &answer,
                      got == GOT_CLOSE ? "closed without an answer"
                                       : "the answer is cut off",
                      NULL, 0);
        if (run->checked && answer.status != wanted) {
            char text[32];
            int n = snprintf(text, sizeof text, "%u", wanted);
            fail_step(run, &answer, "status is not", text, (size_t)n);
        }
        remember(run, &answer);
        record(run, &answer);
        wanted = i + 1 < STATUSES_MAX ? step->status[i + 1] : 0;
    }
    if (run->checked) {
        check_fields(run, &answer, step->expect);
        check_body(run, &answer, step);
    }
    answer_free(&answer);
}

static void run_row(struct run *run)
{
    struct client *client = NULL;
    for (size_t i = 0; i < STEPS_MAX; i++) {
        const struct step *step = &run->row->steps[i];
        if (!step->raw && !step->method)
            break;
        if (!client)
            client = client_open(run->server->port);
        send_step(run, client, step, i == 0);
        read_step(run, client, step);
        if (step->closes) {
            check_closed(run, client);
            client_close(client);
            client = NULL;
        }
    }
    if (client) {
        check_goes_on(run, client);
        client_close(client);
    }
}

static void compare(const struct run *run, const struct bytes *reference,
                    const char *what)
{
    if (bytes_equal(&run->transcript, reference))
        return;
    fprintf(stderr, "  \"%s\": stage %d differs: %s", run->row->name,
            run->server->stage, what);
    if (run->split > 0)
        fprintf(stderr, " (cut at %zu)", run->split);
    fprintf(stderr, "\n");
    bytes_show("here", run->transcript.data, run->transcript.length);
    bytes_show("there", reference->data, reference->length);
    fail();
}

/* Runs once more and compares. */
static void run_again(const struct behaviour_case *row,
                      const struct server *server, size_t split,
                      const struct bytes *reference)
{
    static const struct cutting pieces;
    struct run run = {.row = row, .server = server, .split = split};
    run.cutting = split ? NULL : &pieces;
    run_row(&run);
    compare(&run, reference, "sent in pieces, from sent whole");
    bytes_free(&run.transcript);
}

static void run_every_split(const struct behaviour_case *row,
                            const struct server *server,
                            const struct bytes *reference)
{
    struct bytes request = {0};
    static const struct remembered nothing;
    step_request(&row->steps[0], &nothing, &request);
    /* Under valgrind every third place: a minute instead of three. */
    size_t stride = suite.slow ? 3 : 1;
    for (size_t at = 1; at < request.length; at += stride)
        run_again(row, server, at, reference);
    bytes_free(&request);
}

static void test_row(void **state)
{
    const struct behaviour_case *row = *state;
    struct bytes reference = {0};
    if (row->not_valgrind && server_in_valgrind()) {
        print_message("skipped: %s\n", row->not_valgrind);
        return;
    }
    for (size_t i = 0; i < suite.stage_count; i++) {
        struct run run = {.row = row, .server = running[i], .checked = true};
        run_row(&run);
        if (i == 0)
            reference = run.transcript;
        else {
            compare(&run, &reference, "from the first stage");
            bytes_free(&run.transcript);
        }
        if (!row->whole_only)
            run_again(row, running[i], 0, &reference);
        if (row->every_split)
            run_every_split(row, running[i], &reference);
    }
    bytes_free(&reference);
}

static int close_clients(void **state)
{
    (void)state;
    client_close_all();
    return 0;
}

static int start_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < suite.stage_count; i++) {
        char directory[640];
        int stage = suite.stages[i]->number;
        struct server_options options = {.arguments = group_arguments};
        if (group_databases) {
            snprintf(directory, sizeof directory, "%s/db-%d-%u", suite.work,
                     stage, (unsigned)suite_now_ms());
            fixture_database(directory);
            options.databases = directory;
        }
        running[i] = server_start(stage, &options);
    }
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < suite.stage_count; i++)
        server_stop(running[i]);
    return 0;
}

int cases_run(const char *group, const struct behaviour_case *cases,
              size_t count, const char *const *arguments, bool with_databases)
{
    group_arguments = arguments;
    group_databases = with_databases;
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (!tests)
        abort();
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name,
            .test_func = test_row,
            .teardown_func = close_clients,
            /* cmocka hands it on as it is; nobody writes. */
            .initial_state = (void *)(uintptr_t)&cases[i],
        };
    int failed =
        suite_run_group(group, tests, count, start_servers, stop_servers);
    free(tests);
    return failed;
}
