/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"

static void uuid_parse_takes_the_canonical_form_in_either_case(void **state)
{
    char text[UUID_TEXT_BYTES];
    assert_int_equal(uuid_parse(SLICE("01890A5D-ac96-774B-bcce-B302099A8057"), text), OK);
    assert_memory_equal(text, "01890a5d-ac96-774b-bcce-b302099a8057", sizeof text);
}

static void uuid_parse_refuses_every_other_form(void **state)
{
    static const char *const rows[] = {
        "",
        "01890a5dac96774bbcceb302099a8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80570",
        "01890a5d-ac96-774b-bcce-b302099a805g",
        "01890a5d_ac96_774b_bcce_b302099a8057",
        "01890a5da-c96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce--302099a8057",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[UUID_TEXT_BYTES];
        assert_int_equal(uuid_parse(slice_from(rows[i]), text), ERROR_PARSE);
    }
}

static void uuid_generate_puts_time_version_and_variant_in_their_places(void **state)
{
    struct uuid_source source;
    struct random_source random;
    char text[UUID_TEXT_BYTES];
    uuid_source_init(&source);
    random_source_system(&random);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(uuid_generate(&source, 0x017F22E279B0, &random, text), OK);
        assert_memory_equal(text, "017f22e2-79b0-7", 15);
        assert_non_null(strchr("89ab", text[19]));
        assert_int_equal(uuid_parse(slice_of(text, sizeof text), text), OK);
    }
}

static void uuid_generate_grows_also_when_the_clock_stands_or_goes_back(void **state)
{
    struct uuid_source source;
    struct random_source random;
    char last[UUID_TEXT_BYTES] = {0}, text[UUID_TEXT_BYTES];
    uuid_source_init(&source);
    random_source_system(&random);
    for (int64_t i = 0; i < 50000; i++) {
        int64_t clock = i < 20000 ? 1000 : i < 30000 ? 900 : i < 30001 ? -5 : i;
        assert_int_equal(uuid_generate(&source, clock, &random, text), OK);
        assert_true(memcmp(text, last, sizeof text) > 0);
        memcpy(last, text, sizeof text);
    }
}

static enum error no_randomness(void *state, void *bytes, size_t size)
{
    return ERROR_IO;
}

static void uuid_generate_fails_without_randomness(void **state)
{
    struct uuid_source source;
    struct random_source random;
    char text[UUID_TEXT_BYTES];
    uuid_source_init(&source);
    random_source_init(&random, no_randomness, NULL);
    assert_int_equal(uuid_generate(&source, 1, &random, text), ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid_parse_takes_the_canonical_form_in_either_case),
        cmocka_unit_test(uuid_parse_refuses_every_other_form),
        cmocka_unit_test(uuid_generate_puts_time_version_and_variant_in_their_places),
        cmocka_unit_test(uuid_generate_grows_also_when_the_clock_stands_or_goes_back),
        cmocka_unit_test(uuid_generate_fails_without_randomness),
    };
    return cmocka_run_group_tests_name("base/uuid", tests, NULL, NULL);
}
