/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a test.
 *
 * Ids come first, so that rows may name each other whatever their order: a name that has the form of an id is one, any
 * other gets the next. Then each row its values: what the test says, read by the readers of request bodies, so that it
 * is held to the same limits; the default; and for a required field without one a value that fits its type, another in
 * each row. A required reference leads to the first row of its resource, which is made up where there is none.
 *
 * Rows may be added while others are made: they are known by their places in the list, not by their addresses. */
#include "app/ruletest_rows.h"

#include <string.h>

#include "api/body.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/suggest.h"
#include "base/timecode.h"
#include "base/uuid.h"
#include "data/sql.h"
#include "model/change.h"
#include "model/field.h"
#include "model/type.h"

enum { JSON_BYTES_MAX = 1024 * 1024 };

struct making {
    struct ruletest *test;
    struct session *session;
    struct arena *arena;
    struct diag *diag;
    struct place place; /* of the row at hand */
};

const struct ruletest_row *ruletest_rows_find(const struct ruletest *test, const struct resource *resource,
                                              struct slice name)
{
    for (size_t i = 0; i < test->row_count; i++)
        if ((!resource || test->rows[i].resource == resource) && slice_eq(test->rows[i].name, name) && name.len > 0)
            return &test->rows[i];
    return NULL;
}

/* ---- ids ---- */

static bool is_taken(const struct making *own, const struct resource *resource, int64_t number)
{
    for (size_t i = 0; i < own->test->row_count; i++) {
        const struct ruletest_row *row = &own->test->rows[i];
        if (row->resource == resource && row->id.kind == VALUE_INT && row->id.integer == number)
            return true;
    }
    return false;
}

/* In the order of the rows, as version 7 is in that of time. */
static enum error make_uuid(struct making *own, size_t index, struct value *out)
{
    unsigned char bytes[UUID_BYTES] = {0x01, 0x9b, 0, 0, 0, 0, 0x70, 0, 0x80};
    char *text = arena_alloc(own->arena, UUID_TEXT_BYTES);
    if (!text)
        return ERROR_MEMORY;
    for (int i = 0; i < 4; i++)
        bytes[5 - i] = bytes[UUID_BYTES - 1 - i] = (unsigned char)((index + 1) >> (8 * i));
    uuid_format(bytes, text);
    *out = value_text(slice_of(text, UUID_TEXT_BYTES));
    return OK;
}

static enum error make_id(struct making *own, size_t index)
{
    struct ruletest_row *row = &own->test->rows[index];
    const char *why;
    if (row->name.len > 0) {
        enum error error = type_parse_text(&row->resource->id->type, row->name, own->arena, &why, &row->id);
        if (error != ERROR_VALIDATION)
            return error;
    }
    if (row->resource->id_kind != ID_INT)
        return make_uuid(own, index, &row->id);
    int64_t number = 1;
    while (is_taken(own, row->resource, number))
        number++;
    row->id = value_int(number);
    return OK;
}

/* The first row of a resource; one is added where there is none. */
static enum error find_any(struct making *own, const struct resource *resource, struct value *out)
{
    struct ruletest *test = own->test;
    size_t i = 0;
    while (i < test->row_count && test->rows[i].resource != resource)
        i++;
    if (i == test->row_count) {
        struct ruletest_row *rows =
            arena_grow(own->arena, test->rows, test->row_count, &test->row_capacity, sizeof *rows);
        if (!rows)
            return ERROR_MEMORY;
        test->rows = rows;
        rows[test->row_count++] = (struct ruletest_row){.resource = resource, .place = own->place};
        TRY(make_id(own, i));
    }
    *out = test->rows[i].id;
    return OK;
}

/* ---- values that the test says ---- */

