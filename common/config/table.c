/* table.c - see internal.h. The table of all settings. */
#include "config/internal.h"

#include <string.h>

#define AT(member) offsetof(struct settings, member)

#define NUMBER(section, key, member, min, max, value, help, more)              \
    {                                                                          \
        section, key, SETTING_NUMBER, AT(member), min, max, value, NULL, help, \
            more                                                               \
    }
#define BYTES(section, key, member, min, max, value, help, more)               \
    {                                                                          \
        section, key, SETTING_BYTES, AT(member), min, max, value, NULL, help,  \
            more                                                               \
    }
#define SWITCH(section, key, member, value, help, more)                        \
    {                                                                          \
        section, key, SETTING_SWITCH, AT(member), 0, 0, value, NULL, help,     \
            more                                                               \
    }
#define OTHER(section, key, kind, member, value, example, help, more)          \
    {                                                                          \
        section, key, kind, AT(member), 0, 0, value, example, help, more       \
    }

enum { DAY = 86400 };
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

#define RULE_MORE                                                              \
    "May be given several times: the first rule that matches decides. "

const struct setting settings_table[] = {
    OTHER("server", "listen", SETTING_ADDRESS, listen, "127.0.0.1:8080", NULL,
          "the address to listen on: ADDR:PORT or [V6]:PORT",
          "* stands for every address of this machine, port 0 for a free one."),
    NUMBER("server", "backlog", backlog, 1, 65535, "511",
           "connections that wait for accept",
           "The kernel allows no more than net.core.somaxconn."),
    NUMBER("server", "connections_max", connections_max, 1, 1000000, "10000",
           "connections open at the same time; more get 503", NULL),
    NUMBER("server", "stop_seconds", stop_seconds, 0, 3600, "10",
           "how long SIGTERM lets what is under way finish", NULL),
    OTHER("server", "trust_proxy", SETTING_NETWORKS, trust_proxy, NULL,
          "127.0.0.1, ::1", "proxies whose X-Forwarded-For is believed",
          "A list of CIDR. Then rules, logs and limits see the proxy's client; "
          "the proxy itself has no limits. Unset: X-Forwarded-For is ignored."),
    OTHER("server", "names", SETTING_HOSTS, names, NULL, "www.example.org",
          "host names that this server is asked by; others get 421",
          "A list; * is every name. Looked at if it is set, or while the "
          "address to listen on is this machine's own (127.0.0.1, ::1), as a "
          "page of any web site could point a name there. Addresses, names "
          "without a dot, *.localhost and trusted proxies are always fine."),
    OTHER("server", "user", SETTING_SYSTEM_USER, user, NULL, "fivefold",
          "the user that a server started as root changes to",
          "Once the address is taken and before anything else is opened: this "
          "user needs all the files that are named here. Without it root "
          "serves, and the error log says so."),
    OTHER("server", "group", SETTING_SYSTEM_GROUP, group, NULL, "www-data",
          "the group that comes with user", "Unset: the user's own."),
    OTHER("server", "seccomp", SETTING_CHOICE, seccomp, "off", "off, on, kill",
          "refuse system calls that a server has no use for",
          "As to start a program or to connect to another machine, should "
          "somebody get this far: with on such a call fails, with kill it ends "
          "the server."),
    OTHER("server", "access_log", SETTING_LOG, access_log, "off", NULL,
          "one line a request: off, - for stdout, or a file",
          "In the combined format. SIGHUP opens the file again."),
    OTHER("server", "error_log", SETTING_LOG, error_log, "-", NULL,
          "what goes wrong with the server: - for stderr, or a file", NULL),

    NUMBER("connection", "keepalive_seconds", keepalive_seconds, 0, DAY, "15",
           "how long an idle connection is kept; 0: not at all",
           "With 0 each answer ends its connection, and a new one has "
           "head_seconds to begin."),
    NUMBER("connection", "keepalive_requests", keepalive_requests, 1,
           UINT32_MAX, "10000", "requests on one connection", NULL),
    NUMBER("connection", "head_seconds", head_seconds, 1, DAY, "10",
           "time for a request's head, from its first byte; then 408", NULL),
    NUMBER("connection", "body_seconds", body_seconds, 1, DAY, "20",
           "time in which rate_min_bytes of a body must arrive; else 408",
           NULL),
    NUMBER("connection", "send_seconds", send_seconds, 1, DAY, "60",
           "time in which rate_min_bytes of an answer must leave", NULL),
    NUMBER(
        "connection", "linger_seconds", linger_seconds, 0, 60, "5",
        "how long to wait for more of a client that has its last answer",
        "Closing at once would let the kernel throw away an answer that the "
        "client has not read yet. A client that keeps sending gets six times "
        "that in total."),
    BYTES("connection", "rate_min_bytes", rate_min_bytes, 1, GIB, "1K",
          "the least that must move in body_seconds or send_seconds", NULL),
    NUMBER("connection", "turn_seconds", turn_seconds, 1, DAY, "2",
           "how long one client may keep others out (stage 1)",
           "Stage 1 serves one client at a time; a kept connection is closed "
           "after the answer that ends its turn."),
    BYTES("connection", "send_buffer_bytes", send_buffer_bytes, 0, GIB, "0",
          "SO_SNDBUF of each connection; 0: the kernel decides", NULL),

    BYTES("limits", "request_line_bytes", request_line_bytes, 64, MIB, "8K",
          "a longer request line is 414", NULL),
    BYTES("limits", "head_bytes", head_bytes, 128, 16 * MIB, "16K",
          "a longer head (request line and fields) is 431",
          "At least request_line_bytes."),
    BYTES("limits", "body_bytes", body_bytes, 0, 2 * GIB, "8M",
          "a longer body that is held in memory (SQL) is 413", NULL),
    BYTES("limits", "upload_bytes", upload_bytes, 0, 16 * TIB, "1G",
          "a longer PUT of a file is 413", NULL),
    BYTES("limits", "sqlite_bytes", sqlite_bytes, 16 * MIB, 16 * TIB, "512M",
          "memory that SQLite may take for all databases; then SQLITE_NOMEM",
          "A connection gets at most as much as is still free."),
    BYTES("limits", "memory_bytes", memory_bytes, 0, 16 * TIB, "256M",
          "memory for bodies and answers of all clients; 0: no limit",
          "At least four times body_bytes and response_bytes. What finds no "
          "room gets 503, and those that hold most and move least are closed."),
    NUMBER("limits", "connections_per_address", connections_per_address, 0,
           1000000, "0",
           "connections of one address at a time; more get 429; 0: no limit",
           "Of IPv6 the first 64 bits count as the address. Behind a proxy "
           "every client has the proxy's address, unless trust_proxy in "
           "[server] names the proxy."),
    NUMBER("limits", "requests_per_second", requests_per_second, 0, 1000000,
           "0", "requests of one address; more get 429; 0: no limit", NULL),
    NUMBER("limits", "requests_burst", requests_burst, 1, 1000000, "100",
           "requests that may come faster, after a pause", NULL),
    NUMBER("limits", "ban_after", ban_after, 1, 1000000, "100",
           "answers 429 to one address within 10 s that ban it", NULL),
    NUMBER("limits", "ban_seconds", ban_seconds, 0, DAY, "0",
           "how long its connections are closed at once; 0: never", NULL),
    NUMBER("limits", "password_percent", password_percent, 1, 100, "25",
           "share of the time that wrong passwords may take; 100: no limit",
           "Of the threads that answer; at most half of these check passwords "
           "at the same time. More get 503, and an address that had a quarter "
           "of this share 429."),

    OTHER("files", "root", SETTING_DIRECTORY, files_root, NULL, "/srv/www",
          "the directory whose files are served", "Unset: no files."),
    OTHER("files", "prefix", SETTING_PREFIX, files_prefix, "/", NULL,
          "what their paths start with", NULL),
    OTHER("files", "index", SETTING_NAME, files_index, "index.html", NULL,
          "the file that answers for its directory", NULL),
    SWITCH("files", "listing", files_listing, "off",
           "list a directory that has no index", NULL),
    SWITCH("files", "precompressed", files_precompressed, "on",
           "send FILE.br or FILE.gz to clients that accept them", NULL),
    BYTES("files", "sendfile_bytes", files_sendfile_bytes, 0, 16 * TIB, "32K",
          "from this size on by sendfile(2), below by read(2)", NULL),
    NUMBER("files", "workers", files_workers, 1, 256, "2",
           "threads for what is not in memory (stage 5)", NULL),
    BYTES("files", "cache_bytes", files_cache_bytes, 0, GIB, "8M",
          "answers kept for a second, by each front; 0: none (stage 5)", NULL),
    BYTES("files", "cache_file_bytes", files_cache_file_bytes, 0, MIB, "16K",
          "a larger file is not kept (stage 5)", NULL),
    OTHER("files", "cache_control", SETTING_TEXT, files_cache_control, NULL,
          "max-age=60", "the value of Cache-Control", "Unset: no such field."),
    OTHER("files", "content_security_policy", SETTING_TEXT, files_policy, NULL,
          "sandbox", "the value of Content-Security-Policy",
          "With sandbox a page among these files can run no script, and is of "
          "no origin: it can do nothing in this server's name. For what users "
          "have uploaded. Unset: no such field."),
    OTHER("files", "mime_types", SETTING_FILE, files_mime_types, NULL,
          "/etc/mime.types", "a table of types by extension (mime.types(5))",
          "For extensions that the server does not know itself. Unset: "
          "/etc/mime.types, if it is "
          "there."),
    OTHER("files", "charset", SETTING_TEXT, files_charset, "utf-8", NULL,
          "what Content-Type says of texts; none: nothing",
          "It outweighs what a page says of itself (meta charset)."),
    OTHER("files", "rule", SETTING_RULES, files_rules, NULL,
          "allow write /upload user *", "who may do what with files",
          RULE_MORE
          "allow|deny METHODS PATH [from CIDR] [user NAME]. METHODS is *, or "
          "a list of GET,HEAD,POST,PUT,DELETE,OPTIONS,read,write, where read "
          "is GET,HEAD,OPTIONS and write is POST,PUT,DELETE. PATH covers what "
          "is below it. user * is anybody who has signed in. Without a rule "
          "that matches, reading is allowed and writing is not."),

    OTHER("sqlite", "directory", SETTING_DIRECTORY, sqlite_directory, NULL,
          "/var/lib/fivefold", "the directory of the databases NAME.db",
          "Unset: no databases."),
    OTHER("sqlite", "prefix", SETTING_PREFIX, sqlite_prefix, "/db/", NULL,
          "what their paths start with",
          "As long as it is /db/, /dev/ is another name of it."),
    SWITCH("sqlite", "create", sqlite_create, "off",
           "the first POST to a database creates it", NULL),
    SWITCH("sqlite", "foreign_keys", sqlite_foreign_keys, "off",
           "PRAGMA foreign_keys of each connection", NULL),
    NUMBER("sqlite", "busy_ms", sqlite_busy_ms, 0, 600000, "2000",
           "how long to wait for a lock; then SQLITE_BUSY",
           "Stages with one thread do not wait: they answer at once."),
    NUMBER("sqlite", "query_ms", sqlite_query_ms, 1, DAY * 1000, "5000",
           "how long a statement may run; then SQLITE_INTERRUPT", NULL),
    NUMBER("sqlite", "rows_max", sqlite_rows_max, 1, UINT32_MAX, "100000",
           "rows that one statement may return", NULL),
    BYTES("sqlite", "response_bytes", sqlite_response_bytes, KIB, GIB, "16M",
          "bytes of one answer that is held in memory", NULL),
    BYTES("sqlite", "sql_bytes", sqlite_sql_bytes, 1, 1000000, "100K",
          "bytes of one statement's text", "SQLite itself takes 1000000."),
    BYTES("sqlite", "value_bytes", sqlite_value_bytes, KIB, 1000000000, "1M",
          "bytes of one text, blob or row",
          "Some functions take the square of it, and no limit of time reaches "
          "into a function."),
    BYTES("sqlite", "memory_bytes", sqlite_memory_bytes, MIB, 16 * TIB, "64M",
          "memory for one connection that only reads, or to compile a "
          "statement",
          "Its cache, its statements, what it sorts. A connection that may "
          "write has only the limit sqlite_bytes."),
    SWITCH("sqlite", "full_text", sqlite_full_text, "on",
           "full-text search (FTS3, FTS4, FTS5) by GET and for readers",
           "A MATCH of hundreds of words can take minutes, and nothing ends "
           "it: off where strangers may ask."),
    NUMBER("sqlite", "statements", sqlite_statements, 0, 65536, "64",
           "statements kept prepared on each connection", NULL),
    NUMBER("sqlite", "databases", sqlite_databases, 1, 65536, "64",
           "databases open at the same time", NULL),
    NUMBER("sqlite", "workers", sqlite_workers, 1, 256, "4",
           "threads that run SQL (stage 5)",
           "Readers of one database get at most half of them at a time."),
    NUMBER("sqlite", "streams", sqlite_streams, 1, 65536, "128",
           "interactive streams open at the same time", NULL),
    NUMBER("sqlite", "backups", sqlite_backups, 1, 64, "2",
           "copies taken at the same time; more get 503",
           "A copy needs as much disk space again, next to the databases, "
           "until it is sent."),
    BYTES(
        "sqlite", "wal_bytes", sqlite_wal_bytes, 1024 * KIB, 1024 * GIB, "64M",
        "bytes of a database's write-ahead log; then readers end",
        "A transaction that reads keeps the log from being started over. Those "
        "whose client is away are ended, the oldest first, when it is longer."),
    NUMBER("sqlite", "stream_idle_seconds", sqlite_stream_idle_seconds, 1, DAY,
           "10", "how long a stream waits for its next request", NULL),
    NUMBER("sqlite", "transaction_seconds", sqlite_transaction_seconds, 1, DAY,
           "30",
           "how long a transaction may stay open, or a request run; then "
           "ROLLBACK",
           NULL),
    OTHER("sqlite", "cors", SETTING_ORIGIN, sqlite_cors, "none", NULL,
          "pages of other origins that may ask: none, one origin, or *",
          "An origin is as https://example.org. With * every web page that a "
          "user of this server opens can read here, and write what the rules "
          "let that user write."),
    OTHER("sqlite", "rule", SETTING_RULES, sqlite_rules, NULL,
          "allow * /db/notes user alice", "who may do what with databases",
          RULE_MORE "Syntax and default as in [files]. SQL is sent by POST; "
                    "a client that may GET a database but not POST to it may "
                    "only read."),

    OTHER("pool", "pipeline", SETTING_CHOICE, pool_pipeline, "shortcut",
          "full, shortcut", "whether every step crosses a queue (stage 4)",
          "With shortcut the thread that holds a connection goes on with it "
          "as long as no step can block."),
    SWITCH("pool", "accept_mutex", pool_accept_mutex, "off",
           "only one acceptor at a time waits in accept (stage 4)", NULL),
    NUMBER("pool", "acceptors", pool_acceptors, 1, 64, "1",
           "threads that accept connections (stage 4)", NULL),
    NUMBER("pool", "recv", pool_recv, 1, 64, "1",
           "threads that receive (stage 4)", NULL),
    NUMBER("pool", "work", pool_work, 1, 256, "4",
           "threads that answer: open files, run SQL (stage 4)", NULL),
    NUMBER("pool", "send", pool_send, 1, 64, "1", "threads that send (stage 4)",
           NULL),
    NUMBER("pool", "queue_max", pool_queue_max, 1, 1000000, "4096",
           "requests that may wait for a worker; more get 503",
           "In stage 5 for a worker of one module, and half of them for one "
           "file or database."),
    NUMBER("pool", "fronts", pool_fronts, 1, 64, "1",
           "threads that have the connections (stage 5)",
           "One front can have thousands; more help where there are many "
           "cores and small answers."),

    OTHER("modules", "skeleton", SETTING_PREFIX, module_skeleton, NULL,
          "/hello/", "where module_skeleton.c answers (stage 5)",
          "Unset: nowhere."),

    SWITCH("internals", "enabled", internals, "on",
           "serve /-/, the server's own figures", NULL),
    OTHER("internals", "rule", SETTING_RULES, internals_rules, NULL,
          "allow read /-/metrics from 10.0.0.0/8", "who may see the figures",
          RULE_MORE
          "Syntax as in [files]. Without a rule that matches, reading is "
          "allowed from this machine only."),

    OTHER("users", "htpasswd", SETTING_USERS, htpasswd, NULL,
          "/etc/fivefold/htpasswd", "a file of NAME:HASH for Basic",
          "Written by htpasswd -B."),
    OTHER("users", "token", SETTING_TOKENS, tokens, NULL,
          "alice:8f2d0c5ab2e14c7f", "NAME:TOKEN for Bearer",
          "May be given several times. A client that sends TOKEN is the user "
          "NAME."),
    OTHER("users", "realm", SETTING_TEXT, realm, "fivefold", NULL,
          "what a browser shows when it asks for a password", NULL),
};

