/* SPDX-License-Identifier: Apache-2.0 */
/* Finding resources by name. Schemas are small and looked through at start-up and once per request, so a scan does. */
#include "model/schema.h"

const char *schema_action_name(enum action action)
{
    static const char *const names[] = {"read", "create", "update", "delete"};
    return names[action];
}

const struct resource *schema_find(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->resource_count; i++)
        if (slice_eq(schema->resources[i].name, name))
            return &schema->resources[i];
    return NULL;
}
