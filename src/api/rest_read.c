/* SPDX-License-Identifier: Apache-2.0 */
/* Reading over REST. A list asks for one row more than its limit: whether it came tells if there is a next page, and
 * the keys of the last row shown make its cursor. The count, the rows and all expanded rows are one snapshot. */
#include "api/rest_read.h"

#include "api/cursor.h"
#include "api/envelope.h"
#include "api/listing.h"
#include "api/rest.h"
#include "api/rowjson.h"
#include "base/number.h"
#include "http/http1.h"
#include "http/negotiate.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/query.h"

static struct listing_scope scope_of(const struct rest_resource *resource, const struct session *session)
{
    const struct rest *rest = resource->rest;
    return (struct listing_scope){.schema = rest->model->schema,
                                  .resource = resource->resource,
                                  .settings = &rest->settings,
                                  .cursor_key = rest->cursor_key,
                                  .plain = rest_plain(resource, session)};
}

/* Makes the cursor when the last row of a full page goes by: only then can its keys be read. */
struct last_row {
    struct rest *rest;
    struct listing *listing;
    struct arena *arena;
    struct slice cursor;
    enum error error;
};

/* A cursor does not keep the point of a number: what is a numeric there and a float here is a float in it. */
static struct value key_value(const struct query_rows *rows, const struct query *query, size_t i)
{
    struct value value = query_key_value(rows, i);
    const struct field *field =
        i < query->sort_count ? query->sort[i].path.field : query->resource->key[i - query->sort_count];
    bool is_numeric = value.kind == VALUE_INT && value.scale > 0 && field->type.kind == FIELD_FLOAT;
    return is_numeric ? value_float(number_of_decimal(value.integer, value.scale)) : value;
}

static void see_last_row(void *argument, const struct query_rows *rows, int64_t index)
{
    struct last_row *last = argument;
    if (index + 1 != last->listing->page.limit || last->listing->query.resource->key_count == 0)
        return;
    struct value keys[QUERY_KEYS_MAX];
    for (size_t i = 0; i < rows->key_count; i++)
        keys[i] = key_value(rows, &last->listing->query, i);
    last->error = cursor_encode(last->rest->cursor_key, last->listing->fingerprint, keys, rows->key_count, last->arena,
                                &last->cursor);
}

static enum error put_rows(struct exchange *x, struct rest_resource *resource, struct session *session,
                           struct listing *listing)
{
    struct last_row last = {.rest = resource->rest, .listing = listing, .arena = x->arena};
    struct rowjson writer = {.session = session,
                             .settings = &resource->rest->settings,
                             .shape = &listing->shape,
                             .limit = listing->page.limit,
                             .seen = see_last_row,
                             .argument = &last};
    struct query_rows rows;
    TRY(query_open(session, &listing->query, &rows));
    int64_t count;
    bool has_more;
    enum error error = rowjson_write(&writer, &rows, &x->body, &count, &has_more);
    query_close(&rows);
    TRY(error);
    if (has_more && last.error == ERROR_LIMIT) {
        diag_say(&x->diag, "sort by shorter fields", "the values sorted by are too long for a cursor");
        return ERROR_UNPROCESSABLE;
    }
    if (has_more) {
        TRY(last.error);
        listing->page.next_cursor = last.cursor;
    }
    return OK;
}

static enum error list(struct exchange *x, struct rest_resource *resource, struct session *session)
{
    const struct api_settings *settings = &resource->rest->settings;
    struct expr_context context = session_context(session);
    TRY(policy_admit(resource->resource, ACTION_READ, &context));
    struct listing_scope scope = scope_of(resource, session);
    struct listing listing;
    TRY(listing_parse(&scope, x->head->query, session, &listing));
    if (listing.wants_total) {
        listing.page.has_total = true;
        TRY(query_count(session, &listing.query, &listing.page.total));
    }
    envelope_begin(settings, &x->body);
    buf_put_byte(&x->body, '[');
    TRY(put_rows(x, resource, session, &listing));
    buf_put_byte(&x->body, ']');
    envelope_end(settings, &x->body, &listing.page, x->now_us);
    envelope_list_headers(settings, x, &listing.page);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

enum error rest_read_list(struct exchange *x, void *data)
{
    struct rest_resource *resource = data;
    struct session session;
    enum error error = rest_begin(x, resource->rest->model, &session);
    if (error == OK)
        error = list(x, resource, &session);
    session_fini(&session);
    return error;
}

/* 304 when the client has this version already; an expanded row is never the same for sure. */
static enum error answer_not_modified(struct exchange *x, const struct shape *shape, bool *is_not_modified)
{
    struct slice header = exchange_header(x, HTTP1_HEADER_IF_NONE_MATCH);
    *is_not_modified = false;
    if (header.len == 0 || x->etag.len == 0 || shape->expansion_count > 0)
        return OK;
    const struct negotiate_etag current = {x->etag, x->etag_is_weak};
    TRY(negotiate_if_none_match(header, &current, is_not_modified));
    return OK;
}

static enum error get(struct exchange *x, struct rest_resource *resource, struct session *session)
{
    const struct api_settings *settings = &resource->rest->settings;
    struct expr_context context = session_context(session);
    TRY(policy_admit(resource->resource, ACTION_READ, &context));
    struct value key[RESOURCE_KEY_MAX];
    TRY(rest_key(x, resource->resource, key));
    struct listing_scope scope = scope_of(resource, session);
    struct shape shape;
    TRY(listing_parse_single(&scope, x->head->query, session, &shape));
    envelope_begin(settings, &x->body);
    int64_t version;
    TRY(rest_put_row(resource->rest, session, &shape, key, &x->body, &version));
    envelope_end(settings, &x->body, NULL, x->now_us);
    rest_set_etag(x, &shape, version);
    bool is_not_modified;
    TRY(answer_not_modified(x, &shape, &is_not_modified));
    exchange_status(x, is_not_modified ? 304 : 200);
    return buf_error(&x->body);
}

enum error rest_read_one(struct exchange *x, void *data)
{
    struct rest_resource *resource = data;
    struct session session;
    enum error error = rest_begin(x, resource->rest->model, &session);
    if (error == OK)
        error = get(x, resource, &session);
    session_fini(&session);
    return error;
}
