/* SPDX-License-Identifier: Apache-2.0 */
/* Writing over REST: one row, or an array of new ones, in one unit of work. The answer is made inside the unit, from
 * the rows as they are stored, so that what is acknowledged is what was committed.
 *
 * Order of refusals: access, then the request's form (path, parameters, media type, JSON), then all field errors at
 * once, then what only the stored rows can tell.
 */
#include "api/rest_write.h"

#include "api/body.h"
#include "api/envelope.h"
#include "api/listing.h"
#include "api/precondition.h"
#include "api/rest.h"
#include "api/retry.h"
#include "api/rowjson.h"
#include "http/http1.h"
#include "http/negotiate.h"
#include "model/change.h"
#include "model/model.h"
#include "model/policy.h"
#include "svc/gate.h"
#include "svc/limiter.h"

enum { LOCATION_BYTES_MAX = 64 * 1024 };

struct write {
    struct exchange *x;
    struct rest_resource *resource;
    enum change_kind kind;
    struct shape shape;
    struct slice body;
    struct change *changes;
    size_t count;
    bool is_many;
    enum negotiate_return preference;
};

static enum error add_location(struct write *write, const struct value *key)
{
    struct buf location;
    buf_init(&location, LOCATION_BYTES_MAX);
    rest_put_path(write->resource->rest, write->resource->resource, key, &location);
    enum error error = buf_error(&location);
    if (error == OK)
        exchange_add_header(write->x, "Location", buf_slice(&location));
    buf_fini(&location);
    return error;
}

static bool is_unreadable(enum error error)
{
    return error == ERROR_NOT_FOUND || error == ERROR_FORBIDDEN || error == ERROR_UNAUTHORIZED;
}

static int status_of(const struct write *write, bool has_body)
{
    if (write->kind == CHANGE_CREATE)
        return 201;
    return has_body ? 200 : 204;
}

/* Whether the values of a create are what its answer shows: nothing is expanded, everybody may read every row, and the
 * columns are the engine's own: an adopted one may round, pad or compute what it is given. */
static bool shows_values(const struct write *write, const struct session *session)
{
    const struct expr_context context = session_context(session);
    return write->kind == CHANGE_CREATE && !write->resource->resource->is_adopted &&
           write->shape.expansion_count == 0 &&
           policy_decide(write->resource->resource, ACTION_READ, &context) == POLICY_ALLOW;
}

static enum error put_row(struct write *write, struct session *session, const struct value *key, int64_t *version)
{
    struct rest *rest = write->resource->rest;
    if (!shows_values(write, session))
        return rest_put_row(rest, session, &write->shape, key, &write->x->body, version);
    rowjson_values(&write->x->body, &rest->settings, &write->shape, write->changes[0].values);
    return OK;
}

/* Keys of several fields are no list that one statement takes. */
static enum error put_rows_one_by_one(struct write *write, struct session *session, const struct change_result *results)
{
    struct buf *out = &write->x->body;
    for (size_t i = 0; i < write->count; i++) {
        int64_t version;
        buf_put_text(out, i > 0 ? "," : "");
        size_t begin = out->len;
        enum error error = rest_put_row(write->resource->rest, session, &write->shape, results[i].key, out, &version);
        if (error != OK && !is_unreadable(error))
            return error;
        if (error != OK) {
            buf_truncate(out, begin);
            buf_put_literal(out, "null");
        }
    }
    return OK;
}

static enum error put_rows(struct write *write, struct session *session, const struct change_result *results)
{
    struct buf *out = &write->x->body;
    const struct api_settings *settings = &write->resource->rest->settings;
    if (shows_values(write, session)) {
        for (size_t i = 0; i < write->count; i++) {
            if (i > 0)
                buf_put_byte(out, ',');
            rowjson_values(out, settings, &write->shape, write->changes[i].values);
        }
        return OK;
    }
    if (!write->resource->resource->id)
        return put_rows_one_by_one(write, session, results);
    struct value *ids = arena_array(session->arena, write->count, sizeof *ids);
    if (!ids)
        return ERROR_MEMORY;
    for (size_t i = 0; i < write->count; i++)
        ids[i] = results[i].key[0];
    const struct rowjson writer = {.session = session, .settings = settings, .shape = &write->shape, .limit = -1};
    return rowjson_write_ids(&writer, ids, write->count, out);
}

/* The one row that was written; no body when the caller wants none or may not read it. */
static enum error answer_one(struct write *write, struct session *session, const struct change_result *result)
{
    struct exchange *x = write->x;
    struct rest *rest = write->resource->rest;
    int64_t version = result->version;
    bool has_body = write->kind != CHANGE_DELETE && write->preference != NEGOTIATE_RETURN_MINIMAL;
    if (write->kind == CHANGE_CREATE)
        TRY(add_location(write, result->key));
    if (has_body) {
        envelope_begin(&rest->settings, &x->body);
        enum error error = put_row(write, session, result->key, &version);
        if (is_unreadable(error)) {
            buf_clear(&x->body);
            has_body = false;
        } else {
            TRY(error);
            envelope_end(&rest->settings, &x->body, NULL, x->now_us);
        }
    }
    exchange_status(x, status_of(write, has_body));
    if (has_body || (write->preference == NEGOTIATE_RETURN_MINIMAL && write->kind != CHANGE_DELETE))
        rest_set_etag(x, &write->shape, version);
    return OK;
}

static enum error answer_many(struct write *write, struct session *session, const struct change_result *results)
{
    struct exchange *x = write->x;
    struct rest *rest = write->resource->rest;
    exchange_status(x, 201);
    if (write->preference == NEGOTIATE_RETURN_MINIMAL)
        return OK;
    envelope_begin(&rest->settings, &x->body);
    buf_put_byte(&x->body, '[');
    TRY(put_rows(write, session, results));
    buf_put_byte(&x->body, ']');
    envelope_end(&rest->settings, &x->body, NULL, x->now_us);
    return OK;
}

