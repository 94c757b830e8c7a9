/* suite.h - what all of the behaviour suite shares: the stages under test, the
 * tree of files that they serve, the list of tests. */
#ifndef SUITE_SUITE_H
#define SUITE_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STAGES_MAX = 8 }; /* there may be more than are here */

/* What a stage does otherwise than the others, on purpose. Everything that is
 * not here must be the same, byte for byte. */
struct stage_differences {
    int number;
    const char *name;
    bool answers_others; /* while one client is slow, others are answered */
    bool databases_side_by_side; /* a slow query delays nobody else ... */
    bool slow_database_starves;  /* ... but two of one database take all of two
                                    workers */
    bool modules;     /* threads that have the connections, and others that do
                         what may block: life_modules.c */
    bool pipeline;    /* threads that hand connections on through queues */
    long clients_max; /* open at once, beyond: 503; 0: no limit of its own */
};

struct suite {
    const struct stage_differences *stages[STAGES_MAX]; /* those to test */
    size_t stage_count;
    char servers[512]; /* where fivefold-N are */
    char work[512];    /* everything made by this run; removed at the end */
    char root[600];    /* the served tree, shared by all stages */
    bool slow;         /* under valgrind or the like */
    char *const *filters;
    size_t filter_count;
};
extern struct suite suite;

/* CLOCK_MONOTONIC; for limits against hanging only. */
uint64_t suite_now_ms(void);

/* Runs tests that the filters let through under a group's name; those whose
 * name or "group: name" contains one of them. Returns how many failed. */
int suite_run_group(const char *group, const struct CMUnitTest *tests,
                    size_t count, int (*setup)(void **),
                    int (*teardown)(void **));

int suite_run_framing(void);
int suite_run_files(void);
int suite_run_sql(void);
int suite_run_access(void);
int suite_run_mounts(void);
int suite_run_browser(void);
int suite_run_life(void);

/* Makes work and the served tree in it; every file is of one time. */
void fixture_make(void);
void fixture_remove(void);
/* A file beneath work with that content. */
void fixture_write(const char *path, const void *data, size_t n);
/* Its whole path, once the directories above it are there. */
void fixture_path(const char *name, char *path, size_t size);
/* Makes that database beneath work. */
void fixture_sql(const char *name, const char *sql);
/* Byte i of the files that are long: no two places look alike. */
unsigned char fixture_byte(size_t i);
enum { BIG_BYTES = 20 * 1000 * 1000, EXACT_BYTES = 16384 };
/* Makes directory with databases t and other in it, and what is none. */
void fixture_database(const char *directory);

#endif
