/* settings_fixture.h - a configuration as a user writes it, and what is said of
 * it on stderr. */
#ifndef UNIT_SETTINGS_FIXTURE_H
#define UNIT_SETTINGS_FIXTURE_H

#include "config/settings.h"
#include "tests/unit/catch_stderr.h"

#include <stdlib.h>
#include <string.h>

static char directory[64], ini_path[128];

static inline void write_file(const char *name, const char *content,
                              char path[128])
{
    snprintf(path, 128, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

/* Reads with stderr caught in out. arguments: NULL or words without blanks. */
static inline int read_settings(struct settings *settings,
                                char *const *arguments, char *out, size_t size)
{
    char *argv[16] = {"./build/fivefold-1"};
    int argc = 1;
    while (arguments != NULL && arguments[argc - 1] != NULL) {
        argv[argc] = arguments[argc - 1];
        argc++;
    }
    struct caught caught = catch_start();
    int result = settings_read(settings, argc, argv);
    catch_end(&caught, out, size);
    return result;
}

/* A file, and the one line that is to be said of it. */
struct file_mistake {
    const char *content, *line;
};

static inline int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/fivefold-settings-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static inline int remove_directory(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/users", directory);
    unlink(path);
    unlink(ini_path);
    return rmdir(directory);
}

#endif
