/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is about: a resource with an action and perhaps a row, or a declared action. Paths are read as the
 * routes of the API are made (api/rest.c), bodies by the same readers. */
#include "app/why_target.h"

#include "api/body.h"
#include "api/rest.h"
#include "base/jsonread.h"
#include "base/percent.h"
#include "model/field.h"

struct reading {
    const struct settings *settings;
    struct session *session;
    struct why_target *target;
    struct slice body;
};

static enum error refuse(const struct reading *reading, const char *why)
{
    diag_say(reading->session->diag,
             "write it as 'PATCH /api/v1/markets/7', with the fields behind it if need be: {\"status\": \"active\"}",
             "%s", why);
    return ERROR_PARSE;
}

/* Where the body begins: at the first brace behind the path. */
static size_t find_body(struct slice text)
{
    for (size_t i = 1; i < text.len; i++)
        if ((text.ptr[i] == '{' || text.ptr[i] == '[') && text.ptr[i - 1] == ' ')
            return i;
    return text.len;
}

static enum error cut(struct reading *reading, struct slice request)
{
    struct slice rest = slice_trim(request), method = SLICE("GET");
    if (rest.len == 0)
        return refuse(reading, "there is no request to explain");
    if (rest.ptr[0] != '/')
        slice_split(&rest, ' ', &method);
    rest = slice_trim(rest);
    if (rest.len == 0 || rest.ptr[0] != '/')
        return refuse(reading, "a request is a method and a path");
    size_t body = find_body(rest);
    struct slice path = slice_trim(slice_of(rest.ptr, body));
    reading->body = slice_from_index(rest, body);
    reading->target->method = method;
    reading->target->path = slice_of(path.ptr, slice_index(path, '?'));
    return OK;
}

/* The path behind the base of the API. */
static struct slice own_path(const struct reading *reading)
{
    struct slice path = reading->target->path, base = reading->settings->api.base;
    bool has_base = slice_starts(path, base) && path.len > base.len && path.ptr[base.len] == '/';
    return has_base ? slice_from_index(path, base.len) : path;
}

/* ---- actions ---- */

static bool is_parameter(struct slice part)
{
    return part.len > 1 && part.ptr[0] == ':';
}

static bool matches(struct slice pattern, struct slice path)
{
    struct slice a = {NULL, 0}, b = {NULL, 0};
    while (pattern.ptr && path.ptr) {
        slice_split(&pattern, '/', &a);
        slice_split(&path, '/', &b);
        if (is_parameter(a) ? b.len == 0 : !slice_eq(a, b))
            return false;
    }
    return !pattern.ptr && !path.ptr;
}

/* The inputs that stand in the path; one without the form of its type is no path of this action. */
static enum error set_in_path(struct reading *reading, const struct action_spec *spec, struct slice path)
{
    struct slice pattern = spec->path, a, b;
    struct change *change = &reading->target->change;
    size_t number = 0;
    while (pattern.ptr && slice_split(&pattern, '/', &a) && slice_split(&path, '/', &b)) {
        const char *why;
        struct value value;
        if (!is_parameter(a) || number == spec->in_path_count)
            continue;
        const struct field *field = spec->in_path[number++];
        TRY(percent_decode(b, reading->session->arena, &b));
        enum error error = field_parse_text(field, b, reading->session->arena, &why, &value);
        if (error == ERROR_VALIDATION) {
            diag_say(reading->session->diag, NULL, "\"%.*s\" in the path %s", SLICE_ARG(field->json_name), why);
            return error;
        }
        TRY(error);
        change_set(change, field, value);
    }
    return OK;
}

/* Rules see no lists of objects: they are read over. */
static enum error skip_list(void *state, const struct field *field, struct jsonread *reader)
{
    struct json_value value;
    struct slice skipped;
    (void)field;
    while (jsonread_next(reader, &value) != JSON_ARRAY_END)
        if (value.token == JSON_ERROR || jsonread_finish(reader, &value, &skipped) != OK)
            return body_parse_error(reader, state);
    return OK;
}

static enum error read_action(struct reading *reading, const struct action_spec *spec)
{
    struct session *session = reading->session;
    struct why_target *target = reading->target;
    const struct body_rules rules = {.list = skip_list, .state = session};
    target->spec = spec;
    TRY(change_init(&target->change, CHANGE_CREATE, spec->input, session));
    if (reading->body.len > 0)
        TRY(body_read_input(reading->body, &target->change, session, &rules));
    for (size_t i = 0; i < spec->input->field_count; i++)
        if (!change_has(&target->change, &spec->input->fields[i]))
            target->change.values[i] = change_default(&spec->input->fields[i], session);
    return set_in_path(reading, spec, own_path(reading));
}

