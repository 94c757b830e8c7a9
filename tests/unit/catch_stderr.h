/* catch_stderr.h - what is said on stderr, for tests of what is said. */
#ifndef UNIT_CATCH_STDERR_H
#define UNIT_CATCH_STDERR_H

#include <stdio.h>
#include <unistd.h>

struct caught {
    FILE *file;
    int saved; /* stderr as it was */
};

static inline struct caught catch_start(void)
{
    struct caught caught = {tmpfile(), dup(STDERR_FILENO)};
    fflush(stderr);
    dup2(fileno(caught.file), STDERR_FILENO);
    return caught;
}

/* Fills out with what has been said since, NUL-terminated. Returns its length.
 */
static inline size_t catch_end(struct caught *caught, char *out, size_t size)
{
    fflush(stderr);
    dup2(caught->saved, STDERR_FILENO);
    close(caught->saved);
    rewind(caught->file);
    size_t n = fread(out, 1, size - 1, caught->file);
    out[n] = '\0';
    fclose(caught->file);
    return n;
}

#endif
