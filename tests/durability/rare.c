/* rare.c - calls that fail where the table of faults has no row for: a database
 * that is opened or made, a file that is deleted.
 *
 * fault on -> request: an error -> fault off -> the same request: done */
#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct scene scene;
static struct wire wire;

static int close_scene(void **state)
{
    (void)state;
    wire_free(&wire);
    scene_close(&scene);
    return 0;
}

static void begin(void)
{
    scene_open(&scene);
    faults_reset(&scene, run_random(), false);
    scene_start(&scene, true);
    wire_init(&wire, scene.server->port, run.stage == 1);
}

static void ask(const char *method, const char *path, const char *body)
{
    assert_int_equal(wire_ask(&wire, method, path, body, strlen(body)),
                     WIRE_ANSWER);
}

/* Asks while such calls fail; at least one must. */
static void ask_at_fault(struct fault_rule rule, const char *method,
                         const char *path, const char *body)
{
    faults_on(rule);
    ask(method, path, body);
    faults_off();
    assert_int_not_equal(atomic_load(&run.faults->hits), 0);
}

/* How many files there are whose name starts with a dot. */
static size_t hidden_in(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory)))
        count += entry->d_name[0] == '.' && entry->d_name[1] != '\0' &&
                 entry->d_name[1] != '.';
    closedir(directory);
    return count;
}

#define PIPELINE(sql)                                                          \
    "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}}]}"
#define INSERT PIPELINE("INSERT INTO ballast VALUES(1)")

static void expect_inserts(const char *path)
{
    ask("POST", path, INSERT);
    assert_int_equal(wire.status, 200);
    assert_non_null(strstr(wire.body, "\"affected_row_count\":1"));
}

