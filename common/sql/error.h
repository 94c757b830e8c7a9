/* error.h - what went wrong, as a code and a message: for the client, or for
 * the error log. */
#ifndef FIVEFOLD_SQL_ERROR_H
#define FIVEFOLD_SQL_ERROR_H

#include "base/text.h"

struct exchange;
struct message_buffer;
struct sql;

enum {
    SQL_MESSAGE_BYTES = 512, /* of an error message; a longer one is cut */
};

struct sql_error {
    unsigned status;  /* of HTTP, if the request as a whole has failed */
    const char *code; /* such as "SQLITE_CONSTRAINT"; a literal */
    char message[SQL_MESSAGE_BYTES];
};

/* Fills error; the message is made as by printf(3), and cut if it is too long.
 * code is borrowed: a literal. Always returns -1, so that a caller can write
 * "return sql_fail(...)". */
int sql_fail(struct sql_error *error, unsigned status, const char *code,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes to the error log what is wrong with the database of that name (its
 * disk, its file). Writes the first message at once, then at most one in ten
 * seconds, with the number of those that it left out. */
void sql_tell(struct sql *sql, struct text name, const char *what);

/* Appends {"message":...,"code":...} to out. */
void sql_append_error(struct message_buffer *out,
                      const struct sql_error *error);

/* Makes error the whole answer of the exchange, with error->status. */
void sql_answer_error(struct exchange *exchange, const struct sql_error *error);

#endif
