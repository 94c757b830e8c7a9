/* stream.c - streams that are kept after a request, and found by baton.
 *
 * sql_stream_take (baton, or a fresh one) -> requests run -> sql_stream_give
 *   -> kept under a new baton | rolled back and closed
 *
 * A stream is a client's connection to a database that may last for several
 * HTTP requests. The baton is the token with which the next request names it.
 * A stream is kept only while it has state. A baton can be used once: taking a
 * stream removes it from the table, so two requests never share one. The batons
 * of streams that the server has ended (enum end_reason) are remembered for a
 * while, to tell the client why. */
#include "sql/stream.h"

#include "base/base64.h"
#include "base/clock.h"
#include "config/settings.h"
#include "sql/db.h"
#include "sql/error.h"
#include "sql/internal.h"
#include "sql/session.h"
#include "sql/time_left.h"
#include "sql/wal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    STREAM_BUCKETS = 256,  /* a power of two */
    STREAM_SPENT_MAX = 256 /* batons of ended streams, remembered */
};

enum end_reason {
    END_IDLE,
    END_TRANSACTION, /* held too long */
    END_WAL,         /* it kept the WAL from being emptied (wal.c) */
    END_NO_ROOM,     /* too many streams; its request had committed */
};

struct sql_streams {
    pthread_mutex_t lock;
    /* Under lock. */
    struct table by_baton;
    size_t count;        /* streams kept, or in use and kept before */
    size_t reader_count; /* of these, of clients that may not write */
    struct {
        char baton[SQL_BATON_BYTES + 1];
        enum end_reason why;
    } spent[STREAM_SPENT_MAX];
    size_t spent_next;
};

static uint64_t hash_of(const char *baton)
{
    return text_hash(0, (struct text){baton, SQL_BATON_BYTES});
}

/* ---- one stream ---- */

static void stream_discount(const struct sql_stream *stream)
{
    struct sql_streams *streams = stream->connection->sql->streams;
    if (!stream->counted)
        return;
    pthread_mutex_lock(&streams->lock);
    streams->count--;
    streams->reader_count -= !stream->may_write;
    pthread_mutex_unlock(&streams->lock);
}

void sql_stream_drop(struct sql_stream *stream)
{
    assert(!stream->is_kept);
    while (!SLIST_EMPTY(&stream->stored)) {
        struct sql_stored *first = SLIST_FIRST(&stream->stored);
        SLIST_REMOVE_HEAD(&stream->stored, link);
        free(first->text);
        free(first);
    }
    stream_discount(stream);
    if (!stream->borrows)
        sql_give(stream->connection);
    free(stream);
}

struct sql_stream *sql_stream_new(const struct exchange *exchange,
                                  struct sql_connection *connection,
                                  struct sql_error *error)
{
    struct sql_stream *made = calloc(1, sizeof *made);
    if (made == NULL) {
        sql_fail(error, 500, "INTERNAL", "out of memory");
        return NULL;
    }
    made->connection = connection;
    made->may_write = exchange->may_write;
    snprintf(made->user, sizeof made->user, "%s", exchange->user);
    return made;
}

static struct sql_stream *stream_fresh(struct exchange *exchange,
                                       struct text name,
                                       struct sql_error *error)
{
    struct sql *sql = sql_of(exchange);
    enum sql_purpose purpose = !exchange->may_write           ? SQL_READ
                               : sql->settings->sqlite_create ? SQL_CREATE
                                                              : SQL_WRITE;
    struct sql_connection *connection = sql_take(sql, name, purpose, error);
    if (connection == NULL)
        return NULL;
    struct sql_stream *made = sql_stream_new(exchange, connection, error);
    if (made == NULL)
        sql_give(connection);
    return made;
}

/* ---- the table ---- */

/* The caller holds the stream now. */
static void leave_locked(struct sql_streams *streams, struct sql_stream *stream)
{
    assert(stream->is_kept);
    stream->is_kept = false;
    table_remove(&streams->by_baton, &stream->by_baton);
    atomic_fetch_sub(&stream->connection->database->streams, 1);
}

