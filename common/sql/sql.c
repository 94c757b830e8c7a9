/* sql.c - the databases of one directory: opened and closed.
 *
 * handler.c decides which request goes where. */
#include "sql/sql.h"

#include "config/settings.h"
#include "sql/cursor.h"
#include "sql/db.h"
#include "sql/internal.h"
#include "sql/json.h"
#include "sql/memory.h"
#include "sql/stream.h"
#include "sql/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct sql *sql_open(const struct settings *settings, unsigned wait_ms)
{
    struct sql *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (sql_memory_open(settings) < 0) {
        free(made);
        return NULL;
    }
    sql_json_open();
    made->settings = settings;
    made->wait_ms = wait_ms;
    made->end_oldest_stream = sql_streams_end_oldest;
    made->end_oldest_cursor = sql_cursors_end_oldest;
    made->directory_fd =
        open(settings->sqlite_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (made->directory_fd < 0)
        goto fail;
    made->directory = realpath(settings->sqlite_directory, NULL);
    made->streams = sql_streams_open();
    if (made->directory == NULL || made->streams == NULL ||
        sql_vfs_open(made) < 0)
        goto fail;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->cursors_lock, NULL);
    TAILQ_INIT(&made->cursors_by_age);
    TAILQ_INIT(&made->databases);
    return made;
fail:;
    int saved = errno;
    if (made->directory_fd >= 0)
        close(made->directory_fd);
    free(made->directory);
    free(made->streams);
    free(made);
    errno = saved;
    return NULL;
}

void sql_use_log(struct sql *sql, struct log *log)
{
    sql->log = log;
}

void sql_use_mutex(struct sql *sql)
{
    sql->one_at_a_time = true;
}

void sql_tell_locks(struct sql *sql, sql_lock_function *on_lock, void *context)
{
    sql->on_lock = on_lock;
    sql->on_lock_context = context;
}

void sql_interrupt(struct sql *sql)
{
    atomic_store(&sql->ending, true);
}

void sql_close(struct sql *sql)
{
    if (sql == NULL)
        return;
    sql_streams_close(sql->streams);
    sql_databases_close(sql);
    pthread_mutex_destroy(&sql->lock);
    pthread_mutex_destroy(&sql->cursors_lock);
    close(sql->directory_fd);
    free(sql->directory);
    free(sql);
}

void sql_tick(struct sql *sql, uint64_t now_ms)
{
    sql_streams_tick(sql->streams, now_ms);
    sql_memory_tick();
    sql_databases_tick(sql, now_ms);
}
