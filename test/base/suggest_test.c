/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const names[] = {"required", "unique", "index", "readonly", "resources", "include", "id"};

static void suggest_finds_the_near_name_and_only_the_near_one(void **state)
{
    static const struct {
        const char *word, *expected;
    } rows[] = {
        {"requird", "required"},
        {"rquired", "required"},
        {"uniqeu", "unique"},
        {"resorces", "resources"},
        {"Index", "index"},
        {"zzz", NULL},
        {"", NULL},
        {"price", NULL},
        {"xx", NULL},
        {"idd", "id"},
        {"readonly_", "readonly"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct suggest suggest;
        suggest_init(&suggest, slice_from(rows[i].word));
        for (size_t j = 0; j < ARRAY_LEN(names); j++)
            suggest_offer_text(&suggest, names[j]);
        if (!rows[i].expected)
            assert_null(suggest.best.ptr);
        else
            assert_true(slice_eq_text(suggest.best, rows[i].expected));
    }
}

static void suggest_leaves_very_long_words_alone(void **state)
{
    char word[SUGGEST_WORD_MAX + 1];
    memset(word, 'a', sizeof word);
    struct suggest suggest;
    suggest_init(&suggest, slice_of(word, sizeof word));
    suggest_offer(&suggest, slice_of(word, sizeof word - 1));
    assert_null(suggest.best.ptr);
}

static void suggest_report_asks_only_when_a_name_is_near(void **state)
{
    struct arena arena;
    struct diag diag;
    struct suggest suggest;
    arena_init(&arena, 10000);
    diag_init(&diag, &arena);
    suggest_init(&suggest, SLICE("requird"));
    suggest_report(&suggest, &diag, (struct place){"a", 2, 3}, "unknown modifier", NULL);
    assert_string_equal(diag.last->message, "unknown modifier \"requird\"");
    suggest_offer_text(&suggest, "required");
    suggest_report(&suggest, &diag, (struct place){"a", 1, 3}, "unknown modifier", "see the manual");
    assert_string_equal(diag.last->message, "unknown modifier \"requird\"; did you mean \"required\"?");
    assert_string_equal(diag.last->hint, "see the manual");
    diag_sort(&diag);
    assert_int_equal(diag.first->place.line, 1);
    assert_int_equal(diag.last->place.line, 2);
    arena_fini(&arena);
}

static void diag_quote_cuts_between_characters_and_hides_controls(void **state)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 10000);
    diag_init(&diag, &arena);
    assert_string_equal(diag_quote(&diag, SLICE("a\tb")), "\"a?b\"");
    char word[200];
    memset(word, 'x', 79);
    memcpy(word + 79, "\xC3\xA9yyy", 5);
    const char *quoted = diag_quote(&diag, slice_of(word, 84));
    assert_int_equal(strlen(quoted), 1 + 79 + 3 + 1);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest_finds_the_near_name_and_only_the_near_one),
        cmocka_unit_test(suggest_leaves_very_long_words_alone),
        cmocka_unit_test(suggest_report_asks_only_when_a_name_is_near),
        cmocka_unit_test(diag_quote_cuts_between_characters_and_hides_controls),
    };
    return cmocka_run_group_tests_name("base/suggest", tests, NULL, NULL);
}
