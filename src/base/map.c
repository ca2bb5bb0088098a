/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map: entries in a dense array, found through a table of their indexes with open addressing.
 *
 * Idea: going through the entries is going through an array, in the order they came, so nothing that is printed from
 * a map depends on the seed. Growing makes only a new table of indexes; the hashes are kept.
 *
 * Invariants
 *   (1) count <= slot_count / 2: every probe meets an empty slot
 *   (2) entries has room for slot_count / 2
 */
#include "base/map.h"

#include <stdlib.h>

#include "base/digest.h"

enum { FIRST_SLOTS = 16 };

void map_init(struct map *map, uint32_t limit, uint64_t seed)
{
    if (limit > UINT32_MAX / 4)
        limit = UINT32_MAX / 4;
    *map = (struct map){.limit = limit, .seed = seed};
}

void map_fini(struct map *map)
{
    free(map->entries);
    free(map->slots);
    map_init(map, map->limit, map->seed);
}

/* The slot of the key, or the empty one where it would go. There are slots. */
static uint32_t *slot_of(const struct map *map, struct slice key, uint64_t hash)
{
    uint32_t mask = map->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &map->slots[at];
        if (*slot == 0)
            return slot;
        const struct map_entry *entry = &map->entries[*slot - 1];
        if (entry->hash == hash && slice_eq(entry->key, key))
            return slot;
    }
}

static enum error grow(struct map *map)
{
    uint32_t slot_count = map->slot_count ? map->slot_count * 2 : FIRST_SLOTS;
    struct map_entry *entries = realloc(map->entries, slot_count / 2 * sizeof *entries);
    if (!entries)
        return ERROR_MEMORY;
    map->entries = entries;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return ERROR_MEMORY;
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    for (uint32_t i = 0; i < map->count; i++)
        *slot_of(map, entries[i].key, entries[i].hash) = i + 1;
    return OK;
}

enum error map_add(struct map *map, struct slice key, void *value)
{
    uint64_t hash = digest_hash64(map->seed, key);
    if (map->slot_count > 0 && *slot_of(map, key, hash) != 0)
        return ERROR_CONFLICT;
    if (map->count == map->limit)
        return ERROR_LIMIT;
    if (map->count == map->slot_count / 2)
        TRY(grow(map));
    uint32_t *slot = slot_of(map, key, hash);
    map->entries[map->count] = (struct map_entry){.key = key, .value = value, .hash = hash};
    *slot = ++map->count;
    return OK;
}

void *map_find(const struct map *map, struct slice key)
{
    if (map->count == 0)
        return NULL;
    uint32_t slot = *slot_of(map, key, digest_hash64(map->seed, key));
    return slot ? map->entries[slot - 1].value : NULL;
}
