/* route.c - splits a path beneath a mount of databases: which database, and
 * what of it. (A mount is a path prefix with the handler that serves it.) */
#include "sql/route.h"

#include "core/mount.h"
#include "sql/file.h"

int sql_route_read(const struct exchange *exchange, struct sql_route *route)
{
    size_t prefix = exchange->mount->prefix_length;
    *route = (struct sql_route){.name = TEXT("")};
    if (exchange->path_length < prefix)
        return -1; /* "/db" */
    struct text rest = {exchange->path + prefix,
                        exchange->path_length - prefix};
    if (rest.length == 0)
        return 0;
    struct text name = text_split(&rest, '/');
    if (!sql_name_is_valid(name))
        return -1;
    route->name = name;
    route->rest = rest;
    return 0;
}
