/* client.h - a client that can be as rude as a test needs it.
 *
 * No call sleeps. Each waits for an event, at most client_limit_ms: past that
 * the test fails. The limit only guards against hanging. */
#ifndef SUITE_CLIENT_H
#define SUITE_CLIENT_H

#include "bytes.h"

struct client {
    int fd;          /* -1 once closed */
    int port;        /* of the server */
    struct bytes in; /* received, not yet part of an answer */
    bool ended;      /* the server closed or reset */
    bool reset;      /* it was a reset */
};

struct answer {
    unsigned status;
    struct bytes raw;   /* head and body as they came, framing included */
    size_t head_length; /* with the empty line */
    struct bytes body;  /* decoded */
};

enum client_got {
    GOT_ANSWER, /* whole */
    GOT_CLOSE,  /* end or reset before the first byte */
    GOT_BROKEN, /* end or reset inside the answer; what came is in raw */
};

/* 10 s, times the environment's SLOW (valgrind). */
int client_limit_ms(void);

/* Connects to 127.0.0.1, or fails the test. Given; client_close_all frees what
 * a failed test left behind. */
struct client *client_open(int port);
/* With a receive buffer of that size (bytes, 0: the kernel's). */
struct client *client_open_small(int port, int receive_bytes);
/* From that address of this machine's, such as 127.0.0.2. */
struct client *client_open_from(int port, const char *source);
/* To ::1; NULL when this machine has no IPv6. */
struct client *client_open_v6(int port);

/* Sends all. Returns 0, or -1 when the server has closed (not a failure by
 * itself: a refusal may come before the request's end). */
int client_send(struct client *client, const void *data, size_t n);
int client_say(struct client *client, const char *text);
/* Waits until the server has taken from its socket all that was sent, or
 * has answered or closed instead. */
void client_wait_taken(struct client *client);

/* Has the server accepted the connection of that socket? False also where the
 * kernel does not tell. */
bool client_accepted(int fd);

/* Reads one answer; to_head says that it answers HEAD. Answer must be zero or
 * used; it is cleared. */
enum client_got client_read(struct client *client, bool to_head,
                            struct answer *answer);
/* Reads until the server closes; what comes goes to client->in. */
void client_read_to_end(struct client *client);
/* Receives what there is (up to n bytes) after waiting for the first byte; 0 at
 * the end. */
size_t client_receive(struct client *client, void *data, size_t n);
/* True if bytes or an end have arrived; does not wait. */
bool client_has_news(struct client *client);

void client_half_close(struct client *client);
void client_reset(struct client *client); /* RST; takes client */
void client_close(struct client *client); /* takes client */
void client_close_all(void);

/* Copies the field's value into value (NUL-terminated, cut at size). Returns
 * false if the answer has no such field. Several: the first. */
bool answer_field(const struct answer *answer, const char *name, char *value,
                  size_t size);
void answer_free(struct answer *answer);

/* GET on a connection of its own, closed behind. Returns the status. */
unsigned client_get(int port, const char *path, struct answer *answer);

#endif
