/* test_streams.c - batches, interactive transactions, batons, cursors. */
#include "tests/unit/sql_fixture.h"

#include "sql/internal.h"
#include "sql/stream.h"
#include "sql/wal.h"

#define PIPELINE "/db/one/v3/pipeline"
#define CURSOR   "/db/one/v3/cursor"
#define BEGIN                                                                  \
    "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN "          \
    "IMMEDIATE\"}},{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO t "   \
    "VALUES (1)\"}}]}"

/* Sends requests (JSON, the inside of the array) with a baton. */
static void go_on(struct fixture *f, const char *target, const char *baton,
                  const char *requests)
{
    char body[2048];
    snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[%s]}", baton,
             requests);
    post(f, target, body);
}

static void expect_count(struct fixture *f, int count)
{
    char row[64];
    run(f, "SELECT count(*) FROM t");
    snprintf(row, sizeof row, "[[{\"type\":\"integer\",\"value\":\"%d\"}]]",
             count);
    assert_in_body(f, row);
}

static void batch_rolls_back_what_failed(void **state)
{
    /* Bug: a failed step stops the batch, or its conditions are not seen. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a UNIQUE)");
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"store_sql\",\"sql_id\":0,\"sql\":\"INSERT "
         "INTO t VALUES (?)\"},{\"type\":\"batch\",\"batch\":{\"steps\":["
         "{\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\",\"want_rows\":false}},"
         "{\"condition\":{\"type\":\"ok\",\"step\":0},\"stmt\":{\"sql_id\":0,"
         "\"args\":[{\"type\":\"text\",\"value\":\"e\"}]}},"
         "{\"condition\":{\"type\":\"ok\",\"step\":1},\"stmt\":{\"sql_id\":0,"
         "\"args\":[{\"type\":\"text\",\"value\":\"e\"}]}},"
         "{\"condition\":{\"type\":\"ok\",\"step\":2},\"stmt\":{\"sql\":"
         "\"COMMIT\"}},"
         "{\"condition\":{\"type\":\"not\",\"cond\":{\"type\":\"ok\",\"step\":3"
         "}},\"stmt\":{\"sql\":\"ROLLBACK\"}}]}},{\"type\":\"close\"}]}");
    static const char none[] = "{\"cols\":[],\"rows\":[],\"affected_row_count"
                               "\":0,\"last_insert_rowid\":null}";
    char expected[1024];
    snprintf(expected, sizeof expected,
             "{\"baton\":null,\"base_url\":null,\"results\":[{\"type\":\"ok\","
             "\"response\":{\"type\":\"store_sql\"}},{\"type\":\"ok\","
             "\"response\":{\"type\":\"batch\",\"result\":{\"step_results\":[%s"
             ",{\"cols\":[],\"rows\":[],\"affected_row_count\":1,"
             "\"last_insert_rowid\":\"1\"},null,null,%s],\"step_errors\":[null,"
             "null,{\"message\":\"SQLite error: UNIQUE constraint failed: t.a\""
             ",\"code\":\"SQLITE_CONSTRAINT\"},null,null]}}},{\"type\":\"ok\","
             "\"response\":{\"type\":\"close\"}}]}",
             none, none);
    assert_string_equal(f->body, expected);
    expect_count(f, 0);
}

static void sequence_stops_at_its_first_error(void **state)
{
    /* Bug: what ran before is undone, or what stands behind is run. */
    struct fixture *f = *state;
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"CREATE TABLE t (a); "
         "INSERT INTO t VALUES (1); SELEC; INSERT INTO t VALUES (2)\"},"
         "{\"type\":\"sequence\",\"sql\":\" ; -- none\"},"
         "{\"type\":\"get_autocommit\"}]}");
    assert_in_body(f, "[{\"type\":\"error\"");
    assert_in_body(f, "{\"type\":\"ok\",\"response\":{\"type\":\"sequence\"}}");
    assert_in_body(f, "\"is_autocommit\":true");
    expect_count(f, 1);
}

