/* SPDX-License-Identifier: Apache-2.0 */
#include "http/negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void accept_gives_the_quality_of_the_closest_range(void **state)
{
    static const struct {
        const char *accept;
        unsigned json, problem;
    } rows[] = {
        {"", 1000, 1000},
        {"*/*", 1000, 1000},
        {"application/json", 1000, 0},
        {"APPLICATION/Json;charset=utf-8", 1000, 0},
        {"application/*;q=0.5", 500, 500},
        {"application/*;q=0.5, application/json;q=0.25", 250, 500},
        {"application/json;q=0.25 , application/*;q=0.5,*/*;q=0.1", 250, 500},
        {"text/html", 0, 0},
        {"text/html, */*;q=0.001", 1, 1},
        {"text/html;q=1.000", 0, 0},
        {"application/json;q=0", 0, 0},
        {"*/*, application/json;q=0", 0, 1000},
        {"application/json;version=1;q=0.5", 500, 0},
        {"application/json;v=\"a,b;q=0\";q=0.75, text/html", 750, 0},
        {"application/json;q=0.2, application/json;version=2;q=0.3", 300, 0},
        {"application/vnd.api+json", 0, 0},
        {",, ,application/json , ,", 1000, 0},
        {"application/json;q=2, application/problem+json", 0, 1000},
        {"application/json;q=0.1234, application/problem+json", 0, 1000},
        {"application/json;q=, application/problem+json", 0, 1000},
        {"json", 1000, 1000},
        {"*/json, application/problem+json", 0, 1000},
        {"application/json;", 1000, 0},
        {"\"", 1000, 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice accept = slice_from(rows[i].accept);
        if (negotiate_accept(accept, SLICE("application/json")) != rows[i].json ||
            negotiate_accept(accept, SLICE("application/problem+json")) != rows[i].problem)
            fail_msg("%s", rows[i].accept);
    }
    assert_int_equal(negotiate_accept((struct slice){NULL, 0}, SLICE("a/b")), 1000);
    assert_int_equal(negotiate_accept(SLICE("application/vnd.api+json; version=1"), SLICE("application/vnd.api+json")),
                     1000);
}

static void accept_encoding_respects_zero_and_preference(void **state)
{
    static const struct {
        const char *accept_encoding;
        enum negotiate_coding coding;
    } rows[] = {
        {"", NEGOTIATE_IDENTITY},
        {"gzip", NEGOTIATE_GZIP},
        {"GZIP, deflate, br", NEGOTIATE_GZIP},
        {"x-gzip", NEGOTIATE_GZIP},
        {"deflate", NEGOTIATE_IDENTITY},
        {"gzip;q=0", NEGOTIATE_IDENTITY},
        {"gzip;q=0.000, *", NEGOTIATE_IDENTITY},
        {"gzip ; q=0.5", NEGOTIATE_GZIP},
        {"*", NEGOTIATE_GZIP},
        {"*;q=0", NEGOTIATE_NOTHING},
        {"*;q=0, gzip", NEGOTIATE_GZIP},
        {"identity", NEGOTIATE_IDENTITY},
        {"identity, gzip", NEGOTIATE_GZIP},
        {"identity, gzip;q=0.9", NEGOTIATE_IDENTITY},
        {"identity;q=0", NEGOTIATE_NOTHING},
        {"identity;q=0, gzip;q=0", NEGOTIATE_NOTHING},
        {"identity;q=0, gzip;q=0.1", NEGOTIATE_GZIP},
        {"gzip;q=x, br", NEGOTIATE_IDENTITY},
        {"gzipped", NEGOTIATE_IDENTITY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (negotiate_accept_encoding(slice_from(rows[i].accept_encoding)) != rows[i].coding)
            fail_msg("%s", rows[i].accept_encoding);
}

static void etags_are_compared_strongly_by_if_match_and_weakly_by_if_none_match(void **state)
{
    enum { NO, YES, BAD };
    static const struct {
        const char *header;
        int strong, weak; /* against "3"; against W/"3" strong is NO but for "*" */
    } rows[] = {
        {"\"3\"", YES, YES},
        {"W/\"3\"", NO, YES},
        {"*", YES, YES},
        {" * ", YES, YES},
        {"\"2\"", NO, NO},
        {"\"33\"", NO, NO},
        {"\"\"", NO, NO},
        {"\"2\", \"3\"", YES, YES},
        {"\"2\",W/\"3\" ,\t\"4\"", NO, YES},
        {",\"3\",,", YES, YES},
        {"\"a,b\", \"3\"", YES, YES},
        {"\"\\\", \"3\"", YES, YES},
        {"\"\x80\"", NO, NO},
        {"", BAD, BAD},
        {",", BAD, BAD},
        {"3", BAD, BAD},
        {"\"3", BAD, BAD},
        {"3\"", BAD, BAD},
        {"w/\"3\"", BAD, BAD},
        {"W/ \"3\"", BAD, BAD},
        {"W/3", BAD, BAD},
        {"\"3\"\"3\"", BAD, BAD},
        {"\"3\" \"3\"", BAD, BAD},
        {"\"3\", *", BAD, BAD},
        {"*, \"3\"", BAD, BAD},
        {"\"3 \"", BAD, BAD},
        {"\"3\", x", BAD, BAD},
        {"\"3\t\"", BAD, BAD},
    };
    const struct negotiate_etag strong = {SLICE("3"), false}, weak = {SLICE("3"), true};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice header = slice_from(rows[i].header);
        bool match = false, none = false, match_weak = false;
        enum error error = negotiate_if_match(header, &strong, &match);
        enum error none_error = negotiate_if_none_match(header, &strong, &none);
        enum error weak_error = negotiate_if_match(header, &weak, &match_weak);
        enum error expected = rows[i].strong == BAD ? ERROR_PARSE : OK;
        bool is_any = strchr(rows[i].header, '*') != NULL && expected == OK;
        if (error != expected || none_error != expected || weak_error != expected || match != (rows[i].strong == YES) ||
            none != (rows[i].weak == YES) || match_weak != is_any)
            fail_msg("%s", rows[i].header);
    }
}

static void entity_tags_are_cut_off_a_list_one_by_one(void **state)
{
    struct negotiate_etag tag;
    struct slice rest = SLICE(" \"1\",, W/\"b\" , ");
    assert_int_equal(negotiate_next_etag(&rest, &tag), OK);
    assert_true(slice_eq_text(tag.opaque, "1") && !tag.is_weak && rest.ptr);
    assert_int_equal(negotiate_next_etag(&rest, &tag), OK);
    assert_true(slice_eq_text(tag.opaque, "b") && tag.is_weak && !rest.ptr);
    assert_int_equal(negotiate_next_etag(&rest, &tag), ERROR_PARSE);
}

static void prefer_says_what_to_return(void **state)
{
    static const struct {
        const char *prefer;
        enum negotiate_return expected;
    } rows[] = {
        {"", NEGOTIATE_RETURN_UNSAID},
        {"return=minimal", NEGOTIATE_RETURN_MINIMAL},
        {"Return=\"minimal\"", NEGOTIATE_RETURN_MINIMAL},
        {"respond-async, wait=10, return=representation;a=b", NEGOTIATE_RETURN_REPRESENTATION},
        {"return=minimal, return=representation", NEGOTIATE_RETURN_MINIMAL},
        {"return=minimally", NEGOTIATE_RETURN_UNSAID},
        {"return", NEGOTIATE_RETURN_UNSAID},
        {"x=\"return=minimal\"", NEGOTIATE_RETURN_UNSAID},
        {"no-return=minimal", NEGOTIATE_RETURN_UNSAID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (negotiate_prefer_return(slice_from(rows[i].prefer)) != rows[i].expected)
            fail_msg("%s", rows[i].prefer);
}

static void content_type_is_a_media_type_in_utf_8(void **state)
{
    static const struct {
        const char *header;
        const char *type; /* NULL: refused */
    } rows[] = {
        {"application/json", "application/json"},
        {" Application/JSON ", "Application/JSON"},
        {"application/json;charset=utf-8", "application/json"},
        {"application/json ; Charset=\"UTF-8\"; a=b", "application/json"},
        {"application/merge-patch+json;", "application/merge-patch+json"},
        {"application/json;a=\"b;charset=latin1\"", "application/json"},
        {"application/json;charset=latin1", NULL},
        {"application/json;charset=utf-8;charset=utf-8", NULL},
        {"application/json;charset=", NULL},
        {"application/json;charset", NULL},
        {"application/json; charset = utf-8", NULL},
        {"application/json, text/html", NULL},
        {"application/json x", NULL},
        {"application", NULL},
        {"application/", NULL},
        {"/json", NULL},
        {"", NULL},
        {"application/json;a=\"b", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice type = {NULL, 0};
        enum error error = negotiate_content_type(slice_from(rows[i].header), &type);
        if (error != (rows[i].type ? OK : ERROR_UNSUPPORTED_MEDIA_TYPE) ||
            (rows[i].type && !slice_eq_text(type, rows[i].type)))
            fail_msg("%s", rows[i].header);
    }
}

static void an_idempotency_key_is_bare_or_quoted(void **state)
{
    static const struct {
        const char *header;
        const char *key; /* NULL: refused */
    } rows[] = {
        {"abc-123", "abc-123"}, {"  abc ", "abc"},     {"\"abc\"", "abc"},  {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"a\"b", "a\"b"},       {"a\\b", "a\\b"},      {"", NULL},          {"\"\"", NULL},
        {"\"abc", NULL},        {"\"", NULL},          {"\"abc\\\"", NULL}, {"\"abc\\n\"", NULL},
        {"\"abc\"d", NULL},     {"\"abc\";a=b", NULL}, {"a b", NULL},       {"\"a b\"", NULL},
        {"a\tb", NULL},         {"caf\xc3\xa9", NULL},
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice key = {NULL, 0};
        enum error error = negotiate_idempotency_key(slice_from(rows[i].header), &arena, &key);
        if (error != (rows[i].key ? OK : ERROR_PARSE) || (rows[i].key && !slice_eq_text(key, rows[i].key)))
            fail_msg("%s", rows[i].header);
    }
    arena_fini(&arena);
}

static void an_idempotency_key_has_255_characters_at_most(void **state)
{
    char header[600];
    struct slice key;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    memset(header, 'k', sizeof header);
    assert_int_equal(negotiate_idempotency_key(slice_of(header, 255), &arena, &key), OK);
    assert_int_equal(negotiate_idempotency_key(slice_of(header, 256), &arena, &key), ERROR_PARSE);
    memset(header, '\\', sizeof header);
    header[0] = header[511] = header[513] = '"';
    assert_int_equal(negotiate_idempotency_key(slice_of(header, 512), &arena, &key), OK);
    assert_int_equal(key.len, 255);
    header[511] = '\\';
    assert_int_equal(negotiate_idempotency_key(slice_of(header, 514), &arena, &key), ERROR_PARSE);
    arena_fini(&arena);
    arena_init(&arena, 0);
    assert_int_equal(negotiate_idempotency_key(SLICE("\"a\\\\\""), &arena, &key), ERROR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_gives_the_quality_of_the_closest_range),
        cmocka_unit_test(accept_encoding_respects_zero_and_preference),
        cmocka_unit_test(etags_are_compared_strongly_by_if_match_and_weakly_by_if_none_match),
        cmocka_unit_test(entity_tags_are_cut_off_a_list_one_by_one),
        cmocka_unit_test(prefer_says_what_to_return),
        cmocka_unit_test(content_type_is_a_media_type_in_utf_8),
        cmocka_unit_test(an_idempotency_key_is_bare_or_quoted),
        cmocka_unit_test(an_idempotency_key_has_255_characters_at_most),
    };
    return cmocka_run_group_tests_name("http/negotiate", tests, NULL, NULL);
}
