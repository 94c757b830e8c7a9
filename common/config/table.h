/* table.h - what there is to set; inside settings*.c only.
 *
 * One row a setting. Defaults, parsing, checks, --help, the example and the
 * manual page are all read from it, so that a setting is added in one place. */
#ifndef FIVEFOLD_SETTINGS_TABLE_H
#define FIVEFOLD_SETTINGS_TABLE_H

#include "base/mistake.h"
#include "config/settings.h"

enum setting_kind {
    SETTING_NUMBER,       /* uint64_t */
    SETTING_BYTES,        /* uint64_t; takes K, M, G */
    SETTING_SWITCH,       /* bool: on, off */
    SETTING_TEXT,         /* char *: one printable line */
    SETTING_ADDRESS,      /* char *: ADDR:PORT */
    SETTING_LOG,          /* char *: a path, "-", "off" */
    SETTING_NAME,         /* char *: a file's name, no slash */
    SETTING_CHOICE,       /* char *: one of example's words, "a, b" */
    SETTING_ORIGIN,       /* char *: "*", "none", scheme://host[:port] */
    SETTING_DIRECTORY,    /* char *: must exist */
    SETTING_FILE,         /* char *: must be there, to be read */
    SETTING_PREFIX,       /* char *: a path that starts and ends with a slash */
    SETTING_NETWORKS,     /* char *: CIDR, CIDR... */
    SETTING_HOSTS,        /* char *: host, host..., or "*" */
    SETTING_USERS,        /* char *: an htpasswd file that can be read */
    SETTING_SYSTEM_USER,  /* char *: one of this machine's users */
    SETTING_SYSTEM_GROUP, /* char *: one of its groups */
    SETTING_RULES,        /* struct setting_list of access rules */
    SETTING_TOKENS,       /* struct setting_list of NAME:TOKEN */
};

struct setting {
    const char *section, *key;
    enum setting_kind kind;
    size_t offset;       /* in struct settings */
    uint64_t min, max;   /* of a number */
    const char *value;   /* the default; NULL: unset */
    const char *example; /* shown instead when it is unset */
    const char *help;    /* one line */
    const char *more;    /* further sentences for the example, or NULL */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* The row of [section] key, or NULL. */
const struct setting *setting_find(const char *section, const char *key);

/* Says that there is no such section or key, and which one may be meant.
 * Returns -1. */
int setting_unknown_section(const char *section, const char *where,
                            struct mistake *mistake);
int setting_unknown_key(const char *section, const char *key, const char *where,
                        struct mistake *mistake);

/* The candidate that differs least from word if few letters differ, or NULL. */
struct setting_nearest {
    const char *best;
    size_t distance;
};
void setting_nearest_try(struct setting_nearest *nearest, const char *word,
                         const char *candidate);

/* "1 to 65535", "0 to 16T". */
void setting_print_range(const struct setting *setting, char out[64]);

bool setting_is_list(const struct setting *setting);
bool setting_is_account(const struct setting *setting);

/* What has been given for one section's instance, or for all main sections. */
enum { SETTING_ROWS_MAX = 128 };
struct setting_layer {
    struct settings *settings;     /* borrowed */
    char *head;                    /* where its section starts; owned */
    char *where[SETTING_ROWS_MAX]; /* of the value that a row has; owned; NULL:
                                      none was given */
    bool by_option[SETTING_ROWS_MAX];
    bool in_file[SETTING_ROWS_MAX];
};

/* Takes "files" or "files NAME" apart; borrowed from text and the table.
 * Returns 0, or -1 with mistake when there is no such section. */
int setting_section_read(const char *text, struct section_name *name,
                         const char *where, struct mistake *mistake);

/* Adds a mount, behind those that are there. Returns 0, or -1 without
 * memory. */
int settings_mount_add(struct settings *settings, struct section_name name);
void settings_mounts_release(struct settings *settings);

/* Gives an instance what its section has left out. Returns 0, or -1 with
 * mistake when that is what each must say itself. */
int setting_layer_inherit(struct setting_layer *layer, const char *section,
                          const struct settings *main, struct mistake *mistake);

/* Checks all together: prefixes, directories. own: of each mount.
 * Returns 0, or -1 with mistake. */
int settings_mounts_check(const struct setting_layer *main,
                          const struct setting_layer *own,
                          struct mistake *mistake);

/* Copies a value; a list is left empty. Returns 0, or -1 without memory. */
int setting_copy(struct settings *to, const struct settings *from,
                 const struct setting *setting);

/* Reads text into settings (lists: appends), checking what can be seen from
 * text alone. where starts a message. Returns 0, or -1 with mistake. */
int setting_set(struct settings *settings, const struct setting *setting,
                const char *text, const char *where, struct mistake *mistake);

/* Checks what must be there when the server starts: directories, files.
 * Returns 0, or -1 with mistake. */
int setting_check(const struct settings *settings,
                  const struct setting *setting, const char *where,
                  struct mistake *mistake);

void setting_list_release(struct setting_list *list);

/* Help, range and more, as sentences. */
enum { SETTING_TEXT_MAX = 1024 };
void setting_print_sentences(const struct setting *row,
                             char out[SETTING_TEXT_MAX]);

/* Answers --man: with @sysconfdir@ and @docdir@, which make install knows. */
void settings_print_man(FILE *out);

/* Answers --help. */
void settings_print_help(FILE *out, const char *program);

#endif
