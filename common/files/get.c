/* get.c - GET and HEAD.
 *
 * path -> open beneath the root -> fstat -> encoded file next to it?
 * -> conditions -> ranges -> response: memory for a small body (one pread,
 * file closed here), else the descriptor and segments for sendfile.
 *
 * The benchmark measures how a small file is served. For that this file makes
 * only four system calls: openat2, fstat, preadv2 and close. */
#include "base/clock.h"
#include "base/escape.h"
#include "files/beneath.h"
#include "files/internal.h"
#include "files/mime.h"
#include "http/date.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for all fields of a usual answer, reserved at once. */
enum { FIELDS_BYTES = 512 };

static void append_validators(struct message_buffer *out,
                              const struct representation *file,
                              struct text etag)
{
    char date[HTTP_DATE_BYTES];
    time_t changed = file->st.st_mtim.tv_sec, now = clock_wall();
    /* RFC 9110 section 8.8.2.1: the date is not in the future. */
    http_date_print(changed < now ? changed : now, date);
    buffer_append_text(out, TEXT("ETag: "));
    buffer_append_text(out, etag);
    buffer_append_text(out, TEXT("\r\nLast-Modified: "));
    buffer_append(out, date, HTTP_DATE_BYTES - 1);
    buffer_append_text(out, TEXT("\r\n"));
}

static void append_coding(struct message_buffer *out, struct text coding)
{
    if (coding.length == 0)
        return;
    buffer_append_text(out, TEXT("Content-Encoding: "));
    buffer_append_text(out, coding);
    buffer_append_text(out, TEXT("\r\n"));
}

static void append_type(struct message_buffer *out, struct text type)
{
    buffer_append_text(out, TEXT("Content-Type: "));
    buffer_append_text(out, type);
    buffer_append_text(out, TEXT("\r\n"));
}

/* Reads the body into memory. Returns 0, or -1 with errno. A file that became
 * shorter after its fstat has fewer bytes than the fields promise. Then nothing
 * of it is sent (EIO). */
static int read_body(struct exchange *exchange, int fd, struct range range)
{
    struct message_buffer *memory = &exchange->response.memory;
    int flags = exchange->at_once ? RWF_NOWAIT : 0;
    size_t length = (size_t)range.length, have = 0;
    if (length > 0 && buffer_reserve(memory, length) < 0)
        return -1;
    while (have < length) {
        struct iovec to = {memory->data + memory->end, length - have};
        ssize_t n = preadv2(fd, &to, 1, (off_t)(range.first + have), flags);
        stats_add(STAT_sys_read, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            /* A file system without RWF_NOWAIT might block too. */
            if (errno == EOPNOTSUPP)
                errno = EAGAIN;
            return -1;
        }
        if (n == 0) {
            errno = EIO;
            return -1;
        }
        buffer_filled(memory, (size_t)n);
        have += (size_t)n;
    }
    return 0;
}

/* Makes the body of one piece of the file: all of it, or one range. */
static int fill_body(struct exchange *exchange, struct representation *file,
                     struct range range)
{
    struct response *response = &exchange->response;
    bool head = exchange->request.method == HTTP_HEAD;
    uint64_t small = files_of(exchange)->settings->files_sendfile_bytes;
    if (range.length == 0 || (range.length < small && !head))
        return read_body(exchange, file->fd, range);
    response->file_fd = file->fd;
    file->fd = -1;
    return response_segment(response,
                            (struct segment){.in_file = true,
                                             .offset = (off_t)range.first,
                                             .length = range.length});
}

static void answer_unsatisfiable(struct response *response, uint64_t size)
{
    response_error(response, 416, "The requested range is outside the file.");
    response_field(response, "Content-Range", "bytes */%llu",
                   (unsigned long long)size);
}

/* Ranges are for GET only (RFC 9110 section 14.2). */
static enum range_verdict read_ranges(const struct http_request *request,
                                      struct validators validators,
                                      struct range *ranges, size_t *count)
{
    if (request->method != HTTP_GET)
        return RANGE_NONE;
    struct text value = http_field(request, TEXT("Range"));
    if (value.data == NULL || http_field_repeats(request, TEXT("Range")) ||
        !files_if_range(request, validators))
        return RANGE_NONE;
    return files_ranges_read(value, (uint64_t)validators.st->st_size, ranges,
                             count);
}

static int answer_ranges(struct exchange *exchange, struct representation *file,
                         const struct range *ranges, size_t count)
{
    struct response *response = &exchange->response;
    uint64_t size = (uint64_t)file->st.st_size;
    response->status = 206;
    if (count > 1) {
        response->file_fd = file->fd;
        file->fd = -1;
        return files_ranges_multipart(response, file->type, size, ranges,
                                      count);
    }
    append_type(&response->fields, file->type);
    response_field(response, "Content-Range", "bytes %llu-%llu/%llu",
                   (unsigned long long)ranges[0].first,
                   (unsigned long long)(ranges[0].first + ranges[0].length - 1),
                   (unsigned long long)size);
    return fill_body(exchange, file, ranges[0]);
}

