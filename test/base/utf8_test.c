/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void utf8_is_valid_refuses_what_rfc_3629_refuses(void **state)
{
    static const struct {
        struct slice text;
        bool expected;
    } rows[] = {
        {SLICE_INIT(""), true},
        {SLICE_INIT("plain text of more than eight bytes"), true},
        {SLICE_INIT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), true},
        {SLICE_INIT("\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80"), true},
        {SLICE_INIT("\x80"), false},
        {SLICE_INIT("12345678\xC3"), false},
        {SLICE_INIT("\xC0\x80"), false},
        {SLICE_INIT("\xC1\xBF"), false},
        {SLICE_INIT("\xE0\x9F\xBF"), false},
        {SLICE_INIT("\xF0\x8F\xBF\xBF"), false},
        {SLICE_INIT("\xED\xA0\x80"), false},
        {SLICE_INIT("\xED\xBF\xBF"), false},
        {SLICE_INIT("\xF4\x90\x80\x80"), false},
        {SLICE_INIT("\xF5\x80\x80\x80"), false},
        {SLICE_INIT("\xFF"), false},
        {SLICE_INIT("\xE2\x82"), false},
        {SLICE_INIT("\xE2(\xAC"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(utf8_is_valid(rows[i].text), rows[i].expected);
}

static void utf8_encode_and_next_agree_on_every_code_point(void **state)
{
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char bytes[4];
        uint32_t again = 0;
        if (code_point == 0xD800)
            code_point = 0xE000;
        struct slice text = slice_of(bytes, utf8_encode(code_point, bytes));
        assert_true(utf8_is_valid(text));
        assert_int_equal(utf8_length(text), 1);
        assert_true(utf8_next(&text, &again));
        assert_int_equal(again, code_point);
        assert_int_equal(text.len, 0);
        assert_false(utf8_next(&text, &again));
    }
}

static void utf8_length_counts_code_points(void **state)
{
    assert_int_equal(utf8_length(SLICE("")), 0);
    assert_int_equal(utf8_length(SLICE("na\xC3\xAFve caf\xC3\xA9 \xE2\x82\xAC\xF0\x9F\x98\x80")), 13);
}

static void utf8_fold_never_changes_the_length_and_is_done_after_once(void **state)
{
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        char bytes[4];
        uint32_t folded = utf8_fold(code_point);
        if (folded == code_point)
            continue;
        assert_int_equal(utf8_fold(folded), folded);
        assert_int_equal(utf8_encode(folded, bytes), utf8_encode(code_point, bytes));
    }
    assert_int_equal(utf8_fold('@'), '@');
    assert_int_equal(utf8_fold('['), '[');
    assert_int_equal(utf8_fold(0xD7), 0xD7);
    assert_int_equal(utf8_fold(0x178), 0xFF);
}

