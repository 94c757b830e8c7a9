/* privileges.c - see privileges.h.
 *
 * root, socket bound -> groups, group, user -> verified -> settings read again
 *
 * Everything but the socket is opened afterwards, as the user that must open it
 * again after a SIGHUP. So what works at the start works then too. */
#include "process/privileges.h"

#include "base/mistake.h"
#include "config/settings.h"
#include "report/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct account {
    uid_t user;
    gid_t group;
};

/* Finds the settings' user and group, which exist: that has been checked.
 * Returns 0, or -1. */
static int find_account(const struct settings *settings,
                        struct account *account)
{
    const struct passwd *user = getpwnam(settings->user);
    if (user == NULL)
        return -1;
    *account = (struct account){user->pw_uid, user->pw_gid};
    if (settings->group == NULL)
        return 0;
    const struct group *group = getgrnam(settings->group);
    if (group == NULL)
        return -1;
    account->group = group->gr_gid;
    return 0;
}

/* The order matters: once the user is changed, the groups cannot be changed. */
static int become(const char *name, const struct account *account)
{
    if (initgroups(name, account->group) < 0 ||
        setresgid(account->group, account->group, account->group) < 0 ||
        setresuid(account->user, account->user, account->user) < 0)
        return -1;
    return 0;
}

/* Returns true if this process is that account and cannot become root again.
 * Asks the kernel and tries it, to trust nothing that can be checked. */
static bool is_for_good(const struct account *account)
{
    uid_t user[3];
    gid_t group[3];
    if (getresuid(&user[0], &user[1], &user[2]) < 0 ||
        getresgid(&group[0], &group[1], &group[2]) < 0)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (user[i] != account->user || group[i] != account->group)
            return false;
    return setresuid(0, 0, 0) < 0 && setresuid(-1U, 0, -1U) < 0;
}

/* Reads the settings with the rights that this process has now. A settings file
 * that is not a regular file, such as a pipe, could be read only once and is
 * not tried. Returns 0, or -1 after one line on stderr. */
static int try_reading(const struct settings *settings)
{
    struct settings again;
    struct mistake mistake = {0};
    struct stat status;
    if (settings->file != NULL && stat(settings->file, &status) == 0 &&
        !S_ISREG(status.st_mode))
        return 0;
    if (settings_reread(&again, settings, &mistake) == 0) {
        settings_release(&again);
        return 0;
    }
    fprintf(stderr, "%s: as user %s: %s\n", settings->program, settings->user,
            mistake.line);
    return -1;
}

static bool wants_another(const struct settings *settings)
{
    struct account account;
    return settings->user != NULL && find_account(settings, &account) == 0 &&
           account.user != geteuid();
}

int privileges_drop(const struct settings *settings)
{
    struct account account;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0 || !wants_another(settings))
        return 0;
    if (find_account(settings, &account) < 0 ||
        become(settings->user, &account) < 0 || !is_for_good(&account)) {
        fprintf(stderr, "%s: cannot become user %s: %s\n", settings->program,
                settings->user, strerror(errno));
        return -1;
    }
    /* After a change of user, the kernel keeps /proc/self and core files from
     * the process. It would have both if the user had started it. Uploads need
     * /proc/self/fd. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return try_reading(settings);
}

/* Warns if databases cannot be written. In WAL mode a reader writes too: it
 * puts its position into NAME.db-shm. */
static void tell_of_directory(const char *directory, struct log *log)
{
    if (directory != NULL && access(directory, W_OK | X_OK) < 0)
        log_error(log,
                  "user %u may not write in %s: its databases can be read at "
                  "most, in WAL mode not even that; chown it, if that is not "
                  "meant",
                  (unsigned)geteuid(), directory);
}

void privileges_tell(const struct settings *settings, struct log *log)
{
    if (settings->user == NULL && geteuid() == 0)
        log_error(log, "serves as root; name another user in [server] "
                       "user, or root if that is meant");
    if (wants_another(settings))
        log_error(log,
                  "[server] user = %s has no effect: only root can become "
                  "another user",
                  settings->user);
    tell_of_directory(settings->sqlite_directory, log);
    for (size_t i = 0; i < settings->mount_count; i++)
        tell_of_directory(settings->mounts[i].settings->sqlite_directory, log);
}
