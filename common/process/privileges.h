/* privileges.h - what a server that was started as root gives up. */
#ifndef FIVEFOLD_PRIVILEGES_H
#define FIVEFOLD_PRIVILEGES_H

struct settings;
struct log;

/* For good: this process and what it might start can gain no rights any more
 * (no_new_privs), and if it is root and settings name a user it is that user
 * from now on. Then the settings are read once more as that user, as SIGHUP
 * will: what he may not read or enter is found now. Call before there are
 * threads, with the socket bound and nothing else opened. Returns 0, or -1
 * after one line on stderr. */
int privileges_drop(const struct settings *settings);

/* Says in the log what the administrator may not have meant: to serve as root,
 * a user that cannot be changed to, databases that can only be read. */
void privileges_tell(const struct settings *settings, struct log *log);

#endif
