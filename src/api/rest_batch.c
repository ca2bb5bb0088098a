/* SPDX-License-Identifier: Apache-2.0 */
/* The batch: several writes as one unit of work, all or nothing. Operations run in their order in one transaction; a
 * value that refers to an earlier result is read from the row that operation has left, as this caller may read it. */
#include "api/rest_batch.h"

#include "api/batch_read.h"
#include "api/body.h"
#include "api/envelope.h"
#include "api/rest.h"
#include "api/retry.h"
#include "api/rowjson.h"
#include "base/bits.h"
#include "base/jsonread.h"
#include "base/percent.h"
#include "http/http1.h"
#include "http/method.h"
#include "http/site.h"
#include "model/change.h"
#include "model/model.h"
#include "model/query.h"
#include "svc/gate.h"
#include "svc/limiter.h"

struct run {
    struct exchange *x;
    struct batch batch;
    struct change_result results[REST_BATCH_OPERATIONS_MAX];
    size_t failed; /* the operation that did */
};

/* The JSON of one field of an earlier result. */
static enum error read_source(struct run *run, struct session *session, const struct batch_reference *reference,
                              struct buf *out)
{
    const struct batch_operation *earlier = &run->batch.operations[reference->operation];
    struct query query = {.resource = earlier->resource->resource,
                          .columns = &reference->source,
                          .column_count = 1,
                          .id = run->results[reference->operation].key,
                          .limit = -1};
    struct query_rows rows;
    bool has_row;
    TRY(query_open(session, &query, &rows));
    enum error error = query_next(&rows, &has_row);
    if (error == OK && !has_row)
        error = ERROR_NOT_FOUND;
    if (error == OK)
        rowjson_value(out, &run->batch.rest->settings, &reference->source->type, query_value(&rows, 0));
    query_close(&rows);
    return error;
}

/* Sets a value as if the caller had sent it, so that the rules of its field hold. */
static enum error set_value(struct batch_operation *operation, struct session *session, const struct field *field,
                            struct slice json)
{
    struct jsonread reader;
    struct json_value value;
    const char *text = arena_printf(session->arena, "{%.*s%.*s}", SLICE_ARG(field->json_key), SLICE_ARG(json));
    if (!text)
        return ERROR_MEMORY;
    bits_remove(operation->change.sent, field->index);
    jsonread_init(&reader, slice_from(text), session->arena, JSONREAD_DEPTH_DEFAULT);
    jsonread_next(&reader, &value);
    TRY(body_read_object(&reader, &operation->change, session, NULL));
    change_check_required(&operation->change, session, field);
    return session->diag->count > 0 ? ERROR_VALIDATION : OK;
}

static enum error set_path_id(struct batch_operation *operation, struct session *session, struct slice json)
{
    if (json.len >= 2 && json.ptr[0] == '"')
        json = slice_of(json.ptr + 1, json.len - 2);
    struct buf segment; /* what was read is a value, not a path */
    buf_init(&segment, 64 * 1024);
    percent_encode_segment(&segment, json);
    struct slice text = arena_slice(session->arena, buf_slice(&segment));
    bool failed = buf_failed(&segment) || !text.ptr;
    buf_fini(&segment);
    return failed ? ERROR_MEMORY
                  : rest_path_key(operation->resource->resource, text, session->arena, operation->change.key);
}

static enum error resolve(struct run *run, struct batch_operation *operation, struct session *session)
{
    for (const struct batch_reference *reference = operation->references; reference; reference = reference->next) {
        struct buf json;
        buf_init(&json, 16 * 1024 * 1024);
        enum error error = read_source(run, session, reference, &json);
        struct slice text = arena_slice(session->arena, buf_slice(&json));
        bool failed = buf_failed(&json) || !text.ptr;
        buf_fini(&json);
        TRY(error);
        if (failed)
            return ERROR_MEMORY;
        TRY(reference->target ? set_value(operation, session, reference->target, text)
                              : set_path_id(operation, session, text));
    }
    return OK;
}

static enum error put_result(struct run *run, struct session *session, size_t i)
{
    const struct batch_operation *operation = &run->batch.operations[i];
    struct rest *rest = run->batch.rest;
    struct buf *out = &run->x->body;
    bool is_delete = operation->kind == CHANGE_DELETE;
    buf_put_literal(out, "{\"status\":");
    buf_put_int(out, is_delete ? 204 : operation->kind == CHANGE_CREATE ? 201 : 200);
    if (operation->kind == CHANGE_CREATE) {
        buf_put_literal(out, ",\"location\":\"");
        rest_put_path(rest, operation->resource->resource, run->results[i].key, out);
        buf_put_byte(out, '"');
    }
    if (!is_delete) {
        int64_t version;
        size_t begin = out->len;
        buf_put_literal(out, ",\"data\":");
        const struct shape *plain = rest_plain(operation->resource, session);
        enum error error = rest_put_row(rest, session, plain, run->results[i].key, out, &version);
        if (error == ERROR_NOT_FOUND || error == ERROR_FORBIDDEN || error == ERROR_UNAUTHORIZED)
            buf_truncate(out, begin);
        else
            TRY(error);
    }
    buf_put_byte(out, '}');
    return OK;
}

