/* file.c - a database's name, and the file that belongs to it.
 *
 * All files are in the directory that is held open by a descriptor. A symbolic
 * link is not a database, as it could lead out of the directory. */
#include "sql/file.h"

#include "sql/internal.h"
#include "sql/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SQL_FILE_BYTES = SQL_NAME_MAX + sizeof ".db" };

bool sql_name_is_valid(struct text name)
{
    if (name.length == 0 || name.length > SQL_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return true;
}

int sql_file_stat(struct sql *sql, struct text name, struct stat *found)
{
    char file[SQL_FILE_BYTES];
    snprintf(file, sizeof file, "%.*s.db", (int)name.length, name.data);
    if (fstatat(sql->directory_fd, file, found, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISREG(found->st_mode))
        return 0;
    errno = ENOENT; /* a link could lead out of the directory */
    return -1;
}

bool sql_exists(struct sql *sql, struct text name)
{
    struct stat found;
    return sql_name_is_valid(name) && sql_file_stat(sql, name, &found) == 0;
}

sqlite3 *sql_open_handle(struct sql *sql, struct text name, int flags, int *rc)
{
    char path[sizeof sql->beneath + SQL_FILE_BYTES];
    snprintf(path, sizeof path, "%s%.*s.db", sql->beneath, (int)name.length,
             name.data);
    sqlite3 *handle = NULL;
    /* One request at a time uses the handle, so SQLite needs no mutex of its
     * own. */
    *rc = sqlite3_open_v2(path, &handle,
                          flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                          SQL_VFS);
    if (*rc != SQLITE_OK) {
        int error = sqlite3_system_errno(handle);
        sqlite3_close(handle);
        errno = error;
        return NULL;
    }
    sqlite3_extended_result_codes(handle, 0);
    return handle;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends a copy of the name. Returns -1 without memory. */
static int list_add(char ***names, size_t *count, struct text name)
{
    char **grown = realloc(*names, (*count + 1) * sizeof *grown);
    if (grown == NULL)
        return -1;
    *names = grown;
    grown[*count] = strndup(name.data, name.length);
    if (grown[*count] == NULL)
        return -1;
    (*count)++;
    return 0;
}

static int list_names(struct sql *sql, char ***names, size_t *count)
{
    int fd = openat(sql->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(directory)) != NULL) {
        struct text name = text_of(entry->d_name);
        if (!text_ends_with(name, TEXT(".db")))
            continue;
        name.length -= 3;
        if (sql_name_is_valid(name))
            result = list_add(names, count, name);
    }
    closedir(directory);
    return result;
}

int sql_list(struct sql *sql,
             bool (*each)(void *context, const char *name, uint64_t bytes),
             void *context)
{
    char **names = NULL;
    size_t count = 0;
    int result = list_names(sql, &names, &count);
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    bool more = result == 0;
    for (size_t i = 0; i < count; i++) {
        struct stat file;
        if (more && sql_file_stat(sql, text_of(names[i]), &file) == 0)
            more = each(context, names[i], (uint64_t)file.st_size);
        free(names[i]);
    }
    free(names);
    return result;
}
