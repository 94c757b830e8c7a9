/* stage.h - the four functions that make a stage: one of the five ways to wait
 * for clients and to serve them.
 *
 * main: settings, listening socket, signals -> stage_open -> ready -> stage_run
 * -> (SIGTERM) -> stage_close.
 *
 * On SIGTERM or SIGINT, the stage calls stage_stop itself, from stage_run. */
#ifndef FIVEFOLD_PROCESS_STAGE_H
#define FIVEFOLD_PROCESS_STAGE_H

#include "core/server.h"

struct stage;

extern const struct stage_facts stage_facts;

/* Makes what the stage needs. server is borrowed until stage_close. Returns a
 * stage, or NULL with errno. */
struct stage *stage_open(struct server *server);

/* Serves until stage_stop. Returns 0 when nothing is under way any more, or
 * when stop_seconds have passed since. Returns -1 with errno if it cannot go
 * on. */
int stage_run(struct stage *stage);

/* Stops accepting, and lets what is under way finish. Called from the thread
 * that takes the signals. */
void stage_stop(struct stage *stage);

/* Closes every connection and frees all. Takes stage. */
void stage_close(struct stage *stage);

#endif
