/* create.h - makes a new database, whole and on disk, or not at all. */
#ifndef FIVEFOLD_SQL_CREATE_H
#define FIVEFOLD_SQL_CREATE_H

#include "base/text.h"

struct sql;
struct sql_error;

/* Makes an empty database and returns when it is on disk. If two threads make
 * the same one, both succeed. Returns 0, or -1 with error: 507 (the disk is
 * full) or 500. May block. */
int sql_create_database(struct sql *sql, struct text name,
                        struct sql_error *error);

#endif
