/* signals.c - signals as bytes in a pipe, and what the server does with them.
 *
 * kernel -> handler (any thread, any moment) -> pipe -> server_signals
 *
 * A handler may only do what is async-signal-safe: write(2) and _exit(2) are,
 * printf and malloc are not. */
#include "process/signals.h"

#include "access/access.h"
#include "access/addresses.h"
#include "base/clock.h"
#include "base/mistake.h"
#include "process/mounts.h"
#include "process/notify.h"
#include "report/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int signal_pipe[2] = {-1, -1};
/* Set by the handler before it writes its byte. So server_signals needs no
 * system call to learn that no signal has come. */
static atomic_bool signal_arrived;
static atomic_int stop_count;

/* What a SIGHUP asks for. reload_due is the part that is not done yet. Only the
 * thread that takes the signals uses it. */
enum { RELOAD_LOGS = 1, RELOAD_RULES = 2 };
static unsigned reload_due;

/* A descriptor kept for a reload, which opens one file after another. When
 * clients have taken all other descriptors, rules that shut them out can still
 * be read. -1: there was no descriptor left to keep. */
static int spare_fd = -1;

static void keep_spare(void)
{
    if (spare_fd < 0)
        spare_fd = fcntl(signal_pipe[0], F_DUPFD_CLOEXEC, 0);
}

static void give_spare(void)
{
    if (spare_fd >= 0)
        close(spare_fd);
    spare_fd = -1;
}

static void on_signal(int number)
{
    int saved = errno; /* the interrupted code may be about to read it */
    char byte = number == SIGHUP ? 'H' : 'T';
    if (byte == 'T' && atomic_fetch_add(&stop_count, 1) > 0)
        _exit(1); /* the second one: end at once */
    atomic_store(&signal_arrived, true);
    (void)!write(signal_pipe[1], &byte, 1); /* if the pipe is full, it has
                                               enough bytes */
    errno = saved;
}

int server_catch_signals(void)
{
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    /* Without SA_RESTART: a signal ends a blocking accept or recv with EINTR,
     * so that stage 1 notices it at once. */
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* If a client closes while we send, its connection gets EPIPE. Without this
     * line the signal would end the server. */
    signal(SIGPIPE, SIG_IGN);
    /* The same for a file that would exceed RLIMIT_FSIZE: its PUT gets
     * EFBIG. */
    signal(SIGXFSZ, SIG_IGN);
    reload_due = 0;
    keep_spare();
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
    give_spare();
}

int server_signal_fd(void)
{
    return signal_pipe[0];
}

/* Reopens the logs. Returns true if the new ones are in use. again: this is not
 * the first try. */
static bool reload_logs(struct server *server, bool again)
{
    bool done = log_reopen(server->log, again) == 0;
    if (done || !mistake_may_pass(errno))
        reload_due &= ~(unsigned)RELOAD_LOGS;
    return done;
}

/* Reads rules and users. Returns true if the new ones are in use. again: this
 * is not the first try. */
static bool reload_rules(struct server *server, bool again)
{
    struct mistake mistake = {0};
    bool done = access_reload(server->access, server->settings, server->log,
                              &mistake) == 0;
    if (done || !mistake.may_pass)
        reload_due &= ~(unsigned)RELOAD_RULES;
    if (!done && !mistake.may_pass)
        log_error(server->log, "%s; the old rules and users are kept",
                  mistake.line);
    else if (!done && !again)
        log_error(server->log,
                  "%s; the old rules and users are kept until it works, which "
                  "is tried each second",
                  mistake.line);
    return done;
}

/* Does what reload_due asks for, as far as it can be done now. Another thread
 * may take the spare descriptor first. Then server_tick tries again. */
static void reload(struct server *server, bool again)
{
    give_spare();
    bool logs_due = reload_due & RELOAD_LOGS;
    bool rules_due = reload_due & RELOAD_RULES;
    bool logs = logs_due && reload_logs(server, again);
    bool rules = rules_due && reload_rules(server, again);
    keep_spare();
    const char *when = again ? " at last" : "";
    if (rules)
        log_error(server->log, "SIGHUP: %srules and users read%s",
                  logs ? "logs reopened, " : "", when);
    else if (logs && again)
        log_error(server->log, "SIGHUP: logs reopened%s", when);
    if (rules)
        notify_ready(server->log, "reloaded");
    else if (rules_due && (!again || !(reload_due & RELOAD_RULES)))
        notify_ready(server->log,
                     "still uses the old rules; the error log says why");
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
        if (hang_up) {
            notify_reloading(server->log);
            reload_due = RELOAD_LOGS | RELOAD_RULES;
            reload(server, false);
        }
    }
    return atomic_load_explicit(&server->stopping, memory_order_relaxed);
}

void server_tick(struct server *server)
{
    uint64_t now_ms = clock_ms();
    if (now_ms < server->next_tick_ms)
        return;
    server->next_tick_ms = now_ms + 1000;
    if (reload_due != 0)
        reload(server, true);
    keep_spare();
    log_tick(server->log);
    mounts_tick(server, now_ms);
    if (server->addresses != NULL)
        addresses_tick(server->addresses, now_ms);
}
