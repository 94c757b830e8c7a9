/* life.h - tests of connections and of the server's life: one stage each, on a
 * server of their own. */
#ifndef SUITE_LIFE_H
#define SUITE_LIFE_H

#include "client.h"
#include "server.h"
#include "suite.h"

struct life {
    const char *name; /* a sentence */
    void (*test)(const struct stage_differences *stage);
};

/* Ended by a row without a name. */
extern const struct life life_clients[];
extern const struct life life_limits[];
extern const struct life life_addresses[];
extern const struct life life_process[];
extern const struct life life_internals[];
extern const struct life life_load[];
extern const struct life life_service[];
extern const struct life life_mounts[];
extern const struct life life_backup[];
extern const struct life life_privileges[];
extern const struct life life_writes[];
extern const struct life life_strands[];
extern const struct life life_modules[];
extern const struct life life_file_cache[];
extern const struct life life_at_once[];
extern const struct life life_sql_bounds[];
extern const struct life life_databases[];
extern const struct life life_passwords[];
extern const struct life life_memory[];
extern const struct life life_turns[];

/* A server that allows everything, with up to LIFE_MORE further arguments. */
#define LIFE_START(stage, ...)                                                 \
    life_start(stage, NULL, (const char *const[]){__VA_ARGS__, NULL})
struct server *life_start(const struct stage_differences *stage,
                          const struct server_options *options,
                          const char *const *arguments);

/* The same with databases of its own, t and other. The name is the test's. */
#define LIFE_START_SQL(stage, name, ...)                                       \
    life_start_sql(stage, name, (const char *const[]){__VA_ARGS__, NULL})
struct server *life_start_sql(const struct stage_differences *stage,
                              const char *name, const char *const *arguments);

/* Is there an IPv6 loopback here? Says so if not. */
bool life_has_v6(void);
/* GET /small.txt on a connection of its own gives "hello\n". */
void life_answers(const struct server *server);
/* Opens a client and sends. */
struct client *life_say(const struct server *server, const char *text);
/* Reads an answer and checks its status. */
void life_expect(struct client *client, unsigned status);
/* The same, with the body "hello\n". */
void life_expect_hello(struct client *client);
/* Reads to the end; fails unless the server has closed without a word. */
void life_expect_close(struct client *client);
/* Fails if the server has used more CPU than one that waits, in about a second:
 * ticks as before, by server_ticks. */
void life_expect_rest(const struct server *server, unsigned long before);
/* Pitfall 6: waits until the server has no more descriptors than that. Every
 * look is behind an answered request, so a leak shows soon. */
void life_descriptors_settle(const struct server *server, size_t count);
size_t life_lines(const struct bytes *bytes);
/* A download that has begun and cannot go on by itself. */
struct client *life_stalled_download(const struct server *server);
/* Runs it to its end: exit status 2, and one line that has those words. */
void life_expect_mistake(const struct stage_differences *stage,
                         const struct server_options *options, const char *has);
/* Reads an answer whose body must be big.bin, without keeping it. */
void life_expect_big(struct client *client);

#define HELLO "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
#define HELLO_CLOSE                                                            \
    "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define BIG "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"

#endif
