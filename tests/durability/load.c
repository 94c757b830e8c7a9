/* load.c - many clients at once that write, and know what they were promised.
 *
 * role -> ledger (open) -> wire_ask -> code of each result -> ledger (kept,
 * gone)
 */
#include "load.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX = 6, PIPELINE_MAX = 4, PAUSE_MS = 40 };

#define V2 "/db/t/v2/pipeline"
#define V3 "/db/t/v3/pipeline"

/* Inserts that must be refused, each with an error of its own: one undoes its
 * statement, one ends the transaction, one has its COMMIT refused. */
#define OWING "INSERT " LEDGER_INTO ", owes) VALUES(?,?,?,?,1)"
static const struct refusal {
    const char *sql, *says;
} refusals[] = {
    {"INSERT " LEDGER_INTO ") VALUES(?1,?2,?3,?4),(?1,?2,-1,?4)",
     "CHECK constraint failed"},
    {"INSERT OR ROLLBACK " LEDGER_INTO ") VALUES(?1,?2,?3,?4),(?1,?2,?3,NULL)",
     "NOT NULL constraint failed"},
    {OWING, "FOREIGN KEY constraint failed"},
};
enum { REFUSALS = sizeof refusals / sizeof *refusals, REFUSAL_OWES = 2 };

static unsigned pick(struct load_client *client, unsigned n)
{
    client->random = ledger_mix(client->random);
    return (unsigned)(client->random >> 20) % n;
}

/* So that clients do not only fight for the lock. */
static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* ---- asking ---- */

/* Notes what is wrong, the first time. Always false. */
static bool problem(struct load_client *client, const char *what,
                    const char *detail)
{
    if (client->problem[0] == '\0')
        snprintf(client->problem, sizeof client->problem,
                 "client %zu (%zu): %s: %.150s", client->number, client->id,
                 what, detail);
    return false;
}

/* One request. False: no answer, and the client ends. */
static bool ask(struct load_client *client, const char *method,
                const char *path)
{
    struct load *load = client->load;
    bool before = atomic_load(&load->faulty);
    enum wire_got got = wire_ask(&client->wire, method, path, client->body.data,
                                 client->body.length);
    client->may_fail = before || atomic_load(&load->faulty);
    switch (got) {
    case WIRE_ANSWER:
        return true;
    case WIRE_LOST:
        if (!atomic_load(&load->may_be_lost))
            problem(client, "the connection is lost", path);
        return false;
    case WIRE_SLOW:
        break;
    }
    return problem(client, "no answer", path);
}

static bool is_one_of(const char *code, const char *const *codes)
{
    while (*codes && strcmp(code, *codes) != 0)
        codes++;
    return *codes != NULL;
}

/* An error has come. False: it is one that must not. */
static bool note_error(struct load_client *client, const char *code,
                       const char *message, char first[CODE_BYTES])
{
    /* Others write too, and on a slow disk that takes its time. */
    static const char *const always[] = {"SQLITE_BUSY", "TRANSACTION_TIMEOUT",
                                         "STREAM_EXPIRED", NULL};
    static const char *const of_the_disk[] = {"SQLITE_IOERR", "SQLITE_FULL",
                                              "507", "500", NULL};
    if (first[0] == '\0')
        snprintf(first, CODE_BYTES, "%s", code);
    if (is_one_of(code, always)) {
        /* Let the others get on before it is tried again. */
        pause_ms(2 + pick(client, 4));
        return true;
    }
    client->failed++;
    if (client->may_fail && is_one_of(code, of_the_disk))
        return true;
    return problem(client, code, message);
}

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Sends the pipeline in body. *root is the answer (given), or NULL after an
 * error of the whole request, which is noted. False: the client ends. */
static bool ask_sql(struct load_client *client, const char *path, json_t **root,
                    char first[CODE_BYTES])
{
    struct wire *wire = &client->wire;
    *root = NULL;
    if (!ask(client, "POST", path))
        return false;
    *root = json_loadb(wire->body, wire->body_length, 0, NULL);
    if (!*root)
        return problem(client, "not JSON", wire->body);
    if (wire->status == 200)
        return true;
    bool good = note_error(client, text_in(*root, "code"),
                           text_in(*root, "message"), first);
    json_decref(*root);
    *root = NULL;
    return good;
}

