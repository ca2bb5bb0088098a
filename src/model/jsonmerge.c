/* SPDX-License-Identifier: Apache-2.0 */
/* Merging JSON.
 *
 * Idea: the patch becomes a tree whose objects find a member by its key; the target is only read along, and what the
 * patch does not name is copied as it stands. SQLite's json_patch() looks for each key of the patch through all keys of
 * the target, which a caller with two large objects turns into minutes on the writer's thread.
 *
 * Invariants
 *   (1) a member of the patch is used once: a key that stands twice in the target counts at its first place
 *   (2) recursion is bounded by the depth that jsonread allows */
#include "model/jsonmerge.h"

#include "base/buf.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "base/map.h"

struct object {
    struct map members;
    struct object *next; /* of all, to be freed */
};

struct member {
    struct slice raw;      /* its text; of null and of objects it is not needed */
    struct object *object; /* NULL: another value */
    bool is_null, is_used;
};

struct merger {
    struct buf out;
    struct arena *arena;
    struct object *objects;
    uint64_t seed;
};

static enum error read_object(struct merger *merger, struct jsonread *reader, struct object **out);

static enum error failure_of(const struct jsonread *reader)
{
    return reader->error != OK ? reader->error : ERROR_PARSE;
}

static enum error read_member(struct merger *merger, struct jsonread *reader, struct member *member)
{
    struct json_value value;
    switch (jsonread_next(reader, &value)) {
    case JSON_ERROR: return failure_of(reader);
    case JSON_OBJECT_BEGIN: return read_object(merger, reader, &member->object);
    default: break;
    }
    member->is_null = value.token == JSON_NULL;
    return jsonread_finish(reader, &value, &member->raw);
}

static enum error read_object(struct merger *merger, struct jsonread *reader, struct object **out)
{
    struct object *object = arena_zalloc(merger->arena, sizeof *object);
    if (!object)
        return ERROR_MEMORY;
    map_init(&object->members, UINT32_MAX / 4, merger->seed);
    object->next = merger->objects;
    merger->objects = object;
    for (;;) {
        struct json_value key;
        enum json_token token = jsonread_next(reader, &key);
        if (token == JSON_OBJECT_END)
            break;
        if (token != JSON_KEY)
            return failure_of(reader);
        struct member *member = arena_zalloc(merger->arena, sizeof *member);
        if (!member)
            return ERROR_MEMORY;
        TRY(read_member(merger, reader, member));
        enum error error = map_add(&object->members, key.text, member);
        if (error != OK)
            return error == ERROR_CONFLICT ? ERROR_PARSE : error;
    }
    *out = object;
    return OK;
}

static void put_key(struct buf *out, struct slice key, bool *is_first)
{
    if (!*is_first)
        buf_put_byte(out, ',');
    *is_first = false;
    jsonwrite_string(out, key);
    buf_put_byte(out, ':');
}

static void put_new(struct buf *out, const struct object *object, bool *is_first);

/* A value of the patch where the target has no object: its own nulls have nothing to take away. */
static void put_value(struct buf *out, const struct member *member)
{
    bool is_first = true;
    if (!member->object) {
        buf_put_slice(out, member->raw);
        return;
    }
    buf_put_byte(out, '{');
    put_new(out, member->object, &is_first);
    buf_put_byte(out, '}');
}

/* The members that the target did not have. */
static void put_new(struct buf *out, const struct object *object, bool *is_first)
{
    for (size_t i = 0; i < map_count(&object->members); i++) {
        const struct map_entry *entry = map_at(&object->members, i);
        const struct member *member = entry->value;
        if (member->is_used || member->is_null)
            continue;
        put_key(out, entry->key, is_first);
        put_value(out, member);
    }
}

static enum error merge_object(struct merger *merger, struct jsonread *reader, const struct object *patch);

/* A member that both have. */
static enum error merge_member(struct merger *merger, struct jsonread *reader, const struct member *member)
{
    struct json_value value;
    struct slice skipped;
    if (jsonread_next(reader, &value) == JSON_ERROR)
        return failure_of(reader);
    if (member->object && value.token == JSON_OBJECT_BEGIN)
        return merge_object(merger, reader, member->object);
    put_value(&merger->out, member);
    return jsonread_finish(reader, &value, &skipped);
}

/* The rest of an object of the target, whose first token was read already. */
static enum error merge_object(struct merger *merger, struct jsonread *reader, const struct object *patch)
{
    struct buf *out = &merger->out;
    bool is_first = true;
    buf_put_byte(out, '{');
    for (;;) {
        struct json_value key;
        struct slice raw;
        enum json_token token = jsonread_next(reader, &key);
        if (token == JSON_OBJECT_END)
            break;
        if (token != JSON_KEY)
            return failure_of(reader);
        struct member *member = map_find(&patch->members, key.text);
        if (member && !member->is_used && !member->is_null) {
            member->is_used = true;
            put_key(out, key.text, &is_first);
            TRY(merge_member(merger, reader, member));
            continue;
        }
        TRY(jsonread_skip(reader, &raw));
        if (member)
            continue;
        put_key(out, key.text, &is_first);
        buf_put_slice(out, raw);
    }
    put_new(out, patch, &is_first);
    buf_put_byte(out, '}');
    return OK;
}

static enum error merge(struct merger *merger, struct slice target, struct slice patch)
{
    struct jsonread reader;
    struct json_value value;
    struct member root = {.raw = {NULL, 0}};
    jsonread_init(&reader, patch, merger->arena, JSONREAD_DEPTH_MAX);
    if (jsonread_next(&reader, &value) != JSON_OBJECT_BEGIN)
        return failure_of(&reader);
    TRY(read_object(merger, &reader, &root.object));
    if (!target.ptr) {
        put_value(&merger->out, &root);
        return OK;
    }
    jsonread_init(&reader, target, merger->arena, JSONREAD_DEPTH_MAX);
    TRY(merge_member(merger, &reader, &root));
    return jsonread_next(&reader, &value) == JSON_END ? OK : failure_of(&reader);
}

enum error jsonmerge_apply(struct slice target, struct slice patch, uint64_t seed, size_t limit_bytes,
                           struct arena *arena, struct slice *out)
{
    struct merger merger = {.arena = arena, .seed = seed};
    buf_init(&merger.out, limit_bytes);
    enum error error = merge(&merger, target, patch);
    if (error == OK)
        error = buf_error(&merger.out);
    struct slice text = error == OK ? arena_slice(arena, buf_slice(&merger.out)) : (struct slice){NULL, 0};
    if (error == OK && !text.ptr)
        error = ERROR_MEMORY;
    buf_fini(&merger.out);
    for (struct object *object = merger.objects; object; object = object->next)
        map_fini(&object->members);
    TRY(error);
    *out = text;
    return OK;
}
