/* mime.c - see mime.h.
 *
 * path -> what stands behind its last dot -> binary search -> type
 *
 * The table is sorted by extension; a unit test checks that it is. All text
 * is served as UTF-8, as it is what anybody has written for many years. XML
 * that is data says its encoding itself. */
#include "mime.h"

enum { EXTENSION_MAX = 11 }; /* bytes of the longest one, "webmanifest" */

struct mime_row {
    const char *extension; /* lower case */
    struct text type;
};

static const struct mime_row rows[] = {
/* The sizes are known when compiling, so that none is measured while serving.
 */
#define ROW(extension, type) {extension, {type, sizeof type - 1}},
#include "mime_rows.h"
#undef ROW
};

static const struct text unknown = {"application/octet-stream", 24};

struct text mime_type(struct text path)
{
    char extension[EXTENSION_MAX + 1];
    size_t length = 0;
    while (length < path.length && length <= EXTENSION_MAX) {
        char c = path.data[path.length - length - 1];
        if (c == '.' || c == '/')
            break;
        length++;
    }
    /* ".profile" is a name that starts with a dot and has no extension. */
    if (length == 0 || length > EXTENSION_MAX || path.length < length + 2 ||
        path.data[path.length - length - 1] != '.' ||
        path.data[path.length - length - 2] == '/')
        return unknown;
    for (size_t i = 0; i < length; i++) {
        char c = path.data[path.length - length + i];
        extension[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    extension[length] = '\0';
    size_t low = 0, high = sizeof rows / sizeof *rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(extension, rows[middle].extension);
        if (order == 0)
            return rows[middle].type;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return unknown;
}