static void utf8_contains_folded_finds_text_in_any_case(void **state)
{
    static const struct {
        struct slice text, needle;
        bool expected;
    } rows[] = {
        {SLICE_INIT("Rain in Spain"), SLICE_INIT("rain"), true},
        {SLICE_INIT("Rain in Spain"), SLICE_INIT("IN SP"), true},
        {SLICE_INIT("Rain in Spain"), SLICE_INIT("rainy"), false},
        {SLICE_INIT("Rain"), SLICE_INIT(""), true},
        {SLICE_INIT(""), SLICE_INIT(""), true},
        {SLICE_INIT(""), SLICE_INIT("a"), false},
        {SLICE_INIT("100% [a]*"), SLICE_INIT("% [A]*"), true},
        {SLICE_INIT("\xC3\x89T\xC3\x89"), SLICE_INIT("\xC3\xA9t\xC3\xA9"), true},                       /* ÉTÉ */
        {SLICE_INIT("\xCE\x9F\xCE\x94\xCE\xA5\xCE\xA3\xCE\xA3"), SLICE_INIT("\xCF\x83\xCF\x82"), true}, /* ΣΣ σς */
        {SLICE_INIT("\xD0\x9C\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0"), SLICE_INIT("\xD0\x9E\xD0\xA1"), true},
        {SLICE_INIT("a\xFF"), SLICE_INIT("A\xFF"), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(utf8_contains_folded(rows[i].text, rows[i].needle), rows[i].expected);
}

/* Texts of few different letters have many near matches and long periods. */
static struct slice random_text(char *room, size_t length_max)
{
    static const char *const letters[] = {"a", "A", "b", "\xC3\xA9", "\xC3\x89"};
    size_t length = 0, count = (size_t)rand() % (length_max + 1), kinds = 1 + (size_t)rand() % ARRAY_LEN(letters);
    for (size_t i = 0; i < count; i++) {
        const char *letter = letters[(size_t)rand() % kinds];
        memcpy(room + length, letter, strlen(letter));
        length += strlen(letter);
    }
    return slice_of(room, length);
}

static bool equal_slowly(struct slice a, struct slice b)
{
    uint32_t x = 0, y = 0;
    while (a.len > 0 && b.len > 0)
        if (!utf8_next(&a, &x) || !utf8_next(&b, &y) || utf8_fold(x) != utf8_fold(y))
            return false;
    return a.len == b.len;
}

static bool contains_slowly(struct slice text, struct slice needle)
{
    for (size_t i = 0; i + needle.len <= text.len; i++)
        if (equal_slowly(slice_of(text.ptr + i, needle.len), needle))
            return true;
    return false;
}

static void utf8_contains_folded_agrees_with_a_plain_search(void **state)
{
    srand(1);
    for (int i = 0; i < 200000; i++) {
        char text_room[64], needle_room[32];
        struct slice text = random_text(text_room, 30), needle = random_text(needle_room, 8);
        assert_int_equal(utf8_contains_folded(text, needle), contains_slowly(text, needle));
    }
}

static void utf8_like_folded_knows_the_star_only(void **state)
{
    static const struct {
        const char *text, *pattern;
        bool expected;
    } rows[] = {
        {"", "", true},
        {"", "*", true},
        {"a", "", false},
        {"abc", "ABC", true},
        {"abc", "a*", true},
        {"abc", "*C", true},
        {"abc", "*b*", true},
        {"abc", "a*c", true},
        {"abc", "a*b", false},
        {"abc", "a**c", true},
        {"aba", "aba*aba", false},
        {"ab", "ab*b", false},
        {"abab", "ab*ab", true},
        {"a%b_c", "a%b_c", true},
        {"axbxc", "a%b_c", false},
        {"abc", "*a*c*b*", false},
        {"aab", "*ab", true},
        {"abcabd", "*ab*d", true},
        {"\xC3\x89t", "\xC3\xA9*", true},
        {"a?", "a?", true},
        {"ab", "a?", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(utf8_like_folded(slice_from(rows[i].text), slice_from(rows[i].pattern)), rows[i].expected);
}

static bool like_slowly(struct slice text, struct slice pattern)
{
    if (pattern.len == 0)
        return text.len == 0;
    if (pattern.ptr[0] == '*')
        return like_slowly(text, slice_from_index(pattern, 1)) ||
               (text.len > 0 && like_slowly(slice_from_index(text, 1), pattern));
    return text.len > 0 && text.ptr[0] == pattern.ptr[0] &&
           like_slowly(slice_from_index(text, 1), slice_from_index(pattern, 1));
}

static void utf8_like_folded_agrees_with_backtracking(void **state)
{
    srand(2);
    for (int i = 0; i < 100000; i++) {
        char text[12], pattern[8];
        struct slice a = slice_of(text, (size_t)rand() % 12), b = slice_of(pattern, (size_t)rand() % 8);
        for (size_t j = 0; j < a.len; j++)
            text[j] = "ab"[rand() % 2];
        for (size_t j = 0; j < b.len; j++)
            pattern[j] = "ab*"[rand() % 3];
        assert_int_equal(utf8_like_folded(a, b), like_slowly(a, b));
    }
}

/* Quadratic search would need 10^11 steps here: the test would not end. */
static void utf8_search_is_linear_on_texts_made_to_be_slow(void **state)
{
    enum { TEXT = 1000000, NEEDLE = 100000 };
    char *text = malloc(TEXT), *needle = malloc(NEEDLE);
    assert_non_null(text);
    assert_non_null(needle);
    memset(text, 'a', TEXT);
    memset(needle, 'a', NEEDLE);
    needle[NEEDLE / 2] = 'b';
    assert_false(utf8_contains_folded(slice_of(text, TEXT), slice_of(needle, NEEDLE)));
    needle[NEEDLE / 2] = 'a';
    needle[0] = 'b';
    assert_false(utf8_contains_folded(slice_of(text, TEXT), slice_of(needle, NEEDLE)));
    for (size_t i = 0; i < NEEDLE; i++)
        needle[i] = i % 2 ? '*' : 'a';
    needle[NEEDLE - 1] = 'b';
    assert_false(utf8_like_folded(slice_of(text, TEXT), slice_of(needle, NEEDLE)));
    free(text);
    free(needle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_valid_refuses_what_rfc_3629_refuses),
        cmocka_unit_test(utf8_encode_and_next_agree_on_every_code_point),
        cmocka_unit_test(utf8_length_counts_code_points),
        cmocka_unit_test(utf8_fold_never_changes_the_length_and_is_done_after_once),
        cmocka_unit_test(utf8_contains_folded_finds_text_in_any_case),
        cmocka_unit_test(utf8_contains_folded_agrees_with_a_plain_search),
        cmocka_unit_test(utf8_like_folded_knows_the_star_only),
        cmocka_unit_test(utf8_like_folded_agrees_with_backtracking),
        cmocka_unit_test(utf8_search_is_linear_on_texts_made_to_be_slow),
    };
    return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
