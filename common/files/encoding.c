/* encoding.c - what the client would rather have: a compressed file
 * that lies beside the one it asked for, or JSON.
 *
 * Accept-Encoding -> weights of br and gzip -> PATH.br or PATH.gz
 *
 * Nothing is compressed here. Whoever publishes the files does it once, and
 * a file that is older than its original is passed over, so that a forgotten
 * one costs bytes but never shows what is no longer true. */
#include "files/internal.h"
#include "http/negotiate.h"

#include <errno.h>
#include <unistd.h>

/* 0 also when "*" is all that could mean it, and refuses it. */
static int coding_weight(const struct http_request *request, struct text name)
{
    int weight = negotiate_weight(request, TEXT("Accept-Encoding"), name);
    if (weight < 0)
        weight = negotiate_weight(request, TEXT("Accept-Encoding"), TEXT("*"));
    return weight < 0 ? 0 : weight;
}

/* What compresses a file gives the copy its time, but some (pigz, brotli) only
 * to the second. */
static bool is_older(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec != 0 && a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* Puts path + suffix in file's place; false if there is none to be used. */
static bool use_encoded(const struct exchange *exchange, const char *path,
                        const char *suffix, struct text coding,
                        struct representation *file)
{
    char name[PATH_MAX_BYTES + 4];
    size_t length = strlen(path), more = strlen(suffix);
    struct stat st;
    if (length + more >= sizeof name)
        return false;
    /* A file that is denied is as good as none: the plain one is sent. */
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
