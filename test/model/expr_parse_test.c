/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

static struct expr *parse(struct support *support, struct slice text)
{
    const struct place place = {.file = "app.yaml", .line = 3, .column = 10};
    struct expr *expr = NULL;
    support_clear(support);
    return expr_parse(text, place, &support->arena, &support->diag, &expr) == OK ? expr : NULL;
}

static void operators_bind_as_the_precedence_table_says(void **state)
{
    static const struct {
        const char *text, *tree;
    } table[] = {
        {"a", "a"},
        {"a || b && c", "(|| a (&& b c))"},
        {"a && b || c", "(|| (&& a b) c)"},
        {"(a || b) && c", "(&& (|| a b) c)"},
        {"a || b || c", "(|| a b c)"},
        {"(a || b) || c", "(|| (|| a b) c)"},
        {"a || (b || c)", "(|| a (|| b c))"},
        {"a && b && c || d && e", "(|| (&& a b c) (&& d e))"},
        {"!a == b", "(== (! a) b)"},
        {"!(a == b)", "(! (== a b))"},
        {"!!a", "(! (! a))"},
        {"!a && b", "(&& (! a) b)"},
        {"a == 1 && b != 2 || c < 3", "(|| (&& (== a 1) (!= b 2)) (< c 3))"},
        {"a <= 1 || b >= -2.50", "(|| (<= a 1) (>= b -2.50))"},
        {"(a == b) == c", "(== (== a b) c)"},
        {"a in ['x', \"y\"]", "(in a (list 'x' 'y'))"},
        {"a in [-1, 2.5, true]", "(in a (list -1 2.5 true))"},
        {"a.b.c ~ 'x' && d like 'y*'", "(&& (~ a.b.c 'x') (like d 'y*'))"},
        {"now - 7d < a", "(< now - 604800s a)"},
        {"now-1w<a", "(< now - 604800s a)"},
        {"now - 0s == now", "(== now now)"},
        {"null == a", "(== null a)"},
        {"can(\"markets:create\") || role('admin')", "(|| (can 'markets:create') (role 'admin'))"},
        {" \t\r\n a\n&&\nb ", "(&& a b)"},
        {"inner in lists.in", "(in inner lists.in)"},
        {"'it''s' == a", NULL},
        {"'\\'\\\"\\\\\\n\\t\\u00e9\\ud83d\\ude00' == a", "(== '\\'\"\\\\\\n\\t\u00e9\U0001F600' a)"},
        {"-9223372036854775808 == a", "(== -9223372036854775808 a)"},
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct expr *expr = parse(&support, slice_from(table[i].text));
        if (!table[i].tree) {
            assert_null(expr);
            continue;
        }
        assert_non_null(expr);
        assert_string_equal(support_tree(&support, expr), table[i].tree);
    }
    support_fini(&support);
}

