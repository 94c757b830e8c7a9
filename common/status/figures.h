/* figures.h - writes down what the server has counted about itself. */
#ifndef FIVEFOLD_STATUS_FIGURES_H
#define FIVEFOLD_STATUS_FIGURES_H

#include "base/buffer.h"

/* Append the figures to out, which has `failed` set if memory is short.
 * figures_json is for /-/stats: members of a JSON object that is already open.
 * figures_metrics is for /-/metrics: the text format of Prometheus. */
void figures_json(struct message_buffer *out);
void figures_metrics(struct message_buffer *out);

#endif
