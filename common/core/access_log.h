/* access_log.h - one line in the access log for each answered request (combined
 * format, as Apache writes it). */
#ifndef FIVEFOLD_CORE_ACCESS_LOG_H
#define FIVEFOLD_CORE_ACCESS_LOG_H

#include "core/exchange.h"

struct log;

/* Writes one line for exchange, which has been answered or cut off. body_bytes
 * counts the bytes of the body that were sent. Thread-safe. */
void access_log_write(struct log *log, const struct exchange *exchange,
                      uint64_t body_bytes);

#endif
