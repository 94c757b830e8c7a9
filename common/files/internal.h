/* internal.h - what the parts of the files handler share.
 *
 *     files.c       open, close, errors, rules
 *     handler.c     dispatch by method
 *     get.c         GET, HEAD: path -> representation -> response
 *     conditions.c  entity tags, If-* fields
 *     ranges.c      Range -> one part, several parts, 416
 *     encoding.c    Accept-Encoding, Accept, .br and .gz next to a file
 *     listing.c     a directory as a page or as JSON
 *     write.c       PUT, DELETE */
#ifndef FIVEFOLD_FILES_INTERNAL_H
#define FIVEFOLD_FILES_INTERNAL_H

#include "access/access.h"
#include "config/settings.h"
#include "core/exchange.h"

#include <fcntl.h>
#include <sys/stat.h>

struct files {
    /* Fixed after files_open: any thread may read it. */
    const struct settings *settings; /* borrowed */
    int root_fd;
    bool have_proc;           /* /proc can give a name to a file without one */
    struct mime_types *types; /* owned */
    struct message_buffer fields; /* header fields of every file's answer */
};

/* Returns the object of the mount that the exchange is for; borrowed. */
struct files *files_of(const struct exchange *exchange);

/* Fills response for an errno of open, stat or read. */
void files_error(struct response *response, int error);

/* Asks the rules about the exchange's path + added + suffix (NULL: nothing is
 * added). Ask about exactly what will be opened or shown. ACCESS_DENIED also if
 * the whole is too long for a path. */
enum access_verdict files_judge(const struct exchange *exchange,
                                const char *added, const char *suffix);

/* get.c */

/* One file as it will be sent. */
struct representation {
    int fd; /* owned until the response takes it; -1: taken */
    struct stat st;
    struct text type;
    struct text coding; /* "br", "gzip", or empty */
    const char *suffix; /* ".br", ".gz", or NULL; static */
    bool passed_over;   /* the rules deny a file that might be better */
    bool again; /* with at_once: only the disk knows whether there is a better
                   file */
};

/* Answers GET and HEAD. Returns ANSWER_READY, or ANSWER_DENIED or
 * ANSWER_UNKNOWN if the rules forbid the index page. */
enum answer_next files_get(struct exchange *exchange);

/* Opens path beneath the root with flags (those of beneath_open) and fills *st.
 * Returns a descriptor that the caller owns, or -1 with errno. */
int files_open_path(const struct files *files, const char *path, int flags,
                    struct stat *st);

/* Flags to open a file for reading. O_NONBLOCK: opening a FIFO must not wait
 * for a writer. */
enum { FILES_READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY };

/* Returns FILES_READ_FLAGS, and BENEATH_AT_ONCE if exchange->at_once is set. */
int files_read_flags(const struct exchange *exchange);

/* conditions.c */

/* Two quotes, 4 numbers of up to 16 digits, 3 dashes, "-br" or "-gzip". */
enum { ETAG_BYTES = 80 };

/* Writes the strong entity tag of a file to out: with its quotes, without NUL.
 * coding may be empty. Returns the tag's length in bytes. */
size_t files_etag(const struct stat *st, struct text coding,
                  char out[ETAG_BYTES]);

/* What conditions are compared with (RFC 9110 section 8.8). st == NULL: there
 * is no file. Both are borrowed. */
struct validators {
    const struct stat *st;
    struct text etag;
};

/* Evaluates If-Match, If-Unmodified-Since, If-None-Match and
 * If-Modified-Since in the order of RFC 9110 section 13.2.2. Returns 0 (go
 * on), 304 or 412. */
unsigned files_conditions(const struct http_request *request,
                          struct validators validators);

/* Step 5 of that order. Returns false if there is an If-Range field and its
 * condition is false. */
bool files_if_range(const struct http_request *request,
                    struct validators validators);

/* ranges.c */

/* If more ranges are asked for, the whole file is sent instead. A PDF reader
 * asks for a few, a program that updates a disk image for hundreds. */
enum { RANGES_MAX = 256 };

struct range {
    uint64_t first, length;
};

enum range_verdict {
    RANGE_NONE, /* no Range, or it must be ignored: send the whole file */
    RANGE_SOME,
    RANGE_UNSATISFIABLE, /* 416 */
};

/* Reads the value of a Range field for a file of size bytes. Puts at most
 * RANGES_MAX ranges into out, in the order of the request, and their number
 * into *count. Ranges that overlap are merged. */
enum range_verdict files_ranges_read(struct text value, uint64_t size,
                                     struct range out[RANGES_MAX],
                                     size_t *count);

/* Makes response a multipart/byteranges answer. The caller has set its status,
 * its file and its fields, except Content-Type. type and size (bytes) are those
 * of the whole file. Returns 0, or -1 with errno. */
int files_ranges_multipart(struct response *response, struct text type,
                           uint64_t size, const struct range *ranges,
                           size_t count);

/* encoding.c */

/* Puts PATH.br or PATH.gz in place of what is in `file`, if the client accepts
 * that coding, such a file exists and it is not older. The descriptor that is
 * replaced is closed. Sets file->passed_over and file->again. */
void files_prefer_encoded(const struct exchange *exchange, const char *path,
                          struct representation *file);

/* Returns true if Accept prefers application/json to text/html. */
bool files_wants_json(const struct http_request *request);

/* listing.c */

/* Fills the response with a listing of the directory. Takes fd. */
void files_list(struct exchange *exchange, int fd);

/* write.c */
/* PUT: begin, finish and release of the handler (core/exchange.h). begin puts a
 * struct upload into exchange->state, and release frees it. */
enum answer_next files_put_begin(struct exchange *exchange);
void files_put_finish(struct exchange *exchange);
void files_put_release(struct exchange *exchange);
/* Answers DELETE. Blocks until the change is on disk. */
void files_delete(struct exchange *exchange);

#endif
