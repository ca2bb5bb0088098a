/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an action: statements, what their parameters stand for, what is expected of them, what is answered.
 *
 * A name in a statement is looked for in this order: `now` and `uuid`, `auth.id` and `auth.role`, an input, a member of
 * the list that the step is run for, a column of an earlier step. No two of these can have one name, because inputs and
 * steps may not be called alike. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/suggest.h"
#include "model/action_draft.h"

static const char *const step_keys[] = {"as", "each", "sql", "expect", "else"};
static const char *const plain_names[] = {"now", "uuid", "auth.id", "auth.role"};

enum { FAILURE_STATUS_DEFAULT = 409 };

struct building {
    struct action_draft *draft;
    struct action_step *step;
    size_t index; /* of the step */
    const struct node *node;
    const struct node *sql;
    bool names_it; /* `result:` decides what is answered */
};

static struct action_step *find_step(const struct action_draft *draft, struct slice name, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (draft->steps[i].name.len > 0 && slice_eq(draft->steps[i].name, name))
            return &draft->steps[i];
    return NULL;
}

static void read_name(struct building *own)
{
    struct action_draft *draft = own->draft;
    const struct node *node;
    if (!action_draft_text(draft, own->node, "as", &node))
        return;
    struct node name = {.key = node->text, .key_place = node->place};
    if (!schema_name_check(draft->schema, "step", &name))
        return;
    if (resource_find_field(draft->action->input, node->text))
        diag_at(draft->diag, node->place, NULL, "step \"%.*s\" has the name of an input", SLICE_ARG(node->text));
    else if (find_step(draft, node->text, own->index))
        diag_at(draft->diag, node->place, NULL, "step \"%.*s\" has the name of an earlier one", SLICE_ARG(node->text));
    else
        own->step->name = node->text;
}

static void read_each(struct building *own)
{
    struct action_draft *draft = own->draft;
    const struct resource *input = draft->action->input;
    const struct node *node;
    struct suggest suggest;
    if (!action_draft_text(draft, own->node, "each", &node))
        return;
    const struct field *field = resource_find_field(input, node->text);
    struct action_step *step = find_step(draft, node->text, own->index);
    if (field && field->type.record) {
        own->step->each.list = field;
        return;
    }
    if (step && step->statement.returns_rows) {
        own->step->each.step = step;
        step->is_gone_through = true;
        return;
    }
    suggest_init(&suggest, node->text);
    for (size_t i = 0; i < own->index; i++)
        if (draft->steps[i].name.len > 0 && draft->steps[i].statement.returns_rows)
            suggest_offer(&suggest, draft->steps[i].name);
    for (size_t i = 0; i < input->field_count; i++)
        if (input->fields[i].type.record)
            suggest_offer(&suggest, input->fields[i].name);
    suggest_report(&suggest, draft->diag, node->place,
                   "no list of objects of the input, and no earlier step with rows, is called",
                   "as in input: {lines: {list: {item: text required}}}");
}

/* ---- parameters ---- */

static void offer_members(struct building *own, struct slice owner, const struct resource *record,
                          struct suggest *suggest)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const char *name =
            arena_printf(own->draft->arena, "%.*s.%.*s", SLICE_ARG(owner), SLICE_ARG(record->fields[i].name));
        if (name)
            suggest_offer_text(suggest, name);
    }
}

static void refuse_unknown(struct building *own, struct slice name, struct place place)
{
    const struct resource *input = own->draft->action->input;
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < ARRAY_LEN(plain_names); i++)
        suggest_offer_text(&suggest, plain_names[i]);
    for (size_t i = 0; i < input->field_count; i++)
        if (!input->fields[i].type.record)
            suggest_offer(&suggest, input->fields[i].name);
    const struct field *list = own->step->each.list;
    if (list)
        offer_members(own, list->name, list->type.record, &suggest);
    suggest_report(&suggest, own->draft->diag, place, "unknown parameter",
                   "a parameter is an input, a member of the list of `each:`, a column of an earlier step, now, uuid, "
                   "auth.id or auth.role");
}

