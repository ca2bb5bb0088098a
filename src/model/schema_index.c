/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of a resource, and the fields that search looks into.
 *
 * An index is declared over fields (`- status, -created_at`), with a condition and more in its long form, or comes
 * with a field: `unique` and `index` ask for one, and each reference has one, so that deleting a row does not scan
 * the rows that might refer to it. One that comes with a field is left out when a declared one without a condition
 * begins with that field.
 *
 * Names are <resource>_<field>_key for a unique field, else <resource>_<fields>, with a number behind when the
 * database has that name already. */
#include "base/bits.h"
#include "base/suggest.h"
#include "model/expr.h"
#include "model/schema_draft.h"

enum { INDEX_COLUMNS_MAX = 16, INDEXES_MAX = 64 };

static const char *const index_keys[] = {"fields", "where", "unique", "include", "using"};

/* What may be said of each kind of index. */
static const struct index_trait {
    const char *name;
    bool is_ordered; /* several fields, directions, more fields that are covered, unique */
    bool takes_plain, takes_text, takes_list;
    const char *hint; /* what it takes */
} traits[] = {
    [INDEX_BTREE] = {"btree", true, true, true, false, "`using: gin` indexes what a list holds"},
    [INDEX_HASH] = {"hash", false, true, true, false, "leave out `using:`, or write `using: gin` for a list"},
    [INDEX_GIN] = {"gin", false, false, true, true,
                   "it takes text, email and url, and lists of text, url, enum, uuid, date, datetime, int and bool"},
    [INDEX_GIST] = {"gist", false, false, true, false, "it takes text, email and url"},
};

struct index_draft {
    struct schema_draft *draft;
    struct resource *resource;
    struct field *fields;  /* of the resource */
    struct index *indexes; /* room for all */
    struct index *present;
    struct index_column *columns;
    const struct field **include;
    bool is_wrong;
};

static void refuse(struct index_draft *index, struct place place, const char *hint, const char *message)
{
    index->is_wrong = true;
    diag_at(index->draft->diag, place, hint, "%s", message);
}

/* A list whose elements are found exactly as they are stored. */
static bool is_exact_list(const struct type *type)
{
    if (type->kind != FIELD_LIST)
        return false;
    enum field_type kind = type->element->kind;
    return kind != FIELD_FLOAT && kind != FIELD_DECIMAL && kind != FIELD_EMAIL;
}

bool schema_index_takes(enum index_kind kind, const struct type *type)
{
    const struct index_trait *trait = &traits[kind];
    switch (type->kind) {
    case FIELD_JSON:
    case FIELD_PASSWORD: return false;
    case FIELD_LIST: return trait->takes_list && is_exact_list(type);
    case FIELD_TEXT:
    case FIELD_EMAIL:
    case FIELD_URL: return trait->takes_text;
    default: return trait->takes_plain;
    }
}

static void refuse_type(struct index_draft *index, struct place place, const struct type *type)
{
    const struct index_trait *trait = &traits[index->present->kind];
    if (trait->is_ordered)
        refuse(index, place, trait->hint, "json, list and password fields cannot be indexed");
    index->is_wrong = true;
    if (!trait->is_ordered && type->kind == FIELD_LIST && trait->takes_list)
        diag_at(index->draft->diag, place, trait->hint, "a list of %s cannot be indexed using %s",
                type_name(type->element->kind), trait->name);
    else if (!trait->is_ordered)
        diag_at(index->draft->diag, place, trait->hint, "fields of type %s cannot be indexed using %s",
                type_name(type->kind), trait->name);
}

/* What an index without an order cannot have. */
static void refuse_order(struct index_draft *index, struct place place, const char *what)
{
    index->is_wrong = true;
    diag_at(index->draft->diag, place, "leave out `using:` for that", "an index using %s %s",
            traits[index->present->kind].name, what);
}

static const struct field *find_column(struct index_draft *index, struct slice name, struct place place)
{
    const struct field *field = resource_find_field(index->resource, name);
    if (!field) {
        index->is_wrong = true;
        schema_name_unknown_field(index->draft, index->resource, name, place);
        return NULL;
    }
    if (!schema_index_takes(index->present->kind, &field->type)) {
        refuse_type(index, place, &field->type);
        return NULL;
    }
    return field;
}

