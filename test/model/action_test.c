/* SPDX-License-Identifier: Apache-2.0 */
/* What a declared action is made of. What is wrong in a declaration is told by test/app/broken/actions.yaml, what an
 * action does by test/e2e/action_test.py. */
#include "model/action.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/node.h"
#include "model/schema_build.h"

struct world {
    struct arena arena;
    struct diag diag;
    struct schema *schema;
};

static struct node *scalar(struct world *world, const char *text)
{
    struct node *node = arena_zalloc(&world->arena, sizeof *node);
    const struct place place = {"app.yaml", 1, 1};
    *node = (struct node){
        .text = slice_from(text), .source = slice_from(text), .place = place, .text_place = place, .key_place = place};
    return node;
}

static struct node *container(struct world *world, enum node_kind kind)
{
    struct node *node = scalar(world, "");
    node->kind = kind;
    return node;
}

static struct node *put(struct node *parent, const char *key, struct node *child)
{
    child->key = slice_from(key);
    node_append(parent, child);
    return child;
}

/* A map of "key", "text" pairs up to a NULL. */
static struct node *map(struct world *world, ...)
{
    struct node *node = container(world, NODE_MAP);
    va_list pairs;
    va_start(pairs, world);
    for (const char *key; (key = va_arg(pairs, const char *));)
        put(node, key, scalar(world, va_arg(pairs, const char *)));
    va_end(pairs);
    return node;
}

static struct node *resources(struct world *world)
{
    struct node *all = container(world, NODE_MAP);
    struct node *items = put(all, "items", container(world, NODE_MAP));
    put(items, "fields", map(world, "stock", "int required", NULL));
    put(items, "access", map(world, "all", "true", NULL));
    return all;
}

/* input: {item: items required, lines: {list: {item: …, count: int = 1}, min: 1}} and the steps. */
static struct node *declare(struct world *world, struct node *actions, const char *name, struct node *steps)
{
    struct node *action = put(actions, name, map(world, "access", "true", NULL));
    struct node *input = put(action, "input", map(world, "item", "items required", "note", "text(0..9)", NULL));
    struct node *lines = put(input, "lines", container(world, NODE_MAP));
    put(lines, "list", map(world, "item", "items required", "count", "int(1..5) = 1", NULL));
    put(lines, "min", scalar(world, "1"));
    put(lines, "sort", scalar(world, "item"));
    put(action, "steps", steps);
    return action;
}

static const struct action_spec *build(struct world *world, struct node *actions)
{
    const struct schema_source source = {.resources = resources(world), .actions = actions, .naming = SCHEMA_CAMEL};
    enum error error = schema_build(&source, &world->arena, &world->diag, &world->schema);
    if (error != OK)
        fail_msg("%s", world->diag.first ? world->diag.first->message : error_sentence(error));
    return world->schema->actions;
}

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    arena_init(&world->arena, 16 << 20);
    diag_init(&world->diag, &world->arena);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    schema_build_release(world->schema);
    arena_fini(&world->arena);
    free(world);
    return 0;
}

static void an_input_is_a_field_and_a_list_of_objects_one_of_json_with_a_record(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "sql", "select 1", NULL));
    declare(world, actions, "place", steps);
    const struct action_spec *action = build(world, actions);
    assert_int_equal(action->input->field_count, 3);
    assert_null(action->input->id);
    const struct field *item = resource_find_field(action->input, SLICE("item"));
    const struct field *lines = resource_find_field(action->input, SLICE("lines"));
    assert_ptr_equal(item->type.target, &world->schema->resources[0]);
    assert_int_equal(item->index, 0);
    assert_int_equal(lines->index, 2);
    assert_int_equal(lines->type.kind, FIELD_JSON);
    assert_true(field_is(lines, FIELD_REQUIRED));
    assert_int_equal(lines->type.min, 1);
    assert_int_equal(lines->type.max, 1000);
    const struct field *count = resource_find_field(lines->type.record, SLICE("count"));
    assert_int_equal(count->default_kind, DEFAULT_VALUE);
    assert_int_equal(count->type.max, 5);
    assert_ptr_equal(lines->type.order, resource_find_field(lines->type.record, SLICE("item")));
}