static void describe_tells_parameters_and_columns(void **state)
{
    /* Bug: nameless parameters are left out. */
    struct fixture *f = *state;
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"describe\",\"sql\":\"SELECT ? AS x, :n\"}]"
         "}");
    assert_in_body(f, "\"result\":{\"params\":[{\"name\":null},{\"name\":\":n\""
                      "}],\"cols\":[{\"name\":\"x\",\"decltype\":null},");
    assert_in_body(f, "\"is_explain\":false,\"is_readonly\":true}");
}

static void transaction_goes_on_by_its_baton_once(void **state)
{
    /* Bug: a baton works twice, for another database, for another user. */
    struct fixture *f = *state;
    char baton[64], next[64];
    run(f, "CREATE TABLE t (a)");
    run_in(f, "two", "SELECT 1");
    post(f, PIPELINE, BEGIN);
    baton_of(f, baton);
    assert_int_equal(strlen(baton), 32);
    go_on(f, "/db/two/v3/pipeline", baton, "");
    assert_int_equal(f->status, 400);
    strcpy(f->user, "eve");
    go_on(f, PIPELINE, baton, "");
    assert_int_equal(f->status, 400);
    strcpy(f->user, "");
    expect_count(f, 0); /* not committed: another connection */
    go_on(f, PIPELINE, baton, "{\"type\":\"get_autocommit\"}");
    assert_in_body(f, "\"is_autocommit\":false");
    baton_of(f, next);
    assert_string_not_equal(baton, next);
    go_on(f, PIPELINE, baton, "");
    assert_int_equal(f->status, 400);
    assert_in_body(f, "Received an invalid baton");
    go_on(f, PIPELINE, next,
          "{\"type\":\"execute\",\"stmt\":{\"sql\":\"COMMIT\"}}");
    assert_in_body(f, "{\"baton\":\"session.1.1.1\",");
    expect_count(f, 1);
}

static void closed_transaction_is_rolled_back(void **state)
{
    /* Bug: the connection goes back to the pool in its transaction. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    post(f, PIPELINE, BEGIN);
    baton_of(f, baton);
    go_on(f, PIPELINE, baton, "{\"type\":\"close\"}");
    assert_in_body(f, "{\"baton\":null,");
    expect_count(f, 0);
    run(f, "INSERT INTO t VALUES (2)");
    assert_in_body(f, "\"affected_row_count\":1");
}

static void idle_stream_expires_and_says_so(void **state)
{
    /* Bug: a client that vanished holds the write lock for ever. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    post(f, PIPELINE, BEGIN);
    baton_of(f, baton);
    run(f, "INSERT INTO t VALUES (2)");
    assert_in_body(f, "\"SQLITE_BUSY\"");
    sql_tick(f->sql, clock_ms() + 11 * 1000);
    go_on(f, PIPELINE, baton, "");
    assert_int_equal(f->status, 400);
    assert_in_body(f, "\"STREAM_EXPIRED\"");
    run(f, "INSERT INTO t VALUES (2)");
    assert_in_body(f, "\"affected_row_count\":1");
    expect_count(f, 1);
}

static void expiry_does_not_need_the_tick(void **state)
{
    /* Bug: a stream lives on until the next tick finds it. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    f->settings.sqlite_stream_idle_seconds = 0;
    post(f, PIPELINE, BEGIN);
    baton_of(f, baton);
    go_on(f, PIPELINE, baton, "");
    assert_in_body(f, "\"STREAM_EXPIRED\"");
    expect_count(f, 0);
}

static void long_transaction_times_out(void **state)
{
    /* Bug: a client that keeps asking keeps its lock. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    f->settings.sqlite_stream_idle_seconds = 1000;
    post(f, PIPELINE, BEGIN);
    baton_of(f, baton);
    sql_tick(f->sql, clock_ms() + 301 * 1000);
    go_on(f, PIPELINE, baton, "");
    assert_in_body(f, "\"TRANSACTION_TIMEOUT\"");
}

static long long wal_size(struct fixture *f)
{
    return (long long)sql_wal_bytes(f->sql, "one");
}

static void idle_database_has_an_empty_wal(void **state)
{
    /* Bug: what a large transaction had made of the WAL stayed for ever. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    run(f, "INSERT INTO t VALUES (randomblob(3000000))");
    assert_true(wal_size(f) > 3000000);
    sql_tick(f->sql, clock_ms() + 1000); /* not idle yet */
    assert_true(wal_size(f) > 3000000);
    sql_tick(f->sql, clock_ms() + 6000);
    assert_int_equal(wal_size(f), 0);
    /* A reader is not ended for that, and not waited for. */
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}},"
         "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT * FROM t LIMIT 0\""
         "}}]}");
    baton_of(f, baton);
    run(f, "INSERT INTO t VALUES (2)");
    sql_tick(f->sql, clock_ms() + 6000);
    assert_true(wal_size(f) > 0);
    go_on(
        f, PIPELINE, baton,
        "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT count(*) FROM t\"}},"
        "{\"type\":\"close\"}");
    assert_in_body(f, "\"value\":\"1\"");
    sql_tick(f->sql, clock_ms() + 6000);
    assert_int_equal(wal_size(f), 0);
}