static void add_column(struct index_draft *index, struct slice text, struct place place)
{
    struct index *present = index->present;
    bool is_descending = slice_starts(text, SLICE("-"));
    struct slice name = slice_from_index(text, is_descending);
    place.column += is_descending;
    const struct field *field = find_column(index, name, place);
    if (!field)
        return;
    for (size_t i = 0; i < present->column_count; i++)
        if (present->columns[i].field == field)
            refuse(index, place, NULL, "a field stands twice in the index");
    bool is_ordered = traits[present->kind].is_ordered;
    if (is_descending && !is_ordered)
        refuse_order(index, place, "has no direction");
    if (present->column_count == 1 && !is_ordered)
        refuse_order(index, place, "has one field");
    if (present->column_count == INDEX_COLUMNS_MAX)
        refuse(index, place, NULL, "an index has at most 16 fields");
    else
        index->columns[present->column_count++] = (struct index_column){field, is_descending};
}

/* `a, -b`: the place of each part is known. */
static void add_columns(struct index_draft *index, const struct node *node)
{
    struct slice rest = node->text, part;
    size_t offset = 0;
    while (slice_split(&rest, ',', &part)) {
        struct slice name = slice_trim(part);
        size_t indent = name.len ? (size_t)(name.ptr - part.ptr) : 0;
        struct place place = node_place_at(node, offset + indent);
        if (name.len == 0)
            refuse(index, place, "fields are separated by one comma", "a field is missing");
        else if (node->is_secret)
            refuse(index, place, NULL, "a field cannot be a variable");
        else
            add_column(index, name, place);
        offset += part.len + 1;
    }
}

static void read_columns(struct index_draft *index, const struct node *node)
{
    if (node && node->kind == NODE_SCALAR && !node_is_empty(node)) {
        add_columns(index, node);
        return;
    }
    if (!node || node->kind != NODE_LIST || node->count == 0) {
        refuse(index, node ? node->place : index->present->place, "write {fields: \"status, -created_at\"}",
               "an index needs fields");
        return;
    }
    for (const struct node *item = node->first; item; item = item->next)
        read_columns(index, item->kind == NODE_SCALAR ? item : NULL);
}

static enum error read_include(struct index_draft *index, const struct node *node)
{
    if (!node)
        return OK;
    if (!traits[index->present->kind].is_ordered) {
        refuse_order(index, node->place, "covers no other fields");
        return OK;
    }
    if (node->kind != NODE_LIST || node->count > INDEX_COLUMNS_MAX) {
        refuse(index, node->place, "write include: [name]", "\"include\" must be a list of at most 16 fields");
        return OK;
    }
    const struct field **fields = arena_array(index->draft->arena, node->count + 1, sizeof *fields);
    if (!fields)
        return ERROR_MEMORY;
    for (const struct node *item = node->first; item; item = item->next) {
        const struct field *field =
            find_column(index, item->kind == NODE_SCALAR ? item->source : SLICE(""), item->place);
        if (field)
            fields[index->present->include_count++] = field;
    }
    index->present->include = fields;
    return OK;
}

static void read_unique(struct index_draft *index, const struct node *node)
{
    if (!node)
        return;
    index->present->is_unique = node->kind == NODE_SCALAR && slice_eq_text(node->text, "true");
    if (!index->present->is_unique && (node->kind != NODE_SCALAR || !slice_eq_text(node->text, "false")))
        refuse(index, node->place, NULL, "\"unique\" must be true or false");
    else if (index->present->is_unique && !traits[index->present->kind].is_ordered)
        refuse_order(index, node->place, "cannot be unique");
}

static void read_using(struct index_draft *index, const struct node *node)
{
    struct suggest suggest;
    if (!node)
        return;
    if (node->kind != NODE_SCALAR || node->is_secret || node_is_empty(node)) {
        refuse(index, node->place, "it is one of btree, hash, gin, gist", "\"using\" must be a kind of index");
        return;
    }
    suggest_init(&suggest, node->text);
    for (size_t i = 0; i < ARRAY_LEN(traits); i++) {
        suggest_offer_text(&suggest, traits[i].name);
        if (slice_eq_text(node->text, traits[i].name)) {
            index->present->kind = (enum index_kind)i;
            return;
        }
    }
    index->is_wrong = true;
    suggest_report(&suggest, index->draft->diag, node->place, "unknown kind of index",
                   "it is one of btree, hash, gin, gist");
}