/* column: of the file, where the text begins at 10. */
static const struct {
    const char *text;
    unsigned column;
    const char *report;
} mistakes[] = {
    {"", 10, "the expression is empty | true means anyone"},
    {"  ", 10, "the expression is empty | true means anyone"},
    {"a = 1", 12, "there is no operator = | compare with =="},
    {"a <> 1", 12, "there is no operator <> | write !="},
    {"a & b", 12, "there is no operator & | write &&"},
    {"a | b", 12, "there is no operator | | write ||"},
    {"a and b", 12, "an operator is missing before \"and\" | write &&"},
    {"a or b", 12, "an operator is missing before \"or\" | write ||"},
    {"a is null", 12, "an operator is missing before \"is\" | write =="},
    {"a IN ['x']", 12, "an operator is missing before \"IN\" | write in"},
    {"not a", 10, "there is no operator not | write !"},
    {"not (a)", 10, "there is no operator not | write !"},
    {"a b", 12, "an operator is missing before \"b\""},
    {"a ==", 14, "a value is missing at the end"},
    {"a == )", 15, "a value is missing here"},
    {"&& a", 10, "a value is missing here"},
    {"a == in", 15, "a value is missing before \"in\""},
    {"1 < a < 3", 16, "comparisons cannot be chained | write a < b && b < c"},
    {"a == b == c", 17, "comparisons cannot be chained | write a < b && b < c"},
    {"(a", 10, "this parenthesis is not closed | close it with )"},
    {"a)", 11, "an operator is missing here"},
    {"(a b)", 13, "an operator or ) is missing before \"b\""},
    {"a + 1 == 2", 12, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"a - 1 == 2", 12, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"a * 2 > 1", 12, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"now + 7d > a", 14, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"a > - 5", 14, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"now - 7", 16, "a time span must follow now - | as in now - 7d; units are s m h d w"},
    {"now - 7x", 16, "not a number | a time span is a whole number and one of s m h d w, as in now - 7d"},
    {"now - 1.5d", 16, "a time span takes a whole number | use a smaller unit"},
    {"now - 99999999w", 16, "a time span of more than 1000 years"},
    {"a > 7d", 14, "a time span stands only after now - | as in now - 7d"},
    {"7d", 10, "a time span stands only after now - | as in now - 7d"},
    {"a == 1.", 16, "a digit must follow the decimal point"},
    {"a.", 11, "a name must follow the dot"},
    {"a..b", 11, "a name must follow the dot"},
    {"a.1", 11, "a name must follow the dot"},
    {"a == 'x", 15, "this text does not end | close it with '"},
    {"a == \"x\\\"", 15, "this text does not end | close it with \""},
    {"a == 'x\\q'", 17, "unknown escape | known are \\' \\\" \\\\ \\n \\t and \\u00e9; write \\\\ for a backslash"},
    {"a == '\\u00g0'", 16, "\\u takes four hexadecimal digits | as in \\u00e9"},
    {"a == '\\u0000'", 16, "a text cannot hold NUL"},
    {"a == '\\ud800x'", 16, "half of a surrogate pair | write the character itself"},
    {"a == '\\udc00'", 16, "half of a surrogate pair | write the character itself"},
    {"a == #", 15, "unexpected character | texts stand in quotes; names are letters, digits and underscores"},
    {"a; b", 11, "unexpected character | texts stand in quotes; names are letters, digits and underscores"},
    {"a -- b", 12, "there is no arithmetic | only now - 7d (s m h d w) is computed"},
    {"a in []", 15, "an empty list has no member"},
    {"a in [1", 17, "a comma or ] is missing at the end"},
    {"a in [1,", 18, "a value is missing at the end"},
    {"a in [1,]", 18, "a value is missing here"},
    {"a in [1 2]", 18, "a comma or ] is missing here"},
    {"a in [null]", 16, "null is not a member of a list | test for it with == null"},
    {"a in [b]", 16, "a list holds plain values | texts in quotes, numbers, true and false"},
    {"lower(a)", 10, "unknown function \"lower\" | there are can(\"resource:action\") and role(\"name\")"},
    {"can(a)", 14, "can() takes one text | as in can(\"markets:create\") or role(\"admin\")"},
    {"role()", 15, "role() takes one text | as in can(\"markets:create\") or role(\"admin\")"},
    {"role('a', 'b')", 18, ") is missing here"},
};

static void a_mistake_is_reported_at_its_place_with_a_hint(void **state)
{
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        if (parse(&support, slice_from(mistakes[i].text)))
            fail_msg("accepted: %s", mistakes[i].text);
        assert_string_equal(support_report(&support), mistakes[i].report);
        if (support.diag.first->place.column != mistakes[i].column)
            fail_msg("%s: column %u", mistakes[i].text, support.diag.first->place.column);
        assert_int_equal(support.diag.first->place.line, 3);
        assert_int_equal(support.diag.count, 1);
    }
    support_fini(&support);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    struct support support;
    support_init(&support);
    assert_null(parse(&support, SLICE("a == '\xff'")));
    assert_string_equal(support_report(&support), "the expression is not valid UTF-8");
    assert_null(parse(&support, SLICE("a == 'x\0y'")));
    assert_string_equal(support_report(&support), "a text cannot hold NUL");
    assert_null(parse(&support, SLICE("a\0 == 1")));
    support_fini(&support);
}

