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
    metrics_labelled(out, family, NULL, 0, value);
}

void metrics_real(struct message_buffer *out, const char *family, double value,
                  int decimals)
{
    buffer_printf(out, "%s %.*f\n", family, decimals, value);
}

void metrics_labelled(struct message_buffer *out, const char *family,
                      const struct metrics_label *labels, size_t count,
                      uint64_t value)
{
    buffer_append_text(out, text_of(family));
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%c%s=\"%s\"", i == 0 ? '{' : ',', labels[i].label,
                      labels[i].name);
    buffer_printf(out, "%s %" PRIu64 "\n", count > 0 ? "}" : "", value);
}

void metrics_value(struct message_buffer *out, const char *family,
                   const char *label, const char *name, uint64_t value)
{
    const struct metrics_label one = {label, name};
    metrics_labelled(out, family, &one, 1, value);
}
