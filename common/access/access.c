/* access.c - see access.h.
 *
 * Authorization -> users -> name
 * name -> --rule, the mount's own rules, the rules of [files], [sqlite] or
 *   internals, the default -> verdict
 *
 * Rules and users together are a policy, which does not change. While a request
 * is judged, it holds a reference to its policy. So SIGHUP can replace the
 * policy at any moment, and no lock is held while a password is hashed. */
#include "access/access.h"

#include "access/rule.h"
#include "access/users.h"
#include "config/settings.h"
#include "core/mount.h"
#include "core/server.h"
#include "report/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct rules {
    struct rule *items; /* owned */
    size_t count;
};

enum rule_group { GROUP_FIRST, GROUP_FILES, GROUP_SQLITE, GROUP_INTERNALS };
enum { GROUP_COUNT = GROUP_INTERNALS + 1 }; /* then a group for each mount */

struct policy {
    /* These do not change once read. */
    struct rules *groups; /* GROUP_FIRST has the rules of --rule; owned */
    size_t group_count;
    struct users *users;

    /* Under the access object's lock. */
    unsigned references;
};

struct access {
    struct password_limit *passwords; /* owned; thread-safe itself */
    atomic_bool has_rules; /* of current; false: no need to take the lock */

    /* Under lock. */
    pthread_mutex_t lock;
    struct policy *current;
};

static int rules_read(struct rules *rules, const struct setting_list *list,
                      bool databases, struct mistake *mistake)
{
    rules->items = calloc(list->count + 1, sizeof *rules->items);
    if (rules->items == NULL)
        return mistake_memory(mistake, "rules");
    for (size_t i = 0; i < list->count; i++) {
        if (rule_parse(&rules->items[i], list->items[i].value,
                       list->items[i].where, mistake) < 0)
            return -1;
        if (databases)
            rule_resolve_alias(&rules->items[i]);
        rules->count++;
    }
    return 0;
}

static void policy_release(struct policy *policy)
{
    for (size_t g = 0; g < policy->group_count; g++) {
        for (size_t i = 0; i < policy->groups[g].count; i++)
            rule_release(&policy->groups[g].items[i]);
        free(policy->groups[g].items);
    }
    free(policy->groups);
    users_release(policy->users);
    free(policy);
}

/* Reads a mount's rules from the present settings; mount itself is from the
 * settings that the server was started with. A rule that covers no path of its
 * mount is a mistake: it would only seem to protect something. */
static int mount_rules_read(struct rules *rules,
                            const struct settings *settings,
                            const struct settings_mount *mount, bool alias,
                            struct mistake *mistake)
{
    struct section_name name = {mount->section, mount->name};
    size_t i = settings_mount_find(settings, name);
    if (i == settings->mount_count)
        return mistake_at(
            mistake, "rules",
            "[%s %s] has been removed; restart to stop serving it",
            mount->section, mount->name);
    const struct settings *own = settings->mounts[i].settings;
    bool files = strcmp(mount->section, "files") == 0;
    const char *prefix = files ? own->files_prefix : own->sqlite_prefix;
    const struct setting_list *list =
        files ? &own->files_rules : &own->sqlite_rules;
    if (rules_read(rules, list, alias, mistake) < 0)
        return -1;
    for (i = 0; i < rules->count; i++)
        if (!rule_meets(&rules->items[i], prefix))
            return mistake_at(mistake, list->items[i].where,
                              "covers nothing beneath %s, which is all that "
                              "[%s %s] serves; write the whole path, as %sPATH",
                              prefix, mount->section, mount->name, prefix);
    return 0;
}

static int policy_read_rules(struct policy *policy,
                             const struct settings *settings,
                             const struct settings *started,
                             struct mistake *mistake)
{
    const struct setting_list *lists[GROUP_COUNT] = {
        &settings->rules, &settings->files_rules, &settings->sqlite_rules,
        &settings->internals_rules};
    bool alias = settings_have_alias(started);
    for (size_t g = 0; g < GROUP_COUNT; g++)
        if (rules_read(&policy->groups[g], lists[g], alias, mistake) < 0)
            return -1;
    for (size_t i = 0; i < started->mount_count; i++)
        if (mount_rules_read(&policy->groups[GROUP_COUNT + i], settings,
                             &started->mounts[i], alias, mistake) < 0)
            return -1;
    return 0;
}

/* Reads the rules and users from settings. started: the settings that the
 * server was started with. They decide what it serves, even if the file has
 * changed since. */
