/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of REST, and what reading and writing share: the session of a request, ids of paths, one row of an answer.
 * Which handler serves which path is one table. */
#include "api/rest.h"

#include <stdlib.h>

#include "api/envelope.h"
#include "api/rest_action.h"
#include "api/rest_batch.h"
#include "api/rest_read.h"
#include "api/rest_write.h"
#include "api/rowjson.h"
#include "base/digest.h"
#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/percent.h"
#include "http/http1.h"
#include "http/negotiate.h"
#include "http/site.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/query.h"
#include "model/rowtag.h"
#include "model/type.h"
#include "rt/core.h"
#include "svc/idempotency.h"

enum { IDEMPOTENCY_IN_FLIGHT_MAX = 4096 };

struct route_row {
    enum http_method method;
    const char *suffix;
    http_handler *handler;
    const char *name;
};

static const struct route_row route_rows[] = {
    {HTTP_GET, "", rest_read_list, "list"},           {HTTP_POST, "", rest_write_create, "create"},
    {HTTP_GET, "/:id", rest_read_one, "get"},         {HTTP_PUT, "/:id", rest_write_replace, "replace"},
    {HTTP_PATCH, "/:id", rest_write_merge, "update"}, {HTTP_DELETE, "/:id", rest_write_delete, "delete"},
};

static enum error make_plains(struct rest_resource *resource, struct arena *arena)
{
    const struct access *access = &resource->resource->access[ACTION_READ];
    resource->plains = arena_array(arena, access->count + 1, sizeof *resource->plains);
    if (!resource->plains)
        return ERROR_MEMORY;
    if (access->count == 0)
        return shape_plain(resource->resource, NULL, arena, &resource->plains[0]);
    for (size_t i = 0; i < access->count; i++)
        TRY(shape_plain(resource->resource, access->rules[i].fields, arena, &resource->plains[i]));
    return OK;
}

const struct shape *rest_plain(const struct rest_resource *resource, const struct session *session)
{
    const struct access *access = &resource->resource->access[ACTION_READ];
    if (access->count <= 1)
        return &resource->plains[0];
    const struct expr_context context = session_context(session);
    const struct rule *rule = policy_rule(resource->resource, ACTION_READ, &context);
    return &resource->plains[rule ? rule - access->rules : 0];
}

enum error rest_create(const struct api_settings *settings, struct model *model, struct arena *arena, struct rest **out)
{
    struct rest *rest = arena_zalloc(arena, sizeof *rest);
    if (!rest)
        return ERROR_MEMORY;
    const struct schema *schema = model->schema;
    rest->settings = *settings;
    rest->model = model;
    rest->resource_count = schema->resource_count;
    rest->resources = arena_array(arena, schema->resource_count, sizeof *rest->resources);
    if (!rest->resources)
        return ERROR_MEMORY;
    for (size_t i = 0; i < schema->resource_count; i++) {
        rest->resources[i] = (struct rest_resource){.rest = rest, .resource = &schema->resources[i]};
        TRY(make_plains(&rest->resources[i], arena));
    }
    TRY(digest_hmac_create(slice_of(model->cursor_key, sizeof model->cursor_key), &rest->cursor_key));
    enum error error = idempotency_create(IDEMPOTENCY_IN_FLIGHT_MAX, &rest->idempotency);
    if (error != OK) {
        rest_destroy(rest);
        return error;
    }
    *out = rest;
    return OK;
}

void rest_destroy(struct rest *rest)
{
    if (!rest)
        return;
    digest_hmac_destroy(rest->cursor_key);
    idempotency_destroy(rest->idempotency);
}

/* A view is read only, and what has no key has no path for a row. */
static bool is_served(const struct resource *resource, const struct route_row *row)
{
    return (!resource->is_view || row->method == HTTP_GET) && (resource->key_count > 0 || row->suffix[0] == '\0');
}

