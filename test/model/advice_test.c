/* SPDX-License-Identifier: Apache-2.0 */
#include "model/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

static const struct caller ann = {.is_signed_in = true, .id = {.kind = VALUE_TEXT, .text = SLICE_INIT("ann")}};

/* Fields separated by ", ", "-" before what descends. */
static void read_sort(struct support *support, const char *sort, struct query *query)
{
    struct slice rest = slice_from(sort), part;
    while (slice_split(&rest, ',', &part)) {
        part = slice_trim(part);
        bool is_descending = part.ptr[0] == '-';
        struct query_key *key = &query->sort[query->sort_count++];
        key->is_descending = is_descending;
        assert_int_equal(
            expr_resolve_path(query->resource, NULL, slice_from_index(part, is_descending), &support->diag, &key->path),
            OK);
    }
}

static void make_query(struct support *support, unsigned resource, const char *where, const char *sort,
                       struct query *out)
{
    *out = (struct query){.resource = &support->resources[resource], .limit = 21};
    if (where) {
        out->filter = support_expr(support, resource, EXPR_FILTER, where);
        if (!out->filter)
            fail_msg("%s: %s", where, support_report(support));
    }
    if (sort)
        read_sort(support, sort, out);
}

static const char *advice_of(struct support *support, const struct query *query, enum dialect dialect,
                             enum advice_use use)
{
    const struct expr_context context = {.caller = &ann};
    struct advice advice;
    struct buf text;
    if (!advice_make(query, &context, dialect, use, &advice))
        return "";
    buf_init(&text, 4096);
    advice_format(&advice, &text);
    if (advice.present)
        buf_printf(&text, " = %.*s", SLICE_ARG(advice.present->name));
    const char *made = arena_text(&support->arena, buf_slice(&text));
    buf_fini(&text);
    return made;
}

struct row {
    const char *where, *sort;
    const char *sqlite, *postgres, *count; /* for the rows on each, and for the count on SQLite */
};

static void equality_comes_first_then_the_order_then_a_range(void **state)
{
    static const struct row rows[] = {
        {NULL, NULL, "", "", ""},
        {"status == 'active'", "-volume", "status, -volume", "status, -volume", "status"},
        {"status == 'active'", NULL, "status, id", "status", "status"},
        {"'active' == status && name == 'x'", "-volume, name", "status, name, -volume", "status, name, -volume",
         "status, name"},
        {"status == 'active'", "status", "status, id", "status", "status"},
        {NULL, "name", "name", "name", ""},
        {NULL, "-status", "-status, id", "-status", ""},
        {NULL, "-id", "", "", ""},
        {"volume > 5", NULL, "", "volume", "volume"},
        {"volume > 5", "volume", "volume", "volume", "volume"},
        {"volume > 5", "-name", "-name", "-name", "volume"},
        {"volume > 5 && status == 'active'", NULL, "status, volume", "status, volume", "status, volume"},
        {"volume > 5 && clicks < 7", NULL, "", "volume", "volume"},
        {"volume == null && status in ['active']", NULL, "volume, status, id", "volume, status", "volume, status"},
        {"status in ['active', 'closed']", NULL, "status", "status", "status"},
        {"status in ['active', 'closed']", "-volume", "-volume", "-volume", "status"},
        {"isOpen", "name", "is_open, name", "is_open, name", "is_open"},
        {"creator == '00000000-0000-7000-8000-000000000001'", NULL, "creator, id", "creator", "creator"},
    };
    struct support support;
    struct query query;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make_query(&support, SUPPORT_MARKETS, rows[i].where, rows[i].sort, &query);
        assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), rows[i].sqlite);
        assert_string_equal(advice_of(&support, &query, DIALECT_POSTGRES, ADVICE_ROWS), rows[i].postgres);
        assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_COUNT), rows[i].count);
    }
    support_fini(&support);
}

static void what_no_index_of_these_fields_finds_is_given_no_advice(void **state)
{
    static const char *const rows[] = {
        "status != 'active'",
        "!isOpen",
        "status == 'active' || name == 'x'",
        "!(status == 'active' && name == 'x')",
        "name ~ 'x'",
        "name like 'x*'",
        "creator.name == 'x'",
        "id == '00000000-0000-7000-8000-000000000001'",
        "id == '00000000-0000-7000-8000-000000000001' && status == 'active'",
        "name == status",
        "volume == rating",
        "opensOn > closesAt",
        "meta == null",
        "tags ~ 'x'",
    };
    struct support support;
    struct query query;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make_query(&support, SUPPORT_MARKETS, rows[i], NULL, &query);
        assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "");
    }
    make_query(&support, SUPPORT_MARKETS, NULL, "creator.name", &query);
    assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "");
    make_query(&support, SUPPORT_MARKETS, "status == 'active'", "creator.name", &query);
    assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "status");
    support_fini(&support);
}