/* Says which operation failed, when nothing else does. */
static enum error blame(struct run *run, size_t i, enum error error)
{
    struct diag *diag = &run->x->diag;
    if (diag->count == 0 && !diag->message && error_http_status(error) < 500)
        diag_say(diag, NULL, "operations.%zu: %s", i, error_sentence(error));
    return error;
}

static enum error apply(struct session *session, void *argument)
{
    struct run *run = argument;
    struct exchange *x = run->x;
    for (size_t i = 0; i < run->batch.count; i++) {
        struct batch_operation *operation = &run->batch.operations[i];
        enum error error = resolve(run, operation, session);
        if (error == OK)
            error = change_apply(&operation->change, session, &run->results[i]);
        run->failed = i;
        if (error != OK)
            return error == ERROR_CONFLICT ? error : blame(run, i, error);
    }
    envelope_begin(&run->batch.rest->settings, &x->body);
    for (size_t i = 0; i < run->batch.count; i++) {
        buf_put_byte(&x->body, i == 0 ? '[' : ',');
        TRY(put_result(run, session, i));
    }
    buf_put_byte(&x->body, ']');
    envelope_end(&run->batch.rest->settings, &x->body, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

/* No lease is kept from one operation to the next: a hook takes its own, and must not wait for ours. */
static enum error prepare_one(struct batch_operation *operation, struct session *session)
{
    enum error error = change_prepare(&operation->change, session);
    session_fini(session);
    return error;
}

static enum error prepare(struct run *run, struct session *session)
{
    static const enum action actions[] = {ACTION_CREATE, ACTION_UPDATE, ACTION_UPDATE, ACTION_DELETE};
    const struct rest *rest = run->batch.rest;
    size_t passwords = 0;
    for (size_t i = 0; i < run->batch.count; i++)
        if (run->batch.operations[i].change.resource)
            TRY(change_count_passwords(&run->batch.operations[i].change, session, &passwords));
    for (size_t i = 0; i < run->batch.count; i++) {
        struct batch_operation *operation = &run->batch.operations[i];
        if (!operation->change.resource)
            continue;
        if (rest->before)
            TRY(rest->before(rest->before_state, run->x, operation->resource->resource, actions[operation->kind]));
        enum error error = prepare_one(operation, session);
        if (error != OK && error != ERROR_VALIDATION)
            return blame(run, i, error);
    }
    return session->diag->count > 0 ? ERROR_VALIDATION : OK;
}

static enum error explain(struct session *session, void *argument)
{
    struct run *run = argument;
    for (size_t i = 0; i < run->batch.count; i++)
        TRY(change_explain(&run->batch.operations[i].change, session));
    if (session->diag->count == 0)
        (void)blame(run, run->failed, ERROR_CONFLICT);
    return OK;
}

/* Each operation takes the share that a request of its own would take. Its path is made anew of what it was read as:
 * what was sent could be cut and decoded in another way than the router does. */
static enum error charge(const struct run *run)
{
    const struct rest *rest = run->batch.rest;
    struct exchange *x = run->x;
    if (!x->site || !x->site->config.throttle)
        return OK;
    struct limiter_operation *operations = arena_array(x->arena, run->batch.count, sizeof *operations);
    if (!operations)
        return ERROR_MEMORY;
    for (size_t i = 0; i < run->batch.count; i++) {
        const struct batch_operation *operation = &run->batch.operations[i];
        struct slice name = operation->resource ? operation->resource->resource->name : SLICE("");
        const char *path = arena_printf(x->arena, "%.*s/%.*s%s", SLICE_ARG(rest->settings.base), SLICE_ARG(name),
                                        operation->kind == CHANGE_CREATE ? "" : "/-");
        if (!path)
            return ERROR_MEMORY;
        operations[i] = (struct limiter_operation){method_parse(operation->method), slice_from(path)};
    }
    return limiter_charge(x, operations, run->batch.count);
}

static enum error serve(struct exchange *x, struct rest *rest, struct session *session)
{
    struct slice body;
    TRY(body_read_json(x, &body));
    if (x->head->query.len > 0) {
        diag_say(&x->diag, NULL, "a batch takes no parameters");
        return ERROR_VALIDATION;
    }
    struct run *run = arena_zalloc(x->arena, sizeof *run);
    if (!run)
        return ERROR_MEMORY;
    run->x = x;
    TRY(batch_read(rest, body, session, &run->batch));
    TRY(gate_charge(x, (int64_t)run->batch.count - 1));
    TRY(charge(run));
    TRY(prepare(run, session));
    struct retry retry;
    TRY(retry_init(&retry, rest, x, body));
    retry.unit = apply;
    retry.explain = explain;
    retry.argument = run;
    return retry_run(&retry, session);
}

enum error rest_batch(struct exchange *x, void *data)
{
    struct rest *rest = data;
    struct session session;
    enum error error = rest_begin(x, rest->model, &session);
    if (error == OK)
        error = serve(x, rest, &session);
    session_fini(&session);
    return error;
}
