/* internal.h - what the parts of the files handler share.
 *
 *     files.c             open, close, dispatch by method, errors
 *     get.c         GET, HEAD: path -> representation -> response
 *     conditions.c  entity tags, If-* fields
 *     ranges.c      Range -> one part, several parts, 416
 *     encoding.c    Accept-Encoding, Accept, .br and .gz beside a file
 *     listing.c     a directory as a page or as JSON
 *     write.c       PUT, DELETE */
#ifndef FIVEFOLD_FILES_INTERNAL_H
#define FIVEFOLD_FILES_INTERNAL_H

#include "access/access.h"
#include "core/exchange.h"
#include "config/settings.h"

#include <fcntl.h>
#include <sys/stat.h>

struct files {
    /* Fixed after files_open; any thread reads. */
    const struct settings *settings; /* borrowed */
    int root_fd;
    bool have_proc; /* a file without a name can be given one through /proc */
    struct mime_types *types;     /* owned */
    struct message_buffer fields; /* what every file's answer carries */
};

/* The handler's object for this exchange. */
struct files *files_of(const struct exchange *exchange);

/* Answers for an errno of open, stat or read. */
void files_error(struct response *response, int error);

/* What the rules say of path + added + suffix: what is opened or shown is what
 * they are asked for. */
enum access_verdict files_judge(const struct exchange *exchange,
                                const char *added, const char *suffix);

/* get.c */

/* One file as it will be sent. */
struct representation {
    int fd; /* owned until the response has it; -1 when only stated */
    struct stat st;
    struct text type;
    struct text coding; /* "br", "gzip", or empty */
    const char *suffix; /* ".br", ".gz", or NULL */
    bool passed_over;   /* the rules deny one that might have been better */
    bool again; /* with at_once: whether there is a better one would have to be
                   read from the disk */
};

enum answer_next files_get(struct exchange *exchange);

/* Opens path beneath the root with flags, and says what it is. Gives a
 * descriptor, or -1 with errno. */
int files_open_path(const struct files *files, const char *path, int flags,
                    struct stat *st);

/* For a reader. O_NONBLOCK: opening a FIFO must not wait for a writer. */
enum { FILES_READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY };

/* The same, and BENEATH_AT_ONCE if the exchange asks for it. */
int files_read_flags(const struct exchange *exchange);

/* conditions.c */

/* `"` 4 numbers of 16 digits, 3 dashes, "-br" or "-gzip" `"`. */
enum { ETAG_BYTES = 80 };

/* Writes the strong tag of a file, with its quotes; coding may be empty. Gives
 * its length. */
size_t files_etag(const struct stat *st, struct text coding,
                  char out[ETAG_BYTES]);

/* A file's validators, or that there is no file (st == NULL). */
struct validators {
    const struct stat *st;
    struct text etag;
};

/* Evaluates If-Match, If-Unmodified-Since, If-None-Match and
 * If-Modified-Since in the order of RFC 9110 section 13.2.2. Returns 0 (go
 * on), 304 or 412. */
unsigned files_conditions(const struct http_request *request,
                          struct validators validators);

/* Step 5 of that order: false if there is an If-Range that does not hold. */
bool files_if_range(const struct http_request *request,
                    struct validators validators);

/* ranges.c */

/* More ranges than that: the whole file is sent instead. A reader of a PDF
 * asks for a few, what updates a disk image for hundreds. */
enum { RANGES_MAX = 256 };

struct range {
    uint64_t first, length;
};

enum range_verdict {
    RANGE_NONE, /* no Range, or one that is to be ignored: send all */
    RANGE_SOME,
    RANGE_UNSATISFIABLE, /* 416 */
};

/* Reads a Range field's value for size bytes: out gets at most RANGES_MAX
 * ranges in the order asked for, those that overlap made one. */
enum range_verdict files_ranges_read(struct text value, uint64_t size,
                                     struct range out[RANGES_MAX],
                                     size_t *count);

/* Turns response (status and fields but Content-Type are there) into
 * multipart/byteranges. Returns 0, or -1 with errno. */
int files_ranges_multipart(struct response *response, struct text type,
                           uint64_t size, const struct range *ranges,
                           size_t count);

/* encoding.c */

/* If the client takes br or gzip, and such a file stands beside path and is
 * not older: puts it in place of what is in `file`. */
void files_prefer_encoded(const struct exchange *exchange, const char *path,
                          struct representation *file);

/* True if Accept wants application/json rather than text/html. */
bool files_wants_json(const struct http_request *request);

/* listing.c */

/* Answers with a listing of the directory. Takes fd. */
void files_list(struct exchange *exchange, int fd);

/* write.c */
enum answer_next files_put_begin(struct exchange *exchange);
void files_put_finish(struct exchange *exchange);
void files_put_release(struct exchange *exchange);
void files_delete(struct exchange *exchange);

#endif
