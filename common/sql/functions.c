/* functions.c - SQLite's functions whose time is the product of two lengths, in
 * time that is their sum.
 *
 * No limit of time reaches into a function: neither the progress handler nor
 * the allocator is called before it returns. instr, replace and trim of two
 * values of some 100 KB compare each byte of one with each byte of the other,
 * which takes seconds to minutes. The functions here return the same. They use
 * memmem(3), which is linear in glibc, and a sorted set.
 * sql/test_functions.c compares them with SQLite's own. */
#include "sql/functions.h"

#include "base/buffer.h"
#include "sql/memory.h"

#include <stdlib.h>

static struct text text_of_value(sqlite3_value *value)
{
    const char *data = (const char *)sqlite3_value_text(value);
    return (struct text){data, data ? (size_t)sqlite3_value_bytes(value) : 0};
}

/* One call is short, but a statement may have thousands in a row, and SQLite
 * does not check the clock between them. Returns true if the call has failed,
 * as the time is up. */
static bool time_is_up(sqlite3_context *context)
{
    if (!sql_time_is_up())
        return false;
    sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    return true;
}

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* ---- instr(X, Y) ---- */

/* Returns where needle begins in text: at the start of a character, not within
 * one. NULL if it is not there. */
static const char *find_characters(struct text text, struct text needle)
{
    if (needle.length > text.length)
        return NULL;
    if (continues_character(needle.data[0])) /* not UTF-8: only at the start of
                                                text */
        return memcmp(text.data, needle.data, needle.length) == 0 ? text.data
                                                                  : NULL;
    return memmem(text.data, text.length, needle.data, needle.length);
}

static void function_instr(sqlite3_context *context, int count,
                           sqlite3_value **values)
{
    (void)count;
    int types[] = {sqlite3_value_type(values[0]),
                   sqlite3_value_type(values[1])};
    if (types[0] == SQLITE_NULL || types[1] == SQLITE_NULL ||
        time_is_up(context))
        return;
    bool bytes = types[0] == SQLITE_BLOB && types[1] == SQLITE_BLOB;
    struct text in[2];
    for (int i = 0; i < 2; i++)
        in[i] = bytes ? (struct text){sqlite3_value_blob(values[i]),
                                      (size_t)sqlite3_value_bytes(values[i])}
                      : text_of_value(values[i]);
    if (in[1].length == 0) {
        sqlite3_result_int(context, 1);
        return;
    }
    const char *found = NULL;
    if (in[0].length > 0)
        found = bytes
                    ? memmem(in[0].data, in[0].length, in[1].data, in[1].length)
                    : find_characters(in[0], in[1]);
    int at = 0;
    if (found != NULL) {
        at = 1;
        for (const char *c = in[0].data + 1; c <= found; c++)
            at += bytes || !continues_character(*c);
    }
    sqlite3_result_int(context, at);
}

/* ---- replace(X, Y, Z) ---- */

static void append_replaced(struct message_buffer *out, struct text text,
                            struct text old, struct text new, size_t most)
{
    while (text.length > 0 && buffer_length(out) <= most) {
        const char *found =
            memmem(text.data, text.length, old.data, old.length);
        size_t before = found ? (size_t)(found - text.data) : text.length;
        buffer_append(out, text.data, before);
        if (found == NULL)
            return;
        buffer_append_text(out, new);
        text.data += before + old.length;
        text.length -= before + old.length;
    }
}

static void function_replace(sqlite3_context *context, int count,
                             sqlite3_value **values)
{
    (void)count;
    struct text in[3];
    if (time_is_up(context))
        return;
    for (int i = 0; i < 3; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL)
            return;
        in[i] = text_of_value(values[i]);
        if (in[i].data == NULL) {
            sqlite3_result_error_nomem(context);
            return;
        }
        /* Nothing to replace: the third value does not matter, even if it is
         * NULL. */
        if (i == 1 && in[1].data[0] == '\0') {
            sqlite3_result_value(context, values[0]);
            return;
        }
    }
    struct message_buffer out = {0};
    size_t most = (size_t)sqlite3_limit(sqlite3_context_db_handle(context),
                                        SQLITE_LIMIT_LENGTH, -1);
    append_replaced(&out, in[0], in[1], in[2], most);
    if (out.failed)
        sqlite3_result_error_nomem(context);
    else if (buffer_length(&out) > most)
        sqlite3_result_error_toobig(context);
    else
        sqlite3_result_text64(context, buffer_text(&out).data,
                              buffer_length(&out), SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    buffer_release(&out);
}

