/* work.h - the answer of a request in parts, for a stage that has several
 * threads and chooses which does what. A stage with one calls conn_serve
 * (conn.h).
 *
 * conn_step -> CONN_WANT_WORK -> conn_work, or in parts -> conn_step
 *           -> CONN_WANT_STREAM -> conn_stream -> conn_step */
#ifndef FIVEFOLD_WORK_H
#define FIVEFOLD_WORK_H

#include "conn/conn.h"

/* After CONN_WANT_WORK: has the request answered. May block. Then conn_step
 * may be called at once. */
void conn_work(struct conn *conn);

/* conn_work in three parts, for a stage that chooses the thread by what is
 * asked for, or does something with many requests before any is answered. All
 * after CONN_WANT_WORK, before conn_step.
 *
 * Route: which handler is it for? Gives the exchange, routed, borrowed until
 * the answer; NULL: it has its answer already, and conn_work says so at once.
 * Never blocks.
 * Open: has the request begun; true: the body is here, and the handler's finish
 * is due on conn_route's exchange, then conn_work_answer. False: as after
 * conn_work. May block.
 * Answer: the response is there, it can be sent. Never blocks, unless the
 * response has a source. */
struct exchange *conn_route(struct conn *conn);
bool conn_work_open(struct conn *conn);
void conn_work_answer(struct conn *conn);

/* After CONN_WANT_WORK, for a thread that must not block: has the request
 * answered if everything for it is in memory (a small file in the page cache,
 * an error, /-/). Returns true if so, and then conn_step may be called at once;
 * else the request is as before, and conn_work is due on another thread. */
bool conn_work_at_once(struct conn *conn);

/* After CONN_WANT_WORK, instead of conn_work, when too much is waiting: answers
 * 503 with Retry-After. Then conn_step may be called at once. */
void conn_work_refuse(struct conn *conn);

/* After CONN_WANT_WORK, for a request that has had to wait: has the client
 * reset the connection meanwhile? Then nobody will read the answer. One who has
 * only ended his side (shutdown, or close: that looks the same) may still. */
bool conn_client_is_gone(const struct conn *conn);

/* The next conn_step reads or writes a file (sends from it, or stores what
 * comes for it) and may have to wait for the disk; every other step is done
 * without waiting. */
bool conn_step_may_block(const struct conn *conn);

/* After conn_step_may_block: but what would be sent next is in memory, as far
 * as the first and the last byte of it tell. One system call or two. */
bool conn_step_is_cached(const struct conn *conn);

/* The next conn_step has so much to send (256 KiB or more) that it takes longer
 * than to hand it to another thread. */
bool conn_step_is_long(const struct conn *conn);

/* The request that is under way; NULL between requests. Borrowed. Its texts are
 * in conn->in: where that is now is set here, so call it anew behind whatever
 * may have moved that buffer. */
struct exchange *conn_exchange(struct conn *conn);

/* After CONN_WANT_STREAM: makes the next piece of the answer, or goes on with
 * one that takes long before its first byte. May block. Then conn_step may be
 * called at once. */
void conn_stream(struct conn *conn);

#endif
