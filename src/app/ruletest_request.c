/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as tests write them, with ids in the place of names. */
#include "app/ruletest_request.h"

#include "app/ruletest_rows.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"

enum { REQUEST_BYTES_MAX = 64 * 1024 };

struct writing {
    const struct ruletest *test;
    const struct resource *resource; /* whose path it is; NULL: of an action */
    struct arena *arena;
    struct buf *out;
};

static void put_id(struct buf *out, struct value id)
{
    if (id.kind == VALUE_INT)
        buf_put_int(out, id.integer);
    else
        buf_put_slice(out, id.text);
}

static void put_name(const struct writing *own, const struct resource *resource, struct slice text)
{
    const struct ruletest_row *row = ruletest_rows_find(own->test, resource, text);
    if (row)
        put_id(own->out, row->id);
    else
        buf_put_slice(own->out, text);
}

static void put_path(const struct writing *own, struct slice path)
{
    struct slice part;
    for (size_t i = 0; path.ptr && slice_split(&path, '/', &part); i++) {
        buf_put_text(own->out, i > 0 ? "/" : "");
        if (i > 1)
            put_name(own, own->resource, part);
        else
            buf_put_slice(own->out, part);
    }
}

/* Whose rows the values of a field are; NULL: it is no reference, and no id. */
static const struct resource *leads_to(const struct resource *resource, struct slice json_name)
{
    const struct field *field = resource_find_json(resource, json_name);
    if (field && field == resource->id)
        return resource;
    return field && field->type.kind == FIELD_REFERENCE ? field->type.target : NULL;
}

static void put_pair(const struct writing *own, struct slice pair)
{
    size_t equals = slice_index(pair, '=');
    struct slice name = slice_of(pair.ptr, equals), item;
    name.len = slice_index(name, '[');
    const struct resource *target = own->resource ? leads_to(own->resource, name) : NULL;
    if (!target || equals == pair.len) {
        buf_put_slice(own->out, pair);
        return;
    }
    buf_put(own->out, pair.ptr, equals + 1);
    struct slice rest = slice_from_index(pair, equals + 1);
    for (size_t i = 0; rest.ptr && slice_split(&rest, ',', &item); i++) {
        buf_put_text(own->out, i > 0 ? "," : "");
        put_name(own, target, item);
    }
}

static void put_query(const struct writing *own, struct slice query)
{
    struct slice pair;
    for (size_t i = 0; query.ptr && slice_split(&query, '&', &pair); i++) {
        buf_put_byte(own->out, i > 0 ? '&' : '?');
        put_pair(own, pair);
    }
}

/* The row that a text of a body stands for: of a reference, or of any input of an action. */
static const struct ruletest_row *find_row(const struct writing *own, struct slice key, struct slice text)
{
    const struct resource *target = own->resource ? leads_to(own->resource, key) : NULL;
    return own->resource && !target ? NULL : ruletest_rows_find(own->test, target, text);
}

static bool put_member(const struct writing *own, struct jsonread *reader, struct slice key)
{
    struct json_value value;
    struct slice text;
    enum json_token token = jsonread_next(reader, &value);
    const struct ruletest_row *row = token == JSON_STRING ? find_row(own, key, value.text) : NULL;
    jsonwrite_string(own->out, key);
    buf_put_byte(own->out, ':');
    if (row && row->id.kind == VALUE_INT)
        buf_put_int(own->out, row->id.integer);
    else if (row)
        jsonwrite_string(own->out, row->id.text);
    else if (jsonread_finish(reader, &value, &text) == OK)
        buf_put_slice(own->out, text);
    else
        return false;
    return true;
}

/* False: it is no JSON object, and stays as it is. */
static bool put_object(const struct writing *own, struct slice body)
{
    struct jsonread reader;
    struct json_value value;
    size_t begin = own->out->len;
    bool is_first = true;
    jsonread_init(&reader, body, own->arena, JSONREAD_DEPTH_DEFAULT);
    bool is_object = jsonread_next(&reader, &value) == JSON_OBJECT_BEGIN;
    buf_put_byte(own->out, '{');
    while (is_object && jsonread_next(&reader, &value) == JSON_KEY) {
        buf_put_text(own->out, is_first ? "" : ",");
        is_object = put_member(own, &reader, value.text);
        is_first = false;
    }
    buf_put_byte(own->out, '}');
    if (is_object && value.token == JSON_OBJECT_END)
        return true;
    buf_truncate(own->out, begin);
    return false;
}

/* Where the body begins: at the first brace behind a space. */
static size_t find_body(struct slice text)
{
    for (size_t i = 1; i < text.len; i++)
        if ((text.ptr[i] == '{' || text.ptr[i] == '[') && text.ptr[i - 1] == ' ')
            return i;
    return text.len;
}

static struct slice with_base(const struct writing *own, struct slice base, struct slice path)
{
    bool has_base = slice_starts(path, base) && path.len > base.len && path.ptr[base.len] == '/';
    buf_put_slice(own->out, base);
    return has_base ? slice_from_index(path, base.len) : path;
}

enum error ruletest_request_write(const struct ruletest *test, const struct schema *schema, struct slice base,
                                  struct slice request, struct arena *arena, struct ruletest_request *out)
{
    struct slice rest = slice_trim(request), name = {NULL, 0}, segments;
    struct buf text;
    struct writing own = {.test = test, .arena = arena, .out = &text};
    *out = (struct ruletest_request){.method = SLICE("GET")};
    buf_init(&text, REQUEST_BYTES_MAX);
    if (rest.len > 0 && rest.ptr[0] != '/')
        slice_split(&rest, ' ', &out->method);
    rest = slice_trim(rest);
    size_t body = find_body(rest);
    struct slice target = slice_trim(slice_of(rest.ptr, body)), path = target;
    path.len = slice_index(target, '?');
    path = with_base(&own, base, path);
    segments = path;
    slice_split(&segments, '/', &name);
    if (segments.ptr)
        slice_split(&segments, '/', &name);
    own.resource = schema_find(schema, name);
    put_path(&own, path);
    if (slice_index(target, '?') < target.len)
        put_query(&own, slice_from_index(target, slice_index(target, '?') + 1));
    out->target = arena_slice(arena, buf_slice(&text));
    buf_clear(&text);
    if (body < rest.len && !put_object(&own, slice_from_index(rest, body)))
        buf_put_slice(&text, slice_from_index(rest, body));
    out->body = text.len > 0 ? arena_slice(arena, buf_slice(&text)) : SLICE("");
    bool failed = buf_failed(&text) || !out->target.ptr || !out->body.ptr;
    buf_fini(&text);
    return failed ? ERROR_MEMORY : OK;
}
