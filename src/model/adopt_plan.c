/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each table: first names, types and keys of all, then what needs those of others: references.
 *
 * A row is found by its primary key, or else by the first unique index whose columns are never null. What has neither
 * is listed and no more. A reference is one where it leads to the whole key of a table that is served; any other
 * foreign key stays what its column is, and the database goes on to hold it.
 *
 * Invariant: a key that is a reference leads to a key that is none, so that no key leads to itself. */
#include "model/adopt.h"

struct planner {
    struct adopt_plan *plan;
    struct arena *arena;
    struct adopt_resource *resource; /* the present one */
};

static enum error note(struct planner *planner, struct adopt_field *field, const char *text)
{
    struct adopt_notes *notes = field ? &field->notes : &planner->resource->notes;
    struct adopt_note *own = arena_zalloc(planner->arena, sizeof *own);
    if (!own || !text)
        return ERROR_MEMORY;
    own->table = planner->resource->table->name;
    own->column = field ? field->column->name : SLICE("");
    own->text = text;
    if (notes->last)
        notes->last->next = own;
    else
        notes->first = own;
    notes->last = own;
    notes->count++;
    return OK;
}

static bool may_be_secret(struct slice name)
{
    static const char *const words[] = {"passw", "secret", "token", "apikey", "api_key"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct slice word = slice_from(words[i]);
        for (size_t at = 0; at + word.len <= name.len; at++)
            if (slice_eq_nocase(slice_of(name.ptr + at, word.len), word))
                return true;
    }
    return false;
}

static enum error plan_column(struct planner *planner, size_t i, const struct slice *taken)
{
    struct adopt_field *field = &planner->resource->fields[i];
    struct adopt_type type;
    TRY(adopt_name_make("field", field->column->name, taken, i, planner->arena, &field->name));
    TRY(adopt_type_choose(planner->plan->catalog->dialect, field->column, planner->arena, &type));
    field->kind = type.kind;
    field->type = type.text;
    field->is_served = type.is_served;
    if (type.note)
        TRY(note(planner, field, type.note));
    if (field->is_served && may_be_secret(field->column->name))
        TRY(note(planner, field, "it may be a secret: `hidden` keeps it from being read"));
    field->is_readonly = field->column->is_computed || (field->column->is_given && field->column->key == 0);
    field->is_required = field->column->is_required && !field->is_readonly && !planner->resource->is_view;
    return OK;
}

static enum error plan_columns(struct planner *planner)
{
    struct adopt_resource *resource = planner->resource;
    const struct catalog_table *table = resource->table;
    struct slice *taken = arena_array(planner->arena, table->column_count + 1, sizeof *taken);
    resource->fields = arena_array(planner->arena, table->column_count + 1, sizeof *resource->fields);
    if (!taken || !resource->fields)
        return ERROR_MEMORY;
    size_t served = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        resource->fields[i].column = &table->columns[i];
        TRY(plan_column(planner, i, taken));
        taken[i] = resource->fields[i].name;
        served += resource->fields[i].is_served;
        if (served > RESOURCE_FIELDS_MAX - 4 && resource->fields[i].is_served) {
            resource->fields[i].is_served = false;
            TRY(note(planner, &resource->fields[i], "left out: a resource has at most 196 fields"));
        }
        planner->plan->left_out += !resource->fields[i].is_served;
    }
    resource->is_served = served > 0;
    return served > 0 ? OK : note(planner, NULL, "left out: no column of it can be served");
}

static struct adopt_field *find_field(const struct adopt_resource *resource, struct slice column)
{
    for (size_t i = 0; i < resource->table->column_count; i++)
        if (slice_eq_nocase(resource->fields[i].column->name, column))
            return &resource->fields[i];
    return NULL;
}

static bool can_be_key(const struct adopt_field *field)
{
    return field && field->is_served && field->kind != FIELD_JSON && field->column->values.nulls == 0;
}

/* The columns of the primary key in their order; 0: one of them cannot be a key. */
static size_t primary_key(const struct adopt_resource *resource, struct adopt_field **key)
{
    size_t count = 0;
    for (size_t i = 0; i < resource->table->column_count; i++)
        count += resource->fields[i].column->key > 0;
    for (size_t i = 0; i < resource->table->column_count; i++) {
        struct adopt_field *field = &resource->fields[i];
        if (field->column->key == 0)
            continue;
        if (count > RESOURCE_KEY_MAX || field->column->key > count || !can_be_key(field))
            return 0;
        key[field->column->key - 1] = field;
    }
    return count;
}

