/* run.h - one execution of a prepared statement, with its limits. */
#ifndef FIVEFOLD_SQL_RUN_H
#define FIVEFOLD_SQL_RUN_H

#include "base/text.h"

struct message_buffer;
struct sql;
struct sql_connection;
struct sql_error;
struct sql_statement;

/* One execution of a statement, with its limits. First start, then bind; step
 * to the end or as far as wanted; then finish. */
struct sql_run {
    struct sql_connection *connection;
    struct sql_statement *statement;
    int64_t changes_before;
    uint64_t rows;      /* rows so far */
    uint64_t left_ns;   /* time left for the statement when it started, or after
                           a pause; 0: no limit */
    uint64_t armed_ns;  /* when it began to run (clock_ns) */
    int64_t affected;   /* after the end: rows written, or 0 */
    int64_t last_rowid; /* after the end; valid only if wrote */
    bool wrote;
    bool armed; /* the statement runs: its time counts */
    bool looks_often;
    bool in_transaction; /* the client had a transaction open when it began */
    bool done;
};

/* Prepares run for the statement, which has no bindings yet. Borrows connection
 * and statement until sql_run_finish. Returns 0, or -1 with error (such as a
 * write in a read-only transaction). In both cases call sql_run_finish at the
 * end. */
int sql_run_start(struct sql_run *run, struct sql_connection *connection,
                  struct sql_statement *statement, struct sql_error *error);

/* Before the first step: counts the time since since_ns (clock_ns) as the
 * statement's. Returns 0, or -1 with error SQLITE_INTERRUPT if the time of the
 * statement or of the request is up. */
int sql_run_spend(struct sql_run *run, uint64_t since_ns,
                  struct sql_error *error);

/* Binds text to the parameter of that number (the first is 1); data NULL binds
 * NULL. The text is copied. Returns 0, or -1 with error. */
int sql_bind_text(struct sql_run *run, int parameter, struct text text,
                  struct sql_error *error);

/* Returns 1 with a row, 0 at the end, -1 with error. The error is SQLite's, or
 * that of a time limit (SQLITE_INTERRUPT, TRANSACTION_TIMEOUT). With want_rows
 * it is RESPONSE_TOO_LARGE at more rows than settings->sqlite_rows_max. May
 * block. */
int sql_run_step(struct sql_run *run, bool want_rows, struct sql_error *error);

/* Returns 0, or -1 with error RESPONSE_TOO_LARGE if bytes exceeds
 * settings->sqlite_response_bytes. */
int sql_check_bytes(struct sql *sql, uint64_t bytes, struct sql_error *error);

/* Returns 0, or -1 with error SQLITE_NOMEM if out has failed: there was no
 * memory, or no room in the server's budget of memory. The status is 503 if the
 * request can be sent again, and 500 if it has written something. */
int sql_check_room(const struct sql_connection *connection,
                   const struct message_buffer *out, struct sql_error *error);

/* Stops the time of the statement, between two pieces of a cursor's answer: the
 * client's time must not count. The next sql_run_step starts it again. */
void sql_run_pause(struct sql_run *run);

/* Resets the statement and clears its bindings. May be called twice. */
void sql_run_finish(struct sql_run *run);

#endif
