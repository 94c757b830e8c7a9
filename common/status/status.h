/* status.h - /-/stats, /-/metrics and the page that draws them. */
#ifndef FIVEFOLD_INTERNALS_H
#define FIVEFOLD_INTERNALS_H

#include "core/exchange.h"

/* Serves /-/, the same in all stages. */
extern const struct handler internals_handler;

#endif
