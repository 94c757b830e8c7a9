/* file_cache.h - answers to GET of small files, ready to be sent again.
 *
 * exchange -> answer: found, new enough, nothing written since -> response
 *          -> (answered by the files handler) -> learn -> found next time
 *
 * An answer is kept for a second: what changes a file beside the server shows
 * after that. What changes it through the server shows at once, as each PUT
 * and DELETE makes all that is kept worthless. A cache belongs to one front and
 * is not locked. */
#ifndef FIVEFOLD_FILE_CACHE_H
#define FIVEFOLD_FILE_CACHE_H

#include "core/exchange.h"

struct file_cache;

/* At most `bytes` in all, of files of at most file_bytes. NULL: without
 * memory, or bytes is 0; then there is no cache. */
struct file_cache *file_cache_open(uint64_t bytes, uint64_t file_bytes);
void file_cache_close(struct file_cache *cache); /* NULL is allowed */

/* Fills the response of a routed exchange, if the answer is there and the
 * client may have it. Never blocks. */
bool file_cache_answer(struct file_cache *cache, struct exchange *exchange,
                       uint64_t now_ms);

/* The exchange has been answered: keeps the answer if others may get the same.
 * epoch: as file_cache_epoch was before the file was looked at. */
void file_cache_learn(struct file_cache *cache, const struct exchange *exchange,
                      uint64_t now_ms, uint64_t epoch);

/* How many writes there have been, by any thread. */
uint64_t file_cache_epoch(void);

/* A file has been changed: to be called before its writer is answered. */
void file_cache_written(void);

#endif
