/* access_log.h - what was asked and answered, a line each (combined format). */
#ifndef FIVEFOLD_ACCESS_LOG_H
#define FIVEFOLD_ACCESS_LOG_H

#include "core/exchange.h"

struct log;

/* One line for an answered request; body_bytes as sent. Thread-safe. */
void access_log_write(struct log *log, const struct exchange *exchange,
                      uint64_t body_bytes);

#endif