static void long_wal_is_cut_by_the_next_write(void **state)
{
    /* Bug: a file that is written to all the time is never idle, and its WAL as
     * long as its largest transaction. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"BEGIN; INSERT INTO t "
         "VALUES (randomblob(5000000)), (randomblob(5000000)), "
         "(randomblob(5000000)); COMMIT\"}]}");
    assert_true(wal_size(f) > 15000000);
    run(f, "INSERT INTO t VALUES (1)");
    assert_true(wal_size(f) <= 8 << 20);
    expect_count(f, 4);
}

static void reader_that_was_busy_ends_when_it_is_given_back(void **state)
{
    /* Bug: a client that always has a request of its transaction under way kept
     * the WAL, as only those that wait could be ended. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    atomic_store(&TAILQ_FIRST(&f->sql->databases)->wal_is_full, true);
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}},"
         "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 7 FROM sqlite_schema"
         "\"}}]}");
    assert_in_body(f, "\"value\":\"7\"");
    baton_of(f, baton);
    go_on(f, PIPELINE, baton, "");
    assert_int_equal(f->status, 400);
    assert_in_body(f, "sqlite.wal_bytes");
    /* The next write finds it short. */
    f->settings.sqlite_wal_bytes = 1 << 20;
    run(f, "INSERT INTO t VALUES (1)");
    assert_false(atomic_load(&TAILQ_FIRST(&f->sql->databases)->wal_is_full));
}

static void the_oldest_reader_ends_first(void **state)
{
    /* Bug: all readers paid for the one that kept the WAL from being reused. */
    struct fixture *f = *state;
    char old[64], young[64];
    static const char snapshot[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}},"
        "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT count(*) FROM "
        "t\"}}]}";
    run(f, "CREATE TABLE t (a)");
    post(f, PIPELINE, snapshot);
    baton_of(f, old);
    run(f, "INSERT INTO t VALUES (randomblob(300000))");
    f->settings.sqlite_transaction_seconds = 600; /* it ends later */
    post(f, PIPELINE, snapshot);
    baton_of(f, young);
    sql_streams_end_oldest(f->sql, TAILQ_FIRST(&f->sql->databases));
    go_on(f, PIPELINE, young, "{\"type\":\"get_autocommit\"}");
    assert_in_body(f, "\"is_autocommit\":false");
    go_on(f, PIPELINE, old, "{\"type\":\"get_autocommit\"}");
    assert_in_body(f, "\"TRANSACTION_TIMEOUT\"");
    assert_in_body(f, "sqlite.wal_bytes");
}

static void streams_are_bounded(void **state)
{
    /* Bug: each client with a transaction costs a connection, without end. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    static const char deferred[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}}]}";
    for (uint64_t i = 0; i < f->settings.sqlite_streams; i++) {
        post(f, PIPELINE, deferred);
        assert_int_equal(f->status, 200);
    }
    post(f, PIPELINE, deferred);
    assert_int_equal(f->status, 429);
    expect_count(f, 0);
}

static void no_stream_is_left_for_what_has_committed(void **state)
{
    /* Bug: the whole request was 429, though its first statement was on disk.
     */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    f->settings.sqlite_streams = 0;
    post(
        f, PIPELINE,
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO "
        "t "
        "VALUES (1)\"}},{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}}]}");
    assert_int_equal(f->status, 200);
    assert_in_body(f, "\"affected_row_count\":1");
    baton_of(f, baton);
    go_on(f, PIPELINE, baton, "");
    assert_int_equal(f->status, 429);
    assert_in_body(f, "\"TOO_MANY_STREAMS\"");
    expect_count(f, 1);
}