const size_t settings_count = sizeof settings_table / sizeof settings_table[0];
_Static_assert(sizeof settings_table / sizeof settings_table[0] <=
                   SETTING_ROWS_MAX,
               "a layer of settings has a place for each row");

const struct setting *setting_find(const char *section, const char *key)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].section, section) == 0 &&
            strcmp(settings_table[i].key, key) == 0)
            return &settings_table[i];
    return NULL;
}

static bool section_known(const char *section)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].section, section) == 0)
            return true;
    return false;
}

bool setting_is_list(const struct setting *setting)
{
    return setting->kind == SETTING_RULES || setting->kind == SETTING_TOKENS;
}

bool setting_is_account(const struct setting *setting)
{
    return setting->kind == SETTING_SYSTEM_USER ||
           setting->kind == SETTING_SYSTEM_GROUP;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum { WORD_MAX = 40 };

/* Returns how many letters must be inserted, deleted or replaced to turn a into
 * b (the Levenshtein distance), or WORD_MAX if a word is too long. row[j] holds
 * the distance between the first i letters of a and the first j of b. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], b_length = strlen(b);
    if (strlen(a) > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

void setting_nearest_try(struct setting_nearest *nearest, const char *word,
                         const char *candidate)
{
    size_t d = distance(word, candidate);
    size_t close = strlen(candidate) < 6 ? 1 : strlen(candidate) / 3;
    if (d > close || (nearest->best != NULL && d >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = d;
}

int setting_unknown_section(const char *section, const char *where,
                            struct mistake *mistake)
{
    struct setting_nearest nearest = {0};
    for (size_t i = 0; i < settings_count; i++)
        setting_nearest_try(&nearest, section, settings_table[i].section);
    if (nearest.best != NULL)
        return mistake_at(mistake, where, "no section [%s]; [%s] may be meant",
                          section, nearest.best);
    return mistake_at(mistake, where,
                      "no section [%s]; --example shows all that there are",
                      section);
}

int setting_unknown_key(const char *section, const char *key, const char *where,
                        struct mistake *mistake)
{
    struct setting_nearest nearest = {0};
    const char *other = NULL;
    if (!section_known(section))
        return setting_unknown_section(section, where, mistake);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (strcmp(row->section, section) == 0)
            setting_nearest_try(&nearest, key, row->key);
        else if (strcmp(row->key, key) == 0)
            other = row->section;
    }
    if (other != NULL)
        return mistake_at(mistake, where,
                          "no setting %s in [%s]; it belongs to [%s]", key,
                          section, other);
    if (nearest.best != NULL)
        return mistake_at(mistake, where,
                          "no setting %s in [%s]; %s may be meant", key,
                          section, nearest.best);
    return mistake_at(mistake, where,
                      "no setting %s in [%s]; --example shows all that there "
                      "are",
                      key, section);
}
