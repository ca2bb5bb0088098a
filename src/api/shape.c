/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes: `fields=` and `expand=` as a tree.
 *
 * Idea: the tree is built from marks. Each node marks which fields were named and which references are expanded; when
 * all paths are read, a node without marks shows every readable field, one with marks shows those and what it expands.
 * A field that callers may not read does not exist here.
 */
#include "api/shape.h"

#include "base/bits.h"
#include "model/policy.h"

struct mark {
    const struct resource *resource;
    bool *is_named;        /* by field index */
    struct mark **expands; /* by field index */
    uint64_t *readable;    /* set over field indexes */
    bool has_names;
};

struct reader {
    const struct expr_context *context;
    const char *parameter; /* "fields" or "expand" */
    struct arena *arena;
    struct diag *diag;
    size_t expansions;
};

static bool is_readable(const struct mark *mark, const struct field *field)
{
    return bits_has(mark->readable, field->index);
}

static struct mark *mark_create(const struct resource *resource, const struct expr_context *context,
                                struct arena *arena)
{
    struct mark *mark = arena_zalloc(arena, sizeof *mark);
    if (!mark)
        return NULL;
    mark->resource = resource;
    mark->is_named = arena_array(arena, resource->field_count, sizeof *mark->is_named);
    mark->expands = arena_array(arena, resource->field_count, sizeof *mark->expands);
    mark->readable = arena_array(arena, resource->field_count / 64 + 1, sizeof *mark->readable);
    if (!mark->is_named || !mark->expands || !mark->readable)
        return NULL;
    for (size_t i = 0; i < resource->field_count; i++)
        if (policy_field(resource, ACTION_READ, context, &resource->fields[i]))
            bits_add(mark->readable, i);
    return mark;
}

static const struct field *find(struct reader *reader, const struct mark *mark, struct slice name)
{
    const struct resource *resource = mark->resource;
    const struct field *field = resource_find_json(resource, name);
    if (field && is_readable(mark, field))
        return field;
    diag_field(reader->diag, slice_from(reader->parameter), NULL, "%.*s has no field \"%.*s\"",
               SLICE_ARG(resource->name), SLICE_ARG(name));
    return NULL;
}

static enum error expand(struct reader *reader, struct mark *mark, const struct field *field, struct mark **out)
{
    if (field->type.kind != FIELD_REFERENCE) {
        diag_field(reader->diag, slice_from(reader->parameter), NULL, "\"%.*s\" is no reference, so it has no fields",
                   SLICE_ARG(field->json_name));
        return ERROR_VALIDATION;
    }
    if (!mark->expands[field->index]) {
        if (++reader->expansions > SHAPE_EXPANSIONS_MAX) {
            diag_field(reader->diag, slice_from(reader->parameter), NULL, "more than %d references are expanded",
                       SHAPE_EXPANSIONS_MAX);
            return ERROR_VALIDATION;
        }
        mark->expands[field->index] = mark_create(field->type.target, reader->context, reader->arena);
    }
    *out = mark->expands[field->index];
    return *out ? OK : ERROR_MEMORY;
}

/* Reads one dotted path; the last name is a field to show, or (expand) one more reference. */
static enum error read_path(struct reader *reader, struct mark *mark, struct slice path, bool is_expand)
{
    struct slice name;
    for (unsigned level = 0; slice_split(&path, '.', &name); level++) {
        const struct field *field = find(reader, mark, name);
        if (!field)
            return ERROR_VALIDATION;
        bool is_last = path.ptr == NULL;
        if (is_last && !is_expand) {
            mark->is_named[field->index] = true;
            mark->has_names = true;
            return OK;
        }
        if (level == SHAPE_LEVELS_MAX) {
            diag_field(reader->diag, slice_from(reader->parameter), NULL, "more than %d levels", SHAPE_LEVELS_MAX);
            return ERROR_VALIDATION;
        }
        mark->has_names = mark->has_names || !is_expand;
        TRY(expand(reader, mark, field, &mark));
    }
    return OK;
}

static enum error read_list(struct reader *reader, struct mark *root, struct slice list, bool is_expand)
{
    struct slice path;
    while (slice_split(&list, ',', &path))
        TRY(read_path(reader, root, slice_trim(path), is_expand));
    return OK;
}

static bool is_shown(const struct mark *mark, const struct field *field)
{
    if (!is_readable(mark, field))
        return false;
    return !mark->has_names || mark->is_named[field->index] || mark->expands[field->index];
}

static enum error build(const struct mark *mark, struct arena *arena, unsigned depth, struct shape *out)
{
    const struct resource *resource = mark->resource;
    *out = (struct shape){.resource = resource, .is_plain = !mark->has_names};
    out->columns = arena_array(arena, resource->field_count, sizeof *out->columns);
    out->expansions = arena_array(arena, resource->field_count, sizeof *out->expansions);
    if (!out->columns || !out->expansions || depth > SHAPE_LEVELS_MAX)
        return ERROR_MEMORY;
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        if (!is_shown(mark, field))
            continue;
        out->columns[out->column_count++] = field;
        if (!mark->expands[i])
            continue;
        struct shape *target = arena_alloc(arena, sizeof *target);
        if (!target)
            return ERROR_MEMORY;
        TRY(build(mark->expands[i], arena, depth + 1, target));
        out->expansions[out->expansion_count++] = (struct shape_expansion){out->column_count - 1, target};
        out->is_plain = false;
    }
    return OK;
}

enum error shape_plain(const struct resource *resource, const uint64_t *fields, struct arena *arena, struct shape *out)
{
    *out = (struct shape){.resource = resource, .is_plain = true};
    out->columns = arena_array(arena, resource->field_count, sizeof *out->columns);
    if (!out->columns)
        return ERROR_MEMORY;
    for (size_t i = 0; i < resource->field_count; i++)
        if (policy_names(resource, fields, &resource->fields[i]))
            out->columns[out->column_count++] = &resource->fields[i];
    return OK;
}

enum error shape_parse(const struct resource *resource, const struct expr_context *context, struct slice fields,
                       struct slice expand_list, struct arena *arena, struct diag *diag, struct shape *out)
{
    struct mark *root = mark_create(resource, context, arena);
    if (!root)
        return ERROR_MEMORY;
    struct reader reader = {.context = context, .parameter = "fields", .arena = arena, .diag = diag};
    if (fields.ptr)
        TRY(read_list(&reader, root, fields, false));
    reader.parameter = "expand";
    if (expand_list.ptr)
        TRY(read_list(&reader, root, expand_list, true));
    return build(root, arena, 0, out);
}
