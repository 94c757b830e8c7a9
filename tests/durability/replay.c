/* replay.c - what would be on disk if the power failed at a chosen moment.
 *
 * entry of the log -> pending (of a file, of a directory)
 *   -> a sync of it that started behind the entry has ended -> on disk
 *
 * A sync that fails has done its harm: Linux may count pages of a file as
 * written that it could not write, so they are lost for good here, even where
 * a later sync succeeds. (Names are in the journal of a file system, and
 * stay pending.) */
#include "replay.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SECTOR_BYTES = 512, REPLAY_NAME_BYTES = 80 };

struct image {
    uint64_t inode;
    bool current; /* its inode is not another file's by now */
    struct bytes disk;
    const struct log_entry **pending; /* writes and truncations */
    size_t count, capacity;
};

/* A name, or a change of one. */
struct name {
    uint64_t directory;
    char name[REPLAY_NAME_BYTES];
    struct image *image;
};

struct name_change {
    const struct log_entry *entry;
    struct image *image; /* of LOG_CREATE, LOG_LINK */
};

struct send {
    uint64_t port, sent, place;
};

struct replay {
    struct faults *faults;
    uint64_t used, now;
    struct image **images;
    size_t image_count, image_capacity;
    struct name *live, *disk; /* as processes see them; as they are on disk */
    size_t live_count, live_capacity, disk_count, disk_capacity;
    struct name_change *pending; /* of all directories, in order */
    size_t pending_count, pending_capacity;
    struct send *by_place, *by_answer; /* the same, in two orders */
    size_t send_count;
};

static const struct log_entry *entry_at(const struct replay *replay,
                                        uint64_t place)
{
    return (const void *)(replay->faults->log + place);
}

static uint64_t place_of(const struct replay *replay,
                         const struct log_entry *entry)
{
    return (uint64_t)((const unsigned char *)entry - replay->faults->log);
}

/* ---- names ---- */

static struct image **name_find(struct name *names, size_t count,
                                uint64_t directory, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].directory == directory && strcmp(names[i].name, name) == 0)
            return &names[i].image;
    return NULL;
}

/* image NULL: removes the name. */
static void name_set(struct name **names, size_t *count, size_t *capacity,
                     uint64_t directory, const char *name, struct image *image)
{
    struct image **there = name_find(*names, *count, directory, name);
    if (!there) {
        *names = grown(*names, *count, capacity, sizeof **names);
        struct name *made = &(*names)[(*count)++];
        made->directory = directory;
        snprintf(made->name, sizeof made->name, "%s", name);
        there = &made->image;
    }
    *there = image;
}

static void entry_name(const struct log_entry *entry, char *name)
{
    snprintf(name, REPLAY_NAME_BYTES, "%.*s", (int)entry->length,
             (const char *)entry->data);
}

static void change_name(struct name **names, size_t *count, size_t *capacity,
                        const struct name_change *change)
{
    const struct log_entry *entry = change->entry;
    uint64_t directory = entry->file;
    char name[REPLAY_NAME_BYTES];
    entry_name(entry, name);
    struct image *image = change->image;
    if (entry->kind == LOG_CREATE)
        directory = entry->at;
    if (entry->kind == LOG_RENAME) {
        struct image **old = name_find(*names, *count, directory, name);
        image = old ? *old : NULL;
        if (old)
            *old = NULL;
        snprintf(name, sizeof name, "%.*s",
                 (int)(entry->length - strlen(name) - 1),
                 (const char *)entry->data + strlen(name) + 1);
    }
    name_set(names, count, capacity, directory, name, image);
}

static void note_name(struct replay *replay, const struct log_entry *entry,
                      struct image *image)
{
    struct name_change change = {entry, image};
    change_name(&replay->live, &replay->live_count, &replay->live_capacity,
                &change);
    replay->pending = grown(replay->pending, replay->pending_count,
                            &replay->pending_capacity, sizeof *replay->pending);
    replay->pending[replay->pending_count++] = change;
}

/* The directory is on disk, as far as it had changed by then. */
static void sync_names(struct replay *replay, uint64_t directory,
                       uint64_t start)
{
    size_t kept = 0;
    for (size_t i = 0; i < replay->pending_count; i++) {
        struct name_change change = replay->pending[i];
        const struct log_entry *entry = change.entry;
        uint64_t of = entry->kind == LOG_CREATE ? entry->at : entry->file;
        if (of == directory && place_of(replay, entry) < start)
            change_name(&replay->disk, &replay->disk_count,
                        &replay->disk_capacity, &change);
        else
            replay->pending[kept++] = change;
    }
    replay->pending_count = kept;
}

