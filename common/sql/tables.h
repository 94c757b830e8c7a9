/* tables.h - what is in a database. /db/ means the prefix of the mount. */
#ifndef FIVEFOLD_SQL_TABLES_H
#define FIVEFOLD_SQL_TABLES_H

#include "base/text.h"

struct exchange;

/* GET /db/NAME/: answers with a description of the tables (tables.c), or with
 * an error. May block. */
void sql_tables_answer(struct exchange *exchange, struct text name);

#endif
