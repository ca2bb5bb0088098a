/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as stored text.
 *
 * The tokens are written out again as they come, so the copy is valid and compact by construction. A key that stands
 * twice in one object could be read two ways: each object has a serial number, and (serial, key) pairs are kept in one
 * hash table, so that the check is linear in the text whatever its shape.
 *
 * Invariants
 *   (1) serials[depth] is the number of the object open at that depth
 *   (2) the table is at most half full
 */
#include "api/jsontext.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/jsonwrite.h"

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

struct key {
    unsigned serial; /* of its object, from 1; 0: a free place */
    struct slice text;
};

struct keys {
    struct key *places;
    size_t count, capacity;
    uint64_t seed;
    struct arena *arena;
};

static size_t place_of(const struct keys *keys, unsigned serial, struct slice text)
{
    size_t place = digest_hash64(keys->seed + serial, text) & (keys->capacity - 1);
    while (keys->places[place].serial != 0) {
        if (keys->places[place].serial == serial && slice_eq(keys->places[place].text, text))
            break;
        place = (place + 1) & (keys->capacity - 1);
    }
    return place;
}

static enum error keys_grow(struct keys *keys)
{
    struct keys grown = {.capacity = keys->capacity ? keys->capacity * 2 : 16, .count = keys->count};
    grown.arena = keys->arena;
    grown.seed = keys->seed;
    grown.places = arena_array(keys->arena, grown.capacity, sizeof *grown.places);
    if (!grown.places)
        return ERROR_MEMORY;
    for (size_t i = 0; i < keys->capacity; i++)
        if (keys->places[i].serial != 0)
            grown.places[place_of(&grown, keys->places[i].serial, keys->places[i].text)] = keys->places[i];
    *keys = grown;
    return OK;
}

static enum error keys_add(struct keys *keys, unsigned serial, struct slice text, const char **why)
{
    if (keys->count * 2 >= keys->capacity)
        TRY(keys_grow(keys));
    size_t place = place_of(keys, serial, text);
    if (keys->places[place].serial != 0) {
        *why = "holds a key twice";
        return ERROR_VALIDATION;
    }
    keys->places[place] = (struct key){serial, text};
    keys->count++;
    return OK;
}

struct copier {
    struct buf out;
    struct keys keys;
    unsigned serials[JSONREAD_DEPTH_MAX + 1];
    unsigned next_serial;
    unsigned depth;
    bool needs_comma;
    const char **why;
};

static void put_open(struct copier *copier, char bracket)
{
    buf_put_byte(&copier->out, bracket);
    copier->depth++;
    copier->serials[copier->depth] = ++copier->next_serial;
    copier->needs_comma = false;
}

static void put_close(struct copier *copier, char bracket)
{
    buf_put_byte(&copier->out, bracket);
    copier->depth--;
    copier->needs_comma = true;
}

static enum error put_key(struct copier *copier, const struct json_value *value)
{
    TRY(keys_add(&copier->keys, copier->serials[copier->depth], value->text, copier->why));
    jsonwrite_string(&copier->out, value->text);
    buf_put_byte(&copier->out, ':');
    copier->needs_comma = false;
    return OK;
}

static enum error put_token(struct copier *copier, const struct json_value *value)
{
    bool is_close = value->token == JSON_OBJECT_END || value->token == JSON_ARRAY_END;
    if (copier->needs_comma && !is_close)
        buf_put_byte(&copier->out, ',');
    copier->needs_comma = true;
    switch (value->token) {
    case JSON_OBJECT_BEGIN: put_open(copier, '{'); break;
    case JSON_ARRAY_BEGIN: put_open(copier, '['); break;
    case JSON_OBJECT_END: put_close(copier, '}'); break;
    case JSON_ARRAY_END: put_close(copier, ']'); break;
    case JSON_KEY: return put_key(copier, value);
    case JSON_STRING: jsonwrite_string(&copier->out, value->text); break;
    case JSON_NUMBER: buf_put_slice(&copier->out, value->text); break;
    case JSON_TRUE: buf_put_literal(&copier->out, "true"); break;
    case JSON_FALSE: buf_put_literal(&copier->out, "false"); break;
    case JSON_NULL: buf_put_literal(&copier->out, "null"); break;
    case JSON_END:
    case JSON_ERROR: return ERROR_PARSE;
    }
    return OK;
}

static enum error copy(struct copier *copier, struct jsonread *reader, const struct json_value *first)
{
    struct json_value value = *first;
    TRY(put_token(copier, &value));
    while (copier->depth > 0) {
        if (jsonread_next(reader, &value) == JSON_ERROR)
            return reader->error;
        TRY(put_token(copier, &value));
    }
    return buf_failed(&copier->out) ? ERROR_MEMORY : OK;
}

enum error jsontext_copy(struct jsonread *reader, const struct json_value *first, uint64_t seed, struct arena *arena,
                         const char **why, struct slice *out)
{
    struct copier *copier = arena_zalloc(arena, sizeof *copier);
    if (!copier)
        return ERROR_MEMORY;
    copier->keys.arena = arena;
    copier->keys.seed = seed;
    copier->why = why;
    buf_init(&copier->out, TEXT_BYTES_MAX);
    enum error error = copy(copier, reader, first);
    struct slice text = arena_slice(arena, buf_slice(&copier->out));
    buf_fini(&copier->out);
    TRY(error);
    if (!text.ptr)
        return ERROR_MEMORY;
    *out = text;
    return OK;
}
