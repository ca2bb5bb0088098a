/* SPDX-License-Identifier: Apache-2.0 */
/* Reading `tests:`. Only its form is judged here: which rows there are and what is asked; their values are
 * ruletest_rows.c's, and whether the requests lead anywhere is seen when they are made. */
#include "app/ruletest_plan.h"

#include "base/number.h"
#include "base/suggest.h"
#include "model/permission.h"

struct reading {
    const struct schema *schema;
    struct arena *arena;
    struct diag *diag;
    struct ruletest *test;
};

static void check_keys(const struct reading *reading, const struct node *map, const char *const *keys, size_t count,
                       const char *hint)
{
    for (const struct node *key = map->first; key; key = key->next) {
        struct suggest suggest;
        bool is_known = false;
        suggest_init(&suggest, key->key);
        for (size_t i = 0; i < count; i++) {
            is_known = is_known || slice_eq_text(key->key, keys[i]);
            suggest_offer_text(&suggest, keys[i]);
        }
        if (!is_known)
            suggest_report(&suggest, reading->diag, key->key_place, "unknown key", hint);
    }
}

static void refuse(const struct reading *reading, const struct node *node, const char *hint, const char *what)
{
    diag_at(reading->diag, node->place, hint, "%s, this is %s", what, node_kind_name(node));
}

/* ---- rows ---- */

static void check_name(const struct reading *reading, const struct ruletest_row *row, const struct node *node)
{
    for (size_t i = 0; i < reading->test->row_count; i++)
        if (row->name.len > 0 && slice_eq(reading->test->rows[i].name, row->name))
            diag_at(reading->diag, node->place, "names are those of a test, whatever the resource",
                    "two rows are called %s", node_shown(node, reading->diag));
    if (slice_eq_text(row->name, "nobody"))
        diag_at(reading->diag, node->place, NULL, "no row can be called \"nobody\"");
}

static enum error read_row(struct reading *reading, const struct resource *resource, const struct node *node)
{
    struct ruletest *test = reading->test;
    const struct node *id = node_find(node, "id");
    if (node->kind != NODE_MAP || (id && id->kind != NODE_SCALAR)) {
        refuse(reading, node->kind != NODE_MAP ? node : id, "write {id: m1, status: draft}", "a row must be a map");
        return OK;
    }
    struct ruletest_row row = {.resource = resource, .node = node, .place = node->place};
    row.name = id ? id->text : SLICE("");
    if (id)
        check_name(reading, &row, id);
    if (test->row_count == RULETEST_ROWS_MAX) {
        diag_at(reading->diag, node->place, NULL, "a test holds at most %d rows", RULETEST_ROWS_MAX);
        return OK;
    }
    struct ruletest_row *rows =
        arena_grow(reading->arena, test->rows, test->row_count, &test->row_capacity, sizeof *rows);
    if (!rows)
        return ERROR_MEMORY;
    test->rows = rows;
    rows[test->row_count++] = row;
    return OK;
}

static enum error read_rows_of(struct reading *reading, const struct node *list)
{
    const struct resource *resource = schema_find(reading->schema, list->key);
    if (!resource) {
        struct suggest suggest;
        suggest_init(&suggest, list->key);
        for (size_t i = 0; i < reading->schema->resource_count; i++)
            suggest_offer(&suggest, reading->schema->resources[i].name);
        suggest_report(&suggest, reading->diag, list->key_place, "unknown resource", NULL);
        return OK;
    }
    if (list->kind != NODE_LIST) {
        refuse(reading, list, "write [{id: m1, status: draft}]", "the rows of a resource must be a list");
        return OK;
    }
    for (const struct node *node = list->first; node; node = node->next)
        TRY(read_row(reading, resource, node));
    return OK;
}

static enum error read_rows(struct reading *reading, const struct node *map)
{
    if (!map || node_is_empty(map))
        return OK;
    if (map->kind != NODE_MAP) {
        refuse(reading, map, "write them under their resource: {markets: [{id: m1}]}", "\"rows\" must be a map");
        return OK;
    }
    for (const struct node *list = map->first; list; list = list->next)
        TRY(read_rows_of(reading, list));
    return OK;
}

/* ---- who asks ---- */

static void read_scopes(struct reading *reading, const struct node *list)
{
    if (!list)
        return;
    if (list->kind != NODE_LIST) {
        refuse(reading, list, "write scopes: [\"markets:read\"]", "\"scopes\" must be a list");
        return;
    }
    reading->test->scopes = list;
    for (const struct node *item = list->first; item; item = item->next)
        if (item->kind != NODE_SCALAR || !permission_is_pattern(item->text))
            diag_at(reading->diag, item->place, "as in \"markets:read\"", "%s is no permission",
                    item->kind == NODE_SCALAR ? node_shown(item, reading->diag) : node_kind_name(item));
}

static void find_account(struct reading *reading, const struct node *node)
{
    struct ruletest *test = reading->test;
    struct suggest suggest;
    suggest_init(&suggest, node->text);
    test->as_place = node->place;
    if (!reading->schema->account) {
        diag_at(reading->diag, node->place, "accounts are the rows of a resource with a password field",
                "nobody can sign in to this app");
        return;
    }
    for (size_t i = 0; i < test->row_count; i++) {
        if (test->rows[i].resource != reading->schema->account)
            continue;
        suggest_offer(&suggest, test->rows[i].name);
        if (slice_eq(test->rows[i].name, node->text))
            test->as = node->text;
    }
    if (test->as.len == 0)
        suggest_report(&suggest, reading->diag, node->place, "no account among the rows is called",
                       "or write as: nobody");
}