static struct sql_stream *find_locked(const struct sql_streams *streams,
                                      const char *baton)
{
    struct table_link *at = table_first(&streams->by_baton, hash_of(baton));
    for (; at != NULL; at = table_next(at)) {
        struct sql_stream *stream = OWNER_OF(at, struct sql_stream, by_baton);
        if (strcmp(stream->baton, baton) == 0)
            return stream;
    }
    return NULL;
}

static bool stream_has_expired(const struct sql_stream *stream, uint64_t now_ms,
                               enum end_reason *why)
{
    bool transaction = stream->transaction_until_ms != 0 &&
                       now_ms >= stream->transaction_until_ms;
    *why = transaction ? END_TRANSACTION : END_IDLE;
    return transaction || now_ms >= stream->idle_until_ms;
}

static void spent_remember_locked(struct sql_streams *streams,
                                  const struct sql_stream *stream,
                                  enum end_reason why)
{
    size_t at = streams->spent_next++ % STREAM_SPENT_MAX;
    memcpy(streams->spent[at].baton, stream->baton, sizeof stream->baton);
    streams->spent[at].why = why;
}

static void fail_ended(struct sql_error *error, enum end_reason why)
{
    switch (why) {
    case END_TRANSACTION:
        sql_fail(error, 400, "TRANSACTION_TIMEOUT", "Transaction timed out");
        break;
    case END_WAL:
        sql_fail(error, 400, "TRANSACTION_TIMEOUT",
                 "Transaction timed out: what it read from had grown beyond "
                 "sqlite.wal_bytes; begin again");
        break;
    case END_NO_ROOM:
        sql_fail(error, 429, "TOO_MANY_STREAMS",
                 "too many streams are open; rolled back");
        break;
    case END_IDLE:
        sql_fail(error, 400, "STREAM_EXPIRED",
                 "The stream has expired due to inactivity");
    }
}

/* Fills error with why there is no stream of that baton. */
static void fail_unknown_locked(struct sql_streams *streams, const char *baton,
                                struct sql_error *error)
{
    for (size_t i = 0; i < STREAM_SPENT_MAX; i++)
        if (strcmp(streams->spent[i].baton, baton) == 0) {
            fail_ended(error, streams->spent[i].why);
            return;
        }
    sql_fail(error, 400, "INVALID_BATON", "Received an invalid baton");
}

/* Removes the stream from the table and returns it; NULL with error. Sets
 * *expired to a stream whose time is up: the caller drops it, without the lock.
 */
static struct sql_stream *table_take(struct sql_streams *streams,
                                     struct exchange *exchange,
                                     struct text name, const char *baton,
                                     struct sql_stream **expired,
                                     struct sql_error *error)
{
    uint64_t now_ms = clock_ms();
    enum end_reason why;
    pthread_mutex_lock(&streams->lock);
    struct sql_stream *found = find_locked(streams, baton);
    /* A request of another user, or for another database, cannot end the
     * stream, even if it has the baton. */
    if (found != NULL &&
        (!text_equal(sql_database_name(found->connection), name) ||
         strcmp(found->user, exchange->user) != 0))
        found = NULL;
    if (found == NULL) {
        fail_unknown_locked(streams, baton, error);
    } else {
        leave_locked(streams, found);
        if (stream_has_expired(found, now_ms, &why)) {
            spent_remember_locked(streams, found, why);
            fail_ended(error, why);
            *expired = found;
            found = NULL;
        }
    }
    pthread_mutex_unlock(&streams->lock);
    return found;
}

bool sql_baton_is_free(const json_t *baton, struct sql_session *session)
{
    struct text text = {json_string_value(baton), json_string_length(baton)};
    *session = (struct sql_session){0};
    return baton == NULL || json_is_null(baton) ||
           (text.data != NULL && sql_session_read(text, session));
}

