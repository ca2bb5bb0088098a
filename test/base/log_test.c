/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/jsonread.h"

static int64_t fixed_us(void *state)
{
    return INT64_C(1767323045678901); /* 2026-01-02T03:04:05.678901Z */
}

static const struct clock fixed_clock = {fixed_us, fixed_us, NULL};

#define PREFIX "{\"timestamp\":\"2026-01-02T03:04:05.678901Z\",\"level\":"

static enum error gather(void *state, struct slice lines)
{
    buf_put_slice(state, lines);
    return OK;
}

static enum error refuse(void *state, struct slice lines)
{
    return ERROR_IO;
}

static void assert_written(struct buf *seen, const char *expected)
{
    assert_true(slice_eq_text(buf_slice(seen), expected));
    buf_clear(seen);
}

static void log_event_writes_one_line_of_json(void **state)
{
    struct buf seen;
    struct log log;
    buf_init(&seen, 1 << 20);
    log_init(&log, &fixed_clock, gather, &seen);
    LOG_INFO(&log, "serving");
    assert_written(&seen, PREFIX "\"info\",\"message\":\"serving\"}\n");
    LOG_ERROR(&log, "request", LOG_STR("path", SLICE("/a")), LOG_INT("status", 500),
              LOG_THOUSANDTHS("duration_ms", 250), LOG_BOOL("retried", true), LOG_TEXT("who", NULL));
    assert_written(&seen,
                   PREFIX "\"error\",\"message\":\"request\",\"path\":\"/a\",\"status\":500,\"duration_ms\":0.250,"
                          "\"retried\":true,\"who\":\"\"}\n");
    log_fini(&log);
    buf_fini(&seen);
}

static int count_calls(int *calls)
{
    return ++*calls;
}

static void log_event_leaves_out_what_is_below_the_level(void **state)
{
    struct buf seen;
    struct log log;
    int calls = 0;
    buf_init(&seen, 1 << 20);
    log_init(&log, &fixed_clock, gather, &seen);
    LOG_DEBUG(&log, "detail", LOG_INT("calls", count_calls(&calls)));
    assert_int_equal(seen.len, 0);
    assert_int_equal(calls, 0);
    assert_int_equal(log_level_parse(SLICE("debug"), &log.level), OK);
    LOG_DEBUG(&log, "detail", LOG_INT("calls", count_calls(&calls)));
    assert_written(&seen, PREFIX "\"debug\",\"message\":\"detail\",\"calls\":1}\n");
    LOG_INFO((struct log *)NULL, "nobody listens");
    assert_int_equal(log_level_parse(SLICE("loud"), &log.level), ERROR_PARSE);
    log_fini(&log);
    buf_fini(&seen);
}

static void log_event_cannot_be_forged_by_any_bytes(void **state)
{
    struct arena arena;
    struct buf seen;
    struct log log;
    char bytes[60];
    arena_init(&arena, 1 << 20);
    buf_init(&seen, 1 << 20);
    log_init(&log, &fixed_clock, gather, &seen);
    srand(7);
    for (int i = 0; i < 3000; i++) {
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = i % 2 ? (char)(1 + rand() % 255) : "\n\"\\{},:a\xFF"[rand() % 9];
        struct jsonread reader;
        struct json_value value;
        struct slice raw;
        buf_clear(&seen);
        LOG_WARN(&log, "m", LOG_STR("a", slice_of(bytes, sizeof bytes)), LOG_INT("b", i));
        assert_int_equal(slice_index(buf_slice(&seen), '\n'), seen.len - 1);
        jsonread_init(&reader, buf_slice(&seen), &arena, 4);
        assert_int_equal(jsonread_skip(&reader, &raw), OK);
        assert_int_equal(jsonread_next(&reader, &value), JSON_END);
    }
    log_fini(&log);
    buf_fini(&seen);
    arena_fini(&arena);
}

