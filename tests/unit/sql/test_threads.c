/* test_threads.c - several threads, one struct sql; for the thread
 * sanitizer as much as for the counts. */
#include "tests/unit/sql_fixture.h"

#include <pthread.h>

enum { THREADS = 4, TURNS = 40 };

struct worker {
    pthread_t thread;
    struct fixture *f;
    unsigned wrong;
};

/* As fixture's ask, without assertions, which belong to the main thread. */
static unsigned ask_plainly(struct fixture *f, const char *path,
                            const char *body)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return 0;
    exchange->server = &f->server;
    exchange->mount = &f->mount;
    exchange->may_write = true;
    exchange->request.method = HTTP_POST;
    exchange->path = (char *)path;
    exchange->path_length = strlen(path);
    response_init(&exchange->response);
    if (sql_handler.begin(exchange) == ANSWER_WANT_BODY) {
        exchange->body = text_of(body);
        sql_handler.finish(exchange);
    }
    unsigned status = exchange->response.status;
    response_release(&exchange->response);
    free(exchange);
    return status;
}

static void *work(void *context)
{
    static const char *const paths[] = {
        "/db/one/v2/pipeline", "/db/two/v2/pipeline", "/db/three/v2/pipeline"};
    struct worker *worker = context;
    for (unsigned i = 0; i < TURNS; i++) {
        const char *body =
            i % 8 == 0
                ? "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
                  "\"BEGIN\"}}]}"
                : "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":"
                  "\"SELECT count(*) FROM sqlite_schema\"}}]}";
        unsigned status = ask_plainly(worker->f, paths[i % 3], body);
        if (status != 200 && status != 429 && status != 503)
            worker->wrong++;
        if (i % 10 == 0)
            sql_tick(worker->f->sql, UINT64_MAX);
        struct message_buffer stats = {0};
        sql_stats_json(&worker->f->server, &stats);
        buffer_release(&stats);
    }
    return NULL;
}

static void threads_share_databases(void **state)
{
    /* Bug: a connection is given to two, or a database freed under one. */
    struct fixture *f = *state;
    struct worker workers[THREADS];
    f->settings.sqlite_databases = 2; /* so that they are closed as well */
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = f};
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    unsigned wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        wrong += workers[i].wrong;
    }
    assert_int_equal(wrong, 0);
    run(f, "SELECT 1");
    assert_in_body(f, "\"rows\":[[");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_share_databases, fixture_open,
                                        fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