static bool is_bare(const struct node *node, enum field_type kind)
{
    double number;
    bool is_bare_kind = kind == FIELD_INT || kind == FIELD_FLOAT || kind == FIELD_BOOL || kind == FIELD_JSON;
    if (node->is_quoted || !is_bare_kind)
        return false;
    return slice_eq_text(node->text, "true") || slice_eq_text(node->text, "false") ||
           number_parse_float(node->text, &number) == OK;
}

/* As deep as a document may be. */
static void put_node(struct buf *out, const struct node *node, const struct type *type)
{
    const struct type *element = type->kind == FIELD_LIST ? type->element : type;
    if (node->kind == NODE_SCALAR) {
        if (node_is_empty(node))
            buf_put_literal(out, "null");
        else if (is_bare(node, type->kind))
            buf_put_slice(out, node->text);
        else
            jsonwrite_string(out, node->text);
        return;
    }
    buf_put_byte(out, node->kind == NODE_MAP ? '{' : '[');
    for (const struct node *child = node->first; child; child = child->next) {
        buf_put_text(out, child != node->first ? "," : "");
        if (node->kind == NODE_MAP) {
            jsonwrite_string(out, child->key);
            buf_put_byte(out, ':');
        }
        put_node(out, child, element);
    }
    buf_put_byte(out, node->kind == NODE_MAP ? '}' : ']');
}

static enum error read_as_json(struct making *own, struct slice json, struct change *change)
{
    struct jsonread reader;
    struct json_value begin;
    jsonread_init(&reader, json, own->arena, JSONREAD_DEPTH_DEFAULT);
    jsonread_next(&reader, &begin);
    enum error error = body_read_object(&reader, change, own->session, NULL);
    return error == ERROR_PARSE ? OK : error; /* told in the session's diag */
}

static enum error tell(struct making *own, const struct node *node, const struct field *field)
{
    struct diag *said = own->session->diag;
    const char *message = said->first ? said->first->message : said->message;
    if (message)
        diag_at(own->diag, node->place, NULL, "field \"%.*s\": %s", SLICE_ARG(field->name), message);
    diag_init(said, own->arena);
    return OK;
}

static enum error read_plain(struct making *own, const struct field *field, const struct node *node,
                             struct change *change)
{
    struct buf json;
    buf_init(&json, JSON_BYTES_MAX);
    buf_put_byte(&json, '{');
    buf_put_slice(&json, field->json_key);
    put_node(&json, node, &field->type);
    buf_put_byte(&json, '}');
    struct slice text = arena_slice(own->arena, buf_slice(&json));
    bool failed = buf_failed(&json) || !text.ptr;
    buf_fini(&json);
    if (failed)
        return ERROR_MEMORY;
    TRY(read_as_json(own, text, change));
    return tell(own, node, field);
}

static enum error read_reference(struct making *own, const struct field *field, const struct node *node,
                                 struct value *out)
{
    const struct resource *target = field->type.target;
    const struct ruletest_row *row = ruletest_rows_find(own->test, target, node->text);
    struct suggest suggest;
    const char *why;
    if (node_is_empty(node))
        return OK;
    if (row) {
        *out = row->id;
        return OK;
    }
    enum error error = type_parse_text(&field->type, node->text, own->arena, &why, out);
    if (error != ERROR_VALIDATION)
        return error;
    suggest_init(&suggest, node->text);
    for (size_t i = 0; i < own->test->row_count; i++)
        if (own->test->rows[i].resource == target)
            suggest_offer(&suggest, own->test->rows[i].name);
    const char *what = arena_printf(own->arena, "no row of %.*s is called", SLICE_ARG(target->name));
    suggest_report(&suggest, own->diag, node->place, what ? what : "no row is called", NULL);
    return OK;
}

