/* load.h - many clients at once, each with a script: what it sends, how, and
 * when it leaves. One thread, one epoll.
 *
 * load_start -> connect -> requests -> each answer compared -> gone
 *
 * What is not as the script says fails the test. */
#ifndef SUITE_LOAD_H
#define SUITE_LOAD_H

#include "bytes.h"

struct load_script {
    const char *name;
    const char *request;
    unsigned status;  /* of each answer */
    const char *body; /* NULL: whatever comes */
    size_t fixture;   /* not 0: the body is a long file of that many bytes */
    unsigned times;   /* requests on the connection */
    bool together;    /* all are sent at once, not each behind an answer */
    bool trickle;     /* a few bytes in each turn */
    /* Leaves when so many bytes have been sent, or so many have come; 0: stays
     * until all is answered. */
    size_t leave_sent, leave_got;
    bool reset; /* ... by a reset, without reading what came */
};

struct load_client;

struct load {
    int port;
    int epoll_fd;
    struct load_client *clients; /* max of them */
    size_t max, open, started;
    size_t quiet;   /* of the open ones, those who have not been woken */
    size_t answers; /* right ones */
    size_t cut_off; /* clients who were told nothing at the stop */
    bool stopping;
};

/* For up to that many clients at once. Given; load_close_all frees what a
 * failed test left behind. */
struct load *load_open(int port, size_t max);
void load_close(struct load *load); /* all that are open leave by a reset */
void load_close_all(void);

/* Connects a client. A quiet one sends nothing until load_wake. */
void load_start(struct load *load, const struct load_script *script,
                bool quiet);
void load_wake(struct load *load);
/* Starts total clients, each with the next of n scripts, at_once at a time, and
 * waits until all have gone that are not quiet. */
void load_run(struct load *load, const struct load_script *scripts, size_t n,
              size_t at_once, size_t total);
/* Waits for what the open ones have to do, and does it once. */
void load_turn(struct load *load);

/* The server gets its SIGTERM right after this call. From now on a client may
 * go without an answer only if it had sent nothing yet, if an answer before
 * said "close", or if the server had not accepted it. */
void load_stopping(struct load *load);

#endif
