/* SPDX-License-Identifier: Apache-2.0 */
/* JWK sets (RFC 7517 section 5).
 *
 * The text is strict JSON or refused as a whole: what it says twice it does not say at all. Single keys that cannot be
 * used are passed over, as the RFC asks. */
#include <stdlib.h>

#include "base/jwk_key.h"

static enum error refuse(const char **reason, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return ERROR_PARSE;
}

static enum error add_key(struct jwk_set *set, const struct json_value *item, uint32_t algorithms, struct arena *arena,
                          const char **reason)
{
    struct jsonobject object;
    if (item->token != JSON_OBJECT_BEGIN)
        return refuse(reason, "a key is no object");
    TRY(jsonobject_read(item->text, JWK_MEMBERS_MAX, arena, &object, reason));
    enum error error = jwk_json_create(&object, algorithms, JWK_PART_PUBLIC, arena, NULL, &set->keys[set->count]);
    if (error == OK)
        set->count++;
    else if (error == ERROR_VALIDATION)
        set->skipped++;
    return error == ERROR_VALIDATION ? OK : error;
}

static enum error add_keys(struct jwk_set *set, struct slice json, uint32_t algorithms, struct arena *arena,
                           const char **reason)
{
    struct jsonobject object;
    struct json_value *items;
    size_t count;
    TRY(jsonobject_read(json, JWK_MEMBERS_MAX, arena, &object, reason));
    const struct jsonobject_member *keys = jsonobject_find(&object, SLICE("keys"));
    if (!keys || keys->value.token != JSON_ARRAY_BEGIN)
        return refuse(reason, "it has no array \"keys\"");
    TRY(jsonobject_read_list(keys->value.text, JWK_SET_KEYS_MAX, arena, &items, &count, reason));
    set->keys = calloc(count + 1, sizeof(struct jwk *));
    if (!set->keys)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        TRY(add_key(set, &items[i], algorithms, arena, reason));
    return OK;
}

enum error jwk_set_create(struct slice json, uint32_t algorithms, struct jwk_set **out, const char **reason)
{
    if (json.len > JWK_SET_BYTES_MAX)
        return refuse(reason, "it is too long");
    struct jwk_set *set = calloc(1, sizeof *set);
    if (!set)
        return ERROR_MEMORY;
    struct arena arena;
    arena_init(&arena, 8 * JWK_SET_BYTES_MAX);
    enum error error = add_keys(set, json, algorithms, &arena, reason);
    arena_fini(&arena);
    if (error != OK) {
        jwk_set_destroy(set);
        return error;
    }
    *out = set;
    return OK;
}

void jwk_set_destroy(struct jwk_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        jwk_destroy(set->keys[i]);
    free(set->keys);
    free(set);
}
