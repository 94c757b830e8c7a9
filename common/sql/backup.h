/* backup.h - a copy of a database, made while others go on writing to it. /db/
 * means the prefix of the mount. */
#ifndef FIVEFOLD_SQL_BACKUP_H
#define FIVEFOLD_SQL_BACKUP_H

#include "base/text.h"

struct exchange;

/* POST /db/NAME/backup. Begin either answers with an error, or sets
 * exchange->state and leaves response.status 0. Then go_on copies for some 10
 * ms a call, until it sets the status. Release closes and frees
 * exchange->state. All three may block. */
void sql_backup_begin(struct exchange *exchange, struct text name);
void sql_backup_go_on(struct exchange *exchange);
void sql_backup_release(struct exchange *exchange);

#endif
