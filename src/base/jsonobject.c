/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object as a list of members.
 *
 * Two readers of one token may disagree about which of two members of the same name counts, so an object with two is
 * none. Names are compared without their escapes: `"alg"` and `"\u0061lg"` are the same name. Looking for duplicates is
 * quadratic, which the limit of members keeps at some thousand comparisons. */
#include "base/jsonobject.h"

#include "base/check.h"

static enum error refuse(const char **reason, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return ERROR_PARSE;
}

const struct jsonobject_member *jsonobject_find(const struct jsonobject *object, struct slice name)
{
    for (size_t i = 0; i < object->count; i++)
        if (slice_eq(object->members[i].name, name))
            return &object->members[i];
    return NULL;
}

/* What the reader has to say about its failure. */
static enum error failed(const struct jsonread *reader, const char **reason)
{
    return reader->error == ERROR_MEMORY ? ERROR_MEMORY : refuse(reason, "it is not JSON");
}

/* Goes behind a value whose first token was read; of an object or an array its text. */
static enum error finish_value(struct jsonread *reader, struct json_value *value, const char **reason)
{
    if (value->token == JSON_ERROR)
        return failed(reader, reason);
    if (value->token != JSON_OBJECT_BEGIN && value->token != JSON_ARRAY_BEGIN)
        return OK;
    return jsonread_finish(reader, value, &value->text) == OK ? OK : failed(reader, reason);
}

static enum error add(struct jsonobject *object, const struct jsonobject_member *member, size_t limit, size_t *capacity,
                      struct arena *arena, const char **reason)
{
    if (jsonobject_find(object, member->name))
        return refuse(reason, "a member stands twice in it");
    if (object->count == limit)
        return refuse(reason, "it has too many members");
    struct jsonobject_member *members =
        arena_grow(arena, object->members, object->count, capacity, sizeof *object->members);
    if (!members)
        return ERROR_MEMORY;
    object->members = members;
    object->members[object->count++] = *member;
    return OK;
}

static enum error read_members(struct jsonread *reader, size_t limit, struct arena *arena, struct jsonobject *object,
                               const char **reason)
{
    size_t capacity = 0;
    for (;;) {
        struct json_value key;
        enum json_token token = jsonread_next(reader, &key);
        if (token == JSON_OBJECT_END)
            return OK;
        if (token != JSON_KEY)
            return failed(reader, reason);
        struct jsonobject_member member = {.name = key.text};
        jsonread_next(reader, &member.value);
        TRY(finish_value(reader, &member.value, reason));
        TRY(add(object, &member, limit, &capacity, arena, reason));
    }
}

enum error jsonobject_read(struct slice text, size_t limit, struct arena *arena, struct jsonobject *out,
                           const char **reason)
{
    CHECK(limit <= JSONOBJECT_MEMBERS_MAX, "looking for duplicates stays cheap");
    struct jsonread reader;
    struct json_value value;
    struct jsonobject object = {.count = 0};
    jsonread_init(&reader, text, arena, JSONOBJECT_DEPTH_MAX);
    enum json_token token = jsonread_next(&reader, &value);
    if (token == JSON_ERROR)
        return failed(&reader, reason);
    if (token != JSON_OBJECT_BEGIN)
        return refuse(reason, "it is no object");
    TRY(read_members(&reader, limit, arena, &object, reason));
    if (jsonread_next(&reader, &value) != JSON_END)
        return failed(&reader, reason);
    *out = object;
    return OK;
}

enum error jsonobject_read_list(struct slice text, size_t limit, struct arena *arena, struct json_value **out,
                                size_t *count, const char **reason)
{
    struct jsonread reader;
    struct json_value value, *items = NULL;
    size_t capacity = 0, found = 0;
    jsonread_init(&reader, text, arena, JSONOBJECT_DEPTH_MAX);
    if (jsonread_next(&reader, &value) != JSON_ARRAY_BEGIN)
        return reader.error ? failed(&reader, reason) : refuse(reason, "it is no array");
    while (jsonread_next(&reader, &value) != JSON_ARRAY_END) {
        TRY(finish_value(&reader, &value, reason));
        if (found == limit)
            return refuse(reason, "it has too many values");
        items = arena_grow(arena, items, found, &capacity, sizeof *items);
        if (!items)
            return ERROR_MEMORY;
        items[found++] = value;
    }
    if (jsonread_next(&reader, &value) != JSON_END)
        return failed(&reader, reason);
    *out = items;
    *count = found;
    return OK;
}
