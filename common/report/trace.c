/* trace.c - see trace.h.
 *
 * trace_span -> this thread's buffer -> (64 KiB full, or trace_close) -> file
 *
 * The file is a JSON array with one event on each line: "X" is a span, "s" "t"
 * "f" are the start, a step and the end of an arrow, "M" names a row. A buffer
 * is written as a whole, so the lines of two threads never mix. It holds whole
 * events, except that the last one may be cut off when memory is short. */
#include "report/trace.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/queue.h>

enum {
    ROW_BYTES = 64 * 1024, /* bytes that a thread gathers between two writes */
    NAME_MAX_BYTES = 32,
    FLOWS = 4096, /* with more requests at a time, arrows may be wrong */
};

static const uint64_t FLOW_ENDED = (uint64_t)1 << 63;

struct trace_row {
    /* Only its thread uses these; trace_close does when that has ended. */
    unsigned id;
    struct message_buffer events;

    SLIST_ENTRY(trace_row) link; /* under lock */
};

bool trace_on;
uint64_t trace_bytes_max = (uint64_t)256 << 20;

static _Thread_local char row_name[NAME_MAX_BYTES];
static _Thread_local struct trace_row *row_mine;

/* Does not change after trace_open. */
static uint64_t opened_ns;

/* A request's first span starts its arrow, and later spans are steps of it. The
 * spans may be in different threads, so this table tells which is the first.
 * Entry id % FLOWS holds the id once its arrow has started. Ids count up, so
 * two requests rarely share an entry. */
static _Atomic uint64_t flows[FLOWS];

static atomic_bool full; /* no more events */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock. */
static int trace_fd = -1;
static uint64_t written;
static SLIST_HEAD(, trace_row) rows = SLIST_HEAD_INITIALIZER(rows);
static unsigned row_count;

/* Empties events into the file, or drops them when it is full. */
static void flush_locked(struct message_buffer *events)
{
    size_t length = buffer_length(events);
    if (length > 0 && !full) {
        if (written + length > trace_bytes_max) {
            full = true;
            fprintf(stderr, "trace: stopped, the file has %llu bytes\n",
                    (unsigned long long)written);
        } else if (io_write_all(trace_fd, buffer_start(events), length, NULL) <
                   0) {
            full = true;
            perror("trace: stopped");
        }
        written += length;
    }
    buffer_clear(events);
    events->failed = false;
}

static void append_head(struct message_buffer *out, const char *kind,
                        unsigned row, const char *name)
{
    buffer_append_text(out, TEXT(",\n"));
    json_append_open(out, '{');
    json_member_text(out, "ph", text_of(kind));
    json_member_number(out, "pid", 1);
    json_member_number(out, "tid", row);
    json_member_text(out, "name", text_of(name));
}

static void append_name(struct message_buffer *out, const char *what,
                        unsigned row, const char *name)
{
    append_head(out, "M", row, what);
    json_append_key(out, "args");
    json_append_open(out, '{');
    json_member_text(out, "name", text_of(name));
    json_append_close(out, '}');
    json_append_close(out, '}');
}

/* Returns the calling thread's row, or NULL without memory. */
static struct trace_row *row_get(void)
{
    if (row_mine != NULL)
        return row_mine;
    struct trace_row *row = calloc(1, sizeof *row);
    if (row == NULL)
        return NULL;
    pthread_mutex_lock(&lock);
    row->id = ++row_count;
    SLIST_INSERT_HEAD(&rows, row, link);
    pthread_mutex_unlock(&lock);
    if (row_name[0] == '\0')
        snprintf(row_name, sizeof row_name, "thread %u", row->id);
    append_name(&row->events, "thread_name", row->id, row_name);
    row_mine = row;
    return row;
}

int trace_open(const char *file, const char *process)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    struct message_buffer start = {0};
    append_name(&start, "process_name", 0, process);
    /* An array's first element has no comma before it. */
    if (!start.failed)
        buffer_start(&start)[0] = '[';
    trace_fd = fd;
    written = 0;
    full = start.failed;
    opened_ns = clock_ns();
    flush_locked(&start);
    buffer_release(&start);
    trace_on = true;
    return 0;
}

