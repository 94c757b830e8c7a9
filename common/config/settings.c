/* settings.c - see settings.h.
 *
 * command line -> file (-c) -> defaults -> checks -> struct settings
 *
 * The command line wins over the file: a value in the file is always checked,
 * but it is kept only if the command line did not give one. Of two options the
 * last one wins. */
#include "base/text.h"
#include "base/version.h"
#include "config/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* The default limit of inih, the library that reads the file, is 200 bytes.
     * A rule with a long path has more. */
    LINE_MAX_BYTES = 8192,
    WHERE_MAX = 512, /* "FILE:LINE: [section] key" */
};

/* The state of one reading of command line and file. A layer (internal.h) holds
 * what was given for the main sections or for one mount. */
struct reader {
    struct settings *settings; /* borrowed */
    struct mistake *mistake;   /* borrowed */
    bool again;                /* for settings_reread: ready_fd is closed now */
    struct setting_layer main;
    struct setting_layer *own; /* one for each of settings->mounts; owned */

    /* The file being read. */
    FILE *file;
    const char *name; /* for messages: the path without directories */
    unsigned line;
    bool done; /* a mistake was found while reading a line */
};

/* Reading the file. */

static int mistake_in_file(struct reader *reader, const char *what)
{
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "%s:%u", reader->name, reader->line);
    reader->done = true;
    return mistake_at(reader->mistake, where, "%s", what);
}

/* Returns the layer for a section's settings. Adds a mount and its layer if
 * this is the first time that the section appears; it then starts at `where`.
 * Returns NULL with mistake without memory. Borrowed until the next call. */
static struct setting_layer *
reader_layer(struct reader *reader, struct section_name name, const char *where)
{
    struct settings *settings = reader->settings;
    if (*name.name == '\0')
        return &reader->main;
    size_t i = settings_mount_find(settings, name);
    if (i < settings->mount_count)
        return &reader->own[i];
    struct setting_layer *grown =
        realloc(reader->own, (i + 1) * sizeof *reader->own);
    if (grown != NULL)
        reader->own = grown;
    char *head = strdup(where);
    if (grown == NULL || head == NULL ||
        settings_mount_add(settings, name) < 0) {
        free(head);
        mistake_memory(reader->mistake, where);
        return NULL;
    }
    grown[i] = (struct setting_layer){.settings = settings->mounts[i].settings,
                                      .head = head};
    return &grown[i];
}

static void layer_release(struct setting_layer *layer)
{
    for (size_t i = 0; i < SETTING_ROWS_MAX; i++)
        free(layer->where[i]);
    free(layer->head);
}

/* Checks a value, and stores it in the layer unless it is from the file and the
 * command line has given one. A list takes both. Returns 0, or -1 with mistake.
 */
static int reader_store(struct reader *reader, struct setting_layer *layer,
                        const struct setting *setting, const char *text,
                        const char *where, bool by_option)
{
    size_t row = (size_t)(setting - settings_table);
    struct settings scratch = {0};
    bool list = setting_is_list(setting);
    bool keep = by_option || list || !layer->by_option[row];
    int result = setting_set(keep ? layer->settings : &scratch, setting, text,
                             where, reader->mistake);
    settings_release(&scratch);
    if (result < 0 || !keep || list)
        return result;
    free(layer->where[row]);
    layer->where[row] = strdup(where);
    if (layer->where[row] == NULL) /* it would count as not set */
        return mistake_memory(reader->mistake, where);
    layer->by_option[row] = by_option;
    return 0;
}

/* Refuses a key that appears twice in a section: it is probably a mistake. */
static int reader_refuse_twice(struct reader *reader,
                               struct setting_layer *layer,
                               const struct setting *setting, const char *where)
{
    size_t row = (size_t)(setting - settings_table);
    if (!setting_is_list(setting) && layer->in_file[row])
        return mistake_at(reader->mistake, where,
                          "given twice; remove one of the two lines");
    layer->in_file[row] = true;
    return 0;
}