static void an_action_without_a_route_has_one_by_its_name(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "sql", "select 1", NULL));
    declare(world, actions, "place", steps);
    const struct action_spec *action = build(world, actions);
    assert_true(slice_eq_text(action->method, "POST"));
    assert_true(slice_eq_text(action->path, "/actions/place"));
    assert_int_equal(action->isolation, DB_SERIALIZABLE);
    assert_true(action->is_allowed && !action->allow);
    assert_false(action->steps[0].has_expect);
    assert_false(action->steps[0].is_answered);
}

static void a_route_names_the_inputs_that_stand_in_it(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "sql", "select 1", NULL));
    struct node *action = declare(world, actions, "place", steps);
    put(action, "route", scalar(world, "PATCH  /a/:note/b/:item"));
    put(action, "isolation", scalar(world, "read_committed"));
    const struct action_spec *built = build(world, actions);
    assert_true(slice_eq_text(built->method, "PATCH"));
    assert_true(slice_eq_text(built->path, "/a/:note/b/:item"));
    assert_int_equal(built->in_path_count, 2);
    assert_true(slice_eq_text(built->in_path[0]->name, "note"));
    assert_true(slice_eq_text(built->in_path[1]->name, "item"));
    assert_int_equal(built->isolation, DB_READ_COMMITTED);
}

static void each_name_of_a_statement_leads_to_its_source(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "as", "first", "sql", "select 1 as id", NULL));
    node_append(steps, map(world, "each", "lines", "sql",
                           "select :note, :lines.count, :auth.id, :auth.role, :now, :uuid, :first.id, :item", NULL));
    declare(world, actions, "place", steps);
    const struct action_step *step = &build(world, actions)->steps[1];
    static const enum action_source sources[] = {ACTION_FROM_INPUT,     ACTION_FROM_ELEMENT, ACTION_FROM_AUTH_ID,
                                                 ACTION_FROM_AUTH_ROLE, ACTION_FROM_NOW,     ACTION_FROM_UUID,
                                                 ACTION_FROM_STEP,      ACTION_FROM_INPUT};
    assert_int_equal(step->statement.name_count, ARRAY_LEN(sources));
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        assert_int_equal(step->parameters[i].source, sources[i]);
    assert_true(slice_eq_text(step->parameters[1].field->name, "count"));
    assert_int_equal(step->parameters[6].step, 0);
    assert_true(slice_eq_text(step->parameters[6].column, "id"));
    assert_true(world->schema->actions[0].steps[0].is_referred_to);
}

static void a_step_is_run_for_each_row_of_an_earlier_one(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "as", "first", "sql", "select 1 as id", NULL));
    node_append(steps, map(world, "each", "first", "sql", "select :first.id", NULL));
    declare(world, actions, "place", steps);
    const struct action_step *built = build(world, actions)->steps;
    assert_ptr_equal(built[1].each.step, &built[0]);
    assert_null(built[1].each.list);
    assert_true(built[0].is_gone_through);
    assert_false(action_step_is_repeated(&built[0]));
}

static void an_expectation_is_a_number_or_a_range(void **state)
{
    static const struct {
        const char *text;
        int64_t least, most;
    } table[] = {{"1", 1, 1}, {"0", 0, 0}, {"1..", 1, INT64_MAX}, {"..5", 0, 5}, {"0..5", 0, 5}, {"2..2", 2, 2}};
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        node_append(steps, map(world, "sql", "select 1", "expect", table[i].text, NULL));
    declare(world, actions, "place", steps);
    const struct action_spec *action = build(world, actions);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_true(action->steps[i].has_expect);
        assert_int_equal(action->steps[i].least, table[i].least);
        assert_int_equal(action->steps[i].most, table[i].most);
    }
}

