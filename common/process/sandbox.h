/* sandbox.h - a filter of system calls (seccomp(2)): what the server has no use
 * for once it serves, it cannot call. */
#ifndef FIVEFOLD_SANDBOX_H
#define FIVEFOLD_SANDBOX_H

struct settings;

/* As settings.seccomp says: nothing ("off"), or from now on calls that are not
 * on the list fail with EPERM ("on") or end the process ("kill"). Call last
 * before threads are started: they have the filter too. Returns 0, or -1 after
 * one line on stderr. */
int sandbox_enter(const struct settings *settings);

#endif