/* inih's handler: called for each KEY = VALUE. Returns 0 after a mistake. */
static int on_pair(void *user, const char *section, const char *key,
                   const char *value)
{
    struct reader *reader = user;
    struct section_name name;
    char where[WHERE_MAX];
    if (reader->done)
        return 0;
    if (*section == '\0')
        return mistake_in_file(reader, "is before the first [section]; "
                                       "move it into one") == 0;
    snprintf(where, sizeof where, "%s:%u", reader->name, reader->line);
    if (setting_section_read(section, &name, where, reader->mistake) < 0)
        return 0;
    const struct setting *setting = setting_find(name.section, key);
    if (setting == NULL) {
        setting_unknown_key(name.section, key, where, reader->mistake);
        return 0;
    }
    snprintf(where, sizeof where, "%s:%u: [%s] %s", reader->name, reader->line,
             section, key);
    struct setting_layer *layer = reader_layer(reader, name, where);
    return layer != NULL &&
           reader_refuse_twice(reader, layer, setting, where) == 0 &&
           reader_store(reader, layer, setting, value, where, false) == 0;
}

/* Checks a line that starts a section, because inih does not call the handler
 * for a section without keys. Returns 0, also for any other line, or -1 with
 * mistake. */
static int check_section_line(struct reader *reader, const char *line)
{
    char text[64], where[WHERE_MAX];
    struct section_name name;
    const char *start = line + strspn(line, " \t");
    if (*start != '[')
        return 0;
    size_t length = strcspn(start + 1, "]\r\n");
    if (start[length + 1] != ']')
        return mistake_in_file(reader, "a section is written [name]");
    /* inih would silently ignore what follows the ']'. It may be a setting, or
     * a whole file whose lines end with a carriage return only. */
    const char *behind = start + length + 2;
    behind += strspn(behind, " \t\r");
    if (behind[0] != '\0' && !strchr(";#", behind[0]))
        return mistake_in_file(reader,
                               "there is more text after the section's name; "
                               "move it to a line of its own");
    if (length >= sizeof text)
        length = sizeof text - 1;
    memcpy(text, start + 1, length);
    text[length] = '\0';
    snprintf(where, sizeof where, "%s:%u", reader->name, reader->line);
    reader->done =
        setting_section_read(text, &name, where, reader->mistake) < 0;
    snprintf(where, sizeof where, "%s:%u: [%s]", reader->name, reader->line,
             text);
    return !reader->done && reader_layer(reader, name, where) != NULL ? 0 : -1;
}

/* Reads a line for inih, like fgets. Counts the lines, and refuses what inih
 * would cut: long lines and lines with NUL bytes. */
static char *read_line(char *line, int size, void *stream)
{
    struct reader *reader = stream;
    int c, length = 0;
    if (reader->done)
        return NULL;
    reader->line++;
    errno = 0;
    while ((c = getc(reader->file)) != EOF && c != '\n') {
        if (c == '\0') {
            mistake_in_file(
                reader,
                "a zero byte; this is not a text file, and -c takes one");
            return NULL;
        }
        if (length + 3 > size) {
            mistake_in_file(reader, "the line is too long; shorten it");
            return NULL;
        }
        line[length++] = (char)c;
    }
    int error = errno;
    line[length] = '\0';
    if (c == EOF && ferror(reader->file)) {
        mistake_in_file(reader, "cannot be read; name a file with -c");
        reader->mistake->may_pass = mistake_may_pass(error);
        return NULL;
    }
    if ((c == EOF && length == 0) || check_section_line(reader, line) < 0)
        return NULL;
    return line;
}

static int reader_read_file(struct reader *reader, const char *path)
{
    const char *slash = strrchr(path, '/');
    reader->name = slash != NULL ? slash + 1 : path;
    struct stat status = {0};
    const char *wrong = NULL;
    bool found = stat(path, &status) == 0;
    if (found && S_ISDIR(status.st_mode))
        wrong = "is a directory; name a file in it";
    else if (found && reader->again && !S_ISREG(status.st_mode))
        /* A pipe has been read already: it would contain no rules now, and
         * opening it could wait for a writer forever. */
        wrong =
            "is not a regular file and cannot be read again; restart instead";
    if (wrong != NULL)
        return mistake_at(reader->mistake, "-c", "%s %s", path, wrong);
    reader->file = fopen(path, "re");
    if (reader->file == NULL)
        return mistake_error(reader->mistake, errno, "-c",
                             "cannot read %s: %s; --example "
                             "prints one to start from",
                             path, strerror(errno));
    ini_max_line = LINE_MAX_BYTES;
    ini_stop_on_first_error = true;
    /* An indented line does not continue the line before it. */
    ini_allow_multiline = false;
    int bad_line = ini_parse_stream(read_line, reader, on_pair, reader);
    fclose(reader->file);
    if (reader->mistake->line[0] != '\0')
        return -1;
    if (bad_line == 0)
        return 0;
    reader->line = bad_line > 0 ? (unsigned)bad_line : reader->line;
    return mistake_in_file(reader, "neither [section] nor KEY = VALUE nor a "
                                   "comment (# or ;)");
}

