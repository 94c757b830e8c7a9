/* server.c - starting, watching and stopping a server under test. */
#include "server.h"
#include "client.h"
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SERVERS_MAX = 16,
    ARGUMENTS_MAX = 64,
    NOBODY = 65534,
    INHERITED_FD = 3, /* sd_listen_fds(3) */
    READY_FD_MIN = 10 /* out of its way */
};

static struct server *servers[SERVERS_MAX];
static size_t server_count;
static unsigned output_count;

/* argv of the wrapper (valgrind ...), the binary, the options. */
struct command {
    char *argv[ARGUMENTS_MAX];
    int argc;
};

static void command_add(struct command *command, const char *argument)
{
    if (command->argc == ARGUMENTS_MAX - 1)
        abort();
    command->argv[command->argc] = strdup(argument);
    command->argv[++command->argc] = NULL;
}

/* The words of an environment variable. */
static void command_add_words(struct command *command, const char *variable)
{
    const char *value = getenv(variable);
    char *words = strdup(value ? value : "");
    for (char *rest, *word = strtok_r(words, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest))
        command_add(command, word);
    free(words);
}

bool server_in_valgrind(void)
{
    const char *wrap = getenv("WRAP");
    return wrap != NULL && strstr(wrap, "valgrind") != NULL;
}

static void command_start(struct command *command, int stage)
{
    command_add_words(command, "WRAP");
    char binary[700];
    snprintf(binary, sizeof binary, "%s/fivefold-%d", suite.servers, stage);
    command_add(command, binary);
    command_add_words(command, "OPTIONS");
}

static void command_free(struct command *command)
{
    for (int i = 0; i < command->argc; i++)
        free(command->argv[i]);
}

/* In the child: what a service manager gives to what it starts. */
static void be_a_service(const struct server_options *options)
{
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (options->notify_socket)
        setenv("NOTIFY_SOCKET", options->notify_socket, 1);
    if (options->inherited_fd == 0)
        return;
    dup2(options->inherited_fd, INHERITED_FD);
    fcntl(INHERITED_FD, F_SETFD, 0);
    setenv("LISTEN_FDS", options->listen_fds ? options->listen_fds : "1", 1);
    setenv("LISTEN_PID", options->listen_pid ? options->listen_pid : pid, 1);
}

