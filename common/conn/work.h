/* work.h - answering a request in parts, for a stage that has several threads
 * and chooses the thread for each part. A stage with one thread calls
 * conn_serve (conn.h).
 *
 * conn_step -> CONN_WANT_WORK -> conn_work, or in parts -> conn_step
 *           -> CONN_WANT_STREAM -> conn_stream -> conn_step */
#ifndef FIVEFOLD_CONN_WORK_H
#define FIVEFOLD_CONN_WORK_H

#include "conn/conn.h"

/* Does once what the state asks for: receives with one recv, or sends until it
 * would have to wait. It sends about SEND_STEP_BYTES (1 MiB) at most, so that
 * other clients get their turn. Blocks if the socket blocks, or on the disk
 * (conn_step_may_block). Returns any wish but TURN. */
enum conn_wish conn_step(struct conn *conn);

/* Call after CONN_WANT_WORK. Answers the request, or lets its body be received
 * first. May block. Then conn_step may be called at once. */
void conn_work(struct conn *conn);

/* conn_work in three parts. They are for a stage that chooses the thread by
 * what is asked for, or that collects many requests before it answers any. Call
 * all three after CONN_WANT_WORK and before conn_step.
 *
 * conn_route finds the handler. Returns the exchange, borrowed until the answer
 * has been sent. Returns NULL if the request has its response already; then
 * call conn_work, which does not block now. conn_route itself never blocks.
 *
 * conn_work_open calls the handler's begin. Returns true if the body is here:
 * then call the handler's finish with the exchange, and after it
 * conn_work_answer. Returns false if there is nothing more to do, as after
 * conn_work. May block.
 *
 * conn_work_answer prepares the response for sending. Blocks only if the
 * response has a source (which makes its body piece by piece). */
struct exchange *conn_route(struct conn *conn);
bool conn_work_open(struct conn *conn);
void conn_work_answer(struct conn *conn);

/* Call after CONN_WANT_WORK, from a thread that must not block. Answers the
 * request if everything for it is in memory (a small file in the page cache, an
 * error, /-/). Returns true if it did; then conn_step may be called at once.
 * Otherwise the request is as before, and conn_work is due on a thread that may
 * block. */
bool conn_work_at_once(struct conn *conn);

/* Call after CONN_WANT_WORK, instead of conn_work, when too many requests wait.
 * Answers 503 with Retry-After. Then conn_step may be called at once. */
void conn_work_refuse(struct conn *conn);

/* Call after CONN_WANT_WORK, for a request that had to wait. Returns true if
 * the client has reset the connection: then nobody will read the answer. A
 * client that has only ended its side may still read it (after shutdown; a
 * close looks the same). */
bool conn_client_is_gone(const struct conn *conn);

/* Returns true if the next conn_step sends from a file or writes a received
 * body to one, so that it may have to wait for the disk. No other step ever
 * waits. */
bool conn_step_may_block(const struct conn *conn);

/* Call if conn_step_may_block is true. Returns true if the part of the file
 * that would be sent next is in memory. It looks only at the first and the last
 * byte of that part. One or two system calls. */
bool conn_step_is_cached(const struct conn *conn);

/* Returns true if the next conn_step has so much to send (256 KiB or more) that
 * handing it to another thread takes less time than sending. */
bool conn_step_is_long(const struct conn *conn);

/* Returns the exchange of the current request, borrowed, or NULL between
 * requests. Its texts lie in conn->in, and this call tells it where that buffer
 * is now. So call it again after anything that may have moved the buffer. */
struct exchange *conn_exchange(struct conn *conn);

/* Call after CONN_WANT_STREAM. Makes the next piece of the answer, or lets the
 * handler go on with an answer that takes long before its first byte. May
 * block. Then conn_step may be called at once. */
void conn_stream(struct conn *conn);

/* Who owns a connection, so that an assertion can say so. conn_open makes the
 * calling thread the owner. A thread that hands the connection to another one
 * calls conn_release before the other can see it, and may not touch it any
 * more. The thread that gets it calls conn_adopt first. With NDEBUG nothing is
 * recorded, and conn_is_mine must not be called. */
#ifdef NDEBUG
static inline void conn_release(struct conn *conn)
{
    (void)conn;
}

static inline void conn_adopt(struct conn *conn)
{
    (void)conn;
}
#else
/* Asserts that the calling thread owns conn, and leaves it without owner. */
void conn_release(struct conn *conn);

/* Asserts that conn has no owner, and makes the calling thread the owner. */
void conn_adopt(struct conn *conn);
#endif

/* Returns true if the calling thread owns conn. Only for assertions. */
bool conn_is_mine(const struct conn *conn);

#endif
