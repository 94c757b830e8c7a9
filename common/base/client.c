/* client.c - see client.h.
 *
 * poll(2) tells what the kernel knows of the other side, besides bytes:
 * POLLRDHUP when its FIN has come, POLLHUP and POLLERR after a reset. A FIN
 * behind bytes that nobody has read yet is told as well. */
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
