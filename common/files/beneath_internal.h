/* beneath_internal.h - for beneath.c and its tests only. */
#ifndef FIVEFOLD_FILES_BENEATH_INTERNAL_H
#define FIVEFOLD_FILES_BENEATH_INTERNAL_H

#include "files/beneath.h"

/* beneath_open without openat2: one openat(2) for each component, with
 * O_NOFOLLOW, so that no link is followed at all (ELOOP or ENOTDIR). */
int beneath_open_by_steps(int root_fd, const char *path, int flags,
                          mode_t mode);

#endif
