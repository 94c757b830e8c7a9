/* stage.h - the four functions that make a stage; main calls them in this
 * order.
 *
 * main: settings, listening socket, signals -> stage_open -> ready -> stage_run
 * -> (SIGTERM) -> stage_close. */
#ifndef FIVEFOLD_STAGE_H
#define FIVEFOLD_STAGE_H

#include "core/server.h"

struct stage;

extern const struct stage_facts stage_facts;

/* Makes what the stage needs; server is borrowed until stage_close. NULL with
 * errno. */
struct stage *stage_open(struct server *server);

/* Serves until stage_stop; returns when nothing is under way, or stop_seconds
 * have passed. Returns 0, or -1 with errno when it cannot go on. */
int stage_run(struct stage *stage);

/* Stops accepting and lets what is under way finish. Called from the thread
 * that takes the signals. */
void stage_stop(struct stage *stage);

/* Closes every connection and frees all. Takes stage. */
void stage_close(struct stage *stage);

#endif
