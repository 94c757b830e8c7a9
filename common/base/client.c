/* client.c - see client.h.
 *
 * poll(2) returns what the kernel knows about the client: POLLRDHUP after the
 * client's FIN, POLLHUP and POLLERR after a reset. It reports a FIN even if
 * bytes before it have not been read yet. */
#include "base/client.h"

#include <poll.h>

enum client client_look(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) <= 0)
        return CLIENT_THERE;
    if ((look.revents & (POLLHUP | POLLERR)) != 0)
        return CLIENT_GONE;
    return (look.revents & POLLRDHUP) != 0 ? CLIENT_ENDED : CLIENT_THERE;
}
