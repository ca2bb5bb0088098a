/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a resource: first by name, with what their lines say as words, then by type.
 *
 * A field is a line (`title: text(1..80) required`) or, in its long form, a map whose `type` is that line and whose
 * other keys add what a line cannot say. The fields that every resource has are made here, too.
 *
 * A YAML trap is caught here: in a flow map, `{status: enum(draft, active)}`, the comma ends the value, and YAML reads
 * a value `enum(draft` and a key `active)`. */
#include "base/regex.h"
#include "base/suggest.h"
#include "model/schema_draft.h"

static const char *const long_keys[] = {"type", "pattern", "min", "max", "description", "as", "column", "renamed_from"};

static bool is_cut_at_comma(const struct node *node)
{
    struct slice text = node->text;
    return node->kind == NODE_SCALAR && node->is_flow && !node->is_quoted && slice_index(text, '(') < text.len &&
           slice_index(text, ')') == text.len;
}

/* What stood behind the comma are keys without value, up to the one that closes. */
const struct node *schema_field_skip_cut(const struct node *node)
{
    if (!is_cut_at_comma(node))
        return node;
    while (node->next && node_is_empty(node->next)) {
        node = node->next;
        if (slice_index(node->key, ')') < node->key.len)
            break;
    }
    return node;
}

static bool refuse_cut(struct schema_draft *draft, const struct node *node)
{
    if (!is_cut_at_comma(node))
        return false;
    diag_at(draft->diag, node->place, "put the whole line in quotes, or the field on a line of its own",
            "%s: inside { } YAML ends a value at the comma", node_shown(node, draft->diag));
    return true;
}

static void check_long_form(struct schema_draft *draft, const struct node *node)
{
    for (const struct node *key = node->first; key; key = key->next) {
        struct suggest suggest;
        suggest_init(&suggest, key->key);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(long_keys); i++) {
            is_known = is_known || slice_eq_text(key->key, long_keys[i]);
            suggest_offer_text(&suggest, long_keys[i]);
        }
        if (!is_known && node_is_empty(key))
            continue; /* what a cut line left behind; the line is told */
        if (!is_known)
            suggest_report(&suggest, draft->diag, key->key_place, "unknown key",
                           "the long form has: type, pattern, min, max, description, as, column, renamed_from");
        else if (key->kind != NODE_SCALAR || node_is_empty(key))
            diag_at(draft->diag, key->place, NULL, "\"%.*s\" must be a text, this is %s", SLICE_ARG(key->key),
                    node_kind_name(key));
    }
}

/* The line of a field in either form; NULL: there is none, and it was told. */
static const struct node *find_line(struct schema_draft *draft, const struct node *node)
{
    const struct node *line = node->kind == NODE_MAP ? node_find(node, "type") : node;
    if (node->kind == NODE_MAP)
        check_long_form(draft, node);
    if (node->is_broken || (line && line->is_broken))
        return NULL;
    if (!line) {
        diag_at(draft->diag, node->key_place, "write {type: \"text required\", pattern: …}",
                "field \"%.*s\": \"type\" is missing", SLICE_ARG(node->key));
        return NULL;
    }
    if (line->kind == NODE_SCALAR && !node_is_empty(line))
        return refuse_cut(draft, line) ? NULL : line;
    if (line == node)
        diag_at(draft->diag, node->place, "write a type, such as text(1..80)",
                "field \"%.*s\" must be a line or a map, this is %s", SLICE_ARG(node->key), node_kind_name(node));
    return NULL;
}

static enum error read_line(struct schema_draft *draft, struct field_draft *own)
{
    struct diag scratch;
    struct diag *diag = draft->diag;
    const struct node *line = own->line;
    if (line->is_secret) { /* its messages would quote what variables hold */
        diag_init(&scratch, draft->arena);
        diag = &scratch;
    }
    enum error error = fieldspec_parse(line->text, line->text_place, draft->arena, diag, &own->spec);
    own->is_read = error == OK;
    if (error == ERROR_VALIDATION && line->is_secret)
        diag_at(draft->diag, line->place, NULL, "field line %s is not valid once its variables are replaced",
                node_shown(line, draft->diag));
    return error == ERROR_VALIDATION ? OK : error;
}

enum error schema_field_declare_one(struct schema_draft *draft, struct field_draft *own, const struct node *node,
                                    const char *what)
{
    struct field *field = own->field;
    own->node = node;
    field->name = field->column = node->key;
    field->place = node->key_place;
    field->type.kind = FIELD_TEXT;
    (void)schema_name_check(draft, what, node);
    TRY(schema_name_json(draft, field));
    own->line = find_line(draft, node);
    if (!own->line)
        return OK;
    TRY(read_line(draft, own));
    if (!own->is_read)
        return OK;
    field->flags = own->spec.flags;
    field->on_delete = own->spec.on_delete;
    return OK;
}

static void read_column(struct schema_draft *draft, const struct field_draft *own)
{
    const struct node *column = own->node->kind == NODE_MAP ? node_find(own->node, "column") : NULL;
    if (!column || column->kind != NODE_SCALAR || node_is_empty(column))
        return;
    own->field->column = column->text;
    if (!field_is(own->field, FIELD_ADOPTED))
        diag_at(draft->diag, column->key_place, "say `table:`, or call the field as its column is called",
                "\"column\" is for tables that the engine does not make");
}

