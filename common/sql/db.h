/* db.h - databases and their pools of connections: a connection is taken, used,
 * and given back. */
#ifndef FIVEFOLD_SQL_DB_H
#define FIVEFOLD_SQL_DB_H

#include "base/text.h"

struct sql;
struct sql_connection;
struct sql_error;

enum sql_purpose {
    SQL_READ,   /* a connection of the read-only pool */
    SQL_WRITE,  /* it may write; the file must exist */
    SQL_CREATE, /* it may write; the file is made if it is missing */
};

/* Returns a connection to the database of that name, from its pool or a new
 * one. The caller must give it back by sql_give. On failure returns NULL with
 * error: 404 NOT_FOUND; 503 if too many databases are in use, or memory or
 * descriptors have run out; the error of sql_create_database; 500 otherwise. A
 * file that is not a database is no error yet: its first statement fails. May
 * block. */
struct sql_connection *sql_take(struct sql *sql, struct text name,
                                enum sql_purpose purpose,
                                struct sql_error *error);

/* As sql_take, for a thread that must not wait. Returns an idle connection that
 * reads; database->requests does not count this use yet. Returns NULL if there
 * is none. */
struct sql_connection *sql_take_idle(struct sql *sql, struct text name);

/* Gives the connection back: rolls back an open transaction, then puts the
 * connection into the pool. Closes it instead if it has been changed, if its
 * file has been replaced, or if the pool is full. NULL is allowed. May block.
 */
void sql_give(struct sql_connection *connection);

/* Says whether the connection has the write lock while its client is away.
 * Calls sql->on_lock if that has changed. */
void sql_hold_lock(struct sql_connection *connection, bool holds);

/* Called before a client that may only read holds the connection for as long as
 * it likes, until sql_give. Such clients may hold half of the databases that
 * can be open; otherwise they could keep every other database closed. Returns
 * false if they hold half already and this would be one more. Calling it again
 * for the same connection changes nothing. */
bool sql_occupy(struct sql_connection *connection);

/* Closes idle connections while memory is short. Empties the WAL of a database
 * that has not been written to for a while. Call it about once a second, with
 * monotonic time; it may wait for the disk. */
void sql_databases_tick(struct sql *sql, uint64_t now_ms);

/* Closes all databases; none may be in use. For sql_close. */
void sql_databases_close(struct sql *sql);

#endif