static enum error add_route(struct rest_resource *resource, const struct route_row *row, struct http_site *site,
                            struct arena *arena, struct diag *diag)
{
    const char *pattern = arena_printf(arena, "%.*s/%.*s%s", SLICE_ARG(resource->rest->settings.base),
                                       SLICE_ARG(resource->resource->name), row->suffix);
    const char *name = arena_printf(arena, "%.*s.%s", SLICE_ARG(resource->resource->name), row->name);
    if (!pattern || !name)
        return ERROR_MEMORY;
    const struct site_route route = {
        .method = row->method, .pattern = slice_from(pattern), .handler = row->handler, .data = resource, .name = name};
    return site_add_route(site, &route, diag);
}

enum error rest_add_routes(struct rest *rest, struct http_site *site, struct arena *arena, struct diag *diag)
{
    for (size_t i = 0; i < rest->resource_count; i++)
        for (size_t row = 0; row < ARRAY_LEN(route_rows); row++)
            if (is_served(rest->resources[i].resource, &route_rows[row]))
                TRY(add_route(&rest->resources[i], &route_rows[row], site, arena, diag));
    const char *pattern = arena_printf(arena, "%.*s/batch", SLICE_ARG(rest->settings.base));
    if (!pattern)
        return ERROR_MEMORY;
    const struct site_route batch = {
        .method = HTTP_POST, .pattern = slice_from(pattern), .handler = rest_batch, .data = rest, .name = "batch"};
    TRY(site_add_route(site, &batch, diag));
    return rest_action_add_routes(rest, site, arena, diag);
}

void rest_render_error(struct exchange *x, enum error error, void *data)
{
    const struct rest *rest = data;
    envelope_error(&rest->settings, x, error);
}

/* What an earlier answer has said of its write: this request sees it, on whichever replica. */
static enum error read_position(struct exchange *x, struct session *session)
{
    struct slice header = exchange_header(x, HTTP1_HEADER_TENON_POSITION);
    int64_t position;
    if (!header.ptr)
        return OK;
    if (number_parse_int(header, &position) != OK || position < 0) {
        diag_say(&x->diag, "send back what an answer has said", "Tenon-Position must be a whole number");
        return ERROR_VALIDATION;
    }
    session->position = (uint64_t)position;
    return OK;
}

void rest_put_position(struct exchange *x, const struct session *session)
{
    char digits[24];
    struct buf text = {.ptr = digits, .cap = sizeof digits, .limit_bytes = sizeof digits};
    if (session->position == 0 || session->position == DB_POSITION_PRIMARY)
        return;
    buf_put_uint(&text, session->position);
    exchange_add_header(x, "Tenon-Position", buf_slice(&text));
}

void rest_begin_page(struct exchange *x, struct model *model, struct session *session)
{
    session_init(session, model, x->fiber, core_index(x->core));
    session->deadline = x->deadline;
    session->now_us = x->now_us;
    session->arena = x->arena;
    session->diag = &x->diag;
    session->request = x;
    if (x->caller)
        session->caller = *x->caller;
}

enum error rest_begin(struct exchange *x, struct model *model, struct session *session)
{
    rest_begin_page(x, model, session);
    TRY(read_position(x, session));
    struct slice accept = exchange_header(x, HTTP1_HEADER_ACCEPT);
    if (accept.len == 0 || negotiate_accept(accept, SLICE("application/json")) > 0)
        return OK;
    diag_say(&x->diag, "send Accept: application/json", "only application/json can be answered");
    return ERROR_NOT_ACCEPTABLE;
}

static enum error parse_key(const struct field *field, struct slice text, struct arena *arena, struct value *out)
{
    const char *why;
    enum error error = percent_decode(text, arena, &text);
    if (error == OK)
        error = type_parse_text(&field->type, text, arena, &why, out);
    return error == ERROR_VALIDATION || error == ERROR_PARSE ? ERROR_NOT_FOUND : error;
}

enum error rest_path_key(const struct resource *resource, struct slice segment, struct arena *arena, struct value *out)
{
    struct slice part;
    if (resource->key_count == 1)
        return parse_key(resource->id, segment, arena, out);
    for (size_t i = 0; i < resource->key_count; i++) {
        if (!segment.ptr || !slice_split(&segment, ',', &part))
            return ERROR_NOT_FOUND;
        TRY(parse_key(resource->key[i], part, arena, &out[i]));
    }
    return segment.ptr ? ERROR_NOT_FOUND : OK;
}