static enum error declare_field(struct schema_draft *draft, struct resource_draft *resource, const struct node *node)
{
    struct field_draft *own = &resource->drafts[resource->draft_count];
    unsigned index = (unsigned)resource->draft_count++ + !resource->has_own_key;
    own->field = &resource->fields[index];
    own->field->index = index;
    TRY(schema_field_declare_one(draft, own, node, "field"));
    if (resource->resource->is_adopted)
        own->field->flags |= FIELD_ADOPTED;
    if (schema_key_has_system(resource, node->key))
        diag_at(draft->diag, node->key_place, "every resource has id, created_at, updated_at and version by itself",
                "field %s: the name is reserved", diag_quote(draft->diag, node->key));
    read_column(draft, own);
    return OK;
}

static enum error add_system(struct schema_draft *draft, struct resource_draft *own, size_t index, struct field field,
                             const struct field **out)
{
    struct field *place = &own->fields[index];
    field.index = (unsigned)index;
    field.flags = FIELD_SYSTEM | FIELD_READONLY | FIELD_REQUIRED | (own->resource->is_adopted ? FIELD_ADOPTED : 0);
    field.column = field.name;
    field.place = own->resource->place;
    *place = field;
    *out = place;
    return schema_name_json(draft, place);
}

static enum error add_system_fields(struct schema_draft *draft, struct resource_draft *own)
{
    struct resource *resource = own->resource;
    size_t next = own->draft_count + !own->has_own_key;
    struct type id = {.kind = resource->id_kind == ID_INT ? FIELD_INT : FIELD_UUID, .min = 1, .max = INT64_MAX};
    struct field created = {.name = SLICE("created_at"), .type = {.kind = FIELD_DATETIME}};
    struct field updated = {.name = SLICE("updated_at"), .type = {.kind = FIELD_DATETIME}};
    struct field version = {.name = SLICE("version"), .type = {.kind = FIELD_INT, .min = 1, .max = INT64_MAX}};
    if (!own->has_own_key)
        TRY(add_system(draft, own, 0, (struct field){.name = SLICE("id"), .type = id}, &resource->id));
    if (!own->has_no_timestamps) {
        TRY(add_system(draft, own, next++, created, &resource->created_at));
        TRY(add_system(draft, own, next++, updated, &resource->updated_at));
    }
    if (!own->has_no_version)
        TRY(add_system(draft, own, next++, version, &resource->version));
    resource->fields = own->fields;
    resource->field_count = next;
    return OK;
}

static void check_json_names(struct schema_draft *draft, const struct resource *resource)
{
    for (size_t i = 0; i < resource->field_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct field *field = &resource->fields[i], *other = &resource->fields[j];
            if (slice_eq(field->json_name, other->json_name) && !slice_eq(field->name, other->name))
                diag_at(draft->diag, field->place, NULL, "fields \"%.*s\" and \"%.*s\" are both \"%.*s\" in JSON",
                        SLICE_ARG(other->name), SLICE_ARG(field->name), SLICE_ARG(field->json_name));
            else if (slice_eq_nocase(field->column, other->column) && !slice_eq(field->name, other->name))
                diag_at(draft->diag, field->place, "SQLite does not tell names apart by their capital letters",
                        "fields \"%.*s\" and \"%.*s\" are one column", SLICE_ARG(other->name), SLICE_ARG(field->name));
        }
}

static const struct node *find_fields(struct schema_draft *draft, const struct resource_draft *own)
{
    const struct node *fields = node_find(own->node, "fields");
    if (!own->node || (fields && node_is_empty(fields)))
        return NULL;
    if (!fields) {
        diag_at(draft->diag, own->resource->place, "declare them under `fields:`", "resource \"%.*s\" has no fields",
                SLICE_ARG(own->resource->name));
        return NULL;
    }
    if (fields->kind == NODE_MAP && fields->count <= RESOURCE_FIELDS_MAX - 4)
        return fields;
    if (fields->kind == NODE_MAP)
        diag_at(draft->diag, fields->key_place, NULL, "a resource holds at most %d fields", RESOURCE_FIELDS_MAX - 4);
    else
        diag_at(draft->diag, fields->place, NULL, "\"fields\" must be a map, this is %s", node_kind_name(fields));
    return NULL;
}

enum error schema_field_declare(struct schema_draft *draft, struct resource_draft *own)
{
    const struct node *fields = find_fields(draft, own);
    size_t count = fields ? fields->count : 0;
    own->fields = arena_array(draft->arena, count + 4, sizeof *own->fields);
    own->drafts = arena_array(draft->arena, count + 1, sizeof *own->drafts);
    if (!own->fields || !own->drafts)
        return ERROR_MEMORY;
    for (const struct node *node = fields ? fields->first : NULL; node; node = node->next) {
        TRY(declare_field(draft, own, node));
        node = schema_field_skip_cut(node);
    }
    TRY(add_system_fields(draft, own));
    TRY(schema_key_declare(draft, own));
    check_json_names(draft, own->resource);
    return OK;
}