/* In the child: nothing returns from here. */
static void become_server(struct command *command, const char *output,
                          const struct server_options *options)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL); /* as a shell would start it */
    int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    fd = open("/dev/null", O_RDONLY);
    dup2(fd, STDIN_FILENO);
    close(fd);
    if (options && options->descriptors) {
        struct rlimit limit = {options->descriptors, options->descriptors};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (options && options->stack_bytes) {
        struct rlimit limit;
        getrlimit(RLIMIT_STACK, &limit);
        limit.rlim_cur = options->stack_bytes;
        setrlimit(RLIMIT_STACK, &limit);
    }
    if (options && options->file_bytes) {
        struct rlimit limit = {options->file_bytes, options->file_bytes};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (options)
        be_a_service(options);
    for (fd = 0; options && options->closed_streams && fd < 3; fd++)
        close(fd);
    if (options && options->as_nobody && geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(126);
    execvp(command->argv[0], command->argv);
    fprintf(stderr, "%s: %s\n", command->argv[0], strerror(errno));
    _exit(127);
}

static struct server *spawn(int stage, struct command *command,
                            const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server || server_count == SERVERS_MAX)
        abort();
    server->stage = stage;
    snprintf(server->output, sizeof server->output, "%s/output-%u", suite.work,
             output_count++);
    fflush(stdout);
    fflush(stderr);
    server->pid = fork();
    if (server->pid == 0)
        become_server(command, server->output, options);
    server->pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    servers[server_count++] = server;
    return server;
}

void server_output(const struct server *server, struct bytes *out)
{
    int fd = open(server->output, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && (n = read(fd, bytes_room(out, 4096), 4096)) > 0)
        out->length += (size_t)n;
    close(fd);
    bytes_add(out, "", 0);
}

/* Reads "a byte and the port" until the server closes its end. */
static int read_port(struct server *server, int fd)
{
    char said[64];
    size_t length = 0;
    for (;;) {
        struct pollfd watch = {.fd = fd, .events = POLLIN};
        if (poll(&watch, 1, client_limit_ms()) <= 0)
            break;
        ssize_t n = read(fd, said + length, sizeof said - 1 - length);
        if (n <= 0)
            break;
        length += (size_t)n;
        said[length] = '\0';
        if (strchr(said, '\n'))
            break;
    }
    close(fd);
    if (length < 2) {
        struct bytes output = {0};
        server_output(server, &output);
        bytes_show("the server printed", output.data, output.length);
        bytes_free(&output);
        fail_msg("stage %d did not come up", server->stage);
    }
    return atoi(said + 1);
}

struct server *server_start(int stage, const struct server_options *options)
{
    static const struct server_options none;
    if (!options)
        options = &none;
    int ready[2];
    if (pipe(ready) != 0)
        fail_msg("pipe: %s", strerror(errno));
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    int told = fcntl(ready[1], F_DUPFD, READY_FD_MIN);
    close(ready[1]);
    ready[1] = told;
    char number[16];
    snprintf(number, sizeof number, "%d", ready[1]);

    struct command command = {.argc = 0};
    command_start(&command, stage);
    command_add(&command, "--listen");
    command_add(&command, options->listen ? options->listen : "127.0.0.1:0");
    command_add(&command, "--ready-fd");
    command_add(&command, number);
    const char *root = options->root ? options->root : suite.root;
    if (*root) {
        command_add(&command, "--root");
        command_add(&command, root);
    }
    if (options->databases) {
        command_add(&command, "--db");
        command_add(&command, options->databases);
    }
    for (const char *const *at = options->arguments; at && *at; at++)
        command_add(&command, *at);

    struct server *server = spawn(stage, &command, options);
    command_free(&command);
    close(ready[1]);
    server->port = read_port(server, ready[0]);
    return server;
}

static void forget(struct server *server)
{
    for (size_t i = 0; i < server_count; i++)
        if (servers[i] == server) {
            servers[i] = servers[--server_count];
            break;
        }
    close(server->pidfd);
    free(server);
}

/* Waits for the process; its exit status, or 128 + signal. */
static int reap(struct server *server)
{
    struct pollfd watch = {.fd = server->pidfd, .events = POLLIN};
    int n;
    do
        n = poll(&watch, 1, client_limit_ms());
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        fail_msg("stage %d does not end", server->stage);
    int status = 0;
    waitpid(server->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Pitfalls 7 and 9: sanitizers and valgrind see what the answers hide. */
static void check_reports(const struct server *server)
{
    static const char *const reports[] = {
        "AddressSanitizer",   "LeakSanitizer",   "ThreadSanitizer",
        "runtime error:",     "Invalid read",    "Invalid write",
        "uninitialised",      "definitely lost", "Assertion",
        "Possible data race", "Conflicting ",    "lock order",
    };
    struct bytes output = {0};
    server_output(server, &output);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        if (strstr(output.data, reports[i])) {
            fprintf(stderr, "%s\n", output.data);
            bytes_free(&output);
            fail_msg("stage %d: a report of %s", server->stage, reports[i]);
        }
    bytes_free(&output);
}

int server_wait(struct server *server)
{
    int status = reap(server);
    check_reports(server);
    forget(server);
    return status;
}

void server_stop(struct server *server)
{
    int stage = server->stage;
    kill(server->pid, SIGTERM);
    int status = server_wait(server);
    if (status != 0)
        fail_msg("stage %d: exit status %d after SIGTERM", stage, status);
}

void server_kill_all(void)
{
    while (server_count > 0) {
        struct server *server = servers[server_count - 1];
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        forget(server);
    }
}

int server_run_once(int stage, const char *const *arguments,
                    struct bytes *output)
{
    struct server_options options = {.arguments = arguments};
    return server_run_once_with(stage, &options, output);
}

int server_run_once_with(int stage, const struct server_options *options,
                         struct bytes *output)
{
    struct command command = {.argc = 0};
    command_start(&command, stage);
    for (const char *const *at = options->arguments; *at; at++)
        command_add(&command, *at);
    struct server *server = spawn(stage, &command, options);
    command_free(&command);
    int status = reap(server);
    server_output(server, output);
    forget(server);
    return status;
}

/* A directory in /proc/PID. */
static DIR *proc_directory(const struct server *server, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)server->pid, name);
    DIR *directory = opendir(path);
    if (!directory)
        fail_msg("%s: %s", path, strerror(errno));
    return directory;
}

size_t server_descriptors_but(const struct server *server, const char *but)
{
    char target[1024];
    DIR *directory = proc_directory(server, "fd");
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        ssize_t n = readlinkat(dirfd(directory), entry->d_name, target,
                               sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        count += entry->d_name[0] != '.' && !(but && strstr(target, but));
    }
    closedir(directory);
    return count;
}

size_t server_descriptors(const struct server *server)
{
    return server_descriptors_but(server, NULL);
}

size_t server_free_descriptor(const struct server *server)
{
    char path[64];
    for (size_t number = 0;; number++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%zu", (int)server->pid,
                 number);
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            return number;
    }
}

