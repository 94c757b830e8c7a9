/* rule.c - see rule.h.
 *
 * text -> words -> struct rule; request -> rule_covers, rule_names */
#include "access/rule.h"

#include "http/path.h"

#include <stdlib.h>

enum {
    READ_METHODS = 1 << HTTP_GET | 1 << HTTP_HEAD | 1 << HTTP_OPTIONS,
    WRITE_METHODS = 1 << HTTP_POST | 1 << HTTP_PUT | 1 << HTTP_DELETE,
    /* Also methods that no handler serves: deny * means all. */
    ALL_METHODS = (1 << HTTP_METHOD_COUNT) - 1,
};

static const char rule_form[] =
    "allow|deny METHODS PATH [from CIDR] [user NAME|*]";

/* The text still to read, and where to report a mistake. */
struct rule_reader {
    struct text rest;
    const char *where;
    struct mistake *mistake;
};

static struct text next_word(struct rule_reader *reader)
{
    reader->rest = text_trim(reader->rest);
    size_t length = 0;
    while (length < reader->rest.length && reader->rest.data[length] != ' ' &&
           reader->rest.data[length] != '\t')
        length++;
    struct text word = {reader->rest.data, length};
    reader->rest.data += length;
    reader->rest.length -= length;
    return word;
}

static unsigned method_bits(struct text word)
{
    if (text_equal(word, TEXT("*")))
        return ALL_METHODS;
    if (text_equal(word, TEXT("read")))
        return READ_METHODS;
    if (text_equal(word, TEXT("write")))
        return WRITE_METHODS;
    /* HEAD is GET without the body. A rule that forbids GET and allows HEAD
     * would only seem to hide something. */
    if (text_equal(word, TEXT("GET")))
        return 1 << HTTP_GET | 1 << HTTP_HEAD;
    for (unsigned m = 0; m < HTTP_METHOD_COUNT; m++)
        if (((1u << m) & (READ_METHODS | WRITE_METHODS)) != 0 &&
            text_equal(word, text_of(http_method_name((enum http_method)m))))
            return 1u << m;
    return 0;
}

static int read_verdict(struct rule *rule, struct rule_reader *reader)
{
    struct text word = next_word(reader);
    rule->allow = text_equal(word, TEXT("allow"));
    if (rule->allow || text_equal(word, TEXT("deny")))
        return 0;
    return mistake_at(reader->mistake, reader->where,
                      "a rule starts with allow or deny, not \"%.*s\"; write "
                      "%s",
                      (int)word.length, word.data, rule_form);
}

static int read_methods(struct rule *rule, struct rule_reader *reader)
{
    struct text list = next_word(reader);
    if (list.length == 0)
        return mistake_at(reader->mistake, reader->where,
                          "the rule names no methods; write %s", rule_form);
    while (list.data != NULL) {
        struct text word = text_split(&list, ',');
        unsigned bits = method_bits(word);
        if (bits == 0)
            return mistake_at(
                reader->mistake, reader->where,
                "\"%.*s\" is not a method; use *, read, write, or "
                "GET,HEAD,POST,PUT,DELETE,OPTIONS",
                (int)word.length, word.data);
        rule->methods |= bits;
    }
    return 0;
}

static int read_path(struct rule *rule, struct rule_reader *reader)
{
    struct text word = next_word(reader);
    if (word.length == 0 || word.data[0] != '/')
        return mistake_at(reader->mistake, reader->where,
                          "\"%.*s\" is not a path; it starts with /, as in %s",
                          (int)word.length, word.data, rule_form);
    rule->path = malloc(PATH_MAX_BYTES);
    if (rule->path == NULL)
        return mistake_memory(reader->mistake, reader->where);
    ssize_t length = path_from_target(word, rule->path, PATH_MAX_BYTES);
    if (length < 0 || memchr(word.data, '?', word.length) != NULL)
        return mistake_at(reader->mistake, reader->where,
                          "no request has the path %.*s; write it as in a URL, "
                          "without .. and ?, and a %% as %%25",
                          (int)word.length, word.data);
    rule->path_length = (size_t)length;
    if (rule->path[rule->path_length - 1] == '/')
        rule->path[--rule->path_length] = '\0';
    char *fitted = realloc(rule->path, rule->path_length + 1);
    if (fitted != NULL)
        rule->path = fitted;
    return 0;
}

static int read_network(struct rule *rule, struct rule_reader *reader)
{
    struct text word = next_word(reader);
    if (network_read(&rule->from, word) == 0)
        return 0;
    return mistake_at(reader->mistake, reader->where,
                      "\"%.*s\" is not an address; write from 192.0.2.1, from "
                      "10.0.0.0/8 or from 2001:db8::/32",
                      (int)word.length, word.data);
}

static int read_user(struct rule *rule, struct rule_reader *reader)
{
    struct text word = next_word(reader);
    if (word.length == 0 || word.length > USER_MAX)
        return mistake_at(reader->mistake, reader->where,
                          "after user comes a name of at most %d bytes, or * "
                          "for anybody who has signed in",
                          USER_MAX);
    memcpy(rule->user, word.data, word.length);
    rule->user[word.length] = '\0';
    return 0;
}

static int read_conditions(struct rule *rule, struct rule_reader *reader)
{
    bool have_from = false, have_user = false;
    for (;;) {
        struct text word = next_word(reader);
        bool from = text_equal(word, TEXT("from"));
        bool user = text_equal(word, TEXT("user"));
        if (word.length == 0)
            return 0;
        if ((from && have_from) || (user && have_user) || (!from && !user))
            return mistake_at(reader->mistake, reader->where,
                              "\"%.*s\" is not expected after the path; "
                              "write %s",
                              (int)word.length, word.data, rule_form);
        have_from |= from;
        have_user |= user;
        if ((from ? read_network : read_user)(rule, reader) < 0)
            return -1;
    }
}

int rule_parse(struct rule *rule, const char *text, const char *where,
               struct mistake *mistake)
{
    struct rule_reader reader = {text_of(text), where, mistake};
    *rule = (struct rule){0};
    if (read_verdict(rule, &reader) < 0 || read_methods(rule, &reader) < 0 ||
        read_path(rule, &reader) < 0 || read_conditions(rule, &reader) < 0) {
        rule_release(rule);
        return -1;
    }
    return 0;
}

void rule_resolve_alias(struct rule *rule)
{
    rule->path_length = path_resolve_alias(rule->path, rule->path_length);
}

void rule_release(struct rule *rule)
{
    free(rule->path);
    *rule = (struct rule){0};
}

bool rule_covers(const struct rule *rule, enum http_method method,
                 struct text path, const struct peer *peer)
{
    if ((rule->methods & 1u << method) == 0)
        return false;
    /* Only whole segments match: /private does not cover /privateer. */
    if (path.length < rule->path_length ||
        memcmp(path.data, rule->path, rule->path_length) != 0 ||
        (path.length > rule->path_length &&
         path.data[rule->path_length] != '/'))
        return false;
    return rule->from.family == AF_UNSPEC || network_holds(&rule->from, peer);
}

bool rule_meets(const struct rule *rule, const char *prefix)
{
    size_t length = strlen(prefix) - 1, mine = rule->path_length;
    if (mine > length)
        return strncmp(rule->path, prefix, length + 1) == 0;
    return strncmp(rule->path, prefix, mine) == 0 && prefix[mine] == '/';
}

bool rule_names(const struct rule *rule, const char *user)
{
    if (rule->user[0] == '\0')
        return true;
    if (user[0] == '\0')
        return false;
    return strcmp(rule->user, "*") == 0 || strcmp(rule->user, user) == 0;
}