static void log_redact_hides_values_by_their_key_in_any_case(void **state)
{
    static const struct slice keys[] = {SLICE_INIT("password"), SLICE_INIT("authorization")};
    struct buf seen;
    struct log log;
    buf_init(&seen, 1 << 20);
    log_init(&log, &fixed_clock, gather, &seen);
    log_redact(&log, keys, ARRAY_LEN(keys));
    LOG_INFO(&log, "m", LOG_TEXT("Authorization", "Bearer x"), LOG_INT("password", 5), LOG_TEXT("passwords", "shown"));
    assert_written(&seen,
                   PREFIX "\"info\",\"message\":\"m\",\"Authorization\":\"[redacted]\",\"password\":\"[redacted]\","
                          "\"passwords\":\"shown\"}\n");
    log_fini(&log);
    buf_fini(&seen);
}

static void log_event_drops_the_fields_of_an_event_too_long_for_a_line(void **state)
{
    struct buf seen;
    struct log log;
    char *large = calloc(1, LOG_LINE_BYTES_MAX);
    assert_non_null(large);
    buf_init(&seen, 1 << 20);
    log_init(&log, &fixed_clock, gather, &seen);
    LOG_INFO(&log, "m", LOG_STR("body", slice_of(large, LOG_LINE_BYTES_MAX)));
    assert_written(&seen, PREFIX "\"info\",\"message\":\"m\",\"fields\":\"[too long]\"}\n");
    free(large);
    log_fini(&log);
    buf_fini(&seen);
}

static void log_event_counts_lines_that_its_sink_refuses(void **state)
{
    struct log log;
    log_init(&log, &fixed_clock, refuse, NULL);
    LOG_INFO(&log, "m");
    LOG_INFO(&log, "m");
    assert_int_equal(log.lost, 2);
    log_fini(&log);
}

static void log_write_fd_writes_lines_to_a_descriptor(void **state)
{
    int ends[2];
    char seen[200];
    struct log log;
    assert_int_equal(pipe(ends), 0);
    log_init(&log, &fixed_clock, log_write_fd, &ends[1]);
    LOG_INFO(&log, "m");
    ssize_t length = read(ends[0], seen, sizeof seen);
    assert_true(length > 0);
    assert_true(slice_eq_text(slice_of(seen, (size_t)length), PREFIX "\"info\",\"message\":\"m\"}\n"));
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(log_write_fd(&ends[1], SLICE("x\n")), ERROR_IO);
    log_fini(&log);
}

static void log_buffered_gathers_until_it_is_full_or_flushed(void **state)
{
    struct buf seen;
    struct log_buffered buffered;
    buf_init(&seen, 1 << 20);
    log_buffered_init(&buffered, 10, gather, &seen);
    assert_int_equal(log_buffered_flush(&buffered), OK);
    assert_int_equal(log_buffered_write(&buffered, SLICE("1234\n")), OK);
    assert_int_equal(log_buffered_write(&buffered, SLICE("5678\n")), OK);
    assert_int_equal(seen.len, 0);
    assert_int_equal(log_buffered_write(&buffered, SLICE("9\n")), OK);
    assert_written(&seen, "1234\n5678\n");
    assert_int_equal(log_buffered_write(&buffered, SLICE("longer than all\n")), OK);
    assert_written(&seen, "9\nlonger than all\n");
    assert_int_equal(log_buffered_write(&buffered, SLICE("end\n")), OK);
    assert_int_equal(log_buffered_flush(&buffered), OK);
    assert_written(&seen, "end\n");
    log_buffered_fini(&buffered);
    buf_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_event_writes_one_line_of_json),
        cmocka_unit_test(log_event_leaves_out_what_is_below_the_level),
        cmocka_unit_test(log_event_cannot_be_forged_by_any_bytes),
        cmocka_unit_test(log_redact_hides_values_by_their_key_in_any_case),
        cmocka_unit_test(log_event_drops_the_fields_of_an_event_too_long_for_a_line),
        cmocka_unit_test(log_event_counts_lines_that_its_sink_refuses),
        cmocka_unit_test(log_write_fd_writes_lines_to_a_descriptor),
        cmocka_unit_test(log_buffered_gathers_until_it_is_full_or_flushed),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