static const struct action_spec *find_action(const struct reading *reading)
{
    const struct schema *schema = reading->settings->schema;
    struct slice path = own_path(reading);
    for (size_t i = 0; i < schema->action_count; i++)
        if (slice_eq(schema->actions[i].method, reading->target->method) && matches(schema->actions[i].path, path))
            return &schema->actions[i];
    return NULL;
}

/* ---- resources ---- */

static const struct method_row {
    const char *method;
    bool has_key;
    enum action action;
    enum change_kind kind;
} method_rows[] = {
    {"GET", false, ACTION_READ, CHANGE_CREATE},   {"POST", false, ACTION_CREATE, CHANGE_CREATE},
    {"GET", true, ACTION_READ, CHANGE_CREATE},    {"PUT", true, ACTION_UPDATE, CHANGE_REPLACE},
    {"PATCH", true, ACTION_UPDATE, CHANGE_MERGE}, {"DELETE", true, ACTION_DELETE, CHANGE_DELETE},
};

static const struct method_row *find_method(struct slice method, bool has_key)
{
    for (size_t i = 0; i < ARRAY_LEN(method_rows); i++)
        if (slice_eq_text(method, method_rows[i].method) && method_rows[i].has_key == has_key)
            return &method_rows[i];
    return NULL;
}

static enum error read_key(struct reading *reading, struct slice segment)
{
    struct why_target *target = reading->target;
    struct value *key = arena_array(reading->session->arena, RESOURCE_KEY_MAX, sizeof *key);
    if (!key)
        return ERROR_MEMORY;
    enum error error = rest_path_key(target->resource, segment, reading->session->arena, key);
    target->has_key_form = error == OK;
    target->key = key;
    return error == ERROR_NOT_FOUND ? OK : error;
}

static enum error read_change(struct reading *reading, enum change_kind kind)
{
    struct why_target *target = reading->target;
    struct change *changes;
    size_t count;
    bool is_many;
    TRY(change_init(&target->change, kind, target->resource, reading->session));
    target->has_body = reading->body.len > 0 && kind != CHANGE_DELETE && target->action != ACTION_READ;
    if (!target->has_body)
        return OK;
    TRY(body_read_changes(reading->body, kind, target->resource, reading->session, &changes, &count, &is_many));
    if (is_many)
        return refuse(reading, "one object at a time can be explained, this is a list");
    target->change = changes[0];
    return OK;
}

static enum error read_resource(struct reading *reading)
{
    struct why_target *target = reading->target;
    struct slice rest = own_path(reading), name = {NULL, 0}, key = {NULL, 0};
    slice_split(&rest, '/', &key);
    if (rest.ptr)
        slice_split(&rest, '/', &name);
    target->resource = schema_find(reading->settings->schema, name);
    bool has_key = rest.ptr != NULL;
    if (has_key)
        slice_split(&rest, '/', &key);
    if (!target->resource || rest.ptr || (has_key && target->resource->key_count == 0))
        return refuse(reading, "no resource and no action answers this path");
    const struct method_row *row = find_method(target->method, has_key);
    if (!row || (target->resource->is_view && row->action != ACTION_READ))
        return refuse(reading, "nothing answers this method on this path");
    target->action = row->action;
    target->is_list = row->action == ACTION_READ && !has_key;
    if (has_key)
        TRY(read_key(reading, key));
    return read_change(reading, row->kind);
}

/* Mistakes in a body are about fields of a request, not about places of a file. */
static enum error tell_body(struct session *session, enum error error)
{
    const struct diag_item *item = session->diag->first;
    if (item && item->field)
        diag_say(session->diag, item->hint, "the body is not right: \"%s\" %s", item->field, item->message);
    return error;
}

enum error why_target_read(const struct settings *settings, struct slice request, struct session *session,
                           struct why_target *out)
{
    struct reading reading = {.settings = settings, .session = session, .target = out};
    *out = (struct why_target){.has_key_form = true};
    TRY(cut(&reading, request));
    const struct action_spec *spec = find_action(&reading);
    enum error error = spec ? read_action(&reading, spec) : read_resource(&reading);
    if (error == OK && session->diag->count > 0)
        error = ERROR_VALIDATION;
    return error == OK ? OK : tell_body(session, error);
}
