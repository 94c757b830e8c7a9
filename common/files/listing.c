/* listing.c - a directory as a page, or as JSON for a program.
 *
 * descriptor -> readdir -> entries (those that GET would serve) -> sorted
 * -> response.memory
 *
 * What GET would not serve this client is not shown: names that start with a
 * dot, devices, links that lead out of the root, and what the rules deny. A
 * name may contain anything, so it is escaped for HTML, for URLs and for JSON
 * wherever it is written. */
#include "base/escape.h"
#include "base/json.h"
#include "files/beneath.h"
#include "files/internal.h"
#include "http/date.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A directory with more entries is a store, not a page. And the thread that
 * reads it may be the only one. */
enum { LISTING_ENTRIES_MAX = 10000 };

struct entry {
    char *name; /* owned */
    bool directory;
    off_t size;
    time_t mtime;
};

struct listing {
    struct entry *entries; /* owned */
    size_t count, capacity;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i].name);
    free(listing->entries);
}

static int listing_add(struct listing *listing, const char *name,
                       const struct stat *st)
{
    if (listing->count == LISTING_ENTRIES_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 32;
        struct entry *grown =
            realloc(listing->entries, capacity * sizeof *grown);
        if (grown == NULL)
            return -1;
        listing->entries = grown;
        listing->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return -1;
    listing->entries[listing->count++] =
        (struct entry){.name = copy,
                       .directory = S_ISDIR(st->st_mode),
                       .size = st->st_size,
                       .mtime = st->st_mtim.tv_sec};
    return 0;
}

/* Fills *st with what GET would find under that name. Follows a link beneath
 * the root, as GET does. Returns 1, or 0 if there is nothing to show, or -1
 * with errno if that is unknown: half a listing must not look like a whole
 * one. */
static int stat_entry(const struct exchange *exchange, int directory,
                      const char *name, struct stat *st)
{
    if (fstatat(directory, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISLNK(st->st_mode)) {
        char path[PATH_MAX_BYTES + NAME_MAX];
        size_t length = strlen(exchange->beneath);
        memcpy(path, exchange->beneath, length);
        memcpy(path + length, name, strlen(name) + 1);
        int fd = files_open_path(files_of(exchange), path, O_PATH, st);
        if (fd < 0)
            return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1
                                                                         : 0;
        close(fd);
    }
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

/* Reads the whole directory. Returns 0, or -1 with errno (EFBIG: too many
 * entries). */
static int listing_read(struct listing *listing,
                        const struct exchange *exchange, DIR *stream)
{
    for (;;) {
        errno = 0;
        struct dirent *found = readdir(stream);
        struct stat st;
        if (found == NULL)
            return errno == 0 ? 0 : -1;
        if (found->d_name[0] == '.' ||
            files_judge(exchange, found->d_name, NULL) != ACCESS_ALLOWED)
            continue;
        int shown = stat_entry(exchange, dirfd(stream), found->d_name, &st);
        if (shown < 0 ||
            (shown > 0 && listing_add(listing, found->d_name, &st) < 0))
            return -1;
    }
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->directory != b->directory)
        return a->directory ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The member names are those of nginx's autoindex, so that a program that reads
 * its listings can read ours. Only href is our own. */
static void write_json(struct message_buffer *out,
                       const struct listing *listing)
{
    buffer_append_char(out, '[');
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        char date[HTTP_DATE_BYTES];
        http_date_print(entry->mtime, date);
        json_append_comma(out);
        buffer_append_char(out, '\n');
        json_append_open(out, '{');
        json_member_text(out, "name", text_of(entry->name));
        /* A name need not be valid text. With href, a client can ask for it all
         * the same. */
        json_append_key(out, "href");
        buffer_append_char(out, '"');
        url_append_path(out, text_of(entry->name));
        buffer_append_text(out, entry->directory ? TEXT("/\"") : TEXT("\""));
        json_member_text(out, "type",
                         entry->directory ? TEXT("directory") : TEXT("file"));
        json_member_text(out, "mtime", text_of(date));
        if (!entry->directory)
            json_member_number(out, "size", (uint64_t)entry->size);
        json_append_close(out, '}');
    }
    buffer_append_text(out, TEXT("\n]\n"));
}

static void write_size(struct message_buffer *out, off_t size)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (size < 1024) {
        buffer_printf(out, "%d B", (int)size);
        return;
    }
    double shown = (double)size / 1024;
    size_t unit = 0;
    while (shown >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        shown /= 1024;
        unit++;
    }
    buffer_printf(out, "%.1f %s", shown, units[unit]);
}

static void write_row(struct message_buffer *out, const struct entry *entry)
{
    char when[sizeof "2000-01-01 00:00"] = "";
    struct tm tm;
    struct text slash = entry->directory ? TEXT("/") : TEXT("");
    if (gmtime_r(&entry->mtime, &tm) != NULL &&
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm) == 0)
        when[0] = '\0'; /* a year that does not fit */
    buffer_append_text(out, TEXT("<tr><td><a href=\""));
    url_append_path(out, text_of(entry->name));
    buffer_append_text(out, slash);
    buffer_append_text(out, TEXT("\">"));
    html_append_text(out, text_of(entry->name));
    buffer_append_text(out, slash);
    buffer_append_text(out, TEXT("</a></td><td>"));
    if (!entry->directory)
        write_size(out, entry->size);
    buffer_printf(out, "</td><td>%s</td></tr>\n", when);
}

