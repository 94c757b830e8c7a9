/* users.c - see users.h.
 *
 * Authorization -> name and password -> remembered? -> may it be checked now?
 *   -> crypt_r -> remembered
 *
 * The hash is slow on purpose and would make each request slow, so a right
 * password is remembered. Wrong ones are not: guessing must stay slow, and must
 * not push out the entries of other users. */
#include "access/users.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/siphash.h"
#include "config/settings.h"
#include "report/stats.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    CREDENTIALS_MAX = 256, /* bytes of NAME:PASSWORD; browsers send less */
    MEMORY_ENTRIES = 1024,
    MEMORY_WAYS = 4,            /* entries that one name can use */
    MEMORY_MS = 10 * 60 * 1000, /* an entry unused for this long is forgotten */
};

struct user {
    char *name; /* owned */
    char *hash; /* owned */
};

struct token {
    char *name;         /* owned; the token follows its NUL */
    struct text secret; /* the token, in name's memory */
};

/* Two hashes of a name and its password. It is kept instead of them. */
struct proof {
    uint64_t words[2];
};

struct remembered {
    uint64_t until_ms; /* clock_ms; 0: empty */
    struct proof proof;
};

struct users {
    /* These do not change after users_read; any thread may read them. */
    struct user *users;
    size_t user_count;
    struct token *tokens;
    size_t token_count;
    uint64_t proof_keys[2][2]; /* secret; one for each word of a proof */

    /* Under lock. */
    pthread_mutex_t lock;
    struct remembered memory[MEMORY_ENTRIES];
};

/* Reading the htpasswd file. */

static int add_user(struct users *users, const char *name, const char *hash)
{
    size_t count = users->user_count;
    struct user *grown = realloc(users->users, (count + 1) * sizeof *grown);
    if (grown == NULL)
        return -1;
    users->users = grown;
    grown[count] = (struct user){strdup(name), strdup(hash)};
    users->user_count++;
    return grown[count].name != NULL && grown[count].hash != NULL ? 0 : -1;
}

static const struct user *find_user(const struct users *users, const char *name)
{
    for (size_t i = 0; i < users->user_count; i++)
        if (strcmp(users->users[i].name, name) == 0)
            return &users->users[i];
    return NULL;
}

/* Returns true for hashes that crypt(3) can verify and that are still good
 * enough for passwords. Not the old DES hash, not Apache's own $apr1$ and
 * {SHA}, and no plain text. */
static bool hash_is_known(const char *hash)
{
    static const char *const prefixes[] = {"$2y$", "$2b$", "$2a$", "$6$",
                                           "$5$",  "$1$",  "$y$"};
    bool known = false;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        known |= strncmp(hash, prefixes[i], strlen(prefixes[i])) == 0;
    if (!known || (hash[1] == '2' && strlen(hash) != 60))
        return false;
    int salt = crypt_checksalt(hash);
    return salt == CRYPT_SALT_OK || salt == CRYPT_SALT_METHOD_LEGACY;
}

static bool name_is_good(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    return length > 0 && length <= USER_MAX && strcmp(name, "*") != 0;
}

static int read_user_line(struct users *users, char *line, const char *where,
                          struct mistake *mistake)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (*line == '\0' || *line == '#')
        return 0;
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return mistake_at(mistake, where,
                          "no colon; a line is NAME:HASH, as htpasswd -B "
                          "writes it");
    *colon = '\0';
    if (!name_is_good(line))
        return mistake_at(mistake, where,
                          "a name is 1 to %d bytes without blanks, and not *",
                          USER_MAX);
    if (!hash_is_known(colon + 1))
        return mistake_at(mistake, where,
                          "user %s: this kind of hash is not accepted; use "
                          "htpasswd -B",
                          line);
    if (find_user(users, line) != NULL)
        return mistake_at(mistake, where,
                          "user %s is given twice; remove one of the two",
                          line);
    if (add_user(users, line, colon + 1) < 0)
        return mistake_memory(mistake, where);
    return 0;
}

