/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions: names with patterns over them, counted so that a set of them is bits. The first are those of every
 * resource, four each in the order of the resources; then the declared actions; then what can() asks for besides. */
#include "model/permission.h"

#include "base/bits.h"

unsigned permission_of(const struct resource *resource, enum action action)
{
    return resource->index * ACTION_COUNT + (unsigned)action;
}

unsigned permission_of_action(const struct schema *schema, size_t index)
{
    return (unsigned)(schema->resource_count * ACTION_COUNT + index);
}

unsigned permission_find(const struct schema *schema, struct slice name)
{
    unsigned i = 0;
    while (i < schema->permission_count && !slice_eq(schema->permissions[i], name))
        i++;
    return i;
}

static bool is_part(struct slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        char byte = part.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '_' && byte != '-' && byte != '.')
            return false;
    }
    return part.len > 0;
}

bool permission_is_pattern(struct slice pattern)
{
    struct slice rest = pattern, first;
    if (slice_eq_text(pattern, "*"))
        return true;
    if (!slice_split(&rest, ':', &first) || !rest.ptr)
        return false;
    return (is_part(first) || slice_eq_text(first, "*")) && (is_part(rest) || slice_eq_text(rest, "*"));
}

bool permission_is_name(struct slice name)
{
    return permission_is_pattern(name) && slice_index(name, '*') == name.len;
}

static enum error add(struct permission_list *list, struct slice name)
{
    struct schema *schema = list->schema;
    struct slice *names =
        arena_grow(list->arena, list->names, schema->permission_count, &list->capacity, sizeof *list->names);
    if (!names)
        return ERROR_MEMORY;
    list->names = names;
    names[schema->permission_count++] = name;
    schema->permissions = names;
    return OK;
}

enum error permission_ask(struct permission_list *list, struct slice name, unsigned *out)
{
    *out = permission_find(list->schema, name);
    return *out < list->schema->permission_count ? OK : add(list, name);
}

static enum error add_pair(struct permission_list *list, struct slice first, const char *second)
{
    const char *name = arena_printf(list->arena, "%.*s:%s", SLICE_ARG(first), second);
    return name ? add(list, slice_from(name)) : ERROR_MEMORY;
}

enum error permission_declare(struct permission_list *list, const struct node *actions)
{
    for (size_t i = 0; i < list->schema->resource_count; i++)
        for (unsigned action = 0; action < ACTION_COUNT; action++)
            TRY(add_pair(list, list->schema->resources[i].name, schema_action_name(action)));
    for (const struct node *node = actions ? actions->first : NULL; node; node = node->next) {
        const char *name = arena_text(list->arena, node->key);
        if (!name)
            return ERROR_MEMORY;
        TRY(add_pair(list, SLICE("actions"), name));
    }
    return OK;
}

static bool part_matches(struct slice pattern, struct slice part)
{
    return slice_eq_text(pattern, "*") || slice_eq(pattern, part);
}

bool permission_matches(struct slice pattern, struct slice name)
{
    struct slice pattern_rest = pattern, name_rest = name, pattern_first, name_first;
    if (slice_eq_text(pattern, "*"))
        return true;
    if (!slice_split(&pattern_rest, ':', &pattern_first) || !slice_split(&name_rest, ':', &name_first))
        return false;
    return part_matches(pattern_first, name_first) && part_matches(pattern_rest, name_rest);
}

void permission_add(const struct schema *schema, struct slice patterns, uint64_t *set)
{
    struct slice pattern;
    while (patterns.len > 0 && slice_split(&patterns, ' ', &pattern))
        for (size_t i = 0; i < schema->permission_count; i++)
            if (permission_matches(pattern, schema->permissions[i]))
                bits_add(set, i);
}

const struct role *permission_role(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->role_count; i++)
        if (slice_eq(schema->roles[i].name, name))
            return &schema->roles[i];
    return NULL;
}
