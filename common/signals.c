/* signals.c - signals as bytes in a pipe, and what the server does with them.
 *
 * kernel -> handler (any thread, any moment) -> pipe -> server_signals
 *
 * A handler may only do what is async-signal-safe: write(2) and _exit(2) are,
 * printf and malloc are not. */
#include "server.h"

#include "access.h"
#include "addresses.h"
#include "clock.h"
#include "log.h"
#include "mount.h"
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int signal_pipe[2] = {-1, -1};
/* Set by the handler before its byte is written, so that server_signals need
 * not make a system call to learn that there is nothing. */
static atomic_bool signal_arrived;
static atomic_int stop_count;

static void on_signal(int number)
{
    int saved = errno; /* the interrupted code may be about to read it */
    char byte = number == SIGHUP ? 'H' : 'T';
    if (byte == 'T' && atomic_fetch_add(&stop_count, 1) > 0)
        _exit(1); /* the second one: now */
    atomic_store(&signal_arrived, true);
    (void)!write(signal_pipe[1], &byte, 1); /* full: enough are on their way */
    errno = saved;
}

int server_catch_signals(void)
{
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    /* Without SA_RESTART: a blocking accept or recv comes back with EINTR,
     * which is how stage 1 learns of the signal at once. */
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* A client that closes while we send is EPIPE for its connection, not
     * the end of the server. */
    signal(SIGPIPE, SIG_IGN);
    /* Likewise for a file that would pass RLIMIT_FSIZE: EFBIG, for that PUT. */
    signal(SIGXFSZ, SIG_IGN);
    return 0;
}

void server_release_signals(void)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    close(signal_pipe[0]);
    close(signal_pipe[1]);
    signal_pipe[0] = signal_pipe[1] = -1;
}

int server_signal_fd(void)
{
    return signal_pipe[0];
}

static void reload(struct server *server)
{
    const char *status = "reloaded";
    notify_reloading(server->log);
    bool reopened = log_reopen(server->log) == 0;
    if (access_reload(server->access, server->settings, server->log) == 0)
        log_error(server->log, "SIGHUP: %srules and users read",
                  reopened ? "logs reopened, " : "");
    else
        status = "serves by the old rules; the error log says why";
    notify_ready(server->log, status);
}

bool server_signals(struct server *server)
{
    if (atomic_exchange(&signal_arrived, false)) {
        char bytes[64];
        bool hang_up = false;
        ssize_t n;
        while ((n = read(signal_pipe[0], bytes, sizeof bytes)) > 0)
            for (ssize_t i = 0; i < n; i++) {
                if (bytes[i] == 'H')
                    hang_up = true;
                else if (!atomic_exchange(&server->stopping, true))
                    notify_stopping(server->log);
            }
        if (hang_up)
            reload(server);
    }
    return atomic_load_explicit(&server->stopping, memory_order_relaxed);
}

void server_tick(struct server *server)
{
    uint64_t now_ms = clock_ms();
    if (now_ms < server->next_tick_ms)
        return;
    server->next_tick_ms = now_ms + 1000;
    log_tick(server->log);
    mounts_tick(server, now_ms);
    if (server->addresses != NULL)
        addresses_tick(server->addresses, now_ms);
}
