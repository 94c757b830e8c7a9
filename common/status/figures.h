/* figures.h - what the server has counted about itself, written down. */
#ifndef FIVEFOLD_FIGURES_H
#define FIVEFOLD_FIGURES_H

#include "base/buffer.h"

/* Appends them as members of a JSON object that is open, for /-/stats; and for
 * /-/metrics. */
void figures_json(struct message_buffer *out);
void figures_metrics(struct message_buffer *out);

#endif
