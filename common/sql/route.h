/* route.h - which database a path names, and what of it. */
#ifndef FIVEFOLD_SQL_ROUTE_H
#define FIVEFOLD_SQL_ROUTE_H

#include "base/text.h"

struct exchange;

struct sql_route {
    struct text name; /* of the database, borrowed from exchange->path; empty
                         for /db/ itself */
    struct text rest; /* what follows "/db/NAME/", borrowed too; data is NULL
                         for "/db/NAME" */
};

/* Splits exchange->path. Here and below, /db/ means the prefix of the mount.
 * Returns 0. Returns -1 if the path is "/db", or if NAME has other characters
 * than [A-Za-z0-9_-], or none, or more than 64. */
int sql_route_read(const struct exchange *exchange, struct sql_route *route);

#endif
