/* names.h - the parameters of a statement and their names. */
#ifndef FIVEFOLD_SQL_NAMES_H
#define FIVEFOLD_SQL_NAMES_H

#include "base/text.h"

struct sql_names;
struct sql_statement;

/* Returns the name of the parameter of that number (the first is 1), with its
 * first character (":id"). data is NULL if it has no name. Borrowed until the
 * statement is used again. The first call for a statement takes at most as long
 * as compiling it. */
struct text sql_parameter_name(struct sql_statement *statement, int number);

/* Returns the number of the parameter of that name, or 0 if there is none.
 * Looks for the name as it is, then with ':', '@' and '$' before it. */
int sql_parameter_find(struct sql_statement *statement, struct text name);

void sql_names_free(struct sql_names *names); /* NULL is allowed */

#endif
