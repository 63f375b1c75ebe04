/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, pages and their texts, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/fuzz_http.h"
#include "bh.h"
#include "http.h"
#include "page.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bh_file *files;
static size_t file_count;

bool bh_file_next(struct bh_file *file)
{
    if (file->next >= file_count)
        return false;
    size_t next = file->next + 1;
    *file = files[file->next];
    file->next = next;
    return true;
}

bool bh_file_open(const char *name, struct bh_file *file)
{
    for (*file = (struct bh_file){0}; bh_file_next(file);)
        if (strcmp(file->name, name) == 0)
            return true;
    return false;
}

static struct http_request request;
static struct page page;
static struct page_facts facts;

static size_t parse(const char *text)
{
    return http_parse(text, strlen(text), &request);
}

static void get(const char *path)
{
    memset(&request, 0, sizeof(request));
    request.status = 200;
    snprintf(request.path, sizeof(request.path), "%s", path);
    memset(&page, 0xa5, sizeof(page));
    page_make(&page, &request, &facts);
}

/* --- requests ---------------------------------------------------------------------------------------------------------------- */

static void sound_requests(void **state)
{
    static const struct {
        const char *text, *path;
        bool head, keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", false, true},
        {"GET / HTTP/1.1\nhost:a\n\n", "/", false, true},
        {"HEAD /files/a%20b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "/files/a b", true, false},
        {"GET /a?b=%00 HTTP/1.0\r\n\r\n", "/a", false, false},
        {"GET /a HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n", "/a", false, true},
        {"GET /a HTTP/1.1\r\nHOST: a\r\nConnection: keep-alive , CLOSE\r\n\r\n", "/a", false, false},
        {"GET /%2e%2E/x HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n", "/../x", false, true},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(rows[i].text), strlen(rows[i].text));
        assert_int_equal(request.status, 200);
        assert_string_equal(request.path, rows[i].path);
        assert_int_equal(request.head, rows[i].head);
        assert_int_equal(request.keep_alive, rows[i].keep);
        for (size_t cut = 0; cut < strlen(rows[i].text); cut++)
            assert_int_equal(http_parse(rows[i].text, cut, &request), 0);
    }
}

static void broken_requests(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } rows[] = {
        {"\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.11\r\nHost: a\r\n\r\n", 505},
        {"GET / ICY\r\nHost: a\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(rows[i].text), strlen(rows[i].text));
        if (request.status != rows[i].status)
            fail_msg("%u instead of %u for %s", request.status, rows[i].status, rows[i].text);
        assert_false(request.keep_alive);
    }
    assert_int_equal(http_parse("GET / HTTP/1.0\r\nA: \0\r\n\r\n", 24, &request), 24);
    assert_int_equal(request.status, 400);
}

