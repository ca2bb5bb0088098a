/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct map_entry {
    struct slice key; /* borrowed: lives as long as the map */
    void *value;
    uint64_t hash;
};

/* From texts to pointers. Entries stay in the order in which they came; none is ever removed. */
struct map {
    struct map_entry *entries;
    uint32_t *slots; /* 1 + the index of an entry, 0 for none; a power of two of them */
    uint32_t count;
    uint32_t slot_count;
    uint32_t limit;
    uint64_t seed;
};

/* Makes an empty map of at most `limit` entries; allocates nothing yet. Where keys come from outside, `seed` is
 * random. */
void map_init(struct map *map, uint32_t limit, uint64_t seed);
/* Frees the map's own memory, not what it points to. The map may be used again. */
void map_fini(struct map *map);
/* Adds a key that is not there yet.
 * Errors: ERROR_CONFLICT (it is there; nothing changes), ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE
enum error map_add(struct map *map, struct slice key, void *value);
/* The value of a key; NULL when it is not there. */
void *map_find(const struct map *map, struct slice key);

/* Each entry in order: for (size_t i = 0; i < map_count(map); i++) … map_at(map, i)->value … */
static inline size_t map_count(const struct map *map)
{
    return map->count;
}

static inline const struct map_entry *map_at(const struct map *map, size_t index)
{
    return &map->entries[index];
}

#endif