/* Guards against a connection that was opened by half and is used on. */
static void test_open(void **state)
{
    static const struct fault_rule rules[] = {
        {TARGET_SHM, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
        {TARGET_SHM, CALL_WRITE, FAULT_ERROR, EIO, 0, 0},
        {TARGET_SHM, CALL_TRUNCATE, FAULT_ERROR, EIO, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (i > 0)
            close_scene(NULL);
        begin();
        ask_at_fault(rules[i], "POST", "/db/t/v2/pipeline", INSERT);
        assert_int_equal(wire.status, 200);
        assert_non_null(strstr(wire.body, "\"code\":\"SQLITE_IOERR\""));
        expect_inserts("/db/t/v2/pipeline");
    }
}

/* Guards against a database that is there by half after an error, and found
 * made at the next try. */
static void test_make(void **state)
{
    static const struct making {
        struct fault_rule rule;
        unsigned status;
        const char *why;
        bool there; /* it has its name, if not for sure on disk */
    } cases[] = {
        {{TARGET_DATABASE, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
         507,
         "database or disk is full",
         false},
        {{TARGET_DATABASE, CALL_WRITE, FAULT_ERROR, EIO, 0, 0},
         500,
         "disk I/O error",
         false},
        {{TARGET_DATABASE, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
         500,
         "disk I/O error",
         false},
        {{TARGET_JOURNAL, CALL_WRITE, FAULT_ERROR, ENOSPC, 0, 0},
         507,
         "database or disk is full",
         false},
        {{TARGET_JOURNAL, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
         500,
         "disk I/O error",
         false},
        {{TARGET_DATABASES, CALL_RENAME, FAULT_ERROR, ENOSPC, 0, 0},
         507,
         "No space left on device",
         false},
        {{TARGET_DATABASES, CALL_SYNC, FAULT_ERROR, EIO, 0, 0},
         500,
         "Input/output error",
         true},
    };
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[40];
        snprintf(path, sizeof path, "/db/made%zu/", i);
        ask_at_fault(cases[i].rule, "PUT", path, "");
        assert_int_equal(wire.status, cases[i].status);
        assert_non_null(strstr(wire.body, cases[i].why));
        ask("GET", path, "");
        assert_int_equal(wire.status, cases[i].there ? 200 : 404);
        ask("PUT", path, "");
        assert_int_equal(wire.status, cases[i].there ? 204 : 201);
        strcat(path, "v2/pipeline");
        ask("POST", path, PIPELINE("CREATE TABLE ballast(x)"));
        expect_inserts(path);
    }
    assert_int_equal(hidden_in(scene.databases), 0);
}

/* Guards against a DELETE that is answered before it is on disk. */
static void test_delete(void **state)
{
    (void)state;
    begin();
    ask("PUT", "/put/f0", "content");
    assert_int_equal(wire.status, 201);
    ask_at_fault((struct fault_rule){TARGET_DIRECTORY, CALL_SYNC, FAULT_ERROR,
                                     EIO, 0, 0},
                 "DELETE", "/put/f0", "");
    assert_int_equal(wire.status, 500);
    ask("PUT", "/put/f0", "content");
    assert_int_equal(wire.status, 201);
    ask("DELETE", "/put/f0", "");
    assert_int_equal(wire.status, 204);
}

/* Requests that write the number %d into the ledger. */
static const struct writer {
    const char *path, *body;
} writers[] = {
    {"/db/t/v2/pipeline", PIPELINE("INSERT INTO ledger VALUES(%d)")},
    {"/db/t/v1/execute",
     "{\"stmt\":{\"sql\":\"INSERT INTO ledger VALUES(%d)\"}}"},
    {"/db/t/v3/cursor", "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":"
                        "\"INSERT INTO ledger VALUES(%d)\"}}]}}"},
    /* The answer grows after the commit. */
    {"/db/t/v2/pipeline",
     "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
     "\"INSERT INTO ledger VALUES(%d)\"}},{\"type\":\"execute\",\"stmt\":"
     "{\"sql\":\"SELECT hex(zeroblob(5000))\"}}]}"},
    /* It leaves a stream that is kept. */
    {"/db/t/v3/pipeline",
     "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
     "\"INSERT INTO ledger VALUES(%d)\"}},"
     "{\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 1\"}]}"},
};

static bool is_in_ledger(int number)
{
    char body[200];
    snprintf(body, sizeof body,
             PIPELINE("SELECT count(*) FROM ledger WHERE n = %d"), number);
    ask("POST", "/db/t/v2/pipeline", body);
    assert_int_equal(wire.status, 200);
    return strstr(wire.body, "\"value\":\"1\"") != NULL;
}

/* One request while memory is refused, once or from there on, after so many
 * calls. False: it did not need so many. */
static bool write_without_memory(const struct writer *writer, int number,
                                 enum fault_kind kind, unsigned skip)
{
    char body[400];
    snprintf(body, sizeof body, writer->body, number);
    faults_on(
        (struct fault_rule){TARGET_MEMORY, CALL_MEMORY, kind, ENOMEM, 0, skip});
    enum wire_got got =
        wire_ask(&wire, "POST", writer->path, body, strlen(body));
    faults_off();
    bool more = atomic_load(&run.faults->hits) > 0;
    bool said = got == WIRE_ANSWER && wire.status == 200 &&
                strstr(wire.body, "\"affected_row_count\":1") != NULL;
    char what[200] = "";
    if (got == WIRE_ANSWER)
        snprintf(what, sizeof what, "%u %s", wire.status, wire.body);
    assert_int_not_equal(got, WIRE_SLOW);
    bool there = is_in_ledger(number);
    if (got == WIRE_ANSWER && said != there)
        fail_msg("%s, after %u calls: %s, but it is%s there", writer->path,
                 skip, what, there ? "" : " not");
    return more;
}

/* Requests that make a path, or delete it; %d as above. */
static const struct maker {
    const char *method, *path;
} makers[] = {
    {"PUT", "/put/memory%d"},
    {"DELETE", "/put/memory%d"},
    {"PUT", "/db/memory%d/"},
};

static bool make_without_memory(const struct maker *maker, int number,
                                enum fault_kind kind, unsigned skip)
{
    char path[40];
    const char *method = maker->method;
    bool delete = strcmp(method, "DELETE") == 0;
    snprintf(path, sizeof path, maker->path, number);
    if (delete)
        ask("PUT", path, "content");
    faults_on(
        (struct fault_rule){TARGET_MEMORY, CALL_MEMORY, kind, ENOMEM, 0, skip});
    enum wire_got got = wire_ask(&wire, method, path, "content", 7);
    faults_off();
    bool more = atomic_load(&run.faults->hits) > 0;
    unsigned status = got == WIRE_ANSWER ? wire.status : 0;
    assert_int_not_equal(got, WIRE_SLOW);
    ask("GET", path, "");
    bool there = wire.status == 200;
    if (status != 0 && (status < 400) != (delete ? !there : there))
        fail_msg("%s %s, after %u calls: %u, but it is%s there", method, path,
                 skip, status, there ? "" : " not");
    return more;
}

/* Guards against what is committed and called failed, as there was no memory
 * for the answer. */
static void test_memory(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_ONCE, FAULT_ERROR};
    int number = 0;
    (void)state;
    begin();
    ask("POST", "/db/t/v2/pipeline", PIPELINE("CREATE TABLE ledger(n UNIQUE)"));
    assert_int_equal(wire.status, 200);
    for (size_t w = 0; w < COUNT(writers); w++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            unsigned skip = 0;
            while (write_without_memory(&writers[w], number++, kinds[k], skip))
                skip++;
            assert_true(skip > 20);
        }
    for (size_t m = 0; m < COUNT(makers); m++)
        for (size_t k = 0; k < COUNT(kinds); k++)
            for (unsigned skip = 0;
                 make_without_memory(&makers[m], number++, kinds[k], skip);)
                skip++;
    print_message("%d writes\n", number);
}

int run_rare(void)
{
    const struct CMUnitTest tests[] = {
        {"a database that cannot be opened is opened later", test_open, NULL,
         close_scene, NULL},
        {"a database that cannot be made is made later", test_make, NULL,
         close_scene, NULL},
        {"without memory nothing that is committed is called failed",
         test_memory, NULL, close_scene, NULL},
        {"a file that is not deleted on disk is not said to be", test_delete,
         NULL, close_scene, NULL},
    };
    return run_group("faults", tests, COUNT(tests), NULL);
}