/* The error of result i of a pipeline, or NULL if it is ok. */
static const json_t *result_error(const json_t *root, size_t i)
{
    const json_t *result = json_array_get(json_object_get(root, "results"), i);
    if (strcmp(text_in(result, "type"), "ok") == 0)
        return NULL;
    const json_t *error = json_object_get(result, "error");
    return error ? error : root;
}

/* What has become of a write that gave this error (NULL: none). Sets *good to
 * false if it may not be. */
static enum fate fate_of(struct load_client *client, const json_t *error,
                         char first[CODE_BYTES], bool *good)
{
    if (!error) {
        client->done++;
        return FATE_KEPT;
    }
    const char *code = text_in(error, "code");
    *good = note_error(client, code, text_in(error, "message"), first) && *good;
    return strcmp(code, "SQLITE_BUSY") == 0 ? FATE_GONE : client->load->failed;
}

/* ---- requests ---- */

static void say(struct load_client *client, const char *text)
{
    bytes_add(&client->body, text, strlen(text));
}

static void say_anew(struct load_client *client, const char *text)
{
    client->body.length = 0;
    say(client, text);
}

static void say_insert(struct load_client *client, const char *sql,
                       size_t sequence, unsigned part)
{
    char filler[FILLER_MAX + 1];
    filler_make(client->id, sequence, part, filler);
    bytes_print(&client->body,
                "{\"sql\":\"%s\",\"args\":["
                "{\"type\":\"integer\",\"value\":\"%zu\"},"
                "{\"type\":\"integer\",\"value\":\"%zu\"},"
                "{\"type\":\"integer\",\"value\":\"%u\"},"
                "{\"type\":\"text\",\"value\":\"%s\"}]}",
                sql, client->id, sequence, part, filler);
}

static void say_execute(struct load_client *client, const char *sql,
                        size_t sequence, unsigned part)
{
    say(client, "{\"type\":\"execute\",\"stmt\":");
    say_insert(client, sql, sequence, part);
    say(client, "},");
}

/* ---- looking ---- */

/* Whoever was told that it is done must see it. */
static bool look_for_row(struct load_client *client, size_t sequence)
{
    char path[300], expected[60];
    struct wire *wire = &client->wire;
    const struct entry *entry =
        &client->load->ledger->clients[client->id].entries[sequence];
    snprintf(path, sizeof path,
             "/db/t/query?sql=SELECT+count(*)+FROM+entry+WHERE+client=:c+"
             "AND+sequence=:s&c=%zu&s=%zu",
             client->id, sequence);
    snprintf(expected, sizeof expected, "\"rows\":[[%u]]", entry->parts);
    client->body.length = 0;
    if (!ask(client, "GET", path))
        return false;
    if (wire->status != 200)
        return client->may_fail ||
               problem(client, "a look at a row", wire->body);
    return strstr(wire->body, expected) ||
           problem(client, "an acknowledged row is not to be seen", wire->body);
}

static bool look_at_file(struct load_client *client, size_t file, bool mine)
{
    char path[60], problem_text[PROBLEM_BYTES];
    struct wire *wire = &client->wire;
    snprintf(path, sizeof path, "/put/f%zu", file);
    client->body.length = 0;
    if (!ask(client, "GET", path))
        return false;
    bool there = wire->status == 200;
    if (!there && wire->status != 404)
        return problem(client, "a look at a file", wire->raw.data);
    if (mine)
        return ledger_check_file(client->load->ledger, file, NULL,
                                 there ? wire->body : NULL, wire->body_length,
                                 problem_text) ||
               problem(client, "a look at what was put", problem_text);
    return !there || content_is_whole(wire->body, wire->body_length) ||
           problem(client, "a file that is put is seen torn", path);
}

static bool read_files(struct load_client *client, char first[CODE_BYTES])
{
    (void)first;
    return look_at_file(client, pick(client, LOAD_FILES), false);
}

