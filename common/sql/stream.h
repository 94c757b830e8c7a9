/* stream.h - a client's connection that may last for several requests, and the
 * table in which it waits for the next one.
 *
 * A baton that is only a session (session.c) names no stream: it holds three
 * numbers. */
#ifndef FIVEFOLD_SQL_STREAM_H
#define FIVEFOLD_SQL_STREAM_H

#include "base/table.h"
#include "core/exchange.h"
#include "sql/session.h"

#include <jansson.h>
#include <sys/queue.h>

struct sql_error;

enum {
    SQL_BATON_BYTES = 32,              /* 24 random bytes in base64 */
    SQL_BATON_MAX = SQL_SESSION_BYTES, /* of a baton of either kind */
    SQL_STORED_MAX = 50,               /* SQL texts per stream */
    SQL_STORED_BYTES = 5000,           /* of one stored text */
};

struct sql_stored {
    int64_t id;
    char *text; /* owned */
    size_t length;
    SLIST_ENTRY(sql_stored) link;
};

/* A client's connection and its stored SQL texts, for one request or several.
 */
struct sql_stream {
    /* Used only by the thread that holds the stream. */
    struct sql_connection *connection; /* owned, unless borrows is set */
    bool borrows;
    SLIST_HEAD(, sql_stored) stored; /* owned */
    size_t stored_count;
    bool close;       /* the client has asked to close it */
    unsigned version; /* of the protocol in this request: 1, 2 or 3 */

    /* Fixed from when it is kept. */
    char user[USER_MAX + 1];
    bool may_write;

    /* Of the table of streams (stream.c), under its lock. */
    char baton[SQL_BATON_BYTES + 1];
    bool counted; /* in the count of streams: from when it is first kept until
                     it is dropped */
    uint64_t idle_until_ms;
    uint64_t transaction_until_ms; /* 0: no transaction is open, or no limit */
    bool is_kept;                  /* it is in the table: no thread holds it */
    struct table_link by_baton;
    SLIST_ENTRY(sql_stream) expired; /* in the list of those to drop */
};

struct sql_streams *sql_streams_open(void);
void sql_streams_close(struct sql_streams *streams);
void sql_streams_tick(struct sql_streams *streams, uint64_t now_ms);

/* Ends the oldest transaction of that database that only reads and whose client
 * is away. The next request with its baton gets the reason as an error. Returns
 * false if there is no such transaction. */
bool sql_streams_end_oldest(struct sql *sql,
                            const struct sql_database *database);

/* Makes a stream with that connection and takes ownership of it. The caller
 * owns the stream (sql_stream_give or sql_stream_drop). Returns NULL with error
 * without memory; the connection is then still the caller's. */
struct sql_stream *sql_stream_new(const struct exchange *exchange,
                                  struct sql_connection *connection,
                                  struct sql_error *error);

/* Returns the stream of that baton and consumes the baton. If baton is null or
 * NULL, or holds only a session, makes a new stream. The caller owns the
 * stream. Returns NULL with error: a 400, or the error of sql_take. May block.
 */
struct sql_stream *sql_stream_take(struct exchange *exchange, struct text name,
                                   const json_t *baton,
                                   struct sql_error *error);

/* True if no connection is kept for that baton: it is null or NULL, or it is
 * only a session. Then *session is set to that session, or to zeros. */
bool sql_baton_is_free(const json_t *baton, struct sql_session *session);

/* Gives the stream back. Keeps it if it has state (an open transaction, stored
 * texts, settings, temporary tables) and the client did not ask to close it;
 * writes its new baton. Otherwise drops it and writes its session as a baton,
 * or "". Takes ownership of stream. Returns 0, or -1 with error: 429 if there
 * are too many streams, 500 without random numbers; the stream is then dropped.
 */
int sql_stream_give(struct sql_stream *stream, char baton[SQL_BATON_MAX + 1],
                    struct sql_error *error);

/* Rolls back, gives the connection back and frees the stream. */
void sql_stream_drop(struct sql_stream *stream);

#endif
