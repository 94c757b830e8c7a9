/* value.c - turns text into the value of a setting, and checks it.
 *
 * setting_set checks a value when it is read, as far as its text shows.
 * setting_check checks what depends on the machine, such as a directory, after
 * all has been read. So a value that was overridden needs no directory.
 * access/access.c reads rules, tokens and the htpasswd file, at the start and
 * at each SIGHUP. */
#include "base/network.h"
#include "config/internal.h"
#include "http/path.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 }; /* bytes; must fit in the 512 of response_field */

/* Writes a number. A size gets the largest suffix that keeps it whole: 16K, not
 * 16384. */
static void print_number(const struct setting *setting, uint64_t number,
                         char out[24])
{
    static const char suffixes[] = "KMGT";
    size_t steps = 0;
    while (setting->kind == SETTING_BYTES && steps < 4 && number != 0 &&
           number % 1024 == 0) {
        number /= 1024;
        steps++;
    }
    int n = snprintf(out, 24, "%" PRIu64, number);
    if (steps > 0 && n > 0 && n < 22)
        memcpy(out + n, (char[]){suffixes[steps - 1], '\0'}, 2);
}

void setting_print_range(const struct setting *setting, char out[64])
{
    char min[24], max[24];
    print_number(setting, setting->min, min);
    print_number(setting, setting->max, max);
    snprintf(out, 64, "%s to %s", min, max);
}

/* Returns n if the last letter of a size means 2^n, or 0 if it is no suffix. */
static unsigned suffix_shift(char letter)
{
    switch (letter) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    default:
        return 0;
    }
}

static int set_number(const struct setting *setting, const char *value,
                      uint64_t *number, const char *where,
                      struct mistake *mistake)
{
    struct text digits = text_of(value);
    unsigned shift = 0;
    char range[64];
    uint64_t n = 0;
    if (setting->kind == SETTING_BYTES && digits.length > 0)
        shift = suffix_shift(digits.data[digits.length - 1]);
    digits.length -= shift != 0;
    setting_print_range(setting, range);
    int result = text_to_size(digits, UINT64_MAX >> shift, &n);
    if (result < 0 && errno != ERANGE)
        return mistake_at(
            mistake, where, "\"%s\" is not a %s; write a number from %s", value,
            setting->kind == SETTING_BYTES ? "size (as 4096, 16K, 8M, 1G)"
                                           : "whole number",
            range);
    n <<= shift;
    if (result < 0 || n < setting->min || n > setting->max)
        return mistake_at(mistake, where, "%s is out of range; write %s", value,
                          range);
    *number = n;
    return 0;
}

static int set_switch(const char *value, bool *on, const char *where,
                      struct mistake *mistake)
{
    static const char *const words[][2] = {
        {"off", "on"}, {"no", "yes"}, {"false", "true"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t j = 0; j < 2; j++)
            if (strcasecmp(value, words[i][j]) == 0) {
                *on = j == 1;
                return 0;
            }
    return mistake_at(mistake, where, "\"%s\" is neither on nor off", value);
}

static int check_address(const char *value, const char *where,
                         struct mistake *mistake)
{
    static const char form[] = "write ADDR:PORT, [V6]:PORT or *:PORT, as "
                               "127.0.0.1:8080; port 0 takes a free one";
    char host[INET6_ADDRSTRLEN];
    unsigned char address[16];
    uint64_t port;
    const char *colon = strrchr(value, ':');
    if (colon == NULL)
        return mistake_at(mistake, where, "\"%s\" has no port; %s", value,
                          form);
    if (text_to_size(text_of(colon + 1), 65535, &port) < 0)
        return mistake_at(
            mistake, where,
            "\"%s\" is not a port; write a number from 0 to 65535", colon + 1);
    bool v6 = *value == '[' && colon > value + 1 && colon[-1] == ']';
    const char *start = v6 ? value + 1 : value;
    size_t length = (size_t)((v6 ? colon - 1 : colon) - start);
    if (length < sizeof host) {
        memcpy(host, start, length);
        host[length] = '\0';
        if (v6 ? inet_pton(AF_INET6, host, address) == 1
               : inet_pton(AF_INET, host, address) == 1 ||
                     strcmp(host, "localhost") == 0 || strcmp(host, "*") == 0)
            return 0;
    }
    /* Without the closing bracket, the last colon is part of the address and
     * does not start a port. Then show all of value. */
    int said = *value == '[' && !v6 ? (int)strlen(value) : (int)(colon - value);
    return mistake_at(mistake, where, "\"%.*s\" is not a numeric address; %s",
                      said, value, form);
}

/* Checks a value that is sent in a field of an answer: the realm,
 * Cache-Control, an origin. */
static int check_text(const char *value, const char *where,
                      struct mistake *mistake)
{
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '"' ||
            *at == '\\')
            return mistake_at(mistake, where,
                              "a quote, a backslash or a control character "
                              "cannot be sent; leave it out");
    if (strlen(value) > TEXT_MAX)
        return mistake_at(mistake, where, "longer than %d bytes; shorten it",
                          TEXT_MAX);
    return 0;
}

