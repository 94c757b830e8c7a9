/* ledger.h - what was written and what the server has promised of it.
 *
 * client: ledger_write (open) -> request -> answer -> ledger_settle
 * crash -> ledger_check, ledger_check_file: is there what must be, and nothing
 *          that must not
 *
 * A client's part is its thread's alone; the rest is for when all threads have
 * ended. */
#ifndef DURABILITY_LEDGER_H
#define DURABILITY_LEDGER_H

#include "../behaviour/bytes.h"
#include "wire.h"

enum fate {
    FATE_OPEN, /* sent, and no answer or an error: all of it or nothing */
    FATE_KEPT, /* acknowledged: must be there */
    FATE_GONE  /* refused, rolled back, never committed: must not be there */
};

/* Which answer settled it. */
struct receipt {
    uint64_t port, received; /* as in struct wire */
};

/* Rows that are there together or not at all. */
struct entry {
    enum fate fate;
    unsigned parts; /* rows 0 ... parts - 1 */
    unsigned seen;  /* by the check */
    struct receipt receipt;
};

struct ledger_client {
    struct entry *entries; /* by sequence */
    size_t count, capacity;
};

/* A PUT of content_make(client, sequence, length). */
struct attempt {
    enum fate fate;
    size_t client, sequence, length;
    struct receipt receipt;
};

struct ledger_file {
    struct attempt *attempts; /* in order */
    size_t count, capacity;
};

struct ledger {
    struct ledger_client *clients;
    size_t client_count;
    struct ledger_file *files;
    size_t file_count;
};

enum { FILLER_MAX = 3000, PROBLEM_BYTES = 300 };

extern const char ledger_schema[];
#define LEDGER_INTO   "INTO entry(client, sequence, part, filler"
#define LEDGER_INSERT "INSERT " LEDGER_INTO ") VALUES(?,?,?,?)"

void ledger_init(struct ledger *ledger, size_t files);
void ledger_free(struct ledger *ledger);
/* Makes room for n more clients and gives the number of the first. */
size_t ledger_add_clients(struct ledger *ledger, size_t n);

/* The client is about to send so many rows; gives their sequence. */
size_t ledger_write(struct ledger *ledger, size_t client, unsigned parts,
                    enum fate fate);
/* The answer that wire has just had says so. */
void ledger_settle(struct ledger *ledger, size_t client, size_t sequence,
                   enum fate fate, const struct wire *wire);
/* The same for files. */
size_t ledger_put(struct ledger *ledger, size_t file, size_t client,
                  size_t sequence, size_t length);
void ledger_settle_put(struct ledger *ledger, size_t file, enum fate fate,
                       const struct wire *wire);

/* What a row holds besides its numbers, and its length; text must have
 * FILLER_MAX + 1 bytes. */
size_t filler_make(size_t client, size_t sequence, unsigned part, char *text);
/* Appends what a file holds. */
void content_make(struct bytes *out, size_t client, size_t sequence,
                  size_t length);
/* Is it whole, whichever it is? */
bool content_is_whole(const char *data, size_t n);

/* Which promises count: NULL for all, else those for which it says true. */
struct due {
    bool (*is_due)(const struct due *due, const struct receipt *receipt);
};

/* Opens the database (which recovers it), and looks at integrity_check and
 * every row. False: problem says what is wrong. */
bool ledger_check(struct ledger *ledger, const char *database,
                  const struct due *due, char problem[PROBLEM_BYTES]);
/* The same for a file; data NULL: there is none. */
bool ledger_check_file(const struct ledger *ledger, size_t file,
                       const struct due *due, const char *data, size_t n,
                       char problem[PROBLEM_BYTES]);

struct ledger_sum {
    size_t kept, open, gone; /* writes of rows */
    size_t puts;             /* kept */
};
struct ledger_sum ledger_sum(const struct ledger *ledger);

/* items, which have room for *capacity of that size, with room for one more
 * behind count. */
void *grown(void *items, size_t count, size_t *capacity, size_t size);

/* Any number from any number; the same everywhere. */
uint64_t ledger_mix(uint64_t x);

#endif
