/* memory.c - how much memory, stack and time SQLite may take for one
 * connection.
 *
 * thread -> sql_enter(connection) -> sqlite3_prepare, sqlite3_step, ...
 *                                     -> SQLite allocates -> may_take?
 *                                          yes: malloc, counted
 *                                          no:  NULL; SQLite undoes what it was
 *                                               doing and says SQLITE_NOMEM
 *        -> sql_leave
 *
 * SQLite lets a program check a statement while it is compiled (the authorizer)
 * and while it runs (the progress handler). But there are parts of both in
 * which neither is called. A view within a view is expanded without them, and
 * each level takes a piece of the stack. Every level allocates, however. So all
 * limits are checked in the allocator. SQLite can always be stopped there: it
 * is tested to survive a failure of each of its allocations.
 *
 * Freeing does not allocate, and it too goes through a tree level by level on
 * the stack. So the depth of the brackets in a text is checked before
 * (sql_check_text).
 *
 * Memory is shared as switches share their buffers (dynamic thresholds,
 * Choudhury and Hahne 1998): a connection may have at most as much as is still
 * free. If one takes all it can, half is left; if two do, a third. A part is
 * kept for connections that want little, so a new one always finds memory. So
 * no connection has to be chosen and ended to make room. */
#include "sql/memory.h"

#include "base/clock.h"
#include "config/settings.h"
#include "sql/internal.h"
#include "sql/sql.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

enum {
    /* How much stack SQLite may have used when it allocates. The functions that
     * it calls in between need a little more: sql/test_memory.c measures it. */
    SQL_STACK_BYTES = 2 << 20,
    /* Allocations between two checks of the clock: some 50 us. */
    SQL_CLOCK_EVERY = 256,
    /* A query that is tried without a worker (at_once.c) allocates for its
     * values and little more. Reading a changed schema takes more than that. */
    SQL_AT_ONCE_CALLS = 256,
    /* Connections that may write get more of the free memory, because building
     * an index and VACUUM's copy take place in memory. */
    SQL_WRITER_SHARE = 8,
    /* A connection that holds no more than this may also use the part that is
     * kept for small ones: an eighth of all. Those that hold much may hold it
     * for as long as they like, and each further one takes its share of the
     * rest. */
    SQL_SMALL_BYTES = 1 << 20,
    SQL_KEPT_PART = 8,
    /* With so many bytes freed, memory is returned to the kernel. */
    SQL_TRIM_BYTES = 32 << 20,
};

/* Counts what one connection has allocated. SQLite shares some memory among
 * connections (the index of the WAL), so the account may outlive the connection
 * that it was allocated for. Until the account is closed, bytes is one more
 * than what is allocated, so that it cannot reach 0. */
struct sql_account {
    atomic_size_t bytes;
    size_t most;    /* bytes at most; SIZE_MAX: no limit of its own */
    unsigned share; /* it may have so many times the free memory */
};

/* Precedes each allocation. It has 16 bytes, so that what follows is aligned as
 * by malloc. */
struct header {
    _Alignas(16) struct sql_account *account; /* NULL: no connection's */
    size_t size;                              /* without the header */
};

static atomic_size_t used;  /* bytes of all allocations, with headers */
static atomic_size_t peak;  /* of used, since memory was returned to the
                               kernel */
static atomic_size_t limit; /* of used; SIZE_MAX: no limit */
static atomic_uint_fast64_t refusals;

/* The connection for which this thread compiles or runs a statement. NULL: only
 * the limit for all connections together applies. */
static _Thread_local struct sql_connection *entered;

/* ---- accounts ---- */

struct sql_account *sql_account_open(const struct settings *settings,
                                     bool read_only)
{
    struct sql_account *made = malloc(sizeof *made);
    if (made == NULL)
        return NULL;
    atomic_init(&made->bytes, 1);
    uint64_t most = read_only ? settings->sqlite_memory_bytes : 0;
    made->most = most != 0 ? (size_t)most : SIZE_MAX;
    made->share = read_only ? 1 : SQL_WRITER_SHARE;
    return made;
}

