/* notify.h - tells the service manager that started us how far we are.
 *
 * The protocol of sd_notify(3): datagrams of NAME=VALUE lines to the socket
 * that $NOTIFY_SOCKET names. Nothing is sent where there is none. From one
 * thread at a time: the one that takes the signals. */
#ifndef FIVEFOLD_NOTIFY_H
#define FIVEFOLD_NOTIFY_H

struct log;

/* Takes $NOTIFY_SOCKET out of the environment. Call before there are threads,
 * and before rights are given up. What is wrong with it goes to stderr, and the
 * server goes on: it can serve untold. */
void notify_open(const char *program);
void notify_close(void);

/* "READY=1", and what `systemctl status` shows. */
void notify_ready(struct log *log, const char *status);
/* "RELOADING=1": until the next notify_ready. */
void notify_reloading(struct log *log);
/* "STOPPING=1". */
void notify_stopping(struct log *log);

#endif
