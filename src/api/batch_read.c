/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a batch, in two passes, because the members of an operation may come in any order: first its own members,
 * with the body as raw text; then, when method and path have said what it is, the body as a change. */
#include "api/batch_read.h"

#include <stdlib.h>

#include "api/body.h"
#include "api/precondition.h"
#include "api/rest.h"
#include "api/rest_batch.h"
#include "base/jsonread.h"
#include "base/number.h"
#include "http/method.h"
#include "model/model.h"
#include "model/policy.h"

struct reading {
    struct batch *batch;
    struct session *session;
    struct jsonread reader;
    size_t index; /* of the operation being read */
};

static void refuse(const struct batch_operation *operation, struct session *session, const char *member,
                   const char *sentence)
{
    const char *name = arena_printf(session->arena, "%.*s%s", SLICE_ARG(operation->prefix), member);
    diag_field(session->diag, name ? slice_from(name) : operation->prefix, NULL, "%s", sentence);
}

static enum error read_text(struct reading *reading, const char *member, struct slice *out)
{
    struct json_value value;
    struct slice skipped;
    if (jsonread_next(&reading->reader, &value) == JSON_ERROR)
        return body_parse_error(&reading->reader, reading->session);
    if (value.token == JSON_STRING) {
        *out = value.text;
        return OK;
    }
    refuse(&reading->batch->operations[reading->index], reading->session, member, "must be a text");
    if (jsonread_finish(&reading->reader, &value, &skipped) != OK)
        return body_parse_error(&reading->reader, reading->session);
    return OK;
}

static enum error read_member(struct reading *reading, struct slice key)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    const struct {
        const char *name;
        struct slice *text;
    } members[] = {{"method", &operation->method},
                   {"path", &operation->path},
                   {"id", &operation->label},
                   {"ifMatch", &operation->if_match}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!slice_eq_text(key, members[i].name))
            continue;
        if (members[i].text->ptr)
            refuse(operation, reading->session, members[i].name, "is given more than once");
        return read_text(reading, members[i].name, members[i].text);
    }
    struct slice raw;
    if (jsonread_skip(&reading->reader, &raw) != OK)
        return body_parse_error(&reading->reader, reading->session);
    if (!slice_eq_text(key, "body")) {
        const char *name = arena_text(reading->session->arena, key);
        refuse(operation, reading->session, name ? name : "", "is not a member of an operation");
    } else if (operation->body.ptr) {
        refuse(operation, reading->session, "body", "is given more than once");
    } else {
        operation->body = raw;
    }
    return OK;
}

/* A label that two operations have would mean the first one, in silence. */
static void check_label(struct reading *reading)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    for (size_t i = 0; operation->label.ptr && i < reading->index; i++) {
        const struct batch_operation *earlier = &reading->batch->operations[i];
        if (earlier->label.ptr && slice_eq(earlier->label, operation->label)) {
            refuse(operation, reading->session, "id", "is the id of an earlier operation");
            return;
        }
    }
}

static enum error read_operation(struct reading *reading)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    const char *prefix = arena_printf(reading->session->arena, "operations.%zu.", reading->index);
    if (!prefix)
        return ERROR_MEMORY;
    operation->prefix = slice_from(prefix);
    for (;;) {
        struct json_value key;
        enum json_token token = jsonread_next(&reading->reader, &key);
        if (token == JSON_ERROR)
            return body_parse_error(&reading->reader, reading->session);
        if (token == JSON_OBJECT_END) {
            check_label(reading);
            return OK;
        }
        TRY(read_member(reading, key.text));
    }
}

static enum error refuse_form(struct session *session)
{
    diag_say(session->diag, "{\"operations\": [{\"method\": \"POST\", \"path\": \"/markets\", \"body\": {}}]}",
             "a batch is an object with a list of 1 to %d operations", REST_BATCH_OPERATIONS_MAX);
    return ERROR_VALIDATION;
}

