/* trace.h - --trace FILE records what each thread did when, as a Chrome trace
 * that Perfetto opens. Each thread has a row of spans (pieces of work with
 * start and end). Each request has a flow: arrows through its spans. */
#ifndef FIVEFOLD_REPORT_TRACE_H
#define FIVEFOLD_REPORT_TRACE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

extern bool trace_on; /* does not change between trace_open and trace_close */

/* The file gets no more than this many bytes. The rest of the run is not
 * traced, and one line on stderr says so. Set before trace_open, if at all. */
extern uint64_t trace_bytes_max;

/* Opens file and starts tracing. process names the trace. Both are borrowed for
 * the call. Returns 0, or -1 with errno as open(2) does. */
int trace_open(const char *file, const char *process);

/* Writes what is left and ends the file. All other threads must have ended. */
void trace_close(void);

/* Names the calling thread's row. name is copied, up to 31 bytes. May be called
 * before trace_open. */
void trace_thread(const char *name);

/* Records a span of the calling thread, from start_ns (clock_ns) until now.
 * flow is 0, or the exchange's id: arrows join the spans with the same id. name
 * is a literal. Call it through
 * TRACE_SPAN, which costs only one branch when there is no trace. */
void trace_span(const char *name, uint64_t start_ns, uint64_t flow);

/* Ends the flow: its last arrow points to the span that the calling thread is
 * in. Call it before that span's TRACE_SPAN. */
void trace_flow_end(uint64_t flow);

#define TRACE_START() (trace_on ? clock_ns() : 0)
#define TRACE_SPAN(name, start, id)                                            \
    ((void)(trace_on ? (trace_span(name, start, id), 0) : 0))
#define TRACE_FLOW_END(id) ((void)(trace_on ? (trace_flow_end(id), 0) : 0))

#endif