void server_limit_descriptors(const struct server *server, size_t limit)
{
    struct rlimit now;
    assert_int_equal(prlimit(server->pid, RLIMIT_NOFILE, NULL, &now), 0);
    now.rlim_cur = limit > 0 ? limit : now.rlim_max;
    assert_int_equal(prlimit(server->pid, RLIMIT_NOFILE, &now, NULL), 0);
}

/* The first line of a file in /proc/PID. */
static void proc_line(const struct server *server, const char *name, char *line,
                      size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)server->pid, name);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, (int)size, file))
        fail_msg("%s: %s", path, strerror(errno));
    fclose(file);
}

size_t server_memory(const struct server *server)
{
    char line[256];
    proc_line(server, "statm", line, sizeof line);
    unsigned long total, resident;
    assert_int_equal(sscanf(line, "%lu %lu", &total, &resident), 2);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* /proc/PID/stat from the end of the name in parentheses on, which may hold
 * blanks. */
static const char *proc_stat(const struct server *server, char *line,
                             size_t size)
{
    proc_line(server, "stat", line, size);
    const char *rest = strrchr(line, ')');
    assert_non_null(rest);
    return rest;
}

unsigned long server_ticks(const struct server *server)
{
    char line[1024];
    unsigned long user, system;
    assert_int_equal(sscanf(proc_stat(server, line, sizeof line),
                            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                            "%lu %lu",
                            &user, &system),
                     2);
    return user + system;
}

size_t server_threads(const struct server *server, pid_t threads[THREADS_MAX])
{
    DIR *directory = proc_directory(server, "task");
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(count < THREADS_MAX);
        threads[count++] = atoi(entry->d_name);
    }
    closedir(directory);
    assert_true(count > 0);
    return count;
}

static bool is_asleep(const struct server *server)
{
    pid_t threads[THREADS_MAX];
    size_t count = server_threads(server, threads);
    for (size_t i = 0; i < count; i++) {
        char line[1024], state;
        const struct server thread = {.pid = threads[i]};
        assert_int_equal(
            sscanf(proc_stat(&thread, line, sizeof line), ") %c", &state), 1);
        if (state != 'S')
            return false;
    }
    return true;
}

void server_suspend(const struct server *server)
{
    uint64_t limit = suite_now_ms() + (uint64_t)client_limit_ms();
    while (!is_asleep(server)) {
        if (suite_now_ms() > limit)
            fail_msg("the server does not come to rest");
        poll(NULL, 0, 1); /* no event says it: a turn for the others */
    }
    /* The call returns before the last thread has stopped; waitid() does not.
     */
    siginfo_t stopped;
    kill(server->pid, SIGSTOP);
    while (waitid(P_PID, (id_t)server->pid, &stopped, WSTOPPED) < 0)
        assert_int_equal(errno, EINTR);
}