void trace_close(void)
{
    if (!trace_on)
        return;
    trace_on = false;
    pthread_mutex_lock(&lock);
    while (!SLIST_EMPTY(&rows)) {
        struct trace_row *row = SLIST_FIRST(&rows);
        SLIST_REMOVE_HEAD(&rows, link);
        flush_locked(&row->events);
        buffer_release(&row->events);
        free(row);
    }
    (void)io_write_all(trace_fd, "\n]\n", 3, NULL);
    close(trace_fd);
    trace_fd = -1;
    row_count = 0;
    for (size_t i = 0; i < FLOWS; i++)
        atomic_store(&flows[i], 0);
    pthread_mutex_unlock(&lock);
    row_mine = NULL;
}

void trace_thread(const char *name)
{
    snprintf(row_name, sizeof row_name, "%s", name);
    if (row_mine != NULL)
        append_name(&row_mine->events, "thread_name", row_mine->id, row_name);
}

/* Appends microseconds since trace_open, with the nanoseconds after the point.
 * All in integers: a double would lose the nanoseconds on a long run. */
static void append_time(struct message_buffer *out, const char *key,
                        uint64_t ns)
{
    json_append_key(out, key);
    buffer_printf(out, "%llu.%03u", (unsigned long long)(ns / 1000),
                  (unsigned)(ns % 1000));
}

/* kind is "s", "t" or "f": where the arrow starts, passes, ends. */
static void append_arrow(struct trace_row *row, const char *kind, uint64_t flow,
                         uint64_t at_ns)
{
    struct message_buffer *out = &row->events;
    append_head(out, kind, row->id, "request");
    /* The arrow ends in the span around it, not in the next one. */
    if (strcmp(kind, "f") == 0)
        json_member_text(out, "bp", TEXT("e"));
    json_member_text(out, "cat", TEXT("request"));
    json_member_number(out, "id", flow);
    append_time(out, "ts", at_ns);
    json_append_close(out, '}');
}

static uint64_t since_open(uint64_t ns)
{
    return ns > opened_ns ? ns - opened_ns : 0;
}

static void row_flush_if_full(struct trace_row *row)
{
    if (buffer_length(&row->events) < ROW_BYTES && !row->events.failed)
        return;
    pthread_mutex_lock(&lock);
    flush_locked(&row->events);
    pthread_mutex_unlock(&lock);
}

void trace_span(const char *name, uint64_t start_ns, uint64_t flow)
{
    uint64_t end = since_open(clock_ns()), start = since_open(start_ns);
    struct trace_row *row = row_get();
    if (row == NULL || atomic_load_explicit(&full, memory_order_relaxed))
        return;
    struct message_buffer *out = &row->events;
    append_head(out, "X", row->id, name);
    append_time(out, "ts", start);
    append_time(out, "dur", end - start);
    if (flow != 0) {
        json_append_key(out, "args");
        json_append_open(out, '{');
        json_member_number(out, "request", flow);
        json_append_close(out, '}');
    }
    json_append_close(out, '}');
    if (flow != 0) {
        _Atomic uint64_t *slot = &flows[flow % FLOWS];
        uint64_t before = atomic_load(slot);
        if (before != (flow | FLOW_ENDED)) {
            append_arrow(row, before == flow ? "t" : "s", flow, start);
            atomic_store(slot, flow);
        }
    }
    row_flush_if_full(row);
}

void trace_flow_end(uint64_t flow)
{
    struct trace_row *row = row_get();
    _Atomic uint64_t *slot = &flows[flow % FLOWS];
    if (row == NULL || flow == 0 || atomic_load(slot) != flow)
        return;
    atomic_store(slot, flow | FLOW_ENDED);
    append_arrow(row, "f", flow, since_open(clock_ns()));
}
