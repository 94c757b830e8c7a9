/* cases.h - a table of behaviour: what is sent, what must come back.
 *
 * Each row is one cmocka test that runs on all stages. The request goes out
 * whole, then cut into pieces; every run on every stage must give the same
 * bytes (Date, and what is random by contract, aside).
 *
 * A row leaves the server as it found it: what it makes it removes in its last
 * step, so that rows can run alone, in any order, and again. */
#ifndef SUITE_CASES_H
#define SUITE_CASES_H

#include "server.h"

enum { STEPS_MAX = 9, STATUSES_MAX = 4 };

enum body_check {
    BODY_ANY,
    BODY_IS,    /* all of it */
    BODY_HAS,   /* somewhere */
    BODY_LACKS, /* nowhere */
    BODY_FILE,  /* the content of this file beneath the root */
};

struct step {
    /* The request: raw bytes, or made from a method, a path, further field
     * lines (each with CRLF), a body. {{N*text}}, {{baton}} and {{etag}} are
     * expanded; the last two are what the last answer that had one gave. */
    const char *raw;
    size_t raw_length;
    const char *method, *path, *fields;
    const char *body;
    size_t body_length;

    unsigned status[STATUSES_MAX]; /* of the answers, in order; default 200 */
    /* Of the last answer. "Name: value" exactly, "Name" present, "!Name"
     * absent; separated by newlines. */
    const char *expect;
    enum body_check check;
    const char *text; /* for check */
    size_t text_length;
    const char *text2; /* BODY_HAS this too */
    bool closes;       /* the server closes behind the answer; otherwise the
                          connection must go on */
};

struct behaviour_case {
    const char *name; /* a sentence */
    struct step steps[STEPS_MAX];
    bool every_split; /* also sent in two pieces, cut at every place */
    bool whole_only;  /* the answer depends on how it is sent; says why */
    const char *not_valgrind; /* why it cannot hold there */
    const char *mask;         /* fields whose values may differ, "ETag\n..." */
};

#define RAW(bytes)  .raw = (bytes), .raw_length = sizeof(bytes) - 1
#define GET(where)  .method = "GET", .path = (where)
#define HEAD(where) .method = "HEAD", .path = (where)
#define POST(where, what)                                                      \
    .method = "POST", .path = (where), .body = (what),                         \
    .body_length = sizeof(what) - 1
#define PUT(where, what)                                                       \
    .method = "PUT", .path = (where), .body = (what),                          \
    .body_length = sizeof(what) - 1
#define DELETE(where) .method = "DELETE", .path = (where)
#define WITH(lines)   .fields = (lines)
#define STATUS(...)   .status = {__VA_ARGS__}
#define FIELDS(lines) .expect = (lines)
#define IS(bytes)                                                              \
    .check = BODY_IS, .text = (bytes), .text_length = sizeof(bytes) - 1
#define HAS(bytes)                                                             \
    .check = BODY_HAS, .text = (bytes), .text_length = sizeof(bytes) - 1
#define ALSO(bytes) .text2 = (bytes)
#define LACKS(bytes)                                                           \
    .check = BODY_LACKS, .text = (bytes), .text_length = sizeof(bytes) - 1
#define IS_FILE(name) .check = BODY_FILE, .text = (name)
#define CLOSES        .closes = true

/* Runs a table as a group on a server of each stage, started with arguments
 * (NULL-terminated; may be NULL). with_databases: each has a copy of the
 * database. Returns how many failed. */
int cases_run(const char *group, const struct behaviour_case *cases,
              size_t count, const char *const *arguments, bool with_databases);

#endif
