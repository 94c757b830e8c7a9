/* answer.c - finds the handler for a parsed head and has it answer.
 *
 * path decoded once -> mount by prefix -> user signed in -> rules -> handler */
#include "conn/answer.h"

#include "access/access.h"
#include "access/addresses.h"
#include "access/browser.h"
#include "access/forwarded.h"
#include "base/clock.h"
#include "core/mount.h"
#include "core/server.h"
#include "http/path.h"
#include "report/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Decodes the path, and turns the alias /dev/NAME into /db/NAME, so that rules
 * and handlers see one name only. */
static int decode_path(struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct text raw = http_text(request, request->path);
    if (raw.length == 0)
        raw = TEXT("/"); /* absolute-form without a path */
    /* Decoding never makes it longer. The limit is for the decoded path. */
    size_t size = raw.length < PATH_MAX_BYTES ? raw.length + 1 : PATH_MAX_BYTES;
    exchange->path = malloc(size);
    if (exchange->path == NULL)
        return -1;
    ssize_t length = path_from_target(raw, exchange->path, size);
    if (length < 0)
        return -1;
    exchange->path_length = (size_t)length;
    if (exchange->server->dev_alias && path_is_alias(exchange->path))
        exchange->path_length =
            path_resolve_alias(exchange->path, exchange->path_length);
    return 0;
}

static const struct handler *find_handler(struct exchange *exchange)
{
    const struct server *server = exchange->server;
    struct text path = {exchange->path, exchange->path_length};
    exchange->mount = mount_find(server, path);
    if (exchange->mount == NULL)
        return NULL;
    exchange->beneath = mount_beneath(exchange->mount, path);
    return exchange->mount->handler;
}

static void answer_path_error(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    if (errno == EINVAL)
        response_error(response, 400, "The path is not valid.");
    else if (errno == ENAMETOOLONG)
        response_error(response, 414, "The path is too long.");
    else
        response_error(response, 503, "Out of memory.");
}

void answer_error(struct exchange *exchange, unsigned status,
                  const char *detail)
{
    const struct handler *handler = exchange->handler;
    if (handler != NULL && handler->error != NULL)
        handler->error(exchange, status, detail);
    else
        response_error(&exchange->response, status, detail);
}

static void answer_later(struct exchange *exchange, unsigned status,
                         const char *detail, unsigned wait_seconds)
{
    answer_error(exchange, status, detail);
    response_field(&exchange->response, "Retry-After", "%u", wait_seconds);
}

/* For an error that comes before the path is decoded. Finds the handler, so
 * that the error has the form that its clients expect. */
static void find_words(struct exchange *exchange)
{
    if (!exchange->request.asterisk && decode_path(exchange) == 0)
        exchange->handler = find_handler(exchange);
}

/* Returns true if the address has sent too many requests, with the response
 * filled. It is called before anything that costs more: no password has been
 * hashed, no file opened. */
static bool answer_limited(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct addresses_pass pass = {0};
    if (exchange->forwarded)
        pass.wait_seconds = forwarded_enter(exchange);
    if (exchange->address != NULL)
        pass =
            addresses_request(server->addresses, exchange->address, clock_ms());
    if (pass.wait_seconds == 0)
        return false;
    find_words(exchange);
    answer_later(exchange, 429, "Too many requests from this address.",
                 pass.wait_seconds);
    /* A proxy's connection also carries requests of other clients. */
    exchange->response.close = pass.banned && !exchange->forwarded;
    stats_add(STAT_address_limited, 1);
    return true;
}

/* The Host is not a name of this server. Answers 421, and says which setting
 * lists the names. */
static void answer_misdirected(struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct text host = http_text(request, request->host);
    struct text name = text_split(&host, ':');
    char detail[400];
    snprintf(detail, sizeof detail,
             "No name of this server's: %.*s. Set names in [server] to the "
             "names that it is asked by.",
             (int)(name.length < 255 ? name.length : 255), name.data);
    find_words(exchange);
    answer_error(exchange, 421, detail);
}

/* Returns true if a page of another origin tries to change something. Then the
 * response says which setting would allow it. */
static bool answer_foreign(struct exchange *exchange)
{
    const char *detail = "A page of another origin may not write here, unless "
                         "it sends a token ([users] token).";
    switch (browser_judge(exchange)) {
    case BROWSER_FINE:
        return false;
    case BROWSER_SIMPLE:
        detail = "With cors = * a page of another origin must send "
                 "Content-Type: application/json.";
        break;
    case BROWSER_FOREIGN:
        if (strcmp(exchange->handler->name, "sqlite") == 0)
            detail = "A page of another origin may not write here; set cors "
                     "in [sqlite] to its origin to allow it.";
        break;
    }
    answer_error(exchange, 403, detail);
    return true;
}

bool answer_route(struct exchange *exchange)
{
    if (exchange->routed)
        return exchange->response.status != 0;
    exchange->routed = true;
    if (forwarded_apply(exchange) < 0) {
        response_error(&exchange->response, 400,
                       "X-Forwarded-For names no address.");
        return true;
    }
    if (answer_limited(exchange))
        return true;
    if (!browser_knows_us(exchange)) {
        answer_misdirected(exchange);
        return true;
    }
    if (exchange->request.asterisk) {
        exchange->response.status = 204;
        response_field(&exchange->response, "Allow",
                       "GET, HEAD, POST, PUT, DELETE, OPTIONS");
        return true;
    }
    if (decode_path(exchange) < 0) {
        answer_path_error(exchange);
        return true;
    }
    exchange->handler = find_handler(exchange);
    if (exchange->handler == NULL) {
        response_error(&exchange->response, 404, NULL);
        return true;
    }
    return false;
}

static enum answer_next answer_denied(struct exchange *exchange, bool ask)
{
    if (ask) {
        answer_error(exchange, 401, "Authentication failed");
        access_challenge(exchange);
    } else {
        answer_error(exchange, 403, "The access rules do not allow this.");
    }
    return ANSWER_READY;
}

enum answer_next answer_begin(struct exchange *exchange)
{
    if (answer_route(exchange) || answer_foreign(exchange))
        return ANSWER_READY;
    unsigned wait_seconds = 0;
    switch (access_check(exchange->server->access, exchange, &wait_seconds)) {
    case ACCESS_ALLOWED:
        exchange->may_write = true;
        break;
    case ACCESS_READ_ONLY:
        exchange->may_write = false;
        break;
    case ACCESS_DENIED:
        return answer_denied(exchange, false);
    case ACCESS_UNKNOWN:
        return answer_denied(exchange, true);
    case ACCESS_BUSY:
        answer_later(exchange, 503,
                     "Too many passwords are being checked; try again.",
                     wait_seconds);
        return ANSWER_READY;
    case ACCESS_TOO_OFTEN:
        answer_later(exchange, 429,
                     "Too many wrong passwords from this address.",
                     wait_seconds);
        return ANSWER_READY;
    }
    enum answer_next next = exchange->handler->begin(exchange);
    if (next == ANSWER_DENIED || next == ANSWER_UNKNOWN)
        return answer_denied(exchange, next == ANSWER_UNKNOWN);
    return next;
}

void answer_finish(struct exchange *exchange)
{
    exchange->handler->finish(exchange);
}
