/* file_cache.c - see file_cache.h.
 *
 * mount, path, Accept-Encoding -> hash -> bucket -> entry (fields, body)
 *
 * A hit needs no system call. Threads share only the epoch, a number that every
 * write increases. An answer is valid only in the epoch in which its file was
 * opened. A write increases the epoch after the rename and before its answer is
 * sent. So a client that has the answer to a write never gets the older file.
 * One number for all files, because a file has many paths (its directory,
 * links, another mount). A write that missed one of these paths would leave a
 * wrong answer in the cache. To drop a valid answer only costs time. */
#include "file_cache.h"

#include "access/access.h"
#include "base/table.h"
#include "core/mount.h"
#include "core/server.h"
#include "files/files.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    CACHE_BUCKETS = 1024,
    CACHE_FRESH_MS = 1000,
};

struct entry {
    const struct mount *mount;
    struct text path, encoding; /* the bytes of all four are after the struct */
    struct text fields, body;
    const char *index,
        *suffix;        /* of the exchange; valid as long as the mounts are */
    size_t bytes;       /* of the struct and the four texts */
    uint64_t learnt_ms; /* monotonic */
    uint64_t epoch;
    struct table_link by_key;
    TAILQ_ENTRY(entry) by_use;
};

struct file_cache {
    uint64_t bytes_max, file_bytes_max;
    uint64_t bytes;
    TAILQ_HEAD(, entry) by_use; /* least recently used first */
    struct table by_key;
};

static atomic_uint_fast64_t epoch_now;

uint64_t file_cache_epoch(void)
{
    return atomic_load(&epoch_now);
}

void file_cache_written(void)
{
    atomic_fetch_add(&epoch_now, 1);
}

/* ---- what an answer depends on ---- */

struct key {
    uint64_t hash;
    const struct mount *mount;
    struct text path, encoding;
};

/* Sets *encoding to the value of Accept-Encoding, "" without it. Returns false
 * if the answer cannot be shared: the request has a condition, a range or
 * credentials, or names encodings twice. */
static bool read_fields(const struct http_request *request,
                        struct text *encoding)
{
    *encoding = TEXT("");
    for (size_t i = 0; i < request->field_count; i++) {
        struct text name = http_text(request, request->fields[i].name);
        switch (name.data[0] | 0x20) {
        case 'a':
            if (text_equal_nocase(name, TEXT("Authorization")))
                return false;
            if (!text_equal_nocase(name, TEXT("Accept-Encoding")))
                break;
            if (encoding->length > 0)
                return false;
            *encoding = http_text(request, request->fields[i].value);
            break;
        case 'i':
            if (name.length > 3 && name.data[2] == '-')
                return false; /* If-None-Match and its like */
            break;
        case 'r': /* not Referer, which every browser sends */
            if (text_equal_nocase(name, TEXT("Range")))
                return false;
            break;
        }
    }
    return true;
}

static bool cache_key(const struct exchange *exchange, struct key *key)
{
    const struct http_request *request = &exchange->request;
    if (request->method != HTTP_GET || exchange->handler != &files_handler ||
        request->framing != HTTP_BODY_NONE ||
        !read_fields(request, &key->encoding))
        return false;
    key->mount = exchange->mount;
    key->path = (struct text){exchange->path, exchange->path_length};
    key->hash =
        text_hash(text_hash((uintptr_t)key->mount, key->path), key->encoding);
    return true;
}

/* ---- entries ---- */

static struct entry *find(struct file_cache *cache, const struct key *key)
{
    struct table_link *at = table_first(&cache->by_key, key->hash);
    for (; at != NULL; at = table_next(at)) {
        struct entry *entry = OWNER_OF(at, struct entry, by_key);
        if (entry->mount == key->mount && text_equal(entry->path, key->path) &&
            text_equal(entry->encoding, key->encoding))
            return entry;
    }
    return NULL;
}