/* Answers 200, 206, 304, 412 or 416 for an open regular file. */
static int answer_file(struct exchange *exchange, struct representation *file)
{
    struct response *response = &exchange->response;
    const struct files *files = files_of(exchange);
    char tag[ETAG_BYTES];
    struct text etag = {tag, files_etag(&file->st, file->coding, tag)};
    struct validators validators = {&file->st, etag};
    unsigned refused = files_conditions(&exchange->request, validators);
    if (refused == 412) {
        response_error(response, 412,
                       "A condition of the request (If-*) is not met.");
        return 0;
    }
    struct range ranges[RANGES_MAX];
    size_t count = 0;
    enum range_verdict verdict = RANGE_NONE;
    if (refused == 0)
        verdict = read_ranges(&exchange->request, validators, ranges, &count);
    /* A client would have to decode each part, and no part can be decoded
     * alone. */
    if (count > 1 && file->coding.length > 0)
        verdict = RANGE_NONE;
    if (verdict == RANGE_UNSATISFIABLE) {
        answer_unsatisfiable(response, (uint64_t)file->st.st_size);
        return 0;
    }
    struct message_buffer *fields = &response->fields;
    buffer_reserve(fields, FIELDS_BYTES);
    append_validators(fields, file, etag);
    buffer_append_text(fields, buffer_text(&files->fields));
    if (refused == 304) {
        response->status = 304;
        response->no_length = true;
        return 0;
    }
    /* Not in a 304, which is about what the client has (RFC 9110 section
     * 15.4.5). */
    append_coding(fields, file->coding);
    if (verdict == RANGE_SOME)
        return answer_ranges(exchange, file, ranges, count);
    response->status = 200;
    append_type(fields, file->type);
    return fill_body(exchange, file,
                     (struct range){0, (uint64_t)file->st.st_size});
}

/* Answers with the regular file fd. Takes fd. */
static void serve_file(struct exchange *exchange, int fd, const struct stat *st,
                       const char *path, size_t path_length)
{
    struct representation file = {.fd = fd, .st = *st};
    struct text name = {path, path_length};
    file.type = mime_type(files_of(exchange)->types, name);
    file.coding = mime_coding(name);
    if (files_of(exchange)->settings->files_precompressed &&
        file.coding.length == 0)
        files_prefer_encoded(exchange, path, &file);
    exchange->suffix = file.suffix;
    exchange->passed_over = file.passed_over;
    struct response *response = &exchange->response;
    int result = -1;
    if (file.again)
        errno = EAGAIN;
    else
        result = answer_file(exchange, &file);
    if (result < 0)
        files_error(response, errno);
    else if (response->fields.failed || response->memory.failed)
        files_error(response, ENOMEM);
    if (file.fd >= 0)
        close(file.fd);
}

/* Answers for a directory without an index page: with a listing, if the
 * settings allow it. */
static void serve_listing(struct exchange *exchange)
{
    const struct files *files = files_of(exchange);
    if (exchange->at_once) {
        files_error(&exchange->response, EAGAIN);
        return;
    }
    int fd = beneath_open(files->root_fd, exchange->beneath,
                          O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        files_error(&exchange->response, errno);
    } else if (!files->settings->files_listing) {
        close(fd);
        response_error(&exchange->response, 403,
                       "Directories are not listed here.");
    } else {
        files_list(exchange, fd);
    }
}

/* Tries the index page first, without a look at the directory. So "GET /" costs
 * no more than the page itself. */
static enum answer_next get_directory(struct exchange *exchange)
{
    const struct files *files = files_of(exchange);
    struct text index = text_of(
        files->settings->files_index ? files->settings->files_index : "");
    char path[PATH_MAX_BYTES];
    size_t length = strlen(exchange->beneath);
    struct stat st;
    if (index.length == 0 || length + index.length >= sizeof path) {
        serve_listing(exchange);
        return ANSWER_READY;
    }
    memcpy(path, exchange->beneath, length);
    memcpy(path + length, index.data, index.length);
    path[length + index.length] = '\0';
    int fd = files_open_path(files, path, files_read_flags(exchange), &st);
    if (fd >= 0 && S_ISREG(st.st_mode)) {
        enum access_verdict verdict = files_judge(exchange, index.data, NULL);
        if (verdict != ACCESS_ALLOWED) {
            close(fd);
            return verdict == ACCESS_UNKNOWN ? ANSWER_UNKNOWN : ANSWER_DENIED;
        }
        exchange->index = index.data;
        serve_file(exchange, fd, &st, path, length + index.length);
        return ANSWER_READY;
    }
    int error = fd < 0 ? errno : ENOENT;
    if (fd >= 0)
        close(fd);
    if (error == ENOENT)
        serve_listing(exchange);
    else
        files_error(&exchange->response, error);
    return ANSWER_READY;
}

enum answer_next files_get(struct exchange *exchange)
{
    const char *path = exchange->beneath;
    exchange->index = exchange->suffix = NULL;
    if (exchange->path[exchange->path_length - 1] == '/')
        return get_directory(exchange);
    struct stat st;
    int fd = files_open_path(files_of(exchange), path,
                             files_read_flags(exchange), &st);
    if (fd < 0) {
        files_error(&exchange->response, errno);
    } else if (S_ISREG(st.st_mode)) {
        serve_file(exchange, fd, &st, path, strlen(path));
    } else {
        close(fd);
        if (S_ISDIR(st.st_mode))
            response_to_slash(
                &exchange->response, &exchange->request,
                (struct text){exchange->path, exchange->path_length});
        else /* a FIFO or a device: it has no length */
            files_error(&exchange->response, ENOENT);
    }
    return ANSWER_READY;
}