static size_t unique_key(const struct adopt_resource *resource, const struct catalog_index *index,
                         struct adopt_field **key)
{
    if (!index->is_unique || index->where.len > 0 || index->count > RESOURCE_KEY_MAX)
        return 0;
    for (size_t i = 0; i < index->count; i++) {
        key[i] = index->columns[i].name.len > 0 ? find_field(resource, index->columns[i].name) : NULL;
        if (!can_be_key(key[i]) || !key[i]->column->is_required)
            return 0;
    }
    return index->count;
}

static enum error plan_key(struct planner *planner)
{
    struct adopt_resource *resource = planner->resource;
    resource->key = arena_array(planner->arena, RESOURCE_KEY_MAX, sizeof *resource->key);
    if (!resource->key)
        return ERROR_MEMORY;
    if (resource->is_view)
        return note(planner, NULL,
                    "a view: read only; `key:` with the columns that identify a row would give it paths");
    resource->key_count = primary_key(resource, resource->key);
    for (size_t i = 0; resource->key_count == 0 && i < resource->table->index_count; i++)
        resource->key_count = unique_key(resource, &resource->table->indexes[i], resource->key);
    for (size_t i = 0; i < resource->key_count; i++) {
        resource->key[i]->is_key = true;
        bool is_given = resource->key_count == 1 && resource->key[i]->column->is_given;
        resource->key[i]->is_required = !is_given;
        resource->key[i]->is_readonly = is_given && resource->key[i]->column->is_computed;
    }
    if (resource->key_count > 0)
        return OK;
    resource->is_view = true;
    for (size_t i = 0; i < resource->table->column_count; i++)
        resource->fields[i].is_required = false;
    return note(planner, NULL, "no primary key that could be served: it is listed, and cannot be written");
}

static enum error plan_unique(struct planner *planner)
{
    struct adopt_resource *resource = planner->resource;
    for (size_t i = 0; i < resource->table->index_count; i++) {
        const struct catalog_index *index = &resource->table->indexes[i];
        struct adopt_field *field = find_field(resource, index->columns[0].name);
        bool is_single = index->is_unique && index->count == 1 && index->where.len == 0 && field;
        bool is_whole_key = is_single && field->is_key && resource->key_count == 1;
        if (is_single && !is_whole_key && field->kind != FIELD_JSON)
            field->is_unique = true;
    }
    return OK;
}

static enum error plan_default(struct planner *planner, struct adopt_field *field)
{
    bool is_said;
    struct slice standard;
    if (field->column->standard.len == 0 || field->is_key || field->is_readonly || !field->is_served ||
        planner->resource->is_view)
        return OK;
    TRY(adopt_default_spell(field->column->standard, field->kind, planner->arena, &is_said, &standard));
    bool is_one_of = field->kind != FIELD_ENUM;
    for (size_t i = 0; i < field->column->choice_count; i++)
        is_one_of = is_one_of || slice_eq(field->column->choices[i], standard);
    if (is_said && !field->is_unique && !field->target && is_one_of) {
        field->standard = standard;
        return OK;
    }
    return note(planner, field,
                arena_printf(planner->arena, "its default is the database's alone (%.*s): %s",
                             (int)(field->column->standard.len > 60 ? 60 : field->column->standard.len),
                             field->column->standard.ptr, field->is_required ? "it must be sent" : "not sent is null"));
}

static struct adopt_resource *find_resource(const struct adopt_plan *plan, struct slice table)
{
    for (size_t i = 0; i < plan->count; i++)
        if (slice_eq_nocase(plan->resources[i].table->name, table))
            return &plan->resources[i];
    return NULL;
}

/* Why a foreign key is no reference; NULL: it is one. */
static const char *refuse_reference(const struct adopt_resource *resource, const struct adopt_field *field,
                                    const struct adopt_resource *target, const struct catalog_reference *reference)
{
    if (reference->width > 1)
        return "a foreign key of several columns is the database's alone";
    if (!target || !target->is_served || target->key_count != 1)
        return "it refers to a table without a key of one column, so it is shown as it is stored";
    const struct adopt_field *key = target->key[0];
    if (reference->target.len > 0 && !slice_eq_nocase(reference->target, key->column->name))
        return "it refers to a column that is not the key there, so it is shown as it is stored";
    if (key->kind != field->kind)
        return "it is of another type than what it refers to, so it is shown as it is stored";
    if (field->is_key && (key->target || target == resource))
        return "its key refers to a key that is a reference itself, so it is shown as it is stored";
    return NULL;
}

