/* owner.h - from a pointer to a member to the struct that contains it. */
#ifndef FIVEFOLD_BASE_OWNER_H
#define FIVEFOLD_BASE_OWNER_H

#include <stddef.h>

/* The struct of that type whose member `member` is at `link`. */
#define OWNER_OF(link, type, member)                                           \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
