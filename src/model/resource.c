/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the fields of a resource (declared in model/schema.h). A resource has RESOURCE_FIELDS_MAX fields at most, so
 * a scan is bounded. */
#include "model/schema.h"

const struct field *resource_find_field(const struct resource *resource, struct slice name)
{
    for (size_t i = 0; i < resource->field_count; i++)
        if (slice_eq(resource->fields[i].name, name))
            return &resource->fields[i];
    return NULL;
}

const struct field *resource_find_column(const struct resource *resource, struct slice column)
{
    for (size_t i = 0; i < resource->field_count; i++)
        if (slice_eq_nocase(resource->fields[i].column, column))
            return &resource->fields[i];
    return NULL;
}

const struct field *resource_find_json(const struct resource *resource, struct slice json_name)
{
    for (size_t i = 0; i < resource->field_count; i++)
        if (slice_eq(resource->fields[i].json_name, json_name))
            return &resource->fields[i];
    return NULL;
}
