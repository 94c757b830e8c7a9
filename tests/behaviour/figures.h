/* figures.h - what a server says of itself: /-/stats, the trace of a run. */
#ifndef SUITE_FIGURES_H
#define SUITE_FIGURES_H

#include "server.h"

#include <jansson.h>

/* A member of an object; "" or 0 when there is none. */
const char *figures_text(json_t *object, const char *key);
json_int_t figures_number(json_t *object, const char *key);

/* All of it. Given. */
json_t *figures_get(const struct server *server);
/* The same once so many threads of that name have begun: on a busy machine some
 * get no turn before the first clients have their answers. */
json_t *figures_get_with(const struct server *server, const char *thread,
                         size_t count);

/* How many of that name are in the list; their figures under key go to *sum. */
size_t figures_named(json_t *stats, const char *list, const char *name,
                     const char *key, json_int_t *sum);

/* The figure of a queue, or of a group of counters, now. */
json_int_t figures_queue(const struct server *server, const char *name,
                         const char *key);
json_int_t figures_counter(const struct server *server, const char *group,
                           const char *key);

/* Of a trace: the name of the row that an event is in; the span of that name of
 * that request. */
const char *figures_row(json_t *trace, json_t *event);
json_t *figures_span(json_t *trace, const char *name, json_int_t request);
/* In microseconds. */
double figures_time(json_t *event, const char *key);
double figures_end(json_t *span);
/* The request's arrow has one part of that kind. A viewer draws it to the span
 * that is open in its row at its time: that has to be this one. */
void figures_check_arrow(json_t *trace, const char *kind, json_int_t request,
                         json_t *span);

#endif
