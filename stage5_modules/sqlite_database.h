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

/* Answers a task by running its request, by itself. Takes task. */
void sqlite_answer(struct task *task);

enum sqlite_lock { SQLITE_LOCK_FREE, SQLITE_LOCK_TAKEN };

/* Can the database of that task be written to now? Somebody outside of this
 * server may have its lock. Does not wait. */
enum sqlite_lock sqlite_lock_look(const struct task *task);

/* Runs the writes of n tasks (n >= 1, all of one database, all GROUP) in one
 * transaction, then answers each; or each by itself where that did not do.
 * Returns how many it has done, from the first on: 0 if the lock is taken. */
size_t sqlite_group(struct task **tasks, size_t n);

#endif
