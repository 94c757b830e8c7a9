/* sql_client.c - see sql_client.h. */
#include "sql_client.h"
#include "sql_macros.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sql_send(struct client *client, const char *database, const char *baton,
              const char *requests)
{
    struct bytes body = {0}, request = {0};
    if (baton && *baton)
        bytes_print(&body, "{\"baton\":\"%s\",\"requests\":[%s]}", baton,
                    requests);
    else
        bytes_print(&body, "{\"requests\":[%s]}", requests);
    bytes_print(&request,
                "POST /db/%s/v3/pipeline HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                database, body.length, body.data);
    client_send(client, request.data, request.length);
    bytes_free(&body);
    bytes_free(&request);
}

struct client *sql_say(const struct server *server, const char *database,
                       const char *baton, const char *requests)
{
    struct client *client = client_open(server->port);
    sql_send(client, database, baton, requests);
    return client;
}

json_t *sql_read(struct client *client, char *baton)
{
    struct answer answer = {0};
    if (client_read(client, false, &answer) != GOT_ANSWER)
        fail_msg("no whole answer");
    json_t *body = json_loadb(answer.body.data, answer.body.length,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *results = json_incref(json_object_get(body, "results"));
    if (answer.status != 200 || !json_is_array(results)) {
        bytes_show("answered", answer.raw.data, answer.raw.length);
        fail_msg("status %u", answer.status);
    }
    const char *given = json_string_value(json_object_get(body, "baton"));
    if (baton)
        snprintf(baton, BATON_BYTES, "%s", given ? given : "");
    json_decref(body);
    answer_free(&answer);
    return results;
}

json_t *sql_finish(struct client *client, char *baton)
{
    json_t *results = sql_read(client, baton);
    client_close(client);
    return results;
}

void sql_do(const struct server *server, const char *database, char *baton,
            const char *requests)
{
    json_t *results =
        sql_finish(sql_say(server, database, baton, requests), baton);
    for (size_t i = 0; i < json_array_size(results); i++)
        sql_check_ok(results, i);
    json_decref(results);
}

static void show(json_t *results)
{
    char *text = json_dumps(results, JSON_INDENT(1));
    fprintf(stderr, "%s\n", text);
    free(text);
}

static const char *text_in(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void sql_check_ok(json_t *results, size_t i)
{
    if (strcmp(text_in(json_array_get(results, i), "type"), "ok") == 0)
        return;
    show(results);
    fail_msg("part %zu is not ok", i);
}

void sql_check_error(json_t *results, size_t i, const char *code)
{
    json_t *error = json_object_get(json_array_get(results, i), "error");
    if (strcmp(text_in(error, "code"), code) == 0)
        return;
    show(results);
    fail_msg("part %zu is not %s", i, code);
}

static json_t *result_of(json_t *results, size_t i)
{
    sql_check_ok(results, i);
    json_t *response = json_object_get(json_array_get(results, i), "response");
    return json_object_get(response, "result");
}

static long long number_of(const json_t *json)
{
    return json_is_string(json) ? strtoll(json_string_value(json), NULL, 10)
                                : json_integer_value(json);
}

long long sql_effect(json_t *results, size_t i, const char *key)
{
    return number_of(json_object_get(result_of(results, i), key));
}

long long sql_cell(json_t *results, size_t i)
{
    json_t *rows = json_object_get(result_of(results, i), "rows");
    json_t *cell = json_array_get(json_array_get(rows, 0), 0);
    if (strcmp(text_in(cell, "type"), "integer") != 0) {
        show(results);
        fail_msg("part %zu has no whole number", i);
    }
    return number_of(json_object_get(cell, "value"));
}

struct client *sql_say_endless(const struct server *server,
                               const char *database)
{
    char request[200];
    snprintf(request, sizeof request,
             "GET /db/%s/query?sql=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+"
             "SELECT+i+FROM+n)+SELECT+count(*)+FROM+n HTTP/1.1\r\n"
             "Host: a\r\n\r\n",
             database);
    struct client *client = client_open(server->port);
    client_say(client, request);
    return client;
}

long long sql_number(const struct server *server, const char *database,
                     const char *select)
{
    struct bytes part = {0};
    bytes_print(&part, EXECUTE("%s"), select);
    json_t *results =
        sql_finish(sql_say(server, database, NULL, part.data), NULL);
    long long number = sql_cell(results, 0);
    json_decref(results);
    bytes_free(&part);
    return number;
}

void sql_begin(const struct server *server, const char *database, char *baton)
{
    baton[0] = '\0';
    sql_do(server, database, baton, EXECUTE("BEGIN IMMEDIATE"));
    assert_int_not_equal(baton[0], '\0');
}

void sql_end(const struct server *server, const char *database,
             const char *baton, const char *how)
{
    struct bytes part = {0};
    char last[BATON_BYTES];
    snprintf(last, sizeof last, "%s", baton);
    bytes_print(&part, EXECUTE("%s") "," CLOSE_STREAM, how);
    sql_do(server, database, last, part.data);
    assert_string_equal(last, "");
    bytes_free(&part);
}