static struct policy *policy_read(const struct settings *settings,
                                  const struct settings *started,
                                  struct mistake *mistake)
{
    size_t group_count = GROUP_COUNT + started->mount_count;
    struct policy *policy = calloc(1, sizeof *policy);
    if (policy == NULL || (policy->groups = calloc(
                               group_count, sizeof *policy->groups)) == NULL) {
        free(policy);
        mistake_memory(mistake, "rules");
        return NULL;
    }
    policy->group_count = group_count;
    policy->references = 1;
    if (policy_read_rules(policy, settings, started, mistake) == 0 &&
        (policy->users = users_read(settings, mistake)) != NULL)
        return policy;
    policy_release(policy);
    return NULL;
}

static bool policy_has_rules(const struct policy *policy)
{
    size_t count = 0;
    for (size_t g = 0; g < policy->group_count; g++)
        count += policy->groups[g].count;
    return count > 0;
}

static struct policy *policy_take(struct access *access)
{
    pthread_mutex_lock(&access->lock);
    struct policy *policy = access->current;
    policy->references++;
    pthread_mutex_unlock(&access->lock);
    return policy;
}

static void policy_give_back(struct access *access, struct policy *policy)
{
    pthread_mutex_lock(&access->lock);
    bool last = --policy->references == 0;
    pthread_mutex_unlock(&access->lock);
    if (last)
        policy_release(policy);
}

struct access *access_open(const struct settings *settings)
{
    struct mistake mistake = {0};
    struct access *access = calloc(1, sizeof *access);
    if (access == NULL)
        mistake_memory(&mistake, "rules");
    else if ((access->passwords =
                  password_limit_open(settings->password_percent)) == NULL)
        mistake_memory(&mistake, "rules");
    else if ((access->current = policy_read(settings, settings, &mistake)) !=
             NULL) {
        pthread_mutex_init(&access->lock, NULL);
        atomic_init(&access->has_rules, policy_has_rules(access->current));
        return access;
    }
    fprintf(stderr, "%s: %s\n", settings->program, mistake.line);
    if (access != NULL)
        password_limit_close(access->passwords);
    free(access);
    return NULL;
}

void access_close(struct access *access)
{
    policy_release(access->current);
    password_limit_close(access->passwords);
    pthread_mutex_destroy(&access->lock);
    free(access);
}

void access_threads(struct access *access, size_t count)
{
    password_limit_threads(access->passwords, count);
}

int access_reload(struct access *access, const struct settings *settings,
                  struct log *log, struct mistake *mistake)
{
    struct settings fresh;
    struct policy *policy = NULL;
    struct message_buffer changed = {0};
    if (settings_reread(&fresh, settings, mistake) == 0) {
        policy = policy_read(&fresh, settings, mistake);
        settings_changed(settings, &fresh, &changed);
        settings_release(&fresh);
    }
    if (policy != NULL && buffer_length(&changed) > 0)
        log_error(log, "these changes need a restart: %.*s",
                  (int)buffer_length(&changed), buffer_start(&changed));
    buffer_release(&changed);
    if (policy == NULL)
        return -1;
    pthread_mutex_lock(&access->lock);
    struct policy *old = access->current;
    access->current = policy;
    atomic_store(&access->has_rules, policy_has_rules(policy));
    pthread_mutex_unlock(&access->lock);
    policy_give_back(access, old);
    return 0;
}

/* Judging. */

/* May this user do this here? */
struct question {
    const struct policy *policy; /* NULL: there are no rules */
    const struct exchange *exchange;
    enum rule_group group;
    size_t own; /* the group of the mount's own rules; GROUP_FIRST: none */
    enum http_method method;
    struct text path;
    const char *user; /* "": not signed in */
};

static enum rule_group group_of(const struct exchange *exchange)
{
    const char *name = exchange->handler->name;
    if (strcmp(name, "sqlite") == 0)
        return GROUP_SQLITE;
    return strcmp(name, "internals") == 0 ? GROUP_INTERNALS : GROUP_FILES;
}

static size_t own_group_of(const struct exchange *exchange)
{
    const struct mount *mount = exchange->mount;
    return mount->rules == 0 ? GROUP_FIRST : GROUP_COUNT + mount->rules - 1;
}

static bool allowed_by_default(const struct question *question)
{
    if (question->method != HTTP_GET && question->method != HTTP_HEAD)
        return false;
    return question->group != GROUP_INTERNALS ||
           peer_is_loopback(&question->exchange->peer);
}

static bool covers(const struct rule *rule, const struct question *question)
{
    return rule_covers(rule, question->method, question->path,
                       &question->exchange->peer);
}

static const struct rule *first_match(const struct rules *rules,
                                      const struct question *question)
{
    for (size_t i = 0; i < rules->count; i++)
        if (rule_names(&rules->items[i], question->user) &&
            covers(&rules->items[i], question))
            return &rules->items[i];
    return NULL;
}

