/* privileges.h - gives up the rights of a server that was started as root. */
#ifndef FIVEFOLD_PROCESS_PRIVILEGES_H
#define FIVEFOLD_PROCESS_PRIVILEGES_H

struct settings;
struct log;

/* Gives up rights for good. This process and its children can gain no rights
 * any more (no_new_privs). If the process is root and settings name a user, it
 * becomes that user. Then it reads the settings once more as that user, as a
 * SIGHUP will do. So a file that the user may not read, or a directory that it
 * may not enter, is found now. Call before threads are started, with the socket
 * bound and nothing else open. Returns 0, or -1 after one line on stderr. */
int privileges_drop(const struct settings *settings);

/* Logs what the administrator may not have intended: serving as root, a user
 * that we cannot become, databases that can only be read. */
void privileges_tell(const struct settings *settings, struct log *log);

#endif