static enum error read_operations(struct reading *reading)
{
    for (;; reading->index++) {
        struct json_value value;
        enum json_token token = jsonread_next(&reading->reader, &value);
        if (token == JSON_ERROR)
            return body_parse_error(&reading->reader, reading->session);
        if (token == JSON_ARRAY_END)
            break;
        if (token != JSON_OBJECT_BEGIN || reading->index == REST_BATCH_OPERATIONS_MAX)
            return refuse_form(reading->session);
        TRY(read_operation(reading));
    }
    reading->batch->count = reading->index;
    return reading->index > 0 ? OK : refuse_form(reading->session);
}

static enum error read_document(struct reading *reading)
{
    struct json_value value;
    static const enum json_token form[] = {JSON_OBJECT_BEGIN, JSON_KEY, JSON_ARRAY_BEGIN};
    for (size_t i = 0; i < ARRAY_LEN(form); i++) {
        enum json_token token = jsonread_next(&reading->reader, &value);
        if (token == JSON_ERROR)
            return body_parse_error(&reading->reader, reading->session);
        if (token != form[i] || (token == JSON_KEY && !slice_eq_text(value.text, "operations")))
            return refuse_form(reading->session);
    }
    TRY(read_operations(reading));
    if (jsonread_next(&reading->reader, &value) == JSON_ERROR)
        return body_parse_error(&reading->reader, reading->session);
    if (value.token != JSON_OBJECT_END)
        return refuse_form(reading->session);
    return jsonread_next(&reading->reader, &value) == JSON_END ? OK
                                                               : body_parse_error(&reading->reader, reading->session);
}

/* "$m.creator" as the operation it names, which must be an earlier one, and a field of its row. */
static const char *resolve_reference(const struct reading *reading, size_t index, struct slice text,
                                     struct batch_reference *out)
{
    const struct batch *batch = reading->batch;
    const struct expr_context context = session_context(reading->session);
    struct slice rest = slice_from_index(text, 1);
    struct slice label;
    int64_t number;
    slice_split(&rest, '.', &label);
    if (!rest.ptr)
        return "refers to nothing: write \"$label.field\", or \"$$\" for a dollar";
    bool is_number = number_parse_int(label, &number) == OK;
    for (size_t i = 0; i < index; i++) {
        const struct batch_operation *earlier = &batch->operations[i];
        bool is_it = is_number ? number == (int64_t)i : earlier->label.ptr && slice_eq(earlier->label, label);
        if (!is_it || !earlier->resource)
            continue;
        const struct field *field = resource_find_json(earlier->resource->resource, rest);
        if (earlier->kind == CHANGE_DELETE || !field ||
            !policy_field(earlier->resource->resource, ACTION_READ, &context, field))
            return "refers to a field that the earlier result has not";
        out->operation = i;
        out->source = field;
        return NULL;
    }
    return "refers to no earlier operation";
}

static enum error add_reference(struct reading *reading, const struct field *target, struct slice text)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    struct batch_reference *reference = arena_zalloc(reading->session->arena, sizeof *reference);
    if (!reference)
        return ERROR_MEMORY;
    const char *mistake = resolve_reference(reading, reading->index, text, reference);
    if (mistake) {
        const char *name = target ? arena_text(reading->session->arena, target->json_name) : "path";
        refuse(operation, reading->session, name ? name : "body", mistake);
        return OK;
    }
    reference->target = target;
    reference->next = operation->references;
    operation->references = reference;
    return OK;
}

/* Texts that begin with a dollar are references, or (two dollars) texts with one dollar. A password is always a text:
 * it is hashed before the unit of work. */
static bool defer(void *state, const struct field *field, struct slice text)
{
    struct reading *reading = state;
    struct change *change = &reading->batch->operations[reading->index].change;
    if (text.len == 0 || text.ptr[0] != '$' || field->type.kind == FIELD_PASSWORD)
        return false;
    if (text.len > 1 && text.ptr[1] == '$') {
        return body_set_text(change, field, slice_from_index(text, 1), reading->session) == OK;
    }
    if (add_reference(reading, field, text) != OK)
        return false;
    change_announce(change, field);
    return true;
}

static const struct {
    const char *name;
    enum change_kind kind;
} methods[] = {{"POST", CHANGE_CREATE}, {"PUT", CHANGE_REPLACE}, {"PATCH", CHANGE_MERGE}, {"DELETE", CHANGE_DELETE}};

