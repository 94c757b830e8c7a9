/* log.h - the access log (combined format) and the error log.
 *
 * Lines gather in memory and are written by log_tick, at most a second later,
 * or when the buffer is full. Thread-safe. */
#ifndef FIVEFOLD_LOG_H
#define FIVEFOLD_LOG_H

#include "base/buffer.h"

struct settings;
struct log;

/* NULL after one line on stderr when a file cannot be opened. */
struct log *log_open(const struct settings *settings);
void log_close(struct log *log);

/* Closes and opens the files again (SIGHUP, after logrotate moved them).
 * Returns 0, or -1 with errno when one could not be: the old one is kept then,
 * and the error log says why, unless this is tried again. */
int log_reopen(struct log *log, bool again);

/* Writes what has gathered. Never blocks on anything but the file. */
void log_tick(struct log *log);

/* A line for the access log: begin gives the buffer to append it to, with its
 * end of line, and holds the log's lock until end; NULL: nobody wants lines,
 * and end is not due. Date is the time of now as such a line has it, with its
 * brackets; borrowed, between begin and end. */
struct message_buffer *log_line_begin(struct log *log);
struct text log_line_date(struct log *log);
void log_line_end(struct log *log);

/* One line about the system or ourselves, with date, at once. log may be NULL:
 * stderr. */
void log_error(struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
