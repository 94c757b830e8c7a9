/* mounts.c - mounts: further instances of a module, from the sections
 * [files NAME] and [sqlite NAME].
 *
 * section -> setting_section_read -> settings_mount_add -> a layer of its own
 * -> (all is read) -> setting_layer_inherit -> settings_mounts_check
 *
 * A mount has a complete struct settings of its own, so that a module need not
 * know about other instances. What its section leaves out is copied from the
 * main section ([files] or [sqlite]). The prefix and the directory are not
 * copied: every section must give them. Rules are not copied either:
 * access/access.c checks the mount's list first, and then the main one. */
#include "base/text.h"
#include "config/internal.h"
#include "http/path.h"

#include <stdlib.h>
#include <string.h>

/* Reading a section's name. */

/* Returns true for settings that every section must give itself. */
static bool setting_kind_is_own(enum setting_kind kind)
{
    return kind == SETTING_PREFIX || kind == SETTING_DIRECTORY;
}

/* Returns the section's setting of that kind; NULL: it has none. */
static const struct setting *find_kind(const char *section,
                                       enum setting_kind kind)
{
    for (size_t i = 0; i < settings_count; i++)
        if (settings_table[i].kind == kind &&
            strcmp(settings_table[i].section, section) == 0)
            return &settings_table[i];
    return NULL;
}

/* Returns true if a section may appear as [section NAME]. Those are the
 * sections that serve a directory. */
static bool section_may_have_names(const char *section)
{
    return find_kind(section, SETTING_PREFIX) != NULL &&
           find_kind(section, SETTING_DIRECTORY) != NULL;
}

static int refuse_section(struct text section, const char *where,
                          struct mistake *mistake)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)section.length, section.data);
    return setting_unknown_section(word, where, mistake);
}

static int refuse_name(struct section_name name, const char *where,
                       struct mistake *mistake)
{
    return mistake_at(mistake, where,
                      "\"%s\" cannot be the name of a [%s ...]; write 1 to %d "
                      "letters, digits, - and _",
                      name.name, name.section, MOUNT_NAME_MAX);
}

int setting_section_read(const char *text, struct section_name *name,
                         const char *where, struct mistake *mistake)
{
    size_t length = strcspn(text, " \t");
    *name = (struct section_name){.section = text, .name = ""};
    for (size_t i = 0; i < settings_count; i++) {
        const char *section = settings_table[i].section;
        if (strncmp(section, text, length) == 0 && section[length] == '\0')
            name->section = section;
    }
    if (name->section == text)
        return refuse_section((struct text){text, length}, where, mistake);
    if (text[length] == '\0')
        return 0;
    name->name = text + length + strspn(text + length, " \t");
    if (!section_may_have_names(name->section))
        return mistake_at(mistake, where,
                          "[%s] has no name; only [files NAME] and [sqlite "
                          "NAME] have",
                          name->section);
    size_t bytes = strspn(name->name, "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_");
    if (bytes == 0 || bytes > MOUNT_NAME_MAX || name->name[bytes] != '\0')
        return refuse_name(*name, where, mistake);
    return 0;
}

/* The settings of a mount. */

size_t settings_mount_find(const struct settings *settings,
                           struct section_name name)
{
    size_t i = 0;
    while (i < settings->mount_count &&
           (strcmp(settings->mounts[i].section, name.section) != 0 ||
            strcmp(settings->mounts[i].name, name.name) != 0))
        i++;
    return i;
}

int settings_mount_add(struct settings *settings, struct section_name name)
{
    struct settings_mount *grown =
        realloc(settings->mounts, (settings->mount_count + 1) * sizeof *grown);
    if (grown == NULL)
        return -1;
    settings->mounts = grown;
    struct settings_mount *added = &grown[settings->mount_count];
    *added = (struct settings_mount){.section = name.section};
    added->name = strdup(name.name);
    added->settings = calloc(1, sizeof *added->settings);
    if (added->name == NULL || added->settings == NULL) {
        free(added->name);
        free(added->settings);
        return -1;
    }
    memcpy(added->settings->program, settings->program,
           sizeof settings->program);
    settings->mount_count++;
    return 0;
}

void settings_mounts_release(struct settings *settings)
{
    for (size_t i = 0; i < settings->mount_count; i++) {
        settings_release(settings->mounts[i].settings);
        free(settings->mounts[i].settings);
        free(settings->mounts[i].name);
    }
    free(settings->mounts);
}

void settings_release(struct settings *settings)
{
    for (size_t i = 0; i < settings_count; i++) {
        void *at = (char *)settings + settings_table[i].offset;
        char *string;
        switch (settings_table[i].kind) {
        case SETTING_NUMBER:
        case SETTING_BYTES:
        case SETTING_SWITCH:
            break;
        case SETTING_RULES:
        case SETTING_TOKENS:
            setting_list_release(at);
            break;
        default:
            memcpy(&string, at, sizeof string);
            free(string);
        }
    }
    settings_mounts_release(settings);
    setting_list_release(&settings->rules);
    free(settings->file);
    free(settings->trace);
    *settings = (struct settings){.ready_fd = -1};
}

int setting_layer_inherit(struct setting_layer *layer, const char *section,
                          const struct settings *main, struct mistake *mistake)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        bool same = strcmp(row->section, section) == 0;
        if (layer->where[i] != NULL)
            continue;
        if (same && setting_kind_is_own(row->kind))
            return mistake_at(
                mistake, layer->head, "has no %s; write one, as %s = %s",
                row->key, row->key,
                row->kind == SETTING_PREFIX ? "/docs/" : row->example);
        if (setting_copy(layer->settings, main, row) < 0)
            return mistake_memory(mistake, layer->head);
    }
    return 0;
}

/* Checking all sections against each other. */

