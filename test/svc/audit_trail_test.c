/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/audit_trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"

enum { LINES = 8, TEXT_MAX = 512 };

/* Two chains of eight lines each, and what was found in a selection of them. */
struct stage {
    struct hmac_key *key;
    struct arena arena;
    struct log log;
    struct audit audits[2];
    char lines[2][LINES][TEXT_MAX];
    char *next;
    char said[1024];
};

static enum error keep_line(void *state, struct slice line)
{
    struct stage *stage = state;
    snprintf(stage->next, TEXT_MAX, "%.*s", (int)line.len - 1, line.ptr);
    return OK;
}

static void note(void *state, const struct audit_trail_finding *finding)
{
    struct stage *stage = state;
    size_t used = strlen(stage->said);
    snprintf(stage->said + used, sizeof stage->said - used, "%s%s@%d:%d-%d", used ? " " : "",
             audit_trail_kind_name(finding->kind), (int)finding->place.line, (int)finding->from, (int)finding->to);
}

static int stage_open(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    log_init(&stage->log, clock_system(), keep_line, stage);
    arena_init(&stage->arena, 1 << 24);
    assert_int_equal(digest_hmac_create(SLICE("key"), &stage->key), OK);
    for (int chain = 0; chain < 2; chain++) {
        stage->next = stage->lines[chain][0];
        assert_int_equal(audit_init(&stage->audits[chain], &stage->log, stage->key), OK);
        audit_begin(&stage->audits[chain]);
        for (int i = 1; i < LINES; i++) {
            stage->next = stage->lines[chain][i];
            audit_write(&stage->audits[chain],
                        &(struct audit_event){.kind = i == LINES - 1 ? AUDIT_CHAIN_ENDED : AUDIT_SIGN_IN,
                                              .actor = SLICE("users:7")});
        }
    }
    *state = stage;
    return 0;
}

static int stage_close(void **state)
{
    struct stage *stage = *state;
    log_fini(&stage->log);
    arena_fini(&stage->arena);
    digest_hmac_destroy(stage->key);
    free(stage);
    return 0;
}

static void read_text(struct audit_trail *trail, const char *text, uint64_t line)
{
    assert_int_equal(audit_trail_read(trail, slice_from(text), (struct audit_trail_place){"log", line}), OK);
}

/* "0123" reads these lines of the first chain, "abc" those of the second, '-' a line of something else, and "!n" line n
 * of the first with another actor. */
static const char *read_lines(struct stage *stage, const char *which)
{
    struct audit_trail trail;
    char changed[TEXT_MAX];
    uint64_t line = 0;
    stage->said[0] = '\0';
    audit_trail_init(&trail, stage->key, &stage->arena, note, stage);
    for (; *which; which++) {
        line++;
        if (*which == '-') {
            read_text(&trail, "{\"message\":\"request\",\"path\":\"/\\\"message\\\":\\\"audit\\\" chain_id\"}", line);
        } else if (*which == '!') {
            snprintf(changed, sizeof changed, "%s", stage->lines[0][*++which - '0']);
            strstr(changed, "users:7")[6] = '8';
            read_text(&trail, changed, line);
        } else {
            read_text(&trail, *which < 'a' ? stage->lines[0][*which - '0'] : stage->lines[1][*which - 'a'], line);
        }
    }
    audit_trail_end(&trail);
    audit_trail_fini(&trail);
    return stage->said;
}

