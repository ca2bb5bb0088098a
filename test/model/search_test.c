/* SPDX-License-Identifier: Apache-2.0 */
#include "model/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void search_match_quotes_every_word_and_makes_the_last_a_prefix(void **state)
{
    const struct {
        const char *words, *match;
    } rows[] = {
        {"rain", "\"rain\"*"},
        {"  heavy\train ", "\"heavy\" \"rain\"*"},
        {"a OR b NOT c", "\"a\" \"OR\" \"b\" \"NOT\" \"c\"*"},
        {"name:rain* ^x", "\"name:rain*\" \"^x\"*"},
        {"say \"hi\"", "\"say\" \"\"\"hi\"\"\"*"},
        {"rain -- ( )", "\"rain\"*"},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\"*"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct slice match;
        arena_init(&arena, 1 << 16);
        assert_int_equal(search_match(slice_from(rows[i].words), &arena, &match), OK);
        if (!slice_eq_text(match, rows[i].match))
            fail_msg("%s became %.*s", rows[i].words, SLICE_ARG(match));
        arena_fini(&arena);
    }
}

static void search_match_refuses_what_holds_no_word_or_too_many(void **state)
{
    const char *const rows[] = {
        "", "  ", "\" ( ) *", "-",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct slice match;
        arena_init(&arena, 1 << 16);
        assert_int_equal(search_match(slice_from(rows[i]), &arena, &match), ERROR_VALIDATION);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_match_quotes_every_word_and_makes_the_last_a_prefix),
        cmocka_unit_test(search_match_refuses_what_holds_no_word_or_too_many),
    };
    return cmocka_run_group_tests_name("model/search", tests, NULL, NULL);
}
