/* SPDX-License-Identifier: Apache-2.0 */
/* The reverse of references: the rows that refer to a row, as a set that expressions may look into.
 *
 * It is named after the resource that refers, or by the reference's `as:`. When two references of one resource lead
 * to the same target, or the name is a field there, the plain name would be ambiguous and does not exist: only `as:`
 * makes one. An `as:` that is ambiguous is a mistake. */
#include "model/schema_draft.h"

static const struct node *find_as(const struct field_draft *field)
{
    const struct node *as = node_find(field->node, "as");
    return as && as->kind == NODE_SCALAR && !node_is_empty(as) ? as : NULL;
}

static bool refers_to(const struct field_draft *field, const struct resource *target)
{
    return field->is_resolved && field->field->type.kind == FIELD_REFERENCE && field->field->type.target == target;
}

static bool is_ambiguous(const struct resource_draft *from, const struct field_draft *via)
{
    const struct resource *target = via->field->type.target;
    for (size_t i = 0; i < from->draft_count; i++)
        if (&from->drafts[i] != via && refers_to(&from->drafts[i], target) && !find_as(&from->drafts[i]))
            return true;
    return resource_find_field(target, from->resource->name) != NULL;
}

static const struct relation *find_relation(const struct resource *target, struct slice name)
{
    for (size_t i = 0; i < target->relation_count; i++)
        if (slice_eq(target->relations[i].name, name))
            return &target->relations[i];
    return NULL;
}

static void add_relation(struct schema_draft *draft, const struct resource_draft *from, const struct field_draft *via)
{
    const struct node *as = find_as(via);
    struct resource_draft *to = &draft->resources[via->field->type.target->index];
    struct resource *target = to->resource;
    struct slice name = as ? as->text : from->resource->name;
    if (!as && is_ambiguous(from, via))
        return;
    if (as && (resource_find_field(target, name) || find_relation(target, name))) {
        diag_at(draft->diag, as->place, NULL, "resource \"%.*s\" already has the name %s", SLICE_ARG(target->name),
                node_shown(as, draft->diag));
        return;
    }
    if (find_relation(target, name))
        return;
    to->relations[target->relation_count++] =
        (struct relation){.name = name, .from = from->resource, .via = via->field};
    target->relations = to->relations;
}

static enum error make_room(struct schema_draft *draft)
{
    size_t count = draft->schema->resource_count;
    size_t *incoming = arena_array(draft->arena, count + 1, sizeof *incoming);
    if (!incoming)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < draft->resources[i].draft_count; j++) {
            const struct resource *target = draft->resources[i].drafts[j].field->type.target;
            if (target)
                incoming[target->index]++;
        }
    for (size_t i = 0; i < count; i++) {
        draft->resources[i].relations = arena_array(draft->arena, incoming[i] + 1, sizeof(struct relation));
        if (!draft->resources[i].relations)
            return ERROR_MEMORY;
    }
    return OK;
}

enum error schema_relation_resolve(struct schema_draft *draft)
{
    TRY(make_room(draft));
    for (size_t i = 0; i < draft->schema->resource_count; i++) {
        const struct resource_draft *from = &draft->resources[i];
        for (size_t j = 0; j < from->draft_count; j++) {
            const struct field_draft *via = &from->drafts[j];
            if (via->is_resolved && via->field->type.kind == FIELD_REFERENCE)
                add_relation(draft, from, via);
            else if (via->is_resolved && find_as(via))
                diag_at(draft->diag, find_as(via)->key_place, NULL, "\"as\" is for references only");
        }
    }
    return OK;
}
