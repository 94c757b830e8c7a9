/* json.h - a request's body as JSON, read whole or not at all. */
#ifndef FIVEFOLD_SQL_JSON_H
#define FIVEFOLD_SQL_JSON_H

#include "base/text.h"

#include <jansson.h>

/* Sets up jansson. Call it before any other function of jansson; it may be
 * called again. */
void sql_json_open(void);

/* Reads text as JSON. The caller owns the result (json_decref). Returns NULL
 * either with *no_memory true, or because the text is not JSON; then *where
 * says why. */
json_t *sql_json_read(struct text text, json_error_t *where, bool *no_memory);

#endif
