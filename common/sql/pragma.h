/* pragma.h - which PRAGMAs a client may use, and for what. */
#ifndef FIVEFOLD_SQL_PRAGMA_H
#define FIVEFOLD_SQL_PRAGMA_H

#include "base/text.h"

enum sql_pragma_rule {
    PRAGMA_REFUSED,
    PRAGMA_READ,     /* allowed without a value */
    PRAGMA_ARGUMENT, /* allowed; a value only says what is asked for */
    PRAGMA_ANALYZE,  /* the same, and it may write */
    PRAGMA_WRITE,    /* a value is written to the file */
    PRAGMA_SETTING,  /* a value changes this connection */
    PRAGMA_WAL,      /* the only value allowed is "wal", which is set already */
    PRAGMA_CHECK,    /* reads the whole file in one instruction, so only for
                        connections that may write */
};

/* Returns the rule for the PRAGMA of that name; an unknown one is
 * PRAGMA_REFUSED. */
enum sql_pragma_rule sql_pragma_rule(struct text name);

#endif
