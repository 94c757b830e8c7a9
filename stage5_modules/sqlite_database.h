/* sqlite_database.h - between the two halves of that module: which request goes
 * where (sqlite_database.c), and writes that are committed together
 * (sqlite_group.c). */
#ifndef FIVEFOLD_SQLITE_DATABASE_H
#define FIVEFOLD_SQLITE_DATABASE_H

#include "module.h"

#include "sql/sql.h"

/* What a task carries from the strand of readers to that of writers. */
struct pending {
    struct sql_request *request; /* owned */
    enum sql_need need;          /* WRITE or GROUP */
};

enum sqlite_lock { SQLITE_LOCK_FREE, SQLITE_LOCK_TAKEN };

/* Can the database of that task be written to now? Somebody outside of this
 * server may have its lock. Does not wait. */
enum sqlite_lock sqlite_lock_look(const struct task *task);

enum sqlite_grouped {
    SQLITE_GROUP_COMMITTED, /* their answers are there, and good */
    SQLITE_GROUP_UNDONE,    /* nothing of it is there, and the answers are not
                               to be given: each is to be run by itself */
    SQLITE_GROUP_LOCKED,    /* somebody else has the lock; none was run */
};

/* Runs the writes of n tasks (n >= 1, all of one database, all GROUP) in one
 * transaction; *done says how many, from the first on. */
enum sqlite_grouped sqlite_group(struct task **tasks, size_t n, size_t *done);

#endif