static void refuse(struct building *own, struct slice name, struct place place, const char *hint, const char *message)
{
    diag_at(own->draft->diag, place, hint, "parameter \"%.*s\": %s", SLICE_ARG(name), message);
}

static void resolve_plain(struct building *own, struct slice name, struct action_parameter *out)
{
    const struct field *field = resource_find_field(own->draft->action->input, name);
    if (slice_eq_text(name, "now"))
        out->source = ACTION_FROM_NOW;
    else if (slice_eq_text(name, "uuid"))
        out->source = ACTION_FROM_UUID;
    else if (!field)
        refuse_unknown(own, name, out->place);
    else if (field->type.record)
        refuse(own, name, out->place, "run the step for each object, with `each:`, and name its members",
               "a list of objects is no value");
    else
        out->field = field;
}

static void resolve_element(struct building *own, struct slice name, const struct field *list, struct slice member,
                            struct action_parameter *out)
{
    if (own->step->each.list != list) {
        refuse(own, name, out->place, "run the step for each object, with `each:`",
               "this step is not run for the list");
        return;
    }
    out->source = ACTION_FROM_ELEMENT;
    out->field = list->type.record ? resource_find_field(list->type.record, member) : NULL;
    if (!out->field)
        refuse_unknown(own, name, out->place);
}

static void resolve_member(struct building *own, struct slice name, struct action_parameter *out)
{
    struct action_draft *draft = own->draft;
    size_t dot = slice_index(name, '.');
    struct slice owner = slice_of(name.ptr, dot), member = slice_from_index(name, dot + 1);
    const struct field *list = resource_find_field(draft->action->input, owner);
    struct action_step *step = find_step(draft, owner, own->index);
    if (slice_eq_text(name, "auth.id"))
        out->source = ACTION_FROM_AUTH_ID;
    else if (slice_eq_text(name, "auth.role"))
        out->source = ACTION_FROM_AUTH_ROLE;
    else if (list && list->type.record)
        resolve_element(own, name, list, member, out);
    else if (!step)
        refuse_unknown(own, name, out->place);
    else if (!step->statement.returns_rows)
        refuse(own, name, out->place, "end its statement with `returning …`", "that step returns no rows");
    else {
        out->source = ACTION_FROM_STEP;
        out->step = (size_t)(step - draft->steps);
        out->column = member;
        step->is_referred_to = true;
    }
}

static enum error resolve_names(struct building *own)
{
    const struct statement *statement = &own->step->statement;
    struct action_parameter *parameters = arena_array(own->draft->arena, statement->name_count + 1, sizeof *parameters);
    if (!parameters)
        return ERROR_MEMORY;
    for (size_t i = 0; i < statement->name_count; i++) {
        struct slice name = statement->names[i].text;
        parameters[i].place = node_place_at(own->sql, statement->names[i].offset);
        if (slice_index(name, '.') == name.len)
            resolve_plain(own, name, &parameters[i]);
        else
            resolve_member(own, name, &parameters[i]);
    }
    own->step->parameters = parameters;
    return OK;
}

static enum error read_statement(struct building *own)
{
    struct action_draft *draft = own->draft;
    struct statement_fault fault = {0};
    if (!node_find(own->node, "sql"))
        diag_at(draft->diag, own->node->place, "a step has: as, each, sql, expect, else", "the step has no \"sql\"");
    if (!action_draft_text(draft, own->node, "sql", &own->sql))
        return OK;
    own->step->place = own->sql->place;
    enum error error = statement_parse(own->sql->text, draft->arena, &fault, &own->step->statement);
    if (error == ERROR_VALIDATION) {
        diag_at(draft->diag, node_place_at(own->sql, fault.offset), fault.hint, "%s", fault.message);
        return OK;
    }
    TRY(error);
    return resolve_names(own);
}

