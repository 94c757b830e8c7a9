/* faults.h - what the tests share with the library that they preload into the
 * server: a rule that says which system calls fail, and a log of all that
 * change what is on disk.
 *
 * test: memory (memfd) -> FAULTS=descriptor -> server -> faults.so
 *   server's pwrite, fsync, rename ... -> does the rule say that it fails?
 *     -> the kernel -> log -> test (power.c)
 *
 * One server at a time has it. The test writes the rule while it is off. */
#ifndef DURABILITY_FAULTS_H
#define DURABILITY_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* Which files a rule means. */
enum fault_target {
    TARGET_DATABASE = 1,   /* NAME.db */
    TARGET_WAL = 2,        /* NAME.db-wal */
    TARGET_SHM = 4,        /* NAME.db-shm */
    TARGET_JOURNAL = 8,    /* NAME.db-journal */
    TARGET_UPLOAD = 16,    /* whatever is written beneath the root */
    TARGET_DIRECTORY = 32, /* the root, or one beneath it */
    TARGET_DATABASES = 64, /* the directory of the databases */
    TARGET_ALL = 127,
    TARGET_MEMORY = 128 /* no file: what malloc(3) gives */
};

enum fault_call {
    CALL_WRITE = 1,
    CALL_SYNC = 2,
    CALL_TRUNCATE = 4,
    CALL_LINK = 8,    /* linkat: an upload gets a name */
    CALL_RENAME = 16, /* renameat, renameat2 */
    CALL_MEMORY = 32  /* malloc, calloc, realloc */
};

enum fault_kind {
    FAULT_ERROR, /* the call does nothing and fails with error */
    FAULT_ONCE,  /* the same, and the calls after it do not */
    FAULT_SHORT, /* a write takes half, which is no error */
    FAULT_TORN,  /* takes half, then fails with error, in turns */
    FAULT_DIE    /* a write takes half; then the process is killed */
};

struct fault_rule {
    unsigned targets, calls;
    enum fault_kind kind;
    int error;       /* errno */
    unsigned chance; /* that a call fails, in thousandths; 0: each does */
    unsigned skip;   /* let so many calls pass first */
};

enum log_kind {
    LOG_CREATE = 1,  /* file, at: directory, data: name or nothing */
    LOG_WRITE,       /* file, at: offset, data */
    LOG_TRUNCATE,    /* file, at: new length */
    LOG_SYNC_START,  /* file */
    LOG_SYNC_DONE,   /* file, at: place of its start in the log */
    LOG_SYNC_FAILED, /* the same */
    LOG_LINK,        /* file: directory, at: file, data: name */
    LOG_RENAME,      /* file: directory, data: old name NUL new name */
    LOG_UNLINK,      /* file: directory, data: name */
    LOG_SEND         /* at: the client's port, length: bytes sent to it so far,
                        this call's included; stands where the call started */
};

struct log_entry {
    uint32_t kind;
    uint32_t size;   /* of the entry in the log, padding included */
    uint64_t file;   /* inode */
    uint64_t at;     /* see log_kind */
    uint64_t length; /* of data, but for LOG_SEND */
    unsigned char data[];
};

enum { FAULT_PATH_BYTES = 600, FAULT_LOG_BYTES = 512 * 1024 * 1024 };

struct faults {
    /* Written by the test before the server starts. */
    char root[FAULT_PATH_BYTES], databases[FAULT_PATH_BYTES];
    uint64_t seed;

    /* Written by the test while on is false, read by the server. */
    struct fault_rule rule;
    atomic_bool on;
    atomic_bool recording;

    /* Written by the server. */
    atomic_uint passed; /* calls that the rule is about */
    atomic_uint hits;   /* and those that it has changed */
    atomic_bool full;   /* the log lacks something */
    _Atomic uint64_t used;
    unsigned char log[FAULT_LOG_BYTES];
};

#endif
