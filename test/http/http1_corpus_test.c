/* SPDX-License-Identifier: Apache-2.0 */
/* Others' requests: the request cases of llhttp, and the fuzzing corpus of h2o. Both are read from $TENON_SHARED. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/hex.h"
#include "http1_events.h"

/* The cases of llhttp that are decided otherwise here, by the end of their title, each with its reason. */
static const struct {
    const char *title;
    const char *reason;
} decided_otherwise[] = {
    {"CRLF between requests, implicit `keep-alive`", "of two empty lines before a request the second is refused"},
    {"Missing CRLF-CRLF before body", "a bare CR is seen when its line ends, and this one does not"},
    {"Invalid HTTP version", "a wrong version is seen when its line ends, and this one does not"},
    {"Invalid space after start line", "a folded line is seen when it ends, and this one does not"},
    {"HTTP protocol and ANNOUNCE method", "any token is a method, and which are served is the router's business"},
    {"Invalid method", "any token is a method, and which are served is the router's business"},
    {"M-SEARCH request", "the target * is for OPTIONS only"},
    {"PRI request HTTP2", "the target * is for OPTIONS only"},
    {"SOURCE request with ICE", "only HTTP is spoken here"},
    {"OPTIONS request with RTSP", "only HTTP is spoken here"},
    {"ANNOUNCE request with RTSP", "only HTTP is spoken here"},
    {"No HTTP version", "HTTP/0.9 is refused with 505"},
    {"POST with `chunked` as last transfer-encoding", "any coding but chunked alone is refused"},
    {"POST with `chunked` as last transfer-encoding (multiple headers)", "any coding but chunked alone is refused"},
    {"Fragment in URI", "a request target has no fragment (RFC 9112 section 3.2)"},
    {"`host:port` and basic auth", "credentials in a request target are refused (RFC 9110 section 4.2.4)"},
};

enum { FILE_BYTES_MAX = 1 << 20 };

static char *shared_path(const char *name)
{
    static const char fallback[] = "../shared/data";
    const char *shared = getenv("TENON_SHARED");
    char *path = NULL;
    if (asprintf(&path, "%s/http/%s", shared ? shared : fallback, name) < 0)
        fail_msg("no memory");
    return path;
}

/* Reads a whole file; false when it is not there. */
static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    buf_init(out, FILE_BYTES_MAX);
    char piece[1024];
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;)
        buf_put(out, piece, got);
    assert_int_equal(fclose(file), 0);
    assert_false(buf_failed(out));
    return true;
}

/* Every cut of the input gives the events of the whole. */
static void check_cuts(struct slice input, struct buf *events)
{
    buf_init(events, 1 << 24);
    http1_events_run(input, HTTP1_EVENTS_WHOLE, events);
    for (unsigned cut = HTTP1_EVENTS_WHOLE + 1; cut < HTTP1_EVENTS_RANDOM + 2; cut++) {
        struct buf again;
        if (cut == HTTP1_EVENTS_BYTEWISE_MOVING && input.len > 2000)
            continue;
        buf_init(&again, 1 << 24);
        http1_events_run(input, cut, &again);
        if (!slice_eq(buf_slice(&again), buf_slice(events)))
            fail_msg("cut %u of\n%.*s\ngives\n%.*s\nand not\n%.*s", cut, SLICE_ARG(input), SLICE_ARG(buf_slice(&again)),
                     SLICE_ARG(buf_slice(events)));
        buf_fini(&again);
    }
}

/* Cuts the value of the next `"key": "…"` off the file, without its JSON escapes (of which \u is ASCII or lost). */
static bool next_string(struct slice *rest, const char *key, struct buf *out)
{
    const char *at = memmem(rest->ptr, rest->len, key, strlen(key));
    if (!at)
        return false;
    *rest = slice_from_index(*rest, (size_t)(at - rest->ptr) + strlen(key));
    buf_clear(out);
    while (rest->ptr[0] != '"') {
        if (rest->ptr[0] != '\\') {
            buf_put_byte(out, rest->ptr[0]);
            *rest = slice_from_index(*rest, 1);
            continue;
        }
        static const char escapes[] = "n\nt\tr\rf\fb\b";
        const char *escape = strchr(escapes, rest->ptr[1]);
        buf_put_byte(out, rest->ptr[1] == 'u' ? (char)0xff : escape ? escape[1] : rest->ptr[1]);
        *rest = slice_from_index(*rest, rest->ptr[1] == 'u' ? 6 : 2);
    }
    return true;
}

/* From the notation of llhttp's documents: a line break is CRLF, one behind a backslash nothing, and \r \n \t \f \xNN
 * are bytes. */
static void put_bytes(struct slice text, struct buf *out)
{
    static const char escapes[] = "n\nt\tr\rf\f";
    buf_clear(out);
    for (size_t i = 0; i < text.len; i++) {
        char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';
        const char *escape = next ? strchr(escapes, next) : NULL;
        if (text.ptr[i] == '\n') {
            buf_put_literal(out, "\r\n");
        } else if (text.ptr[i] == '\\' && next == 'x' && i + 3 < text.len) {
            buf_put_byte(out, (char)(hex_digit(text.ptr[i + 2]) * 16 + hex_digit(text.ptr[i + 3])));
            i += 3;
        } else if (text.ptr[i] == '\\' && (next == '\n' || escape)) {
            if (next != '\n')
                buf_put_byte(out, escape[1]);
            i++;
        } else {
            buf_put_byte(out, text.ptr[i]);
        }
    }
}

