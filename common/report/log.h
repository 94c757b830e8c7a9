/* log.h - the access log (combined format) and the error log.
 *
 * Lines of the access log gather in memory. They are written when the buffer is
 * full, or by log_tick, which is called once a second. Thread-safe. */
#ifndef FIVEFOLD_REPORT_LOG_H
#define FIVEFOLD_REPORT_LOG_H

#include "base/buffer.h"

struct settings;
struct log;

/* Opens the files that settings name. Returns the log, owned by the caller, or
 * NULL after one line on stderr when a file cannot be opened. */
struct log *log_open(const struct settings *settings);
/* Writes what has gathered, closes the files and frees log. */
void log_close(struct log *log);

/* Closes the files and opens them again (SIGHUP, after logrotate moved them).
 * Returns 0, or -1 with errno if a file could not be opened. Its old file is
 * kept then, and the error log says why. again: this repeats a failed try, so
 * the error log is not written again. */
int log_reopen(struct log *log, bool again);

/* Writes what has gathered. Waits only for the log's lock and for the file. */
void log_tick(struct log *log);

/* These write one line of the access log. log_line_begin returns the buffer to
 * append the line to, with its end of line, and holds the log's lock until
 * log_line_end. It returns NULL if there is no access log; then do not call
 * log_line_end. log_line_date, called between the two, returns the present time
 * in the form of such a line, with its brackets, borrowed until log_line_end.
 */
struct message_buffer *log_line_begin(struct log *log);
struct text log_line_date(struct log *log);
void log_line_end(struct log *log);

/* Writes one line with the date to the error log, at once. Use it for what
 * concerns the system or the server itself. log NULL: writes to stderr. */
void log_error(struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
