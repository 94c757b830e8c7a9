/* create.c - makes a new database, whole and on disk, or not at all.
 *
 * a name that no client can ask for -> SQLite writes the first page
 *   -> its own name -> fsync of the directory
 *
 * If the file were made under its own name, and the disk were full, an
 * incomplete database would be left. The client would get an error, but its
 * next try would find that database. */
#include "sql/create.h"

#include "sql/error.h"
#include "sql/file.h"
#include "sql/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

struct new_database {
    /* Cannot be the name of a database, as it has a dot in it. */
    char temporary[sizeof ".fivefold-0123456789abcdef"];
    char file[sizeof ".fivefold-0123456789abcdef.db-journal"];
};

static int fail(struct sql_error *error, struct text name, bool full,
                const char *why)
{
    return sql_fail(error, full ? 507 : 500, full ? "SQLITE_FULL" : "INTERNAL",
                    "cannot create database %.*s: %s", (int)name.length,
                    name.data, why);
}

static int fail_errno(struct sql_error *error, struct text name, int reason)
{
    char why[100];
    bool full = reason == ENOSPC || reason == EDQUOT;
    return fail(error, name, full, strerror_r(reason, why, sizeof why));
}

/* Removes the files that are left under the temporary name. */
static void remove_temporary(struct sql *sql, struct new_database *made)
{
    static const char *const ends[] = {".db", ".db-journal", ".db-wal",
                                       ".db-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(made->file, sizeof made->file, "%s%s", made->temporary,
                 ends[i]);
        unlinkat(sql->directory_fd, made->file, 0);
    }
}

static int write_first_page(struct sql *sql, const struct new_database *made)
{
    int rc;
    sqlite3 *handle =
        sql_open_handle(sql, text_of(made->temporary),
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &rc);
    if (handle == NULL)
        return rc;
    rc =
        sqlite3_exec(handle, "PRAGMA synchronous=FULL; PRAGMA journal_mode=WAL",
                     NULL, NULL, NULL);
    sqlite3_close(handle);
    return rc;
}

/* Gives the file its own name. If another file has that name already, that one
 * stays, which is no error. Returns 0, or -1 with errno. */
static int give_name(struct sql *sql, struct new_database *made,
                     struct text name)
{
    char target[SQL_NAME_MAX + sizeof ".db"];
    int directory = sql->directory_fd;
    snprintf(target, sizeof target, "%.*s.db", (int)name.length, name.data);
    snprintf(made->file, sizeof made->file, "%s.db", made->temporary);
    int result =
        renameat2(directory, made->file, directory, target, RENAME_NOREPLACE);
    /* Not every file system supports the flag. */
    if (result < 0 && errno == EINVAL)
        result = linkat(directory, made->file, directory, target, 0);
    return result < 0 && errno != EEXIST ? -1 : 0;
}

int sql_create_database(struct sql *sql, struct text name,
                        struct sql_error *error)
{
    struct new_database made;
    uint64_t drawn;
    if (getrandom(&drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
        return fail_errno(error, name, errno);
    snprintf(made.temporary, sizeof made.temporary, ".fivefold-%016llx",
             (unsigned long long)drawn);
    int result = 0, rc = write_first_page(sql, &made);
    if (rc != SQLITE_OK)
        result =
            fail(error, name, (rc & 0xff) == SQLITE_FULL, sqlite3_errstr(rc));
    else if (give_name(sql, &made, name) < 0 || fsync(sql->directory_fd) < 0)
        result = fail_errno(error, name, errno);
    remove_temporary(sql, &made);
    if (result < 0)
        sql_tell(sql, name, error->message);
    return result;
}