/* Reading the command line. */

enum option_code {
    OPTION_LISTEN = 256,
    OPTION_ROOT,
    OPTION_DB,
    OPTION_RULE,
    OPTION_TOKEN,
    OPTION_SET,
    OPTION_READY_FD,
    OPTION_TRACE,
    OPTION_CHECK,
    OPTION_EXAMPLE,
    OPTION_MAN,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"db", required_argument, NULL, OPTION_DB},
    {"rule", required_argument, NULL, OPTION_RULE},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"set", required_argument, NULL, OPTION_SET},
    {"ready-fd", required_argument, NULL, OPTION_READY_FD},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"example", no_argument, NULL, OPTION_EXAMPLE},
    {"man", no_argument, NULL, OPTION_MAN},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static int reader_set_file(struct reader *reader, char **string,
                           const char *value, const char *where)
{
    if (*value == '\0')
        return mistake_at(reader->mistake, where, "empty; name a file");
    /* The second file would replace the first, whose rules would be lost. */
    if (*string != NULL)
        return mistake_at(reader->mistake, where,
                          "given twice, as %s and %s; name one file", *string,
                          value);
    char *copy = strdup(value);
    if (copy == NULL)
        return mistake_memory(reader->mistake, where);
    *string = copy;
    return 0;
}

static int reader_option_set(struct reader *reader, const char *text)
{
    char section[64], key[64], where[WHERE_MAX];
    const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
    if (dot == NULL || equals == NULL || equals < dot ||
        (size_t)(dot - text) >= sizeof section ||
        (size_t)(equals - dot) > sizeof key)
        return mistake_at(reader->mistake, "--set",
                          "\"%s\" is not SECTION.KEY=VALUE, as "
                          "server.backlog=64",
                          text);
    snprintf(section, sizeof section, "%.*s", (int)(dot - text), text);
    snprintf(key, sizeof key, "%.*s", (int)(equals - dot - 1), dot + 1);
    struct section_name name;
    if (setting_section_read(section, &name, "--set", reader->mistake) < 0)
        return -1;
    const struct setting *setting = setting_find(name.section, key);
    if (setting == NULL)
        return setting_unknown_key(name.section, key, "--set", reader->mistake);
    snprintf(where, sizeof where, "--set %s.%s", section, key);
    struct setting_layer *layer = reader_layer(reader, name, where);
    if (layer == NULL)
        return -1;
    return reader_store(reader, layer, setting, equals + 1, where, true);
}

