/* sql.h - SQLite databases over HTTP: the Hrana protocol, and pages for
 * people.
 *
 * exchange -> route (/db/NAME/...) -> a connection of that database's pool ->
 * prepared statement -> response (JSON in memory, or a cursor as a stream).
 *
 * All calls are safe from several threads. */
#ifndef FIVEFOLD_SQL_H
#define FIVEFOLD_SQL_H

#include "core/exchange.h"

struct settings;
struct sql;

/* Opens settings->sqlite_directory; NULL with errno as open(2). wait_ms is how
 * long a locked database is waited for: 0 in a stage with one thread. Databases
 * are opened when first asked for. */
struct sql *sql_open(const struct settings *settings, unsigned wait_ms);

/* From now on one statement at a time runs in a database, and the threads of
 * the others wait for its mutex. Call before the first request. */
void sql_use_mutex(struct sql *sql);

/* From now on errors that concern whoever runs the server (the disk, a broken
 * file) are told to the error log too. Call before the first request. */
struct log;
void sql_use_log(struct sql *sql, struct log *log);

/* From now on a query (GET) is answered with exchange->at_once too, if all that
 * it needs is in memory and it is short. Call before the first request. */
void sql_use_at_once(struct sql *sql);

/* A stream that waits for its client begins (held) or ceases to hold the write
 * lock of its database: nobody else can write there. name is borrowed. Called
 * from any thread, with no lock of SQL held. */
typedef void sql_lock_function(void *context, struct text name, bool held);

/* From now on `on_lock` is told. Call before the first request; with NULL,
 * behind the last. */
void sql_tell_locks(struct sql *sql, sql_lock_function *on_lock, void *context);

/* The server ends now: what runs is interrupted, and what has not begun is
 * refused, with SQLITE_INTERRUPT. From any thread. */
void sql_interrupt(struct sql *sql);

/* Rolls back and closes all. */
void sql_close(struct sql *sql);

/* Ends streams (interactive transactions) that are idle or held too long.
 * Call about once a second with monotonic time; cheap when there is none. */
void sql_tick(struct sql *sql, uint64_t now_ms);

/* How much stack a thread must have that compiles SQL: what SQLite is let use
 * (memory.c) fits several times. Bytes. */
enum { SQL_THREAD_BYTES = 8 << 20 };

/* What SQLite has allocated for all databases. */
struct sql_memory_figures {
    uint64_t used, limit; /* bytes; limit 0: none */
    uint64_t refused;     /* allocations that failed, since the start */
};
struct sql_memory_figures sql_memory_figures(void);

/* Serves the paths of its mount. */
extern const struct handler sql_handler;

/* ---- a request of the protocol in steps ----
 *
 * What sql_handler.finish does at a stroke, for a stage that wants to know
 * first what a request needs: open -> need -> answer (once or again) -> close.
 */

struct sql_request;

/* Reads exchange->body; borrows exchange until close. NULL: it is not well
 * formed, and exchange->response says so. */
struct sql_request *sql_request_open(struct exchange *exchange);

enum sql_need {
    SQL_NEED_READ,  /* it only reads: with many others at a time */
    SQL_NEED_OWN,   /* a stream that has the write lock, or needs none now */
    SQL_NEED_WRITE, /* it may want the write lock, by itself */
    SQL_NEED_GROUP, /* likewise, and others' writes may be in its transaction */
};

/* Finds out by compiling its statements: what cannot be compiled (yet) counts
 * as a write. Uses a baton up. May block, as opening a database does. Call at
 * most once, before answer. */
enum sql_need sql_request_need(struct sql_request *request);

/* It does not wait for a locked database any more: SQLITE_BUSY at once. */
void sql_request_hurry(struct sql_request *request);

/* Runs it and fills exchange->response. May block. */
void sql_request_answer(struct sql_request *request);

/* Frees it; rolls back a stream that was not used. NULL is allowed. */
void sql_request_close(struct sql_request *request);

/* Appends what /-/stats and /-/metrics show of SQLite's memory and of the
 * databases of all mounts: members of a JSON object that is open, or Prometheus
 * lines. */
void sql_stats_json(const struct server *server, struct message_buffer *out);
void sql_stats_metrics(const struct server *server, struct message_buffer *out);

#endif