static bool find_kind(struct slice method, enum change_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (!slice_eq_text(method, methods[i].name))
            continue;
        *out = methods[i].kind;
        return true;
    }
    return false;
}

static struct rest_resource *find_resource(struct rest *rest, struct slice name)
{
    const struct resource *resource = schema_find(rest->model->schema, name);
    return resource ? &rest->resources[resource->index] : NULL;
}

/* What the operation is: its method, its resource, and the id or the reference in its path. */
static enum error read_target(struct reading *reading, struct slice *id)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    struct session *session = reading->session;
    struct slice rest = operation->path;
    struct slice name = {NULL, 0}, lead = {NULL, 0};
    *id = (struct slice){NULL, 0};
    bool has_kind = find_kind(operation->method, &operation->kind);
    if (!has_kind)
        refuse(operation, session, "method", "must be POST, PUT, PATCH or DELETE");
    if (slice_split(&rest, '/', &lead) && lead.len == 0 && slice_split(&rest, '/', &name))
        operation->resource = find_resource(reading->batch->rest, name);
    if (!operation->resource) {
        refuse(operation, session, "path", "names no resource: write \"/markets\" or \"/markets/<id>\"");
        return OK;
    }
    if (operation->resource->resource->is_view) {
        refuse(operation, session, "path", "names a view, which cannot be written");
        return OK;
    }
    if (has_kind && (rest.ptr != NULL) == (operation->kind == CHANGE_CREATE)) {
        refuse(operation, session, "path",
               operation->kind == CHANGE_CREATE ? "must be the resource alone" : "must name a row");
        return OK;
    }
    *id = rest;
    return OK;
}

static enum error set_id(struct reading *reading, struct slice id)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    if (!id.ptr)
        return OK;
    bool is_reference = id.len > 0 && id.ptr[0] == '$';
    if (is_reference && !operation->resource->resource->id) {
        refuse(operation, reading->session, "path", "a key of several fields cannot be an earlier result");
        return OK;
    }
    if (is_reference)
        return add_reference(reading, NULL, id);
    enum error error = rest_path_key(operation->resource->resource, id, reading->session->arena, operation->change.key);
    if (error == ERROR_NOT_FOUND) {
        refuse(operation, reading->session, "path", "names no row");
        return OK;
    }
    return error;
}

static enum error read_body(struct reading *reading)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    if (operation->kind == CHANGE_DELETE)
        return OK;
    struct jsonread reader;
    struct json_value value;
    jsonread_init(&reader, operation->body, reading->session->arena, JSONREAD_DEPTH_DEFAULT);
    if (!operation->body.ptr || jsonread_next(&reader, &value) != JSON_OBJECT_BEGIN) {
        refuse(operation, reading->session, "body", "must be an object");
        return OK;
    }
    const struct body_rules rules = {.defer = defer, .state = reading};
    return body_read_object(&reader, &operation->change, reading->session, &rules);
}

static enum error read_change(struct reading *reading)
{
    struct batch_operation *operation = &reading->batch->operations[reading->index];
    size_t before = reading->session->diag->count;
    struct slice id;
    TRY(read_target(reading, &id));
    if (reading->session->diag->count > before)
        return OK;
    const struct resource *resource = operation->resource->resource;
    TRY(change_admit(reading->session, resource, operation->kind));
    TRY(change_init(&operation->change, operation->kind, resource, reading->session));
    operation->change.prefix = operation->prefix;
    TRY(set_id(reading, id));
    TRY(precondition_if_match(operation->if_match, reading->session, &operation->change));
    return read_body(reading);
}

enum error batch_read(struct rest *rest, struct slice text, struct session *session, struct batch *out)
{
    *out = (struct batch){.rest = rest};
    out->operations = arena_array(session->arena, REST_BATCH_OPERATIONS_MAX, sizeof *out->operations);
    struct reading *reading = arena_zalloc(session->arena, sizeof *reading);
    if (!out->operations || !reading)
        return ERROR_MEMORY;
    reading->batch = out;
    reading->session = session;
    jsonread_init(&reading->reader, text, session->arena, JSONREAD_DEPTH_DEFAULT);
    TRY(read_document(reading));
    for (reading->index = 0; reading->index < out->count; reading->index++)
        TRY(read_change(reading));
    return OK;
}
