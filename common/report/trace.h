/* trace.h - --trace FILE: what each thread did when, as a Chrome trace that
 * Perfetto opens: one row a thread, one flow a request. */
#ifndef FIVEFOLD_TRACE_H
#define FIVEFOLD_TRACE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

extern bool trace_on; /* fixed after trace_open */

/* Once the file has this many bytes, the rest of the run is not traced; one
 * line on stderr says so. Set before trace_open, if at all. */
extern uint64_t trace_bytes_max;

/* Opens FILE. process names the trace. Returns 0, or -1 with errno as open(2).
 */
int trace_open(const char *file, const char *process);

/* Writes what is left and ends the file. The other threads have ended. */
void trace_close(void);

/* Names the calling thread's row; name is copied, up to 31 bytes. May be
 * called before trace_open. */
void trace_thread(const char *name);

/* Something that took from start_ns (clock_ns) until now. flow is 0, or the
 * exchange's id: arrows lead through the spans with the same id. name is a
 * literal without characters that JSON escapes. Call through TRACE_SPAN so
 * that it costs one branch when off. */
void trace_span(const char *name, uint64_t start_ns, uint64_t flow);

/* The flow's last arrow ends in the span that the calling thread is in: call
 * it before that span's TRACE_SPAN. */
void trace_flow_end(uint64_t flow);

#define TRACE_START() (trace_on ? clock_ns() : 0)
#define TRACE_SPAN(name, start, id)                                            \
    ((void)(trace_on ? (trace_span(name, start, id), 0) : 0))
#define TRACE_FLOW_END(id) ((void)(trace_on ? (trace_flow_end(id), 0) : 0))

#endif