static int reader_option_ready_fd(struct reader *reader, const char *text)
{
    uint64_t fd;
    if (text_to_size(text_of(text), INT_MAX, &fd) < 0)
        return mistake_at(reader->mistake, "--ready-fd",
                          "\"%s\" is not a descriptor; give its number", text);
    if (!reader->again && fcntl((int)fd, F_GETFD) < 0)
        return mistake_at(reader->mistake, "--ready-fd",
                          "descriptor %s is not open; open it before the start",
                          text);
    if (!reader->again && (fcntl((int)fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return mistake_at(reader->mistake, "--ready-fd",
                          "descriptor %s can only be read; open it for writing",
                          text);
    reader->settings->ready_fd = (int)fd;
    return 0;
}

static int reader_option_rule(struct reader *reader, const char *text)
{
    /* The rules of --rule have a list of their own, which is checked before the
     * rules of all modules. */
    struct setting all = *setting_find("files", "rule");
    all.offset = offsetof(struct settings, rules);
    return setting_set(reader->settings, &all, text, "--rule", reader->mistake);
}

/* Writes what --help, --example, --man or --version asks for. Returns 1. */
static int reader_answer(int code, const char *program)
{
    if (code == 'h')
        settings_print_help(stdout, program);
    else if (code == OPTION_EXAMPLE)
        settings_print_example(stdout);
    else if (code == OPTION_MAN)
        settings_print_man(stdout);
    else
        printf("%s %s\n", program, FIVEFOLD_VERSION);
    return 1;
}

static int reader_bad_option(struct reader *reader, int code, char **argv)
{
    const char *word = argv[optind - 1];
    struct setting_nearest nearest = {0};
    char letter[3] = {'-', (char)optopt, '\0'};
    if (code == ':')
        return mistake_at(reader->mistake, word,
                          "a value must follow; --help shows which");
    if (optopt != 0 && optopt < 256)
        word = letter;
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (optopt == options[i].val && optopt >= 256)
            return mistake_at(reader->mistake, word, "takes no value");
        if (strncmp(word, "--", 2) == 0)
            setting_nearest_try(&nearest, word + 2, options[i].name);
    }
    if (nearest.best != NULL)
        return mistake_at(reader->mistake, word,
                          "no such option; --%s may be meant", nearest.best);
    return mistake_at(reader->mistake, word,
                      "no such option; --help shows all that there are");
}

static int reader_option(struct reader *reader, int code, char **argv)
{
    struct settings *settings = reader->settings;
    switch (code) {
    case 'c':
        return reader_set_file(reader, &settings->file, optarg, "-c");
    case OPTION_LISTEN:
        return reader_store(reader, &reader->main,
                            setting_find("server", "listen"), optarg,
                            "--listen", true);
    case OPTION_ROOT:
        return reader_store(reader, &reader->main,
                            setting_find("files", "root"), optarg, "--root",
                            true);
    case OPTION_DB:
        return reader_store(reader, &reader->main,
                            setting_find("sqlite", "directory"), optarg, "--db",
                            true);
    case OPTION_RULE:
        return reader_option_rule(reader, optarg);
    case OPTION_TOKEN:
        return reader_store(reader, &reader->main,
                            setting_find("users", "token"), optarg, "--token",
                            true);
    case OPTION_SET:
        return reader_option_set(reader, optarg);
    case OPTION_READY_FD:
        return reader_option_ready_fd(reader, optarg);
    case OPTION_TRACE:
        return reader_set_file(reader, &settings->trace, optarg, "--trace");
    case OPTION_CHECK:
        settings->check_only = true;
        return 0;
    case 'h':
    case OPTION_EXAMPLE:
    case OPTION_MAN:
    case OPTION_VERSION:
        return reader_answer(code, settings->program);
    default:
        return reader_bad_option(reader, code, argv);
    }
}

static int reader_read_options(struct reader *reader, int argc, char **argv)
{
    int code;
    optind = 0; /* glibc: start again, also if options were read before */
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        int result = reader_option(reader, code, argv);
        if (result != 0)
            return result;
    }
    if (optind < argc)
        return mistake_at(reader->mistake, argv[optind],
                          "not an option; --help shows what there is (a "
                          "directory of files is --root DIR)");
    return 0;
}

/* Both together, and the checks. */

static int reader_fill_defaults(struct reader *reader)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (row->value != NULL && reader->main.where[i] == NULL &&
            setting_set(reader->settings, row, row->value, row->key,
                        reader->mistake) < 0)
            return -1;
    }
    for (size_t i = 0; i < reader->settings->mount_count; i++)
        if (setting_layer_inherit(&reader->own[i],
                                  reader->settings->mounts[i].section,
                                  reader->settings, reader->mistake) < 0)
            return -1;
    return 0;
}

/* Checks the values of a layer against this machine. In a mount's layer it
 * checks only values that the mount gave; copied values are checked in the main
 * section. User and group are needed only at the start, so a reload does not
 * check them: looking them up may be forbidden by then (seccomp). */
static int reader_check_rows(struct reader *reader,
                             const struct setting_layer *layer)
{
    bool main = layer == &reader->main;
    for (size_t i = 0; i < settings_count; i++)
        if ((main || layer->where[i] != NULL) &&
            !(reader->again && setting_is_account(&settings_table[i])) &&
            setting_check(layer->settings, &settings_table[i],
                          layer->where[i] ? layer->where[i] : "default",
                          reader->mistake) < 0)
            return -1;
    return 0;
}