static void a_mistake_in_a_request_names_where_and_the_position(void **state)
{
    struct support support;
    struct expr *expr;
    support_init(&support);
    enum error error = expr_parse(SLICE("a = 1"), (struct place){.file = NULL}, &support.arena, &support.diag, &expr);
    assert_int_equal(error, ERROR_VALIDATION);
    assert_string_equal(support.diag.first->field, "where");
    assert_string_equal(support_report(&support), "there is no operator = (at position 3) | compare with ==");
    support_fini(&support);
}

/* Writes `count` times `piece`, then `end`. */
static struct slice repeated(struct support *support, size_t count, const char *piece, const char *end)
{
    size_t size = strlen(piece) * count + strlen(end);
    char *text = arena_alloc(&support->arena, size + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * strlen(piece), piece, strlen(piece));
    memcpy(text + strlen(piece) * count, end, strlen(end) + 1);
    return slice_of(text, size);
}

static void every_bound_holds(void **state)
{
    static const struct {
        size_t count;
        const char *piece, *end, *report;
    } table[] = {
        {32, "(", "a))))))))))))))))))))))))))))))))", ""},
        {33, "(", "a", "the expression is nested deeper than 32 levels"},
        {4096, "(", "", "the expression is nested deeper than 32 levels"},
        {4096, "!", "", "the expression is nested deeper than 32 levels"},
        {30, "!", "a", ""},
        {33, "!", "a", "the expression is nested deeper than 32 levels"},
        {99, "a||", "a", ""},
        {199, "a||", "a", "the expression has more than 200 parts | split it, or use a list with in"},
        {1366, "a||", "a", "the expression is longer than 4096 bytes"},
        {4097, " ", "a", "the expression is longer than 4096 bytes"},
        {4095, " ", "a", ""},
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct expr *expr = parse(&support, repeated(&support, table[i].count, table[i].piece, table[i].end));
        assert_string_equal(support_report(&support), table[i].report);
        assert_true((expr != NULL) == (table[i].report[0] == '\0'));
    }
    struct slice list = repeated(&support, 100, "1,", "1]");
    char *text = arena_printf(&support.arena, "a in [%.*s", SLICE_ARG(list));
    assert_null(parse(&support, slice_from(text)));
    assert_string_equal(support_report(&support), "a list of more than 100 values");
    assert_non_null(parse(&support, slice_from(arena_printf(&support.arena, "a in [%s", text + 8))));
    support_fini(&support);
}

static void formatted_text_reads_as_the_same_tree(void **state)
{
    static const char *const table[] = {
        "a || b && !c == (d < 1)",
        "!(!(a && (b || c)) && d)",
        "x in ['a\\'b\\\\', 'c\\n'] && y like '*z'",
        "now - 2h > a || can('x:y') == !role(\"y\")",
        "(a || b) || c && (d && e)",
    };
    struct support support;
    struct buf buf;
    support_init(&support);
    buf_init(&buf, 10000);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct expr *expr = parse(&support, slice_from(table[i]));
        assert_non_null(expr);
        buf_clear(&buf);
        expr_format(expr, &buf);
        struct expr *again = parse(&support, buf_slice(&buf));
        assert_non_null(again);
        assert_string_equal(support_tree(&support, again), support_tree(&support, expr));
    }
    buf_fini(&buf);
    support_fini(&support);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    const struct slice text = SLICE("a == 'x\\n' && b in [1, 2, 3] || can('y')");
    for (size_t limit = 0; limit < 4096; limit += 64) {
        struct arena arena;
        struct expr *expr = NULL;
        arena_init(&arena, limit);
        enum error error = expr_parse(text, (struct place){.file = "a"}, &arena, NULL, &expr);
        assert_true((error == OK) == (expr != NULL));
        assert_true(error == OK || error == ERROR_MEMORY);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_as_the_precedence_table_says),
        cmocka_unit_test(a_mistake_is_reported_at_its_place_with_a_hint),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_mistake_in_a_request_names_where_and_the_position),
        cmocka_unit_test(every_bound_holds),
        cmocka_unit_test(formatted_text_reads_as_the_same_tree),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests_name("model/expr_parse", tests, NULL, NULL);
}
