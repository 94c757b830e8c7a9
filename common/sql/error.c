/* error.c - what went wrong, as a code and a message.
 *
 * struct sql_error -> {"message","code"} inside an answer, or an HTTP status
 * when the request as a whole has failed. result.c says what SQLite's result
 * codes mean. */
#include "sql/error.h"

#include "base/clock.h"
#include "base/json.h"
#include "report/log.h"
#include "sql/internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { TELL_MS = 10000 }; /* the log must not fill a disk that is full */

int sql_fail(struct sql_error *error, unsigned status, const char *code,
             const char *format, ...)
{
    error->status = status;
    error->code = code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return -1;
}

void sql_tell(struct sql *sql, struct text name, const char *what)
{
    uint64_t now_ms = clock_ms(), told_ms = atomic_load(&sql->told_ms);
    if (sql->log == NULL)
        return;
    if ((told_ms != 0 && now_ms - told_ms < TELL_MS) ||
        !atomic_compare_exchange_strong(&sql->told_ms, &told_ms, now_ms)) {
        atomic_fetch_add(&sql->untold, 1);
        return;
    }
    unsigned more = atomic_exchange(&sql->untold, 0);
    char since[64] = "";
    if (more > 0)
        snprintf(since, sizeof since, "; %u such errors before were not logged",
                 more);
    log_error(sql->log, "database %s/%.*s.db: %s%s", sql->directory,
              (int)name.length, name.data, what, since);
}

void sql_append_error(struct message_buffer *out, const struct sql_error *error)
{
    json_append_open(out, '{');
    json_member_text(out, "message", text_of(error->message));
    json_member_text(out, "code", text_of(error->code));
    json_append_close(out, '}');
}

void sql_answer_error(struct exchange *exchange, const struct sql_error *error)
{
    response_error_json(&exchange->response, error->status, error->code,
                        error->message);
}
