/* log.c - see log.h.
 *
 * exchange -> one line -> buffer (under the lock) -> write(2), when 32 KiB have
 * gathered or log_tick comes. Errors are written at once.
 *
 * What a client sent is written so that it can neither end a line nor a quoted
 * field: anything but printable ASCII becomes \xHH. */
#include "report/log.h"

#include "base/clock.h"
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
    /* Fixed after log_open; any thread reads. */
    bool access_on;
    char *access_path; /* "-": stdout; owned */
    char *error_path;  /* "-": stderr; owned */

    /* Under lock. */
    pthread_mutex_t lock;
    int access_fd;
    struct message_buffer waiting; /* whole lines of the access log */
    uint64_t lost_bytes;           /* that could not be written */
    bool told_lost;                /* ... and the error log says so */
    time_t date_of;                /* what date holds */
    char date[LOG_DATE_BYTES];     /* [10/Oct/2000:13:55:36 -0700] */

    /* A line is one write(2), so errors need no lock; log_reopen may change
     * what the number stands for, but the number stays. */
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

/* Writes all. Returns 0, or -1 with errno and *n moved behind what went. */
static int write_all(int fd, const char *bytes, size_t length, size_t *n)
{
    for (*n = 0; *n < length;) {
        ssize_t written = write(fd, bytes + *n, length - *n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        *n += (size_t)written;
    }
    return 0;
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
    size_t written;
    write_all(log != NULL ? log->error_fd : STDERR_FILENO, line, length,
              &written);
}

/* A full disk costs lines of the access log, never the server. */
static void flush_locked(struct log *log)
{
    struct text text = buffer_text(&log->waiting);
    size_t written = 0;
    if (text.length > 0 &&
        write_all(log->access_fd, text.data, text.length, &written) < 0) {
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

/* dup3 puts the new file under the old number in one step: a thread that is
 * about to write there finds one or the other, never a closed descriptor. */
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

static void append_safe(struct message_buffer *out, struct text text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t plain = 0; /* where the run of harmless bytes starts */
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
            continue;
        char escaped[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
        buffer_append(out, text.data + plain, i - plain);
        buffer_append(out, escaped, sizeof escaped);
        plain = i + 1;
    }
    if (plain < text.length)
        buffer_append(out, text.data + plain, text.length - plain);
}

/* A field of the request in quotes; "-" when it was not sent. */
static void append_quoted(struct message_buffer *out, struct text text)
{
    buffer_append_text(out, TEXT(" \""));
    if (text.length == 0)
        text = TEXT("-");
    append_safe(out, text);
    buffer_append_char(out, '"');
}

/* A name with a blank would shift the fields behind it. */
static void append_user(struct message_buffer *out, const char *user)
{
    if (*user == '\0')
        buffer_append_char(out, '-');
    for (; *user != '\0'; user++)
        if (*user == ' ')
            buffer_append_text(out, TEXT("\\x20"));
        else
            append_safe(out, (struct text){user, 1});
}

/* strftime is slow and needed once a second only. */
static void append_date_locked(struct log *log)
{
    time_t now = clock_wall();
    if (now != log->date_of || log->date[0] == '\0') {
        struct tm local;
        localtime_r(&now, &local);
        strftime(log->date, sizeof log->date, " [%d/%b/%Y:%H:%M:%S %z]",
                 &local);
        log->date_of = now;
    }
    buffer_append_text(&log->waiting, text_of(log->date));
}

static void append_line_locked(struct log *log, const struct exchange *exchange,
                               uint64_t body_bytes)
{
    const struct http_request *request = &exchange->request;
    struct message_buffer *out = &log->waiting;
    char address[INET6_ADDRSTRLEN];
    bool parsed = request->base != NULL;
    peer_print(&exchange->peer, address);
    buffer_append_text(out, text_of(address));
    buffer_append_text(out, TEXT(" - "));
    append_user(out, exchange->user);
    append_date_locked(log);
    append_quoted(out, parsed ? http_text(request, request->line) : TEXT(""));
    buffer_append_char(out, ' ');
    buffer_append_number(out, exchange->response.status);
    buffer_append_char(out, ' ');
    buffer_append_number(out, body_bytes);
    append_quoted(out,
                  parsed ? http_field(request, TEXT("Referer")) : TEXT(""));
    append_quoted(out,
                  parsed ? http_field(request, TEXT("User-Agent")) : TEXT(""));
    buffer_append_char(out, '\n');
}

void log_access(struct log *log, const struct exchange *exchange,
                uint64_t body_bytes)
{
    if (!log->access_on)
        return;
    pthread_mutex_lock(&log->lock);
    append_line_locked(log, exchange, body_bytes);
    if (log->waiting.failed || buffer_length(&log->waiting) >= LOG_GATHER_BYTES)
        flush_locked(log);
    pthread_mutex_unlock(&log->lock);
}