/* llhttp does not ask for a Host: gives one to every head that has none. */
static void put_hosts(struct slice text, struct buf *out)
{
    static const char version[] = " HTTP/1.1\r\n";
    buf_clear(out);
    while (text.len) {
        const char *at = memmem(text.ptr, text.len, version, strlen(version));
        size_t line = at ? (size_t)(at - text.ptr) + strlen(version) : text.len;
        buf_put(out, text.ptr, line);
        text = slice_from_index(text, line);
        const char *end = text.ptr ? memmem(text.ptr, text.len, "\r\n\r\n", 4) : NULL;
        struct slice head = slice_of(text.ptr, end ? (size_t)(end - text.ptr) : text.len);
        bool has_host =
            slice_starts(head, SLICE("Host:")) ||
            (head.ptr && (memmem(head.ptr, head.len, "\nHost:", 6) || memmem(head.ptr, head.len, "\nHOST:", 6)));
        if (at && !has_host)
            buf_put_literal(out, "Host: a\r\n");
    }
}

static bool ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static bool is_decided_otherwise(struct slice title)
{
    for (size_t i = 0; i < ARRAY_LEN(decided_otherwise); i++)
        if (ends_with(title, decided_otherwise[i].title))
            return true;
    return false;
}

/* Whether llhttp refuses: an error that is not a pause (21 to 23) or data behind the last request (5). */
static bool is_refused_by_llhttp(struct slice log)
{
    const char *at = memmem(log.ptr, log.len, "error code=", 11);
    if (!at)
        return false;
    int code = 0;
    for (at += 11; *at >= '0' && *at <= '9'; at++)
        code = code * 10 + (*at - '0');
    return code != 5 && (code < 21 || code > 23);
}

static void check_case(struct slice title, struct slice bytes, struct slice log)
{
    struct buf events;
    check_cuts(bytes, &events);
    bool is_refused = events.len && memmem(events.ptr, events.len, "refused ", 8);
    if ((is_refused != is_refused_by_llhttp(log)) != is_decided_otherwise(title))
        fail_msg("\"%.*s\":\n%.*s\nis understood as\n%.*s\nand by llhttp as\n%.*s", SLICE_ARG(title), SLICE_ARG(bytes),
                 SLICE_ARG(buf_slice(&events)), SLICE_ARG(log));
    buf_fini(&events);
}

static void the_strict_cases_of_llhttp_are_decided_as_llhttp_does(void **state)
{
    enum { TITLE, TYPE, INPUT, LOG, BYTES, HOSTED, TEXTS };
    struct buf file, texts[TEXTS];
    char *path = shared_path("llhttp/llhttp.json");
    bool is_there = read_file(path, &file);
    free(path);
    if (!is_there)
        skip();
    for (size_t i = 0; i < TEXTS; i++)
        buf_init(&texts[i], FILE_BYTES_MAX);
    unsigned count = 0;
    struct slice rest = buf_slice(&file);
    while (next_string(&rest, "\"title\": \"", &texts[TITLE])) {
        struct slice meta = slice_of(rest.ptr, slice_index(rest, '}'));
        if (!next_string(&meta, "\"type\": \"", &texts[TYPE]) || !slice_eq_text(buf_slice(&texts[TYPE]), "request"))
            continue;
        assert_true(next_string(&rest, "\"input\": \"", &texts[INPUT]));
        assert_true(next_string(&rest, "\"log\": \"", &texts[LOG]));
        put_bytes(buf_slice(&texts[INPUT]), &texts[BYTES]);
        put_hosts(buf_slice(&texts[BYTES]), &texts[HOSTED]);
        check_case(buf_slice(&texts[TITLE]), buf_slice(&texts[HOSTED]), buf_slice(&texts[LOG]));
        count++;
    }
    assert_int_equal(count, 134);
    for (size_t i = 0; i < TEXTS; i++)
        buf_fini(&texts[i]);
    buf_fini(&file);
}

static void the_corpus_of_h2o_is_understood_alike_however_it_is_cut(void **state)
{
    char *path = shared_path("h2o-http1/http1-corpus");
    DIR *folder = opendir(path);
    unsigned count = 0;
    if (!folder) {
        free(path);
        skip();
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char *name = NULL;
        struct buf input, events;
        if (entry->d_name[0] == '.')
            continue;
        assert_true(asprintf(&name, "%s/%s", path, entry->d_name) > 0);
        assert_true(read_file(name, &input));
        check_cuts(buf_slice(&input), &events);
        buf_fini(&events);
        buf_fini(&input);
        free(name);
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_int_equal(count, 1972);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_strict_cases_of_llhttp_are_decided_as_llhttp_does),
        cmocka_unit_test(the_corpus_of_h2o_is_understood_alike_however_it_is_cut),
    };
    return cmocka_run_group_tests_name("http/http1_corpus", tests, NULL, NULL);
}