struct sql_stream *sql_stream_take(struct exchange *exchange, struct text name,
                                   const json_t *baton, struct sql_error *error)
{
    struct sql_session session;
    if (sql_baton_is_free(baton, &session))
        return stream_fresh(exchange, name, error);
    if (!json_is_string(baton) ||
        json_string_length(baton) != SQL_BATON_BYTES ||
        strlen(json_string_value(baton)) != SQL_BATON_BYTES) {
        sql_fail(error, 400, "INVALID_BATON", "Received an invalid baton");
        return NULL;
    }
    struct sql_stream *expired = NULL;
    struct sql_stream *taken =
        table_take(sql_of(exchange)->streams, exchange, name,
                   json_string_value(baton), &expired, error);
    if (expired != NULL)
        sql_stream_drop(expired);
    /* The access rules may have changed since. A client that may no longer
     * write does not get a stream that can. */
    if (taken != NULL && taken->may_write && !exchange->may_write) {
        sql_stream_drop(taken);
        sql_fail(error, 400, "INVALID_BATON", "Received an invalid baton");
        return NULL;
    }
    if (taken != NULL)
        sql_time_start(taken->connection);
    return taken;
}

static int baton_make(char baton[SQL_BATON_BYTES + 1])
{
    unsigned char random[SQL_BATON_BYTES / 4 * 3];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -1;
    /* On the stack, as an allocation could fail: the stream is given back after
     * its commits, when it is too late for an error. */
    char space[SQL_BATON_BYTES + 4]; /* base64_append needs spare bytes */
    struct message_buffer text = {.data = space, .capacity = sizeof space};
    base64_append(&text, random, sizeof random, true);
    memcpy(baton, space, SQL_BATON_BYTES);
    baton[SQL_BATON_BYTES] = '\0';
    return 0;
}

/* Sets the times at which the stream expires. */
static void stream_set_times(struct sql_stream *stream)
{
    const struct sql_connection *connection = stream->connection;
    stream->idle_until_ms =
        clock_ms() +
        connection->sql->settings->sqlite_stream_idle_seconds * 1000;
    /* 0: no transaction is open, or it has no limit. */
    stream->transaction_until_ms =
        connection->transaction_deadline_ns / 1000000;
}

/* A client keeps the stream it has. Otherwise newcomers could end its
 * transaction. Clients that may only read get at most half of the streams, as
 * such a client may be anybody. Otherwise a stranger could take all streams,
 * and leave none to the clients that may write. */
static bool has_room_locked(const struct sql_streams *streams,
                            const struct sql_stream *stream)
{
    uint64_t max = stream->connection->sql->settings->sqlite_streams;
    return stream->counted ||
           (streams->count < max &&
            (stream->may_write || streams->reader_count < (max + 1) / 2));
}

/* True if the transaction has a snapshot and has written nothing: nothing is
 * lost when it ends. */
static bool only_reads(const struct sql_stream *stream)
{
    return sqlite3_txn_state(stream->connection->handle, NULL) ==
           SQLITE_TXN_READ;
}

/* True if the next request of the client needs this same connection. */
static bool has_state(const struct sql_stream *stream)
{
    return !SLIST_EMPTY(&stream->stored) ||
           !sql_is_autocommit(stream->connection) ||
           stream->connection->has_state;
}

