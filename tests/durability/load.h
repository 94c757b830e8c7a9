/* load.h - many clients at once that write, and know what they were promised.
 *
 * load_start -> a thread a client: write, read the answer, note its fate in the
 *   ledger, and so on -> load_stop
 *
 * Most insert rows one by one; others send batches, hold transactions open over
 * several requests, put files, or read files; one makes the WAL long, so that
 * checkpoints come. Now and then one looks whether it can see what was
 * acknowledged to it. */
#ifndef DURABILITY_LOAD_H
#define DURABILITY_LOAD_H

#include "ledger.h"

#include <pthread.h>
#include <stdatomic.h>

/* LOAD_PUTTERS of the clients put files, each LOAD_NAMES of its own. */
enum { LOAD_CLIENTS = 32, LOAD_PUTTERS = 4, LOAD_NAMES = 3 };
enum { LOAD_FILES = LOAD_PUTTERS * LOAD_NAMES };

struct load;

/* Only its thread's, and after the end the test's. */
struct load_client {
    struct load *load;
    pthread_t thread;
    size_t number; /* among the clients of this load */
    size_t id;     /* in the ledger */
    struct wire wire;
    struct bytes body; /* of the request */
    uint64_t random;
    bool may_fail;       /* calls failed while the last request ran */
    size_t puts;         /* sequence of the next */
    size_t done, failed; /* answers that acknowledge; errors of the disk */
    char problem[PROBLEM_BYTES];
};

struct load {
    struct ledger *ledger;
    uint64_t seed;
    size_t put_bytes_max;
    enum fate failed; /* what an error of the disk makes of a write; a crash
                         may still bring it to light: FATE_OPEN */
    atomic_bool stopping;
    atomic_bool may_be_lost; /* the server may die now */
    atomic_bool faulty;      /* errors of the disk are in order now */
    struct load_client clients[LOAD_CLIENTS];
};

/* Starts the clients. one_each: a connection for each request. */
void load_start(struct load *load, struct ledger *ledger, int port,
                bool one_each, uint64_t seed, size_t put_bytes_max);
/* Waits until each has finished what it does. */
void load_stop(struct load *load);
/* The first thing that was wrong, or NULL. After load_stop. */
const char *load_problem(const struct load *load);
/* Answers that acknowledged, and errors of the disk. After load_stop. */
size_t load_done(const struct load *load);
size_t load_failed(const struct load *load);

/* ---- single operations, for a test that makes them one by one ---- */

/* A client without a thread. */
void load_client_open(struct load *load, struct load_client *client,
                      size_t number, int port, bool one_each);
void load_client_close(struct load_client *client);

/* Each does one write of its kind. False: the client can do no more, which
 * without a problem means that the server is gone as foreseen. The code of the
 * first error of SQL, or an empty text, is in code. */
enum { CODE_BYTES = 40 };
typedef bool load_operation(struct load_client *client, char code[CODE_BYTES]);
load_operation load_insert, load_batch, load_interactive, load_put;
/* Writes a hundred pages that are in no ledger: after ten of it the WAL is long
 * enough for a checkpoint. */
load_operation load_grow;

#endif
