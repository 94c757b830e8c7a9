/* metrics.h - figures as Prometheus reads them (text format 0.0.4). */
#ifndef FIVEFOLD_METRICS_H
#define FIVEFOLD_METRICS_H

#include "base/buffer.h"

/* The two lines in front of a family's values: what it means, and whether it is
 * a "counter", which only grows, or a "gauge". */
void metrics_family(struct message_buffer *out, const char *family,
                    const char *type, const char *help);

/* A family of one value. */
void metrics_one(struct message_buffer *out, const char *family,
                 const char *type, const char *help, uint64_t value);

/* One value of a family: family{label="name"} value. Nothing in name is
 * escaped. */
void metrics_value(struct message_buffer *out, const char *family,
                   const char *label, const char *name, uint64_t value);

#endif
