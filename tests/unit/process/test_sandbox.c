/* The filter of system calls: what it refuses, what it leaves. Each test puts a
 * child into it, and the child tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "process/sandbox.h"
#include "config/settings.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs try in a child with the filter; gives how the child ended. */
static int ending_of(const char *setting, int (*try)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct settings settings = {.seccomp = (char *)setting,
                                    .program = "test"};
        if (sandbox_enter(&settings) < 0)
            _exit(100);
        _exit(try());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* valgrind makes memory executable all the time, and the filter would judge its
 * calls, not ours. */
static bool in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    bool is = preload != NULL && strstr(preload, "vgpreload") != NULL;
    if (is)
        print_message("valgrind: skipped\n");
    return is;
}

/* Each gives 0 if the call was refused as it should be. */
static int refused(long result)
{
    return result == -1 && errno == EPERM ? 0 : 1;
}

static int try_execve(void)
{
    char *const none[] = {NULL};
    return refused(execve("/bin/true", none, none));
}

static int try_execveat(void)
{
    char *const none[] = {NULL};
    return refused(syscall(SYS_execveat, -100, "/bin/true", none, none, 0));
}

static int try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return refused(pid);
}

/* New namespaces are where a kernel is attacked from. */
static int try_unshare(void)
{
    return refused(unshare(CLONE_NEWUSER));
}

static int try_socket(void)
{
    return refused(socket(AF_INET, SOCK_STREAM, 0));
}

/* A socket that is there already, as that of a client, leads nowhere else. */
static int try_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(9),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return refused(connect(0, (struct sockaddr *)&to, sizeof to));
}

static int try_ptrace(void)
{
    return refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_kill(void)
{
    return refused(kill(getppid(), 0));
}

static int try_tgkill(void)
{
    return refused(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_executable_memory(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return refused(at == MAP_FAILED ? -1 : 0);
}

static int try_to_make_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 2;
    return refused(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int try_mount(void)
{
    return refused(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int try_setuid(void)
{
    return refused(syscall(SYS_setuid, getuid()));
}

static int try_setrlimit(void)
{
    struct rlimit limit = {1000, 1000};
    return refused(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_dumpable(void)
{
    return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_io_uring(void)
{
    return refused(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_bpf(void)
{
    return refused(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_memory_of_another(void)
{
    return refused(
        syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

/* The server does none of this; whoever made it do so is no client. */
static void what_a_server_does_not_do_is_refused(void **state)
{
    static const struct {
        const char *name;
        int (*try)(void);
    } calls[] = {
        {"execve", try_execve},
        {"execveat", try_execveat},
        {"fork", try_fork},
        {"unshare", try_unshare},
        {"socket", try_socket},
        {"connect", try_connect},
        {"ptrace", try_ptrace},
        {"kill", try_kill},
        {"tgkill of another", try_tgkill},
        {"mmap PROT_EXEC", try_executable_memory},
        {"mprotect PROT_EXEC", try_to_make_executable},
        {"mount", try_mount},
        {"setuid", try_setuid},
        {"setrlimit", try_setrlimit},
        {"prctl", try_dumpable},
        {"io_uring_setup", try_io_uring},
        {"bpf", try_bpf},
        {"process_vm_readv", try_memory_of_another},
    };
    (void)state;
    if (in_valgrind())
        return;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int status = ending_of("on", calls[i].try);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s is not refused: status %#x", calls[i].name,
                     (unsigned)status);
        status = ending_of("kill", calls[i].try);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s does not end the process: status %#x", calls[i].name,
                     (unsigned)status);
    }
}

static void *in_thread(void *argument)
{
    char *const none[] = {NULL};
    *(int *)argument = refused(execve("/bin/true", none, none));
    return NULL;
}

static int try_thread(void)
{
    pthread_t thread;
    int result = 1;
    if (pthread_create(&thread, NULL, in_thread, &result) != 0)
        return 2;
    pthread_join(thread, NULL);
    return result;
}

/* clone3 refused, and no way round it: a server of many threads had one. */
static void threads_start_and_are_filtered_too(void **state)
{
    (void)state;
    if (in_valgrind())
        return;
    assert_int_equal(ending_of("on", try_thread), 0);
}

static int try_common_things(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;
    if (fd < 0 || write(fd, &one, sizeof one) != sizeof one)
        return 1;
    fd = memfd_create("test", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return 2;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED || munmap(at, 4096) < 0 ? 3 : 0;
}

static void what_a_server_does_is_allowed(void **state)
{
    (void)state;
    if (in_valgrind())
        return;
    assert_int_equal(ending_of("kill", try_common_things), 0);
}

static int try_abort(void)
{
    abort();
}

/* An assertion that fails must end the server as it does without filter. */
static void abort_is_still_abort(void **state)
{
    (void)state;
    if (in_valgrind())
        return;
    int status = ending_of("kill", try_abort);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static int try_plain_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static void off_filters_nothing(void **state)
{
    (void)state;
    assert_int_equal(ending_of("off", try_plain_socket), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_does_not_do_is_refused),
        cmocka_unit_test(threads_start_and_are_filtered_too),
        cmocka_unit_test(what_a_server_does_is_allowed),
        cmocka_unit_test(abort_is_still_abort),
        cmocka_unit_test(off_filters_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