/* ---- writing ---- */

/* Is it the one that its statement must get, and not another's? */
static bool is_refused(const json_t *error, const char *says)
{
    return error && strcmp(text_in(error, "code"), "SQLITE_CONSTRAINT") == 0 &&
           strstr(text_in(error, "message"), says);
}

/* The results of load_insert; refused: of those, or of none. */
static bool settle_inserts(struct load_client *client, const json_t *root,
                           const size_t *sequences, unsigned n,
                           const char *refused_says, unsigned refused,
                           char first[CODE_BYTES])
{
    bool good = true;
    for (unsigned i = 0; i < n; i++) {
        const json_t *error = result_error(root, i);
        if (i != refused)
            ledger_settle(client->load->ledger, client->id, sequences[i],
                          fate_of(client, error, first, &good), &client->wire);
        else if (!error)
            good = problem(client, "a row was taken that must be refused",
                           refused_says);
        else if (!is_refused(error, refused_says))
            fate_of(client, error, first, &good);
    }
    return good;
}

/* A few inserts in one request, each for itself; sometimes one among them that
 * must be refused without harm to the others, nor to those of other clients
 * that share its transaction. */
bool load_insert(struct load_client *client, char first[CODE_BYTES])
{
    struct ledger *ledger = client->load->ledger;
    const struct refusal *refusal = &refusals[pick(client, REFUSALS)];
    size_t sequences[PIPELINE_MAX];
    unsigned n = pick(client, 4) == 0 ? 3 : 1, refused = n;
    if (pick(client, 12) == 0)
        refused = pick(client, ++n);
    say_anew(client, "{\"requests\":[");
    for (unsigned i = 0; i < n; i++) {
        sequences[i] = ledger_write(ledger, client->id, 1,
                                    i == refused ? FATE_GONE : FATE_OPEN);
        say_execute(client, i == refused ? refusal->sql : LEDGER_INSERT,
                    sequences[i], 0);
    }
    say(client, "{\"type\":\"close\"}]}");
    json_t *root;
    bool good = ask_sql(client, V2, &root, first);
    if (root)
        good = settle_inserts(client, root, sequences, n, refusal->says,
                              refused, first) &&
               good;
    json_decref(root);
    if (!good || first[0] != '\0' || pick(client, 16) != 0)
        return good;
    return look_for_row(client, sequences[refused + 1 == n ? n - 2 : n - 1]);
}

/* The answer to BEGIN, n inserts, COMMIT, ROLLBACK; owes: COMMIT is refused. */
static bool settle_batch(struct load_client *client, const json_t *root,
                         size_t sequence, unsigned n, bool owes,
                         char first[CODE_BYTES])
{
    const json_t *result = json_object_get(
        json_object_get(json_array_get(json_object_get(root, "results"), 0),
                        "response"),
        "result");
    const json_t *errors = json_object_get(result, "step_errors");
    const json_t *results = json_object_get(result, "step_results");
    bool good = true;
    if (json_array_size(results) != n + 3)
        return problem(client, "a batch has another number of results",
                       client->wire.body);
    /* Not the one of ROLLBACK: the error before it may have ended all. */
    for (unsigned i = 0; i < n + 2; i++) {
        const json_t *error = json_array_get(errors, i);
        if (i == n + 1 && owes &&
            is_refused(error, refusals[REFUSAL_OWES].says))
            continue;
        if (json_is_object(error))
            good = note_error(client, text_in(error, "code"),
                              text_in(error, "message"), first) &&
                   good;
    }
    enum fate fate = FATE_GONE; /* COMMIT was not reached */
    if (owes && json_is_object(json_array_get(results, n + 1)))
        good = problem(client, "a COMMIT was taken that must be refused", "");
    else if (json_is_object(json_array_get(results, n + 1)))
        fate = fate_of(client, NULL, first, &good);
    else if (!owes && json_is_object(json_array_get(errors, n + 1)))
        fate = client->load->failed;
    ledger_settle(client->load->ledger, client->id, sequence, fate,
                  &client->wire);
    return good;
}

