/* SPDX-License-Identifier: Apache-2.0 */
/* The public C API: the app, the request, the answer. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/envelope.h"
#include "api/rest.h"
#include "app/program.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/router.h"
#include "http/urlquery.h"

enum { APP_BYTES_MAX = 1024 * 1024 };

tn_app *tn_app_open(const char *path)
{
    tn_app *app = calloc(1, sizeof *app);
    if (!app)
        return NULL;
    app->path = path;
    arena_init(&app->arena, APP_BYTES_MAX);
    return app;
}

void tn_route(tn_app *app, const char *spec, tn_handler *handler)
{
    struct program_route *route = arena_alloc(&app->arena, sizeof *route);
    if (!route) {
        app->is_out_of_memory = true;
        return;
    }
    *route = (struct program_route){app->routes, spec, handler};
    app->routes = route;
}

void tn_before(tn_app *app, const char *event, tn_handler *handler)
{
    struct program_hook *hook = arena_alloc(&app->arena, sizeof *hook);
    if (!hook) {
        app->is_out_of_memory = true;
        return;
    }
    *hook = (struct program_hook){.event = slice_from(event), .handler = handler};
    struct program_hook **end = &app->hooks;
    while (*end)
        end = &(*end)->next;
    *end = hook;
}

const char *tn_param(tn_request *request, const char *name)
{
    const struct exchange *x = request->x;
    for (unsigned i = 0; x->route && i < x->param_count; i++)
        if (slice_eq_text(x->route->param_names[i], name))
            return arena_text(x->arena, x->params[i]);
    return NULL;
}

const char *tn_query_param(tn_request *request, const char *name)
{
    struct exchange *x = request->x;
    struct urlquery query;
    if (urlquery_parse(x->head->query, URLQUERY_PAIRS_MAX, x->arena, NULL, &query) != OK)
        return NULL;
    for (size_t i = 0; i < query.count; i++)
        if (slice_eq_text(query.pairs[i].name, name) && !query.pairs[i].op.ptr)
            return arena_text(x->arena, query.pairs[i].value);
    return NULL;
}

const char *tn_header(tn_request *request, const char *name)
{
    struct slice value = http1_head_find(request->x->head, slice_from(name));
    return value.ptr ? arena_text(request->x->arena, value) : NULL;
}

tn_error tn_body(tn_request *request, const char **body, size_t *length)
{
    struct slice bytes;
    if (program_is_in_unit(request) && !request->x->request_body_is_read)
        return TN_INTERNAL;
    TN_TRY((tn_error)exchange_read_body(request->x, &bytes));
    const char *copy = arena_text(request->x->arena, bytes);
    if (!copy)
        return TN_MEMORY;
    *body = copy;
    *length = bytes.len;
    return TN_OK;
}

void *tn_alloc(tn_request *request, size_t size)
{
    return arena_alloc(request->x->arena, size);
}

static void put_value(struct buf *out, const tn_value *value)
{
    switch (value->kind) {
    case TN_NULL: jsonwrite_null(out); break;
    case TN_INT: jsonwrite_int(out, value->integer); break;
    case TN_FLOAT: jsonwrite_float(out, value->number); break;
    case TN_TEXT:
    case TN_BLOB: jsonwrite_string(out, slice_of(value->text, value->length)); break;
    }
}

static void put_row(struct buf *out, const struct tn_row_data *row)
{
    buf_put_byte(out, '{');
    for (size_t i = 0; i < row->count; i++) {
        if (i > 0)
            buf_put_byte(out, ',');
        jsonwrite_string(out, row->names[i]);
        buf_put_byte(out, ':');
        put_value(out, &row->values[i]);
    }
    buf_put_byte(out, '}');
}

static bool is_final(int status)
{
    return status >= 200 && status <= 599;
}

static tn_error finish(tn_request *request, int status)
{
    struct exchange *x = request->x;
    if (!is_final(status))
        return TN_INTERNAL;
    envelope_end(&request->rest->settings, &x->body, NULL, x->now_us);
    exchange_status(x, status);
    return buf_failed(&x->body) ? TN_MEMORY : TN_OK;
}

static struct buf *begin(tn_request *request)
{
    program_clear_answer(request->x);
    envelope_begin(&request->rest->settings, &request->x->body);
    return &request->x->body;
}

tn_error tn_reply_rows(tn_request *request, int status, tn_rows rows)
{
    struct buf *out = begin(request);
    buf_put_byte(out, '[');
    for (size_t i = 0; i < rows->count; i++) {
        if (i > 0)
            buf_put_byte(out, ',');
        put_row(out, &rows->rows[i]);
    }
    buf_put_byte(out, ']');
    return finish(request, status);
}

tn_error tn_reply_row(tn_request *request, int status, tn_row row)
{
    put_row(begin(request), row);
    return finish(request, status);
}

tn_error tn_reply_json(tn_request *request, int status, const char *json)
{
    struct jsonread reader;
    struct json_value end;
    struct slice raw;
    jsonread_init(&reader, slice_from(json), request->x->arena, JSONREAD_DEPTH_MAX);
    if (jsonread_skip(&reader, &raw) != OK || jsonread_next(&reader, &end) != JSON_END)
        return TN_INTERNAL;
    buf_put_slice(begin(request), raw);
    return finish(request, status);
}

tn_error tn_reply_status(tn_request *request, int status)
{
    if (!is_final(status))
        return TN_INTERNAL;
    program_clear_answer(request->x);
    exchange_status(request->x, status);
    return TN_OK;
}

void tn_reply_header(tn_request *request, const char *name, const char *value)
{
    exchange_add_header(request->x, name, slice_from(value));
}

tn_error tn_fail(tn_request *request, tn_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *sentence = arena_vprintf(request->x->arena, format, arguments);
    va_end(arguments);
    if (sentence)
        diag_say(&request->x->diag, NULL, "%s", sentence);
    return error;
}
