/* file.h - the name of a database, and the file that belongs to it. */
#ifndef FIVEFOLD_SQL_FILE_H
#define FIVEFOLD_SQL_FILE_H

#include "base/text.h"

#include <sqlite3.h>

struct sql;
struct stat;

/* True if name may be a database's name: 1 to 64 of [A-Za-z0-9_-]. */
bool sql_name_is_valid(struct text name);

/* Opens NAME.db in the directory, with SQLite's open flags. Returns a handle
 * that the caller owns (sqlite3_close). On failure it returns NULL, *rc is
 * SQLite's result code, and errno is the kernel's error if it was one. May
 * block. */
sqlite3 *sql_open_handle(struct sql *sql, struct text name, int flags, int *rc);

/* Fills *found if NAME.db is a regular file now. The file is not opened:
 * closing a descriptor of it would drop the locks that SQLite holds on it in
 * this process (fcntl(2)). Returns 0, or -1 with errno. */
int sql_file_stat(struct sql *sql, struct text name, struct stat *found);
/* True if NAME.db is such a file. False also if name is not valid. */
bool sql_exists(struct sql *sql, struct text name);

/* Calls each(context, name, length of the file in bytes) for every database in
 * the directory, sorted by name, until it returns false. Returns 0, or -1 with
 * errno as opendir(3). May block. */
int sql_list(struct sql *sql,
             bool (*each)(void *context, const char *name, uint64_t bytes),
             void *context);

#endif
