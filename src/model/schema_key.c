/* SPDX-License-Identifier: Apache-2.0 */
/* What an adopted table is: its name, its key, and what of the system fields it lacks.
 *
 * A resource that says `table:`, `key:`, `view: true`, `timestamps: false` or `version: false` stands for a table that
 * somebody else made. Its key is of any scalar fields. One alone that is an int and not `required` is given by the
 * database, a uuid by the engine; every other must be sent with a new row. A key never changes, so its fields are
 * immutable.
 *
 * Invariants
 *   (1) resource.id is the only field of the key, or NULL: what refers to a row is one value
 *   (2) a key that is a reference ends at one that is none: type_root() ends */
#include "model/schema_draft.h"
#include "model/type.h"

static const struct node *find_scalar(struct schema_draft *draft, const struct resource_draft *own, const char *name)
{
    const struct node *node = node_find(own->node, name);
    if (!node || (node->kind == NODE_SCALAR && !node_is_empty(node)))
        return node;
    diag_at(draft->diag, node->place, NULL, "\"%s\" must be a text, this is %s", name, node_kind_name(node));
    return NULL;
}

/* `otherwise` when nothing is said. */
static bool read_truth(struct schema_draft *draft, const struct resource_draft *own, const char *name, bool otherwise)
{
    const struct node *node = find_scalar(draft, own, name);
    if (!node || slice_eq_text(node->text, otherwise ? "true" : "false"))
        return otherwise;
    if (!slice_eq_text(node->text, otherwise ? "false" : "true")) {
        diag_at(draft->diag, node->place, NULL, "\"%s\" must be true or false", name);
        return otherwise;
    }
    return !otherwise;
}

void schema_key_read(struct schema_draft *draft, struct resource_draft *own)
{
    struct resource *resource = own->resource;
    const struct node *table = find_scalar(draft, own, "table");
    const struct node *key = node_find(own->node, "key"), *id = node_find(own->node, "id");
    resource->is_view = read_truth(draft, own, "view", false);
    own->has_own_key = key || resource->is_view;
    own->has_no_timestamps = resource->is_view || !read_truth(draft, own, "timestamps", true);
    own->has_no_version = resource->is_view || !read_truth(draft, own, "version", true);
    resource->is_adopted = table || own->has_own_key || own->has_no_timestamps || own->has_no_version;
    if (table)
        resource->table = table->text;
    if (id && own->has_own_key)
        diag_at(draft->diag, id->key_place, "leave one of them out", "\"id\" and \"%s\" exclude each other",
                key ? "key" : "view");
}

bool schema_key_has_system(const struct resource_draft *own, struct slice name)
{
    bool is_time = slice_eq_text(name, "created_at") || slice_eq_text(name, "updated_at");
    return (!own->has_own_key && slice_eq_text(name, "id")) || (!own->has_no_timestamps && is_time) ||
           (!own->has_no_version && slice_eq_text(name, "version"));
}

struct key {
    struct schema_draft *draft;
    struct resource_draft *own;
    const struct field **fields;
    size_t count;
};

static void add_field(struct key *key, struct slice name, struct place place)
{
    struct resource_draft *own = key->own;
    for (size_t i = 0; i < key->count; i++)
        if (slice_eq(key->fields[i]->name, name)) {
            diag_at(key->draft->diag, place, NULL, "a field stands twice in \"key\"");
            return;
        }
    if (key->count == RESOURCE_KEY_MAX) {
        diag_at(key->draft->diag, place, NULL, "a key has at most %d fields", RESOURCE_KEY_MAX);
        return;
    }
    for (size_t i = 0; i < own->draft_count; i++)
        if (slice_eq(own->drafts[i].field->name, name)) {
            own->drafts[i].field->flags |= FIELD_KEY;
            key->fields[key->count++] = own->drafts[i].field;
            return;
        }
    schema_name_unknown_field(key->draft, own->resource, name, place);
}

static void read_key(struct key *key, const struct node *node)
{
    const struct node *item = node->kind == NODE_LIST ? node->first : node;
    if (node->kind == NODE_MAP || node_is_empty(node) || !item) {
        diag_at(key->draft->diag, node->place, "write `key: code`, or `key: [order_id, line]`",
                "\"key\" must be a field or a list of fields");
        return;
    }
    for (; item; item = node->kind == NODE_LIST ? item->next : NULL)
        add_field(key, item->kind == NODE_SCALAR ? item->source : SLICE(""), item->place);
}

enum error schema_key_declare(struct schema_draft *draft, struct resource_draft *own)
{
    struct resource *resource = own->resource;
    const struct node *node = node_find(own->node, "key");
    struct key key = {.draft = draft, .own = own};
    key.fields = arena_array(draft->arena, RESOURCE_KEY_MAX, sizeof *key.fields);
    if (!key.fields)
        return ERROR_MEMORY;
    if (node)
        read_key(&key, node);
    else if (resource->id)
        key.fields[key.count++] = resource->id;
    resource->key = key.fields;
    resource->key_count = key.count;
    resource->id = key.count == 1 ? key.fields[0] : NULL;
    return OK;
}

/* A reference that leads back to itself from key to key is refused, and is a text from then on. */
static bool is_circle(const struct field *field)
{
    const struct type *type = &field->type;
    for (unsigned steps = 0; type->kind == FIELD_REFERENCE; steps++) {
        if (steps == SCHEMA_RESOURCES_MAX)
            return true;
        type = &type->target->id->type;
    }
    return false;
}

static void resolve_field(struct schema_draft *draft, struct resource *resource, struct field_draft *own, bool is_given)
{
    struct field *field = own->field;
    enum field_type kind = field->type.kind;
    if (!own->is_resolved)
        return;
    if (kind == FIELD_JSON || kind == FIELD_LIST || kind == FIELD_PASSWORD || field_is(field, FIELD_HIDDEN))
        diag_at(draft->diag, field->place, NULL, "field \"%.*s\": hidden, json, list and password fields are no keys",
                SLICE_ARG(field->name));
    if (is_circle(field)) {
        diag_at(draft->diag, field->place, "declare it as what it is stored as, such as int",
                "field \"%.*s\": as a key it refers to itself in the end", SLICE_ARG(field->name));
        field->type = (struct type){.kind = FIELD_TEXT, .max = 1};
    }
    if (!is_given && !resource->is_view && !field_is(field, FIELD_REQUIRED))
        diag_at(draft->diag, field->place, "only an int or a uuid that is the whole key is given by the server",
                "field \"%.*s\": a key that must be sent is `required`", SLICE_ARG(field->name));
    if (!field_is(field, FIELD_READONLY))
        field->flags |= FIELD_IMMUTABLE;
}

void schema_key_resolve(struct schema_draft *draft, struct resource_draft *own)
{
    struct resource *resource = own->resource;
    if (!own->has_own_key)
        return;
    const struct field *id = resource->id;
    resource->id_kind = ID_SENT;
    if (id && !field_is(id, FIELD_REQUIRED) && (id->type.kind == FIELD_INT || id->type.kind == FIELD_UUID))
        resource->id_kind = id->type.kind == FIELD_INT ? ID_INT : ID_UUID;
    for (size_t i = 0; i < own->draft_count; i++)
        if (field_is(own->drafts[i].field, FIELD_KEY))
            resolve_field(draft, resource, &own->drafts[i], resource->id_kind != ID_SENT);
}
