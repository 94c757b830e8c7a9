/* notify.c - see notify.h.
 *
 * $NOTIFY_SOCKET -> notify_open -> one datagram for each change of state */
#include "process/notify.h"

#include "base/clock.h"
#include "report/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    /* A manager whose queue is full may be slow, but the server waits no longer
     * than this. */
    NOTIFY_WAIT_SECONDS = 1,
    NOTIFY_BYTES = 512,
};

static int notify_fd = -1;
/* Each datagram names the manager's address. The socket is not connected to it,
 * because the manager may create its socket again while we run. */
static struct sockaddr_un manager;
static socklen_t manager_length;

/* Reads "/path", or "@name" for a socket that is in no directory. Returns 0, or
 * -1 if name is neither or too long. */
static int read_address(const char *name)
{
    size_t length = strlen(name);
    if ((*name != '/' && *name != '@') || length < 2 ||
        length >= sizeof manager.sun_path)
        return -1;
    manager = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(manager.sun_path, name, length);
    manager_length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (*name == '@')
        manager.sun_path[0] = '\0'; /* the length ends the name: no NUL */
    else
        manager_length++;
    return 0;
}

void notify_open(const char *program)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL)
        return;
    struct timeval wait = {.tv_sec = NOTIFY_WAIT_SECONDS};
    if (read_address(name) < 0)
        fprintf(stderr,
                "%s: NOTIFY_SOCKET is neither /PATH nor @NAME of at most %zu "
                "bytes; the service manager will not be told that the server "
                "is ready; correct or unset it\n",
                program, sizeof manager.sun_path - 1);
    else if ((notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        fprintf(stderr, "%s: NOTIFY_SOCKET: %s\n", program, strerror(errno));
    else
        setsockopt(notify_fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    unsetenv("NOTIFY_SOCKET");
}

void notify_close(void)
{
    if (notify_fd >= 0)
        close(notify_fd);
    notify_fd = -1;
}

static void notify_send(struct log *log, const char *state)
{
    if (notify_fd < 0)
        return;
    if (sendto(notify_fd, state, strlen(state), MSG_NOSIGNAL,
               (struct sockaddr *)&manager, manager_length) < 0)
        log_error(log, "cannot tell the service manager %.*s: %s",
                  (int)strcspn(state, "\n"), state, strerror(errno));
}

void notify_ready(struct log *log, const char *status)
{
    char state[NOTIFY_BYTES];
    snprintf(state, sizeof state, "READY=1\nSTATUS=%s", status);
    notify_send(log, state);
}

/* The time shows systemd that this is about the SIGHUP that it has sent, and
 * not about an earlier one. */
void notify_reloading(struct log *log)
{
    char state[NOTIFY_BYTES];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             clock_ns() / 1000);
    notify_send(log, state);
}

void notify_stopping(struct log *log)
{
    notify_send(log, "STOPPING=1\nSTATUS=finishing what is under way");
}
