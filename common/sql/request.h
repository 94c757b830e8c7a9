/* request.h - a request of the protocol, in steps: read, run. sql.h has the
 * steps that a stage may call. */
#ifndef FIVEFOLD_SQL_REQUEST_H
#define FIVEFOLD_SQL_REQUEST_H

#include "base/text.h"

#include <jansson.h>

struct exchange;
struct sql_error;
struct sql_stream;

enum sql_call {
    SQL_PIPELINE,
    SQL_CURSOR,
    SQL_V1_EXECUTE,
    SQL_V1_BATCH,
};

struct sql_request {
    struct exchange *exchange; /* borrowed; sql_request_run fills its
                                  response */
    enum sql_call call;
    unsigned version;  /* of the protocol: 1, 2 or 3 */
    struct text name;  /* of the database; borrowed from exchange->path */
    json_t *body;      /* owned; checked */
    size_t tree_bytes; /* what body has taken out of the server's budget of
                          memory */
    struct sql_stream *stream; /* owned; NULL: not taken yet, or used */
    bool hurry;                /* its connection must not wait for locks */
};

/* Reads and checks exchange->body; borrows exchange and name. The caller owns
 * the result (sql_request_close). Returns NULL with error. */
struct sql_request *sql_request_read(struct exchange *exchange,
                                     enum sql_call call, unsigned version,
                                     struct text name, struct sql_error *error);

/* Runs the request and fills the response, without the CORS fields. May block.
 */
void sql_request_run(struct sql_request *request);

#endif
