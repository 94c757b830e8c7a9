/* internal.h - the table of all settings (table.c), and what the files of config/
 * share; for config/ only.
 *
 * The table has one row for each setting. Defaults, parsing, checks, --help,
 * the example and the manual page all come from it, so a setting is added in
 * one place.
 *
 * A main section has no name of its own, such as [server] or [files]. A mount
 * (settings.h) has one: [files NAME]. `where` is always the place of a value or
 * a section, such as "fivefold.ini:12: [files] rule"; messages start with it.
 * Strings are borrowed for the call. */
#ifndef FIVEFOLD_CONFIG_INTERNAL_H
#define FIVEFOLD_CONFIG_INTERNAL_H

#include "base/mistake.h"
#include "config/settings.h"

enum setting_kind {
    SETTING_NUMBER,       /* uint64_t */
    SETTING_BYTES,        /* uint64_t; takes K, M, G */
    SETTING_SWITCH,       /* bool: on, off */
    SETTING_TEXT,         /* char *: one printable line */
    SETTING_ADDRESS,      /* char *: ADDR:PORT */
    SETTING_LOG,          /* char *: a path, "-", "off" */
    SETTING_NAME,         /* char *: a file's name, without slash */
    SETTING_CHOICE,       /* char *: one of the words in example ("a, b") */
    SETTING_ORIGIN,       /* char *: "*", "none", scheme://host[:port] */
    SETTING_DIRECTORY,    /* char *: must exist */
    SETTING_FILE,         /* char *: a file that can be read */
    SETTING_PREFIX,       /* char *: a path that starts and ends with a slash */
    SETTING_NETWORKS,     /* char *: CIDR, CIDR... */
    SETTING_HOSTS,        /* char *: host, host..., or "*" */
    SETTING_USERS,        /* char *: an htpasswd file that can be read */
    SETTING_SYSTEM_USER,  /* char *: one of this machine's users */
    SETTING_SYSTEM_GROUP, /* char *: one of this machine's groups */
    SETTING_RULES,        /* struct setting_list of access rules */
    SETTING_TOKENS,       /* struct setting_list of NAME:TOKEN */
};

struct setting {
    const char *section, *key;
    enum setting_kind kind;
    size_t offset;       /* in struct settings */
    uint64_t min, max;   /* of a number or a size in bytes */
    const char *value;   /* the default, as text; NULL: unset by default */
    const char *example; /* shown if there is no default; the words of
                            SETTING_CHOICE */
    const char *help;    /* one line */
    const char *more;    /* more sentences for example and manual, or NULL */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* Returns the row of [section] key, or NULL. */
const struct setting *setting_find(const char *section, const char *key);

/* Fill mistake: there is no such section or key. The message suggests a similar
 * name, if there is one. Return -1. */
int setting_unknown_section(const char *section, const char *where,
                            struct mistake *mistake);
int setting_unknown_key(const char *section, const char *key, const char *where,
                        struct mistake *mistake);

/* A search for the candidate that is most similar to a word. */
struct setting_nearest {
    const char *best; /* borrowed; NULL: nothing similar so far */
    size_t distance;  /* of best: number of letters that differ */
};

/* Compares word with one more candidate. It becomes best if few letters differ,
 * and fewer than in best. Start with nearest all zero. candidate is borrowed as
 * long as nearest is used. */
void setting_nearest_try(struct setting_nearest *nearest, const char *word,
                         const char *candidate);

/* Writes the limits of a number: "1 to 65535", "0 to 16T". */
void setting_print_range(const struct setting *setting, char out[64]);

/* Returns true if the setting may be given several times. */
bool setting_is_list(const struct setting *setting);

/* Returns true if the setting names a user or group of this machine. */
bool setting_is_account(const struct setting *setting);

/* A layer: the settings that the user gave for one mount, or for all main
 * sections together, and where. The arrays have one place for each row. */
enum { SETTING_ROWS_MAX = 128 };
struct setting_layer {
    struct settings *settings;        /* borrowed */
    char *head;                       /* where the section starts; owned; NULL
                                         for the main sections */
    char *where[SETTING_ROWS_MAX];    /* where the value was given; owned; NULL:
                                         it was not given */
    bool by_option[SETTING_ROWS_MAX]; /* on the command line */
    bool in_file[SETTING_ROWS_MAX];   /* in the file */
};

/* Splits "files" or "files NAME" into section and name, which are borrowed from
 * the table and from text. Returns 0, or -1 with mistake if there is no such
 * section or the name is not allowed. */
int setting_section_read(const char *text, struct section_name *name,
                         const char *where, struct mistake *mistake);

/* Adds a mount after the others; copies name.name. Returns 0, or -1 without
 * memory. */
int settings_mount_add(struct settings *settings, struct section_name name);

/* Frees all mounts. Does not clear settings->mounts. */
void settings_mounts_release(struct settings *settings);

/* Copies to a mount's layer the settings that its section did not give, from
 * main. Returns 0, or -1 with mistake without memory, or if the prefix or the
 * directory is missing: every section must give these itself. */
int setting_layer_inherit(struct setting_layer *layer, const char *section,
                          const struct settings *main, struct mistake *mistake);

/* Checks the prefixes and directories of all sections against each other. own
 * has one layer for each mount. Returns 0, or -1 with mistake. */
int settings_mounts_check(const struct setting_layer *main,
                          const struct setting_layer *own,
                          struct mistake *mistake);

/* Copies one value, which must not be set in `to`; a list is not copied.
 * Returns 0, or -1 without memory. */
int setting_copy(struct settings *to, const struct settings *from,
                 const struct setting *setting);

/* Reads text as the setting's value and stores it in settings; with a list,
 * appends it. Checks only what text itself shows. Returns 0, or -1 with
 * mistake. */
int setting_set(struct settings *settings, const struct setting *setting,
                const char *text, const char *where, struct mistake *mistake);

/* Checks that what the value names exists on this machine: a directory, a file,
 * a user, a group. Returns 0, or -1 with mistake. */
int setting_check(const struct settings *settings,
                  const struct setting *setting, const char *where,
                  struct mistake *mistake);

/* Frees a list, and overwrites its values first, as they may be secret. The
 * list is then empty. */
void setting_list_release(struct setting_list *list);

/* Writes help, range and more of a row as sentences, with NUL. */
enum { SETTING_TEXT_MAX = 1024 };
void setting_print_sentences(const struct setting *row,
                             char out[SETTING_TEXT_MAX]);

/* Writes the manual page for --man. It contains @sysconfdir@ and @docdir@,
 * which make install replaces. */
void settings_print_man(FILE *out);

/* Writes the answer to --help. */
void settings_print_help(FILE *out, const char *program);

#endif
