/* conditions.c - entity tags, and the conditions that clients set with them
 * (RFC 9110 section 13).
 *
 * fields + the file's tag and date -> go on, 304 or 412
 *
 * Most requests set no condition. So one pass over the first letters of the
 * field names finds that out first. */
#include "base/clock.h"
#include "files/internal.h"
#include "http/date.h"

static char *append_hex(char *at, uint64_t number)
{
    int shift = 60;
    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[(number >> shift) & 15];
    return at;
}

static uint64_t nanoseconds(struct timespec time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

size_t files_etag(const struct stat *st, struct text coding,
                  char out[ETAG_BYTES])
{
    /* Time and size change when a file is written. But "cp -p" and "tar x" set
     * the time back, and may write into the same inode. Nobody can set the time
     * of the inode's last change, so it is in the tag too. The kernel's clock
     * for that time ticks only some hundred times a second. Two of our own PUTs
     * may be within a tick, and are told apart by the modification time, which
     * a PUT sets exactly. */
    char *at = out;
    *at++ = '"';
    at = append_hex(at, nanoseconds(st->st_mtim));
    *at++ = '-';
    at = append_hex(at, nanoseconds(st->st_ctim));
    *at++ = '-';
    at = append_hex(at, (uint64_t)st->st_size);
    *at++ = '-';
    at = append_hex(at, (uint64_t)st->st_ino);
    if (coding.length > 0) {
        *at++ = '-';
        memcpy(at, coding.data, coding.length);
        at += coding.length;
    }
    *at++ = '"';
    return (size_t)(at - out);
}

/* Takes the next entity-tag from a list (RFC 9110 section 8.8.3). Sets *tag to
 * it with its quotes, without W/, and *weak to whether W/ was there. A comma
 * may be inside the quotes, so the list cannot be split at commas. Returns
 * false at the end, or at something that is no tag: the rest after that cannot
 * be trusted to mean anything. */
static bool next_tag(struct text *rest, struct text *tag, bool *weak)
{
    const char *at = rest->data, *end = rest->data + rest->length;
    while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
        at++;
    *weak = end - at >= 2 && at[0] == 'W' && at[1] == '/';
    if (*weak)
        at += 2;
    if (at == end || *at != '"')
        return false;
    const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (close == NULL)
        return false;
    *tag = (struct text){at, (size_t)(close + 1 - at)};
    *rest = (struct text){close + 1, (size_t)(end - close - 1)};
    return true;
}

/* Returns true if the field names the file's tag, or is "*" and there is a
 * file. strong: a weak tag does not count. */
static bool tags_match(const struct http_request *request, struct text name,
                       struct validators validators, bool strong)
{
    size_t at = 0;
    for (;;) {
        struct text rest = http_field_next(request, name, &at);
        struct text tag;
        bool weak;
        if (rest.data == NULL || validators.st == NULL)
            return false;
        if (text_equal(rest, TEXT("*")))
            return true;
        while (next_tag(&rest, &tag, &weak)) {
            if (!(strong && weak) && text_equal(tag, validators.etag))
                return true;
        }
    }
}

/* Reads a field that holds one date. Returns false if there is no such field.
 * Two dates, or something else, are treated as no field (RFC 9110 sections
 * 13.1.3, 13.1.4). */
static bool field_date(const struct http_request *request, struct text name,
                       time_t *date)
{
    struct text value = http_field(request, name);
    return value.data != NULL && !http_field_repeats(request, name) &&
           http_date_parse(value, date) == 0;
}

static bool asks_anything(const struct http_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct text name = http_text(request, request->fields[i].name);
        if (name.length > 3 && (name.data[0] | 0x20) == 'i' &&
            (name.data[1] | 0x20) == 'f' && name.data[2] == '-')
            return true;
    }
    return false;
}

static bool has(const struct http_request *request, struct text name)
{
    return http_field(request, name).data != NULL;
}

unsigned files_conditions(const struct http_request *request,
                          struct validators validators)
{
    if (!asks_anything(request))
        return 0;
    const struct stat *st = validators.st;
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    time_t date;
    if (has(request, TEXT("If-Match"))) {
        if (!tags_match(request, TEXT("If-Match"), validators, true))
            return 412;
    } else if (st != NULL &&
               field_date(request, TEXT("If-Unmodified-Since"), &date) &&
               st->st_mtim.tv_sec > date) {
        return 412;
    }
    if (has(request, TEXT("If-None-Match"))) {
        if (tags_match(request, TEXT("If-None-Match"), validators, false))
            return reads ? 304 : 412;
    } else if (reads && st != NULL &&
               field_date(request, TEXT("If-Modified-Since"), &date) &&
               st->st_mtim.tv_sec <= date) {
        return 304;
    }
    return 0;
}

bool files_if_range(const struct http_request *request,
                    struct validators validators)
{
    struct text value = http_field(request, TEXT("If-Range"));
    time_t date;
    if (value.data == NULL)
        return true;
    if (http_field_repeats(request, TEXT("If-Range")))
        return false; /* two validators: send the whole file */
    if (value.length > 0 && value.data[0] == '"')
        return text_equal(value, validators.etag);
    /* A date counts whole seconds. A file that changed within the last second
     * may have changed twice in it (RFC 9110 section 8.8.2.2). And a file whose
     * inode was changed later may have been given an old date. */
    const struct stat *st = validators.st;
    return http_date_parse(value, &date) == 0 && date == st->st_mtim.tv_sec &&
           st->st_ctim.tv_sec <= date + 1 && date + 1 < clock_wall();
}