static void who_may_only_read_leaves_streams_to_others(void **state)
{
    /* Bug: a stranger held all of them, and nobody could begin to write. */
    struct fixture *f = *state;
    uint64_t half = f->settings.sqlite_streams / 2;
    char baton[64];
    static const char deferred[] =
        "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}}]}";
    run(f, "CREATE TABLE t (a)");
    f->may_write = false;
    for (uint64_t i = 0; i <= half; i++) {
        post(f, PIPELINE, deferred);
        assert_int_equal(f->status, i < half ? 200 : 429);
        if (i == 0)
            baton_of(f, baton);
    }
    f->may_write = true;
    for (uint64_t i = 0; i < half; i++) {
        post(f, PIPELINE, deferred);
        assert_int_equal(f->status, 200);
    }
    /* One that ends makes room for the next reader. */
    f->may_write = false;
    go_on(f, PIPELINE, baton, "{\"type\":\"close\"}");
    assert_int_equal(f->status, 200);
    post(f, PIPELINE, deferred);
    assert_int_equal(f->status, 200);
}

static void read_only_transaction_refuses_writes(void **state)
{
    /* Bug: SQLite takes READONLY for a name and lets writes through. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    post(f, PIPELINE,
         "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"BEGIN TRANSACTION "
         "READONLY\"},{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO t "
         "VALUES (1)\"}},{\"type\":\"sequence\",\"sql\":\"COMMIT\"},"
         "{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO t VALUES "
         "(2)\"}}]}");
    assert_in_body(f, "{\"type\":\"error\",\"error\":{\"message\":\"SQLite "
                      "error: attempt to write a readonly database\",\"code\":"
                      "\"SQLITE_READONLY\"}}");
    expect_count(f, 1);
}

static void cursor_streams_what_only_reads(void **state)
{
    /* Bug: the lines come in another order than the contract's. */
    struct fixture *f = *state;
    run(f, "CREATE TABLE t (a)");
    post(f, CURSOR,
         "{\"baton\":null,\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"INSERT "
         "INTO t VALUES (1)\"}},{\"stmt\":{\"sql\":\"SELECT a FROM t\"}},"
         "{\"stmt\":{\"sql\":\"SELEC\"}},{\"stmt\":{\"sql\":\"SELECT 1\","
         "\"want_rows\":false},\"condition\":{\"type\":\"is_autocommit\"}},"
         "{\"stmt\":{\"sql\":\"SELECT 2\"},\"condition\":{\"type\":\"ok\","
         "\"step\":2}}]}}");
    assert_string_equal(
        f->body,
        "{\"baton\":\"session.1.1.1\",\"base_url\":null}\n"
        "{\"type\":\"step_begin\",\"step\":0,\"cols\":[]}\n"
        "{\"type\":\"step_end\",\"affected_row_count\":1,"
        "\"last_insert_rowid\":\"1\"}\n"
        "{\"type\":\"step_begin\",\"step\":1,\"cols\":[{\"name\":\"a\","
        "\"decltype\":null}]}\n"
        "{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"1\"}]}\n"
        "{\"type\":\"step_end\",\"affected_row_count\":0,"
        "\"last_insert_rowid\":null}\n"
        "{\"type\":\"step_error\",\"step\":2,\"error\":{\"message\":\"SQL "
        "input error: near \\\"SELEC\\\": syntax error (at offset 0)\","
        "\"code\":\"SQL_INPUT_ERROR\"}}\n"
        "{\"type\":\"step_begin\",\"step\":3,\"cols\":[{\"name\":\"1\","
        "\"decltype\":null}]}\n"
        "{\"type\":\"step_end\",\"affected_row_count\":0,"
        "\"last_insert_rowid\":null}\n");
}