static bool allowed(const struct question *question)
{
    const struct rule *rule = NULL;
    if (question->policy != NULL) {
        const struct rules *groups = question->policy->groups;
        rule = first_match(&groups[GROUP_FIRST], question);
        if (rule == NULL && question->own != GROUP_FIRST)
            rule = first_match(&groups[question->own], question);
        if (rule == NULL)
            rule = first_match(&groups[question->group], question);
    }
    return rule != NULL ? rule->allow : allowed_by_default(question);
}

/* Returns true if a user that a rule names would be allowed to do this: then
 * signing in may help. Looks only at users of rules that allow just this. If it
 * tried the user of every rule, the time would grow with the square of the
 * number of rules, and any client could cause that. */
static bool allowed_to_somebody(struct question question)
{
    const size_t groups[] = {GROUP_FIRST, question.own, question.group};
    if (question.policy == NULL)
        return false;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const struct rules *rules = &question.policy->groups[groups[g]];
        for (size_t i = 0; i < rules->count; i++) {
            const struct rule *rule = &rules->items[i];
            question.user = rule->user;
            if (*rule->user != '\0' && rule->allow && covers(rule, &question) &&
                allowed(&question))
                return true;
        }
    }
    return false;
}

static enum access_verdict judge(struct question question)
{
    if (allowed(&question))
        return ACCESS_ALLOWED;
    if (question.method == HTTP_POST && question.group == GROUP_SQLITE) {
        struct question read = question;
        read.method = HTTP_GET;
        if (allowed(&read))
            return ACCESS_READ_ONLY;
        /* Even reading is denied without signing in, but some user may read. */
        if (*question.user == '\0' && allowed_to_somebody(read))
            return ACCESS_UNKNOWN;
    }
    if (*question.user == '\0' && allowed_to_somebody(question))
        return ACCESS_UNKNOWN;
    return ACCESS_DENIED;
}

static struct question question_of(const struct exchange *exchange)
{
    return (struct question){.exchange = exchange,
                             .group = group_of(exchange),
                             .own = own_group_of(exchange),
                             .method = exchange->request.method,
                             .path = {exchange->path, exchange->path_length},
                             .user = exchange->user};
}

enum access_verdict access_check(struct access *access,
                                 struct exchange *exchange,
                                 unsigned *wait_seconds)
{
    struct question question = question_of(exchange);
    exchange->user[0] = '\0';
    /* Preflights carry no credentials (Fetch standard, CORS protocol). */
    if (question.method == HTTP_OPTIONS)
        return ACCESS_ALLOWED;
    struct text authorization =
        http_field(&exchange->request, TEXT("Authorization"));
    if (authorization.data == NULL &&
        !atomic_load_explicit(&access->has_rules, memory_order_acquire))
        return judge(question);

    struct policy *policy = policy_take(access);
    enum access_verdict verdict = ACCESS_UNKNOWN;
    enum users_answer signed_in = USERS_NOBODY;
    question.policy = policy;
    if (authorization.data != NULL)
        signed_in =
            users_sign_in(policy->users, access->passwords, &exchange->peer,
                          authorization, exchange->user, wait_seconds);
    if (signed_in == USERS_BUSY)
        verdict = ACCESS_BUSY;
    else if (signed_in == USERS_TOO_OFTEN)
        verdict = ACCESS_TOO_OFTEN;
    else if (signed_in != USERS_WRONG)
        verdict = judge(question);
    policy_give_back(access, policy);
    return verdict;
}

enum access_verdict access_check_path(struct access *access,
                                      const struct exchange *exchange,
                                      struct text path)
{
    if (!atomic_load_explicit(&access->has_rules, memory_order_acquire))
        return ACCESS_ALLOWED;
    struct question question = question_of(exchange);
    struct policy *policy = policy_take(access);
    question.path = path;
    question.policy = policy;
    enum access_verdict verdict = judge(question);
    policy_give_back(access, policy);
    return verdict;
}

bool access_sign_in_may_help(struct access *access,
                             const struct exchange *exchange)
{
    struct question question = question_of(exchange);
    if (exchange->user[0] != '\0')
        return false;
    question.policy = policy_take(access);
    bool help = allowed_to_somebody(question);
    policy_give_back(access, (struct policy *)question.policy);
    return help;
}

void access_challenge(struct exchange *exchange)
{
    const char *realm = exchange->server->settings->realm;
    response_field(&exchange->response, "WWW-Authenticate",
                   "Basic realm=\"%s\", charset=\"UTF-8\"", realm);
    response_field(&exchange->response, "WWW-Authenticate",
                   "Bearer realm=\"%s\"", realm);
}