static void a_list_is_looked_into_where_the_database_can(void **state)
{
    static const struct {
        const char *where, *advice;
    } rows[] = {{"tags ~ 'x'", "{fields: tags, using: gin}"},
                {"sizes ~ 5", "{fields: sizes, using: gin}"},
                {"mails ~ 'a@b.de'", ""},
                {"tags ~ 'x' && status == 'active'", "status"}};
    struct support support;
    struct query query;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make_query(&support, SUPPORT_MARKETS, rows[i].where, NULL, &query);
        assert_string_equal(advice_of(&support, &query, DIALECT_POSTGRES, ADVICE_ROWS), rows[i].advice);
    }
    support_fini(&support);
}

static void the_read_rule_counts_as_the_filter_does(void **state)
{
    struct support support;
    struct query query;
    support_init(&support);
    support_read_rule(&support, SUPPORT_MARKETS, "creator == auth.id");
    make_query(&support, SUPPORT_MARKETS, "status == 'active'", "-volume", &query);
    assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "status, creator, -volume");
    support_read_rule(&support, SUPPORT_MARKETS, "status != 'draft' || creator == auth.id");
    make_query(&support, SUPPORT_MARKETS, NULL, "-volume", &query);
    assert_string_equal(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "-volume");
    support_fini(&support);
}

struct present_row {
    const char *index; /* "-" before what descends */
    const char *where, *sort;
    bool sqlite, postgres; /* whether it is there already */
};

static void give_index(struct support *support, const char *text, struct index *index, struct index_column *columns)
{
    struct slice rest = slice_from(text), part;
    *index = (struct index){.name = SLICE("present"), .columns = columns};
    while (slice_split(&rest, ',', &part)) {
        part = slice_trim(part);
        bool is_descending = part.ptr[0] == '-';
        const struct field *field =
            resource_find_field(&support->resources[SUPPORT_MARKETS], slice_from_index(part, is_descending));
        assert_non_null(field);
        columns[index->column_count++] = (struct index_column){field, is_descending};
    }
    support->resources[SUPPORT_MARKETS].indexes = index;
    support->resources[SUPPORT_MARKETS].index_count = 1;
}

static void an_index_that_begins_with_the_fields_is_there_already(void **state)
{
    static const struct present_row rows[] = {
        {"status, -volume", "status == 'active'", "-volume", true, true},
        {"status, volume", "status == 'active'", "-volume", true, true},
        {"status, -volume, name", "status == 'active'", "volume", true, true},
        {"volume, status", "status == 'active'", "-volume", false, false},
        {"status", "status == 'active'", "-volume", false, false},
        {"status", "status == 'active'", NULL, false, true},
        {"status, id", "status == 'active'", NULL, true, true},
        {"name, status", "status == 'active' && name == 'x'", "volume", false, false},
        {"name, status, volume", "status == 'active' && name == 'x'", "volume", true, true},
        {"volume, -name", NULL, "volume, name", false, false},
        {"-volume, -name", NULL, "volume, name", true, true},
    };
    struct support support;
    struct query query;
    struct index index;
    struct index_column columns[4];
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        give_index(&support, rows[i].index, &index, columns);
        make_query(&support, SUPPORT_MARKETS, rows[i].where, rows[i].sort, &query);
        bool sqlite = strstr(advice_of(&support, &query, DIALECT_SQLITE, ADVICE_ROWS), "= present") != NULL;
        bool postgres = strstr(advice_of(&support, &query, DIALECT_POSTGRES, ADVICE_ROWS), "= present") != NULL;
        if (sqlite != rows[i].sqlite || postgres != rows[i].postgres)
            fail_msg("%s: %d %d", rows[i].index, sqlite, postgres);
        index.where = support_expr(&support, SUPPORT_MARKETS, EXPR_CONDITION, "status == 'active'");
        assert_null(strstr(advice_of(&support, &query, DIALECT_POSTGRES, ADVICE_ROWS), "= present"));
    }
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_comes_first_then_the_order_then_a_range),
        cmocka_unit_test(what_no_index_of_these_fields_finds_is_given_no_advice),
        cmocka_unit_test(a_list_is_looked_into_where_the_database_can),
        cmocka_unit_test(the_read_rule_counts_as_the_filter_does),
        cmocka_unit_test(an_index_that_begins_with_the_fields_is_there_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