static void large_cursor_comes_in_pieces(void **state)
{
    /* Bug: all rows are gathered before the first is sent. */
    struct fixture *f = *state;
    post(f, CURSOR,
         "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"WITH RECURSIVE n(i) AS "
         "(SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) SELECT i FROM "
         "n\"}}]}}");
    assert_int_equal(f->status, 200);
    assert_true(f->pieces > 10);
    assert_in_body(f, "[{\"type\":\"integer\",\"value\":\"20000\"}]}\n"
                      "{\"type\":\"step_end\"");
}

static void cursors_that_stream_are_bounded(void **state)
{
    /* Bug: slow readers hold a connection each until no descriptor is left. */
    struct fixture *f = *state;
    static const char select[] =
        "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"SELECT 7\"}}]}}";
    f->settings.sqlite_streams = 1;
    for (int i = 0; i < 3; i++) {
        post(f, CURSOR, select);
        assert_int_equal(f->pieces, 1);
    }
    f->settings.sqlite_streams = 0;
    post(f, CURSOR, select);
    assert_int_equal(f->pieces, 0); /* whole */
    assert_in_body(f, "{\"type\":\"row\",\"row\":[{\"type\":\"integer\","
                      "\"value\":\"7\"}]}\n{\"type\":\"step_end\"");
}

static void cursor_in_transaction_keeps_its_baton(void **state)
{
    /* Bug: the first line says null, and the transaction is lost. */
    struct fixture *f = *state;
    char baton[64];
    run(f, "CREATE TABLE t (a)");
    post(f, CURSOR,
         "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"BEGIN\"}},{\"stmt\":{"
         "\"sql\":\"INSERT INTO t VALUES (1)\"}}]}}");
    baton_of(f, baton);
    assert_int_equal(strlen(baton), 32);
    go_on(f, PIPELINE, baton,
          "{\"type\":\"execute\",\"stmt\":{\"sql\":\"COMMIT\"}}");
    expect_count(f, 1);
}

static void v1_answers_without_streams(void **state)
{
    /* Bug: the legacy client gets the pipeline's form. */
    struct fixture *f = *state;
    post(f, "/db/one/v1/execute", "{\"stmt\":{\"sql\":\"SELECT 1 AS a\"}}");
    assert_string_equal(
        f->body, "{\"result\":{\"cols\":[{\"name\":\"a\",\"decltype\":null}],"
                 "\"rows\":[[{\"type\":\"integer\",\"value\":\"1\"}]],"
                 "\"affected_row_count\":0,\"last_insert_rowid\":null}}");
    post(f, "/db/one/v1/execute", "{\"stmt\":{\"sql\":\"SELEC\"}}");
    assert_int_equal(f->status, 400);
    assert_in_body(f, "\"SQL_INPUT_ERROR\"");
    post(f, "/db/one/v1/batch",
         "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"SELECT 1\"}}]}}");
    assert_in_body(f, "{\"result\":{\"step_results\":[{");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(batch_rolls_back_what_failed),
        TEST(sequence_stops_at_its_first_error),
        TEST(describe_tells_parameters_and_columns),
        TEST(transaction_goes_on_by_its_baton_once),
        TEST(closed_transaction_is_rolled_back),
        TEST(idle_stream_expires_and_says_so),
        TEST(expiry_does_not_need_the_tick),
        TEST(long_transaction_times_out),
        TEST(idle_database_has_an_empty_wal),
        TEST(long_wal_is_cut_by_the_next_write),
        TEST(reader_that_was_busy_ends_when_it_is_given_back),
        TEST(the_oldest_reader_ends_first),
        TEST(streams_are_bounded),
        TEST(no_stream_is_left_for_what_has_committed),
        TEST(who_may_only_read_leaves_streams_to_others),
        TEST(read_only_transaction_refuses_writes),
        TEST(cursor_streams_what_only_reads),
        TEST(large_cursor_comes_in_pieces),
        TEST(cursors_that_stream_are_bounded),
        TEST(cursor_in_transaction_keeps_its_baton),
        TEST(v1_answers_without_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
