/* metrics.c - see metrics.h. */
#include "base/metrics.h"

#include <inttypes.h>

void metrics_family(struct message_buffer *out, const char *family,
                    const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family,
                  type);
}

void metrics_one(struct message_buffer *out, const char *family,
                 const char *type, const char *help, uint64_t value)
{
    metrics_family(out, family, type, help);
    buffer_printf(out, "%s %" PRIu64 "\n", family, value);
}

void metrics_value(struct message_buffer *out, const char *family,
                   const char *label, const char *name, uint64_t value)
{
    buffer_printf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", family, label, name,
                  value);
}