static enum error read_value(struct making *own, const struct node *node, const struct resource *resource,
                             struct change *change)
{
    const struct field *field = resource_find_field(resource, node->key);
    if (!field) {
        struct suggest suggest;
        suggest_init(&suggest, node->key);
        for (size_t i = 0; i < resource->field_count; i++)
            suggest_offer(&suggest, resource->fields[i].name);
        suggest_report(&suggest, own->diag, node->key_place, "unknown field", NULL);
        return OK;
    }
    if (field == resource->id)
        return OK;
    if (field->type.kind != FIELD_REFERENCE || node->kind != NODE_SCALAR)
        return read_plain(own, field, node, change);
    struct value value = VALUE_NOTHING;
    TRY(read_reference(own, field, node, &value));
    change_set(change, field, value);
    return OK;
}

/* ---- values that are made up ---- */

static const char *pad(struct making *own, const struct type *type, const char *text)
{
    size_t length = strlen(text), least = type->min > 0 ? (size_t)type->min : 0;
    if (length >= least)
        return text;
    char *padded = arena_alloc(own->arena, least + 1);
    if (!padded)
        return NULL;
    memset(padded, 'x', least);
    memcpy(padded, text, length);
    padded[least] = '\0';
    return padded;
}

/* Where values may be the same they begin again. */
static long long invent_int(const struct field *field, long long number)
{
    const struct type *type = &field->type;
    int64_t least = type->min > 0 ? type->min : 0;
    if (type->max < 0) /* down from the largest */
        return type->max - (field_is(field, FIELD_UNIQUE) ? number - 1 : 0);
    bool is_narrow = type->max - least < 1000000 && !field_is(field, FIELD_UNIQUE);
    return least + (is_narrow ? (number - 1) % (type->max - least + 1) : number - 1);
}

/* A text of the type, another for each number; what it cannot be the field's own checks will say. */
static const char *invent(struct making *own, const struct field *field, int64_t number)
{
    const struct type *type = &field->type;
    long long n = (long long)number;
    switch (type->kind) {
    case FIELD_TEXT: return pad(own, type, arena_printf(own->arena, type->max < 12 ? "%lld" : "text %lld", n));
    case FIELD_EMAIL: return arena_printf(own->arena, "row%lld@example.org", n);
    case FIELD_URL: return arena_printf(own->arena, "https://example.org/%lld", n);
    case FIELD_INT: return arena_printf(own->arena, "%lld", invent_int(field, n));
    case FIELD_FLOAT:
        return arena_printf(own->arena, "%lld", (long long)(type->float_min > 0 ? type->float_min : 0) + n);
    case FIELD_DECIMAL: return type->precision > type->scale ? arena_printf(own->arena, "%lld", n) : "0";
    case FIELD_BOOL: return "false";
    case FIELD_DATETIME: return "2026-01-01T00:00:00Z";
    case FIELD_DATE: return arena_printf(own->arena, "%lld-01-01", 2000 + n % 1000);
    case FIELD_UUID: return arena_printf(own->arena, "00000000-0000-7000-8000-%012llx", (unsigned long long)n);
    case FIELD_ENUM: {
        struct slice choice = type->choices[field_is(field, FIELD_UNIQUE) ? (size_t)n % type->choice_count : 0];
        return arena_text(own->arena, choice);
    }
    default: return "";
    }
}

/* Which of the rows of its resource it is. */
static int64_t number_of(const struct making *own, size_t index)
{
    int64_t number = 1;
    for (size_t i = 0; i < index; i++)
        number += own->test->rows[i].resource == own->test->rows[index].resource;
    return number;
}

static enum error make_up(struct making *own, const struct field *field, size_t index, struct value *out)
{
    const char *why = "has no value that could be made up";
    const char *text = invent(own, field, number_of(own, index));
    if (field->type.kind == FIELD_REFERENCE)
        return find_any(own, field->type.target, out);
    if (!text)
        return ERROR_MEMORY;
    enum error error = ERROR_VALIDATION;
    if (field->type.kind == FIELD_JSON || (field->type.kind == FIELD_LIST && field->type.min <= 0)) {
        *out = value_text(field->type.kind == FIELD_JSON ? SLICE("{}") : SLICE("[]"));
        return OK;
    }
    if (field->type.kind != FIELD_LIST)
        error = field_parse_text(field, slice_from(text), own->arena, &why, out);
    if (error == ERROR_VALIDATION)
        diag_at(own->diag, own->place, "give it one", "field \"%.*s\" needs a value, and none could be made up: %s",
                SLICE_ARG(field->name), why);
    return error == ERROR_VALIDATION ? OK : error;
}