static int read_htpasswd(struct users *users, const char *path,
                         struct mistake *mistake)
{
    char where[512], *line = NULL;
    size_t size = 0;
    int result = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return mistake_error(
            mistake, errno, "[users] htpasswd",
            "cannot read %s: %s; write one with htpasswd -B -c", path,
            strerror(errno));
    errno = 0;
    for (unsigned n = 1; result == 0 && getline(&line, &size, file) >= 0; n++) {
        snprintf(where, sizeof where, "%s:%u", path, n);
        result = read_user_line(users, line, where, mistake);
    }
    /* Without memory getline fails before the end of the file. */
    if (result == 0 && !feof(file))
        result = mistake_error(mistake, errno, "[users] htpasswd",
                               "cannot read %s: %s; "
                               "name a file",
                               path, strerror(errno));
    if (line != NULL)
        explicit_bzero(line, size);
    free(line);
    fclose(file);
    return result;
}

/* Reading the tokens. */

/* Checks that text is "NAME:TOKEN". Returns 0, or -1 with mistake. */
static int check_token(const char *text, const char *where,
                       struct mistake *mistake)
{
    char name[USER_MAX + 1];
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon[1] == '\0')
        return mistake_at(mistake, where,
                          "a token is written NAME:TOKEN; both are needed");
    size_t length = (size_t)(colon - text);
    memcpy(name, text, length < sizeof name ? length : 0);
    name[length < sizeof name ? length : 0] = '\0';
    if (!name_is_good(name))
        return mistake_at(mistake, where,
                          "a name is 1 to %d bytes without blanks, and not *",
                          USER_MAX);
    for (const char *at = colon + 1; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return mistake_at(mistake, where,
                              "the token of %s holds a blank or a character "
                              "that a header cannot carry; choose another",
                              name);
    return 0;
}

/* Two users with the same token could not be told apart. */
static int check_token_is_one(const struct users *users, const char *where,
                              struct mistake *mistake)
{
    const struct token *last = &users->tokens[users->token_count - 1];
    for (const struct token *token = users->tokens; token < last; token++)
        if (strcmp(token->name, last->name) != 0 &&
            text_equal_secret(token->secret, last->secret))
            return mistake_at(mistake, where,
                              "the token of %s is that of %s too; choose "
                              "another",
                              last->name, token->name);
    return 0;
}

static int add_tokens(struct users *users, const struct setting_list *list,
                      struct mistake *mistake)
{
    users->tokens = calloc(list->count + 1, sizeof *users->tokens);
    if (users->tokens == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (check_token(list->items[i].value, list->items[i].where, mistake) <
            0)
            return -1;
        char *copy = strdup(list->items[i].value);
        char *colon = copy != NULL ? strchr(copy, ':') : NULL;
        if (colon == NULL) {
            free(copy);
            return -1;
        }
        *colon = '\0';
        users->tokens[i] = (struct token){copy, text_of(colon + 1)};
        users->token_count++;
        if (check_token_is_one(users, list->items[i].where, mistake) < 0)
            return -1;
    }
    return 0;
}

struct users *users_read(const struct settings *settings,
                         struct mistake *mistake)
{
    struct users *users = calloc(1, sizeof *users);
    if (users == NULL) {
        mistake_memory(mistake, "[users]");
        return NULL;
    }
    pthread_mutex_init(&users->lock, NULL);
    if (getrandom(users->proof_keys, sizeof users->proof_keys, 0) < 0)
        mistake_at(mistake, "[users]", "no random numbers: %s",
                   strerror(errno));
    else if (add_tokens(users, &settings->tokens, mistake) < 0)
        mistake_memory(mistake, "[users] token");
    else if (settings->htpasswd == NULL ||
             read_htpasswd(users, settings->htpasswd, mistake) == 0)
        return users;
    users_release(users);
    return NULL;
}

