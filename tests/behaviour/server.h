/* server.h - one server process under test: started, watched, stopped.
 *
 * fork -> exec fivefold-N --ready-fd -> port -> the test -> SIGTERM -> exit
 * status, and nothing said by a sanitizer. */
#ifndef SUITE_SERVER_H
#define SUITE_SERVER_H

#include "bytes.h"

#include <sys/types.h>

struct server_options {
    const char *const *arguments; /* further ones, NULL-terminated, or NULL */
    const char *listen;           /* NULL: 127.0.0.1:0 */
    const char *root;             /* NULL: suite.root; "": none */
    const char *databases;        /* NULL: none */
    unsigned long descriptors;    /* RLIMIT_NOFILE, 0: as it is */
    unsigned long file_bytes;     /* RLIMIT_FSIZE, 0: as it is */
    unsigned long stack_bytes;    /* RLIMIT_STACK, the soft one; 0: as it is */
    bool as_nobody;               /* gives up root's rights */
    bool closed_streams;          /* without stdin, stdout, stderr */
    const char *notify_socket;    /* $NOTIFY_SOCKET, or NULL */
    int inherited_fd;             /* its descriptor 3, as systemd gives one;
                                     0: none */
    const char *listen_fds;       /* $LISTEN_FDS; NULL: "1" with inherited_fd */
    const char *listen_pid;       /* $LISTEN_PID; NULL: its own */
};

struct server {
    int stage;
    pid_t pid;
    int pidfd;
    int port;
    char output[600]; /* the file that takes stdout and stderr */
};

/* True if WRAP puts valgrind in front of each server. */
bool server_in_valgrind(void);

/* Starts fivefold-STAGE and waits until it listens. Given; fails the test
 * when it does not come up. */
struct server *server_start(int stage, const struct server_options *options);

/* SIGTERM, then checks: exit status 0, no report of a sanitizer. Takes server.
 */
void server_stop(struct server *server);

/* For tests of stopping itself: waits for the end and gives the exit status, or
 * 128 + signal; also checks the output. Takes server. */
int server_wait(struct server *server);

/* Kills what a failed test left behind. */
void server_kill_all(void);

/* Runs one to its end (--check, a wrong option) and gives its exit status;
 * output gets stdout and stderr. */
int server_run_once(int stage, const char *const *arguments,
                    struct bytes *output);
int server_run_once_with(int stage, const struct server_options *options,
                         struct bytes *output);

/* Open descriptors. */
size_t server_descriptors(const struct server *server);
/* Those whose file's path (or "socket:[1]") does not contain that. */
size_t server_descriptors_but(const struct server *server, const char *but);
/* The lowest number that no descriptor has. */
size_t server_free_descriptor(const struct server *server);
/* From now on it may open none of that number or more; 0: as at its start. */
void server_limit_descriptors(const struct server *server, size_t limit);
/* Resident memory in KiB. */
size_t server_memory(const struct server *server);
/* CPU time used so far, in clock ticks (10 ms). */
unsigned long server_ticks(const struct server *server);

enum { THREADS_MAX = 256 };

/* The ids of its threads: at least one, or the test fails. */
size_t server_threads(const struct server *server, pid_t threads[THREADS_MAX]);
/* Holds it up once each of its threads sleeps, and returns when none of them
 * runs: what is sent from now on is read after SIGCONT. */
void server_suspend(const struct server *server);

/* What it has printed so far. */
void server_output(const struct server *server, struct bytes *out);

#endif
