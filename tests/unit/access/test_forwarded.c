/* test_forwarded.c - addresses and networks as text; whom a proxy names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "access/forwarded.h"
#include "base/mistake.h"
#include "core/server.h"
#include "http/parser.h"

#include <stdio.h>
#include <string.h>

static struct peer peer_of(const char *text)
{
    struct peer peer;
    assert_int_equal(peer_read(&peer, text_of(text)), 0);
    return peer;
}

/* An address with a port and one without are the same; what is neither is
 * refused and not guessed. */
static void addresses_are_read(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:8080", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:8080", "2001:db8::1"},
        {"::1", "::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:192.0.2.1]:1", "192.0.2.1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2", NULL},
        {"192.0.2.1:", "192.0.2.1"},
        {"192.0.2.1:x", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1 ", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]x", NULL},
        {"[]", NULL},
        {"2001:db8::1]:80", NULL},
        {"1111:1111:1111:1111:1111:1111:111.111.111.1111111", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer = {0};
        char printed[INET6_ADDRSTRLEN];
        int result = peer_read(&peer, text_of(rows[i][0]));
        if ((result == 0) != (rows[i][1] != NULL))
            fail_msg("%s: %d", rows[i][0], result);
        if (result < 0)
            continue;
        peer_print(&peer, printed);
        assert_string_equal(printed, rows[i][1]);
    }
}

/* The bits behind the last whole byte count too. */
static void networks_hold_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *list, *peer;
        bool held;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.128.0/17", "10.1.128.0", true},
        {"10.1.128.0/17", "10.1.127.255", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.2", false},
        {"0.0.0.0/0", "10.1.2.2", true},
        {"0.0.0.0/0", "::1", false},
        {"127.0.0.1, ::1", "::1", true},
        {"127.0.0.1,::1", "127.0.0.1", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
    };
    struct mistake mistake = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct networks networks;
        struct peer peer = peer_of(rows[i].peer);
        assert_int_equal(networks_read(&networks, rows[i].list, "", &mistake),
                         0);
        if (networks_hold(&networks, &peer) != rows[i].held)
            fail_msg("%s %s", rows[i].list, rows[i].peer);
        networks_release(&networks);
    }
}

static void a_bad_list_is_told(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "",          "127.0.0.1,",          "127.0.0.1 ::1", "10.0.0.0/33",
        "10.0.0.0/", "::ffff:10.0.0.0/104", "localhost"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct networks networks;
        struct mistake mistake = {0};
        assert_int_equal(networks_read(&networks, lists[i], "here", &mistake),
                         -1);
        assert_null(networks.items);
        assert_non_null(strstr(mistake.line, "here: \""));
        assert_non_null(
            strstr(mistake.line, "is not an address or network; write"));
    }
}

/* A request from peer with those fields: who asks, "" if it is refused. */
static const char *asker(const char *proxies, const char *peer,
                         const char *fields, bool *forwarded)
{
    static char head[1024], printed[INET6_ADDRSTRLEN];
    static struct exchange exchange; /* large */
    static struct server server;
    struct mistake mistake = {0};
    struct http_parser parser;
    memset(&server, 0, sizeof server);
    if (proxies != NULL)
        assert_int_equal(networks_read(&server.proxies, proxies, "", &mistake),
                         0);
    memset(&exchange, 0, sizeof exchange);
    exchange.server = &server;
    exchange.peer = peer_of(peer);
    int n = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n",
                     fields);
    http_parser_start(&parser, (struct http_limits){512, sizeof head},
                      &exchange.request);
    assert_int_equal(
        http_parse_head(&parser, head, (size_t)n, &exchange.request),
        HTTP_PARSE_DONE);
    strcpy(printed, "");
    if (forwarded_apply(&exchange) == 0)
        peer_print(&exchange.peer, printed);
    *forwarded = exchange.forwarded;
    networks_release(&server.proxies);
    return printed;
}

/* A client that sends X-Forwarded-For itself is not whom it says: only what
 * the last of our proxies has added counts. */
static void the_last_stranger_asks(void **state)
{
    (void)state;
    static const struct {
        const char *proxies, *peer, *fields, *asks;
        bool forwarded;
    } rows[] = {
        {NULL, "10.0.0.1", "X-Forwarded-For: 1.2.3.4\r\n", "10.0.0.1", false},
        {"10.0.0.1", "10.0.0.2", "X-Forwarded-For: 1.2.3.4\r\n", "10.0.0.2",
         false},
        {"10.0.0.1", "10.0.0.1", "", "10.0.0.1", false},
        {"10.0.0.1", "10.0.0.1", "X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4",
         true},
        {"10.0.0.1", "10.0.0.1", "x-forwarded-for:127.0.0.1, 1.2.3.4\r\n",
         "1.2.3.4", true},
        {"10.0.0.1", "10.0.0.1",
         "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 1.2.3.4\r\n",
         "1.2.3.4", true},
        {"10.0.0.0/8", "10.0.0.1",
         "X-Forwarded-For: 127.0.0.1, 1.2.3.4, 10.0.0.7\r\n", "1.2.3.4", true},
        {"10.0.0.0/8", "10.0.0.1", "X-Forwarded-For: 10.0.0.9, 10.0.0.7\r\n",
         "10.0.0.9", true},
        {"10.0.0.1", "10.0.0.1", "X-Forwarded-For: junk, 1.2.3.4\r\n",
         "1.2.3.4", true},
        {"10.0.0.1", "10.0.0.1", "X-Forwarded-For: 1.2.3.4, junk\r\n", "",
         false},
        {"10.0.0.0/8", "10.0.0.1",
         "X-Forwarded-For: 1.2.3.4, junk, 10.0.0.7\r\n", "", false},
        {"10.0.0.1", "10.0.0.1", "X-Forwarded-For: 1.2.3.4, ,\r\n", "1.2.3.4",
         true},
        {"10.0.0.1", "10.0.0.1", "X-Forwarded-For: \r\n", "10.0.0.1", false},
        {"::1", "::1", "X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1",
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool forwarded;
        const char *asks =
            asker(rows[i].proxies, rows[i].peer, rows[i].fields, &forwarded);
        if (strcmp(asks, rows[i].asks) != 0 || forwarded != rows[i].forwarded)
            fail_msg("row %zu: %s", i, asks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(networks_hold_addresses),
        cmocka_unit_test(a_bad_list_is_told),
        cmocka_unit_test(the_last_stranger_asks),
    };
    return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
