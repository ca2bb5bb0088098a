/* SPDX-License-Identifier: Apache-2.0 */
/* Actions over REST: the input from path and body, one unit of work, and the rows of its steps as the answer, which is
 * written inside the unit as they come.
 *
 * Order of refusals: access, as far as it does not depend on the input; the request's form; all mistakes of the input
 * at once; access again; then what only the stored rows can tell. */
#include "api/rest_action.h"

#include "api/body.h"
#include "api/envelope.h"
#include "api/rest.h"
#include "api/retry.h"
#include "api/rowjson.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "http/http1.h"
#include "http/site.h"
#include "http/status.h"
#include "model/action_run.h"
#include "model/field.h"
#include "model/model.h"

struct route {
    struct rest *rest;
    const struct action_spec *action;
};

struct answer_step {
    const struct slice *keys; /* of its columns, "\"name\":"; known from the first row on */
    size_t rows;
};

struct call {
    struct exchange *x;
    struct rest *rest;
    struct session *session;
    struct action_run run;
    struct slice body;
    struct value in_path[ACTION_PATH_MAX];
    struct answer_step steps[ACTION_STEPS_MAX];
    size_t answered; /* steps */
};

/* ---- input ---- */

static enum error refuse_list(struct call *call, struct slice name, const char *sentence)
{
    diag_field(call->session->diag, name, NULL, "%s", sentence);
    return OK;
}

static enum error skip_element(struct call *call, struct jsonread *reader, const struct json_value *first)
{
    struct slice skipped;
    return jsonread_finish(reader, first, &skipped) == OK ? OK : body_parse_error(reader, call->session);
}

static enum error read_element(struct call *call, const struct field *list, size_t index, struct jsonread *reader,
                               const struct json_value *first)
{
    struct change *element;
    if (first->token == JSON_OBJECT_BEGIN) {
        TRY(action_run_add(&call->run, list, index, call->session, &element));
        return body_read_object(reader, element, call->session, NULL);
    }
    const char *name = arena_printf(call->session->arena, "%.*s.%zu", SLICE_ARG(list->json_name), index);
    if (!name)
        return ERROR_MEMORY;
    TRY(refuse_list(call, slice_from(name), "must be an object"));
    return skip_element(call, reader, first);
}

/* The objects of a list; its opening bracket has been read. */
static enum error read_list(void *state, const struct field *list, struct jsonread *reader)
{
    struct call *call = state;
    for (int64_t count = 0;; count++) {
        struct json_value value;
        enum json_token token = jsonread_next(reader, &value);
        if (token == JSON_ERROR)
            return body_parse_error(reader, call->session);
        if (token == JSON_ARRAY_END && count < list->type.min)
            return refuse_list(call, list->json_name, "holds too few elements");
        if (token == JSON_ARRAY_END && count > list->type.max)
            return refuse_list(call, list->json_name, "holds too many elements");
        if (token == JSON_ARRAY_END)
            return OK;
        if (count < list->type.max)
            TRY(read_element(call, list, (size_t)count, reader, &value));
        else
            TRY(skip_element(call, reader, &value));
    }
}

static enum error read_body(struct call *call)
{
    const struct body_rules rules = {.list = read_list, .state = call};
    struct exchange *x = call->x;
    if (exchange_header(x, HTTP1_HEADER_CONTENT_TYPE).len == 0) {
        TRY(exchange_read_body(x, &call->body));
        if (call->body.len == 0)
            return OK; /* all of the input may have defaults, or stand in the path */
    }
    TRY(body_read_json(x, &call->body));
    return body_read_input(call->body, &call->run.input, call->session, &rules);
}

static enum error read_path(struct call *call)
{
    const struct action_spec *action = call->run.action;
    for (size_t i = 0; i < action->in_path_count; i++) {
        const char *why;
        enum error error =
            field_parse_text(action->in_path[i], call->x->params[i], call->x->arena, &why, &call->in_path[i]);
        if (error != OK)
            return error == ERROR_VALIDATION ? ERROR_NOT_FOUND : error;
    }
    return OK;
}

