/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"
#include "http/exchange.h"
#include "http/router.h"
#include "svc/audit_trail.h"

static int64_t fixed_us(void *state)
{
    int64_t *now_us = state;
    return ++*now_us; /* never twice the same */
}

struct stage {
    int64_t now_us;
    struct clock clock;
    struct log log;
    struct buf lines;
    struct hmac_key *key;
    struct audit audit;
    struct arena arena;
    struct audit_trail trail;
    unsigned findings;
};

static enum error keep(void *state, struct slice lines)
{
    buf_put_slice(state, lines);
    return OK;
}

static void count_finding(void *state, const struct audit_trail_finding *finding)
{
    struct stage *stage = state;
    stage->findings++;
    if (finding->kind == AUDIT_TRAIL_NOT_ENDED)
        return;
    print_message("%s: line %d\n", audit_trail_kind_name(finding->kind), (int)finding->place.line);
}

static void stage_open(struct stage *stage)
{
    *stage = (struct stage){.now_us = 1767323045000000};
    stage->clock = (struct clock){fixed_us, fixed_us, &stage->now_us};
    buf_init(&stage->lines, 1 << 24);
    log_init(&stage->log, &stage->clock, keep, &stage->lines);
    arena_init(&stage->arena, 1 << 24);
    assert_int_equal(digest_hmac_create(SLICE("0123456789abcdef0123456789abcdef"), &stage->key), OK);
    assert_int_equal(audit_init(&stage->audit, &stage->log, stage->key), OK);
    audit_begin(&stage->audit);
}

static void stage_close(struct stage *stage)
{
    log_fini(&stage->log);
    buf_fini(&stage->lines);
    arena_fini(&stage->arena);
    digest_hmac_destroy(stage->key);
}

/* Every line is vouched for, and nothing is missing. */
static void verify(struct stage *stage, unsigned lines, unsigned findings)
{
    audit_trail_init(&stage->trail, stage->key, &stage->arena, count_finding, stage);
    struct slice rest = buf_slice(&stage->lines), line;
    for (unsigned i = 1; slice_split(&rest, '\n', &line); i++)
        assert_int_equal(audit_trail_read(&stage->trail, line, (struct audit_trail_place){"log", i}), OK);
    audit_trail_end(&stage->trail);
    assert_int_equal(stage->trail.lines, lines);
    assert_int_equal(stage->trail.good, lines);
    assert_int_equal(stage->findings, findings);
    audit_trail_fini(&stage->trail);
}

static void a_line_says_who_did_what_from_where(void **state)
{
    struct stage stage;
    stage_open(&stage);
    memset(stage.audit.chain_id, 'a', sizeof stage.audit.chain_id);
    memset(stage.audit.previous, 'b', sizeof stage.audit.previous);
    buf_clear(&stage.lines);
    stage.now_us = 1767323045678900;
    audit_write(&stage.audit, &(struct audit_event){.kind = AUDIT_ROLE_CHANGED,
                                                    .outcome = AUDIT_OUTCOME_DENIED,
                                                    .actor = SLICE("users:7"),
                                                    .subject = SLICE("users:9"),
                                                    .remote = SLICE("192.0.2.1"),
                                                    .request_id = SLICE("r-1"),
                                                    .route = SLICE("/api/v1/users/:id"),
                                                    .reason = SLICE("not an admin")});
    buf_put_byte(&stage.lines, '\0');
    /* The mark was computed with Python's hmac. */
    assert_string_equal(
        stage.lines.ptr,
        "{\"timestamp\":\"2026-01-02T03:04:05.678901Z\",\"level\":\"info\",\"message\":\"audit\",\"event\":\"role_"
        "changed\","
        "\"outcome\":\"denied\",\"actor\":\"users:7\",\"subject\":\"users:9\",\"remote\":\"192.0.2.1\","
        "\"request_id\":\"r-1\",\"route\":\"/api/v1/users/:id\",\"reason\":\"not an admin\","
        "\"chain_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"sequence\":1,"
        "\"previous\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"chain\":\"d69aa284c6fcb9d04fdb8a71104be23a\"}\n");
    stage_close(&stage);
}

static void a_chain_of_every_kind_of_event_is_vouched_for(void **state)
{
    struct stage stage;
    stage_open(&stage);
    for (int kind = AUDIT_REGISTERED; kind < AUDIT_KIND_COUNT; kind++)
        for (int outcome = 0; outcome < AUDIT_OUTCOME_COUNT; outcome++)
            audit_write(&stage.audit, &(struct audit_event){.kind = (enum audit_kind)kind,
                                                            .outcome = (enum audit_outcome)outcome,
                                                            .actor = SLICE("users:7")});
    audit_fini(&stage.audit);
    verify(&stage, 2 + (AUDIT_KIND_COUNT - 2) * 3, 0);
    stage_close(&stage);
}

