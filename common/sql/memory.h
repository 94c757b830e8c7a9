/* memory.h - how much memory, stack and time SQLite may take for one
 * connection. */
#ifndef FIVEFOLD_SQL_MEMORY_H
#define FIVEFOLD_SQL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct settings;
struct sql_connection;

/* Makes an account: it counts the bytes that SQLite has allocated for one
 * connection. A connection that only reads gets a limit of
 * settings->sqlite_memory_bytes. Returns NULL without memory. The caller owns
 * it (sql_account_close). */
struct sql_account *sql_account_open(const struct settings *settings,
                                     bool read_only);

/* Closes the account. It is freed later, with the last memory that is counted
 * in it, if some is still allocated. */
void sql_account_close(struct sql_account *account);

/* Returns the bytes that are allocated now. */
size_t sql_account_bytes(const struct sql_account *account);

/* From now on, what SQLite allocates in this thread is counted for the
 * connection, and fails beyond its limits. Call it before SQLite compiles or
 * runs something. Returns what sql_leave must be given; calls may nest.
 * Afterwards connection->refused says why an allocation failed. */
struct sql_connection *sql_enter(struct sql_connection *connection);
void sql_leave(struct sql_connection *before);

/* After sql_enter: until sql_leave, SQLite may take at most
 * settings->sqlite_memory_bytes more for the connection, also if it may write.
 * 0: no limit. */
void sql_enter_compiling(struct sql_connection *connection);

/* Returns memory that is counted for the connection, like what SQLite
 * allocates; NULL beyond its limits. The caller frees it by sqlite3_free. */
void *sql_memory_take(struct sql_connection *connection, size_t size);

/* For a function that SQLite calls and that may take long. Returns true if the
 * time of the statement that this thread runs is up; the function must then
 * fail with SQLITE_INTERRUPT. */
bool sql_time_is_up(void);

/* True while more than half of settings->sqlite_bytes is allocated. */
bool sql_memory_is_short(void);

/* Makes SQLite allocate its memory by memory.c. Call it before SQLite is used
 * at all; later calls only set the limit again. Returns 0, or -1 with errno
 * EBUSY. */
int sql_memory_open(const struct settings *settings);

/* Returns free memory to the kernel if there is much of it. Call it about once
 * a second. */
void sql_memory_tick(void);

#endif