static void account_give(struct sql_account *account, size_t n)
{
    if (account != NULL && atomic_fetch_sub(&account->bytes, n) == n)
        free(account);
}

void sql_account_close(struct sql_account *account)
{
    account_give(account, 1);
}

size_t sql_account_bytes(const struct sql_account *account)
{
    return atomic_load_explicit(&account->bytes, memory_order_relaxed) - 1;
}

static void account_take(struct sql_account *account, size_t n)
{
    size_t now = atomic_fetch_add_explicit(&used, n, memory_order_relaxed) + n;
    if (now > atomic_load_explicit(&peak, memory_order_relaxed))
        atomic_store_explicit(&peak, now, memory_order_relaxed);
    if (account != NULL)
        atomic_fetch_add_explicit(&account->bytes, n, memory_order_relaxed);
}

/* ---- the bounds ---- */

/* Threads that call it at the same time may together exceed the limit a little.
 */
static bool fits(const struct sql_account *account, size_t most, size_t n)
{
    size_t all = atomic_load_explicit(&limit, memory_order_relaxed);
    size_t now = atomic_load_explicit(&used, memory_order_relaxed);
    if (now > all || n > all - now)
        return false;
    if (account == NULL)
        return true;
    size_t held = sql_account_bytes(account) + n;
    if (held <= SQL_SMALL_BYTES)
        return held <= most;
    all -= all / SQL_KEPT_PART;
    return now <= all && n <= all - now && held <= most &&
           held / account->share <= all - now - n;
}

/* The statement's time is up, or the server ends. A statement that writes and
 * runs is left to the progress handler, which knows when its commit has begun.
 */
static bool deadline_has_passed(const struct sql_connection *connection)
{
    sqlite3_stmt *running = connection->running;
    if (connection->deadline_ns == 0 ||
        (running != NULL && !sqlite3_stmt_readonly(running) &&
         sqlite3_stmt_busy(running)))
        return false;
    return atomic_load_explicit(&connection->sql->ending,
                                memory_order_relaxed) ||
           clock_ns() >= connection->deadline_ns;
}

bool sql_time_is_up(void)
{
    struct sql_connection *connection = entered;
    if (connection == NULL || !deadline_has_passed(connection))
        return false;
    connection->timed_out = true;
    return true;
}

/* Why n more bytes must be refused; SQL_GRANTED if they need not. */
static enum sql_refusal refusal_of(struct sql_connection *connection,
                                   const struct sql_account *account, size_t n)
{
    if (connection == NULL)
        return fits(account, SIZE_MAX, n) ? SQL_GRANTED : SQL_NO_MEMORY;
    if ((char *)__builtin_frame_address(0) < connection->stack_end)
        return SQL_TOO_DEEP;
    if (connection->at_once > 0 && connection->calls > SQL_AT_ONCE_CALLS)
        return SQL_NOT_SHORT;
    if (connection->calls++ % SQL_CLOCK_EVERY == SQL_CLOCK_EVERY - 1 &&
        deadline_has_passed(connection))
        return SQL_TOO_LATE;
    return fits(account, connection->most, n) ? SQL_GRANTED : SQL_NO_MEMORY;
}

static bool may_take(const struct sql_account *account, size_t n)
{
    struct sql_connection *connection = entered;
    /* SQLite would try again, but the time is still up. */
    if (connection != NULL && connection->refused == SQL_TOO_LATE)
        return false;
    enum sql_refusal refusal = refusal_of(connection, account, n);
    if (refusal == SQL_GRANTED)
        return true;
    atomic_fetch_add_explicit(&refusals, 1, memory_order_relaxed);
    if (connection != NULL)
        connection->refused = refusal;
    return false;
}

struct sql_connection *sql_enter(struct sql_connection *connection)
{
    struct sql_connection *before = entered;
    connection->stack_end =
        (char *)__builtin_frame_address(0) - SQL_STACK_BYTES;
    connection->calls = 0;
    connection->weight = 0;
    connection->makes_state = false;
    connection->refused = SQL_GRANTED;
    connection->most = connection->account->most;
    entered = connection;
    return before;
}

