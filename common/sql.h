/* sql.h - SQLite databases over HTTP: the Hrana protocol, and pages for
 * people.
 *
 * exchange -> route (/db/NAME/...) -> a connection of that database's pool ->
 * prepared statement -> response (JSON in memory, or a cursor as a stream).
 *
 * All calls are safe from several threads. */
#ifndef FIVEFOLD_SQL_H
#define FIVEFOLD_SQL_H

#include "exchange.h"

struct settings;
struct sql;

/* Opens settings->sqlite_directory; NULL with errno as open(2). wait_ms is how
 * long a locked database is waited for: 0 in a stage with one thread. Databases
 * are opened when first asked for. */
struct sql *sql_open(const struct settings *settings, unsigned wait_ms);

/* From now on one statement at a time runs in a database, and the threads of
 * the others wait for its mutex. Call before the first request. */
void sql_use_mutex(struct sql *sql);

/* Rolls back and closes all. */
void sql_close(struct sql *sql);

/* Ends streams (interactive transactions) that are idle or held too long.
 * Call about once a second with monotonic time; cheap when there is none. */
void sql_tick(struct sql *sql, uint64_t now_ms);

/* Serves the paths of its mount. Uses exchange->mount->sql. */
extern const struct handler sql_handler;

/* Appends what /-/stats and /-/metrics show of the databases of all mounts: one
 * JSON array, or Prometheus lines. */
void sql_stats_json(const struct server *server, struct message_buffer *out);
void sql_stats_metrics(const struct server *server, struct message_buffer *out);

#endif
