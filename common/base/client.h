/* client.h - is somebody still at the other end of a connection? */
#ifndef FIVEFOLD_CLIENT_H
#define FIVEFOLD_CLIENT_H

enum client {
    CLIENT_THERE,
    CLIENT_ENDED, /* has ended its side: by shutdown, and may still read, or by
                     close, which looks the same until something is sent */
    CLIENT_GONE,  /* has reset the connection: nobody will read anything */
};

/* Looks at a connected socket, without waiting. */
enum client client_look(int fd);

#endif
