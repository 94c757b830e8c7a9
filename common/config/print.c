/* print.c - writes the output of --help and --example, from the table. */
#include "config/internal.h"

#include <string.h>

enum { COLUMNS = 78 };

/* Prints words as comment lines (#) of at most COLUMNS bytes. */
static void print_comment(FILE *out, const char *words)
{
    size_t column = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        if (column == 0 || column + 1 + length > COLUMNS)
            column = (size_t)fprintf(out, "%s# ", column == 0 ? "" : "\n") -
                     (column == 0 ? 0 : 1);
        else
            column += (size_t)fprintf(out, " ");
        column += (size_t)fprintf(out, "%.*s", (int)length, words);
        words += length;
        words += strspn(words, " ");
    }
    fprintf(out, "\n");
}

void setting_print_sentences(const struct setting *row,
                             char out[SETTING_TEXT_MAX])
{
    char range[64];
    const size_t size = SETTING_TEXT_MAX;
    bool number = row->kind == SETTING_NUMBER || row->kind == SETTING_BYTES;
    int n = snprintf(out, size, "%c%s",
                     row->help[0] >= 'a' && row->help[0] <= 'z'
                         ? row->help[0] - 'a' + 'A'
                         : row->help[0],
                     row->help + 1);
    if (number) {
        setting_print_range(row, range);
        n += snprintf(out + n, size - (size_t)n, " (%s)", range);
    } else if (row->kind == SETTING_SWITCH) {
        n += snprintf(out + n, size - (size_t)n, " (on, off)");
    } else if (row->kind == SETTING_CHOICE) {
        n += snprintf(out + n, size - (size_t)n, " (%s)", row->example);
    }
    snprintf(out + n, size - (size_t)n, ".%s%s", row->more ? " " : "",
             row->more ? row->more : "");
}

static void print_setting(FILE *out, const struct setting *row)
{
    char text[SETTING_TEXT_MAX];
    setting_print_sentences(row, text);
    print_comment(out, text);
    if (row->value != NULL)
        fprintf(out, "%s = %s\n", row->key, row->value);
    else
        fprintf(out, "#%s = %s\n", row->key, row->example);
}

/* Prints an example of a mount after [files] and after [sqlite]. */
static void print_mount(FILE *out, const char *section)
{
    bool files = strcmp(section, "files") == 0;
    if (!files && strcmp(section, "sqlite") != 0)
        return;
    fprintf(out, "\n");
    print_comment(out, files ? "More directories of files, each under its own "
                               "prefix and a name of your choice. What such a "
                               "section leaves out is as in [files]; its rules "
                               "come before those of [files]."
                             : "More directories of databases, likewise.");
    fprintf(out, "%s",
            files ? "#[files docs]\n#prefix = /docs/\n#root = /srv/docs\n"
                  : "#[sqlite archive]\n#prefix = /archive/\n"
                    "#directory = /var/lib/archive\n");
}

void settings_print_example(FILE *out)
{
    const char *section = "";
    print_comment(
        out, "Fivefold's configuration: every setting with its default. A "
             "setting with # before it is unset; the value shown is "
             "an example. Give the file with -c; options of the command line "
             "override it. Sizes take K, M, G. After a blank, ; starts a "
             "comment. The directories that are named must exist. SIGHUP "
             "reads rules and users again; everything else needs a restart.");
    for (size_t i = 0; i < settings_count; i++) {
        if (strcmp(section, settings_table[i].section) != 0) {
            print_mount(out, section);
            section = settings_table[i].section;
            fprintf(out, "\n[%s]\n", section);
        } else {
            fprintf(out, "\n");
        }
        print_setting(out, &settings_table[i]);
    }
}

static const char *const help_options[][2] = {
    {"-c FILE", "read the configuration; --example shows what it may hold"},
    {"--listen ADDR:PORT", "where to listen; port 0 takes a free one"},
    {"--root DIR", "serve the files of this directory"},
    {"--db DIR", "serve the databases of this directory"},
    {"--rule RULE", "allow|deny METHODS PATH [from CIDR] [user NAME|*]; may "
                    "be repeated"},
    {"--token NAME:TOKEN",
     "a client that sends TOKEN is the user NAME; may be repeated"},
    {"--set SECTION.KEY=VALUE", "any setting of those below; may be repeated"},
    {"--ready-fd N", "write R, the port and a line's end there once it "
                     "listens"},
    {"--trace FILE", "write what each thread does, for Perfetto"},
    {"--check", "check the configuration and exit"},
    {"--example", "print the commented example configuration"},
    {"--man", "print the manual page fivefold.ini(5)"},
    {"--help", "print this"},
    {"--version", "print the version"},
};

void settings_print_help(FILE *out, const char *program)
{
    fprintf(out, "usage: %s [OPTION]...\n\nOptions override the file.\n\n",
            program);
    for (size_t i = 0; i < sizeof help_options / sizeof help_options[0]; i++)
        fprintf(out, "  %-24s %s\n", help_options[i][0], help_options[i][1]);
    fprintf(out, "\nSettings:\n\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        char name[64], value[64];
        snprintf(name, sizeof name, "%s.%s", row->section, row->key);
        snprintf(value, sizeof value, "[%s]",
                 row->value ? row->value : "unset");
        fprintf(out, "  %-30s %s %s\n", name, row->help, value);
    }
}
