/* man.c - writes the manual page fivefold.ini(5) from the table (--man).
 *
 * The page is written in mdoc(7). There a line that starts with a dot is a
 * request (a command), a backslash starts an escape, and each sentence has a
 * line of its own. */
#include "base/version.h"
#include "config/internal.h"

#include <string.h>

/* Prints words as text; escapes what mdoc would read as a request or escape. */
static void print_text(FILE *out, const char *words)
{
    bool starts = true;
    for (const char *at = words; *at != '\0'; at++) {
        if (starts && (*at == '.' || *at == '\''))
            fputs("\\&", out);
        starts = *at == ' ' && at > words && at[-1] == '.';
        if (starts)
            fputc('\n', out);
        else if (*at == '\\')
            fputs("\\e", out);
        else
            fputc(*at, out);
    }
    fputc('\n', out);
}

/* Prints words as one quoted argument of a request, and ends the line. */
static void print_argument(FILE *out, const char *words)
{
    fputc('"', out);
    for (const char *at = words; *at != '\0'; at++)
        if (*at == '\\')
            fputs("\\e", out);
        else if (*at == '"')
            fputs("\\(dq", out);
        else
            fputc(*at, out);
    fputs("\"\n", out);
}

static void print_row(FILE *out, const struct setting *row)
{
    char text[SETTING_TEXT_MAX];
    fprintf(out, ".It Cm %s\n", row->key);
    setting_print_sentences(row, text);
    print_text(out, text);
    if (row->value != NULL) {
        fputs("Default:\n.Li ", out);
        print_argument(out, row->value);
    } else {
        fputs("Example:\n.Li ", out);
        print_argument(out, row->example);
    }
}

static void print_head(FILE *out)
{
    fprintf(out,
            ".Dd %s\n.Dt FIVEFOLD.INI 5\n.Os Fivefold\n.Sh NAME\n"
            ".Nm fivefold.ini\n.Nd configuration of fivefold(8)\n"
            ".Sh DESCRIPTION\n",
            FIVEFOLD_DATE);
    print_text(
        out,
        "Lines of KEY = VALUE in sections that start with [SECTION]. A line "
        "that starts with # or ; is a comment, and so is what follows a ; "
        "after a blank. Sizes take K, M, G, T. Switches are on or off. Every "
        "setting has a default; options of the command line override the "
        "file. A mistake is reported in one line with its place, and the "
        "server does not start.");
    fputs(".Pp\n", out);
    print_text(out, "SIGHUP reads rules, tokens and the file of users again; "
                    "everything else needs a restart.");
    fputs(".Pp\n", out);
    print_text(out,
               "[files NAME] and [sqlite NAME] add further directories, each "
               "under its own prefix. What such a section leaves out is as in "
               "[files] or [sqlite]; its rules come before those.");
}

static void print_tail(FILE *out)
{
    fputs(".Sh FILES\n.Bl -tag -width Ds\n"
          ".It Pa @sysconfdir@/fivefold/fivefold.ini\n"
          "what the service reads\n"
          ".It Pa @docdir@/examples/fivefold.ini\n"
          "every setting with its default\n.El\n"
          ".Sh SEE ALSO\n.Xr fivefold 8\n",
          out);
}

void settings_print_man(FILE *out)
{
    const char *section = "";
    print_head(out);
    fputs(".Sh SETTINGS\n", out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (strcmp(section, row->section) != 0) {
            fprintf(out, "%s.Ss \\&[%s]\n.Bl -tag -width Ds\n",
                    *section != '\0' ? ".El\n" : "", row->section);
            section = row->section;
        }
        print_row(out, row);
    }
    fputs(".El\n", out);
    print_tail(out);
}