enum error rest_key(const struct exchange *x, const struct resource *resource, struct value *out)
{
    struct slice rest = x->head->path, segment = {NULL, 0};
    while (rest.ptr && slice_split(&rest, '/', &segment))
        continue;
    return rest_path_key(resource, segment, x->arena, out);
}

/* A comma stands between the parts of a key, so one within is escaped. */
static void put_key_text(struct slice text, struct buf *out)
{
    struct slice piece;
    for (bool is_first = true; text.ptr && slice_split(&text, ',', &piece); is_first = false) {
        buf_put_text(out, is_first ? "" : "%2C");
        percent_encode_segment(out, piece);
    }
}

static void put_key_part(const struct type *type, struct value value, struct buf *out)
{
    switch (value.kind) {
    case VALUE_NULL: return;
    case VALUE_FLOAT: jsonwrite_float(out, value.number); return;
    case VALUE_TEXT:
    case VALUE_BLOB: put_key_text(value.text, out); return;
    case VALUE_INT:
        if (type->kind == FIELD_BOOL)
            jsonwrite_bool(out, value.integer != 0);
        else if (type->kind == FIELD_DECIMAL)
            number_format_decimal(out, value.integer, type->scale);
        else
            buf_put_int(out, value.integer);
        return;
    }
}

void rest_put_path(const struct rest *rest, const struct resource *resource, const struct value *key, struct buf *out)
{
    buf_put_slice(out, rest->settings.base);
    buf_put_byte(out, '/');
    buf_put_slice(out, resource->name);
    for (size_t i = 0; i < resource->key_count; i++) {
        buf_put_byte(out, i > 0 ? ',' : '/');
        put_key_part(type_root(&resource->key[i]->type), key[i], out);
    }
}

/* What a row's entity tag is made of: its version, or all that is shown of it. */
struct version_seen {
    int64_t version;
    const struct shape *shape;
};

static void see_content(void *argument, const struct query_rows *rows, int64_t index)
{
    struct version_seen *seen = argument;
    struct rowtag tag;
    rowtag_init(&tag);
    for (size_t i = 0; i < seen->shape->column_count; i++)
        rowtag_add(&tag, query_value(rows, i));
    seen->version = rowtag_finish(&tag);
}

static void see_version(void *argument, const struct query_rows *rows, int64_t index)
{
    struct version_seen *seen = argument;
    struct value value = query_key_value(rows, 0);
    seen->version = value.kind == VALUE_INT ? value.integer : 0;
}

enum error rest_put_row(struct rest *rest, struct session *session, const struct shape *shape, const struct value *key,
                        struct buf *out, int64_t *version)
{
    const struct resource *resource = shape->resource;
    struct query query = {
        .resource = resource, .columns = shape->columns, .column_count = shape->column_count, .id = key, .limit = -1};
    struct version_seen seen = {.shape = shape};
    struct rowjson writer = {.session = session, .settings = &rest->settings, .shape = shape, .limit = 1};
    writer.seen = resource->version ? see_version : see_content;
    writer.argument = &seen;
    if (resource->version) {
        query.wants_keys = true;
        query.sort[query.sort_count++].path = (struct expr_path){.root = resource, .field = resource->version};
    }
    struct query_rows rows;
    TRY(query_open(session, &query, &rows));
    int64_t count;
    bool has_more;
    enum error error = rowjson_write(&writer, &rows, out, &count, &has_more);
    query_close(&rows);
    TRY(error);
    *version = seen.version;
    return count == 1 ? OK : ERROR_NOT_FOUND;
}

void rest_set_etag(struct exchange *x, const struct shape *shape, int64_t version)
{
    if (version == 0)
        return;
    char digits[24];
    struct buf tag = {.ptr = digits, .cap = sizeof digits, .limit_bytes = sizeof digits};
    buf_put_int(&tag, version);
    x->etag = arena_slice(x->arena, buf_slice(&tag));
    x->etag_is_weak = !shape->is_plain;
}