/* ---- expectations ---- */

/* 1, 0, 1.., ..5, 0..5 */
static bool parse_expect(struct slice text, int64_t *least, int64_t *most)
{
    size_t dots = 0;
    while (dots + 1 < text.len && !(text.ptr[dots] == '.' && text.ptr[dots + 1] == '.'))
        dots++;
    bool is_range = dots + 1 < text.len;
    struct slice low = is_range ? slice_of(text.ptr, dots) : text;
    struct slice high = is_range ? slice_from_index(text, dots + 2) : text;
    *least = 0;
    *most = INT64_MAX;
    if (is_range && low.len == 0 && high.len == 0)
        return false;
    bool is_low_right = (is_range && low.len == 0) || number_parse_int(low, least) == OK;
    bool is_high_right = (is_range && high.len == 0) || number_parse_int(high, most) == OK;
    return is_low_right && is_high_right && *least >= 0 && *least <= *most;
}

static void read_expect(struct building *own)
{
    struct action_step *step = own->step;
    const struct node *node;
    if (!action_draft_text(own->draft, own->node, "expect", &node))
        return;
    step->has_expect = parse_expect(node->text, &step->least, &step->most);
    if (!step->has_expect)
        diag_at(own->draft->diag, node->place, "write 1, 0, 1.., ..5 or 0..5", "expect %s: not a number of rows",
                node_shown(node, own->draft->diag));
}

static bool is_code(struct slice code)
{
    bool is_right = code.len > 0 && code.len <= 60 && code.ptr[0] >= 'A' && code.ptr[0] <= 'Z';
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        is_right = is_right && ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    }
    return is_right;
}

static struct slice take_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    struct slice word = slice_of(rest->ptr, slice_index(*rest, ' '));
    *rest = slice_trim(slice_from_index(*rest, word.len));
    return word;
}

/* 409 OUT_OF_STOCK not enough in stock */
static enum error read_failure(struct building *own)
{
    struct action_step *step = own->step;
    const struct action_draft *draft = own->draft;
    const struct node *node;
    int64_t status = 0;
    if (!action_draft_text(draft, own->node, "else", &node))
        return OK;
    struct slice rest = node->text;
    bool has_status = number_parse_int(take_word(&rest), &status) == OK;
    struct slice code = take_word(&rest);
    if (!has_status || !is_code(code) || ((status < 400 || status > 499) && status != 503)) {
        diag_at(draft->diag, node->place,
                "as in 409 OUT_OF_STOCK not enough in stock; the status is 400 to 499, or 503",
                "else %s: not a status, a code and a sentence", node_shown(node, draft->diag));
        return OK;
    }
    if (!node_find(own->node, "expect"))
        diag_at(draft->diag, node->key_place, "add `expect: 1`", "\"else\" without \"expect\" never happens");
    step->has_failure = true;
    step->failure = (struct action_failure){.status = (int)status, .code = arena_text(draft->arena, code)};
    if (rest.len > 0)
        step->failure.sentence = arena_text(draft->arena, rest);
    return step->failure.code && (rest.len == 0 || step->failure.sentence) ? OK : ERROR_MEMORY;
}

/* ---- the list of them ---- */

static enum error build_step(struct building *own)
{
    struct action_draft *draft = own->draft;
    if (own->node->kind != NODE_MAP) {
        diag_at(draft->diag, own->node->place, "a step has: as, each, sql, expect, else",
                "a step must be a map, this is %s", node_kind_name(own->node));
        return OK;
    }
    action_draft_check_keys(draft, own->node, step_keys, ARRAY_LEN(step_keys),
                            "a step has: as, each, sql, expect, else");
    read_name(own);
    read_each(own);
    TRY(read_statement(own));
    read_expect(own);
    TRY(read_failure(own));
    own->step->is_answered = !own->names_it && own->step->name.len > 0 && own->step->statement.returns_rows;
    return OK;
}

