/* encoding.c - finds the form that the client prefers: a compressed file next
 * to the one it asked for, or JSON.
 *
 * Accept-Encoding -> weights of br and gzip -> PATH.br or PATH.gz
 *
 * Nothing is compressed here: the administrator who publishes the files does
 * that once. A compressed file that is older than its original is ignored. So a
 * forgotten one costs bytes, but never shows old content. */
#include "files/internal.h"
#include "http/negotiate.h"

#include <errno.h>
#include <unistd.h>

/* Returns the client's weight (0 to 1000) for a coding, or that of "*" if the
 * coding is not listed. 0: the client does not accept it. */
static int coding_weight(const struct http_request *request, struct text name)
{
    int weight = negotiate_weight(request, TEXT("Accept-Encoding"), name);
    if (weight < 0)
        weight = negotiate_weight(request, TEXT("Accept-Encoding"), TEXT("*"));
    return weight < 0 ? 0 : weight;
}

/* Programs that compress a file give the copy the time of the original, but
 * some (pigz, brotli) only to the second. */
static bool is_older(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec != 0 && a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* Puts path + suffix in place of `file`. Returns false if there is no such file
 * to use. Returns true with file->again if only the disk knows. */
static bool use_encoded(const struct exchange *exchange, const char *path,
                        const char *suffix, struct text coding,
                        struct representation *file)
{
    char name[PATH_MAX_BYTES + 4];
    size_t length = strlen(path), more = strlen(suffix);
    struct stat st;
    if (length + more >= sizeof name)
        return false;
    /* A file that is denied is treated as missing: the plain one is sent. */
    if (files_judge(exchange, exchange->index, suffix) != ACCESS_ALLOWED) {
        file->passed_over = true;
        return false;
    }
    memcpy(name, path, length);
    memcpy(name + length, suffix, more + 1);
    int fd = files_open_path(files_of(exchange), name,
                             files_read_flags(exchange), &st);
    if (fd < 0) {
        file->again = exchange->at_once && errno == EAGAIN;
        return file->again;
    }
    if (!S_ISREG(st.st_mode) || is_older(&st, &file->st)) {
        close(fd);
        return false;
    }
    close(file->fd);
    file->fd = fd;
    file->st = st;
    file->coding = coding;
    file->suffix = suffix;
    return true;
}

void files_prefer_encoded(const struct exchange *exchange, const char *path,
                          struct representation *file)
{
    const struct http_request *request = &exchange->request;
    if (http_field(request, TEXT("Accept-Encoding")).data == NULL)
        return;
    int br = coding_weight(request, TEXT("br"));
    int gzip = coding_weight(request, TEXT("gzip"));
    int plain =
        negotiate_weight(request, TEXT("Accept-Encoding"), TEXT("identity"));
    bool take_br = br > 0 && br >= plain;
    bool take_gzip = gzip > 0 && gzip >= plain;
    if (take_gzip && gzip > br &&
        use_encoded(exchange, path, ".gz", TEXT("gzip"), file))
        return;
    if (take_br && use_encoded(exchange, path, ".br", TEXT("br"), file))
        return;
    if (take_gzip && gzip <= br)
        use_encoded(exchange, path, ".gz", TEXT("gzip"), file);
}

bool files_wants_json(const struct http_request *request)
{
    int json =
        negotiate_weight(request, TEXT("Accept"), TEXT("application/json"));
    return json > 0 &&
           json > negotiate_weight(request, TEXT("Accept"), TEXT("text/html"));
}
