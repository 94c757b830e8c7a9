/* client.h - is the client still connected? */
#ifndef FIVEFOLD_BASE_CLIENT_H
#define FIVEFOLD_BASE_CLIENT_H

enum client {
    CLIENT_THERE, /* connected, as far as the kernel knows */
    CLIENT_ENDED, /* the client sends no more. After shutdown it may still
                     read; after close it cannot. The two look the same until
                     we send something */
    CLIENT_GONE,  /* the connection was reset: the client reads nothing more */
};

/* Looks at a connected socket, without waiting. If the look itself fails it
 * returns CLIENT_THERE. */
enum client client_look(int fd);

#endif