struct conflict {
    unsigned flags;
    const char *message;
};

/* Modifiers that contradict each other, or a type. */
static void check_modifiers(struct schema_draft *draft, const struct field_draft *own)
{
    static const struct conflict conflicts[] = {
        {FIELD_READONLY | FIELD_IMMUTABLE, "\"readonly\" and \"immutable\" exclude each other"},
        {FIELD_READONLY | FIELD_HIDDEN, "\"readonly\" and \"hidden\" leave nothing to do with the field"},
        {FIELD_UNIQUE | FIELD_INDEXED, "\"unique\" is an index already"},
    };
    const struct field *field = own->field;
    const struct fieldspec *spec = &own->spec;
    for (size_t i = 0; i < ARRAY_LEN(conflicts); i++) {
        unsigned last = conflicts[i].flags & (conflicts[i].flags - 1);
        if ((spec->flags & conflicts[i].flags) == conflicts[i].flags)
            diag_at(draft->diag, fieldspec_modifier_place(spec, last), NULL, "%s", conflicts[i].message);
    }
    bool is_plain =
        field->type.kind != FIELD_JSON && field->type.kind != FIELD_LIST && field->type.kind != FIELD_PASSWORD;
    unsigned indexed = spec->flags & (FIELD_UNIQUE | FIELD_INDEXED);
    if (!is_plain && indexed)
        diag_at(draft->diag, fieldspec_modifier_place(spec, indexed & ~(indexed - 1)), NULL,
                "fields of type %s cannot be indexed", type_name(field->type.kind));
    if (spec->on_delete_place.line && field->type.kind != FIELD_REFERENCE)
        diag_at(draft->diag, spec->on_delete_place, NULL, "\"on_delete\" is for references only");
    if (spec->on_delete_place.line && field->on_delete == ON_DELETE_SET_NULL && field_is(field, FIELD_REQUIRED))
        diag_at(draft->diag, spec->on_delete_place, "remove \"required\", or use on_delete(cascade)",
                "a required reference cannot be set to null");
}

static enum error compile_pattern(struct schema_draft *draft, const struct field_draft *own)
{
    struct field *field = own->field;
    const struct node *node = node_find(own->node, "pattern");
    enum field_type kind = field->type.kind;
    struct regex_fault fault = {0};
    if (!node || node->kind != NODE_SCALAR || node_is_empty(node))
        return OK;
    if (kind != FIELD_TEXT && kind != FIELD_EMAIL && kind != FIELD_URL && kind != FIELD_PASSWORD) {
        diag_at(draft->diag, node->key_place, NULL, "\"pattern\" is for text, email, url and password");
        return OK;
    }
    struct schema_pattern *pattern = arena_zalloc(draft->arena, sizeof *pattern);
    if (!pattern)
        return ERROR_MEMORY;
    enum error error = regex_compile(node->text, &fault, &pattern->regex);
    if (error == ERROR_VALIDATION)
        diag_at(draft->diag, node_place_at(node, fault.offset), NULL, "pattern %s: %s", node_shown(node, draft->diag),
                node->is_secret ? "not valid once its variables are replaced" : fault.message);
    if (error != OK)
        return error == ERROR_VALIDATION ? OK : error;
    pattern->next = draft->schema->patterns;
    draft->schema->patterns = pattern;
    field->pattern = pattern->regex;
    field->pattern_text = arena_text(draft->arena, node->text);
    return field->pattern_text ? OK : ERROR_MEMORY;
}

static bool is_server_set(const struct field *field)
{
    return field_is(field, FIELD_READONLY) && field_is(field, FIELD_REQUIRED) && field->default_kind == DEFAULT_NONE;
}

enum error schema_field_resolve_one(struct schema_draft *draft, struct field_draft *own)
{
    struct field *field = own->field;
    if (!own->is_read)
        return OK;
    own->is_resolved = schema_type_resolve(draft, own);
    if (!own->is_resolved)
        return OK;
    if (field->type.kind == FIELD_PASSWORD)
        field->flags |= FIELD_HIDDEN;
    check_modifiers(draft, own);
    TRY(compile_pattern(draft, own));
    TRY(schema_default_resolve(draft, own));
    if (is_server_set(field) && !field_is(field, FIELD_ADOPTED) && own->spec.default_token.kind == FIELDSPEC_END)
        diag_at(draft->diag, fieldspec_modifier_place(&own->spec, FIELD_READONLY), "give it a default: `= value`",
                "nobody can set a field that is required and readonly and has no default");
    field->renamed_from = schema_name_before(draft, own->node, field->name);
    const struct node *description = node_find(own->node, "description");
    if (description && description->kind == NODE_SCALAR) {
        field->description = arena_text(draft->arena, description->text);
        return field->description ? OK : ERROR_MEMORY;
    }
    return OK;
}

enum error schema_field_resolve(struct schema_draft *draft, struct resource_draft *own)
{
    for (size_t i = 0; i < own->draft_count; i++)
        TRY(schema_field_resolve_one(draft, &own->drafts[i]));
    return OK;
}