static enum error plan_reference(struct planner *planner, const struct catalog_reference *reference)
{
    struct adopt_field *field = find_field(planner->resource, reference->column);
    struct adopt_resource *target = find_resource(planner->plan, reference->table);
    if (!field || !field->is_served || field->target)
        return OK;
    const char *why = refuse_reference(planner->resource, field, target, reference);
    if (why)
        return note(planner, field, why);
    field->target = target;
    field->type = target->name;
    field->is_required = field->is_required || field->is_key; /* nobody gives it: it is the other row's */
    bool is_cascade = slice_eq_text(reference->on_delete, "CASCADE");
    bool is_null = slice_eq_text(reference->on_delete, "SET NULL");
    field->on_delete = is_cascade ? ON_DELETE_CASCADE : is_null ? ON_DELETE_SET_NULL : ON_DELETE_RESTRICT;
    if (slice_eq_text(reference->on_delete, "SET DEFAULT"))
        return note(planner, field, "ON DELETE SET DEFAULT is the database's alone");
    if (!is_null || !field->is_required)
        return OK;
    field->on_delete = ON_DELETE_RESTRICT;
    return note(planner, field, "ON DELETE SET NULL cannot hold on a column that is never null");
}

/* A column that must have a value, and cannot be sent one, keeps new rows out. */
static enum error note_hindrance(struct planner *planner)
{
    struct adopt_resource *resource = planner->resource;
    for (size_t i = 0; !resource->is_view && i < resource->table->column_count; i++) {
        const struct catalog_column *column = resource->fields[i].column;
        bool is_filled = column->standard.len > 0 || column->is_given || column->is_computed || !column->is_required;
        if (!resource->fields[i].is_served && !is_filled)
            return note(planner, NULL,
                        arena_printf(planner->arena,
                                     "no row can be created: \"%.*s\" must have a value, and is left out",
                                     SLICE_ARG(column->name)));
    }
    return OK;
}

static enum error plan_tables(struct planner *planner)
{
    struct adopt_plan *plan = planner->plan;
    struct slice *taken = arena_array(planner->arena, plan->count + 1, sizeof *taken);
    if (!taken)
        return ERROR_MEMORY;
    for (size_t i = 0; i < plan->count; i++) {
        struct adopt_resource *resource = planner->resource = &plan->resources[i];
        resource->table = &plan->catalog->tables[i];
        resource->is_view = resource->table->is_view;
        TRY(adopt_name_make("resource", resource->table->name, taken, i, planner->arena, &resource->name));
        taken[i] = resource->name;
        if (resource->table->is_foreign)
            TRY(note(planner, NULL, "left out: a virtual or foreign table"));
        else
            TRY(plan_columns(planner));
        if (resource->is_served) {
            TRY(plan_key(planner));
            TRY(plan_unique(planner));
            TRY(note_hindrance(planner));
        }
        plan->left_out += !resource->is_served;
    }
    return OK;
}

static enum error plan_wheres(struct planner *planner)
{
    struct adopt_resource *resource = planner->resource;
    resource->wheres = arena_array(planner->arena, resource->table->index_count + 1, sizeof *resource->wheres);
    if (!resource->wheres)
        return ERROR_MEMORY;
    for (size_t i = 0; i < resource->table->index_count; i++)
        if (resource->table->indexes[i].where.len > 0)
            TRY(adopt_where_spell(resource->table->indexes[i].where, planner->plan->catalog->dialect, resource,
                                  planner->arena, &resource->wheres[i]));
    return OK;
}

static enum error plan_links(struct planner *planner)
{
    for (size_t i = 0; i < planner->plan->count; i++) {
        struct adopt_resource *resource = planner->resource = &planner->plan->resources[i];
        if (!resource->is_served)
            continue;
        for (size_t j = 0; j < resource->table->reference_count; j++)
            TRY(plan_reference(planner, &resource->table->references[j]));
        for (size_t j = 0; j < resource->table->column_count; j++)
            TRY(plan_default(planner, &resource->fields[j]));
        TRY(plan_wheres(planner));
    }
    return OK;
}

enum error adopt_plan_make(const struct catalog *catalog, struct adopt_plan *out)
{
    *out = (struct adopt_plan){.catalog = catalog, .arena = catalog->arena, .count = catalog->count};
    struct planner planner = {.plan = out, .arena = catalog->arena};
    out->resources = arena_array(catalog->arena, catalog->count + 1, sizeof *out->resources);
    if (!out->resources)
        return ERROR_MEMORY;
    TRY(plan_tables(&planner));
    return plan_links(&planner);
}
