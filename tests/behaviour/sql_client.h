/* sql_client.h - clients of a database, for the tests of a stage's life.
 *
 * Each request is a pipeline of version 3 on a connection of its own, unless
 * said otherwise. `requests` are EXECUTE(...) and its like (sql_macros.h), with
 * commas between. */
#ifndef SUITE_SQL_CLIENT_H
#define SUITE_SQL_CLIENT_H

#include "client.h"
#include "server.h"

#include <jansson.h>

enum { BATON_BYTES = 96 };

/* Sends; the answer is still to be read. baton "" or NULL: none. Given. */
struct client *sql_say(const struct server *server, const char *database,
                       const char *baton, const char *requests);
/* The same on a connection that is there. */
void sql_send(struct client *client, const char *database, const char *baton,
              const char *requests);

/* Reads the answer, which must be 200, and gives its results; baton (if not
 * NULL, BATON_BYTES) gets its baton, "" for none. The connection stays. */
json_t *sql_read(struct client *client, char *baton);
/* The same, and closes. Takes client. */
json_t *sql_finish(struct client *client, char *baton);

/* Says and reads; every part must be ok. Takes up *baton and gives the next,
 * if not NULL. */
void sql_do(const struct server *server, const char *database, char *baton,
            const char *requests);

/* Fails the test, with the results, unless part i is ok; or is an error with
 * that code. */
void sql_check_ok(json_t *results, size_t i);
void sql_check_error(json_t *results, size_t i, const char *code);
/* What part i, an execute that is ok, has: a figure of its result, or the whole
 * number in its first row. */
long long sql_effect(json_t *results, size_t i, const char *key);
long long sql_cell(json_t *results, size_t i);

/* A query of a database that runs until query_ms ends it. Given. */
struct client *sql_say_endless(const struct server *server,
                               const char *database);

/* The whole number that a SELECT gives. */
long long sql_number(const struct server *server, const char *database,
                     const char *select);

/* An interactive transaction that has the write lock: its baton. */
void sql_begin(const struct server *server, const char *database, char *baton);
/* "COMMIT" or "ROLLBACK". */
void sql_end(const struct server *server, const char *database,
             const char *baton, const char *how);

#endif
