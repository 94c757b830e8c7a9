/* test_front.c - stage 5's front when the kernel refuses to watch a socket: it
 * tries again, and nobody but that socket's client is worse off. */
#include "stage5_modules/front.h"

#include "report/log.h"
#include "report/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANG_SECONDS = 30, FAILURES = 2 };

/* The server's calls come here instead of libc's: this one is found first. */
static atomic_int failing_fd = -1, failures_left;

int epoll_ctl(int epoll_fd, int how, int fd, struct epoll_event *event)
{
    if (fd == atomic_load(&failing_fd) && atomic_load(&failures_left) > 0) {
        atomic_fetch_sub(&failures_left, 1);
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll_fd, how, fd, event);
}

/* A stage without modules, whose clients are told 400. */
struct fixture {
    struct settings settings;
    struct server server;
    struct stage stage;
    struct front front;
    struct sockaddr_in address;
};

static int open_fixture(void **state)
{
    static struct fixture f;
    socklen_t size = sizeof f.address;
    alarm(HANG_SECONDS);
    f = (struct fixture){
        .settings = {.connections_max = 10,
                     .keepalive_seconds = 15,
                     .keepalive_requests = 100,
                     .head_seconds = 10,
                     .send_seconds = 10,
                     .rate_min_bytes = 1024,
                     .request_line_bytes = 1024,
                     .head_bytes = 4096,
                     .access_log = "off",
                     .error_log = "-"},
        .address = {.sin_family = AF_INET,
                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
    };
    f.server.settings = &f.settings;
    f.server.log = log_open(&f.settings);
    f.server.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    f.stage.server = &f.server;
    f.stage.gone_fd = eventfd(0, EFD_CLOEXEC);
    atomic_store(&f.stage.running, 1);
    *state = &f;
    if (bind(f.server.listen_fd, (struct sockaddr *)&f.address, size) < 0 ||
        listen(f.server.listen_fd, 10) < 0)
        return -1;
    return getsockname(f.server.listen_fd, (struct sockaddr *)&f.address,
                       &size);
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->stage.stop_ms, 0);
    atomic_store(&f->stage.stopping, true);
    inbox_wake(&f->front.inbox);
    pthread_join(f->front.thread, NULL);
    front_close(&f->front);
    close(f->server.listen_fd);
    close(f->stage.gone_fd);
    log_close(f->server.log);
    stats_close();
    return 0;
}

static int connect_to(const struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(fd, (const struct sockaddr *)&f->address, sizeof f->address),
        0);
    return fd;
}

/* True if it is answered, whatever that is. */
static bool is_answered(int fd)
{
    static const char request[] = "BAD\r\n\r\n";
    char line[13] = "";
    (void)!send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    ssize_t n = recv(fd, line, sizeof line - 1, MSG_WAITALL);
    close(fd);
    return n == sizeof line - 1 && strcmp(line, "HTTP/1.1 400") == 0;
}

/* Bug: once the kernel had refused, the front never listened again. */
static void listens_again(void **state)
{
    struct fixture *f = *state;
    atomic_store(&failures_left, FAILURES);
    atomic_store(&failing_fd, f->server.listen_fd);
    assert_int_equal(front_open(&f->front, &f->stage), 0);
    assert_int_equal(front_start(&f->front), 0);
    assert_true(is_answered(connect_to(f)));
    assert_int_equal(atomic_load(&failures_left), 0);
}

/* A client that cannot be watched is closed; the next one is served. */
static void one_client_is_lost(void **state)
{
    struct fixture *f = *state;
    atomic_store(&failing_fd, -1);
    assert_int_equal(front_open(&f->front, &f->stage), 0);
    int client = connect_to(f);
    /* The server's end gets the lowest number that is free now. */
    int next_fd = dup(f->server.listen_fd);
    close(next_fd);
    atomic_store(&failures_left, 1);
    atomic_store(&failing_fd, next_fd);
    assert_int_equal(front_start(&f->front), 0);
    assert_false(is_answered(client));
    assert_int_equal(atomic_load(&failures_left), 0);
    assert_true(is_answered(connect_to(f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(listens_again, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(one_client_is_lost, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
