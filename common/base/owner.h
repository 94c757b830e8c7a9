/* owner.h - from a member to what it is a member of. */
#ifndef FIVEFOLD_OWNER_H
#define FIVEFOLD_OWNER_H

#include <stddef.h>

/* The thing whose member `member` link is. */
#define OWNER_OF(link, type, member)                                           \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
