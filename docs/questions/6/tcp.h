/* tcp.h - question 6, layered: a TCP connection that knows no protocol, with
 * two virtual functions that a protocol overrides. */
#ifndef QUESTION_6_TCP_H
#define QUESTION_6_TCP_H

#include "tiny.h"

enum { PIECE_BYTES = 64 * 1024 };

struct tcp_connection;

struct tcp_class {
    size_t connection_bytes; /* of the protocol's struct, which begins with a
                                struct tcp_connection */
    /* Bytes have come: takes from conn->in what it can use. False: close. */
    bool (*recv_message)(struct tcp_connection *conn);
    /* conn->out has less than PIECE_BYTES: adds what is to be sent next, if
     * there is anything. */
    void (*send_message)(struct tcp_connection *conn);
};

struct tcp_connection {
    const struct tcp_class *class;
    int fd;
    int connection_state; /* the protocol's, not ours */
    struct message_buffer in, out;
};

struct tcp_connection *tcp_open(const struct tcp_class *class, int fd);
enum wish tcp_step(void *connection);
void tcp_close(void *connection);

#endif