static void a_failure_is_a_status_a_code_and_perhaps_a_sentence(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP), *steps = container(world, NODE_LIST);
    node_append(steps, map(world, "sql", "select 1", "expect", "1", "else", "402 NO_MONEY  pay first", NULL));
    node_append(steps, map(world, "sql", "select 1", "expect", "1", "else", "503 CLOSED_2", NULL));
    node_append(steps, map(world, "sql", "select 1", "expect", "1", NULL));
    declare(world, actions, "place", steps);
    const struct action_step *built = build(world, actions)->steps;
    assert_int_equal(built[0].failure.status, 402);
    assert_string_equal(built[0].failure.code, "NO_MONEY");
    assert_string_equal(built[0].failure.sentence, "pay first");
    assert_int_equal(built[1].failure.status, 503);
    assert_string_equal(built[1].failure.code, "CLOSED_2");
    assert_null(built[1].failure.sentence);
    assert_false(built[2].has_failure);
}

static void what_is_answered_is_what_result_names_or_what_has_a_name(void **state)
{
    static const struct {
        const char *result; /* NULL: none */
        bool a, b;
    } table[] = {{NULL, true, true}, {"a", true, false}, {" b ,a", true, true}, {"", false, false}};
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP);
    static const char *const names[] = {"one", "two", "three", "four"};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct node *steps = container(world, NODE_LIST);
        node_append(steps, map(world, "as", "a", "sql", "select 1", "expect", "1", NULL));
        node_append(steps, map(world, "as", "b", "sql", "select 1", NULL));
        node_append(steps, map(world, "as", "c", "sql", "delete from items", NULL));
        node_append(steps, map(world, "sql", "select 1", NULL));
        struct node *action = declare(world, actions, names[i], steps);
        if (table[i].result)
            put(action, "result", scalar(world, table[i].result));
    }
    const struct action_spec *built = build(world, actions);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_int_equal(built[i].steps[0].is_answered, table[i].a);
        assert_int_equal(built[i].steps[1].is_answered, table[i].b);
        assert_false(built[i].steps[2].is_answered || built[i].steps[3].is_answered);
        assert_true(action_step_is_single(&built[i].steps[0]));
        assert_false(action_step_is_single(&built[i].steps[1]));
    }
}

static void an_action_that_nobody_may_run_is_a_warning_unless_it_says_so(void **state)
{
    struct world *world = *state;
    struct node *actions = container(world, NODE_MAP);
    static const char *const names[] = {"silent", "closed"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct node *steps = container(world, NODE_LIST);
        node_append(steps, map(world, "sql", "select 1", NULL));
        struct node *action = put(actions, names[i], container(world, NODE_MAP));
        put(action, "steps", steps);
        if (i == 1)
            put(action, "access", scalar(world, "false"));
    }
    const struct action_spec *built = build(world, actions);
    assert_false(built[0].is_allowed || built[1].is_allowed);
    const struct diag_item *last = world->diag.last;
    assert_int_equal(world->diag.warning_count, 2); /* the other: anyone may write */
    assert_string_equal(last->message, "action \"silent\": nobody may run it");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(an_input_is_a_field_and_a_list_of_objects_one_of_json_with_a_record),
        TEST(an_action_without_a_route_has_one_by_its_name),
        TEST(a_route_names_the_inputs_that_stand_in_it),
        TEST(each_name_of_a_statement_leads_to_its_source),
        TEST(a_step_is_run_for_each_row_of_an_earlier_one),
        TEST(an_expectation_is_a_number_or_a_range),
        TEST(a_failure_is_a_status_a_code_and_perhaps_a_sentence),
        TEST(what_is_answered_is_what_result_names_or_what_has_a_name),
        TEST(an_action_that_nobody_may_run_is_a_warning_unless_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