int sql_stream_give(struct sql_stream *stream, char baton[SQL_BATON_MAX + 1],
                    struct sql_error *error)
{
    struct sql *sql = stream->connection->sql;
    struct sql_streams *streams = sql->streams;
    assert(!stream->is_kept);
    baton[0] = '\0';
    /* A stream without state, or one to close, is not kept. Nor are two others:
     * a borrowed connection is needed for other requests, and a client that has
     * gone will not ask for its stream again. */
    if (stream->close || stream->borrows || stream->connection->gone ||
        !has_state(stream)) {
        if (!stream->close)
            sql_session_write(stream->connection, baton);
        sql_stream_drop(stream);
        return 0;
    }
    if (baton_make(stream->baton) < 0) {
        sql_stream_drop(stream);
        return sql_fail(error, 500, "INTERNAL", "no random numbers");
    }
    if (!stream->connection->read_only && sql_is_autocommit(stream->connection))
        sql_wal_look(stream->connection);
    stream_set_times(stream);
    /* The next request may come by another socket. */
    stream->connection->client_fd = 0;
    sql_hold_lock(stream->connection,
                  sqlite3_txn_state(stream->connection->handle, NULL) ==
                      SQLITE_TXN_WRITE);
    /* sql_streams_end_oldest cannot end a stream that is in use, so it is ended
     * here. Its new baton is remembered as spent: this answer is still good,
     * and the next request gets an error that says why the transaction has
     * ended. */
    bool too_old = atomic_load(&stream->connection->database->wal_is_full) &&
                   only_reads(stream);
    bool place = stream->may_write || sql_occupy(stream->connection);
    pthread_mutex_lock(&streams->lock);
    bool room = place && has_room_locked(streams, stream);
    /* An error now would say that nothing was done, although this request has
     * committed something. So the next request gets the error. */
    bool later = too_old || (!room && stream->connection->committed);
    if (later) {
        memcpy(baton, stream->baton, SQL_BATON_BYTES + 1);
        spent_remember_locked(streams, stream, too_old ? END_WAL : END_NO_ROOM);
    } else if (room) {
        streams->count += !stream->counted;
        streams->reader_count += !stream->counted && !stream->may_write;
        stream->counted = true;
        stream->is_kept = true;
        table_add(&streams->by_baton, &stream->by_baton,
                  hash_of(stream->baton));
        atomic_fetch_add(&stream->connection->database->streams, 1);
        /* Under the lock: after it is released, another thread may have freed
         * the stream already. */
        memcpy(baton, stream->baton, SQL_BATON_BYTES + 1);
    }
    pthread_mutex_unlock(&streams->lock);
    if (room && !later)
        return 0;
    sql_stream_drop(stream);
    if (later)
        return 0;
    return sql_fail(error, 429, "TOO_MANY_STREAMS",
                    "too many streams are open; rolled back");
}

void sql_streams_tick(struct sql_streams *streams, uint64_t now_ms)
{
    SLIST_HEAD(, sql_stream) expired = SLIST_HEAD_INITIALIZER(expired);
    pthread_mutex_lock(&streams->lock);
    struct table_link *at = NULL, *next;
    if (streams->count > 0)
        at = table_walk(&streams->by_baton, NULL);
    for (; at != NULL; at = next) {
        struct sql_stream *stream = OWNER_OF(at, struct sql_stream, by_baton);
        enum end_reason why;
        next = table_walk(&streams->by_baton, at);
        if (!stream_has_expired(stream, now_ms, &why))
            continue;
        spent_remember_locked(streams, stream, why);
        leave_locked(streams, stream);
        SLIST_INSERT_HEAD(&expired, stream, expired);
    }
    pthread_mutex_unlock(&streams->lock);
    while (!SLIST_EMPTY(&expired)) {
        struct sql_stream *first = SLIST_FIRST(&expired);
        SLIST_REMOVE_HEAD(&expired, expired);
        sql_stream_drop(first);
    }
}

bool sql_streams_end_oldest(struct sql *sql,
                            const struct sql_database *database)
{
    struct sql_streams *streams = sql->streams;
    struct sql_stream *oldest = NULL;
    pthread_mutex_lock(&streams->lock);
    struct table_link *link = table_walk(&streams->by_baton, NULL);
    for (; link != NULL; link = table_walk(&streams->by_baton, link)) {
        struct sql_stream *at = OWNER_OF(link, struct sql_stream, by_baton);
        if (at->connection->database == database && only_reads(at) &&
            (oldest == NULL ||
             at->transaction_until_ms < oldest->transaction_until_ms))
            oldest = at;
    }
    if (oldest != NULL) {
        spent_remember_locked(streams, oldest, END_WAL);
        leave_locked(streams, oldest);
    }
    pthread_mutex_unlock(&streams->lock);
    if (oldest == NULL)
        return false;
    sql_stream_drop(oldest);
    return true;
}

struct sql_streams *sql_streams_open(void)
{
    struct sql_streams *made = calloc(1, sizeof *made);
    if (made == NULL || table_open(&made->by_baton, STREAM_BUCKETS) < 0) {
        free(made);
        return NULL;
    }
    pthread_mutex_init(&made->lock, NULL);
    return made;
}

void sql_streams_close(struct sql_streams *streams)
{
    sql_streams_tick(streams, UINT64_MAX);
    table_close(&streams->by_baton);
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}
