/* time_left.c - how long the statements of a request may run, and whether its
 * client is still there.
 *
 * request begins -> start -> [statement -> check, deadline -> spend]* */
#include "sql/time_left.h"

#include "base/clock.h"
#include "config/settings.h"
#include "sql/error.h"
#include "sql/internal.h"

void sql_time_start(struct sql_connection *connection)
{
    uint64_t seconds = connection->sql->settings->sqlite_transaction_seconds;
    connection->request_left_ns = seconds ? seconds * 1000000000 : UINT64_MAX;
    connection->committed = false;
    connection->wrote = false;
}

void sql_watch_client(struct sql_connection *connection, int fd)
{
    connection->client_fd = fd;
    connection->gone = false;
    connection->waits_ns = clock_ns();
    connection->look_ns = connection->waits_ns + SQL_LOOK_NS;
}

int sql_time_check(const struct sql_connection *connection,
                   struct sql_error *error)
{
    if (atomic_load_explicit(&connection->sql->ending, memory_order_relaxed))
        return sql_fail(error, 503, "SQLITE_INTERRUPT",
                        "SQLite error: interrupted, as the server stops");
    if (connection->gone)
        return sql_fail(error, 400, "SQLITE_INTERRUPT",
                        "SQLite error: not begun, as the client has gone");
    if (connection->request_left_ns > 0)
        return 0;
    return sql_fail(
        error, 400, "SQLITE_INTERRUPT",
        "SQLite error: interrupted, as the statements of this request ran "
        "longer than %llu s",
        (unsigned long long)
            connection->sql->settings->sqlite_transaction_seconds);
}

void sql_time_spend(struct sql_connection *connection, uint64_t since_ns)
{
    uint64_t spent = clock_ns() - since_ns;
    connection->request_left_ns -= spent < connection->request_left_ns
                                       ? spent
                                       : connection->request_left_ns;
}

uint64_t sql_deadline_ns(const struct sql_connection *connection,
                         uint64_t now_ns, uint64_t left_ns)
{
    uint64_t left = connection->request_left_ns;
    if (left_ns != 0 && left_ns < left)
        left = left_ns;
    uint64_t deadline = left < UINT64_MAX - now_ns ? now_ns + left : UINT64_MAX;
    uint64_t whole = connection->transaction_deadline_ns;
    return whole != 0 && whole < deadline ? whole : deadline;
}