static enum error apply(struct session *session, void *argument)
{
    struct write *write = argument;
    struct change_result *results = arena_array(session->arena, write->count, sizeof *results);
    if (!results)
        return ERROR_MEMORY;
    for (size_t i = 0; i < write->count; i++)
        TRY(change_apply(&write->changes[i], session, &results[i]));
    TRY(write->is_many ? answer_many(write, session, results) : answer_one(write, session, results));
    if (write->preference == NEGOTIATE_RETURN_MINIMAL && write->kind != CHANGE_DELETE)
        exchange_add_header(write->x, "Preference-Applied", SLICE("return=minimal"));
    if (buf_failed(&write->x->headers))
        return ERROR_MEMORY;
    return buf_error(&write->x->body);
}

/* What the request line and the headers say. */
static enum error read_head(struct write *write, struct session *session)
{
    const struct rest_resource *resource = write->resource;
    const struct listing_scope scope = {.schema = resource->rest->model->schema,
                                        .resource = resource->resource,
                                        .settings = &resource->rest->settings,
                                        .plain = rest_plain(resource, session)};
    TRY(listing_parse_single(&scope, write->x->head->query, session, &write->shape));
    write->preference = negotiate_prefer_return(exchange_header(write->x, HTTP1_HEADER_PREFER));
    return OK;
}

static enum error read_delete(struct write *write, struct session *session)
{
    write->count = 1;
    write->changes = arena_alloc(session->arena, sizeof *write->changes);
    return write->changes ? change_init(write->changes, CHANGE_DELETE, write->resource->resource, session)
                          : ERROR_MEMORY;
}

static enum error read_changes(struct write *write, struct session *session)
{
    if (write->kind == CHANGE_DELETE)
        return read_delete(write, session);
    TRY(body_read_json(write->x, &write->body));
    return body_read_changes(write->body, write->kind, write->resource->resource, session, &write->changes,
                             &write->count, &write->is_many);
}

static enum error read_path(struct write *write, struct value *key)
{
    return write->kind == CHANGE_CREATE ? OK : rest_key(write->x, write->resource->resource, key);
}

/* Prepares every change, so that the mistakes of all are told at once. */
static enum error prepare(struct write *write, struct session *session)
{
    enum error verdict = OK;
    size_t passwords = 0;
    for (size_t i = 0; i < write->count; i++)
        TRY(change_count_passwords(&write->changes[i], session, &passwords));
    for (size_t i = 0; i < write->count; i++) {
        enum error error = change_prepare(&write->changes[i], session);
        if (error != OK && error != ERROR_VALIDATION)
            return error;
        if (error != OK)
            verdict = error;
    }
    return verdict;
}

static enum error explain(struct session *session, void *argument)
{
    const struct write *write = argument;
    for (size_t i = 0; i < write->count; i++)
        TRY(change_explain(&write->changes[i], session));
    return OK;
}

/* One statement, the answer of which needs no other. */
static bool is_single(const struct write *write, const struct session *session)
{
    bool is_answered = write->preference == NEGOTIATE_RETURN_MINIMAL || shows_values(write, session);
    return write->count == 1 && is_answered && change_is_single(&write->changes[0], session);
}

static enum error run_hooks(struct write *write)
{
    static const enum action actions[] = {ACTION_CREATE, ACTION_UPDATE, ACTION_UPDATE, ACTION_DELETE};
    const struct rest *rest = write->resource->rest;
    if (!rest->before)
        return OK;
    return rest->before(rest->before_state, write->x, write->resource->resource, actions[write->kind]);
}

/* An array is as many requests. */
static enum error charge(const struct write *write)
{
    TRY(limiter_charge_again(write->x, write->count - 1));
    return gate_charge(write->x, (int64_t)write->count - 1);
}

static enum error run(struct write *write, struct session *session)
{
    struct value key[RESOURCE_KEY_MAX];
    TRY(change_admit(session, write->resource->resource, write->kind));
    TRY(read_path(write, key));
    TRY(read_head(write, session));
    TRY(read_changes(write, session));
    if (write->count > 1)
        TRY(charge(write));
    if (write->kind != CHANGE_CREATE) {
        memcpy(write->changes[0].key, key, write->resource->resource->key_count * sizeof *key);
        TRY(precondition_if_match(exchange_header(write->x, HTTP1_HEADER_IF_MATCH), session, &write->changes[0]));
    }
    TRY(run_hooks(write));
    TRY(prepare(write, session));
    struct retry retry;
    TRY(retry_init(&retry, write->resource->rest, write->x, write->body));
    retry.unit = apply;
    retry.explain = explain;
    retry.argument = write;
    if (is_single(write, session))
        retry.isolation = DB_STATEMENT;
    return retry_run(&retry, session);
}

static enum error serve(struct exchange *x, struct rest_resource *resource, enum change_kind kind)
{
    struct write write = {.x = x, .resource = resource, .kind = kind};
    struct session session;
    enum error error = rest_begin(x, resource->rest->model, &session);
    if (error == OK)
        error = run(&write, &session);
    session_fini(&session);
    return error;
}

enum error rest_write_create(struct exchange *x, void *data)
{
    return serve(x, data, CHANGE_CREATE);
}

enum error rest_write_replace(struct exchange *x, void *data)
{
    return serve(x, data, CHANGE_REPLACE);
}

enum error rest_write_merge(struct exchange *x, void *data)
{
    return serve(x, data, CHANGE_MERGE);
}

enum error rest_write_delete(struct exchange *x, void *data)
{
    return serve(x, data, CHANGE_DELETE);
}
