/* SPDX-License-Identifier: Apache-2.0 */
/* The input of an action, as a resource without a table: so a body is read into it, and its fields are checked and
 * completed, by what does it for the rows of any resource.
 *
 * An input is a field, or a list of objects: `lines: {list: {item: inventory required, …}, min: 1, max: 50}`, which is
 * a field of type json whose type names what each object is. `sort: item` has the steps see the objects in the order of
 * that member, whatever order they were sent in, so that requests that lock the same rows do so in one order. Lists do
 * not nest. */
#include "base/suggest.h"
#include "model/schema_draft.h"
#include "model/type.h"

enum { LIST_MAX = 1000 };

static const char *const list_keys[] = {"list", "min", "max", "sort", "description"};

/* What a field of a table may be and an input may not. */
static const struct {
    enum field_flag flag;
    const char *word;
} foreign[] = {{FIELD_UNIQUE, "unique"},
               {FIELD_INDEXED, "index"},
               {FIELD_READONLY, "readonly"},
               {FIELD_HIDDEN, "hidden"},
               {FIELD_IMMUTABLE, "immutable"}};

struct inputs {
    struct schema_draft *draft;
    struct field *fields;
    size_t count;
    bool is_list; /* they are of the objects of a list */
};

static void refuse_modifiers(struct schema_draft *draft, struct field_draft *own)
{
    struct fieldspec *spec = &own->spec;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (spec->flags & foreign[i].flag)
            diag_at(draft->diag, fieldspec_modifier_place(spec, foreign[i].flag), NULL, "an input cannot be \"%s\"",
                    foreign[i].word);
    if (spec->on_delete_place.line)
        diag_at(draft->diag, spec->on_delete_place, NULL, "\"on_delete\" is for the fields of resources");
    const struct node *as = node_find(own->node, "as");
    if (as)
        diag_at(draft->diag, as->key_place, NULL, "\"as\" is for the fields of resources");
    spec->flags &= FIELD_REQUIRED;
    spec->on_delete_place.line = 0;
    own->field->flags = spec->flags;
}

static enum error build_field(const struct inputs *inputs, struct field *field, const struct node *node)
{
    struct field_draft own = {.field = field};
    TRY(schema_field_declare_one(inputs->draft, &own, node, "input"));
    if (!own.is_read)
        return OK;
    refuse_modifiers(inputs->draft, &own);
    return schema_field_resolve_one(inputs->draft, &own);
}

static void check_list_keys(struct schema_draft *draft, const struct node *node)
{
    for (const struct node *key = node->first; key; key = key->next) {
        struct suggest suggest;
        bool is_known = false;
        suggest_init(&suggest, key->key);
        for (size_t i = 0; i < ARRAY_LEN(list_keys); i++) {
            is_known = is_known || slice_eq_text(key->key, list_keys[i]);
            suggest_offer_text(&suggest, list_keys[i]);
        }
        if (!is_known)
            suggest_report(&suggest, draft->diag, key->key_place, "unknown key",
                           "a list of objects has: list, min, max, sort, description");
    }
}

static enum error read_count(struct schema_draft *draft, const struct node *node, int64_t *out)
{
    static const struct type count = {.kind = FIELD_INT, .min = 0, .max = LIST_MAX};
    const char *why = "must be a number";
    struct value value;
    if (!node)
        return OK;
    enum error error =
        node->kind == NODE_SCALAR ? type_parse_text(&count, node->text, draft->arena, &why, &value) : ERROR_VALIDATION;
    if (error == OK)
        *out = value.integer;
    else if (error == ERROR_VALIDATION)
        diag_at(draft->diag, node->place, NULL, "\"%.*s\" of a list must be a number from 0 to %d",
                SLICE_ARG(node->key), LIST_MAX);
    return error == ERROR_VALIDATION ? OK : error;
}

static bool has_order(const struct field *field)
{
    return field->type.kind != FIELD_JSON && field->type.kind != FIELD_LIST && field->type.kind != FIELD_PASSWORD;
}

static void read_order(struct schema_draft *draft, const struct node *node, struct type *type)
{
    if (!node)
        return;
    struct slice name = node->kind == NODE_SCALAR ? node->source : SLICE("");
    const struct field *field = resource_find_field(type->record, name);
    if (!field)
        schema_name_unknown_field(draft, type->record, name, node->place);
    else if (!has_order(field))
        diag_at(draft->diag, node->place, NULL, "a list cannot be sorted by \"%.*s\"", SLICE_ARG(name));
    else
        type->order = field;
}

static enum error build_list(const struct inputs *inputs, struct field *field, const struct node *node)
{
    struct schema_draft *draft = inputs->draft;
    const struct node *list = node_find(node, "list");
    field->name = node->key;
    field->place = node->key_place;
    field->type = (struct type){.kind = FIELD_JSON, .max = LIST_MAX};
    (void)schema_name_check(draft, "input", node);
    TRY(schema_name_json(draft, field));
    check_list_keys(draft, node);
    TRY(read_count(draft, node_find(node, "min"), &field->type.min));
    TRY(read_count(draft, node_find(node, "max"), &field->type.max));
    if (field->type.min > field->type.max)
        diag_at(draft->diag, node->key_place, NULL, "the lower limit is above the upper limit");
    field->flags = field->type.min > 0 ? FIELD_REQUIRED : 0;
    if (inputs->is_list)
        diag_at(draft->diag, list->key_place, NULL, "a list of objects cannot stand in another one");
    else if (list->kind != NODE_MAP || list->count == 0)
        diag_at(draft->diag, list->place, "write list: {item: text required}", "\"list\" must be a map of fields");
    else {
        TRY(schema_input_build(draft, field->name, list, &field->type.record));
        read_order(draft, node_find(node, "sort"), &field->type);
    }
    return OK;
}

static enum error build_all(struct inputs *inputs, const struct node *map)
{
    for (const struct node *node = map->first; node; node = node->next) {
        struct field *field = &inputs->fields[inputs->count];
        field->index = (unsigned)inputs->count++;
        if (node_find(node, "list"))
            TRY(build_list(inputs, field, node));
        else
            TRY(build_field(inputs, field, node));
        node = schema_field_skip_cut(node);
    }
    return OK;
}

enum error schema_input_build(struct schema_draft *draft, struct slice name, const struct node *map,
                              const struct resource **out)
{
    struct inputs inputs = {.draft = draft, .is_list = map && slice_eq_text(map->key, "list")};
    struct resource *resource = arena_zalloc(draft->arena, sizeof *resource);
    size_t count = map ? map->count : 0;
    if (count > RESOURCE_FIELDS_MAX) {
        diag_at(draft->diag, map->key_place, NULL, "an action has at most %d inputs", RESOURCE_FIELDS_MAX);
        count = 0;
    }
    inputs.fields = arena_array(draft->arena, count + 1, sizeof *inputs.fields);
    if (!resource || !inputs.fields)
        return ERROR_MEMORY;
    if (count > 0)
        TRY(build_all(&inputs, map));
    *resource = (struct resource){.name = name,
                                  .id_kind = ID_INT,
                                  .fields = inputs.fields,
                                  .field_count = inputs.count}; /* no id is made for it */
    *out = resource;
    return OK;
}
