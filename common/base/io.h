/* io.h - bytes to a descriptor. */
#ifndef FIVEFOLD_IO_H
#define FIVEFOLD_IO_H

#include <stddef.h>

/* Writes all, in as many calls of write(2) as it takes. Returns 0, or -1 with
 * errno; *written says how much went in any case, and may be NULL. May block.
 */
int io_write_all(int fd, const void *bytes, size_t length, size_t *written);

#endif
