/* settings.h - the server's settings, and the functions that read them.
 *
 * defaults -> file (-c) -> command line -> struct settings
 *
 * Each source overrides the ones to its left. After that the settings do not
 * change. internal.h describes each setting: name, default, limits, help.
 *
 * "stage N" means that only this one of the five servers uses a setting. A
 * mount is a further instance of a module: a section [files NAME] or [sqlite
 * NAME] with settings of its own. */
#ifndef FIVEFOLD_CONFIG_SETTINGS_H
#define FIVEFOLD_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The values of a setting that may be given several times, in the order given.
 * `where` is the place of each ("fivefold.ini:12: [files] rule", "--rule"), for
 * messages. */
struct setting_list {
    size_t count;
    struct {
        char *value; /* owned */
        char *where; /* owned */
    } * items;
};

struct settings {
    /* Unless a comment says otherwise, strings are owned. */
    char program[32]; /* last part of argv[0]; starts every message */
    char *file;       /* path given with -c, or NULL */

    /* [server] */
    char *listen;     /* ADDR:PORT, [V6]:PORT; port 0 takes a free one */
    uint64_t backlog; /* connections that wait for accept */
    uint64_t connections_max;
    uint64_t stop_seconds; /* how long a graceful stop waits */
    char *trust_proxy;     /* NULL, or a list of CIDR */
    char *names;           /* NULL, or a list of host names; "*" is any name */
    char *user;            /* NULL, or the user that root changes to */
    char *group;           /* NULL: the user's own group */
    char *seccomp;         /* "off", "on" or "kill" */
    char *access_log;      /* "off", "-" for stdout, or a path */
    char *error_log;       /* "-" for stderr, or a path */
    char *trace;           /* NULL, or --trace's path */

    /* [connection] */
    uint64_t keepalive_seconds;
    uint64_t keepalive_requests;
    uint64_t head_seconds;
    uint64_t body_seconds;
    uint64_t send_seconds;
    uint64_t linger_seconds;
    uint64_t rate_min_bytes;    /* that must move within body_seconds or
                                   send_seconds */
    uint64_t turn_seconds;      /* stage 1: how long one client may be served
                                   while others wait */
    uint64_t send_buffer_bytes; /* SO_SNDBUF; 0: the kernel's default */

    /* [limits] */
    uint64_t request_line_bytes;
    uint64_t head_bytes;
    uint64_t body_bytes;              /* of a body held in memory (SQL) */
    uint64_t upload_bytes;            /* of a file sent with PUT */
    uint64_t sqlite_bytes;            /* SQLite's memory, all databases */
    uint64_t memory_bytes;            /* all buffers together; 0: no limit */
    uint64_t connections_per_address; /* 0: no limit */
    uint64_t requests_per_second;     /* of one address; 0: no limit */
    uint64_t requests_burst;          /* of one address, after a pause */
    uint64_t ban_after;               /* answers 429 that ban an address */
    uint64_t ban_seconds;             /* length of a ban; 0: no bans */
    uint64_t password_percent;        /* share of the threads' time that wrong
                                         passwords may take; 100: no limit */

    /* [files] */
    char *files_root;   /* --root; NULL: no files are served */
    char *files_prefix; /* of their paths; decoded; starts and ends with '/' */
    char *files_index;  /* the file that is served for a directory */
    bool files_listing;
    bool files_precompressed;
    uint64_t files_sendfile_bytes;   /* files of this size or more are sent with
                                        sendfile, smaller ones with read */
    uint64_t files_workers;          /* threads (stage 5) */
    uint64_t files_cache_bytes;      /* of each front; 0: no cache (stage 5) */
    uint64_t files_cache_file_bytes; /* largest file in the cache */
    char *files_cache_control;       /* NULL, or the value of Cache-Control */
    char *files_mime_types; /* NULL: the system's file, if there is one */
    char *files_charset;    /* of texts; "none": Content-Type names none */
    char *files_policy;     /* NULL, or Content-Security-Policy's value */
    struct setting_list files_rules;

