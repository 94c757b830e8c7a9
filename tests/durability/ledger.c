/* ledger.c - what was promised, and whether it is there.
 *
 * Rows and files say of themselves who wrote them, and the rest of their bytes
 * follows from that: a row that is torn, doubled or nobody's shows. */
#include "ledger.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing here is unique, so that a row written twice would show. Nobody is
 * owed anything that could be paid: who owes has his COMMIT refused. */
const char ledger_schema[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE owed(id INTEGER PRIMARY KEY);"
    "CREATE TABLE entry(client INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " part INTEGER NOT NULL CHECK(part >= 0), filler TEXT NOT NULL,"
    " owes INTEGER REFERENCES owed DEFERRABLE INITIALLY DEFERRED);"
    "CREATE INDEX entry_of_client ON entry(client, sequence);"
    "CREATE TABLE ballast(bytes BLOB);"
    "INSERT INTO ballast VALUES(zeroblob(400000));";

void ledger_init(struct ledger *ledger, size_t files)
{
    *ledger = (struct ledger){.file_count = files};
    ledger->files = calloc(files, sizeof *ledger->files);
    if (!ledger->files)
        abort();
}

void ledger_free(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->client_count; i++)
        free(ledger->clients[i].entries);
    for (size_t i = 0; i < ledger->file_count; i++)
        free(ledger->files[i].attempts);
    free(ledger->clients);
    free(ledger->files);
    *ledger = (struct ledger){0};
}

void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 64;
    items = realloc(items, *capacity * size);
    if (!items)
        abort();
    return items;
}

size_t ledger_add_clients(struct ledger *ledger, size_t n)
{
    size_t first = ledger->client_count;
    ledger->clients =
        realloc(ledger->clients, (first + n) * sizeof *ledger->clients);
    if (!ledger->clients)
        abort();
    memset(ledger->clients + first, 0, n * sizeof *ledger->clients);
    ledger->client_count += n;
    return first;
}

size_t ledger_write(struct ledger *ledger, size_t client, unsigned parts,
                    enum fate fate)
{
    struct ledger_client *mine = &ledger->clients[client];
    mine->entries = grown(mine->entries, mine->count, &mine->capacity,
                          sizeof *mine->entries);
    mine->entries[mine->count] = (struct entry){.fate = fate, .parts = parts};
    return mine->count++;
}

void ledger_settle(struct ledger *ledger, size_t client, size_t sequence,
                   enum fate fate, const struct wire *wire)
{
    struct entry *entry = &ledger->clients[client].entries[sequence];
    entry->fate = fate;
    entry->receipt = (struct receipt){wire->own_port, wire->received};
}

size_t ledger_put(struct ledger *ledger, size_t file, size_t client,
                  size_t sequence, size_t length)
{
    struct ledger_file *at = &ledger->files[file];
    at->attempts =
        grown(at->attempts, at->count, &at->capacity, sizeof *at->attempts);
    at->attempts[at->count] = (struct attempt){
        .client = client, .sequence = sequence, .length = length};
    return at->count++;
}

void ledger_settle_put(struct ledger *ledger, size_t file, enum fate fate,
                       const struct wire *wire)
{
    struct ledger_file *at = &ledger->files[file];
    struct attempt *last = &at->attempts[at->count - 1];
    last->fate = fate;
    last->receipt = (struct receipt){wire->own_port, wire->received};
}

/* ---- contents ---- */

uint64_t ledger_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* n letters that follow from the seed. */
static void letters(char *to, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        if (i % 8 == 0)
            seed = ledger_mix(seed);
        to[i] = (char)('a' + (seed >> i % 8 * 8 & 15));
    }
}

size_t filler_make(size_t client, size_t sequence, unsigned part, char *text)
{
    uint64_t seed =
        ledger_mix(ledger_mix(ledger_mix(client) ^ sequence) ^ part);
    /* Mostly small; some do not fit a page. */
    size_t n =
        (size_t)(seed % 16 == 0 ? seed / 16 % FILLER_MAX : seed / 16 % 200);
    letters(text, n, seed);
    text[n] = '\0';
    return n;
}

void content_make(struct bytes *out, size_t client, size_t sequence,
                  size_t length)
{
    bytes_print(out, "%zu %zu %zu\n", client, sequence, length);
    char *room = bytes_room(out, length);
    letters(room, length, ledger_mix(client) ^ sequence);
    out->length += length;
    out->data[out->length] = '\0';
}

static bool content_is(const char *data, size_t n, size_t client,
                       size_t sequence, size_t length)
{
    struct bytes right = {0};
    content_make(&right, client, sequence, length);
    bool same = right.length == n && memcmp(right.data, data, n) == 0;
    bytes_free(&right);
    return same;
}

bool content_is_whole(const char *data, size_t n)
{
    size_t client, sequence, length;
    char head[100];
    snprintf(head, sizeof head, "%.*s", (int)(n < 90 ? n : 90), data);
    return sscanf(head, "%zu %zu %zu\n", &client, &sequence, &length) == 3 &&
           length <= n && content_is(data, n, client, sequence, length);
}

/* ---- checks ---- */

static bool due_now(const struct due *due, const struct receipt *receipt)
{
    return !due || due->is_due(due, receipt);
}