/* ---- bytes ---- */

static struct image *image_make(struct replay *replay, uint64_t inode)
{
    struct image *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->inode = inode;
    made->current = true;
    for (size_t i = 0; i < replay->image_count; i++)
        if (replay->images[i]->inode == inode)
            replay->images[i]->current = false;
    replay->images = grown(replay->images, replay->image_count,
                           &replay->image_capacity, sizeof *replay->images);
    replay->images[replay->image_count++] = made;
    return made;
}

static struct image *image_find(struct replay *replay, uint64_t inode)
{
    for (size_t i = replay->image_count; i-- > 0;)
        if (replay->images[i]->inode == inode && replay->images[i]->current)
            return replay->images[i];
    return NULL;
}

static void set_length(struct bytes *bytes, size_t length)
{
    if (length > bytes->length)
        memset(bytes_room(bytes, length - bytes->length), 0,
               length - bytes->length);
    bytes->length = length;
}

/* Puts n bytes of the entry's data, from skip on, in their place. */
static void put_bytes(struct bytes *bytes, const struct log_entry *entry,
                      size_t skip, size_t n)
{
    size_t from = (size_t)entry->at + skip;
    if (bytes->length < from + n)
        set_length(bytes, from + n);
    memcpy(bytes->data + from, entry->data + skip, n);
}

static void apply(struct bytes *bytes, const struct log_entry *entry)
{
    if (entry->kind == LOG_TRUNCATE)
        set_length(bytes, (size_t)entry->at);
    else
        put_bytes(bytes, entry, 0, (size_t)entry->length);
}

static void apply_some(struct bytes *bytes, const struct log_entry *entry,
                       uint64_t seed)
{
    if (entry->kind == LOG_TRUNCATE) {
        if (ledger_mix(seed) % 2)
            apply(bytes, entry);
        return;
    }
    for (size_t at = 0; at < entry->length; at += SECTOR_BYTES) {
        size_t left = (size_t)entry->length - at;
        if (ledger_mix(seed + at) % 2)
            put_bytes(bytes, entry, at,
                      left < SECTOR_BYTES ? left : SECTOR_BYTES);
    }
}

static void sync_bytes(struct replay *replay, struct image *image,
                       uint64_t start, bool done)
{
    size_t kept = 0;
    for (size_t i = 0; i < image->count; i++) {
        const struct log_entry *entry = image->pending[i];
        if (place_of(replay, entry) >= start)
            image->pending[kept++] = entry;
        else if (done)
            apply(&image->disk, entry);
    }
    image->count = kept;
}

/* ---- the log ---- */

static void replay_create(struct replay *replay, const struct log_entry *entry)
{
    char name[REPLAY_NAME_BYTES];
    entry_name(entry, name);
    struct image **live =
        name_find(replay->live, replay->live_count, entry->at, name);
    /* It was there, and empty: nothing new. */
    if (name[0] != '\0' && live && *live && (*live)->inode == entry->file)
        return;
    struct image *made = image_make(replay, entry->file);
    if (name[0] != '\0')
        note_name(replay, entry, made);
}

static void replay_entry(struct replay *replay, const struct log_entry *entry)
{
    struct image *image = image_find(replay, entry->file);
    switch ((enum log_kind)entry->kind) {
    case LOG_CREATE:
        replay_create(replay, entry);
        break;
    case LOG_WRITE:
    case LOG_TRUNCATE:
        if (!image)
            image = image_make(replay, entry->file);
        image->pending = grown(image->pending, image->count, &image->capacity,
                               sizeof *image->pending);
        image->pending[image->count++] = entry;
        break;
    case LOG_SYNC_DONE:
    case LOG_SYNC_FAILED:
        if (image)
            sync_bytes(replay, image, entry->at, entry->kind == LOG_SYNC_DONE);
        else if (entry->kind == LOG_SYNC_DONE)
            sync_names(replay, entry->file, entry->at);
        break;
    case LOG_LINK:
        note_name(replay, entry, image_find(replay, entry->at));
        break;
    case LOG_RENAME:
    case LOG_UNLINK:
        note_name(replay, entry, NULL);
        break;
    case LOG_SYNC_START:
    case LOG_SEND:
        break;
    }
}

