/* text.h - what the text of a statement says before it is compiled. */
#ifndef FIVEFOLD_SQL_TEXT_H
#define FIVEFOLD_SQL_TEXT_H

#include "base/text.h"

struct settings;
struct sql_error;
struct sql_statement;

/* Checks that a client's text is no longer than settings->sqlite_sql_bytes, and
 * that its brackets are not nested too deep for SQLite to free the parsed tree.
 * Returns 0, or -1 with error SQLITE_TOOBIG or SQL_TOO_COMPLEX. */
int sql_check_text(const struct settings *settings, struct text sql,
                   struct sql_error *error);

/* Fills is_vacuum, is_pragma, begins_read_only, is_transaction, counts, ends
 * and savepoint of the statement, from the first words of the text that it was
 * compiled from. read_only must be set already. */
void sql_classify(struct sql_statement *statement, struct text text);

/* True if sql has only blanks, comments and semicolons, and no U+0000. */
bool sql_text_is_empty(struct text sql);

/* True if the first statement is a PRAGMA. Many PRAGMAs take effect when they
 * are compiled, and many results are part of the compiled statement. So a
 * PRAGMA must be compiled when its turn comes, and again each time. If true,
 * *writes says whether it can write to the file. */
bool sql_text_is_pragma(struct text sql, bool *writes);

/* Returns the statement to compile instead of sql, if sql would tell where the
 * file is: a literal. Returns NULL if sql can be compiled as it is. */
const char *sql_stand_in(struct text sql);

#endif
