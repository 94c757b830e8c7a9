/* sql.h - SQLite databases over HTTP: the Hrana protocol (SQL as JSON), and
 * pages for people.
 *
 * exchange -> route (/db/NAME/...) -> a connection of that database's pool ->
 * prepared statement -> response (JSON in memory, or a cursor as a stream).
 *
 * An exchange is one HTTP request and its answer. A stage is one of the five
 * servers of this project. A stream is a database connection that is kept for
 * one client, with its transaction; the client's next request names it by a
 * string, the baton. All calls are safe from several threads. */
#ifndef FIVEFOLD_SQL_SQL_H
#define FIVEFOLD_SQL_SQL_H

#include "core/exchange.h"

struct settings;
struct sql;

/* Opens settings->sqlite_directory; each database in it is opened when it is
 * first asked for. Borrows settings until sql_close. wait_ms is how long to
 * wait for a locked database: 0 in a stage with one thread. Returns NULL with
 * errno as open(2). The caller owns the result (sql_close). */
struct sql *sql_open(const struct settings *settings, unsigned wait_ms);

/* From now on, each database runs one statement at a time: the other threads
 * wait for its mutex. Call it before the first request. */
void sql_use_mutex(struct sql *sql);

/* From now on, errors that the operator of the server must know (the disk, a
 * broken file) are also written to the error log. Borrows log until sql_close.
 * Call it before the first request. */
struct log;
void sql_use_log(struct sql *sql, struct log *log);

/* From now on, a query (GET) with exchange->at_once is answered without a
 * worker (a thread that may wait) if it is short and all that it needs is in
 * memory. Call it before the first request. */
void sql_use_at_once(struct sql *sql);

/* Called when a stream that waits for its client starts (held) or stops
 * holding the write lock of its database. While it is held, no other connection
 * can write there. name is borrowed. Called from any thread, with no lock of
 * SQL held. */
typedef void sql_lock_function(void *context, struct text name, bool held);

/* From now on, such changes are reported to on_lock. Borrows context. Call it
 * before the first request; with NULL, after the last. */
void sql_tell_locks(struct sql *sql, sql_lock_function *on_lock, void *context);

/* Call it when the server ends. Interrupts every statement that runs and
 * refuses every one that has not begun, with SQLITE_INTERRUPT. From any thread.
 */
void sql_interrupt(struct sql *sql);

/* Rolls back all transactions, closes all databases and frees sql. NULL is
 * allowed. No request may be in progress. */
void sql_close(struct sql *sql);

/* Ends streams (interactive transactions) that have been idle or held too long.
 * Call it about once a second with monotonic time in milliseconds. It is cheap
 * when there are no streams. */
void sql_tick(struct sql *sql, uint64_t now_ms);

/* The stack, in bytes, of a thread that compiles SQL. It is several times what
 * SQLite is allowed to use (memory.c). */
enum { SQL_THREAD_BYTES = 8 << 20 };

/* What SQLite has allocated for all databases. */
struct sql_memory_figures {
    uint64_t used, limit; /* bytes; limit 0: no limit */
    uint64_t refused;     /* allocations that were refused, since the start */
};
struct sql_memory_figures sql_memory_figures(void);

/* Serves the paths of its mount (by default /db/ and below). */
extern const struct handler sql_handler;

/* ---- a request of the protocol in steps ----
 *
 * sql_handler.finish does all of it in one call. A stage that must know first
 * what a request needs uses the steps:
 *
 * open -> need -> answer (may be repeated) -> close */

struct sql_request;

/* Reads exchange->body. Borrows exchange until sql_request_close. Returns NULL
 * if the body is not well formed or cannot be read; exchange->response then has
 * the error. The caller owns the result. */
struct sql_request *sql_request_open(struct exchange *exchange);

enum sql_need {
    SQL_NEED_READ,  /* it only reads: many may run at the same time */
    SQL_NEED_OWN,   /* its stream has the write lock, or does not need it now */
    SQL_NEED_WRITE, /* it may need the write lock, alone */
    SQL_NEED_GROUP, /* the same, but it may share a transaction with other
                       clients' writes */
};

/* Returns what the request needs. Finds out by compiling its statements; one
 * that cannot be compiled (yet) counts as a write. Consumes the baton. May
 * block, as opening a database does. Call it at most once, before answer. */
enum sql_need sql_request_need(struct sql_request *request);

/* From now on, the request does not wait for a locked database: it gets
 * SQLITE_BUSY at once. */
void sql_request_hurry(struct sql_request *request);

/* Runs the request and fills exchange->response. May block. */
void sql_request_answer(struct sql_request *request);

/* Frees the request. Rolls back a stream that was taken and not used. NULL is
 * allowed. */
void sql_request_close(struct sql_request *request);

/* Append to out what /-/stats and /-/metrics show of SQLite's memory and of the
 * databases of all mounts: as members of the JSON object that is open, or as
 * Prometheus lines. */
void sql_stats_json(const struct server *server, struct message_buffer *out);
void sql_stats_metrics(const struct server *server, struct message_buffer *out);

#endif
