/* metrics.h - writes metrics for Prometheus (text format 0.0.4).
 *
 * A family is a named metric; it has one value, or one for each label. All
 * strings are borrowed and not escaped. Errors show in out->failed (buffer.h).
 */
#ifndef FIVEFOLD_BASE_METRICS_H
#define FIVEFOLD_BASE_METRICS_H

#include "base/buffer.h"

/* Appends the two lines before a family's values: its help text and its type.
 * type is "counter" (a value that only grows) or "gauge". */
void metrics_family(struct message_buffer *out, const char *family,
                    const char *type, const char *help);

/* Appends one value of a family without labels, with that many digits after the
 * decimal point. */
void metrics_real(struct message_buffer *out, const char *family, double value,
                  int decimals);

/* Appends a whole family that has one value. */
void metrics_one(struct message_buffer *out, const char *family,
                 const char *type, const char *help, uint64_t value);

struct metrics_label {
    const char *label, *name;
};

/* Appends one value of a family, which has `count` labels, or 0:
 * family{label="name",...} value. */
void metrics_labelled(struct message_buffer *out, const char *family,
                      const struct metrics_label *labels, size_t count,
                      uint64_t value);

/* The same with one label. */
void metrics_value(struct message_buffer *out, const char *family,
                   const char *label, const char *name, uint64_t value);

#endif
