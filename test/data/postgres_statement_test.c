/* SPDX-License-Identifier: Apache-2.0 */
#include "data/postgres_statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct postgres_statement *find(struct postgres_statements *statements, unsigned number)
{
    char text[32];
    struct postgres_statement *statement;
    snprintf(text, sizeof text, "SELECT %u", number);
    assert_int_equal(postgres_statement_find(statements, slice_from(text), &statement), OK);
    assert_string_equal(statement->text, text);
    return statement;
}

static void a_text_has_one_place_for_as_long_as_it_is_known(void **state)
{
    struct postgres_statements *statements = calloc(1, sizeof *statements);
    struct postgres_statement *first = find(statements, 1);
    assert_ptr_equal(find(statements, 1), first);
    assert_int_equal(first->users, 2);
    assert_true(find(statements, 2)->place != first->place);
    char name[POSTGRES_STATEMENT_NAME];
    postgres_statement_name(first, name);
    assert_string_equal(name, "t0");
    postgres_statement_fini(statements);
    free(statements);
}

static void the_place_used_longest_ago_is_given_away_but_never_one_in_use(void **state)
{
    struct postgres_statements *statements = calloc(1, sizeof *statements);
    struct postgres_statement *used = find(statements, 0);
    for (unsigned i = 1; i < POSTGRES_STATEMENTS; i++)
        postgres_statement_release(find(statements, i));
    unsigned oldest_place = find(statements, 1)->place; /* known still; in use from now on */
    uint32_t edition = statements->editions;
    struct postgres_statement *newcomer = find(statements, 1000);
    assert_true(newcomer->place != used->place && newcomer->place != oldest_place);
    assert_true(newcomer->edition > edition);
    assert_ptr_equal(find(statements, 0), used);
    postgres_statement_fini(statements);
    free(statements);
}

static void a_statement_is_refused_when_all_are_in_use_or_it_is_too_long(void **state)
{
    static char text[POSTGRES_STATEMENT_BYTES_MAX + 1];
    struct postgres_statements *statements = calloc(1, sizeof *statements);
    struct postgres_statement *statement;
    memset(text, ' ', sizeof text);
    assert_int_equal(postgres_statement_find(statements, slice_of(text, sizeof text), &statement), ERROR_LIMIT);
    for (unsigned i = 0; i < POSTGRES_STATEMENTS; i++)
        find(statements, i);
    assert_int_equal(postgres_statement_find(statements, SLICE("SELECT 'more'"), &statement), ERROR_LIMIT);
    assert_int_equal(find(statements, 7)->users, 2);
    postgres_statement_fini(statements);
    free(statements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_has_one_place_for_as_long_as_it_is_known),
        cmocka_unit_test(the_place_used_longest_ago_is_given_away_but_never_one_in_use),
        cmocka_unit_test(a_statement_is_refused_when_all_are_in_use_or_it_is_too_long),
    };
    return cmocka_run_group_tests_name("data/postgres_statement", tests, NULL, NULL);
}