static void set_path(struct call *call)
{
    const struct action_spec *action = call->run.action;
    for (size_t i = 0; i < action->in_path_count; i++) {
        if (change_has(&call->run.input, action->in_path[i]))
            diag_field(call->session->diag, action->in_path[i]->json_name, NULL, "is given in the path");
        change_set(&call->run.input, action->in_path[i], call->in_path[i]);
    }
}

/* ---- answer ---- */

/* A name of the app file or of a column, spelt as `naming` says. */
static void put_key(struct buf *out, const struct api_settings *settings, struct slice name)
{
    bool is_camel = settings->naming == NAMING_CAMEL;
    size_t begin = 0;
    while (is_camel && begin < name.len && name.ptr[begin] == '_')
        begin++;
    char text[256];
    size_t length = 0;
    if (!is_camel || name.len > sizeof text) {
        jsonwrite_string(out, name);
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        bool is_joint =
            name.ptr[i] == '_' && i >= begin && i + 1 < name.len && name.ptr[i + 1] >= 'a' && name.ptr[i + 1] <= 'z';
        text[length++] = is_joint ? (char)(name.ptr[++i] - 'a' + 'A') : name.ptr[i];
    }
    jsonwrite_string(out, slice_of(text, length));
}

static enum error make_key(const struct call *call, struct slice name, struct slice *out)
{
    struct buf key;
    buf_init(&key, 4096);
    put_key(&key, &call->rest->settings, name);
    buf_put_byte(&key, ':');
    *out = buf_failed(&key) ? (struct slice){NULL, 0} : arena_slice(call->session->arena, buf_slice(&key));
    buf_fini(&key);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error make_keys(const struct call *call, struct answer_step *own, const struct action_row *row)
{
    struct slice *keys = arena_array(call->session->arena, row->count, sizeof *keys);
    if (!keys)
        return ERROR_MEMORY;
    for (size_t i = 0; i < row->count; i++)
        TRY(make_key(call, row->columns[i].name, &keys[i]));
    own->keys = keys;
    return OK;
}

/* A decimal of the database's own type says itself how many digits it has. */
static void put_value(struct buf *out, const struct api_settings *settings, const struct type *type, struct value value)
{
    struct type decimal = {.kind = FIELD_DECIMAL, .scale = value.scale};
    bool has_scale = type->kind == FIELD_DECIMAL && value.kind == VALUE_INT && value.scale > 0;
    rowjson_value(out, settings, has_scale ? &decimal : type, value);
}

static enum error put_row(void *state, size_t step, const struct action_row *row)
{
    struct call *call = state;
    struct answer_step *own = &call->steps[step];
    struct buf *out = &call->x->body;
    if (!own->keys)
        TRY(make_keys(call, own, row));
    if (own->rows++ > 0)
        buf_put_byte(out, ',');
    const char *separator = "{";
    for (size_t i = 0; i < row->count; i++) {
        if (row->columns[i].is_hidden)
            continue;
        buf_put_text(out, separator);
        buf_put_slice(out, own->keys[i]);
        put_value(out, &call->rest->settings, row->columns[i].type, row->values[i]);
        separator = ",";
    }
    buf_put_text(out, separator[0] == '{' ? "{}" : "}");
    return buf_error(out);
}

static enum error begin_step(void *state, size_t step)
{
    struct call *call = state;
    const struct action_step *own = &call->run.action->steps[step];
    struct buf *out = &call->x->body;
    buf_put_byte(out, call->answered++ == 0 ? '{' : ',');
    put_key(out, &call->rest->settings, own->name);
    buf_put_byte(out, ':');
    if (!action_step_is_single(own))
        buf_put_byte(out, '[');
    return OK;
}

static enum error end_step(void *state, size_t step)
{
    struct call *call = state;
    if (!action_step_is_single(&call->run.action->steps[step]))
        buf_put_byte(&call->x->body, ']');
    return OK;
}

static enum error run_unit(struct session *session, void *argument)
{
    struct call *call = argument;
    struct exchange *x = call->x;
    buf_clear(&x->body); /* the unit may run a second time */
    memset(call->steps, 0, sizeof call->steps);
    call->answered = 0;
    envelope_begin(&call->rest->settings, &x->body);
    TRY(action_run_steps(&call->run, session));
    if (call->answered == 0) {
        buf_clear(&x->body);
        exchange_status(x, 204);
        return OK;
    }
    buf_put_byte(&x->body, '}');
    envelope_end(&call->rest->settings, &x->body, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

/* Every conflict of the steps has its words already; what is left is one that the commit has met. */
static enum error explain(struct session *session, void *argument)
{
    return OK;
}

/* ---- the request ---- */

static enum error run_hooks(const struct call *call)
{
    const struct rest *rest = call->rest;
    return rest->before_action ? rest->before_action(rest->before_state, call->x, call->run.action->name) : OK;
}

static enum error serve(struct call *call)
{
    struct session *session = call->session;
    TRY(action_run_admit(call->run.action, NULL, session));
    TRY(read_path(call));
    if (call->x->head->query.len > 0) {
        diag_say(&call->x->diag, NULL, "an action takes no parameters");
        return ERROR_VALIDATION;
    }
    TRY(read_body(call));
    set_path(call);
    TRY(run_hooks(call));
    TRY(action_run_prepare(&call->run, session));
    TRY(action_run_admit(call->run.action, &call->run, session));
    call->run.row = put_row;
    call->run.begin = begin_step;
    call->run.end = end_step;
    call->run.state = call;
    struct retry retry;
    TRY(retry_init(&retry, call->rest, call->x, call->body));
    retry.unit = run_unit;
    retry.explain = explain;
    retry.argument = call;
    retry.isolation = call->run.action->isolation;
    return retry_run(&retry, session);
}

static enum error rest_action(struct exchange *x, void *data)
{
    const struct route *route = data;
    struct session session;
    struct call *call = arena_zalloc(x->arena, sizeof *call);
    if (!call)
        return ERROR_MEMORY;
    enum error error = rest_begin(x, route->rest->model, &session);
    if (error == OK)
        error = action_run_init(&call->run, route->action, &session);
    call->x = x;
    call->rest = route->rest;
    call->session = &session;
    if (error == OK)
        error = serve(call);
    session_fini(&session);
    return error;
}

/* The failures of an action have statuses that there are. */
static void check_failures(const struct action_spec *action, struct diag *diag)
{
    for (size_t i = 0; i < action->step_count; i++) {
        const struct action_step *step = &action->steps[i];
        if (step->has_failure && status_index(step->failure.status) == STATUS_INDEX_OTHER)
            diag_at(diag, step->place, "as in 409, 422 or 402", "there is no status %d in HTTP", step->failure.status);
    }
}

static enum error add_route(struct rest *rest, const struct action_spec *action, struct http_site *site,
                            struct arena *arena, struct diag *diag)
{
    struct diag why;
    size_t before = diag->count;
    struct route *route = arena_alloc(arena, sizeof *route);
    const char *pattern = arena_printf(arena, "%.*s%.*s", SLICE_ARG(rest->settings.base), SLICE_ARG(action->path));
    const char *name = arena_text(arena, action->name);
    if (!route || !pattern || !name)
        return ERROR_MEMORY;
    *route = (struct route){rest, action};
    check_failures(action, diag);
    diag_init(&why, arena);
    const struct site_route added = {.method = method_parse(action->method),
                                     .pattern = slice_from(pattern),
                                     .handler = rest_action,
                                     .data = route,
                                     .name = name};
    enum error error = site_add_route(site, &added, &why);
    if (error == OK)
        return diag->count > before ? ERROR_VALIDATION : OK;
    if (error != ERROR_VALIDATION && error != ERROR_CONFLICT)
        return error;
    diag_at(diag, action->route_place, why.hint, "%s", why.message ? why.message : error_sentence(error));
    return ERROR_VALIDATION;
}

enum error rest_action_add_routes(struct rest *rest, struct http_site *site, struct arena *arena, struct diag *diag)
{
    const struct schema *schema = rest->model->schema;
    enum error verdict = OK;
    for (size_t i = 0; i < schema->action_count; i++) {
        enum error error = add_route(rest, &schema->actions[i], site, arena, diag);
        if (error != OK && error != ERROR_VALIDATION)
            return error;
        if (error != OK)
            verdict = error;
    }
    return verdict;
}
