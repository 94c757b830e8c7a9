/* mime.c - see mime.h.
 *
 * our rows, then those of /etc/mime.types -> sorted by extension, each type
 *   with its charset
 * path -> what follows its last dot -> binary search -> type
 *
 * Our rows win: a web server sends .js and .md as browsers want them, whatever
 * the system's file says. That file knows a thousand more types. */
#include "files/mime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EXTENSION_MAX = 15, /* bytes; longer extensions are ignored */
    ROWS_MAX = 65536,
};

struct mime_row {
    char extension[EXTENSION_MAX + 1]; /* lower case */
    char *type;                        /* owned by types->values */
    size_t length;
};

struct mime_types {
    struct mime_row *rows; /* sorted by extension; owned */
    size_t count, room;
    char **values; /* one for each row of ours and each line that adds an
                      extension; owned */
    size_t value_count;
    const char *charset;
};

static const struct {
    const char *extension, *type;
} ours[] = {
#define ROW(extension, type) {extension, type},
#include "files/mime_rows.h"
#undef ROW
};

static const struct text unknown = {"application/octet-stream", 24};
static const char usual_file[] = "/etc/mime.types";

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

/* Adds the value of Content-Type for a type. Returns it, borrowed, or NULL if
 * memory is short. */
static char *add_value(struct mime_types *types, const char *type)
{
    size_t n = types->value_count;
    if ((n & (n - 1)) == 0) {
        char **grown = realloc(types->values, (n ? 2 * n : 1) * sizeof *grown);
        if (grown == NULL)
            return NULL;
        types->values = grown;
    }
    bool text = strncmp(type, "text/", 5) == 0 && strchr(type, ';') == NULL &&
                strcmp(types->charset, "none") != 0;
    if (asprintf(&types->values[n], "%s%s%s", type, text ? "; charset=" : "",
                 text ? types->charset : "") < 0)
        return NULL;
    types->value_count++;
    return types->values[n];
}

static int add_row(struct mime_types *types, const char *extension, char *value)
{
    if (strlen(extension) > EXTENSION_MAX || types->count == ROWS_MAX)
        return 0;
    if (types->count == types->room) {
        size_t room = types->room ? 2 * types->room : 256;
        struct mime_row *grown = realloc(types->rows, room * sizeof *grown);
        if (grown == NULL)
            return -1;
        types->rows = grown;
        types->room = room;
    }
    struct mime_row *row = &types->rows[types->count++];
    *row = (struct mime_row){.type = value, .length = strlen(value)};
    strcpy(row->extension, extension);
    lower(row->extension);
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct mime_row *left = a, *right = b;
    return strcmp(left->extension, right->extension);
}

static const struct mime_row *find(const struct mime_types *types,
                                   const char *extension, size_t count)
{
    struct mime_row key = {.type = NULL};
    strcpy(key.extension, extension);
    return bsearch(&key, types->rows, count, sizeof key, compare_rows);
}

/* Reads a line: "type/subtype ext ext...", or a comment. The first our_count
 * rows are ours: an extension among them is skipped. Returns 0, or -1 if memory
 * is short. */
static int read_line(struct mime_types *types, char *line, size_t our_count)
{
    static const char blanks[] = " \t\r\n";
    char *rest = NULL, *value = NULL;
    line[strcspn(line, "#")] = '\0';
    char *type = strtok_r(line, blanks, &rest);
    if (type == NULL || strchr(type, '/') == NULL)
        return 0;
    char *extension;
    while ((extension = strtok_r(NULL, blanks, &rest)) != NULL) {
        if (strlen(extension) > EXTENSION_MAX)
            continue;
        lower(extension);
        if (find(types, extension, our_count) != NULL)
            continue;
        if (value == NULL && (value = add_value(types, type)) == NULL)
            return -1;
        if (add_row(types, extension, value) < 0)
            return -1;
    }
    return 0;
}

/* Keeps one row for each extension. */
static void drop_doubles(struct mime_types *types)
{
    size_t kept = 0;
    for (size_t i = 0; i < types->count; i++)
        if (kept == 0 || strcmp(types->rows[kept - 1].extension,
                                types->rows[i].extension) != 0)
            types->rows[kept++] = types->rows[i];
    types->count = kept;
}

/* Returns 0, or the error as an errno. */
static int read_file(struct mime_types *types, FILE *file)
{
    char *line = NULL;
    size_t room = 0, our_count = types->count;
    int error = 0;
    while (error == 0 && getline(&line, &room, file) >= 0)
        if (read_line(types, line, our_count) < 0)
            error = ENOMEM;
    if (error == 0 && !feof(file))
        error = errno; /* of getline */
    free(line);
    if (error != 0)
        return error;
    qsort(types->rows, types->count, sizeof *types->rows, compare_rows);
    drop_doubles(types);
    return 0;
}

struct mime_types *mime_open(const char *file, const char *charset)
{
    struct mime_types *types = calloc(1, sizeof *types);
    FILE *opened = NULL;
    int error = ENOMEM;
    if (types == NULL)
        return NULL;
    types->charset = charset != NULL ? charset : "none";
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        char *value = add_value(types, ours[i].type);
        if (value == NULL || add_row(types, ours[i].extension, value) < 0)
            goto fail;
    }
    opened = fopen(file != NULL ? file : usual_file, "re");
    if (opened == NULL && file != NULL) {
        error = errno;
        goto fail;
    }
    error = opened != NULL ? read_file(types, opened) : 0;
    if (error != 0)
        goto fail;
    if (opened != NULL)
        fclose(opened);
    return types;
fail:
    if (opened != NULL)
        fclose(opened);
    mime_close(types);
    errno = error;
    return NULL;
}

void mime_close(struct mime_types *types)
{
    if (types == NULL)
        return;
    for (size_t i = 0; i < types->value_count; i++)
        free(types->values[i]);
    free(types->values);
    free(types->rows);
    free(types);
}

/* Copies the extension (what follows the last dot) in lower case. Returns false
 * if there is none, or if it is too long. ".profile" is a name that starts with
 * a dot and has no extension. */
static bool extension_of(struct text path, char out[EXTENSION_MAX + 1])
{
    size_t length = 0;
    while (length < path.length && length <= EXTENSION_MAX) {
        char c = path.data[path.length - length - 1];
        if (c == '.' || c == '/')
            break;
        length++;
    }
    if (length == 0 || length > EXTENSION_MAX || path.length < length + 2 ||
        path.data[path.length - length - 1] != '.' ||
        path.data[path.length - length - 2] == '/')
        return false;
    memcpy(out, path.data + path.length - length, length);
    out[length] = '\0';
    lower(out);
    return true;
}

struct text mime_type(const struct mime_types *types, struct text path)
{
    char extension[EXTENSION_MAX + 1];
    if (!extension_of(path, extension))
        return unknown;
    const struct mime_row *row = find(types, extension, types->count);
    return row != NULL ? (struct text){row->type, row->length} : unknown;
}

struct text mime_coding(struct text path)
{
    char extension[EXTENSION_MAX + 1];
    if (extension_of(path, extension) && strcmp(extension, "svgz") == 0)
        return TEXT("gzip");
    return TEXT("");
}
