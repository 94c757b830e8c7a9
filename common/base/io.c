/* io.c - see io.h. */
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

int io_write_all(int fd, const void *bytes, size_t length, size_t *written)
{
    size_t done = 0;
    ssize_t n = 0;
    while (done < length &&
           ((n = write(fd, (const char *)bytes + done, length - done)) > 0 ||
            (n < 0 && errno == EINTR)))
        done += n > 0 ? (size_t)n : 0;
    if (written != NULL)
        *written = done;
    return done == length ? 0 : -1;
}