/* One row that is there. */
static bool check_row(struct ledger *ledger, sqlite3_stmt *row,
                      char problem[PROBLEM_BYTES])
{
    char filler[FILLER_MAX + 1];
    size_t client = (size_t)sqlite3_column_int64(row, 0);
    size_t sequence = (size_t)sqlite3_column_int64(row, 1);
    size_t part = (size_t)sqlite3_column_int64(row, 2);
    const char *why = NULL;
    struct entry *entry = NULL;
    if (client < ledger->client_count &&
        sequence < ledger->clients[client].count)
        entry = &ledger->clients[client].entries[sequence];
    if (!entry)
        why = "was never sent";
    else if (entry->fate == FATE_GONE)
        why = "was refused or rolled back, and is there";
    else if (part >= entry->parts || part != entry->seen)
        why = "is there twice, or one before it is missing";
    if (!why) {
        size_t n = filler_make(client, sequence, (unsigned)part, filler);
        if ((size_t)sqlite3_column_bytes(row, 3) != n ||
            memcmp(sqlite3_column_text(row, 3), filler, n) != 0)
            why = "has another content";
    }
    if (why)
        snprintf(problem, PROBLEM_BYTES,
                 "row %zu of write %zu of client %zu %s", part, sequence,
                 client, why);
    else
        entry->seen++;
    return !why;
}

static bool check_rows(struct ledger *ledger, sqlite3 *db,
                       char problem[PROBLEM_BYTES])
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(db,
                                "SELECT client, sequence, part, filler "
                                "FROM entry ORDER BY 1, 2, 3",
                                -1, &row, NULL);
    bool good = rc == SQLITE_OK;
    while (good && (rc = sqlite3_step(row)) == SQLITE_ROW)
        good = check_row(ledger, row, problem);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        snprintf(problem, PROBLEM_BYTES, "reading: %s", sqlite3_errmsg(db));
        good = false;
    }
    sqlite3_finalize(row);
    return good;
}

/* Every write: were its rows all there, or none where that is right? */
static bool check_entries(const struct ledger *ledger, const struct due *due,
                          char problem[PROBLEM_BYTES])
{
    for (size_t i = 0; i < ledger->client_count; i++)
        for (size_t j = 0; j < ledger->clients[i].count; j++) {
            const struct entry *entry = &ledger->clients[i].entries[j];
            bool must =
                entry->fate == FATE_KEPT && due_now(due, &entry->receipt);
            if (entry->seen == entry->parts || (entry->seen == 0 && !must))
                continue;
            snprintf(problem, PROBLEM_BYTES,
                     "write %zu of client %zu%s: %u of %u rows are there", j, i,
                     must ? ", acknowledged" : "", entry->seen, entry->parts);
            return false;
        }
    return true;
}

static int note_integrity(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    char *problem = context;
    if (strcmp(values[0], "ok") != 0)
        snprintf(problem, PROBLEM_BYTES, "integrity_check: %s", values[0]);
    return 0;
}

bool ledger_check(struct ledger *ledger, const char *database,
                  const struct due *due, char problem[PROBLEM_BYTES])
{
    sqlite3 *db = NULL;
    problem[0] = '\0';
    for (size_t i = 0; i < ledger->client_count; i++)
        for (size_t j = 0; j < ledger->clients[i].count; j++)
            ledger->clients[i].entries[j].seen = 0;
    if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA integrity_check", note_integrity, problem,
                     NULL) != SQLITE_OK)
        snprintf(problem, PROBLEM_BYTES, "%s", sqlite3_errmsg(db));
    bool good = problem[0] == '\0' && check_rows(ledger, db, problem) &&
                check_entries(ledger, due, problem);
    sqlite3_close(db);
    return good;
}

bool ledger_check_file(const struct ledger *ledger, size_t file,
                       const struct due *due, const char *data, size_t n,
                       char problem[PROBLEM_BYTES])
{
    const struct ledger_file *at = &ledger->files[file];
    /* From the newest back to the one that is promised: any of these. */
    for (size_t i = at->count; i-- > 0;) {
        const struct attempt *attempt = &at->attempts[i];
        if (attempt->fate == FATE_GONE)
            continue;
        if (data && content_is(data, n, attempt->client, attempt->sequence,
                               attempt->length))
            return true;
        if (attempt->fate == FATE_KEPT && due_now(due, &attempt->receipt)) {
            snprintf(problem, PROBLEM_BYTES,
                     "file %zu is not what PUT %zu of client %zu has put, nor "
                     "newer: %s",
                     file, attempt->sequence, attempt->client,
                     !data                       ? "there is none"
                     : content_is_whole(data, n) ? "it is older"
                                                 : "it is torn");
            return false;
        }
    }
    if (data)
        snprintf(problem, PROBLEM_BYTES, "file %zu: nobody has put this", file);
    return !data;
}

struct ledger_sum ledger_sum(const struct ledger *ledger)
{
    struct ledger_sum sum = {0};
    for (size_t i = 0; i < ledger->client_count; i++)
        for (size_t j = 0; j < ledger->clients[i].count; j++) {
            enum fate fate = ledger->clients[i].entries[j].fate;
            sum.kept += fate == FATE_KEPT;
            sum.open += fate == FATE_OPEN;
            sum.gone += fate == FATE_GONE;
        }
    for (size_t i = 0; i < ledger->file_count; i++)
        for (size_t j = 0; j < ledger->files[i].count; j++)
            sum.puts += ledger->files[i].attempts[j].fate == FATE_KEPT;
    return sum;
}