/* ---- trim(X, Y), ltrim(X, Y), rtrim(X, Y) ---- */

enum { CHARACTER_BYTES = 4 }; /* at most, of UTF-8; longer ones match nothing */

/* The characters to trim, each as a number with its first byte lowest. */
struct character_set {
    uint32_t *items; /* owned */
    size_t count;
    bool lengths[CHARACTER_BYTES + 1]; /* [n]: one of them has n bytes */
};

static uint32_t character_number(const char *data, size_t length)
{
    uint32_t number = 0;
    for (size_t i = 0; i < length; i++)
        number |= (uint32_t)(unsigned char)data[i] << (8 * i);
    return number;
}

static int compare_characters(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* Fills set from text. Returns 0, or -1 without memory. The caller frees
 * set->items. */
static int set_read(struct character_set *set, struct text text)
{
    *set = (struct character_set){
        .items = malloc((text.length + 1) * sizeof *set->items)};
    if (set->items == NULL)
        return -1;
    for (size_t i = 0, n; i < text.length && text.data[i] != '\0'; i += n) {
        n = 1;
        if ((unsigned char)text.data[i] >= 0xc0)
            while (i + n < text.length && continues_character(text.data[i + n]))
                n++;
        if (n > CHARACTER_BYTES)
            continue;
        set->items[set->count++] = character_number(text.data + i, n);
        set->lengths[n] = true;
    }
    qsort(set->items, set->count, sizeof *set->items, compare_characters);
    return 0;
}

/* Returns the length of the set's character with which the text begins, or
 * ends; 0 if there is none. */
static size_t set_match(const struct character_set *set, struct text text,
                        bool at_end)
{
    for (size_t n = 1; n <= CHARACTER_BYTES && n <= text.length; n++) {
        if (!set->lengths[n])
            continue;
        uint32_t number = character_number(
            at_end ? text.data + text.length - n : text.data, n);
        if (bsearch(&number, set->items, set->count, sizeof number,
                    compare_characters) != NULL)
            return n;
    }
    return 0;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static void function_trim(sqlite3_context *context, int count,
                          sqlite3_value **values)
{
    (void)count;
    static const int sides[] = {TRIM_LEFT | TRIM_RIGHT, TRIM_LEFT, TRIM_RIGHT};
    int side = sides[(intptr_t)sqlite3_user_data(context)];
    struct character_set set;
    size_t n;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
        sqlite3_value_type(values[1]) == SQLITE_NULL || time_is_up(context))
        return;
    struct text text = text_of_value(values[0]);
    struct text characters = text_of_value(values[1]);
    if (text.data == NULL || characters.data == NULL ||
        set_read(&set, characters) < 0) {
        sqlite3_result_error_nomem(context);
        return;
    }
    while ((side & TRIM_LEFT) != 0 && (n = set_match(&set, text, false)) > 0) {
        text.data += n;
        text.length -= n;
    }
    while ((side & TRIM_RIGHT) != 0 && (n = set_match(&set, text, true)) > 0)
        text.length -= n;
    free(set.items);
    sqlite3_result_text64(context, text.data, text.length, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
}

int sql_functions_add(sqlite3 *handle)
{
    static const struct {
        const char *name;
        int arguments;
        intptr_t data;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"instr", 2, 0, function_instr}, {"replace", 3, 0, function_replace},
        {"trim", 2, 0, function_trim},   {"ltrim", 2, 1, function_trim},
        {"rtrim", 2, 2, function_trim},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0;
         rc == SQLITE_OK && i < sizeof functions / sizeof functions[0]; i++)
        rc = sqlite3_create_function_v2(
            handle, functions[i].name, functions[i].arguments,
            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
            (void *)functions[i].data, functions[i].call, NULL, NULL, NULL);
    return rc;
}
