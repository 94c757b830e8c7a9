/* names.c - the names of a statement's parameters, each found in constant time.
 *
 * statement -> names by number, and a table by name, made when first asked for
 *
 * SQLite keeps the names in a list, and goes through the list for each name
 * that it is asked for, by number or by name. For thousands of names that takes
 * the square of their number, in each run. Here the list is read once for each
 * compilation. That costs less than the compilation itself, in which SQLite
 * also goes through the list for each name in the text. */
#include "sql/names.h"

#include "sql/cache.h"
#include "sql/error.h"
#include "sql/memory.h"

/* Up to so many names, SQLite's way is as fast and takes no memory. */
enum { NAMES_FEW = 16 };

/* One piece of memory, with all that it points to. */
struct sql_names {
    struct text *by_number; /* [0] is not used; data NULL: no name */
    uint32_t *slots;        /* hash table of numbers; 0: free */
    uint32_t mask;
    _Alignas(struct text) char bytes[]; /* by_number, slots, then the names */
};

void sql_names_free(struct sql_names *names)
{
    sqlite3_free(names);
}

static uint32_t *slot_of(const struct sql_names *names, struct text name)
{
    uint32_t at = (uint32_t)text_hash(0, name) & names->mask;
    while (names->slots[at] != 0 &&
           !text_equal(names->by_number[names->slots[at]], name))
        at = (at + 1) & names->mask;
    return &names->slots[at];
}

/* Copies the names, as SQLite frees its own when it compiles the statement
 * again. */
static void copy_names(struct sql_names *names, char *to, sqlite3_stmt *handle,
                       int count)
{
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(handle, i);
        if (name == NULL)
            continue;
        names->by_number[i] = (struct text){to, strlen(name)};
        memcpy(to, name, names->by_number[i].length);
        to += names->by_number[i].length;
        *slot_of(names, names->by_number[i]) = (uint32_t)i;
    }
}

static size_t bytes_of_names(sqlite3_stmt *handle, int count)
{
    size_t bytes = 0;
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(handle, i);
        bytes += name != NULL ? strlen(name) : 0;
    }
    return bytes;
}

/* Returns the names of the statement, made at the first call; NULL without
 * memory. */
static const struct sql_names *names_of(struct sql_statement *statement,
                                        int count)
{
    if (statement->names != NULL)
        return statement->names;
    uint32_t slots = 2 * NAMES_FEW;
    while (slots < 2 * (uint32_t)count)
        slots *= 2;
    size_t numbers_bytes = ((size_t)count + 1) * sizeof(struct text);
    size_t tables_bytes = numbers_bytes + slots * sizeof(uint32_t);
    struct sql_names *made = sql_memory_take(
        statement->connection,
        sizeof *made + tables_bytes + bytes_of_names(statement->handle, count));
    if (made == NULL)
        return NULL;
    memset(made->bytes, 0, tables_bytes);
    made->by_number = (struct text *)(void *)made->bytes;
    made->slots = (uint32_t *)(void *)(made->bytes + numbers_bytes);
    made->mask = slots - 1;
    copy_names(made, made->bytes + tables_bytes, statement->handle, count);
    statement->names = made;
    return made;
}

struct text sql_parameter_name(struct sql_statement *statement, int number)
{
    int count = sqlite3_bind_parameter_count(statement->handle);
    if (count > NAMES_FEW) {
        const struct sql_names *names = names_of(statement, count);
        if (names != NULL)
            return names->by_number[number];
    }
    const char *name = sqlite3_bind_parameter_name(statement->handle, number);
    return name != NULL ? text_of(name) : (struct text){NULL, 0};
}

static int find(struct sql_statement *statement, const char *name,
                size_t length)
{
    int count = sqlite3_bind_parameter_count(statement->handle);
    if (count > NAMES_FEW) {
        const struct sql_names *names = names_of(statement, count);
        if (names != NULL)
            return (int)*slot_of(names, (struct text){name, length});
    }
    return sqlite3_bind_parameter_index(statement->handle, name);
}

int sql_parameter_find(struct sql_statement *statement, struct text name)
{
    char prefixed[SQL_MESSAGE_BYTES];
    if (name.length == 0 || name.length + 2 > sizeof prefixed ||
        memchr(name.data, '\0', name.length) != NULL)
        return 0;
    memcpy(prefixed + 1, name.data, name.length);
    prefixed[name.length + 1] = '\0';
    int found = find(statement, prefixed + 1, name.length);
    for (const char *sign = ":@$"; found == 0 && *sign != '\0'; sign++) {
        prefixed[0] = *sign;
        found = find(statement, prefixed, name.length + 1);
    }
    return found;
}
