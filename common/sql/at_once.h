/* at_once.h - short queries, which need not be handed over to a worker
 * (a thread that may wait). */
#ifndef FIVEFOLD_SQL_AT_ONCE_H
#define FIVEFOLD_SQL_AT_ONCE_H

#include <stdbool.h>

struct sql_connection;
struct sql_statement;

/* For a worker that is about to run the statement. Finds out whether each of
 * its instructions is short. Does so once, and only for a statement that has
 * been used again. May block. */
void sql_at_once_judge(struct sql_connection *connection,
                       struct sql_statement *statement);

/* From start to end, in this thread, the statement fails if it takes long or
 * needs a page that is not in memory. Start returns false if the statement is
 * not fit for that; then end must not be called. answered: it did not fail. */
bool sql_at_once_start(struct sql_connection *connection,
                       const struct sql_statement *statement);
void sql_at_once_end(struct sql_connection *connection,
                     struct sql_statement *statement, bool answered);

#endif
