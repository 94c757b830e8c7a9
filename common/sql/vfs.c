/* vfs.c - SQLite opens files in the directory that we hold open, whatever its
 * name refers to by now. A VFS is SQLite's layer for files.
 *
 * "/proc/self/fd/7/NAME.db" -> this VFS: the name as it is -> SQLite's own
 *
 * The server uses a descriptor to find out which databases there are, but
 * SQLite only takes names. If the directory were renamed and another one put in
 * its place, the server and SQLite would use different files: a write would go
 * into the new directory, and readers on open connections would not see it.
 *
 * The kernel resolves /proc/self/fd/N to the directory of the descriptor itself
 * (proc(5)), so a name that begins with it cannot lead elsewhere. SQLite would
 * replace it by the name that the link shows, and refuse it as a link. So this
 * VFS does not change full names. The last part of the name is still opened
 * with O_NOFOLLOW. NAME.db-wal and NAME.db-shm are in the same directory, as
 * SQLite makes their names from the name of the database. */
#include "sql/vfs.h"

#include "sql/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static sqlite3_vfs beneath; /* filled before there are threads */

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *full)
{
    (void)vfs;
    size_t length = strlen(name);
    if (length >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(full, name, length + 1);
    return SQLITE_OK;
}

int sql_vfs_open(struct sql *sql)
{
    struct stat held, shown;
    snprintf(sql->beneath, sizeof sql->beneath, "/proc/self/fd/%d/",
             sql->directory_fd);
    if (fstat(sql->directory_fd, &held) < 0 || stat(sql->beneath, &shown) < 0)
        return -1;
    sqlite3_vfs *own = sqlite3_vfs_find(NULL);
    if (own == NULL || shown.st_dev != held.st_dev ||
        shown.st_ino != held.st_ino) {
        errno = ENOTSUP;
        return -1;
    }
    if (beneath.zName != NULL)
        return 0;
    beneath = *own;
    beneath.zName = SQL_VFS;
    beneath.xFullPathname = full_name;
    if (sqlite3_vfs_register(&beneath, 0) == SQLITE_OK)
        return 0;
    beneath.zName = NULL;
    errno = ENOMEM;
    return -1;
}