static int check_origin(const char *value, const char *where,
                        struct mistake *mistake)
{
    const char *host = strstr(value, "://");
    if (check_text(value, where, mistake) < 0)
        return -1;
    if (strcmp(value, "*") == 0 || strcmp(value, "none") == 0)
        return 0;
    if (host != NULL && host != value && host[3] != '\0' &&
        strpbrk(host + 3, "/ ,") == NULL)
        return 0;
    return mistake_at(mistake, where,
                      "\"%s\" is not an origin; write *, none, or one as "
                      "https://example.org",
                      value);
}

static int check_choice(const struct setting *setting, const char *value,
                        const char *where, struct mistake *mistake)
{
    struct text words = text_of(setting->example), word;
    while (words.length > 0) {
        word = text_trim(text_split(&words, ','));
        if (text_equal(word, text_of(value)))
            return 0;
    }
    return mistake_at(mistake, where, "\"%s\" is not one of %s", value,
                      setting->example);
}

static int check_networks(const char *value, const char *where,
                          struct mistake *mistake)
{
    struct networks networks;
    int result = networks_read(&networks, value, where, mistake);
    networks_release(&networks);
    return result;
}

/* Checks a list of host names, as in a Host field but without the port. */
static int check_hosts(const char *value, const char *where,
                       struct mistake *mistake)
{
    struct text list = text_of(value);
    while (list.data != NULL) {
        struct text word = text_trim(text_split(&list, ','));
        bool right = word.length > 0 && word.data[0] != '.' &&
                     word.data[word.length - 1] != '.';
        for (size_t i = 0; i < word.length; i++)
            right &= isalnum((unsigned char)word.data[i]) ||
                     strchr("-._", word.data[i]) != NULL;
        if (!right && !text_equal(word, TEXT("*")))
            return mistake_at(mistake, where,
                              "\"%.*s\" is not a host name; write names as "
                              "www.example.org, without http:// and port, "
                              "commas between, or * for every one",
                              (int)word.length, word.data);
    }
    return 0;
}

static int check_string(const struct setting *setting, const char *value,
                        const char *where, struct mistake *mistake)
{
    if (*value == '\0')
        return mistake_at(mistake, where, "empty; give a value%s",
                          setting->value == NULL ? " or remove the line" : "");
    switch (setting->kind) {
    case SETTING_ADDRESS:
        return check_address(value, where, mistake);
    case SETTING_ORIGIN:
        return check_origin(value, where, mistake);
    case SETTING_NAME:
        if (strchr(value, '/') != NULL || value[0] == '.')
            return mistake_at(mistake, where,
                              "\"%s\" is not a plain file name; write one "
                              "without / and without . at its start",
                              value);
        return 0;
    case SETTING_TEXT:
        return check_text(value, where, mistake);
    case SETTING_NETWORKS:
        return check_networks(value, where, mistake);
    case SETTING_HOSTS:
        return check_hosts(value, where, mistake);
    case SETTING_CHOICE:
        return check_choice(setting, value, where, mistake);
    default:
        return 0;
    }
}

/* Stores a prefix in decoded form, as the paths of requests are. */
static int set_prefix(const char *value, char **string, const char *where,
                      struct mistake *mistake)
{
    size_t size = strlen(value) + 2;
    char *path = malloc(size);
    if (path == NULL)
        return mistake_memory(mistake, where);
    ssize_t length = path_from_target(text_of(value), path, size);
    bool right = *value == '/' && length > 0 && path[length - 1] == '/';
    bool hidden = right && path_is_hidden(path);
    if (right && !hidden) {
        free(*string);
        *string = path;
        return 0;
    }
    free(path);
    if (hidden)
        return mistake_at(mistake, where,
                          "%s has a name that starts with a dot, which is "
                          "never shown; choose another",
                          value);
    return mistake_at(mistake, where,
                      "\"%s\" is not a prefix; it starts and ends with /, as "
                      "/docs/",
                      value);
}

static int set_string(const struct setting *setting, const char *value,
                      char **string, const char *where, struct mistake *mistake)
{
    if (check_string(setting, value, where, mistake) < 0)
        return -1;
    char *copy = strdup(value);
    if (copy == NULL)
        return mistake_memory(mistake, where);
    free(*string);
    *string = copy;
    return 0;
}

