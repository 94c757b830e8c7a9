/* settings.h - every setting, once: name, default, limits, help.
 *
 * defaults -> file (-c) -> command line -> struct settings, fixed from then on.
 */
#ifndef FIVEFOLD_SETTINGS_H
#define FIVEFOLD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A setting that may be given several times, in order; each with where it
 * stood ("fivefold.ini:12: [files] rule", "--rule") for messages. */
struct setting_list {
    size_t count;
    struct {
        char *value; /* owned */
        char *where; /* owned */
    } * items;
};

struct settings {
    char program[32]; /* argv[0]'s last part; starts every message */
    char *file;       /* of -c, or NULL */

    /* [server] */
    char *listen; /* ADDR:PORT, [V6]:PORT; port 0 takes a free one */
    uint64_t backlog;
    uint64_t connections_max;
    uint64_t stop_seconds; /* how long a graceful stop waits */
    char *trust_proxy;     /* NULL, or a list of CIDR */
    char *names;           /* NULL, or a list of hosts; "*" is every one */
    char *user;            /* NULL, or whom root becomes */
    char *group;           /* NULL: the user's own */
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
    uint64_t rate_min_bytes; /* that must move within body_ or send_seconds */
    uint64_t
        turn_seconds; /* stage 1: how long one client may keep others out */
    uint64_t send_buffer_bytes; /* SO_SNDBUF, 0: the kernel's */

    /* [limits] */
    uint64_t request_line_bytes;
    uint64_t head_bytes;
    uint64_t body_bytes;              /* held in memory: SQL */
    uint64_t upload_bytes;            /* PUT of a file */
    uint64_t sqlite_bytes;            /* what SQLite may allocate in all */
    uint64_t memory_bytes;            /* all buffers together; 0: no limit */
    uint64_t connections_per_address; /* 0: no limit */
    uint64_t requests_per_second;     /* of one address; 0: no limit */
    uint64_t requests_burst;          /* of one address */
    uint64_t ban_after;               /* answers 429 to one address */
    uint64_t ban_seconds;             /* 0: never */
    uint64_t password_percent;        /* of the time; 100: no limit */

    /* [files] */
    char *files_root;   /* --root; NULL: no files are served */
    char *files_prefix; /* of their paths; decoded; starts and ends with '/' */
    char *files_index;
    bool files_listing;
    bool files_precompressed;
    uint64_t files_sendfile_bytes; /* from this size on sendfile, below read */
    uint64_t files_workers;        /* threads */
    uint64_t files_cache_bytes;    /* 0: no cache */
    uint64_t files_cache_file_bytes;
    char *files_cache_control; /* NULL, or the value of Cache-Control */
    char *files_mime_types;    /* NULL: the system's, if it is there */
    char *files_charset;       /* of text; "none": no field names one */
    char *files_policy;        /* NULL, or that of Content-Security-Policy */
    struct setting_list files_rules;

    /* [sqlite] */
    char *sqlite_directory; /* --db; NULL: no databases are served */
    char *sqlite_prefix;
    bool sqlite_create; /* the first POST creates NAME.db */
    bool sqlite_foreign_keys;
    bool sqlite_full_text;
    uint64_t sqlite_busy_ms;
    uint64_t sqlite_query_ms; /* time that one statement may run */
    uint64_t sqlite_rows_max;
    uint64_t sqlite_response_bytes;
    uint64_t sqlite_sql_bytes;
    uint64_t sqlite_value_bytes;  /* one text or blob */
    uint64_t sqlite_memory_bytes; /* of SQLite, for one reader */
    uint64_t sqlite_statements;   /* kept prepared per connection */
    uint64_t sqlite_databases;    /* open at the same time */
    uint64_t sqlite_workers;      /* threads */
    uint64_t sqlite_streams;      /* open at the same time */
    uint64_t sqlite_backups;      /* taken at the same time */
    uint64_t sqlite_wal_bytes;    /* of each database; 0: no limit (tests) */
    uint64_t sqlite_stream_idle_seconds;
    uint64_t sqlite_transaction_seconds;
    char *sqlite_cors; /* "*", "none", or one origin */
    struct setting_list sqlite_rules;

    /* [pool]: stages with threads */
    char *pool_pipeline; /* "full" or "shortcut" */
    bool pool_accept_mutex;
    uint64_t pool_acceptors; /* threads */
    uint64_t pool_recv;
    uint64_t pool_work;
    uint64_t pool_send;
    uint64_t pool_queue_max; /* requests that may wait for a worker */
    uint64_t pool_fronts;    /* threads */

    /* [modules] */
    char *module_skeleton; /* its prefix; NULL: it is not there */

    /* [internals] */
    bool internals;
    struct setting_list internals_rules;

    /* [users] */
    char *htpasswd; /* NULL, or a file's path */
    char *realm;
    struct setting_list tokens; /* NAME:TOKEN */

    /* [files NAME], [sqlite NAME]; in the order in which they are first
     * named. */
    struct settings_mount *mounts; /* owned */
    size_t mount_count;

    /* Command line only. */
    struct setting_list rules; /* --rule; tried before the modules' */
    int ready_fd;              /* -1, or --ready-fd */
    bool check_only;           /* --check */
    int argc;                  /* borrowed from main, for settings_reread */
    char **argv;
};

enum { MOUNT_NAME_MAX = 32 }; /* bytes of NAME */

struct settings_mount {
    const char *section;       /* "files" or "sqlite" */
    char *name;                /* owned */
    struct settings *settings; /* owned: every row of the table, but of the
                                  lists only its own rule */
};

/* Finds the mount of that section and name; mount_count when there is none. */
struct section_name {
    const char *section, *name; /* name "" for [files] itself */
};
size_t settings_mount_find(const struct settings *settings,
                           struct section_name name);

/* True if /dev/NAME is another name of /db/NAME: there are databases. */
bool settings_have_alias(const struct settings *settings);

/* Reads the command line and the file that it names, and checks every value (a
 * key that is not known, a number out of range, a directory that is
 * missing...). The command line overrides the file; repeatable settings of both
 * are kept. argv is borrowed until settings_release; getopt_long may reorder
 * it. Returns 0; or 1 when --help, --version, --example or --man has been
 * answered; or -1 after one line on stderr ("fivefold-2: fivefold.ini:7:
 * [files] root: no directory /srv/x; create it or name another"). The caller
 * exits with 0, 0, 2; there is something to release only after 0. Not
 * thread-safe (getopt). */
int settings_read(struct settings *settings, int argc, char **argv);

struct mistake;

/* Reads the same command line and its file again, for SIGHUP. Returns 0, or -1
 * with mistake filled and fresh released. Not thread-safe. */
int settings_reread(struct settings *fresh, const struct settings *old,
                    struct mistake *mistake);

/* Appends what differs and is only read at the start, as --set names it:
 * "server.listen, files docs.root"; a section that is new as "[files docs]". */
struct message_buffer;
void settings_changed(const struct settings *started,
                      const struct settings *now, struct message_buffer *out);

/* Frees all that settings holds; it is then empty. */
void settings_release(struct settings *settings);

/* Writes the commented example configuration with every default. */
void settings_print_example(FILE *out);

#endif