static void what_was_done_to_lines_is_told_with_its_place(void **state)
{
    static const struct {
        const char *lines, *said;
    } rows[] = {
        {"01234567", ""},
        {"0-1-2-34567", ""},
        {"0a1b2c3d4e5f6g7h", ""},
        {"abcdefgh01234567", ""},
        {"", ""},
        {"-", ""},
        /* taken out */
        {"0124567", "missing@4:3-3"},
        {"0124567abcdefgh", "missing@4:3-3"},
        {"0147", "missing@3:2-3 missing@4:5-6"},
        {"07", "missing@2:1-6"},
        /* changed */
        {"012!34567", "changed@4:3-3"},
        {"!34567", "changed@1:3-3 not_begun@2:0-3"},
        {"0!2!3!44567", "changed@2:2-2 changed@3:3-3 changed@4:4-4 missing@5:1-3"},
        /* put in, before and behind the true one */
        {"012!334567", "changed@4:3-3"},
        {"0123!34567", "changed@5:3-3"},
        {"012!6!6!634567", "changed@4:6-6 changed@5:6-6 changed@6:6-6"},
        /* another order */
        {"01324567", "out_of_order@4:2-2"},
        {"45670123", "out_of_order@5:0-0 out_of_order@6:1-1 out_of_order@7:2-2 out_of_order@8:3-3"},
        {"04123567", "out_of_order@3:1-1 out_of_order@4:2-2 out_of_order@5:3-3"},
        {"04213567", "out_of_order@3:2-2 out_of_order@4:1-1 out_of_order@5:3-3"},
        {"042567", "out_of_order@3:2-2 missing@2:1-1 missing@2:3-3"},
        /* twice */
        {"012234567", "repeated@4:2-2"},
        {"0123456701", "repeated@9:0-0 repeated@10:1-1"},
        /* rotated away, or running still */
        {"34567", "not_begun@1:0-2"},
        {"0123", "not_ended@4:4-4"},
        {"3", "not_begun@1:0-2 not_ended@1:4-4"},
        {"34567abcd", "not_begun@1:0-2 not_ended@9:4-4"},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(read_lines(stage, rows[i].lines), rows[i].said) != 0)
            fail_msg("%s: %s, not %s", rows[i].lines, stage->said, rows[i].said);
}

/* Every single byte of a line counts, but for the white space that JSON allows and ways to write one value. */
static void no_byte_of_a_line_can_be_changed(void **state)
{
    struct stage *stage = *state;
    char text[TEXT_MAX];
    const char *line = stage->lines[0][3];
    for (size_t i = 0; line[i]; i++) {
        struct audit_trail trail;
        snprintf(text, sizeof text, "%s", line);
        text[i] ^= 1;
        stage->said[0] = '\0';
        audit_trail_init(&trail, stage->key, &stage->arena, note, stage);
        for (int at = 0; at < LINES; at++)
            read_text(&trail, at == 3 ? text : stage->lines[0][at], (uint64_t)at + 1);
        audit_trail_end(&trail);
        if (!strstr(stage->said, "changed@4") && !strstr(stage->said, "missing@5:3-3"))
            fail_msg("byte %zu: %s: %s", i, text, stage->said);
        audit_trail_fini(&trail);
    }
}

static void other_fields_other_levels_and_duplicates_are_changes(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"actor\"", "\"role\":\"admin\",\"actor\""},
        {"\"actor\"", "\"actor\":\"users:1\",\"actor\""},
        {"\"level\":\"info\"", "\"level\":\"debug\""},
        {"\"actor\":\"users:7\",", ""},
        {"\"sequence\":3", "\"sequence\":\"3\""},
        {"\"sequence\":3", "\"sequence\":-3"},
        {"\"sequence\":3", "\"sequence\":3.0"},
        {"\"sequence\":3", "\"sequence\":4"},
        {"\"actor\":\"users:7\"", "\"actor\":[\"users:7\"]"},
        {"\"chain\":", "\"chain\":\"\",\"chain\":"},
        {"\"event\":\"sign_in\"", "\"event\":\"sign_in\",\"subject\":\"x\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct audit_trail trail;
        char text[TEXT_MAX];
        const char *line = stage->lines[0][3], *at = strstr(line, rows[i].from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - line), line, rows[i].to, at + strlen(rows[i].from));
        stage->said[0] = '\0';
        audit_trail_init(&trail, stage->key, &stage->arena, note, stage);
        read_text(&trail, stage->lines[0][0], 1);
        read_text(&trail, text, 2);
        if (!strstr(stage->said, "changed@2"))
            fail_msg("%s", text);
        audit_trail_fini(&trail);
    }
}

static void another_key_vouches_for_nothing(void **state)
{
    struct stage *stage = *state;
    struct hmac_key *key = stage->key;
    assert_int_equal(digest_hmac_create(SLICE("yek"), &stage->key), OK);
    assert_string_equal(read_lines(stage, "01"), "changed@1:0-0 changed@2:1-1");
    digest_hmac_destroy(stage->key);
    stage->key = key;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_done_to_lines_is_told_with_its_place, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(no_byte_of_a_line_can_be_changed, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(other_fields_other_levels_and_duplicates_are_changes, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(another_key_vouches_for_nothing, stage_open, stage_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
