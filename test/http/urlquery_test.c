/* SPDX-License-Identifier: Apache-2.0 */
#include "http/urlquery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

/* A query string and its pairs, written `name|op|value;` with - where there is no operator. */
struct row {
    struct slice raw;
    const char *expected;
};

static void put_pairs(const struct urlquery *query, struct buf *out)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct urlquery_pair *pair = &query->pairs[i];
        buf_printf(out, "%.*s|%.*s|%.*s;", SLICE_ARG(pair->name), SLICE_ARG(pair->op.ptr ? pair->op : SLICE("-")),
                   SLICE_ARG(pair->value));
    }
}

static void pairs_come_in_order_and_decoded(void **state)
{
    static const struct row rows[] = {
        {SLICE_INIT(""), ""},
        {SLICE_INIT("&&"), ""},
        {SLICE_INIT("a=1"), "a|-|1;"},
        {SLICE_INIT("b=2&a=1&b=3"), "b|-|2;a|-|1;b|-|3;"},
        {SLICE_INIT("&a=1&&b=&c&"), "a|-|1;b|-|;c|-|;"},
        {SLICE_INIT("a=b=c"), "a|-|b=c;"},
        {SLICE_INIT("volume[gte]=10"), "volume|gte|10;"},
        {SLICE_INIT("volume%5Bgte%5d=10"), "volume|gte|10;"},
        {SLICE_INIT("author.level=master"), "author.level|-|master;"},
        {SLICE_INIT("where=a%3D%3D1%26%26b"), "where|-|a==1&&b;"},
        {SLICE_INIT("q=a+b%2Bc%20d"), "q|-|a b+c d;"},
        {SLICE_INIT("a+b=1"), "a b|-|1;"},
        {SLICE_INIT("q=%C3%a9[x]"), "q|-|\xc3\xa9[x];"},
        {SLICE_INIT("sort=-created_at,name"), "sort|-|-created_at,name;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct urlquery query;
        struct buf pairs;
        arena_init(&arena, 1 << 16);
        buf_init(&pairs, 1 << 16);
        assert_int_equal(urlquery_parse(rows[i].raw, URLQUERY_PAIRS_MAX, &arena, NULL, &query), OK);
        put_pairs(&query, &pairs);
        if (!slice_eq_text(buf_slice(&pairs), rows[i].expected))
            fail_msg("%.*s gives %.*s", SLICE_ARG(rows[i].raw), SLICE_ARG(buf_slice(&pairs)));
        buf_fini(&pairs);
        arena_fini(&arena);
    }
}

static void what_needs_no_decoding_is_not_copied(void **state)
{
    struct arena arena;
    struct urlquery query;
    struct slice raw = SLICE("volume[gte]=10");
    arena_init(&arena, 1 << 16);
    assert_int_equal(urlquery_parse(raw, URLQUERY_PAIRS_MAX, &arena, NULL, &query), OK);
    assert_ptr_equal(query.pairs[0].name.ptr, raw.ptr);
    assert_ptr_equal(query.pairs[0].value.ptr, raw.ptr + 12);
    arena_fini(&arena);
}

static void faults_name_their_parameter(void **state)
{
#define ESCAPE "holds an escape that is not % and two hex digits"
#define TEXT   "not UTF-8 text"
#define NAME   "not the name of a parameter"
    static const struct {
        struct slice raw;
        const char *field;
        const char *message;
    } rows[] = {
        {SLICE_INIT("a=1&b=%4"), "b", ESCAPE},      {SLICE_INIT("b=%"), "b", ESCAPE},
        {SLICE_INIT("b=%zz"), "b", ESCAPE},         {SLICE_INIT("b%=1"), "b%", ESCAPE},
        {SLICE_INIT("b=%ff"), "b", TEXT},           {SLICE_INIT("b=%c0%80"), "b", TEXT},
        {SLICE_INIT("b=%ed%a0%80"), "b", TEXT},     {SLICE_INIT("b=\xff"), "b", TEXT},
        {SLICE_INIT("b=%00"), "b", TEXT},           {SLICE_INIT("b%00=1"), "b%00", TEXT},
        {SLICE_INIT("\xff=1"), "query", TEXT},      {SLICE_INIT("=1"), "query", NAME},
        {SLICE_INIT("[gte]=1"), "[gte]", NAME},     {SLICE_INIT("b[]=1"), "b[]", NAME},
        {SLICE_INIT("b[gte=1"), "b[gte", NAME},     {SLICE_INIT("b]=1"), "b]", NAME},
        {SLICE_INIT("b]a[=1"), "b]a[", NAME},       {SLICE_INIT("b[gte]x=1"), "b[gte]x", NAME},
        {SLICE_INIT("b[c][d]=1"), "b[c][d]", NAME}, {SLICE_INIT("b[[c]=1"), "b[[c]", NAME},
        {SLICE_INIT("b[c]]=1"), "b[c]]", NAME},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct diag diag;
        struct urlquery query;
        arena_init(&arena, 1 << 16);
        diag_init(&diag, &arena);
        enum error error = urlquery_parse(rows[i].raw, URLQUERY_PAIRS_MAX, &arena, &diag, &query);
        if (error != ERROR_VALIDATION || diag.count != 1 || strcmp(diag.first->field, rows[i].field) != 0 ||
            strcmp(diag.first->message, rows[i].message) != 0)
            fail_msg("%.*s", SLICE_ARG(rows[i].raw));
        arena_fini(&arena);
    }
}

static void every_fault_is_reported_at_once(void **state)
{
    struct arena arena;
    struct diag diag;
    struct urlquery query;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(urlquery_parse(SLICE("a=%&b=1&c[=2&d=%00"), URLQUERY_PAIRS_MAX, &arena, &diag, &query),
                     ERROR_VALIDATION);
    assert_int_equal(diag.count, 3);
    arena_fini(&arena);
}

static void more_pairs_than_the_limit_are_refused(void **state)
{
    struct arena arena;
    struct diag diag;
    struct urlquery query;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(urlquery_parse(SLICE("a=1&&b=2&"), 2, &arena, &diag, &query), OK);
    assert_int_equal(urlquery_parse(SLICE("a=1&b=2&c=3"), 2, &arena, &diag, &query), ERROR_VALIDATION);
    assert_string_equal(diag.message, "the query has 3 parameters; the limit is 2");
    arena_fini(&arena);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    struct urlquery query;
    for (size_t limit = 0; limit < 5000; limit += 500) {
        struct arena arena;
        arena_init(&arena, limit);
        enum error error = urlquery_parse(SLICE("a=%20&b=%20&c=%20"), 100, &arena, NULL, &query);
        assert_true(error == (limit < 500 ? ERROR_MEMORY : OK));
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_come_in_order_and_decoded),       cmocka_unit_test(what_needs_no_decoding_is_not_copied),
        cmocka_unit_test(faults_name_their_parameter),           cmocka_unit_test(every_fault_is_reported_at_once),
        cmocka_unit_test(more_pairs_than_the_limit_are_refused), cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests_name("http/urlquery", tests, NULL, NULL);
}