static void answer_step(struct action_draft *draft, struct slice name, struct place place)
{
    const struct action_step *step = find_step(draft, name, draft->action->step_count);
    struct suggest suggest;
    if (step && step->statement.returns_rows) {
        draft->steps[step - draft->steps].is_answered = true;
        return;
    }
    if (step) {
        diag_at(draft->diag, place, "end its statement with `returning …`", "step \"%.*s\" returns no rows",
                SLICE_ARG(name));
        return;
    }
    suggest_init(&suggest, name);
    for (size_t i = 0; i < draft->action->step_count; i++)
        if (draft->steps[i].name.len > 0)
            suggest_offer(&suggest, draft->steps[i].name);
    suggest_report(&suggest, draft->diag, place, "unknown step", "name steps with `as:`");
}

/* `order, items`, a list of them, or an empty list: nothing is answered. */
static void read_result(struct action_draft *draft, const struct node *node)
{
    if (node_is_empty(node) || node->is_secret)
        return;
    if (node->kind == NODE_SCALAR) {
        struct slice rest = node->text, part;
        while (slice_split(&rest, ',', &part)) {
            struct slice name = slice_trim(part);
            answer_step(draft, name, node_place_at(node, (size_t)(name.ptr - node->text.ptr)));
        }
        return;
    }
    for (const struct node *item = node->first; item && node->kind == NODE_LIST; item = item->next)
        answer_step(draft, item->kind == NODE_SCALAR ? item->text : SLICE(""), item->place);
    if (node->kind == NODE_MAP)
        diag_at(draft->diag, node->place, "as in result: order, items", "\"result\" must be names of steps");
}

/* A hidden field in what an answered step returns. Behind `*` and other names the database has to tell it. */
static void check_hidden(const struct action_draft *draft, const struct action_step *step)
{
    const struct schema *schema = draft->schema->schema;
    const struct statement *statement = &step->statement;
    for (size_t i = 0; i < schema->resource_count; i++) {
        const struct resource *resource = &schema->resources[i];
        for (size_t j = 0; j < resource->field_count; j++) {
            const struct field *field = &resource->fields[j];
            bool is_secret = field_is(field, FIELD_HIDDEN) || field->type.kind == FIELD_PASSWORD;
            if (is_secret && statement_mentions(statement->returned, field->column) &&
                statement_mentions(statement->sql[DIALECT_SQLITE], resource->table))
                diag_at(draft->diag, step->place, "leave it out of what the statement returns",
                        "field \"%.*s\" is hidden and cannot be answered", SLICE_ARG(field->name));
        }
    }
}

enum error action_step_build(struct action_draft *draft)
{
    const struct node *list = node_find(draft->node, "steps"), *result = node_find(draft->node, "result");
    if (node_is_empty(list) || list->kind != NODE_LIST || list->count == 0) {
        diag_at(draft->diag, list ? list->place : draft->action->place, "write - sql: update …",
                "action \"%.*s\" has no list of steps", SLICE_ARG(draft->action->name));
        return OK;
    }
    if (list->count > ACTION_STEPS_MAX) {
        diag_at(draft->diag, list->key_place, NULL, "an action has at most %d steps", ACTION_STEPS_MAX);
        return OK;
    }
    draft->steps = arena_array(draft->arena, list->count, sizeof *draft->steps);
    if (!draft->steps)
        return ERROR_MEMORY;
    for (const struct node *node = list->first; node; node = node->next) {
        struct building own = {.draft = draft,
                               .step = &draft->steps[draft->action->step_count],
                               .index = draft->action->step_count,
                               .node = node,
                               .names_it = result};
        TRY(build_step(&own));
        draft->action->step_count++;
    }
    draft->action->steps = draft->steps;
    if (result)
        read_result(draft, result);
    for (size_t i = 0; i < draft->action->step_count; i++)
        if (draft->steps[i].is_answered)
            check_hidden(draft, &draft->steps[i]);
    return OK;
}