static enum error read_where(struct index_draft *index, const struct node *node)
{
    struct expr_scope scope = {
        .schema = index->draft->schema, .resource = index->resource, .use = EXPR_CONDITION, .has_input = false};
    struct expr *where = NULL;
    if (!node)
        return OK;
    if (node->kind != NODE_SCALAR || node_is_empty(node)) {
        refuse(index, node->place, "write where: \"status == 'active'\"", "\"where\" must be an expression");
        return OK;
    }
    TRY(schema_build_expr(index->draft, node, &scope, &where));
    index->present->where = where;
    index->is_wrong = index->is_wrong || !where;
    return OK;
}

static void check_index_keys(struct index_draft *index, const struct node *node)
{
    for (const struct node *key = node->first; key; key = key->next) {
        struct suggest suggest;
        suggest_init(&suggest, key->key);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(index_keys); i++) {
            is_known = is_known || slice_eq_text(key->key, index_keys[i]);
            suggest_offer_text(&suggest, index_keys[i]);
        }
        if (is_known)
            continue;
        index->is_wrong = true;
        suggest_report(&suggest, index->draft->diag, key->key_place, "unknown key",
                       "an index has: fields, where, unique, include, using");
    }
}

static enum error name_index(struct index_draft *index, const char *suffix)
{
    struct buf name;
    buf_init(&name, 4096);
    for (size_t i = 0; i < index->present->column_count; i++) {
        if (i > 0)
            buf_put_byte(&name, '_');
        buf_put_slice(&name, index->columns[i].field->name);
    }
    buf_put_text(&name, suffix);
    enum error error = buf_failed(&name)
                           ? ERROR_MEMORY
                           : schema_name_index(index->draft, index->resource, buf_slice(&name), &index->present->name);
    buf_fini(&name);
    return error;
}

static enum error begin_index(struct index_draft *index, struct place place)
{
    index->is_wrong = false;
    index->present = &index->indexes[index->resource->index_count];
    *index->present = (struct index){.place = place};
    index->columns = arena_array(index->draft->arena, INDEX_COLUMNS_MAX, sizeof *index->columns);
    index->present->columns = index->columns;
    return index->columns ? OK : ERROR_MEMORY;
}

/* Filters are then written so that the index can answer them. */
static void note_content(struct index_draft *index)
{
    index->fields[index->columns[0].field->index].flags |= FIELD_CONTENT;
}

/* An index that was wrong is dropped: it was told. */
static enum error end_index(struct index_draft *index, const char *suffix)
{
    if (index->is_wrong)
        return OK;
    TRY(name_index(index, suffix));
    if (index->present->kind == INDEX_GIN || index->present->kind == INDEX_GIST)
        note_content(index);
    index->resource->index_count++;
    return OK;
}

static enum error declare_index(struct index_draft *index, const struct node *node)
{
    TRY(begin_index(index, node->place));
    if (node->kind == NODE_MAP) {
        check_index_keys(index, node);
        read_using(index, node_find(node, "using"));
        read_columns(index, node_find(node, "fields"));
        read_unique(index, node_find(node, "unique"));
        TRY(read_include(index, node_find(node, "include")));
        TRY(read_where(index, node_find(node, "where")));
    } else {
        read_columns(index, node);
    }
    return end_index(index, "");
}

static bool is_covered(const struct resource *resource, const struct field *field)
{
    for (size_t i = 0; i < resource->index_count; i++)
        if (!resource->indexes[i].where && resource->indexes[i].kind == INDEX_BTREE &&
            resource->indexes[i].columns[0].field == field)
            return true;
    return false;
}

static enum error add_field_index(struct index_draft *index, const struct field_draft *own)
{
    const struct field *field = own->field;
    bool is_unique = field_is(field, FIELD_UNIQUE);
    bool is_wanted = is_unique || field_is(field, FIELD_INDEXED) || field->type.kind == FIELD_REFERENCE;
    if (!own->is_resolved || !is_wanted || (!is_unique && is_covered(index->resource, field)))
        return OK;
    TRY(begin_index(index, field->place));
    index->columns[0].field = field;
    index->present->column_count = 1;
    index->present->is_unique = is_unique;
    return end_index(index, is_unique ? "_key" : "");
}