static void what_strangers_send_forges_no_line_and_breaks_no_chain(void **state)
{
    static char longest[100000];
    static const struct slice values[] = {
        SLICE_INIT("\r\n{\"message\":\"audit\",\"event\":\"sign_in\"}\n"),
        SLICE_INIT("\",\"outcome\":\"done\",\"x\":\""),
        SLICE_INIT("\0\0"),
        SLICE_INIT("\xff\xfe\xc3"),
        SLICE_INIT("\xed\xa0\x80"),
        SLICE_INIT("\xf0\x9f\xa6\x8a\x7f\x1b[31m\\u0000"),
        {longest, sizeof longest},
        SLICE_INIT(""),
    };
    struct stage stage;
    stage_open(&stage);
    for (size_t fill = 0; fill < 2; fill++) {
        for (size_t i = 0; i < sizeof longest; i++)
            longest[i] = fill == 0 ? '\x01' : "x\xf0\x9f\xa6\x8a"[i % 5];
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
            audit_write(&stage.audit, &(struct audit_event){AUDIT_SIGN_IN_FAILED, AUDIT_OUTCOME_FAILED, values[i],
                                                            values[i], values[i], values[i], values[i], values[i]});
    }
    audit_fini(&stage.audit);
    size_t newlines = 0;
    for (size_t i = 0; i < stage.lines.len; i++)
        newlines += stage.lines.ptr[i] == '\n';
    assert_int_equal(newlines, 2 + 2 * ARRAY_LEN(values));
    verify(&stage, 2 + 2 * ARRAY_LEN(values), 0);
    stage_close(&stage);
}

static void lines_are_written_whatever_the_level_is_and_the_log_is_as_it_was(void **state)
{
    struct stage stage;
    stage_open(&stage);
    stage.log.level = LOG_LEVEL_ERROR;
    audit_write(&stage.audit, &(struct audit_event){.kind = AUDIT_SIGN_OUT});
    assert_int_equal(stage.log.level, LOG_LEVEL_ERROR);
    assert_ptr_equal(stage.log.clock, &stage.clock);
    verify(&stage, 2, 1); /* it has not ended */
    stage_close(&stage);
}

static void what_the_log_redacts_is_redacted_and_vouched_for(void **state)
{
    static const struct slice keys[] = {SLICE_INIT("Remote")};
    struct stage stage;
    stage_open(&stage);
    log_redact(&stage.log, keys, 1);
    audit_write(&stage.audit, &(struct audit_event){.kind = AUDIT_SIGN_IN, .remote = SLICE("192.0.2.77")});
    audit_fini(&stage.audit);
    assert_null(memmem(stage.lines.ptr, stage.lines.len, "192.0.2.77", 10));
    verify(&stage, 3, 0);
    stage_close(&stage);
}

static void an_event_of_a_request_has_its_id_and_route(void **state)
{
    static struct stage stage; /* too large for a stack beside an exchange */
    stage_open(&stage);
    const struct http_route route = {.pattern = SLICE_INIT("/auth/login")};
    struct exchange x = {.request_id = SLICE_INIT("r-9"), .route = &route, .arena = &stage.arena};
    audit_write_of(&stage.audit, &x, &(struct audit_event){.kind = AUDIT_SIGN_IN, .actor = SLICE("users:7")});
    x.route = NULL;
    audit_write_of(&stage.audit, &x, &(struct audit_event){.kind = AUDIT_DENIED});
    audit_write_of(NULL, &x, &(struct audit_event){.kind = AUDIT_DENIED});
    buf_put_byte(&stage.lines, '\0');
    assert_non_null(strstr(stage.lines.ptr, "\"request_id\":\"r-9\",\"route\":\"/auth/login\""));
    assert_non_null(strstr(stage.lines.ptr, "\"route\":\"unmatched\""));
    stage_close(&stage);
}

static enum error lose(void *state, struct slice lines)
{
    return ERROR_IO;
}

static void a_line_that_the_log_loses_is_missing(void **state)
{
    struct stage stage;
    stage_open(&stage);
    stage.log.write = lose;
    audit_write(&stage.audit, &(struct audit_event){.kind = AUDIT_SIGN_IN});
    stage.log.write = keep;
    audit_fini(&stage.audit);
    verify(&stage, 2, 1);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_who_did_what_from_where),
        cmocka_unit_test(a_chain_of_every_kind_of_event_is_vouched_for),
        cmocka_unit_test(what_strangers_send_forges_no_line_and_breaks_no_chain),
        cmocka_unit_test(lines_are_written_whatever_the_level_is_and_the_log_is_as_it_was),
        cmocka_unit_test(what_the_log_redacts_is_redacted_and_vouched_for),
        cmocka_unit_test(an_event_of_a_request_has_its_id_and_route),
        cmocka_unit_test(a_line_that_the_log_loses_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
