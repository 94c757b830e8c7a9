/* hrana.h - the requests of a stream, and the answer that carries their results
 * (Hrana: the protocol, SQL as JSON over HTTP). */
#ifndef FIVEFOLD_SQL_HRANA_H
#define FIVEFOLD_SQL_HRANA_H

#include <jansson.h>
#include <stdbool.h>

struct exchange;
struct message_buffer;
struct response;
struct sql_error;
struct sql_stream;

/* Call it when a statement has failed and its part of out has been cut off. It
 * matters if the reason was that out found no memory. A request that has
 * written nothing and resumes no stream can be sent again: out stays failed, so
 * that the whole request is answered with 503. Any other client must learn what
 * has been done: out can be used again, for the error and for what follows. */
void sql_answer_goes_on(const struct sql_stream *stream,
                        struct message_buffer *out);

/* Check the shape of a body: {"baton","requests"}, or {"stmt"} or {"batch"} of
 * v1. Return 0, or -1 with error 400. */
int sql_pipeline_check(const json_t *body, unsigned version,
                       struct sql_error *error);
int sql_v1_check(const json_t *body, bool batch, struct sql_error *error);

/* Answer a request that has been checked: fill exchange->response. Both take
 * ownership of stream. */
void sql_pipeline_answer(struct exchange *exchange, struct sql_stream *stream,
                         const json_t *body);
void sql_v1_answer(struct exchange *exchange, struct sql_stream *stream,
                   const json_t *body, bool batch);

/* The head of an answer, {"baton":...,"base_url":null. The baton is known only
 * at the end. By then something may be committed, and it would be too late to
 * report that memory is short. So begin makes room for the head, and for the
 * rest of a short answer, at the start. It returns 0, or -1 with error 503. End
 * writes the head into that room ("" is no baton), which cannot fail, and sets
 * status 200. */
int sql_head_begin(struct response *response, const char *type,
                   struct sql_error *error);
void sql_head_end(struct response *response, const char *baton);

/* The request as a whole has failed: answers with error. If something of it is
 * committed, no answer would be true; then the connection is closed without
 * one. */
void sql_answer_failure(struct exchange *exchange, bool committed,
                        const struct sql_error *error);

#endif