/* Nobody signs in with it. */
#define NO_PASSWORD "(none)"

static enum error fill(struct making *own, struct change *change, const struct field *field, size_t index)
{
    struct value *value = &change->values[field->index];
    if (field->type.kind == FIELD_PASSWORD) {
        *value = value_text(SLICE(NO_PASSWORD));
        return OK;
    }
    if (change_has(change, field))
        return OK;
    if (field->default_kind != DEFAULT_AUTH_ID)
        *value = change_default(field, own->session);
    bool is_required = field_is(field, FIELD_REQUIRED) && !field_is(field, FIELD_SYSTEM);
    return value->kind == VALUE_NULL && is_required ? make_up(own, field, index, value) : OK;
}

static enum error fill_system(struct making *own, const struct resource *resource, struct value id,
                              struct value *values)
{
    char *text = arena_alloc(own->arena, TIMECODE_DATETIME_BYTES);
    if (!text)
        return ERROR_MEMORY;
    timecode_format_datetime(own->session->now_us, text);
    struct value now = value_text(slice_of(text, TIMECODE_DATETIME_BYTES));
    values[resource->id->index] = id;
    if (resource->created_at)
        values[resource->created_at->index] = now;
    if (resource->updated_at)
        values[resource->updated_at->index] = now;
    if (resource->version)
        values[resource->version->index] = value_int(1);
    return OK;
}

static enum error make_row(struct making *own, size_t index)
{
    const struct ruletest_row row = own->test->rows[index];
    struct change change;
    own->place = row.place;
    TRY(change_init(&change, CHANGE_CREATE, row.resource, own->session));
    for (const struct node *node = row.node ? row.node->first : NULL; node; node = node->next)
        TRY(read_value(own, node, row.resource, &change));
    for (size_t i = 0; i < row.resource->field_count; i++)
        TRY(fill(own, &change, &row.resource->fields[i], index));
    TRY(fill_system(own, row.resource, row.id, change.values));
    own->test->rows[index].values = change.values;
    return OK;
}

enum error ruletest_rows_make(struct ruletest *test, struct session *session, struct diag *diag)
{
    struct making own = {.test = test, .session = session, .arena = session->arena, .diag = diag};
    for (size_t i = 0; i < test->row_count; i++)
        TRY(make_id(&own, i));
    for (size_t i = 0; i < test->row_count; i++)
        TRY(make_row(&own, i));
    return OK;
}

/* ---- into the database ---- */

static enum error insert(const struct ruletest_row *row, struct db_conn *conn, struct arena *arena)
{
    const struct resource *resource = row->resource;
    struct sql sql;
    sql_init(&sql, arena, db_conn_dialect(conn));
    sql_insert(&sql, resource->table);
    for (size_t i = 0; i < resource->field_count; i++) {
        sql_item(&sql);
        sql_name(&sql, resource->fields[i].column);
    }
    sql_values(&sql);
    for (size_t i = 0; i < resource->field_count; i++) {
        sql_item(&sql);
        sql_bind(&sql, type_storage_of(&resource->fields[i]), row->values[i]);
    }
    sql_end_values(&sql);
    enum error error = sql_execute(&sql, conn, NULL);
    sql_fini(&sql);
    return error;
}

enum error ruletest_rows_insert(const struct ruletest *test, struct db_conn *conn, struct arena *arena)
{
    for (size_t i = 0; i < test->row_count; i++)
        TRY(insert(&test->rows[i], conn, arena));
    return OK;
}
