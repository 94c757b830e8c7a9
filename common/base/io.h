/* io.h - writes bytes to a file descriptor. */
#ifndef FIVEFOLD_BASE_IO_H
#define FIVEFOLD_BASE_IO_H

#include <stddef.h>

/* Writes all bytes, with as many calls of write(2) as needed. Returns 0, or -1
 * with errno of write(2). If written is not NULL, *written is the number of
 * bytes written in both cases. bytes is borrowed. May block. */
int io_write_all(int fd, const void *bytes, size_t length, size_t *written);

#endif
