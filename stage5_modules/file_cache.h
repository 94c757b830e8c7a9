/* file_cache.h - answers to GET of small files, ready to be sent again.
 *
 * exchange -> answer: found, new enough, nothing written since -> response
 *          -> (answered by the files handler) -> learn -> found next time
 *
 * An answer is kept for one second. If another program changes a file, clients
 * see the change at most one second later. If a client changes it through this
 * server, all clients see the change at once, because each PUT and DELETE
 * invalidates everything in the caches. A cache belongs to one front (a thread,
 * front.h), so it is not locked. */
#ifndef FIVEFOLD_FILE_CACHE_H
#define FIVEFOLD_FILE_CACHE_H

#include "core/exchange.h"

struct file_cache;

/* Makes a cache of at most `bytes` bytes, for files of at most file_bytes.
 * Returns NULL if there is no memory or bytes is 0: then there is no cache. */
struct file_cache *file_cache_open(uint64_t bytes, uint64_t file_bytes);
/* Frees the cache. NULL is allowed. */
void file_cache_close(struct file_cache *cache);

/* Call with a routed exchange (conn_route). Returns true, with the response
 * filled (copied), if the answer is in the cache and the client may have it.
 * Otherwise leaves the response as it is. now_ms is monotonic. Never blocks. */
bool file_cache_answer(struct file_cache *cache, struct exchange *exchange,
                       uint64_t now_ms);

/* Call with an exchange that has its answer. Copies the answer into the cache
 * if other clients may get the same one. epoch: the value that file_cache_epoch
 * returned before the file was opened. */
void file_cache_learn(struct file_cache *cache, const struct exchange *exchange,
                      uint64_t now_ms, uint64_t epoch);

/* Returns the epoch: the number of writes so far, by any thread. */
uint64_t file_cache_epoch(void);

/* Call after a file has been changed, and before the client that changed it is
 * answered. Starts a new epoch. From any thread. */
void file_cache_written(void);

#endif
