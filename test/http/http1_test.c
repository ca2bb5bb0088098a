/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http_settings.h"
#include "http1_events.h"

#define HOST "Host: a\r\n"

/* Bytes, and what is understood (lines of headers left out). */
struct row {
    struct slice input;
    const char *expected;
};

static void drop_header_lines(struct buf *events)
{
    size_t kept = 0;
    for (size_t at = 0; at < events->len;) {
        size_t line = slice_index(slice_from_index(buf_slice(events), at), '\n') + 1;
        if (line > events->len - at)
            line = events->len - at;
        if (events->ptr[at] != '\t') {
            memmove(events->ptr + kept, events->ptr + at, line);
            kept += line;
        }
        at += line;
    }
    events->len = kept;
}

static void check_events(struct slice input, unsigned cut, struct slice expected)
{
    struct buf events;
    buf_init(&events, 1 << 24);
    http1_events_run(input, cut, &events);
    drop_header_lines(&events);
    if (!slice_eq(buf_slice(&events), expected))
        fail_msg("%.*s\n(cut %u) was understood as:\n%.*s\ninstead of:\n%.*s", SLICE_ARG(input), cut,
                 SLICE_ARG(buf_slice(&events)), SLICE_ARG(expected));
    buf_fini(&events);
}

/* Whole, byte by byte, from a buffer that moves, and cut anyhow. */
static void check_row(struct slice input, struct slice expected)
{
    for (unsigned cut = 0; cut < HTTP1_EVENTS_RANDOM + 5; cut++)
        check_events(input, cut, expected);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Twice the same request gives twice the same events, unless the first one ended the connection. */
static void check_pipelined(const struct row *row)
{
    if (strstr(row->expected, "refused") || strstr(row->expected, "closed") || ends_with(row->expected, "more\n"))
        return;
    struct buf input, expected;
    buf_init(&input, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (int i = 0; i < 2; i++) {
        buf_put_slice(&input, row->input);
        buf_put_text(&expected, row->expected);
    }
    check_row(buf_slice(&input), buf_slice(&expected));
    buf_fini(&input);
    buf_fini(&expected);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(rows[i].input, slice_from(rows[i].expected));
        check_pipelined(&rows[i]);
    }
}

static void requests_are_understood(void **state)
{
    static const struct row rows[] = {
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("HEAD /a/b?c=d?e HTTP/1.1\r\n" HOST "\r\n"), "HEAD path=/a/b query=c=d?e host=a\n"},
        {SLICE_INIT("GET /a? HTTP/1.1\r\n" HOST "\r\n"), "GET path=/a host=a\n"},
        {SLICE_INIT("GET //a%2F\"|{} HTTP/1.1\r\n" HOST "\r\n"), "GET path=//a%2F\"|{} host=a\n"},
        {SLICE_INIT("GET / HTTP/1.2\r\n" HOST "\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("GET / HTTP/1.9\r\n" HOST "\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), "GET path=/ 1.0 close\nclosed\n"},
        {SLICE_INIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), "GET path=/ 1.0\n"},
        {SLICE_INIT("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), "GET path=/ 1.0 close\nclosed\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Connection: te ,\tCLOSE\r\n\r\n"), "GET path=/ host=a close\nclosed\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Connection: a\r\nconnection: close\r\n\r\n"),
         "GET path=/ host=a close\nclosed\n"},
        {SLICE_INIT("BREW /pot HTTP/1.1\r\n" HOST "\r\n"), "BREW path=/pot host=a\n"},
        {SLICE_INIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS path=* host=a\n"},
        {SLICE_INIT("OPTIONS /a HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS path=/a host=a\n"},
        {SLICE_INIT("CONNECT b:443 HTTP/1.1\r\n" HOST "\r\n"), "CONNECT host=b:443\n"},
        {SLICE_INIT("GET HTTP://b:80/c?d HTTP/1.1\r\n" HOST "\r\n"), "GET path=/c query=d host=b:80\n"},
        {SLICE_INIT("GET https://b HTTP/1.1\r\n" HOST "\r\n"), "GET path=/ host=b\n"},
        {SLICE_INIT("GET http://b?c/d HTTP/1.1\r\n" HOST "\r\n"), "GET path=/ query=c/d host=b\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\nhOST:[::1]:8080\t \r\n\r\n"), "GET path=/ host=[::1]:8080\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET path=/\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "X: a\tb \x80\xff~\r\nY:\r\n\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
         "GET path=/ host=a upgrade\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n"), "GET path=/ host=a\n"},
        {SLICE_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), "POST path=/ host=a length=3\n[abc]\n"},
        {SLICE_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 003\r\n\r\nabc"),
         "POST path=/ host=a length=3\n[abc]\n"},
        {SLICE_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), "POST path=/ host=a length=0\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"), "GET path=/ host=a length=2\n[ab]\n"},
        {SLICE_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\na"),
         "POST path=/ host=a length=9223372036854775807\n[amore\n"},
        {SLICE_INIT("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na"),
         "POST path=/ host=a length=1 expect\n[a]\n"},
        {SLICE_INIT("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na"),
         "POST path=/ 1.0 length=1 close\n[a]\nclosed\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\r"), "more\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\r\nGET"), "GET path=/ host=a\nmore\n"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void request_lines_that_are_wrong_are_refused(void **state)
{
#define FORM      "refused 400 the request line is not: method, space, target, space, HTTP/1.1\n"
#define METHOD    "refused 400 the request line does not begin with a method and one space\n"
#define TARGET    "refused 400 the request target holds white space, a control or non-ASCII byte, or a fragment\n"
#define AUTHORITY "refused 400 the request target has no valid host\n"
#define VERSION   "refused 505 this version of HTTP is not spoken here; HTTP/1.1 is\n"
#define UNNAMED   "refused 505 the request line names no version; HTTP/1.1 is spoken here\n"
#define NEITHER   "refused 400 the request target is neither a path nor an http address\n"
#define TUNNEL    "refused 400 the target of CONNECT is not host:port\n"
#define NO_CR     "refused 400 a line ends without CR\n"
    static const struct row rows[] = {
        {SLICE_INIT("\r\n\r\nGET / HTTP/1.1\r\n"), "refused 400 more than one empty line stands before the request\n"},
        {SLICE_INIT("\nGET / HTTP/1.1\r\n"), NO_CR},
        {SLICE_INIT("GET / HTTP/1.1\n"), NO_CR},
        {SLICE_INIT("\rGET / HTTP/1.1\r\n"), METHOD},
        {SLICE_INIT(" GET / HTTP/1.1\r\n"), METHOD},
        {SLICE_INIT("G\0T / HTTP/1.1\r\n"), METHOD},
        {SLICE_INIT("GET(/ HTTP/1.1\r\n"), METHOD},
        {SLICE_INIT("GET\t/ HTTP/1.1\r\n"), METHOD},
        {SLICE_INIT("\x16\x03\x01\x02\r\n"), METHOD},
        {SLICE_INIT("GET\r\n"), METHOD},
        {SLICE_INIT("GET \r\n"), FORM},
        {SLICE_INIT("GET /\r\n"), UNNAMED},
        {SLICE_INIT("GET HTTP/1.1\r\n"), UNNAMED},
        {SLICE_INIT("GET  HTTP/1.1\r\n"), FORM},
        {SLICE_INIT("GET / HTTP/1.1 \r\n"), FORM},
        {SLICE_INIT("GET / HTTP/1.10\r\n"), FORM},
        {SLICE_INIT("GET / HTTP/11\r\n"), FORM},
        {SLICE_INIT("GET / http/1.1\r\n"), FORM},
        {SLICE_INIT("GET / ICE/1.0\r\n"), FORM},
        {SLICE_INIT("GET / HTTP/1.1\r\r\n"), FORM},
        {SLICE_INIT("GET / HTTP/0.9\r\n"), VERSION},
        {SLICE_INIT("GET / HTTP/2.0\r\n"), VERSION},
        {SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), VERSION},
        {SLICE_INIT("GET  / HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /a b HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /  HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /long/enough/for\tthe/fast/scan HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /long/enough/for\x7fthe/fast/scan HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /long/enough/for\rthe/fast/scan HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /long/enough/for\0the/fast/scan HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /caf\xc3\xa9 HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /long/enough/#fragment HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET /a#b HTTP/1.1\r\n"), TARGET},
        {SLICE_INIT("GET * HTTP/1.1\r\n"), "refused 400 the target * is for OPTIONS only\n"},
        {SLICE_INIT("GET a/b HTTP/1.1\r\n"), NEITHER},
        {SLICE_INIT("GET ?a HTTP/1.1\r\n"), NEITHER},
        {SLICE_INIT("GET ftp://a/ HTTP/1.1\r\n"), NEITHER},
        {SLICE_INIT("GET http:/a HTTP/1.1\r\n"), NEITHER},
        {SLICE_INIT("GET a:80 HTTP/1.1\r\n"), NEITHER},
        {SLICE_INIT("GET http:///a HTTP/1.1\r\n"), AUTHORITY},
        {SLICE_INIT("GET http://me@a/ HTTP/1.1\r\n"), AUTHORITY},
        {SLICE_INIT("GET http://a:b/ HTTP/1.1\r\n"), AUTHORITY},
        {SLICE_INIT("CONNECT / HTTP/1.1\r\n"), TUNNEL},
        {SLICE_INIT("CONNECT a HTTP/1.1\r\n"), TUNNEL},
        {SLICE_INIT("CONNECT a: HTTP/1.1\r\n"), TUNNEL},
        {SLICE_INIT("CONNECT [::1] HTTP/1.1\r\n"), TUNNEL},
        {SLICE_INIT("CONNECT http://a:1/ HTTP/1.1\r\n"), TUNNEL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void headers_that_are_wrong_are_refused(void **state)
{
#define NAME     "refused 400 a header's name holds an invalid byte\n"
#define VALUE    "refused 400 a header's value holds a control byte\n"
#define BAD_HOST "refused 400 the host is not a valid host\n"
#define FOLD     "refused 400 a header line begins with white space\n"
    static const struct row rows[] = {
        {SLICE_INIT("GET / HTTP/1.1\r\n\r\n"), "refused 400 the request has no host header\n"},
        {SLICE_INIT("GET http://a/ HTTP/1.1\r\n\r\n"), "refused 400 the request has no host header\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "Host: a\r\n"), "refused 400 the header \"host\" was sent twice\n"},
        {SLICE_INIT("GET / HTTP/1.0\r\n" HOST "hOst: b\r\n"), "refused 400 the header \"host\" was sent twice\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: a b\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: me@a\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: :80\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: a:8080a\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: a:123456\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: [::1\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: [::g]\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n"), BAD_HOST},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "a : b\r\n"),
         "refused 400 white space stands before the colon of a header\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "a\t: b\r\n"),
         "refused 400 white space stands before the colon of a header\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST " folded\r\n"), FOLD},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\tfolded: x\r\n"), FOLD},
        {SLICE_INIT("GET / HTTP/1.1\r\n Host: a\r\n"), FOLD},
        {SLICE_INIT("GET / HTTP/1.1\r\n: b\r\n"), "refused 400 a header has no name\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\nHost\r\n"), "refused 400 a header line has no colon\n"},
        {SLICE_INIT("GET / HTTP/1.1\r\nFo@: b\r\n"), NAME},
        {SLICE_INIT("GET / HTTP/1.1\r\n\x80: b\r\n"), NAME},
        {SLICE_INIT("GET / HTTP/1.1\r\na\0: b\r\n"), NAME},
        {SLICE_INIT("GET / HTTP/1.1\r\nContent\rLength: 3\r\n"), NAME},
        {SLICE_INIT("GET / HTTP/1.1\r\n\rHost: b\r\n"), NAME},
        {SLICE_INIT("GET / HTTP/1.1\r\na: b\0c\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: b\rc: d\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: long enough for\rthe fast scan\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: long enough for\x01the fast scan\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: long enough for\x7fthe fast scan\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: long enough, but at its end \x1f\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: b\r\r\n"), VALUE},
        {SLICE_INIT("GET / HTTP/1.1\r\na: b\nc: d\r\n"), NO_CR},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\n"), NO_CR},
        {SLICE_INIT("GET / HTTP/1.1\r\n" HOST "\rX: y\r\n"), NAME},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void framing_that_could_be_read_two_ways_is_refused(void **state)
{
#define POST      "POST / HTTP/1.1\r\n" HOST
#define NUMBER    "refused 400 the content-length is not a number\n"
#define BOTH      "refused 400 the request has both a content-length and a transfer-encoding\n"
#define CODING    "refused 400 the transfer-encoding is not chunked\n"
#define TWO_SIZES "refused 400 the header \"content-length\" was sent twice\n"
    static const struct row rows[] = {
        {SLICE_INIT(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), BOTH},
        {SLICE_INIT(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), BOTH},
        {SLICE_INIT(POST "Content-Length: 3\r\nContent-Length: 3\r\n"), TWO_SIZES},
        {SLICE_INIT(POST "Content-Length: 3\r\nContent-Length: 4\r\n"), TWO_SIZES},
        {SLICE_INIT(POST "Content-Length: 3, 3\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: 3,\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: +3\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: -3\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: 0x3\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: 3 3\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: \xb2\r\n"), NUMBER},
        {SLICE_INIT(POST "Content-Length: \r\n"), "refused 400 the content-length is empty\n"},
        {SLICE_INIT(POST "Content-Length: 9223372036854775808\r\n"),
         "refused 400 the content-length is too large a number\n"},
        {SLICE_INIT(POST "Content-Length: 99999999999999999999999\r\n"),
         "refused 400 the content-length is too large a number\n"},
        {SLICE_INIT(POST "Transfer-Encoding: gzip\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: identity\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: gzip, chunked\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: chunked, chunked\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: xchunked\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: chunked;a=b\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: \"chunked\"\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding:\r\n"), CODING},
        {SLICE_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         "refused 400 the header \"transfer-encoding\" was sent twice\n"},
        {SLICE_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"),
         "refused 400 HTTP/1.0 knows no transfer-encoding\n"},
        {SLICE_INIT(POST "Idempotency-Key: a\r\nidempotency-key: b\r\n"),
         "refused 400 the header \"idempotency-key\" was sent twice\n"},
        {SLICE_INIT(POST "Authorization: a\r\nAuthorization: b\r\n"),
         "refused 400 the header \"authorization\" was sent twice\n"},
        {SLICE_INIT(POST "Content-Type: a/b\r\nContent-Type: a/b\r\n"),
         "refused 400 the header \"content-type\" was sent twice\n"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* `repeat` times `piece` between two ends. */
static void check_repeated(const char *begin, const char *piece, size_t repeat, const char *end, const char *expected)
{
    struct buf input;
    buf_init(&input, 1 << 20);
    buf_put_text(&input, begin);
    for (size_t i = 0; i < repeat; i++)
        buf_put_text(&input, piece);
    buf_put_text(&input, end);
    for (unsigned cut = 0; cut < HTTP1_EVENTS_RANDOM + 2; cut++)
        if (cut != HTTP1_EVENTS_BYTEWISE_MOVING)
            check_events(buf_slice(&input), cut, slice_from(expected));
    buf_fini(&input);
}

static void the_limits_hold_at_their_byte(void **state)
{
    static const char long_line[] = "refused 414 the request line is too long\n";
    static const char large[] = "refused 431 the headers are too large\n";
    static const char many[] = "refused 431 the request has too many headers\n";
    const size_t fixed = strlen("GET  HTTP/1.1"), limit = 8192;
    /* A line as long as the limit is a request (that goes on); one byte more is not, whether it has ended or not. */
    check_repeated("GET ", "/", limit - fixed, " HTTP/1.1\r\n", "more\n");
    check_repeated("GET ", "/", limit - fixed + 1, " HTTP/1.1\r\n", long_line);
    check_repeated("GET ", "/", limit + 10, "", long_line);
    check_repeated("", "A", limit + 10, "", long_line);
    /* Host: a CRLF = 9, X:… CRLF = 4, the empty line = 2. */
    check_repeated("GET / HTTP/1.0\r\nHost: a\r\nX:", "x", 32768 - 15, "\r\n\r\n",
                   "GET path=/ host=a 1.0 close\nclosed\n");
    check_repeated("GET / HTTP/1.0\r\nHost: a\r\nX:", "x", 32768 - 14, "\r\n\r\n", large);
    check_repeated("GET / HTTP/1.0\r\nX:", "x", 33000, "", large);
    check_repeated("GET / HTTP/1.0\r\n", "a:b\r\n", 100, "\r\n", "GET path=/ 1.0 close\nclosed\n");
    check_repeated("GET / HTTP/1.0\r\n", "a:b\r\n", 101, "\r\n", many);
}

static void read_head(const char *text, struct http1_head *head)
{
    static const struct http_limits limits = {.request_line_bytes = 8192, .header_bytes = 32768, .header_count = 100};
    struct http1 parser;
    http1_init(&parser, &limits);
    assert_int_equal(http1_parse_head(&parser, slice_from(text), head), HTTP1_DONE);
    assert_int_equal(parser.consumed, strlen(text));
}

static void headers_are_found_by_number_and_by_name(void **state)
{
    struct http1_head *head = malloc(sizeof *head);
    assert_non_null(head);
    read_head("GET / HTTP/1.1\r\nhost: a\r\nIF-MATCH: \"1\"\r\nX-Own: \t v w \t\r\nAccept: a/b\r\nIf-Match: \"2\"\r\n"
              "accept:\r\n\r\n",
              head);
    assert_int_equal(head->count, 6);
    assert_true(slice_eq_text(http1_head_value(head, HTTP1_HEADER_IF_MATCH), "\"1\""));
    assert_true(slice_eq_text(http1_head_find(head, SLICE("x-own")), "v w"));
    assert_null(http1_head_find(head, SLICE("x-ow")).ptr);
    assert_null(http1_head_value(head, HTTP1_HEADER_PREFER).ptr);
    assert_false(http1_head_has(head, HTTP1_HEADER_PREFER));

    struct arena arena;
    struct slice joined;
    arena_init(&arena, 1 << 16);
    assert_int_equal(http1_head_joined(head, HTTP1_HEADER_IF_MATCH, &arena, &joined), OK);
    assert_true(slice_eq_text(joined, "\"1\", \"2\""));
    assert_int_equal(http1_head_joined(head, HTTP1_HEADER_ACCEPT, &arena, &joined), OK);
    assert_true(slice_eq_text(joined, "a/b, "));
    assert_int_equal(http1_head_joined(head, HTTP1_HEADER_HOST, &arena, &joined), OK);
    assert_ptr_equal(joined.ptr, head->host.ptr);
    assert_int_equal(http1_head_joined(head, HTTP1_HEADER_PREFER, &arena, &joined), OK);
    assert_null(joined.ptr);
    arena_fini(&arena);
    arena_init(&arena, 0);
    assert_int_equal(http1_head_joined(head, HTTP1_HEADER_IF_MATCH, &arena, &joined), ERROR_MEMORY);
    free(head);
}

static void every_known_header_finds_itself(void **state)
{
    for (enum http1_known known = 0; known < HTTP1_HEADER_COUNT; known++) {
        char upper[64];
        struct slice name = http1_known_name(known);
        assert_true(name.len < sizeof upper);
        for (size_t i = 0; i < name.len; i++)
            upper[i] = (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 32 : name.ptr[i]);
        assert_int_equal(http1_known_find(name), known);
        assert_int_equal(http1_known_find(slice_of(upper, name.len)), known);
        upper[name.len - 1] = '!';
        assert_int_equal(http1_known_find(slice_of(upper, name.len)), HTTP1_HEADER_COUNT);
    }
    assert_int_equal(http1_known_find(SLICE("a-name-longer-than-any-of-the-known-names")), HTTP1_HEADER_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_understood),
        cmocka_unit_test(request_lines_that_are_wrong_are_refused),
        cmocka_unit_test(headers_that_are_wrong_are_refused),
        cmocka_unit_test(framing_that_could_be_read_two_ways_is_refused),
        cmocka_unit_test(the_limits_hold_at_their_byte),
        cmocka_unit_test(headers_are_found_by_number_and_by_name),
        cmocka_unit_test(every_known_header_finds_itself),
    };
    return cmocka_run_group_tests_name("http/http1", tests, NULL, NULL);
}