/* Returns where the user gave the setting, or NULL. Borrowed from layer. */
static const char *where_given(const struct setting_layer *layer,
                               const char *section, const char *name)
{
    return layer->where[setting_find(section, name) - settings_table];
}

/* Checks that memory_bytes is at least four times the largest body and answer.
 * A buffer grows by doubling, so it may be twice as large as its content, and
 * it may use half of the memory (budget.h). So the largest body fits at least
 * in a server that holds nothing else. */
static int reader_check_memory(struct reader *reader,
                               const struct setting_layer *layer)
{
    uint64_t memory = reader->settings->memory_bytes;
    uint64_t body = reader->settings->body_bytes;
    uint64_t answer = layer->settings->sqlite_response_bytes;
    uint64_t most = body > answer ? body : answer;
    if (memory == 0 || memory / 4 >= most)
        return 0;
    const char *where = where_given(&reader->main, "limits", "memory_bytes");
    if (where != NULL)
        return mistake_at(reader->mistake, where,
                          "less than four times body_bytes or response_bytes; "
                          "raise it to %ju, or lower those",
                          (uintmax_t)most * 4);
    where = body > answer ? where_given(&reader->main, "limits", "body_bytes")
                          : where_given(layer, "sqlite", "response_bytes");
    return mistake_at(reader->mistake, where != NULL ? where : "[limits]",
                      "more than a quarter of [limits] memory_bytes; set that "
                      "to %ju too, or lower this",
                      (uintmax_t)most * 4);
}

static int reader_check(struct reader *reader)
{
    const struct settings *settings = reader->settings;
    if (reader_check_rows(reader, &reader->main) < 0)
        return -1;
    for (size_t i = 0; i < settings->mount_count; i++)
        if (reader_check_rows(reader, &reader->own[i]) < 0)
            return -1;
    if (settings->head_bytes < settings->request_line_bytes) {
        const char *where = where_given(&reader->main, "limits", "head_bytes");
        return mistake_at(reader->mistake,
                          where ? where : "[limits] head_bytes",
                          "less than request_line_bytes, which it includes; "
                          "raise it to %ju",
                          (uintmax_t)settings->request_line_bytes);
    }
    if (settings->group != NULL && settings->user == NULL)
        return mistake_at(reader->mistake,
                          where_given(&reader->main, "server", "group"),
                          "without [server] user nothing changes to it; name "
                          "a user too");
    if (reader_check_memory(reader, &reader->main) < 0)
        return -1;
    for (size_t i = 0; i < settings->mount_count; i++)
        if (reader_check_memory(reader, &reader->own[i]) < 0)
            return -1;
    return settings_mounts_check(&reader->main, reader->own, reader->mistake);
}

static int reader_read(struct reader *reader, int argc, char **argv)
{
    reader->main.settings = reader->settings;
    int result = reader_read_options(reader, argc, argv);
    if (result == 0 && reader->settings->file != NULL)
        result = reader_read_file(reader, reader->settings->file);
    if (result == 0)
        result = reader_fill_defaults(reader);
    if (result == 0)
        result = reader_check(reader);
    layer_release(&reader->main);
    for (size_t i = 0; i < reader->settings->mount_count; i++)
        layer_release(&reader->own[i]);
    free(reader->own);
    return result;
}

static void settings_start(struct settings *settings, int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "fivefold";
    const char *slash = strrchr(name, '/');
    *settings = (struct settings){.ready_fd = -1, .argc = argc, .argv = argv};
    snprintf(settings->program, sizeof settings->program, "%s",
             slash != NULL ? slash + 1 : name);
}

int settings_read(struct settings *settings, int argc, char **argv)
{
    struct mistake mistake = {0};
    struct reader reader = {.settings = settings, .mistake = &mistake};
    settings_start(settings, argc, argv);
    int result = reader_read(&reader, argc, argv);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", settings->program, mistake.line);
    if (result != 0)
        settings_release(settings);
    return result;
}

int settings_reread(struct settings *fresh, const struct settings *old,
                    struct mistake *mistake)
{
    struct reader reader = {
        .settings = fresh, .mistake = mistake, .again = true};
    settings_start(fresh, old->argc, old->argv);
    if (reader_read(&reader, old->argc, old->argv) == 0)
        return 0;
    settings_release(fresh);
    return -1;
}