enum error schema_index_resolve(struct schema_draft *draft, struct resource_draft *own)
{
    const struct node *list = node_find(own->node, "indexes");
    struct index_draft index = {.draft = draft, .resource = own->resource, .fields = own->fields};
    bool is_list = list && list->kind == NODE_LIST && list->count <= INDEXES_MAX;
    if (list && !node_is_empty(list) && !is_list)
        diag_at(draft->diag, list->place, "write `- status, -created_at` for each",
                "\"indexes\" must be a list of at "
                "most 64 indexes");
    index.indexes =
        arena_array(draft->arena, (is_list ? list->count : 0) + own->draft_count + 1, sizeof *index.indexes);
    if (!index.indexes)
        return ERROR_MEMORY;
    own->resource->indexes = index.indexes;
    for (const struct node *node = is_list ? list->first : NULL; node; node = node->next)
        TRY(declare_index(&index, node));
    for (size_t i = 0; i < own->draft_count; i++)
        TRY(add_field_index(&index, &own->drafts[i]));
    return OK;
}

/* Whether a rule lets somebody read the field, or no rule says anything of fields. */
static bool is_read_by_some(const struct resource *resource, const struct field *field)
{
    const struct access *access = &resource->access[ACTION_READ];
    bool is_read = access->count == 0 || field == resource->id;
    for (size_t i = 0; i < access->count; i++)
        is_read = is_read || !access->rules[i].fields || bits_has(access->rules[i].fields, field->index);
    return is_read;
}

static const struct field *find_searched(struct schema_draft *draft, const struct resource *resource,
                                         const struct node *node)
{
    struct slice name = node->kind == NODE_SCALAR ? node->source : SLICE("");
    const struct field *field = resource_find_field(resource, name);
    if (!field) {
        schema_name_unknown_field(draft, resource, name, node->place);
        return NULL;
    }
    enum field_type kind = field->type.kind;
    if (kind != FIELD_TEXT && kind != FIELD_EMAIL && kind != FIELD_URL && kind != FIELD_ENUM) {
        diag_at(draft->diag, node->place, "text, email, url and enum fields can be searched",
                "fields of type %s cannot be searched", type_name(kind));
        return NULL;
    }
    if (field_is(field, FIELD_HIDDEN) || slice_eq_text(name, "rank")) { /* FTS5 has a column `rank` of its own */
        diag_at(draft->diag, node->place, NULL,
                field_is(field, FIELD_HIDDEN) ? "a hidden field cannot be searched"
                                              : "a field named \"rank\" cannot be searched");
        return NULL;
    }
    if (!is_read_by_some(resource, field)) {
        diag_at(draft->diag, node->place, "add it to the fields of `read:`, or take it out of `search:`",
                "a field that nobody may read cannot be searched");
        return NULL;
    }
    return field;
}

enum error schema_index_search(struct schema_draft *draft, struct resource_draft *own)
{
    const struct node *list = node_find(own->node, "search");
    if (!list || node_is_empty(list))
        return OK;
    if (own->resource->is_adopted) {
        diag_at(draft->diag, list->key_place, "its tables and triggers would be the engine's; filter with `like`",
                "an adopted table cannot be searched");
        return OK;
    }
    if (list->kind != NODE_LIST || list->count > RESOURCE_FIELDS_MAX) {
        diag_at(draft->diag, list->place, "write search: [name]", "\"search\" must be a list of fields");
        return OK;
    }
    const struct field **fields = arena_array(draft->arena, list->count + 1, sizeof *fields);
    if (!fields)
        return ERROR_MEMORY;
    own->resource->search = fields;
    for (const struct node *node = list->first; node; node = node->next) {
        const struct field *field = find_searched(draft, own->resource, node);
        for (size_t i = 0; field && i < own->resource->search_count; i++)
            if (fields[i] == field) {
                diag_at(draft->diag, node->place, NULL, "a field stands twice in \"search\"");
                field = NULL;
            }
        if (field)
            fields[own->resource->search_count++] = field;
    }
    return OK;
}