static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void users_release(struct users *users)
{
    if (users == NULL)
        return;
    for (size_t i = 0; i < users->user_count; i++) {
        free(users->users[i].name);
        free_secret(users->users[i].hash);
    }
    for (size_t i = 0; i < users->token_count; i++) {
        struct token *token = &users->tokens[i];
        explicit_bzero((char *)token->secret.data, token->secret.length);
        free(token->name);
    }
    free(users->users);
    free(users->tokens);
    pthread_mutex_destroy(&users->lock);
    explicit_bzero(users, sizeof *users);
    free(users);
}

/* Signing in. */

/* The keys are secret, so a client cannot compute other credentials with the
 * same proof. It never sees a proof, and only learns that it was wrong. There
 * are two hashes, because one of 64 bits could match by chance in a server that
 * runs for years. */
static struct proof prove(const struct users *users, struct text credentials)
{
    return (struct proof){{siphash(users->proof_keys[0], 0, credentials),
                           siphash(users->proof_keys[1], 0, credentials)}};
}

/* Without a branch, so that the time does not tell how much of a proof was
 * right. */
static bool proofs_equal(const struct proof *a, const struct proof *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) == 0;
}

/* Returns the first of the MEMORY_WAYS entries that a name can use. Only the
 * name decides which: if the password did too, the time of a look-up would tell
 * something about it. */
static struct remembered *memory_of_locked(struct users *users,
                                           const char *name)
{
    uint64_t hash = text_hash(0, text_of(name));
    return &users->memory[hash % (MEMORY_ENTRIES / MEMORY_WAYS) * MEMORY_WAYS];
}

/* Users and hashes do not change while this memory exists, so a password that
 * was right still is. The entry's time begins again with each use. */
static bool memory_has(struct users *users, const char *name,
                       const struct proof *proof)
{
    bool found = false;
    uint64_t now = clock_ms();
    pthread_mutex_lock(&users->lock);
    struct remembered *entry = memory_of_locked(users, name);
    for (size_t i = 0; i < MEMORY_WAYS; i++, entry++) {
        if (entry->until_ms <= now)
            *entry = (struct remembered){0};
        if (entry->until_ms != 0 && proofs_equal(&entry->proof, proof)) {
            entry->until_ms = now + MEMORY_MS;
            found = true;
        }
    }
    pthread_mutex_unlock(&users->lock);
    return found;
}

/* Replaces the entry that has not been used for the longest time. */
static void memory_add(struct users *users, const char *name,
                       const struct proof *proof)
{
    pthread_mutex_lock(&users->lock);
    struct remembered *entry = memory_of_locked(users, name), *oldest = entry;
    for (size_t i = 1; i < MEMORY_WAYS; i++)
        if (entry[i].until_ms < oldest->until_ms)
            oldest = &entry[i];
    *oldest = (struct remembered){clock_ms() + MEMORY_MS, *proof};
    pthread_mutex_unlock(&users->lock);
}

static bool password_fits(const char *hash, const char *password)
{
    /* 32 KiB: too much for a thread's stack. */
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL)
        return false;
    const char *result = crypt_r(password, hash, data);
    bool fits = result != NULL && *result != '*' &&
                text_equal_secret(text_of(result), text_of(hash));
    explicit_bzero(data, sizeof *data);
    free(data);
    return fits;
}

/* The arguments of users_sign_in. */
struct sign_in {
    struct users *users;
    struct password_limit *limit;
    const struct peer *peer;
    char *name;             /* result; USER_MAX + 1 bytes */
    unsigned *wait_seconds; /* result */
};

static const char *hash_for_unknown(const struct sign_in *sign_in)
{
    const struct users *users = sign_in->users;
    uint64_t hash = siphash(users->proof_keys[0], 0, text_of(sign_in->name));
    return users->users[hash % users->user_count].hash;
}

