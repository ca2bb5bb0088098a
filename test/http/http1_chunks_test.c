/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http1_events.h"

/* A body, and what comes of it behind the line of its head. */
struct row {
    struct slice body;
    const char *expected;
};

static void put_request(struct buf *input, struct buf *expected, struct slice body, const char *events)
{
    buf_put_literal(input, "POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:Chunked\r\n\r\n");
    buf_put_slice(input, body);
    buf_put_literal(expected, "POST path=/ host=a chunked\n\tHost: a\n\tTransfer-Encoding: Chunked\n[");
    buf_put_text(expected, events);
}

static void check(struct slice body, const char *events, size_t times)
{
    struct buf input, expected;
    buf_init(&input, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (size_t i = 0; i < times; i++)
        put_request(&input, &expected, body, events);
    for (unsigned cut = 0; cut < HTTP1_EVENTS_RANDOM + 5; cut++) {
        struct buf got;
        buf_init(&got, 1 << 20);
        if (cut != HTTP1_EVENTS_BYTEWISE_MOVING || body.len < 1000)
            http1_events_run(buf_slice(&input), cut, &got);
        else
            buf_put_slice(&got, buf_slice(&expected));
        if (!slice_eq(buf_slice(&got), buf_slice(&expected)))
            fail_msg("%.*s\n(cut %u) gives\n%.*s", SLICE_ARG(buf_slice(&input)), cut, SLICE_ARG(buf_slice(&got)));
        buf_fini(&got);
    }
    buf_fini(&input);
    buf_fini(&expected);
}

static void bodies_are_read(void **state)
{
    static const struct row rows[] = {
        {SLICE_INIT("0\r\n\r\n"), "]\n"},
        {SLICE_INIT("3\r\nabc\r\n0\r\n\r\n"), "abc]\n"},
        {SLICE_INIT("3\r\nabc\r\nA\r\n0123456789\r\na\r\n\r\n\r\n\r\n\r\n\r\n\r\n000\r\n\r\n"),
         "abc0123456789\r\n\r\n\r\n\r\n\r\n]\n"},
        {SLICE_INIT("00000003\r\nabc\r\n0\r\n\r\n"), "abc]\n"},
        {SLICE_INIT("1;a\r\nx\r\n0;a=b;c=\"d\\\"; \te\";f\r\n\r\n"), "x]\n"},
        {SLICE_INIT("1\r\nx\r\n0\r\nA: b\r\nC-d:\t \x80;\r\n\r\n"), "x]\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(rows[i].body, rows[i].expected, 1);
        check(rows[i].body, rows[i].expected, 2);
    }
}

static void bodies_that_are_wrong_are_refused(void **state)
{
#define SIZE_FAULT "refused 400 a chunk does not begin with its size\n"
#define SIZE_LARGE "refused 400 a chunk's size is too large a number\n"
#define LONGER     "refused 400 a chunk is longer than its size\n"
#define NO_LF      "refused 400 a line of the chunks ends without LF\n"
#define EXTENSION  "refused 400 a chunk's extension is not valid\n"
    static const struct row rows[] = {
        {SLICE_INIT("\r\n"), SIZE_FAULT},
        {SLICE_INIT(";a\r\n"), SIZE_FAULT},
        {SLICE_INIT("g\r\n"), SIZE_FAULT},
        {SLICE_INIT("-1\r\n"), SIZE_FAULT},
        {SLICE_INIT("0x1\r\n"), SIZE_FAULT},
        {SLICE_INIT(" 1\r\n"), SIZE_FAULT},
        {SLICE_INIT("1 \r\n"), SIZE_FAULT},
        {SLICE_INIT("1\nx\r\n"), SIZE_FAULT},
        {SLICE_INIT("1\r\nx\r\n\r\n"), "x" SIZE_FAULT},
        {SLICE_INIT("7fffffffffffffff\r\n"), "more\n"},
        {SLICE_INIT("8000000000000000\r\n"), SIZE_LARGE},
        {SLICE_INIT("ffffffffffffffff\r\n"), SIZE_LARGE},
        {SLICE_INIT("10000000000000001\r\n"), SIZE_LARGE},
        {SLICE_INIT("00000000000000001\r\n"), SIZE_LARGE},
        {SLICE_INIT("1\rx"), NO_LF},
        {SLICE_INIT("1\r\r\n"), NO_LF},
        {SLICE_INIT("1\r\nxy\r\n"), "x" LONGER},
        {SLICE_INIT("1\r\nx\n"), "x" LONGER},
        {SLICE_INIT("1\r\nx\r0"), "x" NO_LF},
        {SLICE_INIT("1;\r\n"), "refused 400 an extension has no name\n"},
        {SLICE_INIT("1; a\r\n"), "refused 400 an extension has no name\n"},
        {SLICE_INIT("1;a=\r\n"), "refused 400 an extension has no value\n"},
        {SLICE_INIT("1;a b\r\n"), EXTENSION},
        {SLICE_INIT("1;a=b\"\r\n"), EXTENSION},
        {SLICE_INIT("1;a=\"b\"c\r\n"), EXTENSION},
        {SLICE_INIT("1;a\n"), EXTENSION},
        {SLICE_INIT("1;a=\"b\r\n"), "refused 400 an extension's quoted value is not valid\n"},
        {SLICE_INIT("1;a=\"\\\n"), "refused 400 an extension's quoted value is not valid\n"},
        {SLICE_INIT("0\r\n : b\r\n"), "refused 400 a trailer does not begin with its name\n"},
        {SLICE_INIT("0\r\n: b\r\n"), "refused 400 a trailer does not begin with its name\n"},
        {SLICE_INIT("0\r\na: b\r\n c\r\n"), "refused 400 a trailer does not begin with its name\n"},
        {SLICE_INIT("0\r\na : b\r\n"), "refused 400 a trailer's name holds an invalid byte\n"},
        {SLICE_INIT("0\r\na\r\n"), "refused 400 a trailer's name holds an invalid byte\n"},
        {SLICE_INIT("0\r\na: b\0\r\n"), "refused 400 a trailer's value holds a control byte\n"},
        {SLICE_INIT("0\r\na: b\n"), "refused 400 a trailer's value holds a control byte\n"},
        {SLICE_INIT("0\r\na: b\r\r\n"), NO_LF},
        {SLICE_INIT("0\r\n\rGET"), NO_LF},
        {SLICE_INIT("5\r\nabc"), "abcmore\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i].body, rows[i].expected, 1);
}

/* `repeat` times `piece` between two ends. */
static void check_repeated(const char *begin, const char *piece, size_t repeat, const char *end, const char *expected)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_put_text(&body, begin);
    for (size_t i = 0; i < repeat; i++)
        buf_put_text(&body, piece);
    buf_put_text(&body, end);
    check(buf_slice(&body), expected, 1);
    buf_fini(&body);
}

static void extensions_and_trailers_are_bounded(void **state)
{
    static const char long_extension[] = "refused 400 the extensions of the chunks are too long\n";
    static const char large_trailer[] = "refused 400 the trailers are too large\n";
    check_repeated("0;", "a", 255, "\r\n\r\n", "]\n");
    check_repeated("0;", "a", 256, "\r\n\r\n", long_extension);
    struct buf data;
    buf_init(&data, 1 << 20);
    for (size_t i = 0; i < 3276; i++) /* ";aaaa" CR counts 5: 16,380 of 16,384 */
        buf_put_byte(&data, 'x');
    buf_put_literal(&data, "]\n");
    buf_put_byte(&data, '\0');
    check_repeated("", "1;aaaa\r\nx\r\n", 3276, "0\r\n\r\n", data.ptr);
    buf_truncate(&data, 3276);
    buf_put_text(&data, long_extension);
    buf_put_byte(&data, '\0');
    check_repeated("", "1;aaaa\r\nx\r\n", 3277, "0\r\n\r\n", data.ptr);
    buf_fini(&data);
    check_repeated("0\r\na:", "b", HTTP1_CHUNKS_TRAILER_MAX - 4, "\r\n\r\n", "]\n");
    check_repeated("0\r\na:", "b", HTTP1_CHUNKS_TRAILER_MAX - 3, "\r\n\r\n", large_trailer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(bodies_that_are_wrong_are_refused),
        cmocka_unit_test(extensions_and_trailers_are_bounded),
    };
    return cmocka_run_group_tests_name("http/http1_chunks", tests, NULL, NULL);
}