static void forget(struct file_cache *cache, struct entry *entry)
{
    table_remove(&cache->by_key, &entry->by_key);
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    cache->bytes -= entry->bytes;
    free(entry);
}

/* Removes the entry used least recently. There must be one. */
static void forget_oldest(struct file_cache *cache)
{
    forget(cache, TAILQ_FIRST(&cache->by_use));
}

static struct text keep(char **at, struct text text)
{
    struct text kept = {*at, text.length};
    if (text.length > 0)
        memcpy(*at, text.data, text.length);
    *at += text.length;
    return kept;
}

static struct entry *entry_new(const struct key *key,
                               const struct response *response)
{
    struct text fields = buffer_text(&response->fields);
    struct text body = buffer_text(&response->memory);
    size_t bytes = sizeof(struct entry) + key->path.length +
                   key->encoding.length + fields.length + body.length;
    struct entry *made = malloc(bytes);
    if (made == NULL)
        return NULL;
    char *at = (char *)(made + 1);
    *made = (struct entry){.mount = key->mount, .bytes = bytes};
    made->path = keep(&at, key->path);
    made->encoding = keep(&at, key->encoding);
    made->fields = keep(&at, fields);
    made->body = keep(&at, body);
    return made;
}

/* ---- the cache ---- */

struct file_cache *file_cache_open(uint64_t bytes, uint64_t file_bytes)
{
    struct file_cache *made = bytes > 0 ? calloc(1, sizeof *made) : NULL;
    if (made == NULL || table_open(&made->by_key, CACHE_BUCKETS) < 0) {
        free(made);
        return NULL;
    }
    TAILQ_INIT(&made->by_use);
    made->bytes_max = bytes;
    made->file_bytes_max = file_bytes;
    return made;
}

void file_cache_close(struct file_cache *cache)
{
    if (cache == NULL)
        return;
    while (!TAILQ_EMPTY(&cache->by_use))
        forget_oldest(cache);
    table_close(&cache->by_key);
    free(cache);
}

bool file_cache_answer(struct file_cache *cache, struct exchange *exchange,
                       uint64_t now_ms)
{
    struct key key;
    if (!cache_key(exchange, &key))
        return false;
    struct entry *entry = find(cache, &key);
    if (entry == NULL)
        return false;
    if (entry->epoch != file_cache_epoch() ||
        now_ms - entry->learnt_ms >= CACHE_FRESH_MS) {
        forget(cache, entry);
        return false;
    }
    /* The rules may have changed, and they depend on the client. */
    unsigned wait_seconds;
    if (access_check(exchange->server->access, exchange, &wait_seconds) !=
            ACCESS_ALLOWED ||
        !files_allowed(exchange, entry->index, entry->suffix))
        return false;
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
    struct response *response = &exchange->response;
    response->status = 200;
    buffer_append_text(&response->fields, entry->fields);
    buffer_append_text(&response->memory, entry->body);
    return true;
}

void file_cache_learn(struct file_cache *cache, const struct exchange *exchange,
                      uint64_t now_ms, uint64_t epoch)
{
    const struct response *response = &exchange->response;
    struct key key;
    if (response->status != 200 || response->file_fd >= 0 ||
        response->source != NULL || response->segments != NULL ||
        response->close || exchange->passed_over ||
        buffer_length(&response->memory) > cache->file_bytes_max ||
        !cache_key(exchange, &key))
        return;
    struct entry *entry = find(cache, &key);
    if (entry != NULL)
        forget(cache, entry);
    entry = entry_new(&key, response);
    if (entry == NULL || entry->bytes > cache->bytes_max) {
        free(entry);
        return;
    }
    while (cache->bytes + entry->bytes > cache->bytes_max)
        forget_oldest(cache);
    entry->index = exchange->index;
    entry->suffix = exchange->suffix;
    entry->learnt_ms = now_ms;
    entry->epoch = epoch;
    table_add(&cache->by_key, &entry->by_key, key.hash);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
    cache->bytes += entry->bytes;
}