static void sizes_are_limited(void **state)
{
    char text[HTTP_REQUEST_MAX + 64];
    int length;

    (void)state;
    for (size_t path = HTTP_PATH_MAX - 3; path <= HTTP_PATH_MAX; path++) {
        length = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.0\r\n\r\n", (int)path, 0);
        assert_int_equal(http_parse(text, (size_t)length, &request), length);
        assert_int_equal(request.status, path + 1 < HTTP_PATH_MAX ? 200 : 414);
    }
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET / HTTP/1.0\r\nA: ", 19);
    assert_int_equal(http_parse(text, HTTP_REQUEST_MAX - 1, &request), 0);
    assert_int_equal(http_parse(text, HTTP_REQUEST_MAX, &request), HTTP_REQUEST_MAX);
    assert_int_equal(request.status, 431);
    memcpy(text + HTTP_REQUEST_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(http_parse(text, sizeof(text), &request), HTTP_REQUEST_MAX);
    assert_int_equal(request.status, 200);
}

static void the_next_request_stays(void **state)
{
    const char *text = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";

    (void)state;
    size_t first = parse(text);
    assert_string_equal(request.path, "/a");
    assert_int_equal(parse(text + first), strlen(text) - first);
    assert_string_equal(request.path, "/b");
}

static void headers_of_answers(void **state)
{
    char header[HTTP_HEADER_MAX + 1];
    size_t count;

    (void)state;
    count = http_header(header, 405, "text/plain; charset=us-ascii", false, UINT64_MAX, true);
    assert_true(count > 0 && count < HTTP_HEADER_MAX);
    header[count] = 0;
    assert_non_null(strstr(header, "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_non_null(strstr(header, "Content-Length: 18446744073709551615\r\n"));
    assert_non_null(strstr(header, "Connection: keep-alive\r\n"));
    assert_non_null(strstr(header, "Allow: GET, HEAD\r\n"));
    assert_string_equal(header + count - 4, "\r\n\r\n");
    assert_null(strstr(header + 1, "\r\n\r\n") - (header + count - 4) ? "early end" : 0);
}

/* --- texts ----------------------------------------------------------------------------------------------------------------------- */

static void texts_are_escaped(void **state)
{
    char room[128];
    struct text text = {.at = room, .size = sizeof(room)};

    (void)state;
    text_html(&text, "<a href=\"x\">&'\n\x80");
    assert_string_equal(room, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;??");
    text = (struct text){.at = room, .size = sizeof(room)};
    text_json(&text, "\"\\\n</script>\x01\xff~");
    assert_string_equal(room, "\\u0022\\u005c\\u000a\\u003c/script\\u003e\\u0001\\u00ff~");
    text = (struct text){.at = room, .size = sizeof(room)};
    text_url(&text, "a b/%\"<?#\x80~");
    assert_string_equal(room, "a%20b/%25%22%3C%3F%23%80~");
}

static void texts_are_cut_whole(void **state)
{
    (void)state;
    for (size_t size = 1; size < 32; size++) {
        char *room = malloc(size);
        struct text text = {.at = room, .size = size};

        room[0] = 0;
        text_add(&text, "%s", "ab");
        text_html(&text, "<<<");
        text_json(&text, "\"x");
        assert_true(text.length < size);
        assert_int_equal(room[text.length], 0);
        assert_int_equal(text.cut, size <= 2 + 3 * 4 + 6 + 1);
        if (strchr(room, '&'))
            assert_int_equal(strlen(strrchr(room, '&')) >= 4, 1);
        free(room);
    }
}

/* --- pages ------------------------------------------------------------------------------------------------------------------------- */

static void names_reach_no_page_unescaped(void **state)
{
    static const struct bh_file evil[] = {{.name = "a<b>\"&'.txt", .bytes = (const uint8_t *)"x", .size = 1}};

    (void)state;
    facts = (struct page_facts){.name = "<script>\"", .uptime_ns = 1234567890, .lives = 2};
    facts.net.how = "dhcp";
    strcpy(facts.net.address6[0], "\"<");
    files = evil;
    file_count = 1;
    static const char *const paths[] = {"/", "/status.json", "/files/"};
    for (unsigned i = 0; i < 3; i++) {
        get(paths[i]);
        assert_int_equal(page.status, 200);
        assert_int_equal(page.length, strlen(page.text));
        assert_null(strstr(page.text, "<script"));
        assert_null(strstr(page.text, "a<b>"));
        assert_null(strstr(page.text, "\"\"<"));
    }
    assert_non_null(strstr(page.text, "href=\"/files/a%3Cb%3E%22%26%27.txt\">a&lt;b&gt;&quot;&amp;&#39;.txt</a> 1<"));
}

/* Brackets and quotes match, and numbers are as given: enough of a parser for what we write. */
static void status_is_json(void **state)
{
    int depth = 0;
    bool quoted = false;

    (void)state;
    facts = (struct page_facts){.name = "web", .uptime_ns = 61234567890ull, .busy_ns = 30617283945ull, .lives = 3};
    facts.server.requests = 17;
    facts.others[0] = (struct bh_health){.name = "linux", .state = BH_STATE_RUNNING, .starts = 4};
    facts.others[1] = (struct bh_health){.name = "old", .state = BH_STATE_STOPPED};
    facts.other_count = 2;
    facts.net = (struct bh_net_status){.link = true, .speed = 1000, .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .how = "static"};
    strcpy(facts.net.address, "10.0.2.15/24");
    strcpy(facts.net.address6[0], "fe80::1");
    strcpy(facts.net.address6[1], "fec0::2");
    get("/status.json");
    assert_string_equal(page.type, "application/json");
    for (const char *c = page.text; *c; c++) {
        if (*c == '"')
            quoted = !quoted;
        if (!quoted)
            depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
        assert_true(depth >= 0 && (depth > 0 || c[1] == '\n' || c[0] == '\n'));
    }
    assert_int_equal(depth, 0);
    assert_non_null(strstr(page.text, "\"name\":\"web\",\"uptime\":61.234,\"busy_us\":30617283,\"lives\":3,"));
    assert_non_null(strstr(page.text, "\"requests\":17,"));
    assert_non_null(strstr(page.text, "\"partitions\":[{\"name\":\"linux\",\"state\":\"running\",\"starts\":4},"
                                      "{\"name\":\"old\",\"state\":\"stopped\",\"starts\":0}],"));
    assert_non_null(strstr(
        page.text, "\"link\":true,\"mbit\":1000,\"mac\":\"52:54:00:12:34:56\",\"how\":\"static\",\"ipv4\":\"10.0.2.15/24\""));
    assert_non_null(strstr(page.text, "\"ipv6\":[\"fe80::1\",\"fec0::2\"],\"dns\":[],"));
}

/* The fullest status there can be. */
static void status_fits_its_room(void **state)
{
    (void)state;
    memset(&facts, 0xff, sizeof(facts));
    facts.name = "abcdefghijklmno";
    facts.net.how = "static";
    facts.net.loopback_only = false;
    facts.net.link = true;
    memset(facts.net.address, '9', sizeof(facts.net.address) - 1);
    facts.net.address[sizeof(facts.net.address) - 1] = 0;
    memcpy(facts.net.gateway, facts.net.address, sizeof(facts.net.address));
    for (unsigned i = 0; i < BH_NET_ADDRESSES; i++)
        memcpy(facts.net.address6[i], facts.net.address, sizeof(facts.net.address));
    for (unsigned i = 0; i < BH_NET_NAME_SERVERS; i++)
        memcpy(facts.net.name_server[i], facts.net.address, sizeof(facts.net.address));
    for (facts.other_count = 0; facts.other_count < PAGE_OTHERS; facts.other_count++)
        facts.others[facts.other_count] = (struct bh_health){"abcdefghijklmno", BH_STATE_STOPPING, ~0ull};
    get("/");
    assert_non_null(strstr(page.text, "</html>\n"));
    get("/status.json");
    assert_string_equal(page.text + page.length - 2, "}\n");
}

static void files_are_served_from_their_place(void **state)
{
    static const struct bh_file some[] = {{.name = "index.html", .bytes = (const uint8_t *)"<p>", .size = 3},
                                          {.name = "d/e", .bytes = (const uint8_t *)"12345", .size = 5},
                                          {.name = "none", .bytes = (const uint8_t *)"", .size = 0}};
    uint64_t count;

    (void)state;
    files = some;
    file_count = 3;
    get("/files/index.html");
    assert_true(page.status == 200 && page.stays && page.cache && page.length == 3 && page.bytes == some[0].bytes);
    assert_string_equal(page.type, "text/html; charset=utf-8");
    get("/files/d/e");
    assert_ptr_equal(page_piece(&page, 2, &count), some[1].bytes + 2);
    assert_int_equal(count, 3);
    get("/files/none");
    assert_true(page.status == 200 && page.length == 0);
    static const char *const absent[] = {"/files/index.htm", "/files/../d/e", "/files/d", "/filesx", "/x", "//", "/status.json/"};
    for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        get(absent[i]);
        assert_int_equal(page.status, 404);
        assert_string_equal(page.text, "404 Not Found\n");
    }
}

static void a_long_list_says_how_many_are_left_out(void **state)
{
    static struct bh_file many[1000];
    static char names[1000][8];
    unsigned listed = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof(names[i]), "f%u", i);
        many[i] = (struct bh_file){.name = names[i]};
    }
    files = many;
    file_count = 1000;
    get("/files/");
    for (const char *at = page.text; (at = strstr(at, "<li><a")); at++)
        listed++;
    const char *more = strstr(page.text, "<li>and ");
    assert_non_null(more);
    assert_int_equal(listed + (unsigned)atoi(more + 8), 1000);
    assert_non_null(strstr(page.text, "</html>\n"));
}

static void bytes_are_made_on_the_way(void **state)
{
    uint64_t count;

    (void)state;
    get("/zeros/100000000");
    assert_true(page.status == 200 && page.length == 100000000 && page.stays);
    for (uint64_t at = 0, i = 0; at < page.length && i < 20; at += count, i++) {
        const uint8_t *piece = page_piece(&page, at, &count);
        assert_true(count > 0 && piece[0] == 0 && piece[count - 1] == 0);
    }
    get("/pattern/200000");
    uint8_t *whole = malloc(200000);
    for (uint64_t at = 0; at < page.length; at += count) {
        const uint8_t *piece = page_piece(&page, at, &count);
        memcpy(whole + at, piece, count);
    }
    for (unsigned i = PAGE_PATTERN; i < 200000; i++)
        assert_int_equal(whole[i], whole[i - PAGE_PATTERN]);
    for (unsigned shift = 1; shift < 3000; shift++) /* a lost byte, a lost segment: seen */
        assert_memory_not_equal(whole, whole + shift, 64);
    free(whole);
    get("/pattern/1099511627776");
    assert_int_equal(page.length, 1ull << 40);
    page_piece(&page, page.length - 1, &count);
    assert_int_equal(count, 1);
    static const char *const bad[] = {
        "/zeros/", "/zeros/1x", "/zeros/-1", "/zeros/1099511627777", "/zeros/99999999999999999999999999", "/pattern/ 1"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        get(bad[i]);
        assert_int_equal(page.status, 404);
    }
    get("/zeros/0");
    assert_true(page.status == 200 && page.length == 0);
}

static void any_bytes_are_answered(void **state)
{
    static const char seed_text[] = "GET /files/a%20b?x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    static uint8_t input[sizeof(seed_text)];
    unsigned seed = 7;

    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        memcpy(input, seed_text, sizeof(input));
        for (unsigned change = 0; change < 1 + round % 4; change++) {
            seed = seed * 1103515245u + 12345u;
            input[(seed >> 8) % sizeof(input)] =
                round % 2 ? (uint8_t)(" \r\n:/%?,\tHG12"[(seed >> 24) % 13]) : (uint8_t)(seed >> 24);
        }
        LLVMFuzzerTestOneInput(input, sizeof(input) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_requests),
        cmocka_unit_test(broken_requests),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(the_next_request_stays),
        cmocka_unit_test(headers_of_answers),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(texts_are_cut_whole),
        cmocka_unit_test(names_reach_no_page_unescaped),
        cmocka_unit_test(status_is_json),
        cmocka_unit_test(status_fits_its_room),
        cmocka_unit_test(files_are_served_from_their_place),
        cmocka_unit_test(a_long_list_says_how_many_are_left_out),
        cmocka_unit_test(bytes_are_made_on_the_way),
        cmocka_unit_test(any_bytes_are_answered),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