static void write_html(struct message_buffer *out, struct text path,
                       bool has_parent, const struct listing *listing)
{
    buffer_append_text(
        out, TEXT("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                  "<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<style>body{font-family:sans-serif;margin:2em}"
                  "h1,td:first-child{overflow-wrap:anywhere}"
                  "th,td{text-align:left;padding:.1em 2em .1em 0}"
                  ":is(th,td):nth-child(2){text-align:right}"
                  "th,td:not(:first-child){white-space:nowrap}"
                  "@media(max-width:40em){body{margin:1em}"
                  "th,td{padding-right:.8em}}</style>\n<title>"));
    html_append_text(out, path);
    buffer_append_text(out, TEXT("</title>\n</head>\n<body>\n<h1>"));
    html_append_text(out, path);
    buffer_append_text(out, TEXT("</h1>\n<table>\n<tr><th>Name</th>"
                                 "<th>Size</th><th>Changed (UTC)</th></tr>\n"));
    if (has_parent)
        buffer_append_text(out, TEXT("<tr><td><a href=\"../\">../</a></td>"
                                     "<td></td><td></td></tr>\n"));
    for (size_t i = 0; i < listing->count; i++)
        write_row(out, &listing->entries[i]);
    buffer_append_text(out, TEXT("</table>\n</body>\n</html>\n"));
}

static void answer_listing(struct exchange *exchange,
                           const struct listing *listing)
{
    struct response *response = &exchange->response;
    bool json = files_wants_json(&exchange->request);
    response_reset(response, 200);
    response_field(response, "Content-Type", "%s",
                   json ? "application/json" : "text/html; charset=utf-8");
    response_field(response, "Vary", "Accept");
    if (json) {
        write_json(&response->memory, listing);
    } else {
        /* If a name ever got through unescaped, it could run no script. */
        response_field(response, "Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; "
                       "base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'self'");
        write_html(&response->memory,
                   (struct text){exchange->path, exchange->path_length},
                   exchange->beneath[1] != '\0', listing);
    }
    if (response->memory.failed || response->fields.failed)
        files_error(response, ENOMEM);
}

void files_list(struct exchange *exchange, int fd)
{
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        files_error(&exchange->response, errno);
        close(fd);
        return;
    }
    struct listing listing = {0};
    if (listing_read(&listing, exchange, stream) == 0) {
        if (listing.count > 0)
            qsort(listing.entries, listing.count, sizeof *listing.entries,
                  compare_entries);
        answer_listing(exchange, &listing);
    } else if (errno == EFBIG) {
        response_error(&exchange->response, 403,
                       "The directory has too many entries to be listed.");
    } else {
        files_error(&exchange->response, errno);
    }
    listing_release(&listing);
    closedir(stream);
}