    /* [sqlite] */
    char *sqlite_directory; /* --db; NULL: no databases are served */
    char *sqlite_prefix;
    bool sqlite_create; /* the first POST creates NAME.db */
    bool sqlite_foreign_keys;
    bool sqlite_full_text;
    uint64_t sqlite_busy_ms;  /* how long to wait for a lock */
    uint64_t sqlite_query_ms; /* time that one statement may run */
    uint64_t sqlite_rows_max;
    uint64_t sqlite_response_bytes;
    uint64_t sqlite_sql_bytes;
    uint64_t sqlite_value_bytes;  /* one text or blob */
    uint64_t sqlite_memory_bytes; /* SQLite's memory for one connection that
                                     only reads */
    uint64_t sqlite_statements;   /* kept prepared per SQLite connection */
    uint64_t sqlite_databases;    /* open at the same time */
    uint64_t sqlite_workers;      /* threads (stage 5) */
    uint64_t sqlite_streams;      /* open at the same time. A stream is a
                                     database connection that is kept for
                                     several requests of one client */
    uint64_t sqlite_backups;      /* taken at the same time */
    uint64_t sqlite_wal_bytes;    /* of each database's write-ahead log; 0: no
                                     limit (only tests can set this) */
    uint64_t sqlite_stream_idle_seconds;
    uint64_t sqlite_transaction_seconds;
    char *sqlite_cors; /* "*", "none", or one origin */
    struct setting_list sqlite_rules;

    /* [pool]: stages 4 and 5, which have threads */
    char *pool_pipeline; /* "full" or "shortcut" */
    bool pool_accept_mutex;
    uint64_t pool_acceptors; /* threads */
    uint64_t pool_recv;
    uint64_t pool_work;
    uint64_t pool_send;
    uint64_t pool_queue_max; /* requests that may wait for a worker */
    uint64_t pool_fronts;    /* front threads. A front accepts, receives and
                                sends for its connections (stage 5) */

    /* [modules] */
    char *module_skeleton; /* prefix of module_skeleton.c; NULL: not served */

    /* [internals] */
    bool internals; /* serve /-/, the server's metrics */
    struct setting_list internals_rules;

    /* [users] */
    char *htpasswd; /* NULL, or a file's path */
    char *realm;    /* shown by a browser that asks for a password */
    struct setting_list tokens; /* NAME:TOKEN */

    /* [files NAME], [sqlite NAME]; in the order in which they first appear. */
    struct settings_mount *mounts; /* owned */
    size_t mount_count;

    /* Command line only. */
    struct setting_list rules; /* --rule; tried before the modules' rules */
    int ready_fd;              /* descriptor of --ready-fd, or -1; not closed
                                  by settings_release */
    bool check_only;           /* --check */
    int argc;                  /* for settings_reread */
    char **argv;               /* borrowed from main */
};

enum { MOUNT_NAME_MAX = 32 }; /* bytes of NAME, without NUL */

struct settings_mount {
    const char *section;       /* "files" or "sqlite"; a constant */
    char *name;                /* owned */
    struct settings *settings; /* owned: a value for every setting, copied from
                                  the main section where this one has none.
                                  Lists are not copied */
};

/* Names a section: [section name], or [section] if name is "". Borrowed. */
struct section_name {
    const char *section, *name;
};

/* Returns the index of the mount of that section and name, or mount_count if
 * there is none. */
size_t settings_mount_find(const struct settings *settings,
                           struct section_name name);

/* Returns true if /dev/NAME is another name of /db/NAME: if databases are
 * served and their prefix is /db/. */
bool settings_have_alias(const struct settings *settings);

/* Reads the command line and the file that it names, and checks everything
 * (unknown keys, numbers out of range, missing directories...). The command
 * line overrides the file, but settings that may be given several times keep
 * the values of both. argv is borrowed until settings_release; getopt_long may
 * reorder it. Returns
 * - 0: settings is filled. The caller releases it with settings_release;
 * - 1: --help, --version, --example or --man has been answered. Exit with 0;
 * - -1: one line was written to stderr ("fivefold-2: fivefold.ini:7: [files]
 *   root: no directory /srv/x; create it or name another"). Exit with 2.
 * After 1 and -1 there is nothing to release. Not thread-safe (getopt). */
int settings_read(struct settings *settings, int argc, char **argv);

struct mistake;

/* Reads the command line of old and its file again into fresh, for SIGHUP.
 * Returns 0, and the caller releases fresh; or -1 with mistake filled and
 * nothing to release. Not thread-safe. */
int settings_reread(struct settings *fresh, const struct settings *old,
                    struct mistake *mistake);

struct message_buffer;

/* Appends to out the names of the settings that differ but are read only at the
 * start, in the form of --set: "server.listen, files docs.root". A section that
 * is new is written as "[files docs]". Errors show in out->failed. */
void settings_changed(const struct settings *started,
                      const struct settings *now, struct message_buffer *out);

/* Frees everything that settings owns; it is then empty. */
void settings_release(struct settings *settings);

/* Writes an example configuration to out: every setting with its default and
 * a comment. */
void settings_print_example(FILE *out);

#endif
