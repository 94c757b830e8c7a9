/* notify.h - tells the service manager that started us whether we are ready,
 * reloading or stopping.
 *
 * The protocol is that of sd_notify(3): datagrams of NAME=VALUE lines to the
 * socket that $NOTIFY_SOCKET names. Without that variable nothing is sent. Only
 * one thread at a time may call these functions: the one that takes the
 * signals. */
#ifndef FIVEFOLD_PROCESS_NOTIFY_H
#define FIVEFOLD_PROCESS_NOTIFY_H

struct log;

/* Reads $NOTIFY_SOCKET and removes it from the environment. Call before threads
 * are started and before root's rights are given up. An error is printed on
 * stderr, with program in front, and the server goes on without the manager. */
void notify_open(const char *program);
/* Closes the socket, if there is one. */
void notify_close(void);

/* Sends "READY=1" and the text that `systemctl status` shows. An error of this
 * function, or of those below, goes to log. */
void notify_ready(struct log *log, const char *status);
/* Sends "RELOADING=1". That holds until the next notify_ready. */
void notify_reloading(struct log *log);
/* Sends "STOPPING=1". */
void notify_stopping(struct log *log);

#endif
