/* replay.h - what would be on disk if the power failed at a chosen moment.
 *
 * log of faults.so -> replay_to (an answer) -> only what was synced before
 *   -> replay_image -> SQLite, ledger
 *
 * A file is its bytes and its name, and each is on disk only behind a sync of
 * its own: of the file, of the directory. */
#ifndef DURABILITY_REPLAY_H
#define DURABILITY_REPLAY_H

#include "faults.h"
#include "ledger.h"

struct replay;

/* What of the unsynced has reached the disk, when the power fails. */
enum replay_luck {
    LUCK_NONE, /* nothing */
    LUCK_SOME  /* any of it: by chance, sector by sector, in any order */
};

/* Given. Borrows faults until replay_close. */
struct replay *replay_open(struct faults *faults);
void replay_close(struct replay *replay);

/* A file that is on disk from the start: takes its content now, so before the
 * server starts. */
void replay_add(struct replay *replay, const char *directory, const char *name);

/* Once the server has ended: the log is whole. Gives how many sends of answers
 * it has. */
size_t replay_start(struct replay *replay);
/* Goes on to the moment when that send starts; only forward. */
void replay_to(struct replay *replay, size_t send);

/* The same for the moment when that answer starts; false if there is none. */
bool replay_to_answer(struct replay *replay, const struct receipt *receipt);

/* Was that answer on its way by now? */
bool replay_has_sent(const struct replay *replay,
                     const struct receipt *receipt);

/* Appends the content that the name would have; false if it would not be
 * there. directory: its path. */
bool replay_image(const struct replay *replay, const char *directory,
                  const char *name, enum replay_luck luck, uint64_t seed,
                  struct bytes *out);

#endif
