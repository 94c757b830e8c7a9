/* fixture.c - the tree of files and the database that every stage serves.
 *
 * One tree for all stages, all times the same, so that answers can be compared
 * byte for byte. */
#include "suite.h"

#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIXTURE_TIME = 1577934245 }; /* Thu, 02 Jan 2020 03:04:05 GMT */

/* Small files: path beneath root, content. */
static const struct {
    const char *path, *content;
} small[] = {
    {"index.html", "<!doctype html><title>home</title>\n"},
    {"small.txt", "hello\n"},
    {"letters.txt", "abcdefghijklmnopqrstuvwxyz"},
    {"empty.txt", ""},
    {"one.txt", "1"},
    {"page.html", "<p>page</p>\n"},
    {"page.htm", "<p>htm</p>\n"},
    {"style.css", "p{}\n"},
    {"script.js", "1;\n"},
    {"module.mjs", "2;\n"},
    {"data.json", "{}\n"},
    {"feed.xml", "<x/>\n"},
    {"picture.png", "\x89PNG"},
    {"picture.jpg", "\xff\xd8"},
    {"picture.gif", "GIF89a"},
    {"picture.svg", "<svg/>\n"},
    {"picture.webp", "RIFF"},
    {"favicon.ico", "icon"},
    {"font.woff2", "wOF2"},
    {"paper.pdf", "%PDF"},
    {"code.wasm", "wasm"},
    {"film.mp4", "mp4"},
    {"archive.zip", "PK"},
    {"UPPER.HTML", "<p>upper</p>\n"},
    {"what.unknown", "what"},
    {"noextension", "none"},
    {"with space.txt", "space\n"},
    {"\xc5\xbelu\xc5\xa5.txt", "yellow\n"},
    {"percent%41.txt", "percent\n"},
    {"plus+plus.txt", "plus\n"},
    {"semi;colon.txt", "semi\n"},
    {"dots..txt", "dots\n"},
    {"...", "three dots\n"},
    {".hidden", "hidden\n"},
    {"sub/index.html", "<p>sub</p>\n"},
    {"sub/deep/file.txt", "deep\n"},
    {"bare/a.txt", "a\n"},
    {"bare/b&<c>\".txt", "b\n"},
    {"bare/inner/x.txt", "x\n"},
    {"bare/.secret", "secret\n"},
    {"zipped.js", "plain script, long enough to be worth it\n"},
    {"zipped.js.gz", "GZIP BYTES"},
    {"zipped.js.br", "BROTLI BYTES"},
    {"gzonly.css", "plain style, long enough to be worth it\n"},
    {"gzonly.css.gz", "GZIP STYLE"},
    {"put/keep.txt", "keep\n"},
    {"put/held/x", "x\n"},
    {"private/a.txt", "private\n"},
    {"../secret.txt", "outside the root\n"},
};

static void make_path_in(const char *top, const char *name, char *path,
                         size_t size)
{
    snprintf(path, size, "%s/%s", top, name);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

static void make_path(const char *name, char *path, size_t size)
{
    make_path_in(suite.root, name, path, size);
}

void fixture_path(const char *name, char *path, size_t size)
{
    make_path_in(suite.work, name, path, size);
}

void fixture_write(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        perror(path);
        exit(1);
    }
    const char *at = data;
    while (n > 0) {
        ssize_t put = write(fd, at, n);
        if (put < 0) {
            perror(path);
            exit(1);
        }
        at += put;
        n -= (size_t)put;
    }
    close(fd);
}

