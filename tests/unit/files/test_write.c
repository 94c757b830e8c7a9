/* test_write.c - PUT and DELETE: whole or not at all. */
#include "tests/unit/files_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/xattr.h>

/* How many names the directory has, temporary ones too. */
static int count_names(struct fixture *f, const char *directory)
{
    char path[256];
    int count = 0;
    snprintf(path, sizeof path, "%s/%s", f->root, directory);
    DIR *stream = opendir(path);
    assert_non_null(stream);
    for (struct dirent *found; (found = readdir(stream)) != NULL;)
        count +=
            strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0;
    closedir(stream);
    return count;
}

static void assert_content(struct fixture *f, const char *name,
                           const char *expected)
{
    char bytes[256] = "";
    int fd = openat(f->root_fd, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof bytes - 1) >= 0);
    close(fd);
    assert_string_equal(bytes, expected);
}

/* Both kinds of temporary file: without a name, and with one. */
static void put_both_ways(struct fixture *f, bool have_proc)
{
    char tag[1024];
    struct stat st;
    f->files->have_proc = have_proc;
    mode_t mask = umask(022);
    assert_int_equal(ask(f, "PUT", "/n%20%C3%A4.txt", ""), 0);
    assert_true(f->exchange.spool_fd >= 0);
    assert_int_equal(f->exchange.body_max, 1 << 20);
    assert_int_equal(faccessat(f->root_fd, "n \xC3\xA4.txt", F_OK, 0), -1);
    assert_int_equal(send_body(f, "first"), 201);
    umask(mask);
    assert_field(f, "Location", "/n%20%C3%A4.txt");
    strcpy(tag, field(f, "ETag"));
    assert_content(f, "n \xC3\xA4.txt", "first");
    assert_int_equal(fstatat(f->root_fd, "n \xC3\xA4.txt", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(ask(f, "GET", "/n%20%C3%A4.txt", ""), 200);
    assert_field(f, "ETag", tag);
    assert_int_equal(ask(f, "PUT", "/n%20%C3%A4.txt", ""), 0);
    assert_int_equal(send_body(f, "second"), 204);
    assert_null(field(f, "Location"));
    assert_string_not_equal(field(f, "ETag"), tag);
    assert_content(f, "n \xC3\xA4.txt", "second");
    forget_exchange(f);
    assert_int_equal(count_names(f, ""), 1);
    assert_int_equal(ask(f, "DELETE", "/n%20%C3%A4.txt", ""), 204);
    assert_int_equal(count_names(f, ""), 0);
}

static void put_makes_and_replaces_whole_files(void **state)
{
    struct fixture *f = *state;
    put_both_ways(f, true);
    put_both_ways(f, false);
}

static void new_file_is_no_more_open_than_the_old(void **state)
{
    /* Bug: a file of 0600 that somebody puts anew is for everybody. */
    struct fixture *f = *state;
    static const mode_t modes[] = {0600, 0640, 0444, 0755, 0666};
    struct stat before, after;
    for (size_t i = 0; i < 2 * sizeof modes / sizeof *modes; i++) {
        mode_t mode = modes[i / 2];
        f->files->have_proc = i % 2;
        write_file(f, "s.txt", "old");
        assert_int_equal(fchmodat(f->root_fd, "s.txt", mode, 0), 0);
        if (geteuid() == 0)
            assert_int_equal(fchownat(f->root_fd, "s.txt", 1, 2, 0), 0);
        assert_int_equal(fstatat(f->root_fd, "s.txt", &before, 0), 0);
        assert_int_equal(ask(f, "PUT", "/s.txt", ""), 0);
        assert_int_equal(fstat(f->exchange.spool_fd, &after), 0);
        assert_int_equal(after.st_mode & 0777 & ~mode, 0); /* meanwhile */
        assert_int_equal(send_body(f, "new"), 204);
        assert_content(f, "s.txt", "new");
        assert_int_equal(fstatat(f->root_fd, "s.txt", &after, 0), 0);
        assert_int_equal(after.st_mode & 07777, mode);
        assert_int_equal(after.st_uid, before.st_uid);
        assert_int_equal(after.st_gid, before.st_gid);
        forget_exchange(f);
        assert_int_equal(unlinkat(f->root_fd, "s.txt", 0), 0);
    }
}

/* Where the kernel keeps what setfacl(1) does, as acl(5) has it: version 2,
 * then tag, permissions and id of each entry. */
static const unsigned char acl_of_one_more[] = {
    2,    0, 0, 0,                         /* version */
    0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* owner: rw */
    0x02, 0, 6, 0, 0xe8, 0x03, 0,    0,    /* user 1000: rw */
    0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* group: nothing */
    0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* mask: rw */
    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* others: nothing */
};

/* Bug: the mask of the ACL, which stands in the group's place, became what the
 * group may do. */
static void acl_is_not_taken_for_the_group(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    write_file(f, "acl.txt", "old");
    int fd = openat(f->root_fd, "acl.txt", O_RDONLY | O_CLOEXEC);
    int rc = fsetxattr(fd, "system.posix_acl_access", acl_of_one_more,
                       sizeof acl_of_one_more, 0);
    close(fd);
    if (rc < 0)
        skip(); /* a file system without */
    assert_int_equal(fstatat(f->root_fd, "acl.txt", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(ask(f, "PUT", "/acl.txt", ""), 0);
    assert_int_equal(send_body(f, "new"), 204);
    assert_int_equal(fstatat(f->root_fd, "acl.txt", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* Bug: GET and PUT had different tags for a type that has a coding, and no
 * condition ever held. */
static void coded_type_has_one_tag(void **state)
{
    struct fixture *f = *state;
    char condition[1100];
    assert_int_equal(ask(f, "PUT", "/a.svgz", ""), 0);
    assert_int_equal(send_body(f, "v1"), 201);
    snprintf(condition, sizeof condition, "If-None-Match: %s\r\n",
             field(f, "ETag"));
    assert_int_equal(ask(f, "GET", "/a.svgz", condition), 304);
    snprintf(condition, sizeof condition, "If-Match: %s\r\n", field(f, "ETag"));
    assert_int_equal(ask(f, "PUT", "/a.svgz", condition), 0);
    assert_int_equal(send_body(f, "v2"), 204);
}

static void permissions_changed_meanwhile_are_kept(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    write_file(f, "s.txt", "old");
    assert_int_equal(ask(f, "PUT", "/s.txt", ""), 0);
    assert_int_equal(fchmodat(f->root_fd, "s.txt", 0600, 0), 0);
    assert_int_equal(send_body(f, "new"), 204);
    assert_int_equal(fstatat(f->root_fd, "s.txt", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void client_that_vanishes_leaves_nothing(void **state)
{
    /* A temporary file that stays fills the disk, one broken upload a time. */
    struct fixture *f = *state;
    for (int have_proc = 0; have_proc < 2; have_proc++) {
        f->files->have_proc = have_proc;
        write_file(f, "a", "old");
        assert_int_equal(ask(f, "PUT", "/a", ""), 0);
        assert_int_equal(count_names(f, ""), have_proc ? 1 : 2);
        assert_int_equal(write(f->exchange.spool_fd, "ne", 2), 2);
        forget_exchange(f);
        assert_int_equal(count_names(f, ""), 1);
        assert_content(f, "a", "old");
    }
}

static void reader_keeps_the_file_that_it_has_open(void **state)
{
    struct fixture *f = *state;
    char bytes[8] = "";
    write_file(f, "a", "old");
    int fd = openat(f->root_fd, "a", O_RDONLY);
    assert_int_equal(ask(f, "PUT", "/a", ""), 0);
    assert_int_equal(send_body(f, "newer"), 204);
    assert_int_equal(read(fd, bytes, sizeof bytes), 3);
    assert_string_equal(bytes, "old");
    close(fd);
}

static void target_must_be_a_file_in_a_directory(void **state)
{
    struct fixture *f = *state;
    char longest[400] = "/";
    memset(longest + 1, 'n', 300);
    make_directory(f, "d");
    write_file(f, "file", "x");
    assert_int_equal(mkfifoat(f->root_fd, "fifo", 0644), 0);
    assert_int_equal(symlinkat("..", f->root_fd, "up"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->root_fd, "out"), 0);
    assert_int_equal(ask(f, "PUT", "/", ""), 409);
    assert_int_equal(ask(f, "PUT", "/d/", ""), 409);
    assert_int_equal(ask(f, "PUT", "/d", ""), 409);
    assert_int_equal(ask(f, "PUT", "/fifo", ""), 409);
    assert_int_equal(ask(f, "PUT", "/no/a", ""), 409);
    assert_int_equal(ask(f, "PUT", "/file/a", ""), 409);
    assert_int_equal(ask(f, "PUT", "/up/a", ""), 409);
    assert_int_equal(ask(f, "PUT", "/out", ""), 403);
    assert_int_equal(ask(f, "PUT", longest, ""), 409);
    assert_int_equal(ask(f, "PUT", "/d/a", ""), 0);
    assert_int_equal(ask(f, "PUT", "/d/.a", ""), 403);
}

static void part_or_coding_is_not_taken_for_the_file(void **state)
{
    /* A resumed upload would cut the file to its last part. */
    struct fixture *f = *state;
    write_file(f, "a", "whole");
    assert_int_equal(ask(f, "PUT", "/a", "Content-Range: bytes 0-0/5\r\n"),
                     400);
    assert_int_equal(ask(f, "PUT", "/a", "Content-Encoding: gzip\r\n"), 415);
    assert_field(f, "Accept-Encoding", "identity");
    assert_int_equal(ask(f, "PUT", "/a", "Content-Encoding: identity\r\n"), 0);
    assert_content(f, "a", "whole");
}

static void update_that_came_between_is_not_lost(void **state)
{
    /* Both saw the same tag; the second must not undo the first. */
    struct fixture *f = *state;
    char fields[1100];
    write_file(f, "a", "old");
    ask(f, "GET", "/a", "");
    snprintf(fields, sizeof fields, "If-Match: %s\r\n", field(f, "ETag"));
    assert_int_equal(ask(f, "PUT", "/a", fields), 0);
    write_file(f, "a", "others");
    assert_int_equal(send_body(f, "mine"), 412);
    assert_content(f, "a", "others");
    assert_int_equal(unlinkat(f->root_fd, "a", 0), 0);
    assert_int_equal(ask(f, "PUT", "/a", "If-None-Match: *\r\n"), 0);
    write_file(f, "a", "others");
    assert_int_equal(send_body(f, "mine"), 412);
    forget_exchange(f);
    assert_content(f, "a", "others");
    assert_int_equal(count_names(f, ""), 1);
}

enum { WRITERS = 4, ADDITIONS = 10 };

/* Adds 1 to the number in /n as a careful client does: reads it, puts the sum
 * on condition that nobody has written meanwhile, else starts anew. */
static void *add_carefully(void *argument)
{
    struct fixture *f = argument;
    for (int added = 0; added < ADDITIONS;) {
        char fields[1100], sum[16];
        if (ask(f, "GET", "/n", "") != 200)
            return NULL;
        snprintf(sum, sizeof sum, "%d", atoi(f->body) + 1);
        snprintf(fields, sizeof fields, "If-Match: %s\r\n", field(f, "ETag"));
        added += ask(f, "PUT", "/n", fields) == 0 && send_body(f, sum) == 204;
    }
    return NULL;
}

static void no_update_is_lost_among_threads(void **state)
{
    /* Without the lock two threads check the tag, then both rename. */
    struct fixture *f = *state, *each[WRITERS];
    pthread_t threads[WRITERS];
    char want[16];
    write_file(f, "n", "0");
    for (int i = 0; i < WRITERS; i++) {
        each[i] = calloc(1, sizeof *each[i]);
        assert_non_null(each[i]);
        each[i]->settings = f->settings;
        each[i]->server = f->server;
        each[i]->mount = f->mount;
        assert_int_equal(
            pthread_create(&threads[i], NULL, add_carefully, each[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        forget_exchange(each[i]);
        free(each[i]);
    }
    snprintf(want, sizeof want, "%d", WRITERS * ADDITIONS);
    assert_content(f, "n", want);
    assert_int_equal(count_names(f, ""), 1);
}

static void new_file_is_made_if_there_is_none(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "PUT", "/a", "If-None-Match: *\r\n"), 0);
    assert_int_equal(send_body(f, ""), 201);
    assert_content(f, "a", "");
}

static void parent_that_went_away_is_409(void **state)
{
    /* 404 would say that the address is wrong. */
    struct fixture *f = *state;
    make_directory(f, "d");
    assert_int_equal(ask(f, "PUT", "/d/a", ""), 0);
    assert_int_equal(unlinkat(f->root_fd, "d", AT_REMOVEDIR), 0);
    assert_int_equal(send_body(f, "x"), 409);
}

static void directory_that_took_the_name_is_409(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "PUT", "/a", ""), 0);
    make_directory(f, "a");
    assert_int_equal(send_body(f, "x"), 409);
    forget_exchange(f);
    assert_int_equal(count_names(f, ""), 1);
}

static void two_puts_never_bear_the_same_tag(void **state)
{
    /* The kernel's time stamps stand still for milliseconds. */
    struct fixture *f = *state;
    char before[1024] = "";
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ask(f, "PUT", "/a", ""), 0);
        assert_int_equal(send_body(f, i % 2 ? "a" : "b"), i == 0 ? 201 : 204);
        assert_string_not_equal(field(f, "ETag"), before);
        strcpy(before, field(f, "ETag"));
    }
}

static void link_is_replaced_not_written_through(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    write_file(f, "a", "old");
    assert_int_equal(symlinkat("a", f->root_fd, "l"), 0);
    if (ask(f, "PUT", "/l", "") == 403) /* no openat2 here: links refused */
        skip();
    assert_int_equal(send_body(f, "new"), 204);
    assert_content(f, "a", "old");
    assert_content(f, "l", "new");
    assert_int_equal(fstatat(f->root_fd, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void full_disk_and_forbidden_places_are_told_apart(void **state)
{
    static const struct {
        int error;
        unsigned status;
    } errors[] = {
        {ENOSPC, 507}, {EDQUOT, 507}, {EROFS, 403},  {EACCES, 403},
        {EMFILE, 503}, {ENFILE, 503}, {ENOMEM, 503}, {EIO, 500},
        {ENOENT, 404}, {EXDEV, 404},  {ELOOP, 404},  {ENOTDIR, 404},
    };
    struct response response;
    (void)state;
    response_init(&response);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        files_error(&response, errors[i].error);
        assert_int_equal(response.status, errors[i].status);
    }
    response_release(&response);
}

static void forbidden_directory_is_403(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a", "x");
    assert_int_equal(fchmod(f->root_fd, 0755), 0);
    if (geteuid() != 0)
        skip();
    assert_int_equal(seteuid(65534), 0);
    unsigned put = ask(f, "PUT", "/d/b", "");
    unsigned gone = ask(f, "DELETE", "/d/a", "");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(put, 403);
    assert_int_equal(gone, 403);
    assert_content(f, "d/a", "x");
}

static void delete_takes_files_only(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "a", "x");
    assert_int_equal(symlinkat("/etc/passwd", f->root_fd, "out"), 0);
    assert_int_equal(mkfifoat(f->root_fd, "fifo", 0644), 0);
    assert_int_equal(ask(f, "DELETE", "/", ""), 409);
    assert_int_equal(ask(f, "DELETE", "/d", ""), 409);
    assert_int_equal(ask(f, "DELETE", "/d/", ""), 409);
    assert_int_equal(ask(f, "DELETE", "/no", ""), 404);
    assert_int_equal(ask(f, "DELETE", "/no/a", ""), 404);
    assert_int_equal(ask(f, "DELETE", "/a/", ""), 404);
    assert_int_equal(ask(f, "DELETE", "/out", ""), 404);
    assert_int_equal(ask(f, "DELETE", "/fifo", ""), 404);
    assert_int_equal(count_names(f, ""), 4);
    assert_int_equal(ask(f, "DELETE", "/a", ""), 204);
    assert_int_equal(ask(f, "GET", "/a", ""), 404);
    assert_int_equal(ask(f, "DELETE", "/a", ""), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put_makes_and_replaces_whole_files),
        TEST(new_file_is_no_more_open_than_the_old),
        TEST(permissions_changed_meanwhile_are_kept),
        TEST(acl_is_not_taken_for_the_group),
        TEST(coded_type_has_one_tag),
        TEST(client_that_vanishes_leaves_nothing),
        TEST(reader_keeps_the_file_that_it_has_open),
        TEST(target_must_be_a_file_in_a_directory),
        TEST(part_or_coding_is_not_taken_for_the_file),
        TEST(update_that_came_between_is_not_lost),
        TEST(no_update_is_lost_among_threads),
        TEST(new_file_is_made_if_there_is_none),
        TEST(parent_that_went_away_is_409),
        TEST(directory_that_took_the_name_is_409),
        TEST(two_puts_never_bear_the_same_tag),
        TEST(link_is_replaced_not_written_through),
        TEST(full_disk_and_forbidden_places_are_told_apart),
        TEST(forbidden_directory_is_403),
        TEST(delete_takes_files_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