static int add_to_list(struct setting_list *list, const char *value,
                       const char *where, struct mistake *mistake)
{
    void *items =
        realloc(list->items, (list->count + 1) * sizeof list->items[0]);
    if (items != NULL)
        list->items = items;
    char *copy = strdup(value), *place = strdup(where);
    if (items == NULL || copy == NULL || place == NULL) {
        free(copy);
        free(place);
        return mistake_memory(mistake, where);
    }
    list->items[list->count].value = copy;
    list->items[list->count].where = place;
    list->count++;
    return 0;
}

void setting_list_release(struct setting_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        explicit_bzero(list->items[i].value, strlen(list->items[i].value));
        free(list->items[i].value);
        free(list->items[i].where);
    }
    free(list->items);
    *list = (struct setting_list){0};
}

int setting_set(struct settings *settings, const struct setting *setting,
                const char *text, const char *where, struct mistake *mistake)
{
    void *at = (char *)settings + setting->offset;
    switch (setting->kind) {
    case SETTING_NUMBER:
    case SETTING_BYTES:
        return set_number(setting, text, at, where, mistake);
    case SETTING_SWITCH:
        return set_switch(text, at, where, mistake);
    case SETTING_PREFIX:
        return set_prefix(text, at, where, mistake);
    case SETTING_RULES:
    case SETTING_TOKENS:
        return add_to_list(at, text, where, mistake);
    default:
        return set_string(setting, text, at, where, mistake);
    }
}

int setting_copy(struct settings *to, const struct settings *from,
                 const struct setting *setting)
{
    void *at = (char *)to + setting->offset;
    const void *source = (const char *)from + setting->offset;
    const char *string;
    char *copy = NULL;
    switch (setting->kind) {
    case SETTING_NUMBER:
    case SETTING_BYTES:
        memcpy(at, source, sizeof(uint64_t));
        return 0;
    case SETTING_SWITCH:
        memcpy(at, source, sizeof(bool));
        return 0;
    case SETTING_RULES:
    case SETTING_TOKENS:
        return 0;
    default:
        memcpy(&string, source, sizeof string);
        if (string != NULL && (copy = strdup(string)) == NULL)
            return -1;
        memcpy(at, &copy, sizeof copy);
        return 0;
    }
}

static int check_directory(const char *path, const char *where,
                           struct mistake *mistake)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return errno == ENOENT
                   ? mistake_at(mistake, where,
                                "no directory %s; create it or name another",
                                path)
                   : mistake_error(mistake, errno, where,
                                   "%s: %s; name another", path,
                                   strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return mistake_at(mistake, where,
                          "%s is not a directory; name one that is", path);
    if (access(path, R_OK | X_OK) < 0)
        return mistake_error(mistake, errno, where,
                             "%s: %s; let this user read and search it", path,
                             strerror(errno));
    return 0;
}

static int check_file(const char *path, const char *where,
                      struct mistake *mistake)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return mistake_error(mistake, errno, where,
                             "cannot read %s: %s; name another file", path,
                             strerror(errno));
    if (!S_ISREG(status.st_mode))
        return mistake_at(mistake, where, "%s is not a file; name one that is",
                          path);
    return 0;
}

static int check_users_file(const char *path, const char *where,
                            struct mistake *mistake)
{
    if (access(path, R_OK) == 0)
        return 0;
    return mistake_error(mistake, errno, where,
                         "cannot read %s: %s; write one with htpasswd -B -c",
                         path, strerror(errno));
}

int setting_check(const struct settings *settings,
                  const struct setting *setting, const char *where,
                  struct mistake *mistake)
{
    const void *at = (const char *)settings + setting->offset;
    const char *value;
    if (setting->kind < SETTING_TEXT || setting_is_list(setting))
        return 0;
    memcpy(&value, at, sizeof value);
    if (value == NULL)
        return 0;
    switch (setting->kind) {
    case SETTING_DIRECTORY:
        return check_directory(value, where, mistake);
    case SETTING_FILE:
        return check_file(value, where, mistake);
    case SETTING_USERS:
        return check_users_file(value, where, mistake);
    case SETTING_SYSTEM_USER:
        if (getpwnam(value) != NULL)
            return 0;
        return mistake_at(mistake, where,
                          "no user %s on this machine; create it (adduser "
                          "--system --group %s) or name another",
                          value, value);
    case SETTING_SYSTEM_GROUP:
        if (getgrnam(value) != NULL)
            return 0;
        return mistake_at(mistake, where,
                          "no group %s on this machine; name another", value);
    default:
        return 0;
    }
}
