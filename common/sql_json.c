/* sql_json.c - a body that is read as JSON, whole or not at all.
 *
 * bytes -> jansson, whose memory comes from here -> json_t
 *       -> no memory: everything of it is freed, and so it is said
 *
 * jansson's lexer takes no notice when its buffer for the current token cannot
 * grow. A byte is missing then: "VALUES (10)" may become "VALUES (1)", and
 * without its closing quote a string is read and written beyond its end (2.14).
 * So an allocation that fails must not come back to it: we leave it by longjmp.
 * It holds nothing but memory, and each block is in a list of the parse that
 * took it. */
#include "sql_hrana.h"

#include <setjmp.h>
#include <stdlib.h>

/* In front of what jansson gets. The blocks of one parse are in a ring, which
 * they leave as they are freed, by any thread that has the tree. */
struct block {
    _Alignas(max_align_t) struct block *next;
    struct block *previous;
};

struct parse {
    struct block blocks; /* the ring; no block itself */
    jmp_buf no_memory;
};

static _Thread_local struct parse *parsing; /* NULL: not now */

static void ring_start(struct block *block)
{
    block->next = block->previous = block;
}

static void ring_join(struct block *ring, struct block *block)
{
    block->next = ring;
    block->previous = ring->previous;
    ring->previous->next = block;
    ring->previous = block;
}

static void ring_leave(struct block *block)
{
    block->previous->next = block->next;
    block->next->previous = block->previous;
}

static void *take(size_t n)
{
    struct block *made = malloc(sizeof *made + n);
    if (made == NULL && parsing != NULL)
        longjmp(parsing->no_memory, 1);
    if (made == NULL)
        return NULL;
    if (parsing != NULL)
        ring_join(&parsing->blocks, made);
    else
        ring_start(made);
    return made + 1;
}

static void give(void *data)
{
    if (data == NULL)
        return;
    struct block *block = (struct block *)data - 1;
    ring_leave(block);
    free(block);
}

void sql_json_open(void)
{
    json_set_alloc_funcs(take, give);
    /* Else the first threads that make an object would, at the same time. */
    json_object_seed(0);
}

json_t *sql_json_read(struct text text, json_error_t *where, bool *no_memory)
{
    struct parse parse;
    ring_start(&parse.blocks);
    *no_memory = false;
    parsing = &parse;
    if (setjmp(parse.no_memory) != 0) {
        parsing = NULL;
        while (parse.blocks.next != &parse.blocks)
            give(parse.blocks.next + 1);
        *no_memory = true;
        return NULL;
    }
    json_t *made = json_loadb(text.data ? text.data : "", text.length,
                              JSON_ALLOW_NUL, where);
    parsing = NULL;
    ring_leave(&parse.blocks);
    return made;
}