bool load_batch(struct load_client *client, char first[CODE_BYTES])
{
    unsigned n = 2 + pick(client, BATCH_MAX - 1);
    bool owes = pick(client, 8) == 0;
    size_t sequence = ledger_write(client->load->ledger, client->id, n,
                                   owes ? FATE_GONE : FATE_OPEN);
    say_anew(client, "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":["
                     "{\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\"}}");
    for (unsigned i = 0; i < n; i++) {
        bytes_print(
            &client->body,
            ",{\"condition\":{\"type\":\"ok\",\"step\":%u},\"stmt\":", i);
        say_insert(client, owes && i == n - 1 ? OWING : LEDGER_INSERT, sequence,
                   i);
        say(client, "}");
    }
    bytes_print(&client->body,
                ",{\"condition\":{\"type\":\"ok\",\"step\":%u},"
                "\"stmt\":{\"sql\":\"COMMIT\"}},"
                "{\"condition\":{\"type\":\"not\",\"cond\":{\"type\":\"ok\","
                "\"step\":%u}},\"stmt\":{\"sql\":\"ROLLBACK\"}}]}},"
                "{\"type\":\"close\"}]}",
                n, n + 1);
    json_t *root;
    bool good = ask_sql(client, V3, &root, first);
    if (root)
        good = settle_batch(client, root, sequence, n, owes, first) && good;
    json_decref(root);
    return good;
}

/* Starts a request of a stream: of the one that root names, or of a new one. */
static void say_stream(struct load_client *client, const json_t *root)
{
    say_anew(client, "{");
    if (root)
        bytes_print(&client->body, "\"baton\":\"%s\",", text_in(root, "baton"));
    say(client, "\"requests\":[");
}

/* Sends what was said and takes the answer in place of the last one. True if
 * there is no error in it; *good is false if the client ends. */
static bool turn(struct load_client *client, json_t **root, bool *good,
                 char first[CODE_BYTES])
{
    json_t *before = *root;
    say(client, "]}");
    *good = ask_sql(client, V2, root, first);
    json_decref(before);
    const json_t *error = *root ? result_error(*root, 0) : NULL;
    if (error)
        *good = note_error(client, text_in(error, "code"),
                           text_in(error, "message"), first) &&
                *good;
    return *good && *root && !error;
}

/* Ends a transaction without COMMIT. */
static bool abandon(struct load_client *client, json_t **root, bool by_close,
                    char first[CODE_BYTES])
{
    bool good = true;
    if (*root && text_in(*root, "baton")[0] != '\0') {
        say_stream(client, *root);
        if (!by_close)
            say(client, "{\"type\":\"execute\",\"stmt\":"
                        "{\"sql\":\"ROLLBACK\"}},");
        say(client, "{\"type\":\"close\"}");
        turn(client, root, &good, first);
    }
    return good;
}

/* A transaction over three requests, or more: nothing of it may be there
 * before COMMIT was sent. */
bool load_interactive(struct load_client *client, char first[CODE_BYTES])
{
    struct ledger *ledger = client->load->ledger;
    unsigned parts = 2 + pick(client, 3), end = pick(client, 6);
    size_t sequence = ledger_write(ledger, client->id, parts, FATE_GONE);
    json_t *root = NULL;
    bool good, more;
    say_stream(client, NULL);
    say(client,
        "{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\"}}");
    more = turn(client, &root, &good, first);
    for (unsigned i = 0; more && i < parts; i++) {
        say_stream(client, root);
        say_execute(client, LEDGER_INSERT, sequence, i);
        client->body.length--; /* the comma */
        more = turn(client, &root, &good, first);
    }
    if (more && end > 1) {
        say_stream(client, root);
        say(client, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"COMMIT\"}},"
                    "{\"type\":\"close\"}");
        ledger->clients[client->id].entries[sequence].fate = FATE_OPEN;
        if (turn(client, &root, &good, first)) {
            client->done++;
            ledger_settle(ledger, client->id, sequence, FATE_KEPT,
                          &client->wire);
            if (pick(client, 8) == 0)
                good = look_for_row(client, sequence);
        }
    } else if (good) {
        good = abandon(client, &root, end == 0, first);
    }
    json_decref(root);
    return good;
}

bool load_put(struct load_client *client, char first[CODE_BYTES])
{
    struct load *load = client->load;
    char path[60], status[8];
    size_t mine = client->number / 8 % LOAD_PUTTERS;
    size_t file = mine * LOAD_NAMES + pick(client, LOAD_NAMES);
    size_t length = pick(client, (unsigned)load->put_bytes_max);
    size_t sequence = client->puts++;
    bool good = true;
    ledger_put(load->ledger, file, client->id, sequence, length);
    client->body.length = 0;
    content_make(&client->body, client->id, sequence, length);
    snprintf(path, sizeof path, "/put/f%zu", file);
    if (!ask(client, "PUT", path))
        return false;
    bool done = client->wire.status == 201 || client->wire.status == 204;
    snprintf(status, sizeof status, "%u", client->wire.status);
    if (done)
        client->done++;
    else
        good = note_error(client, status, client->wire.raw.data, first);
    ledger_settle_put(load->ledger, file, done ? FATE_KEPT : load->failed,
                      &client->wire);
    if (done && pick(client, 8) == 0)
        good = look_at_file(client, file, true);
    return good;
}

bool load_grow(struct load_client *client, char first[CODE_BYTES])
{
    json_t *root;
    bool good = true;
    say_anew(client, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
                     "\"UPDATE ballast SET bytes = randomblob(400000)\"}},"
                     "{\"type\":\"close\"}]}");
    if (!ask_sql(client, V2, &root, first))
        return false;
    if (root)
        fate_of(client, result_error(root, 0), first, &good);
    json_decref(root);
    return good;
}

/* ---- threads ---- */

/* Who does what; who reads files and who makes the WAL grow is one each. */
static load_operation *operation_of(size_t number)
{
    static load_operation *const roles[8] = {
        load_insert, load_insert, load_insert,      load_insert,
        load_insert, load_batch,  load_interactive, load_put};
    return number == 0   ? read_files
           : number == 1 ? load_grow
                         : roles[number % 8];
}

static void *client_run(void *argument)
{
    struct load_client *client = argument;
    load_operation *operation = operation_of(client->number);
    bool good = true;
    while (good && !atomic_load(&client->load->stopping)) {
        char code[CODE_BYTES] = "";
        good = operation(client, code);
        if (operation == load_interactive || operation == load_grow)
            pause_ms(PAUSE_MS);
    }
    return NULL;
}

void load_client_open(struct load *load, struct load_client *client,
                      size_t number, int port, bool one_each)
{
    *client = (struct load_client){.load = load, .number = number};
    client->id = ledger_add_clients(load->ledger, 1);
    client->random = ledger_mix(load->seed + client->id);
    wire_init(&client->wire, port, one_each);
}

void load_client_close(struct load_client *client)
{
    wire_free(&client->wire);
    bytes_free(&client->body);
}

void load_start(struct load *load, struct ledger *ledger, int port,
                bool one_each, uint64_t seed, size_t put_bytes_max)
{
    *load = (struct load){
        .ledger = ledger, .seed = seed, .put_bytes_max = put_bytes_max};
    /* All of them first: threads must find the ledger as it stays. */
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        load_client_open(load, &load->clients[i], i, port, one_each);
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        if (pthread_create(&load->clients[i].thread, NULL, client_run,
                           &load->clients[i]) != 0)
            abort();
}

void load_stop(struct load *load)
{
    atomic_store(&load->stopping, true);
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        pthread_join(load->clients[i].thread, NULL);
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        load_client_close(&load->clients[i]);
}

const char *load_problem(const struct load *load)
{
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        if (load->clients[i].problem[0] != '\0')
            return load->clients[i].problem;
    return NULL;
}

size_t load_done(const struct load *load)
{
    size_t sum = 0;
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        sum += load->clients[i].done;
    return sum;
}

size_t load_failed(const struct load *load)
{
    size_t sum = 0;
    for (size_t i = 0; i < LOAD_CLIENTS; i++)
        sum += load->clients[i].failed;
    return sum;
}