/* Computes the hash and compares it, if the limit allows that. */
static enum users_answer hash_password(const struct sign_in *sign_in,
                                       const char *password)
{
    const struct users *users = sign_in->users;
    const struct user *user = find_user(users, sign_in->name);
    /* An unknown name must take as long as a wrong password, or the time would
     * tell which names exist. Users' hashes may take different times. So each
     * unknown name gets the hash of some user, always the same one. */
    const char *hash = user != NULL ? user->hash : hash_for_unknown(sign_in);
    uint64_t start_ns = clock_ns();
    switch (password_limit_begin(sign_in->limit, sign_in->peer, start_ns,
                                 sign_in->wait_seconds)) {
    case PASSWORD_CHECK:
        break;
    case PASSWORD_BUSY:
        stats_add(STAT_passwords_refused, 1);
        return USERS_BUSY;
    case PASSWORD_TOO_OFTEN:
        stats_add(STAT_passwords_limited, 1);
        return USERS_TOO_OFTEN;
    }
    bool right = password_fits(hash, password) && user != NULL;
    password_limit_end(sign_in->limit, sign_in->peer, start_ns, clock_ns(),
                       right);
    stats_add(STAT_passwords_checked, 1);
    if (!right)
        stats_add(STAT_passwords_wrong, 1);
    return right ? USERS_KNOWN : USERS_WRONG;
}

/* credentials is NAME:PASSWORD, length bytes, with a NUL after them. */
static enum users_answer check_password(const struct sign_in *sign_in,
                                        const char *credentials, size_t length)
{
    struct users *users = sign_in->users;
    struct text all = {credentials, length}, password = all;
    struct text who = text_split(&password, ':');
    if (password.data == NULL || who.length == 0 || who.length > USER_MAX ||
        memchr(credentials, '\0', length) != NULL || users->user_count == 0)
        return USERS_WRONG;
    memcpy(sign_in->name, who.data, who.length);
    sign_in->name[who.length] = '\0';
    struct proof proof = prove(users, all);
    if (memory_has(users, sign_in->name, &proof)) {
        stats_add(STAT_passwords_remembered, 1);
        return USERS_KNOWN;
    }
    enum users_answer answer = hash_password(sign_in, password.data);
    if (answer == USERS_KNOWN)
        memory_add(users, sign_in->name, &proof);
    return answer;
}

static enum users_answer sign_in_basic(const struct sign_in *sign_in,
                                       struct text encoded)
{
    unsigned char credentials[CREDENTIALS_MAX + 4];
    enum users_answer answer = USERS_WRONG;
    if (encoded.length / 4 * 3 + 3 > CREDENTIALS_MAX)
        return USERS_WRONG;
    ssize_t length = base64_decode(encoded, credentials);
    if (length > 0) {
        credentials[length] = '\0';
        answer = check_password(sign_in, (char *)credentials, (size_t)length);
    }
    explicit_bzero(credentials, sizeof credentials);
    return answer;
}

/* Compares with all tokens, so that the time does not tell which it was. */
static enum users_answer sign_in_bearer(const struct users *users,
                                        struct text secret, char *name)
{
    const struct token *found = NULL;
    for (size_t i = 0; i < users->token_count; i++)
        if (text_equal_secret(users->tokens[i].secret, secret))
            found = &users->tokens[i];
    if (found == NULL)
        return USERS_WRONG;
    memcpy(name, found->name, strlen(found->name) + 1);
    return USERS_KNOWN;
}

enum users_answer users_sign_in(struct users *users,
                                struct password_limit *limit,
                                const struct peer *peer,
                                struct text authorization, char *name,
                                unsigned *wait_seconds)
{
    struct text rest = authorization;
    struct text scheme = text_split(&rest, ' ');
    struct sign_in sign_in = {users, limit, peer, name, wait_seconds};
    enum users_answer answer = USERS_NOBODY;
    rest = rest.data != NULL ? text_trim(rest) : TEXT("");
    name[0] = '\0';
    /* If there are no users, credentials mean nothing. SQL clients send a
     * made-up token to a server that asks for none. */
    if (users->user_count == 0 && users->token_count == 0)
        return USERS_NOBODY;
    if (text_equal_nocase(scheme, TEXT("Basic")))
        answer = sign_in_basic(&sign_in, rest);
    else if (text_equal_nocase(scheme, TEXT("Bearer")))
        answer = sign_in_bearer(users, rest, name);
    if (answer != USERS_KNOWN)
        name[0] = '\0';
    return answer;
}