/* A section that serves something under its prefix. All but `real` is
 * borrowed. */
struct served {
    const struct setting_layer *layer;
    const char *section, *name; /* name is "" for a main section */
    const char *prefix;
    char *real; /* realpath of the directory; owned; NULL: none */
};

/* Returns the value of a setting that is a string; borrowed; may be NULL. */
static const char *layer_text(const struct setting_layer *layer,
                              const struct setting *row)
{
    const char *text;
    memcpy(&text, (const char *)layer->settings + row->offset, sizeof text);
    return text;
}

/* Returns where the value was given, or the setting's key if it was not. */
static const char *layer_where(const struct setting_layer *layer,
                               const struct setting *row)
{
    const char *where = layer->where[row - settings_table];
    return where != NULL ? where : row->key;
}

/* Returns the row of that kind in the section, or NULL. */
static const struct setting *row_of(const struct served *served,
                                    enum setting_kind kind)
{
    return find_kind(served->section, kind);
}

/* Fills mistake: a and b have the same value. The message is about b, which
 * comes later, or about a if b's value is only a default. */
static int refuse_same(const struct served *a, const struct served *b,
                       enum setting_kind kind, struct mistake *mistake)
{
    bool given = b->layer->where[row_of(b, kind) - settings_table] != NULL;
    const struct served *about = given ? b : a, *other = given ? a : b;
    const char *value = layer_text(about->layer, row_of(about, kind));
    return mistake_at(mistake, layer_where(about->layer, row_of(about, kind)),
                      "%s is the %s of [%s%s%s] too; choose another", value,
                      row_of(other, kind)->key, other->section,
                      *other->name ? " " : "", other->name);
}

static bool is_beneath(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 &&
           (length == 1 || path[length] == '/' || path[length] == '\0');
}

/* Checks that no other section serves a directory of databases.
 *
 * A database's file must not be served as a file. When this process closes any
 * descriptor of that file, it loses all its locks on it, also SQLite's
 * (fcntl(2)). Then two writers could damage the database. Two database sections
 * must not share a directory either, because neither would know the streams and
 * queues of the other. */
static int check_apart(const struct served *a, const struct served *b,
                       struct mistake *mistake)
{
    bool a_files = strcmp(a->section, "files") == 0;
    bool b_files = strcmp(b->section, "files") == 0;
    if (a->real == NULL || b->real == NULL || (a_files && b_files))
        return 0;
    const struct served *database = a_files ? b : a, *root = a_files ? a : b;
    if (a_files == b_files) {
        if (strcmp(a->real, b->real) != 0)
            return 0;
        return refuse_same(a, b, SETTING_DIRECTORY, mistake);
    }
    if (!is_beneath(database->real, root->real))
        return 0;
    return mistake_at(
        mistake,
        layer_where(database->layer, row_of(database, SETTING_DIRECTORY)),
        "the database directory %s lies within the root %s; move one of them, "
        "as a database's file must not be served as a file",
        database->real, root->real);
}

static int check_pair(const struct served *a, const struct served *b,
                      struct mistake *mistake)
{
    if (strcmp(a->prefix, b->prefix) == 0)
        return refuse_same(a, b, SETTING_PREFIX, mistake);
    return check_apart(a, b, mistake);
}

/* Checks that the server itself does not use the prefix. No client could reach
 * the section there. */
static int check_taken(const struct served *served, bool alias,
                       struct mistake *mistake)
{
    const char *where =
        layer_where(served->layer, row_of(served, SETTING_PREFIX));
    if (strncmp(served->prefix, "/-/", 3) == 0)
        return mistake_at(mistake, where,
                          "%s is taken: beneath /-/ the server shows its own "
                          "figures; choose another prefix",
                          served->prefix);
    if (alias && path_is_alias(served->prefix))
        return mistake_at(mistake, where,
                          "%s is taken: /dev/ is another name of /db/; choose "
                          "another prefix",
                          served->prefix);
    return 0;
}

static void served_add(struct served *all, size_t *count,
                       const struct setting_layer *layer, const char *section,
                       const char *name)
{
    struct served one = {.layer = layer, .section = section, .name = name};
    const char *directory = layer_text(layer, row_of(&one, SETTING_DIRECTORY));
    if (directory == NULL)
        return;
    one.real = realpath(directory, NULL);
    one.prefix = layer_text(layer, row_of(&one, SETTING_PREFIX));
    all[(*count)++] = one;
}

bool settings_have_alias(const struct settings *settings)
{
    return settings->sqlite_directory != NULL &&
           strcmp(settings->sqlite_prefix, "/db/") == 0;
}

int settings_mounts_check(const struct setting_layer *main,
                          const struct setting_layer *own,
                          struct mistake *mistake)
{
    const struct settings *settings = main->settings;
    bool alias = settings_have_alias(settings);
    size_t count = 0;
    int result = 0;
    struct served *all = calloc(settings->mount_count + 3, sizeof *all);
    if (all == NULL)
        return mistake_memory(mistake, "mounts");
    served_add(all, &count, main, "files", "");
    served_add(all, &count, main, "sqlite", "");
    for (size_t i = 0; i < settings->mount_count; i++)
        served_add(all, &count, &own[i], settings->mounts[i].section,
                   settings->mounts[i].name);
    if (settings->module_skeleton != NULL)
        all[count++] = (struct served){.layer = main,
                                       .section = "modules",
                                       .name = "",
                                       .prefix = settings->module_skeleton};
    for (size_t i = 0; i < count && result == 0; i++) {
        result = check_taken(&all[i], alias, mistake);
        for (size_t j = 0; j < i && result == 0; j++)
            result = check_pair(&all[j], &all[i], mistake);
    }
    for (size_t i = 0; i < count; i++)
        free(all[i].real);
    free(all);
    return result;
}