static void read_as(struct reading *reading, const struct node *node)
{
    static const char *const keys[] = {"account", "scopes"};
    if (!node)
        return;
    if (node->kind == NODE_MAP) {
        check_keys(reading, node, keys, ARRAY_LEN(keys), "who asks has: account, scopes");
        read_scopes(reading, node_find(node, "scopes"));
        const struct node *account = node_find(node, "account");
        if (!account)
            diag_at(reading->diag, node->place, NULL, "\"account\" is missing");
        node = account;
    }
    if (!node)
        return;
    if (node->kind != NODE_SCALAR)
        refuse(reading, node, NULL, "\"as\" must be the name of a row, or nobody");
    else if (!slice_eq_text(node->text, "nobody"))
        find_account(reading, node);
}

/* ---- what is expected ---- */

static void read_number(const struct reading *reading, const struct node *node, int64_t least, int64_t most,
                        int64_t *out)
{
    if (node->kind != NODE_SCALAR || number_parse_int(node->text, out) != OK || *out < least || *out > most)
        diag_at(reading->diag, node->place, NULL, "\"%.*s\" must be a number of %lld to %lld", SLICE_ARG(node->key),
                (long long)least, (long long)most);
}

static const struct node *read_list(const struct reading *reading, const struct node *map, const char *key)
{
    const struct node *list = node_find(map, key);
    if (!list)
        return NULL;
    if (list->kind != NODE_LIST) {
        refuse(reading, list, "write [a, b]", "names must be a list");
        return NULL;
    }
    for (const struct node *item = list->first; item; item = item->next)
        if (item->kind != NODE_SCALAR)
            refuse(reading, item, NULL, "a name must be a text");
    return list;
}

static void read_outcome(const struct reading *reading, const struct node *node, struct ruletest_expect *out)
{
    static const char *const keys[] = {"status", "total", "rows", "fields"};
    out->status = 200;
    if (node->kind != NODE_MAP) {
        read_number(reading, node, 100, 599, &out->status);
        return;
    }
    check_keys(reading, node, keys, ARRAY_LEN(keys), "what is expected has: status, total, rows, fields");
    const struct node *status = node_find(node, "status"), *total = node_find(node, "total");
    if (status)
        read_number(reading, status, 100, 599, &out->status);
    if (total) {
        out->has_total = true;
        read_number(reading, total, 0, INT32_MAX, &out->total);
    }
    out->rows = read_list(reading, node, "rows");
    out->fields = read_list(reading, node, "fields");
}

static enum error read_expects(struct reading *reading, const struct node *list)
{
    struct ruletest *test = reading->test;
    if (!list || list->kind != NODE_LIST || list->count == 0 || list->count > RULETEST_EXPECTS_MAX) {
        diag_at(reading->diag, list ? list->place : test->place, "write expect: [{GET /markets/m1: 404}]",
                "\"expect\" must be a list of 1 to %d requests", RULETEST_EXPECTS_MAX);
        return OK;
    }
    test->expects = arena_array(reading->arena, list->count, sizeof *test->expects);
    if (!test->expects)
        return ERROR_MEMORY;
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->kind != NODE_MAP || item->count != 1) {
            refuse(reading, item, "write - GET /markets/m1: 404", "a request and what is expected of it is missing");
            continue;
        }
        struct ruletest_expect *expect = &test->expects[test->expect_count++];
        *expect = (struct ruletest_expect){.request = item->first->key, .place = item->first->key_place};
        read_outcome(reading, item->first, expect);
    }
    return OK;
}

static enum error read_test(struct reading *reading, const struct node *node)
{
    static const char *const keys[] = {"name", "rows", "as", "expect"};
    struct ruletest *test = reading->test;
    test->place = node->place;
    if (node->kind != NODE_MAP) {
        refuse(reading, node, "write - name: …, with rows, as and expect below", "a test must be a map");
        return OK;
    }
    check_keys(reading, node, keys, ARRAY_LEN(keys), "a test has: name, rows, as, expect");
    const struct node *name = node_find(node, "name");
    if (!name || name->kind != NODE_SCALAR || node_is_empty(name))
        diag_at(reading->diag, name ? name->place : node->place, "a sentence: a stranger does not see drafts",
                "a test must have a name");
    else
        test->name = name->text;
    TRY(read_rows(reading, node_find(node, "rows")));
    read_as(reading, node_find(node, "as"));
    return read_expects(reading, node_find(node, "expect"));
}

enum error ruletest_plan_read(const struct node *list, const struct schema *schema, struct arena *arena,
                              struct diag *diag, struct ruletest **out, size_t *count)
{
    struct reading reading = {.schema = schema, .arena = arena, .diag = diag};
    *out = NULL;
    *count = 0;
    if (!list || node_is_empty(list))
        return OK;
    if (list->kind != NODE_LIST || list->count > RULETEST_TESTS_MAX) {
        diag_at(diag, list->place, NULL, "\"tests\" must be a list of at most %d tests", RULETEST_TESTS_MAX);
        return OK;
    }
    struct ruletest *tests = arena_array(arena, list->count, sizeof *tests);
    if (!tests)
        return ERROR_MEMORY;
    for (const struct node *node = list->first; node; node = node->next) {
        reading.test = &tests[(*count)++];
        TRY(read_test(&reading, node));
    }
    *out = tests;
    return OK;
}
