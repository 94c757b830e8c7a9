/* changed.c - lists the settings that a reload has read but cannot apply.
 *
 * settings at the start, settings of now -> "server.listen, files docs.root"
 *
 * SIGHUP applies only rules, tokens and users. Without this list, a reload
 * would report success even if another setting was changed, and the user would
 * wait in vain for that change to take effect. */
#include "base/buffer.h"
#include "config/internal.h"

#include <string.h>

/* Returns true if SIGHUP applies a change of this setting. */
static bool is_reread(const struct setting *row)
{
    return setting_is_list(row) || row->kind == SETTING_USERS;
}

static bool is_same(const struct setting *row, const struct settings *a,
                    const struct settings *b)
{
    const void *left = (const char *)a + row->offset;
    const void *right = (const char *)b + row->offset;
    const char *strings[2];
    switch (row->kind) {
    case SETTING_NUMBER:
    case SETTING_BYTES:
        return memcmp(left, right, sizeof(uint64_t)) == 0;
    case SETTING_SWITCH:
        return memcmp(left, right, sizeof(bool)) == 0;
    default:
        memcpy(&strings[0], left, sizeof strings[0]);
        memcpy(&strings[1], right, sizeof strings[1]);
        return strings[0] == NULL || strings[1] == NULL
                   ? strings[0] == strings[1]
                   : strcmp(strings[0], strings[1]) == 0;
    }
}

/* Appends the names of the rows that differ. mount is NULL for the main
 * sections; with a mount, only the rows of its section count. */
static void add_rows(struct message_buffer *out, const struct settings *started,
                     const struct settings *now,
                     const struct settings_mount *mount)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (is_reread(row) || is_same(row, started, now) ||
            (mount != NULL && strcmp(mount->section, row->section) != 0))
            continue;
        buffer_printf(out, "%s%s%s%s.%s", buffer_length(out) > 0 ? ", " : "",
                      row->section, mount != NULL ? " " : "",
                      mount != NULL ? mount->name : "", row->key);
    }
}

void settings_changed(const struct settings *started,
                      const struct settings *now, struct message_buffer *out)
{
    add_rows(out, started, now, NULL);
    for (size_t i = 0; i < now->mount_count; i++) {
        const struct settings_mount *mount = &now->mounts[i];
        size_t k = settings_mount_find(
            started, (struct section_name){mount->section, mount->name});
        if (k < started->mount_count)
            add_rows(out, started->mounts[k].settings, mount->settings, mount);
        else
            buffer_printf(out, "%s[%s %s]", buffer_length(out) > 0 ? ", " : "",
                          mount->section, mount->name);
    }
}