void sql_leave(struct sql_connection *before)
{
    entered = before;
}

void sql_enter_compiling(struct sql_connection *connection)
{
    size_t bytes = connection->sql->settings->sqlite_memory_bytes;
    size_t held = sql_account_bytes(connection->account);
    if (bytes != 0 && connection->most - held > bytes)
        connection->most = held + bytes;
}

void *sql_memory_take(struct sql_connection *connection, size_t size)
{
    struct sql_connection *before = sql_enter(connection);
    void *made = sqlite3_malloc64(size);
    sql_leave(before);
    return made;
}

/* ---- what SQLite calls ---- */

static void *memory_malloc(int n)
{
    struct sql_connection *connection = entered;
    struct sql_account *account = connection ? connection->account : NULL;
    size_t size = (size_t)n, whole = size + sizeof(struct header);
    if (!may_take(account, whole))
        return NULL;
    struct header *made = malloc(whole);
    if (made == NULL)
        return NULL;
    *made = (struct header){account, size};
    account_take(account, whole);
    return made + 1;
}

static void memory_free(void *memory)
{
    if (memory == NULL)
        return;
    struct header *header = (struct header *)memory - 1;
    size_t whole = header->size + sizeof *header;
    struct sql_account *account = header->account;
    free(header);
    atomic_fetch_sub_explicit(&used, whole, memory_order_relaxed);
    account_give(account, whole);
}

static void *memory_realloc(void *memory, int n)
{
    struct header *header = (struct header *)memory - 1;
    size_t old = header->size, size = (size_t)n;
    struct sql_account *account = header->account;
    if (size > old && !may_take(account, size - old))
        return NULL;
    struct header *moved = realloc(header, size + sizeof *header);
    if (moved == NULL)
        return NULL;
    moved->size = size;
    if (size > old) {
        account_take(account, size - old);
    } else if (size < old) {
        atomic_fetch_sub_explicit(&used, old - size, memory_order_relaxed);
        account_give(account, old - size);
    }
    return moved + 1;
}

static int memory_size(void *memory)
{
    return memory == NULL ? 0 : (int)((struct header *)memory - 1)->size;
}

static int memory_round_up(int n)
{
    return (n + 7) & ~7;
}

static int memory_start(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void memory_end(void *context)
{
    (void)context;
}

/* ---- all of it ---- */

int sql_memory_open(const struct settings *settings)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = memory_malloc,
        .xFree = memory_free,
        .xRealloc = memory_realloc,
        .xSize = memory_size,
        .xRoundup = memory_round_up,
        .xInit = memory_start,
        .xShutdown = memory_end,
    };
    static bool opened;
    uint64_t most = settings->sqlite_bytes;
    atomic_store(&limit, most != 0 ? (size_t)most : SIZE_MAX);
    if (opened)
        return 0;
    /* We count here, as SQLite's own count would take a mutex for each
     * allocation. SQLite refuses both calls once it is in use. */
    if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) {
        errno = EBUSY;
        return -1;
    }
    opened = true;
    return 0;
}

bool sql_memory_is_short(void)
{
    return atomic_load_explicit(&used, memory_order_relaxed) >
           atomic_load_explicit(&limit, memory_order_relaxed) / 2;
}

struct sql_memory_figures sql_memory_figures(void)
{
    size_t all = atomic_load(&limit);
    return (struct sql_memory_figures){
        .used = atomic_load(&used),
        .limit = all != SIZE_MAX ? all : 0,
        .refused = atomic_load(&refusals),
    };
}

void sql_memory_tick(void)
{
    size_t now = atomic_load(&used);
    if (atomic_load(&peak) - now < SQL_TRIM_BYTES)
        return;
    atomic_store(&peak, now);
    /* free(3) alone does not return memory to the kernel if memory above it is
     * still in use. */
    malloc_trim(0);
}