static int compare_answers(const void *a, const void *b)
{
    const struct send *x = a, *y = b;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    if (x->sent != y->sent)
        return x->sent < y->sent ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void find_sends(struct replay *replay)
{
    size_t capacity = 0;
    for (uint64_t at = 0; at < replay->used;) {
        const struct log_entry *entry = entry_at(replay, at);
        if (entry->kind == LOG_SEND) {
            replay->by_place = grown(replay->by_place, replay->send_count,
                                     &capacity, sizeof *replay->by_place);
            replay->by_place[replay->send_count++] =
                (struct send){entry->at, entry->length, at};
        }
        at += entry->size;
    }
    size_t bytes = replay->send_count * sizeof *replay->by_answer;
    replay->by_answer = malloc(bytes + 1);
    if (!replay->by_answer)
        abort();
    memcpy(replay->by_answer, replay->by_place, bytes);
    qsort(replay->by_answer, replay->send_count, sizeof *replay->by_answer,
          compare_answers);
}

struct replay *replay_open(struct faults *faults)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        abort();
    replay->faults = faults;
    return replay;
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

void replay_add(struct replay *replay, const char *directory, const char *name)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct image *image = image_make(replay, inode_of(path));
    if (!file_read(path, &image->disk))
        abort();
    name_set(&replay->live, &replay->live_count, &replay->live_capacity,
             inode_of(directory), name, image);
    name_set(&replay->disk, &replay->disk_count, &replay->disk_capacity,
             inode_of(directory), name, image);
}

/* ---- moments ---- */

size_t replay_start(struct replay *replay)
{
    replay->used = atomic_load(&replay->faults->used);
    find_sends(replay);
    return replay->send_count;
}

static void replay_until(struct replay *replay, uint64_t place)
{
    while (replay->now < place) {
        const struct log_entry *entry = entry_at(replay, replay->now);
        replay_entry(replay, entry);
        replay->now += entry->size;
    }
}

void replay_to(struct replay *replay, size_t send)
{
    replay_until(replay, replay->by_place[send].place);
}

/* The send that the last byte of the answer was in; NULL: not in the log. */
static const struct send *find_answer(const struct replay *replay,
                                      const struct receipt *receipt)
{
    const struct send wanted = {receipt->port, receipt->received, 0};
    size_t low = 0, high = replay->send_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_answers(&replay->by_answer[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < replay->send_count &&
                   replay->by_answer[low].port == receipt->port
               ? &replay->by_answer[low]
               : NULL;
}

bool replay_to_answer(struct replay *replay, const struct receipt *receipt)
{
    const struct send *send = find_answer(replay, receipt);
    if (send)
        replay_until(replay, send->place);
    return send != NULL;
}

bool replay_has_sent(const struct replay *replay, const struct receipt *receipt)
{
    const struct send *send = find_answer(replay, receipt);
    /* Without it nothing is proved: then let it count from the start on. */
    if (!send)
        fprintf(stderr, "the log lacks an answer to port %llu\n",
                (unsigned long long)receipt->port);
    return !send || send->place <= replay->now;
}

/* The file of that name, with the first so many of the pending changes. */
static struct image *image_named(const struct replay *replay,
                                 const char *directory, const char *name,
                                 size_t changes)
{
    size_t count = replay->disk_count, capacity = count;
    struct name *names = calloc(count + 1, sizeof *names);
    if (!names)
        abort();
    if (count > 0)
        memcpy(names, replay->disk, count * sizeof *names);
    for (size_t i = 0; i < changes; i++)
        change_name(&names, &count, &capacity, &replay->pending[i]);
    struct image **found = name_find(names, count, inode_of(directory), name);
    struct image *image = found ? *found : NULL;
    free(names);
    return image;
}

bool replay_image(const struct replay *replay, const char *directory,
                  const char *name, enum replay_luck luck, uint64_t seed,
                  struct bytes *out)
{
    size_t changes = 0;
    if (luck == LUCK_SOME)
        changes = (size_t)(ledger_mix(seed) % (replay->pending_count + 1));
    struct image *image = image_named(replay, directory, name, changes);
    if (!image)
        return false;
    bytes_add(out, image->disk.length ? image->disk.data : "",
              image->disk.length);
    for (size_t i = 0; luck == LUCK_SOME && i < image->count; i++)
        apply_some(out, image->pending[i],
                   seed ^ place_of(replay, image->pending[i]));
    bytes_add(out, "", 0);
    return true;
}

void replay_close(struct replay *replay)
{
    for (size_t i = 0; i < replay->image_count; i++) {
        bytes_free(&replay->images[i]->disk);
        free(replay->images[i]->pending);
        free(replay->images[i]);
    }
    free(replay->images);
    free(replay->live);
    free(replay->disk);
    free(replay->pending);
    free(replay->by_place);
    free(replay->by_answer);
    free(replay);
}
