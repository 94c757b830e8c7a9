/* main.c - the same main for every stage.
 *
 * settings -> listening socket -> root's rights given up -> logs, rules, files,
 * databases -> signals -> stage_open -> ready -> stage_run (until SIGTERM) ->
 * everything closed
 *
 * A function that fails here because of a user's mistake has printed one line
 * on stderr. The exit status is then 2. */
#include "access/access.h"
#include "access/addresses.h"
#include "base/clock.h"
#include "base/mistake.h"
#include "conn/listen.h"
#include "process/mounts.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "process/sandbox.h"
#include "process/signals.h"
#include "process/stage.h"
#include "report/log.h"
#include "report/stats.h"
#include "report/trace.h"
#include "sql/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_MISTAKE = 2 };

/* We need a descriptor for each connection, one for each file being sent, and
 * some for SQLite. The soft limit of 1024 exists only for old programs that use
 * select. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* SQLite calls itself for each level of a statement, in the thread that
 * compiles the statement. The main thread's stack grows up to the soft limit,
 * which the kernel reads as the stack grows. The other threads get their whole
 * stack when they are started. Returns 0, or -1 after one line on stderr. */
static int raise_stack_limit(const struct settings *settings)
{
    struct rlimit limit;
    if (settings->sqlite_directory == NULL && settings->mount_count == 0)
        return 0;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 &&
        limit.rlim_cur < SQL_THREAD_BYTES) {
        limit.rlim_cur = SQL_THREAD_BYTES;
        if (setrlimit(RLIMIT_STACK, &limit) < 0) {
            fprintf(stderr,
                    "%s: SQL needs a stack of %d KiB, but the limit is %llu; "
                    "raise it (ulimit -Hs, LimitSTACK=)\n",
                    settings->program, SQL_THREAD_BYTES / 1024,
                    (unsigned long long)limit.rlim_max / 1024);
            return -1;
        }
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SQL_THREAD_BYTES);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    return 0;
}

/* Warns if there are too few descriptors. Clients would wait in the kernel's
 * queue, and nothing else would say why. */
static void tell_descriptor_limit(const struct server *server)
{
    const struct settings *settings = server->settings;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < settings->connections_max)
        log_error(server->log,
                  "connections_max is %llu, but the process may have %llu "
                  "descriptors; when they are used up clients wait: raise "
                  "ulimit -Hn (LimitNOFILE=)",
                  (unsigned long long)settings->connections_max,
                  (unsigned long long)limit.rlim_cur);
}

/* A socket or a file must not get the number of a standard stream that is
 * closed, or what is printed would go into it. */
static void hold_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static int say(const char *program, const char *what, const char *which)
{
    fprintf(stderr, "%s: %s %s: %s\n", program, what, which, strerror(errno));
    return -1;
}

/* Returns the exit status. `--example >FILE` on a full disk must not look like
 * a success. */
static int end_printing(const char *program)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    say(program, "cannot print to", "standard output");
    return 1;
}

/* Opens what requests are answered from. Returns 0, or -1 after one line on
 * stderr. close_parts is due in both cases. */
static int open_parts(struct server *server, const char *program)
{
    const struct settings *settings = server->settings;
    server->log = log_open(settings);
    server->access = server->log != NULL ? access_open(settings) : NULL;
    if (server->access == NULL)
        return -1;
    struct mistake mistake = {0};
    if (settings->trust_proxy != NULL &&
        networks_read(&server->proxies, settings->trust_proxy, "trust_proxy",
                      &mistake) < 0) {
        fprintf(stderr, "%s: %s\n", program, mistake.line);
        return -1;
    }
    if (addresses_wanted(settings) &&
        (server->addresses = addresses_open(settings, server->log)) == NULL)
        return say(program, "cannot keep", "limits per address");
    if (mounts_open(server) < 0)
        return -1;
    if (settings->trace != NULL && trace_open(settings->trace, program) < 0) {
        fprintf(stderr, "%s: --trace: cannot write %s: %s; name another\n",
                program, settings->trace, strerror(errno));
        return -1;
    }
    return 0;
}

static void close_parts(struct server *server)
{
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    mounts_close(server);
    addresses_close(server->addresses);
    networks_release(&server->proxies);
    if (server->access != NULL)
        access_close(server->access);
    if (server->log != NULL)
        log_close(server->log);
    trace_close();
    stats_close();
    notify_close();
}

/* Says that connections will be accepted: to a person, to the service manager,
 * and to a program that waits on --ready-fd. That program gets one byte 'R',
 * then the port and a newline. */
static void tell_ready(const struct server *server, const char *program)
{
    char address[64], port[16], status[128];
    unsigned number = listen_print(server->listen_fd, address, sizeof address);
    snprintf(status, sizeof status, "serves http://%s/%s", address,
             server->listen_inherited ? " on the socket that it was given"
                                      : "");
    printf("%s (%s) %s\n", program, stage_facts.name, status);
    fflush(stdout);
    notify_ready(server->log, status);
    if (server->settings->ready_fd < 0)
        return;
    int n = snprintf(port, sizeof port, "R%u\n", number);
    (void)!write(server->settings->ready_fd, port, (size_t)n);
    close(server->settings->ready_fd);
    hold_standard_streams(); /* ready_fd may have been one */
}

static int serve(struct server *server, const char *program)
{
    struct stage *stage = stage_open(server);
    if (stage == NULL) {
        fprintf(stderr, "%s: cannot start: %s\n", program, strerror(errno));
        return 1;
    }
    tell_ready(server, program);
    int status = 0;
    if (stage_run(stage) < 0) {
        log_error(server->log, "cannot go on: %s", strerror(errno));
        status = 1;
    }
    stage_close(stage);
    return status;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash != NULL ? slash + 1 : argv[0];
    struct settings settings;
    hold_standard_streams();
    int read = settings_read(&settings, argc, argv);
    if (read != 0)
        return read > 0 ? end_printing(program) : EXIT_MISTAKE;
    struct budget budget = {.max = settings.memory_bytes};
    struct server server = {.settings = &settings,
                            .stage = &stage_facts,
                            .started_ns = clock_ns(),
                            .listen_fd = -1,
                            .budget = &budget};
    int status = EXIT_MISTAKE;
    raise_descriptor_limit();
    notify_open(program);
    trace_thread("master");
    stats_thread("master");
    if ((!settings.check_only && listen_open(&server, program) < 0) ||
        privileges_drop(&settings) < 0 || raise_stack_limit(&settings) < 0 ||
        open_parts(&server, program) < 0)
        goto done;
    if (settings.check_only) {
        printf("%s: the configuration is valid\n", program);
        status = 0;
        goto done;
    }
    privileges_tell(&settings, server.log);
    tell_descriptor_limit(&server);
    if (settings.files_root == NULL && settings.sqlite_directory == NULL &&
        settings.mount_count == 0 && settings.module_skeleton == NULL)
        log_error(server.log, "serves neither files nor databases; name a "
                              "directory with --root or --db");
    if (server_catch_signals() < 0) {
        say(program, "cannot catch", "signals");
        goto done;
    }
    if (sandbox_enter(&settings) < 0)
        goto done;
    status = serve(&server, program);
    server_release_signals();
done:
    close_parts(&server);
    settings_release(&settings);
    return status;
}
