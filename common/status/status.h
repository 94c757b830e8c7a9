/* status.h - /-/stats, /-/metrics and the page that draws them. */
#ifndef FIVEFOLD_STATUS_STATUS_H
#define FIVEFOLD_STATUS_STATUS_H

#include "core/exchange.h"

/* Serves /-/, in the same way in all stages. */
extern const struct handler status_handler;

#endif
