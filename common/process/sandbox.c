/* sandbox.c - see sandbox.h.
 *
 * list of calls -> libseccomp -> a program in the kernel that judges each call
 *
 * The list contains what a server needs when it has its sockets and its user:
 * files, clients, time, memory, threads. What is not on the list is refused: to
 * start a program or a process, to make memory executable, to connect to
 * anything, to trace or signal others, to change users, mounts, keys or the
 * kernel. */
#include "process/sandbox.h"

#include "config/settings.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define C(name) SCMP_SYS(name)

/* Allowed with any arguments. A call that an architecture does not have is
 * skipped. */
static const int allowed_calls[] = {
    /* Descriptors and what moves through them. */
    C(read), C(write), C(readv), C(writev), C(pread64), C(pwrite64), C(preadv),
    C(pwritev), C(preadv2), C(pwritev2), C(sendfile), C(splice),
    C(copy_file_range), C(lseek), C(close), C(close_range), C(dup), C(dup2),
    C(dup3), C(fcntl), C(pipe2), C(eventfd2), C(timerfd_create),
    C(timerfd_settime), C(timerfd_gettime), C(memfd_create),
    /* Clients. No socket, no bind, no connect. */
    C(accept), C(accept4), C(recvfrom), C(recvmsg), C(recvmmsg), C(sendto),
    C(sendmsg), C(sendmmsg), C(shutdown), C(getsockopt), C(setsockopt),
    C(getsockname), C(getpeername),
    /* Waiting for them. */
    C(select), C(pselect6), C(poll), C(ppoll), C(epoll_create1), C(epoll_ctl),
    C(epoll_wait), C(epoll_pwait), C(epoll_pwait2),
    /* Files, also those of SQLite. */
    C(open), C(openat), C(openat2), C(stat), C(fstat), C(lstat), C(newfstatat),
    C(statx), C(fstatfs), C(access), C(faccessat), C(faccessat2), C(readlink),
    C(readlinkat), C(getcwd), C(getdents64), C(rename), C(renameat),
    C(renameat2), C(link), C(linkat), C(unlink), C(unlinkat), C(fsync),
    C(fdatasync), C(sync_file_range), C(ftruncate), C(fallocate), C(fchmod),
    C(fchown), C(getxattr), C(flock), C(fadvise64), C(utimensat),
    C(inotify_init1), C(inotify_add_watch), C(inotify_rm_watch),
    /* Memory. */
    C(brk), C(munmap), C(mremap), C(madvise), C(msync), C(mlock), C(munlock),
    /* Threads. */
    C(futex), C(set_robust_list), C(get_robust_list), C(rseq), C(membarrier),
    C(sched_yield), C(sched_getaffinity), C(gettid), C(exit), C(exit_group),
    /* Signals that arrive, and time. */
    C(rt_sigaction), C(rt_sigprocmask), C(rt_sigreturn), C(rt_sigtimedwait),
    C(rt_sigsuspend), C(sigaltstack), C(restart_syscall), C(nanosleep),
    C(clock_nanosleep), C(clock_gettime), C(clock_getres), C(gettimeofday),
    C(time),
    /* This process and the machine; random bytes. */
    C(getpid), C(getppid), C(getuid), C(geteuid), C(getgid), C(getegid),
    C(getrusage), C(sysinfo), C(uname), C(getrandom)};

/* Allowed only with this argument. A call may be listed several times. */
struct allowed_with {
    int call;
    struct scmp_arg_cmp argument;
};

#define MASKED(n, mask, value)                                                 \
    {                                                                          \
        n, SCMP_CMP_MASKED_EQ, mask, value                                     \
    }
#define EQUAL(n, value)                                                        \
    {                                                                          \
        n, SCMP_CMP_EQ, value, 0                                               \
    }

static const struct allowed_with allowed_with[] = {
    /* Never executable, so that bytes from a client cannot be run. */
    {C(mmap), MASKED(2, PROT_EXEC, 0)},
    {C(mprotect), MASKED(2, PROT_EXEC, 0)},
    /* Only for a thread, not for a process. */
    {C(clone), MASKED(0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD)},
    {C(prctl), EQUAL(0, PR_SET_NAME)},
    {C(prctl), EQUAL(0, PR_SET_VMA)},
    {C(prlimit64), EQUAL(2, 0)}, /* to read a limit, not to set it */
    {C(ioctl), EQUAL(1, FIONREAD)},
    {C(ioctl), EQUAL(1, TCGETS)},
};

static int add_rules(scmp_filter_ctx filter)
{
    int result = 0;
    const size_t calls = sizeof allowed_calls / sizeof *allowed_calls;
    const size_t withs = sizeof allowed_with / sizeof *allowed_with;
    for (size_t i = 0; i < calls && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    for (size_t i = 0; i < withs && result == 0; i++)
        result =
            seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed_with[i].call,
                                   1, &allowed_with[i].argument);
    /* A failed assertion calls abort(3), which signals its own thread. */
    struct scmp_arg_cmp own = EQUAL(0, (scmp_datum_t)getpid());
    if (result == 0)
        result =
            seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, C(tgkill), 1, &own);
    /* The flags of clone3 are in memory, which a filter cannot read. If the
     * kernel says that there is no clone3, the C library uses clone. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), C(clone3), 0);
    return result;
}

int sandbox_enter(const struct settings *settings)
{
    if (strcmp(settings->seccomp, "off") == 0)
        return 0;
    bool kill = strcmp(settings->seccomp, "kill") == 0;
    scmp_filter_ctx filter =
        seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    int result = filter == NULL ? -ENOMEM : 0;
    /* Make a tree instead of a list: then each call is compared with seven
     * others and not with a hundred. */
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = add_rules(filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    if (result == 0)
        return 0;
    fprintf(stderr,
            "%s: [server] seccomp: the kernel does not take the filter: %s; "
            "say seccomp = off\n",
            settings->program, strerror(-result));
    return -1;
}