static void set_time(const char *path)
{
    struct timespec times[2] = {{.tv_sec = FIXTURE_TIME},
                                {.tv_sec = FIXTURE_TIME}};
    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static int set_time_of(const char *path, const struct stat *facts, int type,
                       struct FTW *walk)
{
    (void)facts;
    (void)type;
    (void)walk;
    set_time(path);
    return 0;
}

unsigned char fixture_byte(size_t i)
{
    return (unsigned char)(i ^ (i >> 8) ^ (i >> 16) * 31u);
}

static void write_long(const char *name, size_t n)
{
    char path[700];
    make_path(name, path, sizeof path);
    unsigned char *data = malloc(n ? n : 1);
    if (!data)
        abort();
    for (size_t i = 0; i < n; i++)
        data[i] = fixture_byte(i);
    fixture_write(path, data, n);
    free(data);
}

static void make_links(void)
{
    static const struct {
        const char *to, *name;
    } links[] = {
        {"small.txt", "link_in"},         {"/etc/hostname", "link_out"},
        {"../secret.txt", "link_up"},     {"sub", "link_directory"},
        {"link_loop", "link_loop"},       {"/proc/self/fd/0", "link_magic"},
        {"nowhere", "link_dangling"},     {"..", "link_parent"},
        {"/proc/self/root", "link_root"},
    };
    char path[700];
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        make_path(links[i].name, path, sizeof path);
        if (symlink(links[i].to, path) != 0)
            perror(path);
    }
    make_path("fifo", path, sizeof path);
    mkfifo(path, 0644);
}

void fixture_make(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(suite.work, sizeof suite.work, "%s/fivefold-suite-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(suite.work)) {
        perror(suite.work);
        exit(1);
    }
    chmod(suite.work, 0777);
    snprintf(suite.root, sizeof suite.root, "%s/root", suite.work);
    char path[700];
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        make_path(small[i].path, path, sizeof path);
        fixture_write(path, small[i].content, strlen(small[i].content));
    }
    write_long("exact.bin", EXACT_BYTES);
    write_long("under.bin", EXACT_BYTES - 1);
    write_long("over.bin", EXACT_BYTES + 1);
    write_long("middle.bin", 300 * 1000);
    write_long("big.bin", BIG_BYTES);
    make_links();
    make_path("nobody", path, sizeof path);
    mkdir(path, 0755);
    nftw(suite.root, set_time_of, 16, FTW_PHYS | FTW_DEPTH);
}

static int remove_one(const char *path, const struct stat *facts, int type,
                      struct FTW *walk)
{
    (void)facts;
    (void)type;
    (void)walk;
    remove(path);
    return 0;
}

void fixture_remove(void)
{
    nftw(suite.work, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

static void make_database(const char *path, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", path, message ? message : "cannot open");
        exit(1);
    }
    sqlite3_close(db);
}

void fixture_sql(const char *name, const char *sql)
{
    char path[700];
    fixture_path(name, path, sizeof path);
    make_database(path, sql);
}

void fixture_database(const char *directory)
{
    char path[700];
    mkdir(directory, 0777);
    snprintf(path, sizeof path, "%s/t.db", directory);
    make_database(
        path, "PRAGMA journal_mode=WAL;"
              "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
              " people INTEGER, area REAL, seal BLOB);"
              "INSERT INTO city VALUES"
              " (1,'Brno',402739,230.18,x'00ff10'),"
              " (2,'Praha',1384732,496.21,NULL),"
              " (3,'\xc5\xbd\xc4\x8f\xc3\xa1r',20117,NULL,x'');"
              "CREATE TABLE river(id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
              " city INTEGER REFERENCES city(id));"
              "INSERT INTO river VALUES(1,'Svratka',1),(2,'Vltava',2);"
              "CREATE VIEW large AS SELECT name FROM city WHERE people>100000;"
              "CREATE TABLE scratch(id INTEGER PRIMARY KEY, v);");
    snprintf(path, sizeof path, "%s/other.db", directory);
    make_database(path, "CREATE TABLE o(x); INSERT INTO o VALUES(7);");
    snprintf(path, sizeof path, "%s/notes.txt", directory);
    fixture_write(path, "not a database\n", 15);
    snprintf(path, sizeof path, "%s/broken.db", directory);
    fixture_write(path,
                  "This is no SQLite file at all, but some text that is "
                  "longer than the header of one would be. ....... ....",
                  104);
}
