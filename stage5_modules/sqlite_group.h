/* sqlite_group.h - several writes in one transaction, for the module
 * sqlite_database. sqlite_database.c decides in which strand (queue, strand.h)
 * a request waits, and calls these functions. */
#ifndef FIVEFOLD_SQLITE_GROUP_H
#define FIVEFOLD_SQLITE_GROUP_H

#include "module.h"

#include "sql/sql.h"

/* The state of a task that moves from the readers' strand of a database to the
 * writers' strand. */
struct pending {
    struct sql_request *request; /* owned */
    enum sql_need need;          /* in the writers' strand: WRITE or GROUP */
};

enum sqlite_lock { SQLITE_LOCK_FREE, SQLITE_LOCK_TAKEN };

/* Looks whether the task's database is locked for writing; another process may
 * have the lock. Does not wait for the lock. The task's state must be a struct
 * pending. If the database cannot be opened, returns SQLITE_LOCK_FREE; then the
 * request itself reports the error. */
enum sqlite_lock sqlite_lock_look(const struct task *task);

enum sqlite_grouped {
    SQLITE_GROUP_COMMITTED, /* their answers are made and may be sent */
    SQLITE_GROUP_UNDONE,    /* nothing was committed, and the answers made so
                               far must not be sent: run each by itself */
    SQLITE_GROUP_LOCKED,    /* the database is locked; none was run */
};

/* Runs the writes of n tasks in one transaction, from the first task on. n must
 * be at least 1, and the tasks all of one database and all GROUP. Sets *done to
 * the number of tasks that the result is for: it may run fewer than n, because
 * its time is limited, or because a request ended the transaction. Borrows the
 * tasks. May block. */
enum sqlite_grouped sqlite_group(struct task **tasks, size_t n, size_t *done);

#endif
