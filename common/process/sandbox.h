/* sandbox.h - a filter of system calls (seccomp(2)). Once the server serves, it
 * cannot make calls that it has no use for. */
#ifndef FIVEFOLD_PROCESS_SANDBOX_H
#define FIVEFOLD_PROCESS_SANDBOX_H

struct settings;

/* Does what settings->seccomp says. "off": nothing. "on": from now on, a call
 * that is not on the list fails with EPERM. "kill": such a call ends the
 * process. Call it last before threads are started, so that they have the
 * filter too. Returns 0, or -1 after one line on stderr. */
int sandbox_enter(const struct settings *settings);

#endif
