/* wal.h - keeps the write-ahead log (WAL) of a database short. */
#ifndef FIVEFOLD_SQL_WAL_H
#define FIVEFOLD_SQL_WAL_H

#include <stdint.h>

struct sql;
struct sql_connection;

/* Returns the length of NAME.db-wal in bytes; 0 if there is none. */
uint64_t sql_wal_bytes(const struct sql *sql, const char *name);

/* Called when the connection may have written and has no transaction open. If
 * the WAL is longer than settings->sqlite_wal_bytes, empties it. For that it
 * ends transactions that only read and whose client is away, the oldest first,
 * and then streamed answers. May block, as long as for a lock. */
void sql_wal_look(struct sql_connection *connection);

/* Empties the WAL if no connection reads from it or writes. Waits for no lock,
 * but for the disk. */
void sql_wal_empty(struct sql_connection *connection);

#endif
