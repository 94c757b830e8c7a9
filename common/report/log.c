/* log.c - see log.h.
 *
 * a line -> buffer (under the lock) -> write(2), when 32 KiB have gathered or
 *   log_tick is called
 *
 * Lines of the error log are written at once. */
#include "report/log.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/mistake.h"
#include "config/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOG_GATHER_BYTES = 32 * 1024,
    LOG_DATE_BYTES = 32,
    LOG_MESSAGE_BYTES = 2048,
};

struct log {
    /* These do not change after log_open; any thread may read them. */
    bool access_on;
    char *access_path; /* "-": stdout; owned */
    char *error_path;  /* "-": stderr; owned */

    /* Under lock. */
    pthread_mutex_t lock;
    int access_fd;
    struct message_buffer waiting; /* whole lines of the access log */
    uint64_t lost_bytes;           /* bytes that could not be written */
    bool told_lost;                /* the error log says that lines are lost */
    time_t date_of;                /* the second that date shows */
    char date[LOG_DATE_BYTES];     /* [10/Oct/2000:13:55:36 -0700] */

    /* A line is one write(2), so the error log needs no lock. log_reopen may
     * put another file under this descriptor, but its number stays. */
    int error_fd;
};

static int open_log(const char *path, int standard)
{
    if (strcmp(path, "-") == 0)
        return standard;
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void close_log(int fd)
{
    if (fd > STDERR_FILENO)
        close(fd);
}

void log_error(struct log *log, const char *format, ...)
{
    char line[LOG_MESSAGE_BYTES];
    struct tm utc;
    time_t now = clock_wall();
    gmtime_r(&now, &utc);
    size_t length = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &utc);
    size_t room = sizeof line - length - 1; /* a line's end must fit */
    va_list values;
    va_start(values, format);
    int n = vsnprintf(line + length, room, format, values);
    va_end(values);
    if (n > 0)
        length += (size_t)n < room ? (size_t)n : room - 1;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[length++] = '\n';
    (void)io_write_all(log != NULL ? log->error_fd : STDERR_FILENO, line,
                       length, NULL);
}

/* If a disk is full, lines of the access log are lost, and the server goes on.
 */
static void flush_locked(struct log *log)
{
    struct text text = buffer_text(&log->waiting);
    size_t written = 0;
    if (text.length > 0 &&
        io_write_all(log->access_fd, text.data, text.length, &written) < 0) {
        log->lost_bytes += text.length - written;
        if (!log->told_lost)
            log_error(log,
                      "access log %s: %s; lines are lost until it works "
                      "again",
                      log->access_path, strerror(errno));
        log->told_lost = true;
    } else if (text.length > 0 && log->told_lost) {
        log_error(log, "access log %s: works again; %ju bytes were lost",
                  log->access_path, (uintmax_t)log->lost_bytes);
        log->told_lost = false;
        log->lost_bytes = 0;
    }
    buffer_clear(&log->waiting);
}

static int say(const struct settings *settings, const char *key,
               const char *path)
{
    fprintf(stderr, "%s: [server] %s: cannot write %s: %s; name another\n",
            settings->program, key, path, strerror(errno));
    return -1;
}

struct log *log_open(const struct settings *settings)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        say(settings, "access_log", settings->access_log);
        return NULL;
    }
    pthread_mutex_init(&log->lock, NULL);
    log->access_fd = log->error_fd = -1;
    log->access_on = strcmp(settings->access_log, "off") != 0;
    log->access_path = strdup(settings->access_log);
    log->error_path = strdup(settings->error_log);
    if (log->access_path == NULL || log->error_path == NULL) {
        say(settings, "access_log", settings->access_log);
        goto fail;
    }
    log->error_fd = open_log(log->error_path, STDERR_FILENO);
    if (log->error_fd < 0) {
        say(settings, "error_log", log->error_path);
        goto fail;
    }
    if (log->access_on)
        log->access_fd = open_log(log->access_path, STDOUT_FILENO);
    if (log->access_on && log->access_fd < 0) {
        say(settings, "access_log", log->access_path);
        goto fail;
    }
    return log;

fail:
    log_close(log);
    return NULL;
}

void log_close(struct log *log)
{
    if (log->access_fd >= 0)
        log_tick(log);
    close_log(log->access_fd);
    close_log(log->error_fd);
    buffer_release(&log->waiting);
    pthread_mutex_destroy(&log->lock);
    free(log->access_path);
    free(log->error_path);
    free(log);
}

/* dup3 puts the new file under the old descriptor in one step. So a thread that
 * is about to write finds one file or the other, never a closed descriptor. */
static int reopen(struct log *log, const char *path, int fd, bool again)
{
    if (fd <= STDERR_FILENO)
        return 0;
    int fresh = open_log(path, -1);
    int result = fresh < 0 || dup3(fresh, fd, O_CLOEXEC) < 0 ? -1 : 0;
    int error = errno;
    if (result < 0 && !again)
        log_error(log, "%s: %s; the old file is kept", path, strerror(errno));
    close_log(fresh);
    errno = error;
    return result;
}

int log_reopen(struct log *log, bool again)
{
    int error = 0;
    pthread_mutex_lock(&log->lock);
    flush_locked(log);
    if (reopen(log, log->access_path, log->access_fd, again) < 0)
        error = errno;
    if (reopen(log, log->error_path, log->error_fd, again) < 0 &&
        (error == 0 || mistake_may_pass(errno)))
        error = errno;
    pthread_mutex_unlock(&log->lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

void log_tick(struct log *log)
{
    if (!log->access_on)
        return;
    pthread_mutex_lock(&log->lock);
    flush_locked(log);
    pthread_mutex_unlock(&log->lock);
}

struct message_buffer *log_line_begin(struct log *log)
{
    if (!log->access_on)
        return NULL;
    pthread_mutex_lock(&log->lock);
    return &log->waiting;
}

/* strftime is slow, so it is called at most once a second. */
struct text log_line_date(struct log *log)
{
    time_t now = clock_wall();
    if (now != log->date_of || log->date[0] == '\0') {
        struct tm local;
        localtime_r(&now, &local);
        strftime(log->date, sizeof log->date, "[%d/%b/%Y:%H:%M:%S %z]", &local);
        log->date_of = now;
    }
    return text_of(log->date);
}

void log_line_end(struct log *log)
{
    if (log->waiting.failed || buffer_length(&log->waiting) >= LOG_GATHER_BYTES)
        flush_locked(log);
    pthread_mutex_unlock(&log->lock);
}
